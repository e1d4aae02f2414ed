"""A backup in the place of the store: killed at any moment, there is the one or the other, and never a doubt."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from daemon.restoring import Plan, Restored, RestoreError, restore
from daemon.store.connection import (
    FILE,
    MARK,
    SEEN,
    Lock,
    StoreBusyError,
    StoreRefusedError,
    newest_schema,
    prepare,
)
from daemon.vault import KEY_BYTES, Vault
from tests.daemon.killing import effects

VAULT = Vault(b"k" * KEY_BYTES)
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
AT = int(NOW.timestamp() * 1000)


def add(path: Path, number: int, state: str, *, at: int = AT) -> None:
    """An order, its job, and a journal row."""
    with closing(sqlite3.connect(path, isolation_level=None)) as store:
        store.execute(
            "insert into orders (id, account, external_id, digest, stage, status, ordered_at, updated_at, first_seen,"
            " total, paid, shipped, ships_itself)"
            " values (?, 'market', ?, x'00', 'ready', 'new', ?, ?, ?, '1 PLN', 1, 0, 0)",
            (number, f"x{number}", at, at, at),
        )
        store.execute("insert into document values (?, ?)", (number, VAULT.seal(b"buyer", f"document|{number}")))
        store.execute(
            "insert into job (id, order_id, account, kind, state, due, made_at)"
            " values (?, ?, 'shop', 'add_order', ?, 1, 1)",
            (number, number, state),
        )
        store.execute("insert into journal (at, kind, order_id, data) values (?, 'order_new', ?, '{}')", (at, number))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A store with three orders, of which the backup beside the folder knows the first two."""
    data = tmp_path / "data"
    data.mkdir()
    path, _ = prepare(data)
    add(path, 1, "done")
    add(path, 2, "waiting")
    with closing(sqlite3.connect(path)) as store:
        store.execute("vacuum into ?", (str(tmp_path / "backup.db"),))
    add(path, 3, "done")
    prepare(data)  # notes how far it has come
    return data


def put_back(data: Path, file: Path | None = None, vault: Vault = VAULT, **given: Any) -> Restored | None:  # its own
    given = {"agree": lambda _: True, **given}
    return restore(data, file or data.parent / "backup.db", vault, NOW, **given)


class Asked(list[Plan]):
    """Notes what it is asked, and answers so."""

    def __init__(self, answer: bool) -> None:
        self.answer = answer

    def __call__(self, plan: Plan) -> bool:
        self.append(plan)
        return self.answer


def rows(path: Path, sql: str) -> list[Any]:  # sqlite rows
    with closing(sqlite3.connect(path)) as store:
        return store.execute(sql).fetchall()


def jobs(path: Path) -> list[tuple[int, str]]:
    return rows(path, "select order_id, state from job order by id")


def test_what_it_may_have_forgotten_is_in_doubt_and_the_present_store_is_kept(data: Path) -> None:
    done = put_back(data)
    assert done is not None
    assert (done.orders, done.erased) == (2, 0)
    assert jobs(data / FILE) == [(1, "done"), (2, "unsure")]
    assert rows(data / FILE, "select value from meta where key = 'epoch'") == [("2",)]
    assert done.aside == data / "orders-replaced-20261126T120000Z.db"
    assert jobs(done.aside) == [(1, "done"), (2, "waiting"), (3, "done")]
    names = {path.name for path in data.iterdir()}
    assert names == {FILE, done.aside.name, MARK, SEEN, "lock"}
    path, _ = prepare(data)
    assert (data / SEEN).read_text() == "3\n"
    assert rows(path, "select kind, data from journal order by id desc limit 1") == [
        ("store_restored", '{"file":"backup.db"}')
    ]


def test_the_epoch_grows_with_each_restore_whichever_backup_comes(data: Path) -> None:
    epochs = []
    for _ in range(3):
        put_back(data)
        epochs += rows(data / FILE, "select value from meta where key = 'epoch'")
    assert epochs == [("2",), ("3",), ("4",)]


def test_who_does_not_agree_changes_nothing(data: Path) -> None:
    before = (data / FILE).read_bytes()
    assert put_back(data, agree=(plans := Asked(answer=False))) is None
    assert (data / FILE).read_bytes() == before
    assert {path.name for path in data.iterdir()} == {FILE, MARK, SEEN, "lock"}
    assert (plans[0].contents.orders, plans[0].present_is_damaged, plans[0].too_old) == (2, False, False)


def test_into_a_fresh_folder_it_goes_as_it_is(data: Path, tmp_path: Path) -> None:
    fresh = tmp_path / "fresh"
    done = put_back(fresh)
    assert done is not None
    assert done.aside is None
    assert prepare(fresh)[1] == done.installation
    assert jobs(fresh / FILE) == [(1, "done"), (2, "unsure")]
    assert (data / FILE).exists()


def test_another_installation_s_only_where_one_says_so(data: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    prepare(other)
    with pytest.raises(RestoreError, match="--another-installation"):
        put_back(other)
    done = put_back(other, another_installation=True)
    assert done is not None
    assert prepare(other)[1] == done.installation == (data / MARK).read_text().strip()


def test_a_damaged_store_goes_aside_with_its_newest_part(data: Path) -> None:
    (data / FILE).write_bytes(b"\xff" * 9000)
    (data / f"{FILE}-wal").write_bytes(b"newest")
    done = put_back(data, agree=(plans := Asked(answer=True)))
    assert done is not None
    assert done.aside is not None
    assert plans[0].present_is_damaged
    assert done.aside.read_bytes() == b"\xff" * 9000
    assert done.aside.with_name(f"{done.aside.name}-wal").read_bytes() == b"newest"
    assert jobs(prepare(data)[0]) == [(1, "done"), (2, "unsure")]


def test_a_copied_folder_s_newest_part_is_taken_along(data: Path, tmp_path: Path) -> None:
    opened = sqlite3.connect(data / FILE)
    opened.execute("select count(*) from meta").fetchall()
    add(data / FILE, 4, "done")
    copied = tmp_path / "copied"
    shutil.copytree(data, copied)
    opened.close()
    assert (copied / f"{FILE}-wal").stat().st_size
    done = put_back(data, copied / FILE)
    assert done is not None
    assert done.orders == 4


def test_an_old_one_is_told_to_be_old(data: Path, tmp_path: Path) -> None:
    old = NOW + timedelta(days=15)
    restore(data, tmp_path / "backup.db", VAULT, old, agree=(plans := Asked(answer=False)))
    assert plans[0].too_old


def test_a_running_daemon_is_not_disturbed(data: Path) -> None:
    lock = Lock(data)
    try:
        with pytest.raises(StoreBusyError):
            put_back(data)
    finally:
        lock.release()


def test_a_backup_of_an_earlier_key_is_sealed_anew(data: Path) -> None:
    new = b"n" * KEY_BYTES
    with pytest.raises(RestoreError, match=f"with the key {VAULT.key_id}.*--key-file"):
        put_back(data, vault=Vault(new))
    assert put_back(data, vault=Vault(new, b"k" * KEY_BYTES), anew=True) is not None
    assert VAULT.head not in (data / FILE).read_bytes()
    assert Vault(new).unseal(rows(data / FILE, "select body from document")[0][0], "document|1") == b"buyer"


def test_what_was_erased_is_erased_again(data: Path) -> None:
    with closing(sqlite3.connect(data / FILE, isolation_level=None)) as store:
        store.execute("update orders set erased_at = 17 where id in (1, 2)")
    before = rows(data.parent / "backup.db", "select order_id from document")
    done = put_back(data)
    assert done is not None
    assert done.erased == 2
    assert rows(data / FILE, "select id, erased_at from orders where erased_at is not null") == [(1, 17), (2, 17)]
    assert rows(data / FILE, "select order_id from document") == [row for row in before if row[0] not in {1, 2}]


def test_a_backup_of_an_earlier_schema_is_brought_up_before_its_erasing(data: Path) -> None:
    backup = data.parent / "backup.db"
    with closing(sqlite3.connect(backup, isolation_level=None)) as old:
        old.execute("drop index orders_to_erase")
        old.execute("drop index orders_going_on")
        old.execute("drop index journal_unread")
        old.execute("alter table orders drop column final_at")
        old.execute("alter table orders drop column erased_at")
        old.execute("pragma user_version = 4")
    with closing(sqlite3.connect(data / FILE, isolation_level=None)) as store:
        store.execute("update orders set erased_at = 17 where id = 1")
    done = put_back(data)
    assert done is not None
    assert done.erased == 1
    assert rows(data / FILE, "pragma user_version") == [(newest_schema(),)]
    assert not list(data.glob("*before-schema*")), "a copy of what is to be erased was left"


def test_no_room_on_the_disk_is_told_before_anything_is_written(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.backing_up.MARGIN", 2**62)
    with pytest.raises(RestoreError, match="free some space"):
        put_back(data)
    assert not list(data.glob("orders-*"))


SHARDS = 8


@pytest.mark.parametrize("shard", range(SHARDS))
def test_killed_before_anything_that_it_does_there_is_the_one_store_or_the_other(
    data: Path, tmp_path: Path, shard: int
) -> None:
    counted = Path(shutil.copytree(data, tmp_path / "counted" / "data"))
    backup = tmp_path / "backup.db"
    total = effects(lambda: put_back(counted, backup))
    assert total > SHARDS
    for place in range(1 + shard, total + 1, SHARDS):
        folder = Path(shutil.copytree(data, tmp_path / str(place) / "data"))
        effects(lambda folder=folder: put_back(folder, backup), dies_at=place)  # type: ignore[misc] # bound in its loop
        before, after = [(1, "done"), (2, "waiting"), (3, "done")], [(1, "done"), (2, "unsure")]
        try:
            prepare(folder)
        except StoreRefusedError as error:
            assert "orderferry restore FILE" in str(error)  # noqa: PT017 - either is right
        else:
            assert jobs(folder / FILE) in (before, after)
        assert put_back(folder, backup) is not None
        assert jobs(prepare(folder)[0]) == after
        kept = [jobs(path) for path in folder.glob("orders-replaced-*.db")]
        assert before in kept
        assert not list(folder.glob("*restoring*"))
        assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
