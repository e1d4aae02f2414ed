"""Changing the key: whenever it is killed nothing is unreadable, and at its end nothing of the old key is left."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from daemon.rekeying import Plan, Rekeyed, RekeyError, rekey
from daemon.store import sealed
from daemon.store.connection import FILE, Lock, StoreBusyError, prepare
from daemon.vault import KEY_BYTES, OtherKeyError, Vault, VaultError, replace_file
from tests.daemon.killing import effects

OLD, NEW = b"o" * KEY_BYTES, b"n" * KEY_BYTES
ORDERS = 3


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


SHARDS = 32


@pytest.fixture(scope="module")
def total(template: Path, tmp_path_factory: pytest.TempPathFactory) -> int:
    """In how many places a change can be killed; done once before, as what Python itself opens once is none of them."""
    change(Path(shutil.copytree(template, tmp_path_factory.mktemp("before") / "data")))
    counted = Path(shutil.copytree(template, tmp_path_factory.mktemp("counted") / "data"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealed, "BATCH", 2)
        places = effects(lambda: change(counted))
    assert places > SHARDS
    return places


@pytest.mark.parametrize("shard", range(SHARDS))
def test_killed_before_anything_that_it_does_nothing_is_unreadable_and_the_next_call_goes_on(
    template: Path, total: int, tmp_path: Path, shard: int
) -> None:
    for place in range(1 + shard, total + 1, SHARDS):
        data = Path(shutil.copytree(template, tmp_path / str(place)))
        effects(lambda data=data: change(data), dies_at=place)  # type: ignore[misc] # bound in its loop
        all_readable(data)
        assert change(data) is not None
        all_readable(data)
        nothing_left_of(OLD, data)


def credentials(folder: Path, **keys: bytes) -> dict[str, str]:
    """Systemd's credentials of these names, `next` for the one to come."""
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    names = {"key": "orderferry.key", "next": "orderferry.key.next"}
    for name, key in keys.items():
        (folder / names[name]).write_bytes(key)
    return {"CREDENTIALS_DIRECTORY": str(folder)}


def test_with_credentials_the_new_key_comes_from_the_second_one(data: Path, tmp_path: Path) -> None:
    (data / "key").unlink()
    with pytest.raises(RekeyError, match="--new-key-file"):
        change(data, credentials(tmp_path / "c", key=OLD))
    done = change(data, credentials(tmp_path / "c", key=OLD, next=NEW))
    assert done is not None
    assert done.replace
    nothing_left_of(OLD, data)
    assert not list(data.glob("key*"))
    all_readable(data, credentials(tmp_path / "c", key=OLD, next=NEW))
    all_readable(data, credentials(tmp_path / "c", key=NEW, next=NEW))
    all_readable(data, credentials(tmp_path / "c", key=NEW))
    with pytest.raises(OtherKeyError):
        all_readable(data, credentials(tmp_path / "c", key=OLD))


def test_with_a_credential_a_key_from_a_file_stays_at_hand_until_the_credential_is_replaced(
    data: Path, tmp_path: Path
) -> None:
    (data / "key").unlink()
    replace_file(tmp_path / "new", NEW)
    environ = credentials(tmp_path / "c", key=OLD)
    assert change(data, environ, new_key_file=tmp_path / "new") is not None
    nothing_left_of(OLD, data)
    all_readable(data, environ)
    environ = credentials(tmp_path / "c", key=NEW)
    all_readable(data, environ)
    assert not (data / "key.next").exists(), "the credential has taken over"
    all_readable(data, environ)


def test_a_key_of_ones_own_is_taken_from_a_file_that_is_private(data: Path, tmp_path: Path) -> None:
    replace_file(tmp_path / "new", NEW)
    (tmp_path / "new").chmod(0o644)
    with pytest.raises(VaultError, match="chmod 600"):
        change(data, new_key_file=tmp_path / "new")
    replace_file(tmp_path / "new", OLD)
    with pytest.raises(RekeyError, match="in use already"):
        change(data, new_key_file=tmp_path / "new")
    replace_file(tmp_path / "new", NEW)
    assert change(data, new_key_file=tmp_path / "new") is not None
    assert (data / "key").read_bytes() == NEW


def test_another_new_key_is_refused_while_a_change_is_under_way(data: Path, tmp_path: Path) -> None:
    replace_file(data / "key.next", NEW)
    replace_file(tmp_path / "third", b"t" * KEY_BYTES)
    with pytest.raises(RekeyError, match="not at its end"):
        change(data, new_key_file=tmp_path / "third")
    seen: list[bool] = []

    def agree(plan: Plan) -> bool:
        seen.append(plan.goes_on)
        return True

    assert change(data, agree=agree) is not None
    assert seen == [True]
    assert (data / "key").read_bytes() == NEW


def test_who_does_not_agree_changes_nothing(data: Path) -> None:
    assert change(data, agree=lambda _: False) is None
    assert not (data / "key.next").exists()
    assert (data / "key").read_bytes() == OLD


def test_a_store_of_another_key_is_refused_before_anything_is_changed(data: Path) -> None:
    replace_file(data / "key", NEW)
    with pytest.raises(OtherKeyError, match=Vault(OLD).key_id):
        change(data)
    assert not (data / "key.next").exists()
    assert readable(data / FILE, Vault(OLD)) == 4 * ORDERS


def test_a_running_daemon_is_not_disturbed(data: Path) -> None:
    lock = Lock(data)
    try:
        with pytest.raises(StoreBusyError):
            change(data)
    finally:
        lock.release()


def test_what_can_t_be_opened_is_left_and_told(data: Path) -> None:
    third = Vault(b"t" * KEY_BYTES)
    with closing(sqlite3.connect(data / FILE, isolation_level=None)) as store:
        store.execute("update document set body = ? where order_id = 1", (third.seal(b"x", "document|1"),))
    replace_file(data / "tokens" / "other", third.seal(b"{}", "tokens|other"))
    damaged = data / "orders-replaced-20261121T101500Z.db"
    damaged.write_bytes(b"no store")
    done = change(data)
    assert done is not None
    assert (done.unreadable, done.values) == (1, 4 * ORDERS - 1)
    assert (done.left, done.logins) == ((damaged,), ("other",))
    assert damaged.read_bytes() == b"no store"


def test_tokens_that_are_being_renewed_are_waited_for_by_the_person(data: Path) -> None:
    held = os.open(data / "tokens" / "market.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(held, fcntl.LOCK_EX)
    with pytest.raises(RekeyError, match="logs market in"):
        change(data)
    all_readable(data)
    os.close(held)
    assert change(data) is not None
    nothing_left_of(OLD, data)


def test_before_the_first_start_there_are_only_tokens(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "tokens").mkdir(parents=True)
    replace_file(data / "key", OLD)
    replace_file(data / "tokens" / "market", Vault(OLD).seal(b"{}", "tokens|market"))
    done = change(data)
    assert done is not None
    assert (done.values, done.tokens) == (0, ("market",))
    assert not (data / FILE).exists()
    nothing_left_of(OLD, data)


def test_a_key_that_was_overtaken_by_another_is_forgotten(data: Path, tmp_path: Path) -> None:
    """First a file was given, then a credential with another key: the credential's is the one that stays."""
    (data / "key").unlink()
    replace_file(data / "key.next", b"t" * KEY_BYTES)
    done = change(data, credentials(tmp_path / "c", key=OLD, next=NEW))
    assert done is not None
    assert done.key_id == Vault(NEW).key_id
    assert not (data / "key.next").exists()
    all_readable(data, credentials(tmp_path / "c", key=NEW))


def test_a_key_to_come_outlives_a_credential_that_is_not_it(data: Path, tmp_path: Path) -> None:
    (data / "key").unlink()
    replace_file(data / "key.next", NEW)
    all_readable(data, credentials(tmp_path / "c", key=OLD, next=OLD))
    assert (data / "key.next").read_bytes() == NEW


def test_no_draft_that_the_old_key_has_sealed_stays_behind(data: Path) -> None:
    draft = data / "tokens" / "market.77.new"
    draft.write_bytes(Vault(OLD).seal(b"{}", "tokens|market"))
    assert change(data) is not None
    nothing_left_of(OLD, data)


def test_a_document_that_was_erased_is_nothing_to_seal(data: Path) -> None:
    with closing(sqlite3.connect(data / FILE, isolation_level=None)) as store:
        store.execute("update document set body = x'' where order_id = ?", (ORDERS,))
    done = change(data)
    assert done is not None
    assert (done.values, done.unreadable) == (4 * ORDERS - 1, 0)
