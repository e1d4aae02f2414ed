"""The store's promises: a page with its cursor or neither, one row each, sealed, never read by a full scan."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiosqlite
import msgspec
import pytest

from daemon.core.job import ImpossibleError, JobEvent, JobKind, JobState
from daemon.store.batch import STATEMENTS, Batch
from daemon.store.case import JobRecord, ms, when
from daemon.store.reader import Filter, Reader
from daemon.store.store import ShortfallError, Store
from orderferry import MalformedOrder, Stage
from orderferry.testing.clock import START
from tests.daemon.engine import BUYER, VAULT, Engine, EngineClock, KilledError, order, page
from tests.daemon.engine_platforms import MarketWorld, NarrowShop, ShopWorld


@pytest.fixture
async def store(tmp_path: Path) -> Any:  # an open store, closed afterwards
    opened = await Store.open(tmp_path, VAULT)
    yield opened
    await opened.close()


async def engine_of(folder: Path) -> Engine:
    engine = await Engine.open(folder)
    await engine.market(MarketWorld())
    return engine


@pytest.mark.parametrize("operation", ["begin", "write", "commit"])
async def test_a_page_and_its_cursor_are_both_on_disk_or_neither_is(tmp_path: Path, operation: str) -> None:
    engine = await engine_of(tmp_path)
    await engine.receive(page(order(1), cursor="one"))

    async def die(*_: object) -> None:
        engine.store.dead = True
        raise KilledError

    if operation == "write":
        write = engine.store.write

        async def half(batch: Batch) -> None:
            await write(batch)
            await die()

        engine.store.write = half  # type: ignore[method-assign] # the process dies between the writing and the commit
    else:
        setattr(engine.store, operation, die)
    receiving = asyncio.ensure_future(engine.receive(page(order(2), cursor="two")))
    with pytest.raises(KilledError):
        await receiving
    await engine.kill()
    async with await Engine.open(tmp_path) as again:
        assert await again.store.fetch("select external_id from orders") == [("o-1",)]
        assert await again.store.fetch("select cursor from account") == [("one",)]
        assert [row[0] for row in await again.store.fetch("select order_id from document")] == [1]


async def test_an_order_has_one_row_however_often_it_comes(tmp_path: Path) -> None:
    async with await engine_of(tmp_path) as engine:
        for cursor in ("a", "b", "a"):
            await engine.receive(page(order(1), order(1), cursor=cursor))
        assert await engine.store.fetch("select count(*) from orders") == [(1,)]
        with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
            await engine.store._db.execute(
                "insert into orders (id, account, external_id, digest, stage, status, ordered_at, updated_at,"
                " first_seen, total, paid, shipped, ships_itself)"
                " select 99, account, external_id, digest, stage, status, ordered_at, updated_at,"
                " first_seen, total, paid, shipped, ships_itself from orders"
            )


async def test_the_settings_that_the_promises_rest_on_are_in_force(store: Store) -> None:
    wanted = {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "secure_delete": 1,
        "trusted_schema": 0,
        "cell_size_check": 1,
        "mmap_size": 0,
        "busy_timeout": 5000,
        "wal_autocheckpoint": 1000,
        "journal_size_limit": 16 * 1024 * 1024,
        "page_size": 8192,
    }
    found = {name: await store.fetch(f"pragma {name}") for name in wanted}
    assert {name: rows[0][0] if rows else 0 for name, rows in found.items()} == wanted


async def test_no_buyer_and_no_raw_text_is_readable_in_any_file(tmp_path: Path) -> None:
    raw = MalformedOrder(external_id="m-1", reason="no total", raw=f"raw text of {BUYER}".encode())
    async with await engine_of(tmp_path) as engine:
        await engine.receive(page(order(1), cursor="one", malformed=(raw,)))
        await engine.receive(page(order(1, comment=f"for {BUYER}"), cursor="two"))
        files = [path for path in tmp_path.iterdir() if path.is_file()]  # noqa: ASYNC240 - a test may wait for its disk
        assert any(path.name.endswith("-wal") for path in files)
        for path in files:
            content = path.read_bytes()
            for canary in (BUYER.encode(), b"canary@example.org", "Żółtobrzuch".encode(), b"Solna 1"):
                assert canary not in content, path.name
    assert BUYER.encode() not in (tmp_path / "orders.db").read_bytes()
    reader = await Reader.open(tmp_path / "orders.db", VAULT)
    try:
        document = await reader.document(1)
        assert document is not None
        assert document.comment == f"for {BUYER}"
    finally:
        await reader.close()


async def test_the_reader_cannot_write(store: Store) -> None:
    reader = await Reader.open(store.path, VAULT)
    try:
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            await reader._all("insert into meta values ('a', 'b')")
    finally:
        await reader.close()


async def test_a_document_belongs_to_its_own_row(tmp_path: Path) -> None:
    async with await engine_of(tmp_path) as engine:
        await engine.receive(page(order(1), order(2)))
        engine.store._documents.clear()
        await engine.store._db.execute("update document set body = (select body from document where order_id = 2)")
        assert set(await engine.store.documents([1, 2])) == {2}


async def test_what_a_round_could_not_write_is_not_handed_out_from_memory(tmp_path: Path) -> None:
    async with await engine_of(tmp_path) as engine:
        await engine.receive(page(order(1)))
        engine.store.seal_document(1, order(1, comment="never written"), b"x")
        await engine.store.rollback()
        assert (await engine.store.documents([1]))[1].comment is None


async def test_a_row_that_is_not_as_it_was_believed_undoes_the_whole_batch(store: Store) -> None:
    batch = Batch()
    batch.add("set_meta", "written", "1")
    batch.add("move_cursor", "c", 1, "nobody")
    await store.begin()
    with pytest.raises(ShortfallError, match="0 of 1 rows"):
        await store.write(batch)
    await store.rollback()
    assert "written" not in await store.meta()
    await store.rollback()


async def test_closing_may_be_repeated_and_frees_the_lock(tmp_path: Path) -> None:
    store = await Store.open(tmp_path, VAULT)
    await store.close()
    await store.close()
    again = await Store.open(tmp_path, VAULT)
    await store.close()
    await again.fetch("select 1")
    await again.close()


async def plan(store: Store, sql: str, parameters: int) -> list[str]:
    return [row[3] for row in await store.fetch(f"explain query plan {sql}", ("[]",) * parameters)]


async def test_no_query_of_a_round_reads_all_orders_or_all_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, int]] = []
    fetch = Store.fetch

    async def spy(self: Store, sql: str, parameters: Any = ()) -> list[Any]:  # sqlite cells
        asked.append((sql, len(parameters)))
        return await fetch(self, sql, parameters)

    clock = EngineClock()
    async with await Engine.between(tmp_path, ShopWorld(clock), NarrowShop, clock=clock) as engine:
        monkeypatch.setattr(Store, "fetch", spy)
        unread = MalformedOrder(external_id="m", reason="x", raw=b"")
        await engine.receive(page(order(1), order(2), malformed=(unread,)), merges=True)
        await engine.settle()
        engine.store._documents.clear()
        await engine.receive(page(order(1, comment="new"), cursor="c2"), merges=True)
        await engine.pass_time(60)
        await engine.store.referred("shop", ["x"])
        monkeypatch.undo()
        questions = {(sql, count) for sql, count in asked if "job" in sql or "order" in sql}
        whole = {sql: await plan(engine.store, sql, count) for sql, count in questions}
        assert len(whole) >= 10
        for sql, steps in whole.items():
            scanned = [step.split()[1] for step in steps if step.startswith("SCAN") and "VIRTUAL TABLE" not in step]
            assert not [name for name in scanned if name != "j" and "subquery" not in name.lower()], (sql, steps)
        due = next(steps for sql, steps in whole.items() if "due <= ?2" in sql)
        assert sum("USING INDEX job_due (account=? AND state=? AND due<?)" in step for step in due) == 2
        following = next(steps for sql, steps in whole.items() if sql.startswith("select min(due)"))
        assert sum("job_due (account=? AND state=?)" in step for step in following) == 2


CHANGING = [name for name, statement in STATEMENTS.items() if statement.sql.startswith(("update", "delete"))]


@pytest.mark.parametrize("name", CHANGING)
async def test_no_statement_of_a_batch_reads_a_whole_table(store: Store, name: str) -> None:
    sql = STATEMENTS[name].sql
    assert all("SEARCH" in step for step in await plan(store, sql, sql.count("?")))


async def test_the_next_due_moment_is_of_the_accounts_and_jobs_that_are_asked_about(store: Store) -> None:
    batch = Batch()
    for number, (account, state, due) in enumerate(
        [("a", "waiting", 50), ("a", "unsure", 20), ("b", "waiting", 10), ("b", "done", 1), ("c", "parked", 2)], start=1
    ):
        batch.add("add_job", number, number, account, "add_order", state, due, 0, 0, None, None, None)
    await store.begin()
    await store.write(batch)
    await store.commit()
    assert await store.next_due(["a", "b", "c"], []) == 10
    assert await store.next_due(["a"], []) == 20
    assert await store.next_due(["a"], [2]) == 50
    assert await store.next_due(["c"], []) is None
    assert await store.next_due([], []) is None
    states = (JobState.WAITING, JobState.UNSURE)
    assert [job.id for job in await store.due("a", states, 60, 10)] == [2, 1]
    assert [job.id for job in await store.due("a", states, 60, 1)] == [2]
    assert [job.id for job in await store.due("a", states, 30, 10)] == [2]


async def test_an_order_never_has_two_open_jobs_of_a_kind_for_one_account(store: Store) -> None:
    batch = Batch()
    batch.add("add_job", 1, 1, "a", "add_order", "parked", 0, 0, 0, None, None, None)
    batch.add("add_job", 2, 1, "a", "add_order", "waiting", 0, 0, 0, None, None, None)
    await store.begin()
    with pytest.raises(sqlite3.IntegrityError):
        await store.write(batch)
    await store.rollback()


async def test_numbers_go_on_where_the_last_process_ended(tmp_path: Path) -> None:
    async with await engine_of(tmp_path) as engine:
        await engine.receive(page(order(1), order(2)))
    async with await engine_of(tmp_path) as again:
        await again.receive(page(order(3)))
        assert await again.store.fetch("select id from orders order by id") == [(1,), (2,), (3,)]


def test_moments_are_kept_to_the_millisecond() -> None:
    moment = START + timedelta(milliseconds=123)
    assert when(ms(moment)) == moment
    assert ms(moment + timedelta(microseconds=999)) == ms(moment)


def test_an_impossible_event_leaves_the_job_as_it_was() -> None:
    job = JobRecord(
        id=1, order_id=1, account="a", kind=JobKind.ADD_ORDER, state=JobState.DONE, due=START, made_at=START
    )
    with pytest.raises(ImpossibleError):
        job.go(JobEvent.CLAIM)
    assert job.state is JobState.DONE


async def test_lists_for_people(tmp_path: Path) -> None:
    async with await engine_of(tmp_path) as engine:
        for number in range(1, 6):
            stage = Stage.READY if number % 2 else Stage.CANCELLED
            await engine.receive(page(order(number, stage=stage, ordered_at=START + timedelta(days=number))))
        reader = await Reader.open(engine.store.path, VAULT)
        try:
            rows = await reader.orders(Filter(limit=2))
            assert [row[0] for row in rows] == [5, 4]
            assert [row[0] for row in await reader.orders(Filter(before=4))] == [3, 2, 1]
            assert [row[0] for row in await reader.orders(Filter(stage="cancelled", account="market"))] == [4, 2]
            assert [row[0] for row in await reader.orders(Filter(status="cancelled"))] == [4, 2]
            assert [row[0] for row in await reader.orders(Filter(since=START + timedelta(days=4)))] == [5, 4]
            assert await reader.orders(Filter(warnings=True)) == []
            assert await reader.orders(Filter(unfinished=True)) == []
            assert await reader.find("o-3") == [3]
            assert await reader.find("3") == [3]
            assert await reader.find("²") == []
            assert await reader.find("9" * 40) == []
            assert await reader.near("o-") == ["o-5", "o-4", "o-3", "o-2", "o-1"]
            assert await reader.near("%") == []
            stages, states, malformed, oldest = await reader.counts()
            assert (stages, states, malformed, oldest) == ({"ready": 3, "cancelled": 2}, {}, 0, None)
            assert await reader.account_counts() == {"market": (5, 0, 0)}
            entries = await reader.journal(after=2, limit=2)
            assert [entry.id for entry in entries] == [3, 4]
            assert {entry.order for entry in await reader.journal(order=3)} == {3}
            assert await reader.last_entry() == 5
            assert await reader.document(99) is None
        finally:
            await reader.close()


async def test_a_closed_reader_and_store_leave_one_file(tmp_path: Path) -> None:
    async with await engine_of(tmp_path) as engine:
        await engine.receive(page(order(1)))
        reader = await Reader.open(engine.store.path, VAULT)
        await reader.find("o-1")
        await reader.close()
    assert not (tmp_path / "orders.db-wal").exists()
    async with aiosqlite.connect(tmp_path / "orders.db") as plain:
        rows = list(await plain.execute_fetchall("select data from journal"))
    assert msgspec.json.decode(rows[0][0])["external_id"] == "o-1"
