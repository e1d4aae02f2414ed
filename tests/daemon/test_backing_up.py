"""A backup is whole, proven and private before it has its name; the keeper makes them in time and tells what fails."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from daemon import backing_up
from daemon.backing_up import BackupError, clear, make
from daemon.backup_settings import BackupSettings
from daemon.core import backups
from daemon.core.journal import Entry, Kind
from daemon.core.ticking import Every
from daemon.keeper import FIRST, Keeper
from daemon.store.connection import FILE
from daemon.store.copies import HaltedError, contents, copy
from daemon.vault import Vault
from daemon.views import CommandError
from tests.daemon.engine import VAULT, Engine, EngineClock, order, page
from tests.daemon.engine_platforms import ShopWorld

DEFAULT = BackupSettings()


@pytest.fixture
def clock() -> EngineClock:
    return EngineClock()


@pytest.fixture
async def engine(tmp_path: Path, clock: EngineClock) -> AsyncIterator[Engine]:
    async with await Engine.between(tmp_path / "data", ShopWorld(clock), clock=clock) as engine:
        await engine.receive(page(order(1), order(2)))
        await engine.settle()
        yield engine


@pytest.fixture
def store(engine: Engine) -> Path:
    return engine.store.path


async def test_it_is_whole_private_and_has_what_was_committed(store: Path, clock: EngineClock) -> None:
    made = make(store, DEFAULT, VAULT, clock.now())
    assert made.path == store.parent / "backups" / backups.name(clock.now())
    assert made.path.stat().st_mode & 0o777 == 0o600
    assert made.path.parent.stat().st_mode & 0o777 == 0o700
    assert made.contents.orders == 2
    assert contents(made.path, VAULT) == made.contents
    assert [path.name for path in made.path.parent.iterdir()] == [made.path.name]
    assert make(store, DEFAULT, VAULT, clock.now()).path != made.path


async def test_a_store_that_is_damaged_gives_no_backup(store: Path, tmp_path: Path, clock: EngineClock) -> None:
    damaged = tmp_path / "other" / FILE
    damaged.parent.mkdir()
    copy(store, damaged)
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:8192] + b"\xff" * 200 + whole[8392:])
    with pytest.raises(BackupError):
        make(damaged, DEFAULT, VAULT, clock.now())
    assert list((damaged.parent / "backups").iterdir()) == []


async def test_one_that_this_key_can_t_open_is_none(store: Path, clock: EngineClock) -> None:
    with pytest.raises(BackupError, match=VAULT.key_id):
        make(store, DEFAULT, Vault(os.urandom(32)), clock.now())
    assert list((store.parent / "backups").iterdir()) == []


async def test_one_damaged_document_is_no_reason_to_go_without(engine: Engine, store: Path, clock: EngineClock) -> None:
    damaged = "cast(substr(body, 1, 40) || zeroblob(60) as blob)"
    await engine.store.fetch(f"update document set body = {damaged} where order_id = 2")  # noqa: S608 - fixed text
    assert make(store, DEFAULT, VAULT, clock.now()).contents.orders == 2


async def test_a_folder_of_the_settings_is_never_made(store: Path, tmp_path: Path, clock: EngineClock) -> None:
    away = BackupSettings(folder=tmp_path / "away")
    with pytest.raises(BackupError, match="is its disk mounted"):
        make(store, away, VAULT, clock.now())
    assert not (tmp_path / "away").exists()


async def test_a_disk_that_is_nearly_full_is_not_filled(
    store: Path, clock: EngineClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = backing_up.needed(store) + backing_up.MARGIN - 1
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(free, 0, free))
    with pytest.raises(BackupError, match="free some space"):
        make(store, DEFAULT, VAULT, clock.now())
    assert list((store.parent / "backups").iterdir()) == []


async def test_one_that_is_halted_leaves_nothing(
    store: Path, clock: EngineClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.store.copies.PATIENCE", 1)
    with pytest.raises(HaltedError):
        make(store, DEFAULT, VAULT, clock.now(), lambda: True)
    assert list((store.parent / "backups").iterdir()) == []


async def test_what_a_killed_process_left_is_cleared(store: Path, clock: EngineClock) -> None:
    folder = store.parent / "backups"
    folder.mkdir()
    (folder / "orders-20260101T000000Z.db.new").touch()
    (folder / "mine.new").touch()
    made = make(store, DEFAULT, VAULT, clock.now())
    assert sorted(path.name for path in folder.iterdir()) == ["mine.new", made.path.name]


async def test_old_ones_go_and_strangers_stay(store: Path, clock: EngineClock) -> None:
    folder, data = store.parent / "backups", store.parent
    folder.mkdir()
    now = clock.now()
    for days in (1, 6, 8, 13, 20):
        (folder / backups.name(now - timedelta(days=days))).touch()
        (data / backups.replaced_name(now - timedelta(days=days))).touch()
    old, young = data / "orders-before-schema-2.db", data / "orders-before-schema-3.db"
    for path, days in ((old, 15), (young, 13)):
        path.touch()
        stamp = (now - timedelta(days=days)).timestamp()
        os.utime(path, (stamp, stamp))
    (folder / "holiday.jpg").touch()
    clear(store, DEFAULT, now)
    assert {path.name for path in folder.iterdir()} == {
        "holiday.jpg",
        *(backups.name(now - timedelta(days=days)) for days in (1, 6)),
    }
    assert set(data.glob("orders-*")) == {
        young,
        *(data / backups.replaced_name(now - timedelta(days=days)) for days in (1, 6, 8, 13)),
    }
    assert store in data.iterdir()


def keeper(engine: Engine, clock: EngineClock, settings: BackupSettings = DEFAULT) -> Keeper:
    return Keeper(engine.store.path, VAULT, engine.rounds, clock, lambda: settings)


async def passing(clock: EngineClock, condition: Callable[[], object]) -> timedelta:
    """Lets time pass until the condition holds; answers how much passed. What threads do takes none."""
    began, deadline = clock.now(), time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        if clock.next_at is not None:  # else a thread is at work
            await clock.advance((clock.next_at - clock.now()).total_seconds())
        await asyncio.sleep(0)
    return clock.now() - began


def files(store: Path) -> list[str]:
    folder = store.parent / "backups"
    return sorted(path.name for path in folder.glob("orders-*Z.db")) if folder.is_dir() else []


def made_rows(engine: Engine) -> list[Entry]:
    return [entry for entry in engine.published if entry.kind is Kind.BACKUP_MADE]


async def test_the_first_is_made_soon_after_a_start_and_the_next_a_day_later(
    engine: Engine, store: Path, clock: EngineClock
) -> None:
    subject = keeper(engine, clock)
    task = asyncio.create_task(subject.run(DEFAULT))
    try:
        assert await passing(clock, lambda: made_rows(engine)) >= FIRST
        first = backups.moment(files(store)[0])
        await passing(clock, lambda: len(made_rows(engine)) == 2)
        second = backups.moment(files(store)[1])
        assert first is not None
        assert second is not None
        assert timedelta(days=1) <= second - first <= timedelta(days=1, minutes=30)
        assert subject.problems == []
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert [row.data.get("uid") for row in made_rows(engine)] == [None, None]


async def test_switched_off_nothing_is_made_and_old_ones_still_go(
    engine: Engine, store: Path, clock: EngineClock
) -> None:
    folder = store.parent / "backups"
    folder.mkdir()
    old = folder / backups.name(clock.now() - timedelta(days=13, hours=23))
    old.touch()
    off = BackupSettings(every=Every.parse("off"))
    task = asyncio.create_task(keeper(engine, clock, off).run(off))
    try:
        await passing(clock, lambda: not old.exists())
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert files(store) == []


async def test_where_none_can_be_made_old_ones_go_all_the_same(
    engine: Engine, store: Path, clock: EngineClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = store.parent / "backups"
    folder.mkdir()
    old = folder / backups.name(clock.now() - timedelta(days=15))
    old.touch()
    monkeypatch.setattr("daemon.backing_up.MARGIN", 2**62)
    task = asyncio.create_task(keeper(engine, clock).run(DEFAULT))
    try:
        await passing(clock, lambda: any(entry.kind is Kind.BACKUP_FAILED for entry in engine.published))
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert not old.exists(), "what was erased since is still in it"


async def test_a_failure_is_told_once_and_is_over_with_the_next_success(
    engine: Engine, tmp_path: Path, clock: EngineClock
) -> None:
    away = BackupSettings(folder=tmp_path / "away")
    subject = keeper(engine, clock, away)
    task = asyncio.create_task(subject.run(away))
    try:
        await passing(clock, lambda: subject.problems)
        assert "is its disk mounted" in subject.problems[0]
        until = clock.now() + timedelta(hours=5)
        await passing(clock, lambda: clock.now() > until)
        (tmp_path / "away").mkdir()
        await passing(clock, lambda: engine.published[-1].kind is Kind.BACKUP_MADE)
        assert subject.problems == []
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    kinds = [entry.kind for entry in engine.published]
    assert kinds.count(Kind.BACKUP_FAILED) == 1
    assert len(list((tmp_path / "away").iterdir())) == 1


async def test_asked_for_one_it_says_where_it_stands(engine: Engine, store: Path, clock: EngineClock) -> None:
    lines = [line async for line in keeper(engine, clock).make(1000)]
    assert (lines[-1].done, lines[-1].percent, lines[-1].orders) == (True, 100, 2)
    assert lines[-1].path == str(store.parent / "backups" / files(store)[0])
    assert lines[-1].key_id == VAULT.key_id
    entry = engine.published[-1]
    assert (entry.kind, entry.data["uid"]) == (Kind.BACKUP_MADE, 1000)


async def test_orders_are_written_while_a_long_one_is_made(
    engine: Engine, store: Path, clock: EngineClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    going, go = threading.Event(), threading.Event()

    def slow(source: Path, target: Path, halt: Callable[[], bool]) -> None:
        copy(source, target, halt)
        going.set()
        assert go.wait(20)

    monkeypatch.setattr(backing_up, "copy", slow)
    monkeypatch.setattr("daemon.keeper.TELL", 0.01)
    subject = keeper(engine, clock)
    lines = subject.make(1000)
    first = await anext(lines)
    assert (first.done, first.percent <= 90) == (False, True)
    await asyncio.to_thread(going.wait, 20)
    await engine.receive(page(order(3), cursor="c2"))
    with pytest.raises(CommandError, match="just now"):
        await anext(subject.make(1000))
    go.set()
    last = [line async for line in lines][-1]
    assert (last.done, last.orders) == (True, 2)
    with closing(sqlite3.connect(store)) as connection:
        assert connection.execute("select count(*) from orders").fetchone() == (3,)


async def test_whoever_leaves_ends_it(
    engine: Engine, store: Path, clock: EngineClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(_: Path, target: Path, halt: Callable[[], bool]) -> None:
        target.touch()
        deadline = time.monotonic() + 20
        while not halt():
            assert time.monotonic() < deadline
        raise HaltedError

    monkeypatch.setattr(backing_up, "copy", slow)
    monkeypatch.setattr("daemon.keeper.TELL", 0.01)
    lines = keeper(engine, clock).make(1000)
    await anext(lines)
    await lines.aclose()  # type: ignore[attr-defined] # it is a generator
    assert list((store.parent / "backups").iterdir()) == []
