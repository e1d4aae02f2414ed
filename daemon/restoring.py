"""Putting a backup in the place of the store: a kill at any moment leaves the one or the other, and never a doubt.

The backup is copied beside the store, proven, and there made ready in full: what it may have forgotten is in doubt
before anybody can start on it. From then on a mark beside the store refuses every start until the exchange is over.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from daemon.backing_up import BackupError, check_room, needed
from daemon.core import backups
from daemon.core.journal import Kind
from daemon.store.connection import FILE, MARK, RESTORING, Lock, migrate, see, take_back
from daemon.store.copies import Contents, CopyError, contents, reading, sync, writing
from daemon.store.erasure import carry_erasures
from daemon.store.sealed import reseal
from daemon.vault import OtherKeyError, Vault, VaultError, replace_file

_DRAFT = "orders-restoring.db"
_PARTS = ("-wal", "-shm", "")


class RestoreError(Exception):
    """The backup was not put back; the message says why, and what helps."""


class Plan(Struct, frozen=True, kw_only=True):
    """What would be done: `aside` is where the present store goes, None where there is none."""

    file: Path
    contents: Contents
    aside: Path | None
    present_is_damaged: bool = False
    too_old: bool = False  # it may hold what was erased since


class Restored(Struct, frozen=True, kw_only=True):
    """What was done: `erased` orders are erased in the backup too, since they were in the store before."""

    file: Path
    aside: Path | None
    orders: int
    erased: int
    installation: str


def restore(
    data_dir: Path,
    file: Path,
    vault: Vault,
    now: datetime,
    *,
    agree: Callable[[Plan], bool],
    another_installation: bool = False,
    anew: bool = False,
) -> Restored | None:
    """Puts the backup in the place of the store; None where `agree` says no, and then nothing has changed.

    `vault` opens what the backup holds; `anew` seals it anew with the vault's first key. Where it was killed it may be
    called again, with the same file or another. Raises `RestoreError`, and `StoreBusyError` while a daemon runs.
    """
    lock = Lock(data_dir)
    try:
        draft = data_dir / _DRAFT
        try:
            found = _fetch(file, draft, vault)
            _check_installation(data_dir, found, another=another_installation)
            plan = _plan(data_dir, file, found, now)
            if not agree(plan):
                return None
            erased = _make_ready(draft, data_dir / FILE, plan, vault if anew else None)
            _exchange(data_dir, draft, plan)
        finally:
            for part in _PARTS:
                _beside(draft, part).unlink(missing_ok=True)
        return Restored(
            file=file, aside=plan.aside, orders=found.orders, erased=erased, installation=found.installation
        )
    except OSError as error:
        raise RestoreError(f"{error.filename or data_dir}: {error.strerror}; nothing is lost, try again") from error
    except sqlite3.Error as error:
        raise RestoreError(f"the backup can't be made ready ({error}); nothing is lost, try again") from error
    finally:
        lock.release()


def _fetch(file: Path, draft: Path, vault: Vault) -> Contents:
    """Copies the backup beside the store, and proves the copy."""
    if not file.is_file():
        raise RestoreError(f"there is no file {file}")
    for part in _PARTS:
        _beside(draft, part).unlink(missing_ok=True)
    for left in draft.parent.glob(f"{RESTORING}.*.new"):  # by a process that was killed while it wrote the mark
        left.unlink()
    try:
        check_room(draft.parent, needed(file))
        for part in ("", "-wal"):  # a copied folder may have newer data beside the store
            if _beside(file, part).is_file():
                shutil.copyfile(_beside(file, part), _beside(draft, part))
                _beside(draft, part).chmod(0o600)
        return contents(draft, vault)
    except BackupError as error:
        raise RestoreError(str(error)) from error
    except CopyError as error:
        raise RestoreError(f"{file} {error}; nothing was changed") from error
    except OtherKeyError as error:
        raise RestoreError(
            f"{file}: {error} (the file `key` in the data folder, or the systemd credential), or name its file with "
            "--key-file; nothing was changed"
        ) from error
    except VaultError as error:
        raise RestoreError(f"{file}: {error}; nothing was changed") from error


def _check_installation(data_dir: Path, found: Contents, *, another: bool) -> None:
    mark = data_dir / MARK
    here = mark.read_text(encoding="ascii").strip() if mark.exists() else found.installation
    if here != found.installation and not another:
        raise RestoreError(
            f"the backup is of the installation {found.installation}, but {data_dir} is of {here}. If you are sure, "
            "say the same with --another-installation; nothing was changed"
        )


def _plan(data_dir: Path, file: Path, found: Contents, now: datetime) -> Plan:
    present = data_dir / FILE
    aside = _begun(data_dir)
    if any(_beside(present, part).exists() for part in _PARTS) and (aside is None or aside.exists()):
        taken = {path.name for path in data_dir.iterdir()}
        aside = data_dir / backups.free_name(now, taken, backups.replaced_name)
    return Plan(
        file=file,
        contents=found,
        aside=aside,
        present_is_damaged=present.exists() and not _whole(present),
        too_old=found.newest is not None and now - found.newest > backups.LONGEST,
    )


def _begun(data_dir: Path) -> Path | None:
    """Where a restore that was killed has begun to put the store aside."""
    try:
        name = (data_dir / RESTORING).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    return data_dir / name if backups.moment(name) is not None else None


def _whole(store: Path) -> bool:
    try:
        with closing(reading(store)) as connection:
            return bool(connection.execute("pragma quick_check(1)").fetchall() == [("ok",)])
    except sqlite3.Error:
        return False


def _make_ready(draft: Path, present: Path, plan: Plan, seal: Vault | None) -> int:
    """Whatever the backup may have forgotten is in doubt, and what was erased meanwhile is erased; all on disk."""
    readable = present.exists() and not plan.present_is_damaged
    with closing(writing(draft)) as connection:
        connection.execute("pragma journal_mode = wal")  # a backup that was vacuumed into its file is not
        migrate(connection)
        if seal is not None:
            reseal(connection, seal)
        take_back(connection)
        if readable:  # the epochs of an installation only grow, whichever backup comes
            connection.execute("update meta set value = max(value + 0, ?) where key = 'epoch'", (_epoch(present) + 1,))
        connection.execute(
            "insert into journal (id, at, kind, data) select coalesce(max(id), 0) + 1, ?, ?, json_object('file', ?)"
            " from journal",
            (time.time_ns() // 1_000_000, Kind.STORE_RESTORED.value, plan.file.name),
        )
    erased = carry_erasures(present, draft) if readable else 0
    with closing(writing(draft)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
    sync(draft)
    return erased


def _epoch(store: Path) -> int:
    with closing(reading(store)) as connection:
        return int(connection.execute("select value from meta where key = 'epoch'").fetchone()[0])


def _exchange(data_dir: Path, draft: Path, plan: Plan) -> None:
    """From the first line to the last nobody can start on the store."""
    present, marker = data_dir / FILE, data_dir / RESTORING
    replace_file(marker, f"{plan.aside.name if plan.aside else '-'}\n".encode())
    if plan.aside is not None:
        if present.exists() and not plan.present_is_damaged:  # a damaged one goes aside as it is
            with closing(writing(present)) as connection:
                connection.execute("pragma wal_checkpoint(truncate)")
        for part in _PARTS:
            if _beside(present, part).exists():
                os.replace(_beside(present, part), _beside(plan.aside, part))  # noqa: PTH105 - the tests of killed processes stand in for `os`
        sync(data_dir)
    os.replace(draft, present)  # noqa: PTH105 - likewise
    sync(data_dir)
    replace_file(data_dir / MARK, f"{plan.contents.installation}\n".encode())
    see(data_dir, plan.contents.journal + 1)
    sync(data_dir)
    marker.unlink()
    sync(data_dir)


def _beside(path: Path, part: str) -> Path:
    return path.with_name(f"{path.name}{part}")
