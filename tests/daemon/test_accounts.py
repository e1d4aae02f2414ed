"""When an account may be asked: held as long as it is away, by one probe at a time, never for ever."""

from __future__ import annotations

import asyncio
import math
from datetime import timedelta
from pathlib import Path

import pytest

from daemon.accounts import Accounts, AccountState, Health, Turn, login_command
from daemon.core.retry import Cause, Failure, hold_for
from daemon.hooks import Hooks
from orderferry import Capability, CheckReport, NeedsLogin, RateLimited, Role, Unavailable
from orderferry.testing.clock import VirtualClock
from tests.daemon.engine import Engine, EngineClock, order, page, settings
from tests.daemon.engine_platforms import NoFeedShop, ShopWorld

AWAY = Failure(cause=Cause.UNAVAILABLE, message="away")
LIMITED = Failure(cause=Cause.RATE_LIMITED, message="slower", retry_after=30)
LOGIN = Failure(cause=Cause.NEEDS_LOGIN, message="bad key")
BUG = Failure(cause=Cause.BUG, message="a bug")


@pytest.fixture
def clock() -> EngineClock:
    return EngineClock()


@pytest.fixture
def world(clock: EngineClock) -> ShopWorld:
    return ShopWorld(clock)


@pytest.fixture
def one(clock: VirtualClock) -> tuple[Accounts, AccountState]:
    accounts = Accounts(clock, Hooks(), lambda: 0.5)
    state = AccountState(name="shop", settings=settings("shop", Role.SHOP), added_at=clock.now())
    accounts.add(state)
    return accounts, state


async def test_a_held_account_is_asked_by_one_probe_when_its_time_has_come(
    one: tuple[Accounts, AccountState], clock: VirtualClock
) -> None:
    accounts, state = one
    assert accounts.may_ask(state)
    assert accounts.failed(state, LIMITED) is Turn.WORSE
    assert not accounts.may_ask(state)
    await clock.advance(32)
    assert accounts.may_ask(state)
    assert accounts.begin(state) is True
    assert not accounts.may_ask(state), "one probe at a time"
    assert accounts.succeeded(state, probe=True) is Turn.BETTER
    assert accounts.may_ask(state)
    assert accounts.begin(state) is False


@pytest.mark.parametrize("failure", [LIMITED, LOGIN, Failure(cause=Cause.UNAVAILABLE, message="x", retry_after=5)])
def test_a_call_from_before_the_hold_does_not_lift_what_the_platform_asked_for(
    one: tuple[Accounts, AccountState], failure: Failure
) -> None:
    accounts, state = one
    accounts.failed(state, failure)
    assert accounts.succeeded(state) is Turn.SAME
    assert not accounts.may_ask(state)
    assert state.health is not Health.OK


def test_a_call_that_goes_well_shows_that_the_account_is_not_away(one: tuple[Accounts, AccountState]) -> None:
    accounts, state = one
    accounts.failed(state, AWAY)
    assert accounts.succeeded(state) is Turn.BETTER
    assert accounts.may_ask(state)


@pytest.mark.parametrize("failure", [BUG, AWAY, LIMITED, Failure(cause=Cause.REJECTED, message="no")])
async def test_a_call_that_is_no_probe_does_not_let_a_second_probe_go(
    one: tuple[Accounts, AccountState], clock: VirtualClock, failure: Failure
) -> None:
    accounts, state = one
    accounts.failed(state, LIMITED)
    await clock.advance(60)
    accounts.begin(state)
    accounts.failed(state, failure)
    assert state.probing


@pytest.mark.parametrize("failure", [BUG, AWAY, LIMITED, LOGIN, Failure(cause=Cause.REJECTED, message="no")])
async def test_a_probe_always_ends(one: tuple[Accounts, AccountState], clock: VirtualClock, failure: Failure) -> None:
    accounts, state = one
    accounts.failed(state, LIMITED)
    await clock.advance(60)
    accounts.failed(state, failure, probe=accounts.begin(state))
    assert not state.probing
    await clock.advance(16 * 60)
    assert accounts.may_ask(state)


def test_a_refusal_of_one_request_shows_that_the_account_answers(one: tuple[Accounts, AccountState]) -> None:
    accounts, state = one
    accounts.failed(state, AWAY)
    assert accounts.failed(state, Failure(cause=Cause.REJECTED, message="no")) is Turn.BETTER
    assert accounts.failed(state, BUG) is Turn.SAME


def test_a_longer_hold_is_never_shortened_by_another_failure(one: tuple[Accounts, AccountState]) -> None:
    accounts, state = one
    accounts.failed(state, LIMITED)
    until = state.held_until
    accounts.failed(state, AWAY)
    assert state.held_until == until


def test_a_paused_account_is_never_asked_and_resuming_forgets_every_hold(one: tuple[Accounts, AccountState]) -> None:
    accounts, state = one
    accounts.failed(state, LOGIN)
    accounts.pause(state, paused=True)
    assert (state.health, accounts.may_ask(state)) == (Health.PAUSED, False)
    assert accounts.failed(state, AWAY) is Turn.SAME
    accounts.pause(state, paused=False)
    assert (state.health, state.problem, accounts.may_ask(state)) == (Health.STARTING, None, True)


@pytest.mark.parametrize("asked", [1e300, math.inf, math.nan, -5.0, 10 * 365 * 86_400.0, 3600.0, 0.0])
def test_whatever_a_plugin_asks_to_wait_the_account_comes_back_within_the_hour(asked: float) -> None:
    hold = hold_for(Failure(cause=Cause.RATE_LIMITED, message="x", retry_after=asked), 1, 1.0)
    assert timedelta(0) <= hold <= timedelta(hours=1.1)


def test_the_remedy_is_a_command(one: tuple[Accounts, AccountState]) -> None:
    assert login_command(one[1]).startswith(("orderferry resume shop", "orderferry login shop"))


async def test_an_account_that_limits_us_is_left_alone_as_a_whole(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    world.then("add_order", RateLimited("slower", retry_after=60))
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        await engine.receive(page(*(order(number) for number in range(1, 21))))
        await engine.settle()
        begun = len(world.asked("add_order"))
        assert begun == 4, "the three that were under way come to their end"
        await engine.pass_time(60)
        assert len(world.asked("add_order")) == begun
        await engine.pass_time(5)
        assert await engine.states() == ["done"] * 20


async def test_a_held_account_gets_exactly_one_call_when_its_time_has_come(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    world.always["add_order"] = RateLimited("slower", retry_after=60)
    async with await Engine.between(tmp_path, world, kind=NoFeedShop, clock=clock) as engine:
        await engine.receive(page(*(order(number) for number in range(1, 21))))
        await engine.settle()
        begun = len(world.asked("add_order"))
        for probes in range(1, 6):
            await engine.pass_time(64)
            assert len(world.asked("add_order")) == begun + probes
        world.always.clear()
        world.close_gate()
        await engine.pass_time(64)
        assert world.gated == 1
        world.open_gate()
        await engine.settle()
        assert await engine.states() == ["done"] * 20


async def test_a_short_hold_after_a_long_one_that_was_lifted_ends_in_its_own_time(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        state = engine.accounts["shop"]
        world.then("add_order", RateLimited("slower", retry_after=3000))
        await engine.receive(page(order(1)))
        await engine.settle()
        engine.accounts.pause(state, paused=True)
        engine.accounts.pause(state, paused=False)  # the owner resumes it
        world.then("add_order", Unavailable("away"))
        engine.rounds.wake()
        await engine.settle()
        assert len(world.asked("add_order")) == 2
        await engine.pass_time(10)
        assert await engine.states() == ["done"]


async def test_a_poller_that_probes_lets_the_jobs_go_on_however_its_probe_ends(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    world.then("check", Unavailable("away"), KeyError("a bug of the check"))
    world.always["fetch_orders"] = KeyError("a bug of the feed")
    async with await Engine.between(tmp_path, world, clock=clock) as engine:

        async def answer_slowly(hook: str, _: object) -> None:
            if hook in {"check", "fetch_orders"}:
                for _ in range(20):  # rounds pass meanwhile, and find the account busy with its probe
                    await asyncio.sleep(0)

        world.on_call = answer_slowly
        engine.poll("shop")
        await engine.settle()
        await engine.receive(page(order(1)))
        await engine.pass_time(30)
        assert await engine.states() == ["done"]


async def test_one_account_that_needs_a_login_stops_no_other(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    refused = ShopWorld(clock)
    refused.always["add_order"] = NeedsLogin("bad key")
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        await engine.shop(refused, "refused")
        await engine.receive(page(*(order(number) for number in range(1, 11))))
        await engine.settle()
        assert {row[4] for row in await engine.jobs(account="shop")} == {"done"}
        assert {row[4] for row in await engine.jobs(account="refused")} == {"waiting"}
        assert engine.accounts["refused"].health is Health.NEEDS_LOGIN
        (row,) = await engine.entries("account_needs_login")
        assert "orderferry" in row["command"]
        begun = len(refused.asked("add_order"))
        await engine.pass_time(14 * 60)
        assert len(refused.asked("add_order")) == begun


async def test_what_a_check_finds_missing_is_not_asked_for(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    world.report = CheckReport(summary="fine", missing={"set_status": "the key may only read", "no_such_flag": "x"})
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        engine.poll("shop")
        await engine.settle()
        assert Capability.SET_STATUS not in engine.accounts.capabilities("shop")
        assert Capability.ADD_ORDER in engine.accounts.targets()["shop"].capabilities
