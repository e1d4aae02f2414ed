"""Both accounts' plugins in processes of their own, through the real program: killed, told to stop, left alone."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from tests.journeys.scripted_shop import Hold
from tests.journeys.world import MARKET, SHOP, World, eventually


@pytest.fixture
def apart(world: World) -> World:
    """The world, with both plugins in processes of their own."""
    world.settings[f"marketplaces.{MARKET}"]["isolation"] = "process"
    world.settings[f"shops.{SHOP}"]["isolation"] = "process"
    world.write_config()
    return world


def children(world: World) -> dict[str, int]:
    """The newest process of each account's plugin, as the daemon's log tells it."""
    found = {}
    for line in world.log.read_text(encoding="utf-8").splitlines():
        told = json.loads(line) if line.startswith("{") else {}
        if told.get("event") == "plugin_process_started":
            found[told["account"]] = told["pid"]
    return found


def is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def test_a_plugin_s_process_that_is_killed_while_it_adds_an_order_doubles_nothing(apart: World) -> None:
    form = apart.sell()
    hold = apart.shop.holds[form] = Hold()
    await apart.start()
    await hold.committed.wait()
    before = children(apart)
    os.kill(before[SHOP], signal.SIGKILL)
    hold.release.set()
    ended = await apart.entry("plugin_ended", account=SHOP)
    assert "killed from outside" in ended["data"]["reason"]
    await apart.forwarded(form)
    assert apart.shop.posts == [form]
    assert children(apart)[SHOP] != before[SHOP]
    assert children(apart)[MARKET] == before[MARKET], "the other account's process was left alone"
    story = await apart.cli("explain", form)
    assert f"the process of {SHOP}'s plugin ended during the call" in story.out
    assert await apart.stop() == 0
    assert not any(map(is_there, children(apart).values()))


async def test_what_is_under_way_is_finished_when_everybody_is_told_to_stop(apart: World) -> None:
    """systemd tells every process of the service to stop, the plugins' own too."""
    form = apart.sell()
    hold = apart.shop.holds[form] = Hold()
    await apart.start()
    await hold.committed.wait()
    for pid in children(apart).values():
        os.kill(pid, signal.SIGTERM)
    apart.terminate()
    await asyncio.sleep(0.2)
    hold.release.set()
    assert await apart.ended() == 0
    assert not any(map(is_there, children(apart).values()))
    await apart.start()
    await apart.forwarded(form)
    assert apart.shop.posts == [form]
    assert not await apart.entries("job_unsure")


async def test_no_plugin_s_process_outlives_a_killed_daemon(apart: World) -> None:
    form = apart.sell()
    await apart.start()
    await apart.forwarded(form)
    pids = children(apart).values()
    assert len(pids) == 2
    await apart.kill()
    await eventually(lambda: not any(map(is_there, pids)), "the plugins' processes are gone")
