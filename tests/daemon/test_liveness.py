"""When the watchdog is fed: on a clock that the test moves, with a store that answers when the test lets it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from daemon.account_settings import AccountSettings
from daemon.accounts import Accounts, AccountState, Health
from daemon.calls import Calls
from daemon.hooks import Hooks
from daemon.liveness import EVERY, GRACE, ROUND_LIMIT, STORE_LIMIT, Liveness
from daemon.notify import Notifier
from daemon.poller import CHECK_LIMIT, FETCH_LIMIT
from orderferry import Role
from orderferry.testing.clock import VirtualClock
from tests.daemon.engine import settings


class Heard(Notifier):
    """A service manager that keeps what it is told."""

    def __init__(self, watchdog: float | None = 60.0) -> None:
        super().__init__(None, watchdog)
        self.told: list[str] = []

    @property
    def heard(self) -> bool:
        return True

    def _send(self, text: str) -> bool:
        self.told.append(text)
        return True

    @property
    def fed(self) -> int:
        return self.told.count("WATCHDOG=1")


class StandIn:
    """The store and the rounds."""

    def __init__(self) -> None:
        self.answers = asyncio.Event()
        self.answers.set()
        self.error: Exception | None = None
        self.jobs = (0, 0)
        self.asked = 0
        self.degraded: str | None = None
        self.busy_since: float | None = None

    async def fetch(self, _: str) -> list[tuple[int, int]]:
        self.asked += 1
        await self.answers.wait()
        if self.error is not None:
            raise self.error
        return [self.jobs]


class Place:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.manager = Heard()
        self.stand_in = StandIn()
        self.hooks = Hooks()
        self.hooks.calls = Calls(self.clock.monotonic)
        self.accounts = Accounts(self.clock, self.hooks)
        stand_in = cast("Any", self.stand_in)
        self.liveness = Liveness(self.manager, self.clock, store=stand_in, rounds=stand_in, accounts=self.accounts)

    def account(self, name: str, health: Health, **others: Any) -> None:
        account: AccountSettings = settings(name, Role.MARKETPLACE)
        self.accounts.add(AccountState(name=name, settings=account, added_at=self.clock.now(), health=health, **others))

    async def starves(self, seconds: float) -> bool:
        """Whether the watchdog was not fed in all that time."""
        fed = self.manager.fed
        await self.clock.advance(seconds)
        return self.manager.fed == fed


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    place = Place()
    running = asyncio.create_task(place.liveness.run())
    await asyncio.sleep(0)
    yield place
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_it_is_fed_often_enough_while_all_is_well(place: Place) -> None:
    await place.clock.advance(60)
    assert place.manager.fed == 60 / EVERY


async def test_who_asks_for_less_time_gets_it(place: Place) -> None:
    place.manager.watchdog = 1.5
    impatient = asyncio.create_task(place.liveness.run())
    fed = place.manager.fed
    await place.clock.advance(3)
    assert place.manager.fed - fed >= 6
    impatient.cancel()


async def test_a_store_that_does_not_answer_starves_it_and_is_asked_no_second_time(place: Place) -> None:
    place.stand_in.answers.clear()
    await place.clock.advance(STORE_LIMIT + EVERY)
    asked = place.stand_in.asked
    assert await place.starves(600)
    assert place.stand_in.asked == asked
    place.stand_in.answers.set()
    assert not await place.starves(2 * EVERY)


async def test_a_store_that_can_t_be_read_starves_it(place: Place) -> None:
    place.stand_in.error = sqlite3.OperationalError("disk I/O error")
    await place.clock.advance(STORE_LIMIT + 2 * EVERY)
    assert await place.starves(600)
    place.stand_in.error = None
    assert not await place.starves(2 * EVERY)


async def test_a_full_disk_does_not_starve_it(place: Place) -> None:
    place.stand_in.degraded = "the disk is full"
    place.stand_in.error = sqlite3.OperationalError("database or disk is full")
    await place.clock.advance(STORE_LIMIT)
    assert not await place.starves(EVERY)
    place.manager.ready()
    await place.clock.advance(EVERY)
    assert place.manager.told[-1] == "STATUS=nothing is sent: the disk is full"


async def test_a_round_that_does_not_end_starves_it(place: Place) -> None:
    place.stand_in.busy_since = place.clock.monotonic()
    assert not await place.starves(ROUND_LIMIT)
    await place.clock.advance(EVERY)
    assert await place.starves(600)
    place.stand_in.busy_since = place.clock.monotonic()  # another one
    assert not await place.starves(EVERY)


@pytest.mark.parametrize(("hook", "limit"), [("fetch_orders", FETCH_LIMIT), ("add_order", CHECK_LIMIT)])
async def test_a_call_that_does_not_end_at_its_limit_starves_it(place: Place, hook: str, limit: float) -> None:
    with place.hooks.calls.under_way("allegro-main", hook):
        await place.clock.advance(limit)
        assert not await place.starves(GRACE - EVERY)
        await place.clock.advance(2 * EVERY)
        assert await place.starves(600)
    assert not await place.starves(EVERY)


async def test_a_status_is_told_once_the_start_is_over_and_when_it_changes(place: Place) -> None:
    place.stand_in.jobs = (3, 1)
    await place.clock.advance(60)
    assert not [one for one in place.manager.told if one.startswith("STATUS")]
    place.manager.ready()
    place.account("allegro-main", Health.NEEDS_LOGIN, logs_in=True)
    place.account("my-shop", Health.PAUSED)
    place.account("other-shop", Health.OK)
    await place.clock.advance(60)
    assert [one for one in place.manager.told if one.startswith("STATUS")] == [
        (
            "STATUS=forwarding: 3 orders on their way, 1 parked (orderferry jobs --state parked); "
            "allegro-main needs login (orderferry login allegro-main); my-shop is paused (orderferry resume my-shop)"
        )
    ]
    place.manager.stopping()
    with place.hooks.calls.under_way("my-shop", "add_order"):
        await place.clock.advance(EVERY)
    assert place.manager.told[-1] == "STATUS=waiting for 1 request"


async def test_with_nobody_to_tell_it_to_nothing_is_done() -> None:
    place = Place()
    stand_in = cast("Any", place.stand_in)
    quiet = Liveness(Notifier(), place.clock, store=stand_in, rounds=stand_in, accounts=place.accounts)
    await quiet.run()
    assert place.stand_in.asked == 0
