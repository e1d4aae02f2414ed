"""What a start makes of the jobs that were under way when the last process ended."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from daemon import acts
from daemon.accounts import Health
from daemon.store.case import when
from tests.daemon.engine import Engine, EngineClock, order, page
from tests.daemon.engine_platforms import BlindShop, Shop, ShopWorld, SteppingShop

SETTLE = 420.0


@pytest.fixture
def clock() -> EngineClock:
    return EngineClock()


@pytest.fixture
def world(clock: EngineClock) -> ShopWorld:
    return ShopWorld(clock)


async def killed(folder: Path, clock: EngineClock, world: ShopWorld, kind: type[Shop] = Shop) -> None:
    """A process that ended while the shop was asked to add the order 1."""
    engine = await Engine.between(folder, world, kind, clock=clock)
    world.close_gate()
    await engine.receive(page(order(1)))
    await engine.settle()
    assert await engine.states() == ["sending"]
    await engine.kill()
    world.open_gate()


async def doubt_at(engine: Engine) -> Any:  # a moment or None
    ((stored,),) = await engine.store.fetch("select doubt_at from job")
    return None if stored is None else when(stored)


async def test_a_request_that_may_have_left_is_looked_up_and_found(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    await killed(tmp_path, clock, world)
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        world.apply(engine.reference(1))
        assert await engine.recover() == (1,)
        await engine.pass_time(1)
        assert await engine.links() == {1: "1000"}
        assert len(world.asked("add_order")) == 1
        assert await engine.recover() == ()


async def test_one_that_never_left_is_sent_again_only_after_the_settle_window(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    await killed(tmp_path, clock, world)
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        await engine.recover()
        await engine.pass_time(SETTLE - 1)
        assert len(world.asked("add_order")) == 1
        await engine.pass_time(2)
        assert await engine.links() == {1: "1000"}


@pytest.mark.parametrize("away", [10.0, 100.0, 179.0, 181.0, 86_400.0])
async def test_the_window_begins_when_the_last_byte_can_have_left(
    tmp_path: Path, clock: EngineClock, world: ShopWorld, away: float
) -> None:
    await killed(tmp_path, clock, world)
    sent = clock.now()
    await clock.advance(away)
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        await engine.recover()
        # a claim may wait for a minute, and its call may then take two
        assert await doubt_at(engine) == sent + timedelta(seconds=min(away, 60 + Shop.call_limit))


async def test_after_a_long_absence_nobody_waits_for_a_window_that_is_over(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    await killed(tmp_path, clock, world)
    await clock.advance(86_400)
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        await engine.recover()
        await engine.pass_time(1)
        assert world.asked("find_order") == [engine.reference(1)]
        assert await engine.links() == {1: "1000"}


async def test_in_a_shop_that_cannot_be_searched_a_person_has_to_look(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    await killed(tmp_path, clock, world, BlindShop)
    async with await Engine.between(tmp_path, world, BlindShop, clock=clock) as engine:
        await engine.recover()
        await engine.pass_time(86_400)
        assert await engine.states() == ["parked"]
        (parked,) = await engine.entries("job_parked")
        assert "orderferry resolve 1 --shop-order N" in parked["command"]
        assert len(world.asked("add_order")) == 1


async def test_an_account_that_does_not_run_keeps_its_doubt_until_it_does(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    await killed(tmp_path, clock, world)
    gone = await Engine.open(tmp_path, clock)
    assert await gone.recover() == (1,)
    await gone.pass_time(86_400)
    assert await gone.states() == ["unsure"]
    await gone.close()
    engine = await Engine.between(tmp_path, world, clock=clock)
    async with engine:
        engine.rounds.wake()
        await engine.pass_time(120)
        assert await engine.states() == ["done"]


async def test_an_account_that_is_refused_at_the_start_is_no_reason_to_park(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    await killed(tmp_path, clock, world)
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        engine.accounts["shop"].health = Health.REFUSED
        await engine.recover()
        assert await engine.states() == ["unsure"]


async def test_telling_is_simply_done_again(tmp_path: Path, clock: EngineClock, world: ShopWorld) -> None:
    engine = await Engine.between(tmp_path, world, clock=clock)
    await engine.receive(page(order(1)))
    await engine.settle()
    world.close_gate()
    await engine.rounds.act(acts.set_status(1, "sent", 0), [1])
    await engine.settle()
    await engine.kill()
    world.open_gate()
    async with await Engine.between(tmp_path, world, clock=clock) as again:
        assert await again.recover() == (2,)
        await again.settle()
        assert await again.states() == ["done", "done"]
        assert len(world.asked("set_status")) == 2


async def test_the_progress_of_several_steps_outlives_the_process(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    await killed(tmp_path, clock, world, SteppingShop)
    async with await Engine.between(tmp_path, world, SteppingShop, clock=clock) as engine:
        await engine.recover()
        await engine.pass_time(SETTLE + 1)
        assert set(world.asked("saved")) == {f"cart-of-{engine.reference(1)}"}
        assert await engine.states() == ["done"]
