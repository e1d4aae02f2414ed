"""Changing the key: all that is sealed is sealed anew with another one, and nothing is unreadable at any moment.

The new key is on disk before it seals anything, and the present one goes when it has nothing left to open. In between
both open (see `Vault`), so a change that was killed simply goes on with the next call, and a daemon that is started
meanwhile works. Copies that stand beside the store, and the backups, are sealed anew as well.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from msgspec import Struct

from daemon.core import backups
from daemon.core.journal import Kind
from daemon.store.connection import FILE, Lock, prepare
from daemon.store.copies import reading, sync, writing
from daemon.store.sealed import SAMPLES, left_to_seal, reseal
from daemon.vault import (
    CREDENTIAL,
    KEY,
    KEY_BYTES,
    NEXT,
    TokenFiles,
    Vault,
    VaultError,
    credential_file,
    forget_next,
    key_head,
    keys_to_come,
    present_key,
    read_key,
    replace_file,
)


class RekeyError(Exception):
    """The key was not changed, or not in full; the message says why, and what helps. It may be begun again."""


class Plan(Struct, frozen=True, kw_only=True):
    """What would be done; the keys by their ids. `goes_on` says that an earlier change is brought to its end."""

    was: str
    key_id: str
    goes_on: bool
    values: int
    tokens: tuple[str, ...]
    copies: tuple[Path, ...]


class Rekeyed(Struct, frozen=True, kw_only=True):
    """What was done.

    `unreadable` values could not be opened before either, and stayed as they were, as did the files of `left` and the
    tokens of `logins`. `replace` says that the present key is a systemd credential, which the owner has to replace.
    """

    was: str
    key_id: str
    values: int
    unreadable: int
    tokens: tuple[str, ...]
    logins: tuple[str, ...]
    copies: tuple[Path, ...]
    left: tuple[Path, ...]
    replace: bool


def rekey(
    data_dir: Path,
    folder: Path,
    environ: Mapping[str, str],
    *,
    new_key_file: Path | None = None,
    agree: Callable[[Plan], bool] = lambda _: True,
    tell: Callable[[int, int], None] = lambda *_: None,
) -> Rekeyed | None:
    """Seals everything anew; None where `agree` says no, and then nothing has changed.

    `folder` is that of the backups. The new key is that of `new_key_file`, else the credential `orderferry.key.next`,
    else a random one. `tell` hears how many of how many values are done. Raises `RekeyError`, `VaultError`, and
    `StoreBusyError` while a daemon runs.
    """
    lock = Lock(data_dir)
    try:
        return _rekey(data_dir, folder, environ, new_key_file=new_key_file, agree=agree, tell=tell)
    except OSError as error:
        raise RekeyError(f"{error.filename or data_dir}: {error.strerror}. {_AGAIN}") from error
    except sqlite3.Error as error:
        raise RekeyError(f"the store can't be sealed anew ({error}). {_AGAIN}") from error
    finally:
        lock.release()


_AGAIN = "Nothing is lost, and both keys open; say `orderferry rekey` again to go on"


def _rekey(
    data_dir: Path,
    folder: Path,
    environ: Mapping[str, str],
    *,
    new_key_file: Path | None,
    agree: Callable[[Plan], bool],
    tell: Callable[[int, int], None],
) -> Rekeyed | None:
    present = present_key(data_dir, environ)
    coming = [key for key in keys_to_come(data_dir, environ) if key != present]
    new = _new_key(present, coming, environ, new_key_file)
    vault = Vault(new, present, *coming)
    store = data_dir / FILE
    plan = Plan(
        was=key_head(present)[1:].hex(),
        key_id=vault.key_id,
        goes_on=new in coming,
        values=_count(store, vault),
        tokens=tuple(TokenFiles(vault, data_dir).names()),
        copies=tuple(_copies(data_dir, folder)),
    )
    if not agree(plan):
        return None
    for draft in data_dir.glob(f"{KEY}.*.new"):  # left by a process that was killed
        draft.unlink()
    if store.exists():
        prepare(data_dir)
    if new not in coming:
        replace_file(data_dir / NEXT, new)
    values, unreadable = _seal_store(store, vault, plan, tell) if store.exists() else (0, 0)
    done, left = _seal_copies(_copies(data_dir, folder), vault)  # a migration may just have left one more
    tokens, logins = _seal_tokens(TokenFiles(vault, data_dir))
    by_credential = credential_file(environ) is not None
    if not by_credential:
        _move_in(data_dir, new)
    forget_next(data_dir, lambda key: key != new)  # of an earlier change, which this one has overtaken
    return Rekeyed(
        was=plan.was,
        key_id=plan.key_id,
        values=values,
        unreadable=unreadable,
        tokens=tokens,
        logins=logins,
        copies=done,
        left=left,
        replace=by_credential,
    )


def _new_key(present: bytes, coming: list[bytes], environ: Mapping[str, str], file: Path | None) -> bytes:
    given = None if file is None else read_key(file)
    if given == present:
        raise RekeyError(f"{file} is the key that is in use already; give another one")
    if coming and given not in {None, coming[0]}:
        raise RekeyError(
            f"a change to the key {key_head(coming[0])[1:].hex()} is not at its end; bring it there first: "
            "`orderferry rekey` without --new-key-file"
        )
    if coming:
        return coming[0]
    if given is not None:
        return given
    if credential_file(environ):
        raise RekeyError(
            f"the key is the systemd credential {CREDENTIAL}, so the new one has to come from you: as the credential "
            f"{CREDENTIAL}.next, or with --new-key-file FILE; `head -c {KEY_BYTES} /dev/urandom` makes one"
        )
    return secrets.token_bytes(KEY_BYTES)


def _count(store: Path, vault: Vault) -> int:
    """How many values are to be sealed; raises `VaultError` where these keys are not those of the store."""
    if not store.exists():
        return 0
    with closing(reading(store)) as connection:
        vault.prove(connection.execute(SAMPLES))
        return left_to_seal(connection, vault)


def _copies(data_dir: Path, folder: Path) -> list[Path]:
    """What a restore and the migrations have left beside the store, and the backups."""
    found = [*data_dir.glob("orders-replaced-*.db"), *data_dir.glob("orders-before-schema-*.db")]
    if folder.is_dir():
        found += [path for path in folder.iterdir() if backups.made([path.name])]
    return sorted(found)


def _seal_store(path: Path, vault: Vault, plan: Plan, tell: Callable[[int, int], None]) -> tuple[int, int]:
    with closing(writing(path)) as connection:
        total = left_to_seal(connection, vault)
        done = reseal(connection, vault, lambda count: tell(count, total))
        connection.execute(
            "insert into journal (id, at, kind, data) select (select coalesce(max(id), 0) + 1 from journal), ?1, ?2, ?3"
            " where not exists (select 1 from journal where kind = ?2 and data = ?3)",
            (time.time_ns() // 1_000_000, Kind.KEY_CHANGED.value, f'{{"was":"{plan.was}","key":"{plan.key_id}"}}'),
        )
        if connection.execute("pragma wal_checkpoint(truncate)").fetchone()[0]:
            raise RekeyError(f"another program reads {path}; end it. {_AGAIN}")
    return done.values, done.unreadable


def _seal_copies(copies: list[Path], vault: Vault) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    done: list[Path] = []
    left: list[Path] = []
    for path in copies:
        try:
            whole = _seal_copy(path, vault)
        except sqlite3.Error:
            whole = False
        (done if whole else left).append(path)
    return tuple(done), tuple(left)


def _seal_copy(path: Path, vault: Vault) -> bool:
    """Seals a copy of its own anew and puts it in the place of the old one; False where some of it can't be opened."""
    if path.with_name(f"{path.name}-wal").exists():  # a damaged store that was put aside with its newest part
        return False
    with closing(reading(path)) as connection:
        if not left_to_seal(connection, vault):
            return True
    draft, state = path.with_name(f"{path.name}.new"), path.stat()
    try:
        os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
        shutil.copyfile(path, draft)
        with closing(writing(draft)) as connection:
            connection.execute("pragma journal_mode = delete")
            if reseal(connection, vault).unreadable:
                return False
        os.utime(draft, ns=(state.st_atime_ns, state.st_mtime_ns))
        sync(draft)
        os.replace(draft, path)  # noqa: PTH105 - the tests of killed processes stand in for `os`
        sync(path.parent)
    finally:
        draft.unlink(missing_ok=True)
    return True


def _seal_tokens(tokens: TokenFiles) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Whose tokens are sealed anew, and whose can't be opened."""
    done, logins = [], []
    for name in tokens.names():
        try:
            tokens.reseal(name)
        except BlockingIOError:
            raise RekeyError(f"somebody logs {name} in at this moment; let him finish. {_AGAIN}") from None
        except VaultError:
            logins.append(name)
        else:
            done.append(name)
    return tuple(done), tuple(logins)


def _move_in(data_dir: Path, new: bytes) -> None:
    """The new key takes the place of the present one, in one step."""
    coming = data_dir / NEXT
    if coming.exists() and read_key(coming) == new:
        os.replace(coming, data_dir / KEY)  # noqa: PTH105 - the tests of killed processes stand in for `os`
        sync(data_dir)
    else:
        replace_file(data_dir / KEY, new)
