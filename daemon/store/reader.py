"""Lists and single rows for people, read on a connection of their own that can't write."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import aiosqlite
import msgspec

from daemon.core.journal import Entry, Kind
from daemon.core.telling import sentence
from daemon.store.case import ms, when
from daemon.store.store import Seal, open_document, open_forwarded
from orderferry import Order

OPEN_STATES = "('waiting', 'sending', 'unsure', 'parked')"


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which orders are asked for."""

    account: str | None = None
    stage: str | None = None
    status: str | None = None
    since: datetime | None = None
    unfinished: bool = False
    warnings: bool = False
    before: int | None = None
    limit: int = 50


class Reader:
    """The reading connection; rows come as tuples in the order of the columns named in each query."""

    def __init__(self, connection: aiosqlite.Connection, seal: Seal) -> None:
        self._db = connection
        self._seal = seal

    @classmethod
    async def open(cls, path: Path, seal: Seal) -> Self:
        """Opens the store's file for reading alone; it never checkpoints, so the writer has no rival there."""
        connection = await aiosqlite.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
        await connection.execute("pragma query_only = on")
        await connection.execute("pragma wal_autocheckpoint = 0")
        await connection.execute("pragma busy_timeout = 5000")
        return cls(connection, seal)

    async def close(self) -> None:
        """Closes the connection; close it before the store, so that the writer is the last."""
        await self._db.close()

    async def _all(self, sql: str, *parameters: Any) -> list[Any]:  # sqlite cells
        return list(await self._db.execute_fetchall(sql, parameters))

    async def fetch(self, sql: str, *parameters: Any) -> list[Any]:  # sqlite cells
        """Rows of a query of another module below `daemon.store`."""
        return await self._all(sql, *parameters)

    def unseal(self, number: int, body: bytes) -> Order:
        """The order in a stored document."""
        return open_document(self._seal, number, body)

    def unseal_raw(self, account: str, external_id: str, raw: bytes) -> bytes:
        """The stored text of an order that could not be read."""
        return self._seal.unseal(raw, f"malformed|{account}|{external_id}")

    async def find(self, text: str) -> list[int]:
        """The numbers of the orders that a person can mean by this text: the hub's own, or a platform's id."""
        found = await self._all("select id from orders where external_id = ? order by id desc", text)
        if not found and text.isascii() and text.isdigit() and len(text) < 18:
            found = await self._all("select id from orders where id = ?", int(text))
        return [row[0] for row in found]

    async def near(self, text: str) -> list[str]:
        """Ids that begin like this text, the newest first: for "did you mean"."""
        pattern = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")[:4] + "%"
        rows = await self._all(
            "select external_id from orders where external_id like ? escape '\\' order by id desc limit 50", pattern
        )
        return [row[0] for row in rows]

    async def order_of(self, job: int) -> int | None:
        """The order that a job belongs to."""
        rows = await self._all("select order_id from job where id = ?", job)
        return rows[0][0] if rows else None

    async def row(self, number: int) -> Any:  # a sqlite row
        """An order's row: as in `orders`, when first seen, why held, merged into what, when ready, when erased."""
        rows = await self._all(
            "select id, account, external_id, stage, status, ordered_at, updated_at, total, paid, warnings,"
            " first_seen, held, merged_into, ready_at, erased_at from orders where id = ?",
            number,
        )
        return rows[0]

    async def parcels(self, number: int) -> list[Any]:
        """An order's parcels: carrier and number."""
        return await self._all("select carrier, number from parcel where order_id = ? order by added_at", number)

    async def document(self, number: int) -> Order | None:
        """An order as it was fetched last."""
        rows = await self._all("select body from document where order_id = ?", number)
        return open_document(self._seal, number, rows[0][0]) if rows else None

    async def orders(self, wanted: Filter) -> list[Any]:
        """Rows of orders, newest first: id, account, external id, stage, status, times, total, paid, warnings."""
        where, parameters = ["1"], []
        for condition, value in (
            ("account = ?", wanted.account),
            ("stage = ?", wanted.stage),
            ("status = ?", wanted.status),
            ("ordered_at >= ?", None if wanted.since is None else ms(wanted.since)),
            ("id < ?", wanted.before),
        ):
            if value is not None:
                where.append(condition)
                parameters.append(value)
        if wanted.unfinished:
            where.append(f"id in (select order_id from job where state in {OPEN_STATES})")  # noqa: S608 - fixed text
        if wanted.warnings:
            where.append("warnings > 0")
        return await self._all(
            "select id, account, external_id, stage, status, ordered_at, updated_at, total, paid, warnings,"  # noqa: S608 - fixed text
            f" exists (select 1 from job where order_id = orders.id and state in {OPEN_STATES}), erased_at"
            f" from orders where {' and '.join(where)} order by id desc limit ?",
            *parameters,
            wanted.limit,
        )

    async def links(self, numbers: Iterable[int]) -> list[Any]:
        """Links of these orders: order id, account, shop order, number, reference, times, what was told."""
        return await self._all(
            "select order_id, account, shop_order, number, reference, linked_at, total, told_status, told_paid,"
            " told_parcels from link where order_id in (select value from json_each(?)) order by account",
            msgspec.json.encode(list(numbers)).decode(),
        )

    async def warnings(self, numbers: Iterable[int]) -> dict[int, list[str]]:
        """The warnings of these orders, in time."""
        rows = await self._all(
            "select id, at, kind, order_id, account, job, data from journal"
            " where kind in ('order_warning', 'order_differs')"
            " and order_id in (select value from json_each(?)) order by id",
            msgspec.json.encode(list(numbers)).decode(),
        )
        found: dict[int, list[str]] = {}
        for entry in map(_entry, rows):
            text = entry.data.get("text")
            found.setdefault(entry.order or 0, []).append(text if isinstance(text, str) else sentence(entry))
        return found

    async def forwarded(self, number: int) -> dict[str, Order]:
        """An order as the accounts got it, by account: those in which it has come to differ."""
        rows = await self._all("select account, body from forwarded where order_id = ?", number)
        return {name: open_forwarded(self._seal, number, name, body) for name, body in rows}

    async def unmapped(self, shop: str) -> list[Any]:
        """Methods without an entry in a shop's maps: kind, account, method, what it became, newest order, last seen."""
        return await self._all(
            "select kind, account, method, became, last_order, last_seen from unmapped where shop = ?"
            " order by kind, account, method",
            shop,
        )

    async def jobs(
        self, *, state: str | None = None, account: str | None = None, order: int | None = None, limit: int = 100
    ) -> list[Any]:
        """Rows of jobs, newest first; without a state or an order, the unfinished ones."""
        where, parameters = ["1"], []
        for condition, value in (("j.state = ?", state), ("j.account = ?", account), ("j.order_id = ?", order)):
            if value is not None:
                where.append(condition)
                parameters.append(value)
        if state is None and order is None:
            where.append(f"j.state in {OPEN_STATES}")
        return await self._all(
            "select j.id, j.order_id, o.external_id, j.account, j.kind, j.state, j.due, j.attempt, j.made_at,"  # noqa: S608 - fixed text
            " j.sent_at, j.reason, j.doubt_at from job j join orders o on o.id = j.order_id"
            f" where {' and '.join(where)} order by j.id desc limit ?",
            *parameters,
            limit,
        )

    async def malformed(self, limit: int = 100) -> list[Any]:
        """Orders that could not be read, newest first."""
        return await self._all(
            "select id, account, external_id, reason, first_seen, last_seen, times from malformed"
            " order by last_seen desc limit ?",
            limit,
        )

    async def counts(self) -> tuple[dict[str, int], dict[str, int], int, datetime | None]:
        """Orders by stage, unfinished jobs by state, malformed orders, and since when the oldest job is unfinished."""
        stages = dict(await self._all("select stage, sum(orders) from tally group by stage"))
        states = dict(
            await self._all(f"select state, count(*) from job where state in {OPEN_STATES} group by state")  # noqa: S608 - fixed text
        )
        malformed = (await self._all("select count(*) from malformed"))[0][0]
        oldest = (await self._all(f"select min(made_at) from job where state in {OPEN_STATES}"))[0][0]  # noqa: S608 - fixed text
        return stages, states, malformed, None if oldest is None else when(oldest)

    async def account_counts(self) -> dict[str, tuple[int, int, int]]:
        """For each account: orders fetched from it, its unfinished and its parked jobs."""
        orders = dict(await self._all("select account, sum(orders) from tally group by account"))
        jobs = {
            row[0]: (row[1], row[2])
            for row in await self._all(
                "select account, count(*), sum(state = 'parked') from job"  # noqa: S608 - fixed text
                f" where state in {OPEN_STATES} group by account"
            )
        }
        return {name: (orders.get(name, 0), *jobs.get(name, (0, 0))) for name in {*orders, *jobs}}

    async def journal(
        self,
        *,
        after: int = 0,
        order: int | None = None,
        account: str | None = None,
        kind: str | None = None,
        newest: bool = False,
        limit: int = 100,
    ) -> list[Entry]:
        """Rows of the journal after an id, in order: the first ones there, or the `newest`."""
        where: list[str] = ["id > ?"]
        parameters: list[Any] = [after]
        for condition, value in (("order_id = ?", order), ("account = ?", account), ("kind = ?", kind)):
            if value is not None:
                where.append(condition)
                parameters.append(value)
        rows = await self._all(
            "select id, at, kind, order_id, account, job, data from journal"  # noqa: S608 - fixed text
            f" where {' and '.join(where)} order by id {'desc' if newest else 'asc'} limit ?",
            *parameters,
            limit,
        )
        return [_entry(row) for row in (reversed(rows) if newest else rows)]

    async def last_before(self, moment: datetime) -> int:
        """The id of the newest row that is older than this moment; 0 where there is none."""
        rows = await self._all("select id from journal where at < ? order by id desc limit 1", ms(moment))
        return rows[0][0] if rows else 0

    async def last_entry(self) -> int:
        """The id of the journal's newest row."""
        newest = (await self._all("select coalesce(max(id), 0) from journal"))[0][0]
        return int(newest)


def _entry(row: Any) -> Entry:  # a sqlite row
    return Entry(
        id=row[0],
        at=when(row[1]),
        kind=Kind(row[2]),
        order=row[3],
        account=row[4],
        job=row[5],
        data=msgspec.json.decode(row[6]),
    )
