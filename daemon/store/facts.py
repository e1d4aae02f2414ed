"""Facts of the store for a report of a fault: sizes, counts and the journal's last rows; never a row of buyer data."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import msgspec

KNOWN = 20_000
_IDS = """
select external_id from (select external_id from orders order by id desc limit ?1)
union select shop_order from (select * from link order by linked_at desc limit ?1)
union select number from (select * from link order by linked_at desc limit ?1)
union select reference from (select * from link order by linked_at desc limit ?1)
union select number from (select * from parcel order by added_at desc limit ?1)
"""


class StoreFacts(msgspec.Struct, frozen=True, kw_only=True):
    """`rows` counts each table's rows, `jobs` the jobs by kind and state, `journal` has the last rows in order.

    `ids` are what orders are called outside, for whoever has to leave them out of other texts.
    """

    schema: int
    page_size: int
    pages: int
    free_pages: int
    rows: dict[str, int]
    jobs: dict[str, int]
    journal: list[dict[str, Any]]
    ids: list[str]


def read(path: Path, last: int) -> StoreFacts:
    """Reads the store, which may be in use; raises `sqlite3.Error`.

    A store that nobody uses is read as a file that can't change, so that SQLite makes none beside it.
    """
    idle = "" if Path(f"{path}-wal").exists() else "&immutable=1"
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro{idle}", uri=True)
    try:
        connection.execute("pragma query_only = on")
        tables = [
            row[0] for row in connection.execute("select name from sqlite_schema where type = 'table' order by name")
        ]
        rows = connection.execute(
            "select id, at, kind, order_id, account, job, data from journal order by id desc limit ?", (last,)
        ).fetchall()
        return StoreFacts(
            schema=_pragma(connection, "user_version"),
            page_size=_pragma(connection, "page_size"),
            pages=_pragma(connection, "page_count"),
            free_pages=_pragma(connection, "freelist_count"),
            rows={name: connection.execute(f'select count(*) from "{name}"').fetchone()[0] for name in tables},  # noqa: S608 - the store's own names
            jobs={
                f"{kind} {state}": count
                for kind, state, count in connection.execute(
                    "select kind, state, count(*) from job group by kind, state order by kind, state"
                )
            },
            journal=[
                {
                    "id": number,
                    "at": at,
                    "kind": kind,
                    "order": order,
                    "account": account,
                    "job": job,
                    "data": msgspec.json.decode(data),
                }
                for number, at, kind, order, account, job, data in reversed(rows)
            ],
            ids=[row[0] for row in connection.execute(_IDS, (KNOWN,))],
        )
    finally:
        connection.close()


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"pragma {name}").fetchone()[0])
