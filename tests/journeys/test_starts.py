"""A start that could harm the store is refused with a sentence, and changes nothing."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import sqlite3
from pathlib import Path

import pytest

from tests.journeys.world import Said, World


def content(folder: Path, *besides: str) -> dict[str, str]:
    """Every file with its digest."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in besides
    }


async def used(world: World) -> Path:
    """A store with an order in it, whose daemon has ended; answers its file."""
    form = world.sell()
    await world.start()
    await world.forwarded(form)
    assert await world.stop() == 0
    return world.data / "orders.db"


async def refused(world: World, code: int) -> Said:
    before, posts = content(world.data, "lock"), list(world.shop.posts)
    said = await world.run()
    assert said.code == code, said
    assert content(world.data, "lock") == before
    assert world.shop.posts == posts
    assert "Traceback" not in said.err
    return said


async def test_a_second_daemon_is_turned_away_and_changes_nothing(world: World) -> None:
    await world.start()
    assert world.process is not None
    await world.settled()
    os.kill(world.process.pid, signal.SIGSTOP)  # so that whatever changes now, the second one did it
    try:
        before = content(world.data)
        said = await world.run()
        after = content(world.data)
    finally:
        os.kill(world.process.pid, signal.SIGCONT)
    assert said.code == 75
    assert f"process {world.process.pid}" in said.err
    assert str(world.data) in said.err
    assert after == before
    form = world.sell()
    await world.forwarded(form)
    assert len(await world.entries("daemon_started")) == 1


async def test_a_damaged_store_is_refused(world: World) -> None:
    path = await used(world)
    whole = path.read_bytes()
    for offset in (8192, 3 * 8192):  # pages of tables
        path.write_bytes(
            whole[:offset] + bytes(byte ^ 0xFF for byte in whole[offset : offset + 200]) + whole[offset + 200 :]
        )
        said = await refused(world, 78)
        assert f"{path} is damaged" in said.err
        assert "backup" in said.err
    path.write_bytes(b"\xff" * 100 + whole[100:])
    assert "damaged" in (await refused(world, 78)).err
    path.write_bytes(whole)
    await world.start()
    await world.settled()


async def test_a_store_that_was_cut_off_is_refused(world: World) -> None:
    path = await used(world)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert f"{path} is damaged" in (await refused(world, 78)).err
    path.write_bytes(b"")
    assert str(path) in (await refused(world, 78)).err


async def test_a_store_that_is_missing_though_it_was_there_is_refused(world: World) -> None:
    path = await used(world)
    path.rename(world.folder / "elsewhere.db")
    said = await refused(world, 78)
    assert f"{path} is missing" in said.err
    assert "a second time" in said.err
    assert not path.exists()


async def test_a_store_of_a_newer_program_or_of_somebody_else_is_refused(world: World) -> None:
    path = await used(world)
    shutil.copy(path, world.folder / "kept.db")
    _pragma(path, "user_version", 99)
    said = await refused(world, 78)
    assert "a newer orderferry (schema 99" in said.err
    _pragma(path, "user_version", 1)
    _pragma(path, "application_id", 7)
    assert "not an orderferry store" in (await refused(world, 78)).err
    shutil.copy(world.folder / "kept.db", path)
    (world.data / "installation").write_text("abcdefgh\n", encoding="ascii")
    assert "another installation" in (await refused(world, 78)).err


async def test_a_missing_key_is_refused(world: World) -> None:
    await used(world)
    (world.data / "key").rename(world.folder / "key")
    said = await refused(world, 78)
    assert f"{world.data / 'key'} is missing" in said.err
    assert not (world.data / "key").exists()


KILL = "os.kill(os.getpid(), 9)"
AT_REPLACING = """
import os
was, count = os.replace, []
def replace(source, target):
    count.append(target)
    if len(count) == {place}:
        {what}
    was(source, target)
os.replace = replace
"""


@pytest.mark.parametrize(
    "prelude",
    [
        pytest.param(
            f"import os\nimport daemon.store.connection as c\nc._statements = lambda _: {KILL}\n", id="making the store"
        ),
        pytest.param(AT_REPLACING.format(place=1, what=KILL), id="putting the store in its place"),
        pytest.param(AT_REPLACING.format(place=2, what=KILL), id="marking the installation"),
    ],
)
async def test_a_first_start_that_was_killed_halfway_is_simply_done_again(world: World, prelude: str) -> None:
    form = world.sell()
    await world.start(prelude=prelude, wait=False)
    assert await world.ended() == -signal.SIGKILL
    await world.start()
    await world.forwarded(form)
    assert await world.stop() == 0
    assert not list(world.data.glob("*.new"))
    await world.start()  # and the installation is whole
    await world.settled()
    assert len(world.shop.of(form)) == 1


@pytest.mark.parametrize(
    ("written", "instead", "line", "sentence"),
    [
        pytest.param('poll_every = "0.2s"', 'poll_every = "soon"', 11, "is not a duration", id="value"),
        pytest.param('client_id = "', 'clientid = "', 9, "client_id", id="name"),
        pytest.param(
            'platform = "woocommerce"', 'platform = "woocomerce"', 15, 'did you mean "woocommerce"', id="platform"
        ),
        pytest.param('platform = "allegro"', 'platform = "allegro', 6, "a closing quote is missing", id="quote"),
    ],
)
async def test_a_broken_config_is_refused_with_its_line(
    world: World, written: str, instead: str, line: int, sentence: str
) -> None:
    text = world.config.read_text()
    assert written in text
    world.config.write_text(text.replace(written, instead))
    said = await refused(world, 78)
    assert f"{world.config}:{line}" in said.err
    assert sentence in said.err


def _pragma(path: Path, name: str, value: int) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"pragma {name} = {value}")
    connection.close()
