"""A simulated Allegro on the test's own clock, and accounts that are logged in there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest

from orderferry import Duration, MalformedOrder, NeedsLogin, Order, Page, Secret, Unavailable, Url
from orderferry.oauth import Tokens
from orderferry.testing.account import OpenAccount
from orderferry.testing.clock import VirtualClock
from orderferry.testing.memory import MemoryTokens
from plugins.allegro.platform import Allegro
from plugins.allegro.settings import AllegroSettings
from plugins.allegro.simulator import CLIENT_ID, CLIENT_SECRET, AllegroSimulator


@pytest.fixture
async def simulator(clock: VirtualClock) -> AsyncIterator[AllegroSimulator]:
    async with AllegroSimulator(seed=1, now=clock.now) as simulator:
        simulator.faults.slow = 0.01
        yield simulator


@pytest.fixture
def settings(simulator: AllegroSimulator) -> AllegroSettings:
    return AllegroSettings(
        api_url=Url(simulator.url),
        auth_url=Url(f"{simulator.url}/auth/oauth"),
        client_id=CLIENT_ID,
        client_secret=Secret(CLIENT_SECRET),
        sweep_every=Duration(minutes=15),
    )


@pytest.fixture
def store(simulator: AllegroSimulator) -> MemoryTokens:
    """Tokens of a login that was made at the simulator."""
    issued = simulator.oauth.issue()
    expires_at = simulator.now() + timedelta(seconds=issued["expires_in"])
    return MemoryTokens(Tokens(access=issued["access_token"], refresh=issued["refresh_token"], expires_at=expires_at))


@pytest.fixture
def restart(settings: AllegroSettings, store: MemoryTokens, open_account: OpenAccount) -> Callable[[], Allegro]:
    """Opens the account as a new process would: with what is on disk and nothing else."""
    return lambda: Allegro(open_account(Allegro, settings, tokens=store))


@pytest.fixture
async def platform(restart: Callable[[], Allegro]) -> Allegro:
    return restart()


class Shop:
    """What an engine would have stored: the newest state of each order, as its pages told it."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.cursor: str | None = None
        self.orders: dict[str, Order] = {}
        self.malformed: dict[str | None, MalformedOrder] = {}
        self.pages: list[Page] = []

    async def fetch(self, platform: Allegro, *, most: int = 200) -> list[Page]:
        """Fetches until nothing more is there, waiting after an `Unavailable` as the daemon does."""
        found: list[Page] = []
        while len(found) < most:
            try:
                page = await self.clock.run(platform.fetch_orders(self.cursor, None))
            except Unavailable as error:
                await self.clock.advance((error.retry_after or 5) + 1)
                most -= 1
                continue
            except NeedsLogin:
                raise
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
