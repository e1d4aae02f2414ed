"""What the store holds about buyers, and since when: queries for erasing, for the report, and for finding a person."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, NamedTuple

import structlog

from daemon.store.case import ms, when
from daemon.store.reader import OPEN_STATES, Reader
from orderferry import Order

log = structlog.get_logger("orderferry.privacy")

PAGE = 200


class GoingOn(NamedTuple):
    """An order without an end so far; `last` is when something last happened with it."""

    number: int
    stage: str
    status: str
    shipped: bool
    has_parcel: bool
    unfinished: bool
    last: datetime


async def going_on(reader: Reader, after: int) -> list[GoingOn]:
    """The next orders, by number, that are not over as far as the store knows."""
    rows = await reader.fetch(
        "select id, stage, status, shipped, exists (select 1 from parcel where order_id = o.id),"  # noqa: S608 - fixed text
        f" exists (select 1 from job where order_id = o.id and state in {OPEN_STATES}),"
        " coalesce((select at from journal where order_id = o.id order by id desc limit 1), first_seen)"
        " from orders o where final_at is null and erased_at is null and id > ? order by id limit ?",
        after,
        PAGE,
    )
    return [GoingOn(row[0], row[1], row[2], bool(row[3]), bool(row[4]), bool(row[5]), when(row[6])) for row in rows]


async def due(reader: Reader, account: str, before: datetime, limit: int) -> list[int]:
    """Orders of an account that were over at that moment or earlier, the longest over first."""
    rows = await reader.fetch(
        "select id from orders where account = ? and final_at <= ? and final_at is not null and erased_at is null"
        " order by final_at limit ?",
        account,
        ms(before),
        limit,
    )
    return [row[0] for row in rows]


async def unread_due(reader: Reader, account: str, before: datetime, limit: int) -> list[tuple[str, str]]:
    """Texts that could not be read as orders, last seen at that moment or earlier: account and external id."""
    rows = await reader.fetch(
        "select account, external_id from malformed where account = ? and last_seen <= ? and raw != x'' limit ?",
        account,
        ms(before),
        limit,
    )
    return [(row[0], row[1]) for row in rows]


async def is_busy(reader: Reader, now: datetime) -> bool:
    """Whether a job is under way or due."""
    rows = await reader.fetch(
        "select exists (select 1 from job where state in ('waiting', 'sending', 'unsure') and due <= ?)", ms(now)
    )
    return bool(rows[0][0])


async def platforms(reader: Reader) -> dict[str, str]:
    """The platform of every account that the store knows, also of those that the settings have no more."""
    return dict(await reader.fetch("select name, platform from account"))


async def meta(reader: Reader) -> dict[str, str]:
    """The store's facts about itself."""
    return dict(await reader.fetch("select key, value from meta"))


async def totals(reader: Reader, account: str, keep_from: datetime, now: datetime, day: datetime) -> Any:  # a row
    """Held, erased, due within a day, when the next is due to be counted from, oldest purchase, overdue.

    `keep_from` is the moment from before which nothing should be held any more.
    """
    span = ms(day) - ms(now)
    rows = await reader.fetch(
        "select count(*) filter (where erased_at is null), count(*) filter (where erased_at is not null),"
        " count(*) filter (where erased_at is null and final_at <= ?1 + ?2),"
        " min(final_at) filter (where erased_at is null), min(ordered_at) filter (where erased_at is null),"
        " count(*) filter (where erased_at is null and final_at is null and ordered_at <= ?1)"
        " from orders where account = ?3",
        ms(keep_from),
        span,
        account,
    )
    return rows[0]


async def overdue(reader: Reader, account: str, keep_from: datetime, limit: int) -> list[Any]:
    """The oldest orders that are not over: number, external id, when bought, status, and a job that is unfinished."""
    return await reader.fetch(
        "select id, external_id, ordered_at, status, j.job, j.kind, j.account, j.state, j.doubt_at from orders o"  # noqa: S608 - fixed text
        " left join (select min(id) as job, order_id, kind, account, state, doubt_at from job"
        f" where state in {OPEN_STATES} group by order_id) j on j.order_id = o.id"
        " where o.account = ? and o.final_at is null and o.erased_at is null and o.ordered_at <= ?"
        " order by o.ordered_at limit ?",
        account,
        ms(keep_from),
        limit,
    )


async def unread_count(reader: Reader, account: str) -> int:
    """How many texts that could not be read as orders are kept."""
    rows = await reader.fetch("select count(*) from malformed where account = ? and raw != x''", account)
    return int(rows[0][0])


async def documents(reader: Reader) -> AsyncIterator[list[tuple[int, str, Order]]]:
    """All stored orders with their account, some hundred at a time; one that can't be opened is told and left out."""
    after = 0
    while True:
        rows = await reader.fetch(
            "select d.order_id, o.account, d.body from document d join orders o on o.id = d.order_id"
            " where d.order_id > ? order by d.order_id limit ?",
            after,
            PAGE,
        )
        if not rows:
            return
        after = rows[-1][0]
        found = []
        for number, account, body in rows:
            try:
                found.append((number, account, reader.unseal(number, body)))
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one document, the others go on
                log.warning("document_unreadable", order=number, error=type(error).__name__)
        yield found


async def document_count(reader: Reader) -> int:
    """How many orders have their document."""
    return int((await reader.fetch("select count(*) from document"))[0][0])


async def unread_texts(reader: Reader) -> list[Any]:
    """Kept texts that could not be read as orders: account, external id, first and last seen, the text."""
    rows = await reader.fetch("select account, external_id, first_seen, last_seen, raw from malformed where raw != x''")
    return [
        (account, external_id, when(first), when(last), reader.unseal_raw(account, external_id, raw))
        for account, external_id, first, last, raw in rows
    ]
