"""Buyers' data goes when its time is up, and is gone: from the rows, the file, and its log; the order's key stays."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon import acts
from daemon.core.retention import Keeps
from daemon.core.statuses import Ladder, Rules
from daemon.privacy import erasing
from daemon.privacy.eraser import NIGHT, Eraser
from daemon.store.erasure import carry_erasures
from daemon.store.reader import Reader
from daemon.views import CommandError
from orderferry import MalformedOrder, Page, Parcel, Rejected, Stage, Unavailable, Unsure
from orderferry.testing.clock import START
from tests.daemon.engine import BUYER, VAULT, Engine, EngineClock, order, page
from tests.daemon.engine_platforms import Applied, MarketWorld, Shop, ShopWorld, SteppingShop

KEEPS = Keeps(general=timedelta(days=30))
LADDER = Ladder(
    keys=("new", "packing", "sent", "delivered", "cancelled"), rules=Rules(parcel_sent="sent", cancelled="cancelled")
)
CANARIES = (BUYER.encode(), b"canary@example.org", b"Canaria", b"Solna 1", b"TRACK-4711")
DAY = 86_400.0


class Hub(Engine):
    """An engine that also erases."""

    eraser: Eraser
    reader: Reader

    async def erase(self, keeps: Keeps = KEEPS) -> None:
        """One look of the companion, on a clock that moves by itself."""
        looking = asyncio.create_task(self.eraser.once(keeps))
        while not looking.done():
            await self.settle()
            if self.clock.next_at is not None and not looking.done():
                await self.clock.advance(0.05)
        await looking


@asynccontextmanager
async def hub(
    data: Path, world: ShopWorld | None = None, clock: EngineClock | None = None, kind: type[Shop] = Shop
) -> AsyncIterator[Hub]:
    if clock is None:
        clock = world._clock if world and isinstance(world._clock, EngineClock) else EngineClock()
    world = world or ShopWorld(clock)
    engine = await Hub.between(data, world, kind, clock=clock, market=MarketWorld())
    engine.accounts.ladder = LADDER
    engine.reader = await Reader.open(engine.store.path, VAULT)
    engine.eraser = Eraser(engine.store, engine.reader, engine.rounds, clock, lambda: engine.accounts.ladder)
    try:
        yield engine
    finally:
        await engine.reader.close()
        if not engine.store.dead:
            await engine.close()


async def sealed_bytes(engine: Engine) -> list[bytes]:
    """What is stored sealed at this moment: documents, given orders, texts."""
    rows = await engine.store.fetch(
        "select body from document union all select body from forwarded union all select raw from malformed"
    )
    return [bytes(row[0]) for row in rows if row[0]]


def found_in(folder: Path, wanted: list[bytes]) -> list[tuple[str, bytes]]:
    """Which of these bytes stand in which file of the folder; of sealed ones every piece of 24 bytes counts."""
    pieces = [
        one[at : at + 24] for one in wanted for at in range(17 if len(one) > 64 else 0, max(len(one) - 24, 1), 16)
    ]
    hits = []
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            content = file.read_bytes()
            hits += [(file.name, piece) for piece in pieces if piece and piece in content]
    return hits


async def sold_and_sent(engine: Hub, *numbers: int, **changes: Any) -> None:
    await engine.receive(page(*(order(number, **changes) for number in numbers)))
    await engine.settle()
    for number in await ids(engine):
        case = (await engine.store.cases([number]))[number]
        if not case.parcels:
            await engine.rounds.act(acts.add_parcel(number, "INPOST", f"TRACK-4711-{number}", 0), [number])
    await engine.settle()


async def ids(engine: Engine) -> list[int]:
    return [row[0] for row in await engine.store.fetch("select id from orders where erased_at is null order by id")]


async def column(engine: Engine, name: str, number: int = 1) -> Any:  # a sqlite cell
    return (await engine.store.fetch(f"select {name} from orders where id = ?", (number,)))[0][0]  # noqa: S608


async def test_after_45_days_nothing_of_the_buyer_is_in_any_file(tmp_path: Path) -> None:
    clock = EngineClock()
    world = ShopWorld(clock)
    async with hub(tmp_path, world, clock) as engine:
        await sold_and_sent(engine, 1, 2, 3)
        changed = order(2, updated_at=START + timedelta(hours=1), comment="Canaria changes her mind")
        await engine.receive(page(changed))  # so that the shop's state is kept as well
        bad = MalformedOrder(external_id="o-9", reason="Canaria-Żółtobrzuch is no country", raw=BUYER.encode() * 20)
        await engine.receive(Page(malformed=(bad,), cursor="c2"))
        before = await sealed_bytes(engine)
        assert len(before) >= 5
        assert found_in(tmp_path, before), "the scan finds what is there"
        await engine.erase()
        assert await ids(engine) == [1, 2, 3], "not before the time is up"
        for _ in range(45):
            await engine.pass_time(DAY)
            await engine.erase()
        assert await ids(engine) == []
        assert found_in(tmp_path, before) == []
        assert found_in(tmp_path, list(CANARIES)) == []
        assert len(await engine.links()) == len(world.applied) == 3
        assert set(await engine.states()) == {"done"}
        assert len(await engine.entries("buyer_data_erased")) == 4


async def test_it_is_erased_to_the_hour_and_once(tmp_path: Path) -> None:
    async with hub(tmp_path) as engine:
        await sold_and_sent(engine, 1)
        await engine.pass_time(30 * DAY - 60)
        await engine.erase()
        assert await column(engine, "erased_at") is None
        await engine.pass_time(61)
        await engine.erase()
        moment = await column(engine, "erased_at")
        assert moment is not None
        await engine.pass_time(5 * DAY)
        await engine.erase()
        assert await column(engine, "erased_at") == moment
        assert len(await engine.entries("buyer_data_erased")) == 1
        assert await engine.entries("buyer_data_erased") == [{"rule": "keep_buyer_data"}]


async def test_an_order_that_is_not_sent_keeps_its_data(tmp_path: Path) -> None:
    async with hub(tmp_path) as engine:
        await engine.receive(page(order(1), order(2)))
        await engine.settle()
        await engine.rounds.act(acts.set_status(1, "sent", 0), [1])
        await engine.settle()
        await engine.pass_time(100 * DAY)
        await engine.erase()
        assert await ids(engine) == [2]
        await engine.rounds.act(acts.set_status(2, "packing", 0), [2])
        await engine.erase()
        assert await ids(engine) == [2]


async def test_an_unfinished_job_keeps_the_order(tmp_path: Path) -> None:
    world = ShopWorld(EngineClock())
    async with hub(tmp_path, world) as engine:
        world.always["add_order"] = Rejected("no")
        await engine.receive(page(order(1, shipped=True)))
        await engine.settle()
        assert await engine.states() == ["parked"]
        await engine.pass_time(60 * DAY)
        await engine.erase()
        assert await ids(engine) == [1]


async def test_orders_of_before_are_counted_from_the_last_thing_that_happened(tmp_path: Path) -> None:
    async with hub(tmp_path) as engine:
        await sold_and_sent(engine, 1)
        await engine.pass_time(40 * DAY)
        await engine.store.fetch("update orders set final_at = null")
        await engine.erase()
        assert await ids(engine) == [], "it was over 40 days ago, by its journal"


@pytest.mark.parametrize("stage", [Stage.READY, Stage.CANCELLED])
async def test_an_erased_order_that_is_fetched_again_stays_erased_and_single(tmp_path: Path, stage: Stage) -> None:
    world = ShopWorld(EngineClock())
    async with hub(tmp_path, world) as engine:
        await sold_and_sent(engine, 1)
        await engine.pass_time(31 * DAY)
        await engine.erase()
        later = engine.clock.now()
        for again in (
            order(1),
            order(1, updated_at=later, comment="more", parcels=(Parcel(carrier="DPD", number="TRACK-4711-9"),)),
            order(1, updated_at=later + timedelta(hours=1), stage=stage, shipped=True),
        ):
            await engine.receive(page(again))
            await engine.settle()
        assert await engine.store.fetch("select 1 from document") == []
        assert await engine.store.fetch("select 1 from parcel") == []
        assert await column(engine, "stage") == stage.value
        assert len(world.applied) == 1
        assert [row[3] for row in await engine.jobs(kind="add_order")] == ["add_order"]
        if stage is Stage.CANCELLED:
            assert await column(engine, "status") == "cancelled"
            assert (await engine.jobs(kind="set_status"))[-1][4] == "done", "the shop is told so without the buyer"


async def test_a_text_that_comes_of_an_erased_order_is_not_kept(tmp_path: Path) -> None:
    async with hub(tmp_path) as engine:
        await sold_and_sent(engine, 1)
        await engine.pass_time(31 * DAY)
        await engine.erase()
        bad = MalformedOrder(external_id="o-1", reason="odd", raw=b"Canaria")
        await engine.receive(Page(malformed=(bad,), cursor="c9"))
        assert await engine.store.fetch("select raw from malformed") == [(b"",)]


async def test_a_purchase_that_is_opened_again_comes_back_and_is_forwarded(tmp_path: Path) -> None:
    world = ShopWorld(EngineClock())
    async with hub(tmp_path, world) as engine:
        await engine.receive(page(order(1, stage=Stage.CANCELLED)))
        await engine.pass_time(31 * DAY)
        await engine.erase()
        assert await column(engine, "erased_at") is not None
        await engine.receive(page(order(1, updated_at=engine.clock.now())))
        await engine.settle()
        assert await column(engine, "erased_at") is None
        assert len(world.applied) == 1
        assert "buyer_data_back" in await engine.kinds()


async def erased_by_hand(engine: Hub, number: int = 1, *, even: bool = False) -> str:
    return (await engine.rounds.act(erasing.erase_by_hand(number, 7, even_unfinished=even), [number])).text


async def test_by_hand_only_what_is_over_and_the_rest_with_its_reason(tmp_path: Path) -> None:
    async with hub(tmp_path) as engine:
        await engine.receive(page(order(1)))
        await engine.settle()
        with pytest.raises(CommandError, match="it is new, and neither sent nor cancelled"):
            await erased_by_hand(engine)
        assert await ids(engine) == [1]
        await erased_by_hand(engine, even=True)
        assert await ids(engine) == []
        assert await engine.entries("buyer_data_erased") == [{"uid": 7}]
        with pytest.raises(CommandError, match="was erased on 2026"):
            await erased_by_hand(engine)


async def test_what_is_owed_ends_with_the_reason_and_nothing_more_is_sent(tmp_path: Path) -> None:
    world = ShopWorld(EngineClock())
    async with hub(tmp_path, world) as engine:
        world.always["add_order"] = Rejected("no")
        await engine.receive(page(order(1)))
        await engine.settle()
        with pytest.raises(CommandError, match=r"job 1 \(add_order for shop\) is parked"):
            await erased_by_hand(engine)
        await erased_by_hand(engine, even=True)
        assert await engine.states() == ["cancelled"]
        world.always.clear()
        for act in (acts.forward(1, None, 0), acts.add_parcel(1, "DPD", "1", 0)):
            with pytest.raises(CommandError, match="the buyer's data was erased from order 1 on"):
                await engine.rounds.act(act, [1])
        await engine.receive(page(order(1, updated_at=engine.clock.now() + timedelta(hours=1), comment="x")))
        await engine.pass_time(3 * DAY)
        assert world.applied == []
        assert await engine.states() == ["cancelled"]


@pytest.mark.parametrize("arrived", [True, False])
async def test_a_lost_answer_is_still_looked_up_and_nothing_is_sent_again(tmp_path: Path, arrived: bool) -> None:
    world = ShopWorld(EngineClock())
    async with hub(tmp_path, world) as engine:
        world.then("add_order", Applied(Unsure("cut off")) if arrived else Unsure("cut off"))
        world.then("find_order", Unavailable("away"))
        await engine.receive(page(order(1)))
        await engine.settle()
        assert await engine.states() == ["unsure"]
        told = await erased_by_hand(engine, even=True)
        assert told == "job 1 goes on to look whether shop has it; it is not sent again"
        await engine.pass_time(3600)
        assert len(world.applied) == len(world.asked("add_order")) * arrived == arrived
        assert await engine.states() == (["done"] if arrived else ["cancelled"])
        assert len(await engine.links()) == arrived


async def test_an_order_that_stands_half_made_is_a_person_s_to_look_after(tmp_path: Path) -> None:
    world = ShopWorld(EngineClock())
    async with hub(tmp_path, world, kind=SteppingShop) as engine:
        world.then("add_order", Unavailable("away"))
        await engine.receive(page(order(1)))
        await engine.settle()
        assert await engine.states() == ["waiting"]
        told = await erased_by_hand(engine, even=True)
        assert "the buyer's data was erased, and shop may have the order, or a part of it" in told
        assert "orderferry resolve 1 --shop-order N" in told
        await engine.pass_time(3 * DAY)
        assert await engine.states() == ["parked"]
        with pytest.raises(CommandError, match="job 1 is in doubt"):
            await engine.rounds.act(acts.retry(1, 1, 0), [1])
        done = await engine.rounds.act(acts.resolve_again(1, 1, 0), [1])
        assert "nothing is sent: the buyer's data was erased" in done.text
        await engine.pass_time(3 * DAY)
        assert await engine.states() == ["cancelled"]
        assert world.applied == []


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.sampled_from(["fetch", "change", "cancel", "ready", "erase", "hand", "day", "month"]), max_size=6)
)
async def test_in_whatever_order_it_comes_the_shop_has_one_order_and_an_erased_one_has_no_document(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    world, version, stage = ShopWorld(EngineClock()), 0, Stage.READY
    async with hub(tmp_path_factory.mktemp("hub"), world) as engine:
        for step in ["fetch", *steps]:
            match step:
                case "cancel" | "ready" | "change":
                    stage = {"cancel": Stage.CANCELLED, "ready": Stage.READY}.get(step, stage)
                    version += 1
                    await engine.receive(page(_state(version, stage)))
                case "fetch":
                    await engine.receive(page(_state(version, stage)))
                case "erase":
                    await engine.erase()
                case "hand":
                    with suppress(CommandError):  # it is erased already
                        await erased_by_hand(engine, even=True)
                    assert await column(engine, "erased_at") is not None
                case _:
                    await engine.pass_time(DAY if step == "day" else 31 * DAY)
            await engine.settle()
            erased = await column(engine, "erased_at") is not None
            documents = await engine.store.fetch("select 1 from document")
            assert (documents == []) == erased
            assert len(world.applied) <= 1
            assert set(await engine.states()) <= {"done", "cancelled", "waiting"}
            assert all(row[4] != "waiting" for row in await engine.jobs(kind="add_order"))


def _state(version: int, stage: Stage) -> Any:  # an order
    return order(1, stage=stage, updated_at=START + timedelta(minutes=version), revision=f"r{version}")


@pytest.fixture(scope="module")
def left_behind(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, datetime, list[bytes]]:
    """The data folder of a hub whose two orders are due, the moment, and what stands sealed in it."""
    data = tmp_path_factory.mktemp("due")

    async def make() -> tuple[datetime, list[bytes]]:
        async with hub(data) as engine:
            await sold_and_sent(engine, 1, 2)
            sealed = await sealed_bytes(engine)
            await engine.pass_time(31 * DAY)
            return engine.clock.now(), sealed

    return data, *asyncio.run(make())


@pytest.mark.parametrize("at", range(1, 16))
async def test_killed_anywhere_it_is_erased_by_the_next_start_and_no_bytes_stay(
    tmp_path: Path, left_behind: tuple[Path, datetime, list[bytes]], at: int
) -> None:
    source, now, sealed = left_behind
    for file in source.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    clock = EngineClock(now)
    await _killed_at(tmp_path, clock, at)
    async with hub(tmp_path, clock=clock) as engine:
        await engine.erase()
        assert await ids(engine) == []
        assert found_in(tmp_path, sealed) == []
        assert len(await engine.entries("buyer_data_erased")) == 2


async def _killed_at(data: Path, clock: EngineClock, at: int) -> None:
    """Kills an erasing before its store's operation of this number; it may be through before."""
    async with hub(data, clock=clock) as engine:
        engine.store.operations, engine.store.dies_at = 0, at
        looking = asyncio.create_task(engine.erase())
        dying = asyncio.create_task(engine.store.died.wait())
        await asyncio.wait({looking, dying}, return_when=asyncio.FIRST_COMPLETED)
        for task in (looking, dying):
            task.cancel()
        await asyncio.gather(looking, dying, return_exceptions=True)
        if engine.store.dead:
            await engine.reader.close()
            await engine.kill()


async def test_a_reader_in_the_way_is_waited_for(tmp_path: Path) -> None:
    async with hub(tmp_path) as engine:
        await sold_and_sent(engine, 1)
        sealed = await sealed_bytes(engine)
        await engine.pass_time(31 * DAY)
        other = sqlite3.connect(engine.store.path, isolation_level=None)
        other.execute("begin")
        other.execute("select count(*) from document").fetchone()  # holds the state of before
        looking = asyncio.create_task(engine.erase())
        async with asyncio.timeout(20):
            while not await engine.entries("buyer_data_erased"):  # noqa: ASYNC110 - only the store can tell
                await asyncio.sleep(0)
        assert not looking.done()
        assert found_in(tmp_path, sealed), "the log still holds it"
        other.close()
        await looking
        assert found_in(tmp_path, sealed) == []


async def test_a_backup_that_is_put_back_is_erased_as_the_present_store_was(tmp_path: Path) -> None:
    backup = tmp_path / "backup.db"
    async with hub(tmp_path / "data") as engine:
        await engine.store.fetch("select 1")
        await sold_and_sent(engine, 1, 2)
        await engine.receive(
            Page(malformed=(MalformedOrder(external_id="o-9", reason="odd", raw=b"x" * 99),), cursor="c2")
        )
        sealed = await sealed_bytes(engine)
        await engine.store.fetch("vacuum into ?", (str(backup),))
        assert found_in(tmp_path, sealed)
        await engine.pass_time(31 * DAY)
        await engine.erase()
        await engine.receive(page(order(3)))
    assert {name for name, _ in found_in(tmp_path, sealed)} == {"backup.db"}
    present = tmp_path / "data" / "orders.db"
    assert carry_erasures(present, backup) == 2
    assert carry_erasures(present, backup) == 0
    assert found_in(tmp_path, sealed) == []
    rows = sqlite3.connect(backup).execute("select external_id, erased_at is null from orders").fetchall()
    assert rows == [("o-1", 0), ("o-2", 0)]


async def test_the_file_is_rewritten_at_most_once_a_week_and_never_while_a_job_is_due(tmp_path: Path) -> None:
    world = ShopWorld(EngineClock())
    async with hub(tmp_path, world) as engine:

        async def rewritten() -> tuple[str | None, str | None]:
            meta = await engine.store.meta()
            return meta.get("rewritten_at"), meta.get(erasing.WANTED)

        await sold_and_sent(engine, 1)
        await engine.erase()
        assert await rewritten() == (None, None), "nothing was erased"
        await erased_by_hand(engine)
        await engine.receive(page(order(2)))
        await engine.settle()
        await engine.store.fetch("update job set state = 'waiting', due = 0 where order_id = 2")
        await engine.erase()
        assert await rewritten() == (None, "1"), "a job was due"
        await engine.store.fetch("update job set state = 'done' where order_id = 2")
        await engine.erase()
        first, wanted = await rewritten()
        assert (first is None, wanted) == (False, "0")
        await erased_by_hand(engine, 2, even=True)
        await engine.pass_time(6 * DAY)
        await engine.erase()
        assert await rewritten() == (first, "1")
        await engine.pass_time(DAY)
        await engine.erase()
        last, wanted = await rewritten()
        assert (last != first, wanted) == (True, "0")


async def test_a_large_file_is_rewritten_at_night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.privacy.eraser.LARGE", 0)
    async with hub(tmp_path) as engine:
        await sold_and_sent(engine, 1)
        await erased_by_hand(engine)
        hours = []
        for _ in range(24):
            await engine.erase()
            if (await engine.store.meta())[erasing.WANTED] == "0":
                hours.append(engine.clock.now().astimezone().hour)
            await engine.pass_time(3600)
        assert hours[0] in NIGHT


async def test_copies_from_before_a_new_schema_go_with_age(tmp_path: Path) -> None:
    async with hub(tmp_path) as engine:
        old, new = tmp_path / "orders-before-schema-3.db", tmp_path / "orders-before-schema-4.db"
        for copy, age in ((old, 15), (new, 13)):
            copy.write_bytes(b"copy")
            moment = (engine.clock.now() - timedelta(days=age)).timestamp()
            os.utime(copy, (moment, moment))
        await engine.erase()
        assert (old.exists(), new.exists()) == (False, True)
