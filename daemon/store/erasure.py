"""What erasing takes out of the store: the one list of statements, for the daemon and for a backup that is put back.

Each statement of ERASING takes the hub's number of an order, and may be repeated. `secure_delete` overwrites what they
take away; the write-ahead log forgets it when it is truncated, and the corners of pages that SQLite has moved rows out
of (it does not clear them) when the file is rewritten.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from types import MappingProxyType

ERASING: Mapping[str, str] = MappingProxyType(
    {
        "erase_document": "delete from document where order_id = ?",
        "erase_forwarded": "delete from forwarded where order_id = ?",
        # a tracking number leads, on the carrier's page, to where somebody lives
        "erase_parcels": "delete from parcel where order_id = ?",
        "erase_told_parcels": "update link set told_parcels = '[]' where order_id = ?",
        # answers of platforms, and of people, stand in these
        "erase_reasons": (
            "update job set reason = null, progress = null where order_id = ? and state in ('done', 'cancelled')"
        ),
        "erase_journal": (
            "update journal set data = json_remove(data, '$.error', '$.reason', '$.text', '$.detail', '$.parcels')"
            " where order_id = ?"
        ),
        "erase_tracking": "update journal set data = json_remove(data, '$.number')"
        " where order_id = ? and kind = 'parcel_added'",
        "erase_raw": (
            "update malformed set raw = x'', reason = 'its text was erased' from orders o"
            " where o.id = ? and malformed.account = o.account and malformed.external_id = o.external_id"
        ),
    }
)
"""An order's erasing, step by step; its row of `orders` gets its `erased_at` besides."""

ERASING_UNREAD: Mapping[str, str] = MappingProxyType(
    {
        "erase_unread": (
            "update malformed set raw = x'', reason = 'its text was erased' where account = ? and external_id = ?"
        ),
        "erase_unread_journal": (
            "update journal set data = json_remove(data, '$.reason') where kind = 'order_malformed'"
            " and order_id is null and account = ? and json_extract(data, '$.external_id') = ?"
        ),
    }
)
"""The same for the text of an order that could not be read: these take its account and its external id."""


def carry_erasures(present: Path, restored: Path) -> int:
    """Erases in a store that is about to be put back what is erased in the present one; answers how many orders.

    Both are whole store files, of which no daemon is running, and the restored one has this program's schema; where the
    present one is older, nothing was erased in it yet. Orders are matched by account and external id, as numbers may
    have been given anew. May be repeated. Raises `sqlite3.Error`.
    """
    with closing(_open(present)) as source:
        if "erased_at" not in {row[1] for row in source.execute("pragma table_info(orders)")}:
            return 0
        erased = source.execute(
            "select account, external_id, erased_at from orders where erased_at is not null"
        ).fetchall()
        unread = source.execute("select account, external_id from malformed where raw = x''").fetchall()
    with closing(_open(restored)) as target:
        target.execute("pragma secure_delete = on")
        target.execute("begin immediate")
        done = sum(_carry(target, *one) for one in erased)
        for named in unread:
            for statement in ERASING_UNREAD.values():
                target.execute(statement, named)
        target.execute("commit")
        target.execute("vacuum")
        target.execute("pragma wal_checkpoint(truncate)")
    return done


def _carry(target: sqlite3.Connection, account: str, external_id: str, at: int) -> bool:
    """Erases one order; False where it is not there, or was erased already."""
    row = target.execute(
        "select id, erased_at from orders where account = ? and external_id = ?", (account, external_id)
    ).fetchone()
    if row is None:
        return False
    for statement in ERASING.values():
        target.execute(statement, (row[0],))
    target.execute("update orders set erased_at = ?, has_email = 0 where id = ?", (at, row[0]))
    return row[1] is None


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{path}?mode=rw", uri=True, isolation_level=None)
    connection.execute("pragma busy_timeout = 5000")
    return connection
