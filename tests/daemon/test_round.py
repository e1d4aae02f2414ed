"""Rounds: few commits for many orders, intents on disk before the call, and nothing lost when the disk is."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from daemon import acts
from daemon.core.statuses import Ladder
from daemon.desk import Desk, Needs
from daemon.receive import Counts
from daemon.round import RETRY_WRITE, FatalStoreError
from daemon.views import CommandError, Done
from orderferry import Order, ShopOrder, Unavailable, Unsure
from tests.daemon.engine import Engine, EngineClock, order, page
from tests.daemon.engine_platforms import Answer, NarrowShop, ShopWorld, WideShop
from tests.daemon.full_disk import FullDisk


@pytest.fixture
def clock() -> EngineClock:
    return EngineClock()


@pytest.fixture
def world(clock: EngineClock) -> ShopWorld:
    return ShopWorld(clock)


def many(count: int) -> tuple[Order, ...]:
    return tuple(order(number) for number in range(1, count + 1))


async def test_what_comes_in_together_is_written_together(tmp_path: Path, clock: EngineClock, world: ShopWorld) -> None:
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        before = engine.store.commits
        await asyncio.gather(*(engine.rounds.act(lambda _: Done(text="noted")) for _ in range(100)))
        assert engine.store.commits == before, "what writes nothing costs no commit"
        engine.accounts["shop"].paused = True
        await asyncio.gather(*(engine.receive(page(order(number))) for number in range(1, 101)))
        assert engine.store.commits - before <= 3
        assert len(await engine.states()) == 100


async def test_catching_up_costs_few_commits_an_order(tmp_path: Path, clock: EngineClock, world: ShopWorld) -> None:
    async with await Engine.between(tmp_path, world, WideShop, clock=clock) as engine:
        before = engine.store.commits
        for start in range(0, 640, 64):
            await engine.receive(page(*(order(number) for number in range(start, start + 64))))
        await engine.settle()
        assert len(world.applied) == len(dict(world.applied)) == 640
        assert (engine.store.commits - before) / 640 <= 0.06
        assert world.most_at_once <= 32


async def test_the_intent_is_on_disk_before_the_shop_is_asked(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        seen: list[tuple[str, int]] = []

        async def look(hook: str, about: Any) -> None:  # a ForwardOrder
            if hook == "add_order":
                other = sqlite3.connect(f"file:{engine.store.path}?mode=ro", uri=True)
                query = "select state, sent_at is not null from job where order_id = ? and kind = 'add_order'"
                seen.extend(other.execute(query, (about.number,)).fetchall())
                other.close()

        world.on_call = look
        await engine.receive(page(*many(50)))
        await engine.settle()
        assert seen == [("sending", 1)] * 50
        assert await engine.states() == ["done"] * 50


async def test_a_command_that_cannot_be_done_concerns_its_sender_alone(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        answers = await asyncio.gather(
            engine.receive(page(order(1))),
            engine.rounds.act(acts.set_status(77, "sent", 0), [77]),
            engine.receive(page(order(2), cursor="c2")),
            return_exceptions=True,
        )
        assert isinstance(answers[1], CommandError)
        assert [answers[0], answers[2]] == [Counts(pages=1, new=1)] * 2


def poison(_: Desk) -> Done:
    raise KeyError("a bug of ours")


async def test_an_item_that_cannot_be_decided_fails_alone(tmp_path: Path, clock: EngineClock, world: ShopWorld) -> None:
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        answers = await asyncio.gather(
            engine.receive(page(order(1))),
            engine.rounds.act(poison),
            engine.receive(page(order(2), cursor="c2")),
            return_exceptions=True,
        )
        assert isinstance(answers[1], KeyError)
        assert [answers[0], answers[2]] == [Counts(pages=1, new=1)] * 2
        await engine.settle()
        assert await engine.states() == ["done", "done"]
        assert len(await engine.entries("order_new")) == 2


async def test_an_item_that_cannot_be_written_fails_alone(tmp_path: Path, clock: EngineClock, world: ShopWorld) -> None:
    def breaks_a_rule(desk: Desk) -> Done:
        desk.batch.add("set_meta", "a key without a value", None)
        return Done(text="never")

    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        answers = await asyncio.gather(
            engine.receive(page(order(1))),
            engine.rounds.act(breaks_a_rule),
            engine.receive(page(order(2), cursor="c2")),
            return_exceptions=True,
        )
        assert isinstance(answers[1], sqlite3.IntegrityError)
        assert [answers[0], answers[2]] == [Counts(pages=1, new=1)] * 2
        assert not engine.running.done()


async def test_rounds_that_are_split_claim_no_more_than_there_are_hands(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await Engine.between(tmp_path, world, NarrowShop, clock=clock) as engine:
        engine.accounts["shop"].paused = True
        await engine.receive(page(*many(20)))
        engine.accounts["shop"].paused = False
        world.close_gate()
        engine.rounds.seconds = 0.0  # nothing is claimed ahead
        await asyncio.gather(
            *(engine.rounds.act(poison if number % 2 else lambda _: Done(text="x")) for number in range(10)),
            return_exceptions=True,
        )
        await engine.settle()
        assert (await engine.states()).count("sending") == 1


async def test_a_doubt_is_looked_up_by_one_call_at_a_time(tmp_path: Path, clock: EngineClock, world: ShopWorld) -> None:
    world.then("add_order", Unsure("lost"))
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        await engine.receive(page(order(1)))
        await engine.settle()
        world.close_gate()
        await engine.clock.advance(3)
        await asyncio.gather(*(engine.rounds.act(poison) for _ in range(5)), return_exceptions=True)
        await engine.receive(page(order(2), cursor="c2"))
        await engine.settle()
        assert world.asked("find_order") == [engine.reference(1)]


@pytest.mark.parametrize("on", ["begin", "commit"])
@pytest.mark.parametrize("code", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_BUSY])
async def test_on_a_full_disk_nothing_is_sent_and_afterwards_all_of_it(
    tmp_path: Path, clock: EngineClock, world: ShopWorld, code: int, on: str
) -> None:
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        disk = FullDisk(engine, code, on=on)
        receiving = asyncio.ensure_future(engine.receive(page(order(1), order(2))))
        await engine.pass_time(10 * RETRY_WRITE)
        assert not receiving.done()
        degraded = engine.rounds.degraded
        assert degraded is not None
        assert "free some space" in degraded
        assert disk.failed > 5
        assert world.calls == []
        disk.failing = False
        await engine.pass_time(RETRY_WRITE)
        assert (await receiving).new == 2
        assert engine.rounds.degraded is None
        assert await engine.states() == ["done", "done"]
        assert (await engine.kinds()).count("order_new") == 2
        assert [kind for kind in await engine.kinds() if kind.startswith("store_")] == [
            "store_degraded",
            "store_recovered",
        ]


async def test_it_stays_degraded_until_something_has_truly_been_written(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        engine.accounts["shop"].paused = True
        await engine.receive(page(order(1)))
        FullDisk(engine, sqlite3.SQLITE_FULL)
        engine.accounts["shop"].paused = False
        engine.rounds.wake()  # a round that claims and brings nothing
        for _ in range(8):
            await engine.pass_time(RETRY_WRITE)
            assert engine.rounds.degraded is not None
        assert world.calls == []
        await engine.kill()


async def test_an_answer_that_comes_on_a_full_disk_is_kept_until_it_can_be_written(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        world.close_gate()
        await engine.receive(page(order(1)))
        await engine.settle()
        disk = FullDisk(engine, sqlite3.SQLITE_FULL)
        world.open_gate()
        await engine.pass_time(60)
        disk.failing = False
        await engine.pass_time(RETRY_WRITE)
        assert await engine.links() == {1: "1000"}
        assert len(world.asked("add_order")) == 1


@pytest.mark.parametrize("code", [sqlite3.SQLITE_IOERR, sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_CORRUPT])
async def test_a_failing_disk_ends_the_daemon_and_tells_everybody_who_waits(
    tmp_path: Path, clock: EngineClock, world: ShopWorld, code: int
) -> None:
    engine = await Engine.between(tmp_path, world, clock=clock)
    FullDisk(engine, code)
    waiting = [asyncio.ensure_future(engine.receive(page(order(number)))) for number in range(1, 4)]
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(answer, FatalStoreError | sqlite3.Error) for answer in answers)
    with pytest.raises(FatalStoreError, match="can't be written"):
        await engine.running
    with pytest.raises(FatalStoreError):
        await engine.receive(page(order(9)))
    assert world.calls == []
    await engine.kill()


async def test_an_outcome_that_cannot_be_written_becomes_a_doubt_instead_of_getting_lost(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    world.then("add_order", Answer(ShopOrder(id="7", number="7", status=order())))  # type: ignore[arg-type] # a plugin may answer anything
    world.then("add_order", Answer(ShopOrder(id="8", number="8", warnings=(b"\xff", 3))))  # type: ignore[arg-type] # likewise
    world.then("add_order", Answer(ShopOrder(id="9", number="\ud800")))
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        await engine.receive(page(*many(4)))
        await engine.settle()
        assert "sending" not in await engine.states()
        await engine.pass_time(5)
        assert len(await engine.links()) == 4


async def test_the_rounds_end_with_all_that_came_in_written_and_refuse_the_rest(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    engine = await Engine.between(tmp_path, world, clock=clock)
    last = [asyncio.ensure_future(engine.receive(page(order(number)))) for number in range(1, 4)]
    await asyncio.sleep(0)
    engine.rounds.stop()
    assert [counts.new for counts in await asyncio.gather(*last)] == [1, 1, 1]
    await engine.running
    assert world.calls == [], "nothing is claimed any more"
    with pytest.raises(FatalStoreError):
        await engine.rounds.act(lambda _: Done(text="too late"))
    await engine.kill()


async def test_more_than_a_round_holds_is_written_in_the_next(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        done = await asyncio.gather(*(engine.rounds.act(lambda _: Done(text="x")) for _ in range(700)))
        assert len(done) == 700


async def test_an_item_whose_needs_are_empty_reads_nothing(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        desk = Desk(engine.store, {}, clock.now(), Ladder())
        before = engine.store.operations
        await desk.lay_out([Needs()])
        assert engine.store.operations == before


async def test_an_account_that_is_opened_in_the_midst_of_a_round_gets_its_jobs_with_the_next(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    world.then("add_order", Unavailable("down"))
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        await engine.receive(page(order(1)))
        await engine.settle()
        targets = engine.rounds._targets
        seen = iter([{name: target for name, target in targets().items() if name != "shop"}])
        engine.rounds._targets = lambda: next(seen, targets())
        with capture_logs() as logs:
            await engine.pass_time(120)
        assert next(seen, None) is None, "a round has begun without the account"
        assert not [entry for entry in logs if entry["event"] == "round_failed"]
        assert await engine.links() == {1: "1000"}
