"""Changing the key: whenever it is killed nothing is unreadable, and at its end nothing of the old key is left."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from daemon.rekeying import Rekeyed, RekeyError, rekey
from daemon.store import sealed
from daemon.store.connection import FILE, StoreBusyError, Lock, prepare
from daemon.vault import KEY_BYTES, OtherKeyError, TokenFiles, Vault, replace_file

OLD, NEW = b"o" * KEY_BYTES, b"n" * KEY_BYTES
ORDERS = 3
TRACED = ("daemon/rekeying.py", "daemon/store/sealed.py", "daemon/vault.py")


def fill(path: Path, vault: Vault) -> None:
    """A value in every sealed column, for several orders."""
    with closing(sqlite3.connect(path, isolation_level=None)) as store:
        store.execute("pragma secure_delete = on")
        for number in range(1, ORDERS + 1):
            store.execute(
                "insert into document values (?, ?)", (number, vault.seal(b"buyer" * 2000, f"document|{number}"))
            )
            store.execute(
                "insert into forwarded values (?, 'shop', ?)", (number, vault.seal(b"f", f"forwarded|{number}|shop"))
            )
            store.execute(
                "insert into malformed (account, external_id, reason, raw, first_seen, last_seen)"
                " values ('market', ?, 'r', ?, 1, 1)",
                (f"x{number}", vault.seal(b"raw", f"malformed|market|x{number}")),
            )
            progress = "cart 7" if number == 1 else vault.seal(b"cart 7", f"progress|{number}")  # of an earlier version
            store.execute(
                "insert into job (id, order_id, account, kind, state, due, made_at, progress)"
                " values (?, ?, 'shop', 'add_order', 'done', 1, 1, ?)",
                (number, number, progress),
            )


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder as a daemon leaves it, with tokens, a backup and a store that was put aside."""
    folder = tmp_path_factory.mktemp("template") / "data"
    folder.mkdir()
    replace_file(folder / "key", OLD)
    vault = Vault(OLD)
    path, _ = prepare(folder)
    fill(path, vault)
    (folder / "tokens").mkdir()
    replace_file(folder / "tokens" / "market", vault.seal(b"{}", "tokens|market"))
    (folder / "backups").mkdir()
    with closing(sqlite3.connect(path)) as store:
        store.execute("vacuum into ?", (str(folder / "backups" / "orders-20261120T101500Z.db"),))
    shutil.copy(path, folder / "orders-replaced-20261120T101500Z.db")
    return folder


@pytest.fixture
def data(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "data"))


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed, "BATCH", 2)


def change(data: Path, environ: dict[str, str] | None = None, **given: Any) -> Rekeyed | None:  # as `rekey` takes them
    return rekey(data, data / "backups", environ or {}, **given)


def readable(store: Path, vault: Vault) -> int:
    """Opens every sealed value of the store; answers how many there are."""
    count = 0
    with closing(sqlite3.connect(store)) as connection:
        for column in sealed.COLUMNS:
            for value, place in connection.execute(f"select {column.name}, {column.place} from {column.table}"):  # noqa: S608 - names of COLUMNS
                if isinstance(value, bytes):
                    vault.unseal(value, place)
                count += value is not None
    return count


def all_readable(data: Path, environ: dict[str, str] | None = None) -> None:
    """As a daemon that is started now would have it."""
    vault = Vault.open(data, environ or {}, create=False)
    for store in (data / FILE, *data.glob("orders-replaced-*.db"), *(data / "backups").glob("*.db")):
        assert readable(store, vault) == 4 * ORDERS
    assert vault.unseal((data / "tokens" / "market").read_bytes(), "tokens|market") == b"{}"


def nothing_left_of(key: bytes, data: Path) -> None:
    head = Vault(key).head
    for path in data.rglob("*"):
        assert path.is_dir() or head not in path.read_bytes(), path
        assert path.is_dir() or key not in path.read_bytes(), path


def test_all_is_sealed_anew_and_no_byte_of_the_old_key_is_left(data: Path) -> None:
    told: list[tuple[int, int]] = []
    done = change(data, tell=lambda *counts: told.append(counts))
    assert done is not None
    assert (done.was, done.values, done.unreadable) == (Vault(OLD).key_id, 4 * ORDERS, 0)
    assert told[-1] == (4 * ORDERS, 4 * ORDERS)
    assert len(done.copies) == 2
    assert done.tokens == ("market",)
    assert (done.left, done.logins, done.replace) == ((), (), False)
    all_readable(data)
    nothing_left_of(OLD, data)
    assert not (data / "key.next").exists()
    assert (data / "key").stat().st_mode & 0o777 == 0o600
    assert Vault.open(data, {}).key_id == done.key_id


def steps(work: Callable[[], object], dies_at: int | None) -> int:
    """How many lines of the traced files `work` runs; at line `dies_at` the process is gone, as by a kill."""
    count = 0

    def line(_frame: FrameType, event: str, _arg: object) -> Any:  # a trace function
        nonlocal count
        if event == "line":
            count += 1
            if count == dies_at:
                os._exit(9)
        return line

    def call(frame: FrameType, _event: str, _arg: object) -> Any:  # likewise
        return line if frame.f_code.co_filename.endswith(TRACED) else None

    before = sys.gettrace()
    sys.settrace(call)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def killed_at(place: int, work: Callable[[], object]) -> None:
    child = os.fork()
    if child == 0:
        try:
            steps(work, place)
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


SHARDS = 12


@pytest.mark.parametrize("shard", range(SHARDS))
def test_killed_before_any_line_nothing_is_unreadable_and_the_next_call_goes_on(
    template: Path, tmp_path: Path, shard: int
) -> None:
    counted = Path(shutil.copytree(template, tmp_path / "counted"))
    lines = steps(lambda: change(counted), None)
    assert lines > 300
    for place in range(1 + shard, lines, SHARDS):
        data = Path(shutil.copytree(template, tmp_path / str(place)))
        killed_at(place, lambda data=data: change(data))  # type: ignore[misc] # bound in its loop
        all_readable(data)
        assert change(data) is not None
        all_readable(data)
        nothing_left_of(OLD, data)
        shutil.rmtree(data)
