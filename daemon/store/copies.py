"""Whole copies of a store: made by SQLite while the store is in use, and proven before anybody relies on one."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct

from daemon.store.case import when
from daemon.store.connection import APPLICATION, SETTINGS, newest_schema
from daemon.store.sealed import SAMPLES

PATIENCE = 200_000  # steps of SQLite's machine between two looks at whether to go on


class CopyError(Exception):
    """The file is no copy that could be put back; the message says why, without naming the file."""


class HaltedError(Exception):
    """Somebody asked for an end before the work was done."""


class Opening(Protocol):
    """What opens the sealed values of a store."""

    def prove(self, samples: Iterable[tuple[bytes, str]]) -> None: ...


class Contents(Struct, frozen=True, kw_only=True):
    """What a copy holds; `newest` is when its last journal row was written, None in one that has none."""

    installation: str
    schema: int
    orders: int
    journal: int
    newest: datetime | None


def never() -> bool:
    """What `halt` is where nobody may ask for an end."""
    return False


def copy(source: Path, target: Path, halt: Callable[[], bool] = never) -> None:
    """Writes the store as it is at this moment into a new file, 0600 and on disk when this returns.

    Reads on a connection of its own, so whoever writes to the store does not wait. Raises `sqlite3.Error`, `OSError`,
    and `HaltedError` soon after `halt` says so; then a part of the target may be left.
    """
    os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True, isolation_level=None)) as connection:
        _carry_out(connection, halt, "vacuum into ?", str(target))
    sync(target)


def contents(path: Path, vault: Opening, halt: Callable[[], bool] = never) -> Contents:
    """Proves that the file is a whole store that this program and this key can open, and says what is in it.

    Changes nothing. Raises `CopyError`, the vault's own errors, `OSError`, and `HaltedError`.
    """
    try:
        with closing(reading(path)) as connection:
            if connection.execute("pragma application_id").fetchone()[0] != APPLICATION:
                raise CopyError("is not a store of orderferry")
            schema = connection.execute("pragma user_version").fetchone()[0]
            if schema > newest_schema():
                raise CopyError(
                    f"was written by a newer orderferry (schema {schema}; this one knows {newest_schema()}); "
                    "install that version first"
                )
            faults = _carry_out(connection, halt, "pragma integrity_check(5)")
            if schema < 1 or faults != [("ok",)]:
                raise CopyError(f"is damaged ({'no schema' if schema < 1 else faults[0][0]})")
            return _contents(connection, schema, vault)
    except sqlite3.DatabaseError as error:
        if _code(error) in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR}:
            raise CopyError(f"can't be read ({error})") from error
        raise CopyError(f"is damaged, or no store at all ({error})") from error


def _contents(connection: sqlite3.Connection, schema: int, vault: Opening) -> Contents:
    meta = dict(connection.execute("select key, value from meta"))
    if "installation" not in meta:
        raise CopyError("is damaged (it does not say of which installation it is)")
    vault.prove(connection.execute(SAMPLES))
    last, at = connection.execute("select coalesce(max(id), 0), max(at) from journal").fetchone()
    return Contents(
        installation=meta["installation"],
        schema=schema,
        orders=connection.execute("select count(*) from orders").fetchone()[0],
        journal=last,
        newest=None if at is None else when(at),
    )


def _carry_out(
    connection: sqlite3.Connection, halt: Callable[[], bool], sql: str, *parameters: str
) -> list[Any]:  # sqlite rows
    connection.set_progress_handler(halt, PATIENCE)
    try:
        return connection.execute(sql, parameters).fetchall()
    except sqlite3.OperationalError as error:
        if _code(error) == sqlite3.SQLITE_INTERRUPT:
            raise HaltedError from None
        raise
    finally:
        connection.set_progress_handler(None, 0)


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; 0 where the error is not SQLite's."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def reading(path: Path) -> sqlite3.Connection:
    """A connection to a store that nobody else has open, which leaves no file beside it."""
    alone = "" if path.with_name(f"{path.name}-wal").exists() else "&immutable=1"
    return sqlite3.connect(f"{path.as_uri()}?mode=ro{alone}", uri=True, isolation_level=None)


def writing(path: Path) -> sqlite3.Connection:
    """A connection that writes as the daemon's own does, to a store of which no daemon is running."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        for pragma in SETTINGS:
            connection.execute(pragma)
    except BaseException:
        connection.close()
        raise
    return connection


def sync(path: Path) -> None:
    """Returns when the file or the folder is on disk."""
    number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(number)
    finally:
        os.close(number)
