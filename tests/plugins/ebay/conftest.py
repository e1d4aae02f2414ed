"""A simulated eBay on the test's own clock, and accounts that are logged in there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta

import pytest

from orderferry import Duration, MalformedOrder, Order, Page, Secret, Unavailable, Url
from orderferry.oauth import Tokens
from orderferry.testing.account import OpenAccount
from orderferry.testing.clock import VirtualClock
from orderferry.testing.memory import MemoryTokens
from plugins.ebay.platform import Ebay
from plugins.ebay.settings import EbaySettings
from plugins.ebay.simulator import CLIENT_ID, CLIENT_SECRET, RU_NAME, EbaySimulator


@pytest.fixture
async def simulator(clock: VirtualClock) -> AsyncIterator[EbaySimulator]:
    async with EbaySimulator(seed=1, now=clock.now) as simulator:
        simulator.faults.slow = 0.01
        yield simulator


@pytest.fixture
def settings(simulator: EbaySimulator) -> EbaySettings:
    return EbaySettings(
        api_url=Url(simulator.url),
        client_id=CLIENT_ID,
        client_secret=Secret(CLIENT_SECRET),
        ru_name=RU_NAME,
        recheck_every=Duration(hours=2),
    )


@pytest.fixture
def store(simulator: EbaySimulator) -> MemoryTokens:
    """Tokens of a login that was made at the simulator."""
    issued = simulator.oauth.issue()
    now = simulator.now()
    return MemoryTokens(
        Tokens(
            access=issued["access_token"],
            refresh=issued["refresh_token"],
            expires_at=now + timedelta(seconds=issued["expires_in"]),
            refresh_expires_at=now + timedelta(seconds=issued["refresh_token_expires_in"]),
        )
    )


@pytest.fixture
def restart(settings: EbaySettings, store: MemoryTokens, open_account: OpenAccount) -> Callable[[], Ebay]:
    """Opens the account as a new process would: with what is on disk and nothing else."""
    return lambda: Ebay(open_account(Ebay, settings, tokens=store))


@pytest.fixture
async def platform(restart: Callable[[], Ebay]) -> Ebay:
    return restart()


class Shop:
    """What an engine would have stored: the newest state of each order, as its pages told it."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.cursor: str | None = None
        self.orders: dict[str, Order] = {}
        self.malformed: dict[str | None, MalformedOrder] = {}
        self.pages: list[Page] = []

    async def fetch(self, platform: Ebay, *, most: int = 200, since: datetime | None = None) -> list[Page]:
        """Fetches until nothing more is there, waiting after an `Unavailable` as the daemon does."""
        found: list[Page] = []
        while len(found) < most:
            try:
                page = await self.clock.run(platform.fetch_orders(None if since else self.cursor, since))
            except Unavailable as error:
                await self.clock.advance((error.retry_after or 5) + 1)
                most -= 1
                continue
            since = None
            self.keep(page)
            found.append(page)
            if not page.more:
                return found
        raise AssertionError("fetching does not come to an end")

    def keep(self, page: Page) -> None:
        self.cursor = page.cursor
        self.pages.append(page)
        self.malformed |= {one.external_id: one for one in page.malformed}
        for order in page.orders:
            known = self.orders.get(order.external_id)
            if known is None or known.updated_at <= order.updated_at:
                self.orders[order.external_id] = order


@pytest.fixture
def shop(clock: VirtualClock) -> Shop:
    return Shop(clock)
