"""What was erased is gone: from the file, from its log, from a backup that is put back, also after a kill."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from daemon.privacy import erasing
from daemon.privacy.eraser import NIGHT
from daemon.store.erasure import carry_erasures
from orderferry import MalformedOrder, Page
from orderferry.testing.clock import START
from tests.daemon.engine import BUYER, EngineClock, order, page
from tests.daemon.engine_platforms import ShopWorld
from tests.daemon.erasing_hub import CANARIES, DAY, erased_by_hand, found_in, hub, ids, sealed_bytes, sold_and_sent


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
    with closing(sqlite3.connect(backup)) as store:
        rows = store.execute("select external_id, erased_at is null from orders").fetchall()
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
