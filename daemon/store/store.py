"""The store at work: reads that a round decides by, and one transaction for all that it decided.

There is one writing connection, and nobody but the round uses it; lists for people come from `reader.py`.
"""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, Self

import aiosqlite
import msgspec
import structlog

from daemon.core.intake import Known
from daemon.core.job import JobKind, JobState
from daemon.store.batch import Batch, Cell
from daemon.store.case import Case, JobRecord, LinkRecord, OrderRecord, when
from daemon.store.connection import BUSY, CACHE, SETTINGS, Lock, confirm, prepare, see
from orderferry import Order, Stage

CACHED = 2_000

log = structlog.get_logger("orderferry.store")


class Seal(Protocol):
    """What keeps documents unreadable at rest; `place` ties a text to its row."""

    def seal(self, plain: bytes, place: str) -> bytes: ...
    def unseal(self, sealed: bytes, place: str) -> bytes: ...


class ShortfallError(Exception):
    """The store is not what the round believed it to be: nothing of the round was written."""


class Store:
    """The open store. `next_ids` are counted here, since one process writes."""

    def __init__(self, connection: aiosqlite.Connection, lock: Lock, path: Path, installation: str, seal: Seal) -> None:
        self.path = path
        self.installation = installation
        self.commits = 0
        self.restored_at: datetime | None = None
        self._db = connection
        self._lock = lock
        self._seal = seal
        self._next: dict[str, int] = {}
        self._documents: OrderedDict[int, Order] = OrderedDict()

    @classmethod
    async def open(cls, data_dir: Path, seal: Seal, *, restored: bool = False) -> Self:
        """Takes the lock, checks the file, and opens it; raises `StoreBusyError` or `StoreRefusedError`.

        `restored`: see `connection.prepare`.
        """
        lock = Lock(data_dir)
        try:
            path, installation = prepare(data_dir, restored=restored)
            connection = await aiosqlite.connect(path, isolation_level=None)
        except BaseException:
            lock.release()
            raise
        store = cls(connection, lock, path, installation, seal)
        try:
            for pragma in SETTINGS:
                await connection.execute(pragma)
            mode = await store.fetch("pragma journal_mode")
            level = await store.fetch("pragma synchronous")
            confirm(mode[0][0], level[0][0])
            for table in ("orders", "job", "journal", "malformed"):
                rows = await store.fetch(f"select coalesce(max(id), 0) + 1 from {table}")  # noqa: S608 - a fixed name
                store._next[table] = rows[0][0]
            moment = (await store.meta()).get("restored_at")
            store.restored_at = None if moment is None else when(int(moment))
        except BaseException:
            await store.close()
            raise
        return store

    async def close(self) -> None:
        """Closes the file and gives the lock back; may be repeated."""
        try:
            with suppress(
                sqlite3.Error, ValueError, OSError
            ):  # closed before, or the disk is full: the last note stays
                newest = await self._db.execute_fetchall("select coalesce(max(id), 0) from journal")
                see(self.path.parent, next(iter(newest))[0])
            await self._db.close()
        finally:
            self._lock.release()

    def new_id(self, table: str) -> int:
        """The next number of a table; gaps stay where a round was not written."""
        number = self._next[table]
        self._next[table] = number + 1
        return number

    async def fetch(self, sql: str, parameters: Sequence[Cell] = ()) -> list[Any]:
        """Rows of a query on the writing connection."""
        return list(await self._db.execute_fetchall(sql, parameters))

    async def begin(self) -> None:
        """Begins the round's transaction."""
        await self._db.execute("begin immediate")

    async def write(self, batch: Batch) -> None:
        """Carries out a batch inside the transaction."""
        for statement, rows in batch:
            cursor = await self._db.executemany(statement.sql, rows)
            if statement.exact and cursor.rowcount != len(rows):
                raise ShortfallError(f"{cursor.rowcount} of {len(rows)} rows: {statement.sql[:60]}")

    async def commit(self) -> None:
        """Ends the transaction; when this returns, all of it is on disk."""
        await self._db.execute("commit")
        self.commits += 1

    async def rollback(self) -> None:
        """Ends the transaction with nothing written; harmless outside of one."""
        self._documents.clear()  # what this round brought is not on disk
        if self._db.in_transaction:
            await self._db.execute("rollback")

    async def meta(self) -> dict[str, str]:
        """The store's facts about itself."""
        return dict(await self.fetch("select key, value from meta"))

    async def known(self, account: str, external_ids: Iterable[str]) -> dict[str, Known]:
        """Which of these orders are there, by external id."""
        # "cross join" here and below: SQLite begins with the left side, and does not read all rows of the account
        rows = await self.fetch(
            "select o.id, o.external_id, o.digest, o.stage, o.updated_at from json_each(?) j"
            " cross join orders o on o.account = ? and o.external_id = j.value",
            (_json(list(external_ids)), account),
        )
        return {row[1]: _known(row) for row in rows}

    async def owners(self, account: str, line_ids: Iterable[str]) -> dict[str, Known]:
        """Which known orders carry these lines, by line id."""
        rows = await self.fetch(
            "select o.id, o.external_id, o.digest, o.stage, o.updated_at, l.line_id from json_each(?) j"
            " cross join line l on l.account = ? and l.line_id = j.value join orders o on o.id = l.order_id",
            (_json(list(line_ids)), account),
        )
        return {row[5]: _known(row) for row in rows}

    async def referred(self, account: str, references: Iterable[str]) -> dict[str, int]:
        """The orders that stand in this shop under these references."""
        rows = await self.fetch(
            "select l.reference, l.order_id from json_each(?) j"
            " cross join link l on l.account = ? and l.reference = j.value",
            (_json(list(references)), account),
        )
        return dict(rows)

    async def unreadable(self, account: str, external_ids: Iterable[str]) -> dict[str, str]:
        """Which of these ids are kept as malformed, and why."""
        rows = await self.fetch(
            "select m.external_id, m.reason from json_each(?) j"
            " cross join malformed m on m.account = ? and m.external_id = j.value",
            (_json(list(external_ids)), account),
        )
        return dict(rows)

    async def cases(self, ids: Iterable[int]) -> dict[int, Case]:
        """The orders with these numbers and everything that hangs on them; numbers that don't exist are left out."""
        wanted = _json(sorted(set(ids)))
        found: dict[int, Case] = {}
        for row in await self.fetch(_ORDERS, (wanted,)):
            found[row[0]] = Case(order=_order(row))
        for row in await self.fetch(_JOBS, (wanted,)):
            job = _job(row)
            found[job.order_id].jobs[job.id] = job
        for row in await self.fetch(_LINKS, (wanted,)):
            found[row[0]].links[row[1]] = _link(row)
        for row in await self.fetch(_PARCELS, (wanted,)):
            found[row[0]].parcels[row[1]] = row[2]
        return found

    async def due(self, account: str, states: Sequence[JobState], now: int, limit: int) -> list[JobRecord]:
        """The account's jobs that are due in these states, the longest due first."""
        each = " union all ".join(_DUE.format(state=state.value) for state in states)
        rows = await self.fetch(
            f"select * from ({each}) order by due, id limit ?3",  # noqa: S608 - fixed names
            (account, now, limit),
        )
        return [_job(row) for row in rows]

    async def next_due(self, accounts: Iterable[str], besides: Iterable[int]) -> int | None:
        """When the next job of these accounts is due, but for the jobs named; None when none is."""
        rows = await self.fetch(_NEXT_DUE, (_json(list(accounts)), _json(list(besides))))
        due = rows[0][0]
        return None if due is None else int(due)

    def seal_document(self, number: int, order: Order, encoded: bytes) -> bytes:
        """An order's document as it is stored; the order itself is kept at hand for its forwarding."""
        self._documents[number] = order
        self._documents.move_to_end(number)
        if len(self._documents) > CACHED:
            self._documents.popitem(last=False)
        return self._seal.seal(encoded, f"document|{number}")

    def forget_document(self, number: int) -> None:
        """Keeps an order at hand no longer; what is on disk is another matter."""
        self._documents.pop(number, None)

    async def shed(self, *, rewrite: bool) -> bool:
        """Lets the file and its log forget what was deleted; False where that has to be asked for once more.

        With `rewrite` the whole file is written anew, which takes a moment for every 100 MB, and whoever wants to write
        waits for it. A round under way or a reader can be in its way; it waits for neither, as rounds would wait too.
        """
        try:
            await self._db.execute("pragma busy_timeout = 0")
            if rewrite:
                await self._db.execute("pragma cache_size = -4096")  # else it takes twice what rounds are given
                await self._db.execute("vacuum")
            rows = await self.fetch("pragma wal_checkpoint(truncate)")
        except sqlite3.OperationalError as error:  # a round's transaction is open
            log.debug("store_not_shed", error=str(error))
            return False
        finally:
            await self._db.execute(f"pragma cache_size = {CACHE}")
            await self._db.execute(f"pragma busy_timeout = {BUSY}")
        return bool(rows[0][0] == 0)

    def seal_forwarded(self, number: int, account: str, encoded: bytes) -> bytes:
        """An order as an account got it, as it is stored."""
        return self._seal.seal(encoded, f"forwarded|{number}|{account}")

    def seal_raw(self, raw: bytes, account: str, external_id: str) -> bytes:
        """The raw text of an order that could not be read, as it is stored."""
        return self._seal.seal(raw, f"malformed|{account}|{external_id}")

    def seal_progress(self, text: str, job: int) -> bytes:
        """How far a job of several steps has come, as it is stored: a plugin may have put anything into it."""
        return self._seal.seal(text.encode(), f"progress|{job}")

    def open_progress(self, job: JobRecord) -> str | None:
        """How far a job of several steps has come; raises what the seal raises."""
        if not isinstance(job.progress, bytes):
            return job.progress
        return self._seal.unseal(job.progress, f"progress|{job.id}").decode()

    async def documents(self, ids: Iterable[int]) -> Mapping[int, Order]:
        """The orders themselves, by number; one that can't be read is left out."""
        wanted = set(ids)
        if not wanted:
            return {}
        found = {number: self._documents[number] for number in wanted if number in self._documents}
        missing = wanted - found.keys()
        if missing:
            sql = "select d.order_id, d.body from json_each(?) j join document d on d.order_id = j.value"
            for number, body in await self.fetch(sql, (_json(sorted(missing)),)):
                try:
                    found[number] = open_document(self._seal, number, body)
                except Exception as error:  # noqa: BLE001 - whatever is wrong with one document, the others go on
                    log.warning("document_unreadable", order=number, error=type(error).__name__)
        return found

    async def begun_with(self, ids: Iterable[int]) -> Mapping[tuple[int, str], Order]:
        """The orders as the accounts got them, by number and account: those that have changed since."""
        wanted = _json(sorted(set(ids)))
        sql = "select f.order_id, f.account, f.body from json_each(?) j join forwarded f on f.order_id = j.value"
        rows = await self.fetch(sql, (wanted,))
        return {(number, name): open_forwarded(self._seal, number, name, body) for number, name, body in rows}


def open_document(seal: Seal, number: int, body: bytes) -> Order:
    """The order in a stored document."""
    return msgspec.msgpack.decode(seal.unseal(body, f"document|{number}"), type=Order)


def open_forwarded(seal: Seal, number: int, account: str, body: bytes) -> Order:
    """The order as this account got it."""
    return msgspec.msgpack.decode(seal.unseal(body, f"forwarded|{number}|{account}"), type=Order)


def _json(values: list[Any]) -> str:  # ids, numbers or texts
    return msgspec.json.encode(values).decode()


def _known(row: Any) -> Known:  # a sqlite row
    return Known(id=row[0], external_id=row[1], digest=row[2], stage=Stage(row[3]), updated_at=when(row[4]))


def _order(row: Any) -> OrderRecord:  # a sqlite row
    return OrderRecord(
        id=row[0],
        account=row[1],
        external_id=row[2],
        digest=row[3],
        stage=Stage(row[4]),
        status=row[5],
        ordered_at=when(row[6]),
        updated_at=when(row[7]),
        first_seen=when(row[8]),
        total=row[9],
        paid=bool(row[10]),
        shipped=bool(row[11]),
        ships_itself=bool(row[12]),
        has_email=bool(row[13]),
        held=row[14],
        merged_into=row[15],
        warnings=row[16],
        ready_at=_maybe(row[17]),
        final_at=_maybe(row[18]),
        erased_at=_maybe(row[19]),
    )


def _job(row: Any) -> JobRecord:  # a sqlite row
    state = JobState(row[4])
    return JobRecord(
        id=row[0],
        order_id=row[1],
        account=row[2],
        kind=JobKind(row[3]),
        state=state,
        due=when(row[5]),
        attempt=row[6],
        made_at=when(row[7]),
        first_tried=_maybe(row[8]),
        sent_at=_maybe(row[9]),
        doubt_at=_maybe(row[10]),
        by_hand=bool(row[11]),
        progress=row[12],
        reason=row[13],
        told_status=row[14],
        told_paid=None if row[15] is None else bool(row[15]),
        sure=bool(row[16]),
        was=state,
        was_reason=row[13],
    )


def _maybe(stored: int | None) -> Any:  # a moment or None
    return None if stored is None else when(stored)


def _link(row: Any) -> LinkRecord:  # a sqlite row
    return LinkRecord(
        account=row[1],
        shop_order=row[2],
        number=row[3],
        reference=row[4],
        linked_at=when(row[5]),
        total=row[6],
        told_status=row[7],
        told_paid=None if row[8] is None else bool(row[8]),
        told_parcels=frozenset(msgspec.json.decode(row[9], type=list[str])),
        doubled_as=row[10],
    )


ORDER_COLUMNS = (
    "o.id, o.account, o.external_id, o.digest, o.stage, o.status, o.ordered_at, o.updated_at, o.first_seen, o.total,"
    " o.paid, o.shipped, o.ships_itself, o.has_email, o.held, o.merged_into, o.warnings, o.ready_at, o.final_at,"
    " o.erased_at"
)
_JOB_COLUMNS = (
    "job.id, job.order_id, job.account, job.kind, job.state, job.due, job.attempt, job.made_at, job.first_tried,"
    " job.sent_at, job.doubt_at, job.by_hand, job.progress, job.reason, job.told_status, job.told_paid,"
    " job.sure"
)
# the very words of the index `job_due`: without them SQLite can't tell that it may use it, and reads every job
_OPEN = "job.state in ('waiting', 'sending', 'unsure')"
_DUE = (
    f"select * from (select {_JOB_COLUMNS} from job where account = ?1 and state = '{{state}}' and due <= ?2"  # noqa: S608 - fixed names
    f" and {_OPEN} order by due, id limit ?3)"
)
_FIRST_DUE = (
    f"select (select due from job where account = j.value and state = '{{state}}' and {_OPEN}"  # noqa: S608 - fixed names
    " and id not in (select value from json_each(?2)) order by due limit 1) as due from json_each(?1) j"
)
_NEXT_DUE = "select min(due) from ({} union all {})".format(  # noqa: S608 - fixed text; each account's first alone is read
    *(_FIRST_DUE.format(state=state.value) for state in (JobState.WAITING, JobState.UNSURE))
)
_ORDERS = f"select {ORDER_COLUMNS} from json_each(?) j join orders o on o.id = j.value"  # noqa: S608 - fixed names
_JOBS = f"select {_JOB_COLUMNS} from json_each(?) j join job on job.order_id = j.value order by job.id"  # noqa: S608 - fixed names
_LINKS = (
    "select l.order_id, l.account, l.shop_order, l.number, l.reference, l.linked_at, l.total, l.told_status,"
    " l.told_paid, l.told_parcels, l.doubled_as from json_each(?) j join link l on l.order_id = j.value"
)
_PARCELS = (
    "select p.order_id, p.number, p.carrier from json_each(?) j join parcel p on p.order_id = j.value"
    " order by p.added_at, p.number"
)
