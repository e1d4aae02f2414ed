"""Opening the store's file: one daemon at a time, nothing fresh by surprise, nothing damaged believed."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.store import connection
from daemon.store.connection import APPLICATION, SEEN, Lock, StoreBusyError, StoreRefusedError, confirm, prepare, see
from daemon.store.store import Store
from tests.daemon.engine import VAULT


def made(folder: Path) -> Path:
    """A store that was closed in order."""
    folder.mkdir(exist_ok=True)
    return prepare(folder)[0]


def schema(path: Path) -> list[tuple[str]]:
    opened = sqlite3.connect(path)
    try:
        return opened.execute("select sql from sqlite_master order by name").fetchall()
    finally:
        opened.close()


def test_folder_and_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        folder = tmp_path / "new" / "data"
        Lock(folder).release()
        prepare(folder)
        open_store = sqlite3.connect(folder / "orders.db")
        open_store.execute("insert into meta values ('x', 'y')")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
        open_store.close()
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert modes.keys() >= {"orders.db", "installation", "lock"}
    assert {mode for name, mode in modes.items() if name != "orders.db-shm"} == {0o600}


async def test_a_second_daemon_is_turned_away_and_told_which_process_is_there(tmp_path: Path) -> None:
    first = await Store.open(tmp_path, VAULT)
    with pytest.raises(StoreBusyError, match=f"process {os.getpid()}"):
        await Store.open(tmp_path, VAULT)
    await first.fetch("select 1")
    await first.close()
    again = await Store.open(tmp_path, VAULT)
    await again.close()


def test_the_lock_ends_with_its_process_however_it_ends(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from daemon.store.connection import Lock; l = Lock(pathlib.Path(sys.argv[1]));"
        " print('held', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(  # noqa: S603 - this very program
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(StoreBusyError, match=f"process {process.pid}"):
            Lock(tmp_path)
        process.send_signal(signal.SIGKILL)
        process.wait()
    Lock(tmp_path).release()


def test_a_refused_start_gives_the_lock_back(tmp_path: Path) -> None:
    made(tmp_path).write_bytes(b"not a store" * 500)
    import asyncio  # noqa: PLC0415 - beside its only use

    for _ in range(2):
        with pytest.raises(StoreRefusedError):
            asyncio.run(Store.open(tmp_path, VAULT))


def test_a_store_that_is_missing_though_there_was_one_is_refused(tmp_path: Path) -> None:
    made(tmp_path).unlink()
    with pytest.raises(StoreRefusedError, match="Put a backup back with `orderferry restore FILE`"):
        prepare(tmp_path)
    assert not (tmp_path / "orders.db").exists()


def test_the_store_of_another_installation_is_refused(tmp_path: Path) -> None:
    made(tmp_path / "a")
    made(tmp_path / "b").replace(tmp_path / "a" / "orders.db")
    with pytest.raises(StoreRefusedError, match="another installation"):
        prepare(tmp_path / "a")


def change(path: Path, sql: str) -> None:
    opened = sqlite3.connect(path, isolation_level=None)
    opened.execute(sql)
    opened.close()


def test_a_foreign_file_and_a_newer_schema_are_refused_and_left_as_they_are(tmp_path: Path) -> None:
    path = made(tmp_path)
    for sql, words in (
        ("pragma user_version = 99", "written by a newer orderferry \\(schema 99"),
        ("pragma application_id = 7", "is not an orderferry store"),
    ):
        change(path, sql)
        before = path.read_bytes()
        with pytest.raises(StoreRefusedError, match=words):
            prepare(tmp_path)
        assert path.read_bytes() == before


@pytest.mark.parametrize("length", [0, 1, 50, 99, 100, 4096, 8192, 20000])
def test_a_store_that_was_cut_off_is_refused_and_left_as_it_is(tmp_path: Path, length: int) -> None:
    path = made(tmp_path)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(StoreRefusedError, match=r"damaged|not an orderferry store"):
        prepare(tmp_path)
    assert path.stat().st_size == length


@pytest.mark.parametrize("places", [range(50), range(50, 100)])
async def test_a_flipped_byte_of_the_header_never_starts_with_other_data(tmp_path: Path, places: range) -> None:
    path = made(tmp_path)
    whole = path.read_bytes()
    installation = (tmp_path / "installation").read_text()
    refused = 0
    for place in places:
        for name in ("orders.db-wal", "orders.db-shm"):
            (tmp_path / name).unlink(missing_ok=True)
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            store = await Store.open(tmp_path, VAULT)
        except StoreRefusedError:
            refused += 1
            continue
        assert (await store.meta())["installation"] == installation.strip()
        assert await store.fetch("pragma application_id") == [(APPLICATION,)]
        await store.close()
    assert refused >= 10


@pytest.mark.parametrize(("mode", "level"), [("delete", 2), ("wal", 1), ("wal", 0), ("memory", 2)])
def test_a_disk_on_which_sqlite_is_not_safe_is_refused(mode: str, level: int) -> None:
    with pytest.raises(StoreRefusedError, match="local disk"):
        confirm(mode, level)
    confirm("wal", 2)


def test_a_first_start_that_was_killed_is_simply_done_again(tmp_path: Path) -> None:
    for name in ("orders.db.new", "orders.db.new-wal", "orders.db.new-journal", "installation.new"):
        (tmp_path / name).write_bytes(b"half of it")
    path, installation = prepare(tmp_path)
    assert (tmp_path / "installation").read_text().strip() == installation
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["installation", "journal-seen", "orders.db"]
    assert path == tmp_path / "orders.db"


def test_every_installation_has_a_mark_of_its_own(tmp_path: Path) -> None:
    marks = {prepare_in(tmp_path / str(number)) for number in range(5)}
    assert len(marks) == 5
    assert all(mark.isalnum() and mark.islower() for mark in marks)


def prepare_in(folder: Path) -> str:
    folder.mkdir()
    return prepare(folder)[1]


NEXT = len(connection._migrations()) + 1
SECOND = """-- a comment; with a semicolon
create table second (id integer primary key);
insert into second values (1);
"""
BROKEN = f"{SECOND}insert into nowhere values (1);\n"  # noqa: S608 - fixed text


@pytest.fixture
def second(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    """The migrations with one more, which a test may replace."""
    given = connection._migrations()
    migrations = [*given, (len(given) + 1, SECOND)]
    monkeypatch.setattr(connection, "_migrations", lambda: migrations)
    return migrations


def test_an_older_store_is_brought_up_with_a_backup_beside_it(tmp_path: Path, second: list[tuple[int, str]]) -> None:
    last = second.pop()
    path = made(tmp_path)
    old = schema(path)
    second.append(last)
    prepare(tmp_path)
    opened = sqlite3.connect(path)
    assert opened.execute("select id from second").fetchall() == [(1,)]
    assert opened.execute("pragma user_version").fetchone() == (len(second),)
    opened.close()
    backup = tmp_path / f"orders-before-schema-{len(second)}.db"
    assert schema(backup) == old
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    prepare(tmp_path)


def test_a_migration_happens_as_a_whole_or_not_at_all(tmp_path: Path, second: list[tuple[int, str]]) -> None:
    last = second.pop()
    path = made(tmp_path)
    old = schema(path)
    second.append((last[0], BROKEN))
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        prepare(tmp_path)
    assert schema(path) == old
    second[-1] = last
    prepare(tmp_path)
    assert schema(path) != old


def test_the_first_start_has_the_newest_schema(tmp_path: Path, second: list[tuple[int, str]]) -> None:
    path = made(tmp_path)
    opened = sqlite3.connect(path)
    assert opened.execute("pragma user_version").fetchone() == (len(second),)
    opened.close()


def test_how_far_the_store_has_come_is_on_disk_before_it_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []

    def sync(number: int) -> None:
        synced.append(Path(f"/proc/self/fd/{number}").readlink().name)
        assert not (tmp_path / SEEN).exists()

    monkeypatch.setattr(os, "fsync", sync)
    see(tmp_path, 17)
    assert synced == [f"{SEEN}.new"]
    assert (tmp_path / SEEN).read_text() == "17\n"


@pytest.mark.parametrize(("kind", "refused"), [("nfs4", True), ("cifs", True), ("ext4", False), ("overlay", False)])
def test_a_store_on_the_network_is_refused_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, refused: bool
) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(f"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n98 22 0:44 / {tmp_path} rw - {kind} server:/share rw\n")
    monkeypatch.setattr(connection, "MOUNTS", table)
    data = tmp_path / "data"
    data.mkdir()
    if refused:
        with pytest.raises(
            StoreRefusedError, match=f"on the network \\({kind} at .*put data_dir on a disk of this machine"
        ):
            prepare(data)
        assert list(data.iterdir()) == []
    else:
        assert prepare(data)[0].exists()


def test_without_the_kernels_table_nothing_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MOUNTS", tmp_path / "none")
    assert prepare(tmp_path)[0].exists()
