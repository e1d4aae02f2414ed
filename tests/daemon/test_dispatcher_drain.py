"""How the dispatcher ends, what it gives back unsent, and what becomes of an order that changes while in doubt."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from daemon import dispatcher
from orderferry import Stage, Unsure
from tests.daemon.engine import Engine, EngineClock, order, page
from tests.daemon.engine_platforms import HANG, Applied, NarrowShop, ShopWorld
from tests.daemon.full_disk import FullDisk


@pytest.fixture
def clock() -> EngineClock:
    return EngineClock()


@pytest.fixture
def world(clock: EngineClock) -> ShopWorld:
    return ShopWorld(clock)


async def test_draining_releases_what_waits_and_finishes_what_is_under_way(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    engine = await Engine.between(tmp_path, world, clock=clock)
    world.close_gate()
    engine.rounds.seconds = 60.0  # a slow disk: more is claimed than there are hands
    await engine.receive(page(*(order(number) for number in range(1, 21))))
    await engine.settle()
    assert (await engine.states()).count("sending") > 4
    await engine.close()
    again = await Engine.open(tmp_path, clock)
    async with again:
        states = await again.states()
        assert (states.count("done"), states.count("waiting")) == (4, 16)
        assert await again.recover() == ()
    assert len(world.asked("add_order")) == 4


async def test_draining_leaves_calls_that_do_not_come_back_in_doubt(
    tmp_path: Path, clock: EngineClock, world: ShopWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "DRAIN", 0.02)
    world.always["add_order"] = HANG
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        await engine.receive(page(order(1), order(2), order(3)))
        for _ in range(2_000):
            if len(world.asked("add_order")) == 3:
                break
            await engine.store.fetch("select 1")
        assert await engine.dispatcher.drain() == 3
        assert await engine.states() == ["unsure"] * 3
        assert {row[6] for row in await engine.jobs()} == {"the daemon was stopped before the answer came"}
        assert engine.dispatcher.rooms() == []


async def test_jobs_that_wait_too_long_behind_others_are_given_back_unsent(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await Engine.between(tmp_path, world, kind=NarrowShop, clock=clock) as engine:
        world.close_gate()
        engine.rounds.seconds = 60.0
        await engine.receive(page(*(order(number) for number in range(1, 5))))
        await engine.pass_time(61)
        assert (await engine.states()) == ["sending"] * 4
        world.open_gate()
        await engine.settle()
        assert len(world.applied) == len(dict(world.applied)) == 4
        assert len(await engine.entries("job_done")) == 4
        sent = await engine.store.fetch("select sent_at from job order by id")
        assert sent[0][0] < sent[1][0], "the others were claimed anew, with a lease of their own"


async def test_an_order_cancelled_while_it_was_in_doubt_is_cancelled_in_the_shop_once_it_is_found(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    world.then("add_order", Applied(Unsure("lost")))
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        await engine.receive(page(order(1)))
        await engine.settle()
        gone = order(1, stage=Stage.CANCELLED, updated_at=order(1).updated_at + timedelta(minutes=1))
        await engine.receive(page(gone, cursor="c2"))
        await engine.settle()
        assert await engine.states() == ["unsure"]
        await engine.pass_time(5)
        assert [job[3:5] for job in await engine.jobs()] == [("add_order", "done"), ("set_status", "done")]
        assert [about[-1] for about in world.asked("set_status")] == ["cancelled"]


async def test_draining_ends_also_while_the_disk_is_full_and_the_order_is_in_doubt_afterwards(
    tmp_path: Path, clock: EngineClock, world: ShopWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "LAST_REPORTS", 0.05, raising=False)
    world.close_gate()
    engine = await Engine.between(tmp_path, world, clock=clock)
    await engine.receive(page(order(1)))
    await engine.settle()
    assert await engine.states() == ["sending"]
    FullDisk(engine, sqlite3.SQLITE_FULL)
    world.open_gate()
    async with asyncio.timeout(5):
        assert await engine.dispatcher.drain() == 0
    await engine.kill()
    async with await Engine.between(tmp_path, world, clock=clock) as again:
        assert len(await again.recover()) == 1
        await again.pass_time(5)
        assert await again.states() == ["done"]
    assert len(world.applied) == 1
