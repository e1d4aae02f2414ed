"""A simulated Etsy on the test's own clock, and accounts that are logged in there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta

import pytest

from orderferry import Duration, MalformedOrder, Order, Page, Secret, Unavailable, Url
from orderferry.oauth import Tokens
from orderferry.testing.account import OpenAccount
from orderferry.testing.clock import VirtualClock
from orderferry.testing.memory import MemoryTokens
from plugins.etsy.platform import Etsy
from plugins.etsy.settings import EtsySettings
from plugins.etsy.simulator import KEYSTRING, REDIRECT, SHARED_SECRET, EtsySimulator


@pytest.fixture
async def simulator(clock: VirtualClock) -> AsyncIterator[EtsySimulator]:
    async with EtsySimulator(seed=1, now=clock.now) as simulator:
        simulator.faults.slow = 0.01
        yield simulator


@pytest.fixture
def settings(simulator: EtsySimulator) -> EtsySettings:
    return EtsySettings(
        api_url=Url(simulator.url),
        keystring=KEYSTRING,
        shared_secret=Secret(SHARED_SECRET),
        redirect_uri=Url(REDIRECT),
        sweep_every=Duration(hours=6),
    )


@pytest.fixture
def store(simulator: EtsySimulator) -> MemoryTokens:
    """Tokens of a login that was made at the simulator."""
    issued = simulator.oauth.issue()
    until = simulator.now() + timedelta(seconds=issued["expires_in"])
    return MemoryTokens(Tokens(access=issued["access_token"], refresh=issued["refresh_token"], expires_at=until))


@pytest.fixture
def restart(settings: EtsySettings, store: MemoryTokens, open_account: OpenAccount) -> Callable[[], Etsy]:
    """Opens the account as a new process would: with what is on disk and nothing else."""
    return lambda: Etsy(open_account(Etsy, settings, tokens=store))


@pytest.fixture
async def platform(restart: Callable[[], Etsy]) -> Etsy:
    return restart()


class Shop:
    """What an engine would have stored: the newest state of each order, as its pages told it."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.cursor: str | None = None
        self.orders: dict[str, Order] = {}
        self.malformed: dict[str | None, MalformedOrder] = {}
        self.pages: list[Page] = []

    async def fetch(self, platform: Etsy, *, most: int = 200, since: datetime | None = None) -> list[Page]:
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
