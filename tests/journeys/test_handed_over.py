"""The control socket handed over by systemd: served, or refused with a sentence; exit codes come through."""

from __future__ import annotations

import asyncio
import shutil
import socket
import sys

import pytest

from tests.journeys.manager import Manager
from tests.journeys.world import PROGRAM, World, eventually

ACTIVATE = shutil.which("systemd-socket-activate")


async def activated(world: World, *options: str) -> asyncio.subprocess.Process:
    """The daemon behind systemd's own tool, which opens the socket and hands it over at the first connection."""
    if ACTIVATE is None:
        pytest.skip("systemd-socket-activate is not installed")
    env = world._environ()
    kept = [f"-E{name}={env[name]}" for name in ("NOTIFY_SOCKET", "PYTHONPATH") if name in env]
    with world.log.open("ab") as written:
        process = await asyncio.create_subprocess_exec(
            ACTIVATE,
            *kept,
            *options,
            sys.executable,
            "-c",
            PROGRAM,
            "run",
            "--config",
            str(world.config),
            stdout=written,
            stderr=written,
            env=env,
        )
    world.process = process
    return process


async def test_the_socket_may_be_handed_over(world: World, manager: Manager) -> None:
    path = world.folder / "given"
    await activated(world, f"--listen={path}", "--fdname=control")
    await eventually(path.exists, "systemd listens")
    configured, world.socket = world.socket, path
    status = await world.cli("--socket", str(path), "status")  # waits in the queue while the daemon starts
    assert status.code == 0, status
    await manager.ready()
    assert not configured.exists()
    form = world.sell()
    await world.forwarded(form)
    assert await world.stop() == 0
    assert path.exists()  # it is systemd's, who goes on listening there


@pytest.mark.parametrize(
    ("listen", "sentence"),
    [
        pytest.param(["127.0.0.1:{port}"], "is not a unix socket", id="tcp"),
        pytest.param(["{folder}/given", "127.0.0.1:{port}"], "2 sockets were handed over", id="two"),
    ],
)
async def test_anything_but_one_unix_socket_is_refused(world: World, listen: list[str], sentence: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = probe.getsockname()
    places = {"folder": world.folder, "port": address[1]}
    process = await activated(world, *(f"--listen={one.format(**places)}" for one in listen))

    def knock() -> bool:
        with socket.socket() as client:
            return client.connect_ex(address) == 0

    await eventually(knock, "systemd listens")
    assert await process.wait() == 78
    assert sentence in world.log.read_text()


async def test_busy_comes_through_a_socket_that_was_handed_over(world: World) -> None:
    await world.start()
    first = world.process
    path = world.folder / "given"
    second = await activated(world, f"--listen={path}")
    await eventually(path.exists, "systemd listens")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        assert await second.wait() == 75
    world.process = first
    await world.forwarded(world.sell())


async def test_refused_settings_come_through_a_socket_that_was_handed_over(world: World) -> None:
    world.config.write_text("[nonsense]\n")
    path = world.folder / "given"
    process = await activated(world, f"--listen={path}")
    await eventually(path.exists, "systemd listens")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        assert await process.wait() == 78
