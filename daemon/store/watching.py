"""What is read for metrics and alarms: each query by an index of what is open, however many orders there have been."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct

from daemon.core.alarm_mail import Raised
from daemon.core.alarming import Alarm, Double, OpenJob, Topic, Unreadable
from daemon.core.job import JobKind, JobState
from daemon.store.case import ms, when
from daemon.store.reader import OPEN_STATES, Reader

# the very words of the index `job_open`: without them SQLite can't tell that it may use it, and reads every job
_OPEN = f"from job where state in {OPEN_STATES}"

QUERIES: dict[str, str] = {
    "orders": "select account, stage, orders from tally",
    "jobs": f"select account, kind, state, count(*) {_OPEN} group by account, kind, state",
    "oldest": f"select account, min(made_at) {_OPEN} and kind = '{JobKind.ADD_ORDER}' group by account",
    "unreadable": "select account, count(*) from malformed group by account",
    "alarms": "select topic, count(*) from alarm group by topic",
    "rows": "select coalesce(max(id), 0) from journal",
    "open_jobs": (
        f"select id, order_id, account, kind, state, due, made_at, first_tried, doubt_at {_OPEN}"
        " and (state = 'parked' or made_at <= ?)"
    ),
    "doubles": "select order_id, account, doubled_as from link where doubled_as is not null",
    "unread": "select id, account, first_seen from malformed",
    "open_alarms": (
        "select key, topic, account, order_id, job, since, command, raised_at, told_by_mail from alarm"
        " order by raised_at, key"
    ),
}
"""All of them, for the test that none reads a whole table of orders, jobs or the journal."""


class Tallies(Struct, frozen=True, kw_only=True):
    """Counts for metrics; `oldest` is since when an order waits to be put into each shop."""

    orders: dict[tuple[str, str], int]
    jobs: dict[tuple[str, str, str], int]
    unreadable: dict[str, int]
    alarms: dict[str, int]
    journal_rows: int
    oldest: dict[str, datetime]


async def tallies(reader: Reader) -> Tallies:
    """The counts as they are now."""
    return Tallies(
        orders={(row[0], row[1]): row[2] for row in await reader.fetch(QUERIES["orders"])},
        jobs={(row[0], row[1], row[2]): row[3] for row in await reader.fetch(QUERIES["jobs"])},
        unreadable=dict(await reader.fetch(QUERIES["unreadable"])),
        alarms=dict(await reader.fetch(QUERIES["alarms"])),
        journal_rows=(await reader.fetch(QUERIES["rows"]))[0][0],
        oldest={row[0]: when(row[1]) for row in await reader.fetch(QUERIES["oldest"])},
    )


async def open_jobs(reader: Reader, made_before: datetime) -> list[OpenJob]:
    """Parked jobs, and the others that are open and were made before this moment."""
    return [
        OpenJob(
            id=row[0],
            order=row[1],
            account=row[2],
            kind=row[3],
            state=JobState(row[4]),
            due=when(row[5]),
            made_at=when(row[6]),
            first_tried=None if row[7] is None else when(row[7]),
            in_doubt=row[8] is not None,
        )
        for row in await reader.fetch(QUERIES["open_jobs"], ms(made_before))
    ]


async def doubles(reader: Reader) -> list[Double]:
    """Orders that stand in a shop twice."""
    return [Double(order=row[0], account=row[1], shop_order=row[2]) for row in await reader.fetch(QUERIES["doubles"])]


async def unreadable(reader: Reader, imports: frozenset[str]) -> list[Unreadable]:
    """Orders that could not be read; `imports` are the accounts of files."""
    return [
        Unreadable(id=row[0], account=row[1], first_seen=when(row[2]), imported=row[1] in imports)
        for row in await reader.fetch(QUERIES["unread"])
    ]


async def open_alarms(reader: Reader) -> list[Raised]:
    """The alarms that are open, the first one first."""
    return [_raised(row) for row in await reader.fetch(QUERIES["open_alarms"])]


def _raised(row: Any) -> Raised:  # a sqlite row
    alarm = Alarm(
        key=row[0], topic=Topic(row[1]), account=row[2], order=row[3], job=row[4], since=when(row[5]), command=row[6]
    )
    return Raised(alarm=alarm, raised_at=when(row[7]), mailed=bool(row[8]))
