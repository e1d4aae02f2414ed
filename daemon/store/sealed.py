"""Every sealed value of a store, and how all of them are sealed anew: the one list of what the key alone can open.

A column that may hold a buyer's data or a secret stands in `COLUMNS`; what the store seals elsewhere is sealed for the
places named here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from msgspec import Struct

BATCH = 500

Row: TypeAlias = tuple[Any, ...]  # sqlite cells


class Column(Struct, frozen=True, kw_only=True):
    """A column of sealed values; `place` is SQL for the place that each is tied to, made of the columns of its row."""

    table: str
    name: str
    place: str
    key: str = "rowid"
    plain: bool = False  # an earlier version kept it as plain text


COLUMNS = (
    Column(table="document", name="body", place="'document|' || order_id"),
    Column(table="forwarded", name="body", place="'forwarded|' || order_id || '|' || account", key="order_id, account"),
    Column(table="malformed", name="raw", place="'malformed|' || account || '|' || external_id"),
    Column(table="job", name="progress", place="'progress|' || id", plain=True),
)

SAMPLES = "select body, 'document|' || order_id from document where length(body) > 0 order by order_id desc limit 20"
"""Values with their places, by which is seen whether the key in use is the store's; none where it has no orders."""


class Resealing(Protocol):
    """What seals anew: `head` is how values begin that need not be."""

    head: bytes

    def seal(self, plain: bytes, place: str) -> bytes: ...
    def unseal(self, sealed: bytes, place: str) -> bytes: ...


class Resealed(Struct, frozen=True, kw_only=True):
    """How many values were sealed anew, and how many stayed as they were because they can't be opened."""

    values: int = 0
    unreadable: int = 0


def left_to_seal(connection: sqlite3.Connection, seal: Resealing) -> int:
    """How many values are not sealed with the first key."""
    left = 0
    for column in _there(connection):
        sql = f"select count(*) from {column.table} where {_old(column)}"  # noqa: S608 - names of COLUMNS
        left += connection.execute(sql, (seal.head,)).fetchone()[0]
    return left


def reseal(connection: sqlite3.Connection, seal: Resealing, tell: Callable[[int], None] = lambda _: None) -> Resealed:
    """Seals anew whatever the first key has not sealed, in transactions of `BATCH` values; begun again, it goes on.

    The connection is in autocommit; nothing else may write meanwhile. `tell` hears after each batch how many values are
    done. Raises `sqlite3.Error`.
    """
    done = Resealed()
    for column in _there(connection):
        after: Row = ()
        while rows := _next(connection, column, seal.head, after):
            after = rows[-1][2:]
            done = _write(connection, column, rows, seal, done)
            tell(done.values)
    return done


def _there(connection: sqlite3.Connection) -> list[Column]:
    """The columns that this store has: one of an earlier schema lacks some."""
    tables = {row[0] for row in connection.execute("select name from sqlite_master where type = 'table'")}
    return [column for column in COLUMNS if column.table in tables]


def _old(column: Column) -> str:
    return f"length({column.name}) > 0 and substr(cast({column.name} as blob), 1, 5) is not ?1"


def _next(connection: sqlite3.Connection, column: Column, head: bytes, after: Row) -> list[Row]:
    """The next rows that are to be sealed: the value, its place, then its key."""
    keys = column.key.split(", ")
    further = f" and ({column.key}) > ({', '.join(f'?{2 + place}' for place in range(len(keys)))})" if after else ""
    sql = (
        f"select {column.name}, {column.place}, {column.key} from {column.table}"  # noqa: S608 - names of COLUMNS
        f" where {_old(column)}{further} order by {column.key} limit {BATCH}"
    )
    return connection.execute(sql, (head, *after)).fetchall()


def _write(
    connection: sqlite3.Connection, column: Column, rows: list[Row], seal: Resealing, done: Resealed
) -> Resealed:
    where = " and ".join(f"{key} = ?" for key in column.key.split(", "))
    values, unreadable = done.values, done.unreadable
    connection.execute("begin immediate")
    try:
        for value, place, *key in rows:
            try:
                plain = value.encode() if isinstance(value, str) and column.plain else seal.unseal(value, place)
            except Exception:  # noqa: BLE001 - whatever is wrong with one value, the others are sealed
                unreadable += 1
                continue
            statement = f"update {column.table} set {column.name} = ? where {where}"  # noqa: S608 - names of COLUMNS
            connection.execute(statement, (seal.seal(plain, place), *key))
            values += 1
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise
    return Resealed(values=values, unreadable=unreadable)
