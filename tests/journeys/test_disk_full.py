"""A full disk: nothing is sent whose intent could not be written, the daemon says so, and goes on by itself."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.scripted_shop import Hold
from tests.journeys.world import World, eventually, first

# SQLite itself says that the disk is full: while the flag is there, the store's file may not grow by a single page.
FULL_WHILE = """
import os
from daemon.store.store import Store
begin = Store.begin
async def limited(self):
    most = 1 if os.path.exists({flag!r}) else 4_000_000
    await self._db.execute("pragma max_page_count = %d" % most)
    await begin(self)
Store.begin = limited
"""


async def test_on_a_full_disk_nothing_is_sent_and_afterwards_all_of_it(world: World) -> None:
    flag = world.folder / "full"
    await world.start(prelude=FULL_WHILE.format(flag=str(flag)) + "\n")
    await world.forwarded(world.sell())
    await world.settled()
    flag.touch()
    skus = {f"SKU-{number:03d}": 1 for number in range(1, 13)}
    forms = [world.sell(skus, comment="x" * 8_000) for _ in range(10)]
    await _degraded(world)
    posts = list(world.shop.posts)
    assert not set(world.shop.posts) & set(forms), "sent, though its order could not be written"
    said = await world.cli("status")
    assert said.code == 0
    assert "degraded" in said.out
    assert "free some space" in said.out

    flag.unlink()
    for form in forms:
        await world.forwarded(form)
    assert (await world.api("status"))["health"] == "ok"
    assert sorted(world.shop.posts) == sorted([*posts, *forms])


async def test_stopped_on_a_full_disk_it_ends_and_the_next_start_goes_on(world: World) -> None:
    flag = world.folder / "full"
    await world.start(prelude=FULL_WHILE.format(flag=str(flag)) + "\n")
    await world.forwarded(world.sell())
    await world.settled()
    flag.touch()
    forms = [world.sell(comment="x" * 8_000) for _ in range(10)]
    await _degraded(world)
    world.terminate()
    await world.ended(30)
    flag.unlink()
    await world.start()
    for form in forms:
        await world.forwarded(form)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes, where this machine lets us mount one."""
    place = tmp_path / "data"
    place.mkdir(mode=0o700)
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if os.geteuid() != 0 or mount is None or umount is None:
        pytest.skip("a small file system can be mounted by root alone")
    command = [mount, "-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs", str(place)]
    if subprocess.run(command, check=False, capture_output=True).returncode:  # noqa: S603 - the system's own mount
        pytest.skip("this machine does not let us mount a small file system")
    try:
        yield place
    finally:
        subprocess.run([umount, "-l", str(place)], check=True)  # noqa: S603 - likewise


async def test_on_a_disk_that_is_truly_full_nothing_is_sent_and_afterwards_all_of_it(
    small_disk: Path, world: World
) -> None:
    assert world.data == small_disk
    await world.log_in()
    await world.start()
    first = world.sell()
    await world.forwarded(first)
    await world.settled()
    filler = small_disk / "filler"
    _fill(filler)
    forms = [world.sell(comment="x" * 8_000) for _ in range(10)]
    await _degraded(world)
    assert world.shop.posts == [first], "sent, though its order could not be written"
    filler.unlink()
    for form in forms:
        await world.forwarded(form)
    assert (await world.api("status"))["health"] == "ok"


async def test_an_answer_that_comes_on_a_full_disk_is_not_forgotten(small_disk: Path, world: World) -> None:
    await world.log_in()
    await world.start()
    await world.forwarded(world.sell())
    await world.settled()
    form = world.sell()
    hold = world.shop.holds[form] = Hold()
    await eventually(hold.committed.is_set, "the shop has it")
    filler = small_disk / "filler"
    _fill(filler)
    hold.release.set()
    await _degraded(world)
    await world.kill()  # the worst that can happen now
    filler.unlink()
    await world.start()
    link = await world.forwarded(form)
    assert [str(order["id"]) for order in world.shop.of(form)] == [link["shop_order"]]
    assert world.shop.posts.count(form) == 1


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 4096)


async def _degraded(world: World) -> None:
    async def degraded() -> bool:
        status = await world.api("status")
        return bool(status["health"] == "degraded")

    await first(degraded, "the daemon says that it is degraded")
