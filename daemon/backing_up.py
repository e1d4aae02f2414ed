"""Making a backup of the store: written beside its place, proven, and only then given its name.

The key is not in it: a stolen backup shows no buyer's data.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from msgspec import Struct

from daemon.backup_settings import BackupSettings
from daemon.config import Config
from daemon.core import backups
from daemon.store.connection import FILE, Lock
from daemon.store.copies import Contents, CopyError, contents, copy, never, sync
from daemon.vault import Vault, VaultError

MARGIN = 64 * 1024 * 1024
"""So much stays free on the disk: with a full one no order could be forwarded."""

_DRAFT = re.compile(r"orders-\d{8}T\d{6}Z\.db\.new")
_OF_MIGRATIONS = re.compile(r"orders-before-schema-\d+\.db")


class BackupError(Exception):
    """No backup was made; the message says why, and what helps."""


class Backup(Struct, frozen=True, kw_only=True):
    """A backup that was made and proven; `key_id` names the key that opens it."""

    path: Path
    size: int
    key_id: str
    contents: Contents


def make(
    store: Path, settings: BackupSettings, vault: Vault, now: datetime, halt: Callable[[], bool] = never
) -> Backup:
    """Makes a backup of the store in the folder of the settings; on disk when this returns.

    Takes as long as the disk needs, and may run beside the program that writes to the store. One at a time for each
    folder. Raises `BackupError`, and `HaltedError` soon after `halt` says so; no half backup stays behind.
    """
    draft, folder = None, settings.folder_in(store.parent)
    try:
        _ready(folder, store, own=settings.folder is None)
        name = backups.free_name(now, {path.name for path in folder.iterdir()})
        draft = folder / f"{name}.new"
        copy(store, draft, halt)
        found = contents(draft, vault, halt)
        os.replace(draft, folder / name)  # noqa: PTH105 - the tests of killed processes stand in for `os`
        sync(folder)
    except CopyError as error:
        raise BackupError(f"the copy {error}, and so is the store; no backup was made, and older ones stay") from error
    except sqlite3.Error as error:
        raise BackupError(f"{store} can't be copied to {folder}: {error}") from error
    except VaultError as error:
        raise BackupError(f"the copy can't be opened: {error}") from error
    except OSError as error:
        raise BackupError(f"no backup can be written to {folder}: {error.strerror} ({error.filename})") from error
    finally:
        if draft is not None:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
    return Backup(path=folder / name, size=(folder / name).stat().st_size, key_id=vault.key_id, contents=found)


def percent(folder: Path, whole: int) -> int:
    """How much of a backup under way is there, by the size of its draft; the proof afterwards is the last tenth."""
    sizes = [path.stat().st_size for path in folder.glob("orders-*.db.new")]
    return min(90, max(sizes, default=0) * 90 // max(whole, 1))


def needed(store: Path) -> int:
    """How many bytes a copy of this store takes at most."""
    return sum(path.stat().st_size for path in (store, store.with_name(f"{store.name}-wal")) if path.exists())


def check_room(folder: Path, size: int) -> None:
    """Raises `BackupError` where so many bytes would not leave `MARGIN` free."""
    free = shutil.disk_usage(folder).free
    if free < size + MARGIN:
        raise BackupError(
            f"the disk of {folder} has {_mib(free)} left, and {_mib(size + MARGIN)} are needed; free some space, "
            "or name another folder in [backup]"
        )


def _ready(folder: Path, store: Path, *, own: bool) -> None:
    if not store.exists():
        raise BackupError(f"there is no store at {store} yet; orderferry run makes it")
    if own:
        folder.mkdir(mode=0o700, exist_ok=True)
    if not folder.is_dir():
        raise BackupError(
            f"the folder {folder} is not there; is its disk mounted? Make it, or name another in [backup]"
        )
    for path in folder.iterdir():
        if _DRAFT.fullmatch(path.name):  # left by a process that was killed
            path.unlink()
    check_room(folder, needed(store))


def clear(store: Path, settings: BackupSettings, now: datetime) -> None:
    """Deletes the backups that have had their day, and stores put aside before `backups.LONGEST`; nothing else.

    Raises `BackupError` where one can't be deleted.
    """
    folder = settings.folder_in(store.parent)
    try:
        old = [path for path in store.parent.glob("orders-*") if _of_age(path, now)]
        for left in ("orders-restoring.db*", "orders-*.db.new"):  # by a process that was killed
            old += store.parent.glob(left)
        if folder.is_dir():
            names = {path.name for path in folder.iterdir()}
            old += [folder / name for name in backups.outdated(names, settings.keep, now)]
        for path in old:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise BackupError(f"the old backup {error.filename} can't be deleted ({error.strerror}); delete it") from error


def _of_age(path: Path, now: datetime) -> bool:
    """Whether a store that was put aside here, or that a migration has kept, is to go."""
    if _OF_MIGRATIONS.fullmatch(path.name):
        return now - datetime.fromtimestamp(path.stat().st_mtime, now.tzinfo) > backups.LONGEST
    return bool(backups.outdated([path.name], timedelta(0), now)) and path.name.startswith("orders-replaced-")


def offline(config: Config, environ: Mapping[str, str], now: datetime, halt: Callable[[], bool] = never) -> Backup:
    """Makes a backup while no daemon runs; `halt` is asked often.

    Raises `BackupError`, `StoreBusyError` and `VaultError`.
    """
    data_dir, settings = config.daemon.data_dir, config.backup
    if not (data_dir / FILE).exists():
        raise BackupError(f"there is no store in {data_dir} yet; orderferry run makes it")
    lock = Lock(data_dir)
    try:
        made = make(data_dir / FILE, settings, Vault.open(data_dir, environ, create=False), now, halt)
        clear(data_dir / FILE, settings, now)
    finally:
        lock.release()
    return made


def _mib(size: int) -> str:
    return f"{size / 1024 / 1024:,.0f} MiB"
