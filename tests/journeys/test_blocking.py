"""A plugin that blocks the whole program is named within a second, and ended with it where it never returns."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.journeys.scripted_shop import Json
from tests.journeys.world import World, eventually

BLOCKING = """
import os, time
from pathlib import Path
from orderferry import Account, Capability, CheckReport, Page, Platform, Role, Settings, hookimpl

class SlowSettings(Settings):
    flag: str

class Slow(Platform[SlowSettings]):
    id = "slowpoke"
    title = "Slowpoke"
    role = Role.MARKETPLACE
    Settings = SlowSettings
    capabilities = Capability.FETCH_ORDERS

    @hookimpl
    async def check(self):
        return CheckReport()

    @hookimpl
    async def fetch_orders(self, cursor, since=None):
        flag = Path(self.account.settings.flag)
        while flag.exists():
            time.sleep(0.05)
        return Page(orders=(), cursor="x", more=False)

@hookimpl
def register_platforms(register):
    register(Slow)
"""
ACCOUNTS = ("slow-one", "slow-two")


@pytest.fixture
def flags(world: World) -> dict[str, Path]:
    """Two accounts of a stranger's plugin, each of which blocks while its file is there."""
    plugins, flags = world.folder / "strangers", {name: world.folder / f"{name}.blocks" for name in ACCOUNTS}
    info = plugins / "acme_slow-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-slow\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[orderferry]\nslowpoke = acme_slow\n")
    (plugins / "acme_slow.py").write_text(BLOCKING)
    world.environ["PYTHONPATH"] = os.pathsep.join([str(plugins), *filter(None, [os.environ.get("PYTHONPATH")])])
    world.settings["plugins"] = {"enabled": ["acme-slow"]}
    for name, flag in flags.items():
        account = {"platform": "slowpoke", "flag": str(flag), "poll_every": "0.1s", "isolation": "daemon"}
        world.settings[f"marketplaces.{name}"] = account
    world.write_config()
    return flags


async def line(world: World, event: str) -> Json:
    """The first line of that name in the log, as soon as there is one."""
    await eventually(lambda: world.logged(event), f"the log says {event}")
    return world.logged(event)[0]


async def test_a_plugin_that_blocks_is_named_with_its_account_within_a_second(
    world: World, flags: dict[str, Path]
) -> None:
    await world.start()
    await world.account("slow-two", health="ok")
    flags["slow-two"].touch()
    said = await line(world, "plugin_blocks")
    assert (said["plugin"], said["account"]) == ("slowpoke", "slow-two")
    assert 0.7 <= said["seconds"] < 1.0
    assert said["detail"].startswith("acme_slow, line ")
    flags["slow-two"].unlink()
    row = await world.entry("plugin_blocked", account="slow-two", plugin="slowpoke")
    assert float(row["data"]["seconds"]) >= 0.7
    await world.forwarded(world.sell())

    flags["slow-two"].touch()  # a second time within the minute: in the log, not in the journal
    await eventually(lambda: len(world.logged("plugin_blocks")) == 2, "it is named")
    flags["slow-two"].unlink()
    await eventually(lambda: len(world.logged("plugin_let_go")) == 2, "it goes on")
    await world.forwarded(world.sell())
    assert len(await world.entries("plugin_blocked")) == 1


async def test_a_plugin_that_never_returns_ends_the_daemon(world: World, flags: dict[str, Path]) -> None:
    sooner = "import daemon.core.blocking\ndaemon.core.blocking.HOPELESS_AFTER = 1.0\n"
    await world.start(prelude=sooner)
    await world.account("slow-one", health="ok")
    flags["slow-one"].touch()
    assert await world.ended() == 1
    said = await line(world, "plugin_never_returns")
    assert (said["plugin"], said["account"]) == ("slowpoke", "slow-one")
    flags["slow-one"].unlink()
    await world.start()
    await world.forwarded(world.sell())


@pytest.mark.usefixtures("flags")
async def test_a_daemon_that_stood_still_blames_nobody(world: World) -> None:
    """SIGSTOP, as with a machine that sleeps or has no processor to give."""
    await world.start(prelude="import daemon.core.blocking\ndaemon.core.blocking.HOPELESS_AFTER = 1.0\n")
    assert world.process is not None
    await world.account("slow-one", health="ok")
    for _ in range(3):
        world.process.send_signal(signal.SIGSTOP)
        until = time.monotonic() + 0.9
        await eventually(lambda until=until: time.monotonic() > until, "it stood still")  # type: ignore[misc] # bound at once
        world.process.send_signal(signal.SIGCONT)
        await world.polls(1)
    assert not world.logged("plugin_blocks")
