"""A simulated Amazon on the test's own clock, and accounts that are logged in there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest

from orderferry import MalformedOrder, Order, Page, Secret, Unavailable, Url
from orderferry.oauth import Tokens
from orderferry.testing.account import OpenAccount
from orderferry.testing.clock import VirtualClock
from orderferry.testing.memory import MemoryTokens
from plugins.amazon.platform import Amazon
from plugins.amazon.settings import AmazonSettings
from plugins.amazon.simulator import CLIENT_ID, CLIENT_SECRET, AmazonSimulator


@pytest.fixture
async def simulator(clock: VirtualClock) -> AsyncIterator[AmazonSimulator]:
    async with AmazonSimulator(seed=1, now=clock.now) as simulator:
        simulator.faults.slow = 0.01
        yield simulator


@pytest.fixture
def settings(simulator: AmazonSimulator) -> AmazonSettings:
    return AmazonSettings(
        api_url=Url(simulator.url),
        auth_url=Url(f"{simulator.url}/auth/o2"),
        client_id=CLIENT_ID,
        client_secret=Secret(CLIENT_SECRET),
    )


@pytest.fixture
def store(simulator: AmazonSimulator) -> MemoryTokens:
    """Tokens of a login that was made at the simulator."""
    refresh = simulator.lwa.authorise()
    issued = simulator.lwa.issue(refresh)
    expires_at = simulator.now() + timedelta(seconds=issued["expires_in"])
    return MemoryTokens(Tokens(access=issued["access_token"], refresh=refresh, expires_at=expires_at))


@pytest.fixture
def restart(settings: AmazonSettings, store: MemoryTokens, open_account: OpenAccount) -> Callable[[], Amazon]:
    """Opens the account as a new process would: with what is on disk and nothing else."""
    return lambda: Amazon(open_account(Amazon, settings, tokens=store))


@pytest.fixture
async def platform(restart: Callable[[], Amazon]) -> Amazon:
    return restart()


class Hub:
    """What an engine would have stored: the newest state of each order, as its pages told it."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.cursor: str | None = None
        self.orders: dict[str, Order] = {}
        self.malformed: dict[str | None, MalformedOrder] = {}
        self.pages: list[Page] = []

    async def fetch(self, platform: Amazon, *, most: int = 200) -> list[Page]:
        """Fetches until nothing more is there, waiting after an `Unavailable` as the daemon does."""
        found: list[Page] = []
        while len(found) < most:
            try:
                page = await self.clock.run(platform.fetch_orders(self.cursor, None))
            except Unavailable as error:
                await self.clock.advance((error.retry_after or 5) + 1)
                most -= 1
                continue
            self.keep(page)
            found.append(page)
            if not page.more:
                return found
        raise AssertionError("fetching does not come to an end")

    async def poll(self, platform: Amazon, minutes: float = 4) -> list[Page]:
        """Lets time pass, so that what has happened is old enough to be told, and fetches."""
        await self.clock.advance(minutes * 60)
        return await self.fetch(platform)

    def keep(self, page: Page) -> None:
        self.cursor = page.cursor
        self.pages.append(page)
        self.malformed |= {one.external_id: one for one in page.malformed}
        for order in page.orders:
            known = self.orders.get(order.external_id)
            if known is None or known.updated_at <= order.updated_at:
                self.orders[order.external_id] = order


@pytest.fixture
def hub(clock: VirtualClock) -> Hub:
    return Hub(clock)
