"""Backups are made while orders flow, put back without a double, and the key is changed under all of it."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sqlite3
import stat
from pathlib import Path

import pytest

from daemon.store.copies import contents
from daemon.vault import KEY_BYTES, Vault
from tests.journeys.test_starts import content
from tests.journeys.world import Said, World, eventually

PATIENT = 60.0  # the program itself is started for each verb, also on a machine that has much to do


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def backed_up(world: World) -> Path:
    """Makes a backup with the program; answers its file."""
    said = await world.cli("backup", "--config", str(world.config), "--json", seconds=PATIENT)
    assert said.code == 0, said
    path = Path(said.json["path"])
    assert mode(path) == 0o600
    assert path.parent == world.data / "backups"
    return path


async def restored(world: World, file: Path, *words: str) -> Said:
    return await world.cli("restore", str(file), "--config", str(world.config), "--yes", *words, seconds=PATIENT)


async def test_a_backup_is_made_while_orders_flow_and_nothing_is_lost(world: World) -> None:
    await world.start()
    forms = [world.sell() for _ in range(10)]
    await world.forwarded(forms[0])
    made = asyncio.create_task(backed_up(world))
    for form in forms[1:5]:
        await world.forwarded(form)
    path = await made
    forms += [world.sell() for _ in range(5)]
    for form in forms:
        await world.forwarded(form)
        assert len(world.shop.of(form)) == 1
    found = contents(path, Vault.open(world.data, {}, create=False))
    assert found.orders >= 1
    assert (await world.entry("backup_made", file=path.name))["data"]["orders"] == found.orders
    assert not list(path.parent.glob("*.new"))
    assert (await world.api("status"))["problems"] == []


async def test_a_copy_goes_where_the_user_wants_it_and_the_key_is_told_apart(world: World) -> None:
    await world.start()
    elsewhere = world.folder / "elsewhere"
    elsewhere.mkdir()
    said = await world.cli("backup", str(elsewhere), "--config", str(world.config), seconds=PATIENT)
    assert said.code == 0, said
    (copy,) = elsewhere.iterdir()
    assert mode(copy) == 0o600
    assert copy.read_bytes() == (world.data / "backups" / copy.name).read_bytes()
    vault = Vault.open(world.data, {}, create=False)
    assert f"The key {vault.key_id} is NOT in it" in said.out
    assert (world.data / "key").read_bytes() not in copy.read_bytes()
    taken = await world.cli("backup", str(copy), "--config", str(world.config), seconds=PATIENT)
    assert (taken.code, "is there already" in taken.err) == (1, True)


async def test_without_a_daemon_it_is_made_under_the_lock(world: World) -> None:
    form = world.sell()
    await world.start()
    await world.forwarded(form)
    await world.kill()
    path = await backed_up(world)
    assert contents(path, Vault.open(world.data, {}, create=False)).orders == 1


async def test_a_backup_that_had_forgotten_orders_is_put_back_without_a_double(world: World) -> None:
    await world.start()
    old = world.sell()
    await world.forwarded(old)
    path = await backed_up(world)
    forgotten = [world.sell() for _ in range(4)]
    for form in forgotten:
        await world.forwarded(form)
    busy = await restored(world, path)
    assert (busy.code, f"process {world.process.pid}" in busy.err) == (75, True)  # type: ignore[union-attr] # it runs
    assert await world.stop() == 0

    said = await restored(world, path)
    assert said.code == 0, said
    assert "Next: orderferry run" in said.out
    (aside,) = world.data.glob("orders-replaced-*.db")
    assert contents(aside, Vault.open(world.data, {}, create=False)).orders == 5
    assert not (world.data / "restoring").exists()
    world._entries.clear()  # the journal begins anew at the backup
    posts = len(world.shop.posts)
    await world.start()
    await world.entry("store_restored", file=path.name)
    assert (await world.api("status"))["epoch"] == 2
    new = world.sell()
    for form in (old, *forgotten, new):
        await world.forwarded(form)
        assert len(world.shop.of(form)) == 1
    assert len(world.shop.posts) == posts + 1
    assert {mode(one) for one in world.data.glob("orders*.db")} == {0o600}


async def test_a_backup_that_is_not_right_is_refused_and_changes_nothing(world: World) -> None:
    await world.start()
    form = world.sell()
    await world.forwarded(form)
    path = await backed_up(world)
    assert await world.stop() == 0
    before = content(world.data, "lock")

    async def refused(file: Path, sentence: str, *words: str) -> None:
        said = await restored(world, file, *words)
        assert said.code == 1, said
        assert sentence in said.err
        assert "Traceback" not in said.err
        assert content(world.data, "lock") == before

    bad = world.folder / "bad.db"
    whole = path.read_bytes()
    for offset in (8192, 3 * 8192):
        bad.write_bytes(
            whole[:offset] + bytes(byte ^ 0xFF for byte in whole[offset : offset + 200]) + whole[offset + 200 :]
        )
        await refused(bad, "is damaged")
    bad.write_bytes(whole[: len(whole) // 2])
    await refused(bad, "is damaged")
    bad.write_bytes(b"")
    await refused(bad, "is not a store of orderferry")
    for pragma, sentence in (
        ("user_version = 99", "a newer orderferry (schema 99"),
        ("application_id = 7", "not a store"),
    ):
        shutil.copy(path, bad)
        with sqlite3.connect(bad) as store:
            store.execute(f"pragma {pragma}")
        store.close()
        await refused(bad, sentence)
    shutil.copy(path, bad)
    with sqlite3.connect(bad) as store:
        store.execute("update meta set value = 'abcdefgh' where key = 'installation'")
    store.close()
    await refused(bad, "--another-installation")
    await refused(world.folder / "none.db", "there is no file")

    key = (world.data / "key").read_bytes()
    (world.data / "key").write_bytes(os.urandom(KEY_BYTES))
    before = content(world.data, "lock")
    await refused(path, f"was sealed with the key {Vault(key).key_id}")
    (world.folder / "old-key").touch(mode=0o600)
    (world.folder / "old-key").write_bytes(key)
    said = await restored(world, path, "--key-file", str(world.folder / "old-key"))
    assert said.code == 0, said
    assert contents(world.data / "orders.db", Vault.open(world.data, {}, create=False)).orders == 1


async def test_another_key_than_the_store_s_is_refused_by_the_daemon(world: World) -> None:
    await world.start()
    await world.forwarded(world.sell())
    assert await world.stop() == 0
    (world.data / "key").write_bytes(os.urandom(KEY_BYTES))
    said = await world.run()
    assert said.code == 78
    assert "was sealed with the key" in said.err
    assert "put that key back" in said.err


AT_REPLACING = """
import os
was, count = os.replace, []
def replace(source, target):
    count.append(target)
    if len(count) == {place}:
        os.kill(os.getpid(), 9)
    was(source, target)
os.replace = replace
"""


@pytest.mark.parametrize("place", [2, 3])  # when the store is put aside, and when the backup takes its place
async def test_a_restore_that_was_killed_halfway_lets_nobody_start_before_it_is_done_again(
    world: World, place: int
) -> None:
    await world.start()
    form = world.sell()
    await world.forwarded(form)
    path = await backed_up(world)
    later = world.sell()
    await world.forwarded(later)
    assert await world.stop() == 0
    words = ("restore", str(path), "--config", str(world.config), "--yes")
    process = await world._spawn(AT_REPLACING.format(place=place), *words)
    assert await process.wait() == -signal.SIGKILL
    said = await world.run()
    assert said.code == 78
    assert "orderferry restore FILE" in said.err
    assert (await restored(world, path)).code == 0
    (aside,) = world.data.glob("orders-replaced-*.db")
    assert contents(aside, Vault.open(world.data, {}, create=False)).orders == 2
    await world.start()
    for one in (form, later):
        await world.forwarded(one)
        assert len(world.shop.of(one)) == 1


async def test_the_key_is_changed_and_all_goes_on(world: World) -> None:
    await world.start()
    form = world.sell()
    await world.forwarded(form)
    path = await backed_up(world)
    words = ("rekey", "--config", str(world.config), "--yes")
    assert (await world.cli(*words, seconds=PATIENT)).code == 75
    assert await world.stop() == 0
    old = Vault.open(world.data, {}, create=False)
    declined = await world.cli(*words[:-1], answers=("n",), seconds=PATIENT)
    assert (declined.code, "Nothing was changed." in declined.out) == (1, True)
    assert Vault.open(world.data, {}, create=False).key_id == old.key_id
    said = await world.cli(*words, "--json", seconds=PATIENT)
    assert said.code == 0, said
    new = Vault.open(world.data, {}, create=False)
    assert (said.json["was"], said.json["key_id"]) == (old.key_id, new.key_id)
    assert said.json["copies"] == [str(path)]
    for file in world.data.rglob("*"):
        assert file.is_dir() or old.head not in file.read_bytes(), file
    await world.start()
    later = world.sell()
    await world.forwarded(later)
    shown = await world.api(f"orders/{form}")
    assert shown["order"]["lines"]
    await world.entry("key_changed", was=old.key_id, key=new.key_id)
    assert (await world.account("allegro-main", health="ok"))["problem"] is None
    assert contents(path, new).orders == 1


async def test_a_backup_is_made_by_itself_and_a_failure_is_told_with_what_helps(world: World) -> None:
    world.settings["backup"] = {"folder": str(world.folder / "away"), "every": "1h"}
    world.write_config()
    await world.start(
        prelude="import datetime, daemon.keeper as k\nk.FIRST = k.SLICE = datetime.timedelta(seconds=0.1)\n"
    )
    failed = await world.entry("backup_failed")
    assert "is its disk mounted?" in failed["data"]["reason"]
    assert any("is its disk mounted?" in one for one in (await world.api("status"))["problems"])
    (world.folder / "away").mkdir()
    said = await world.cli("backup", "--config", str(world.config), seconds=PATIENT)
    assert said.code == 0, said
    await eventually(lambda: list((world.folder / "away").glob("orders-*Z.db")), "the backup is there")
    assert (await world.api("status"))["problems"] == []
