"""The control socket handed over by systemd: served, or refused with a sentence; exit codes come through."""

from __future__ import annotations

import asyncio
import shutil
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.journeys.manager import Manager
from tests.journeys.world import PROGRAM, World, eventually

ACTIVATE = shutil.which("systemd-socket-activate")


@asynccontextmanager
async def activated(world: World, knock_at: str | tuple[str, int], *options: str) -> AsyncIterator[Process]:
    """The daemon behind systemd's own tool, which hands the socket over once somebody knocks, as is done here."""
    if ACTIVATE is None:
        pytest.skip("systemd-socket-activate is not installed")
    env = world._environ()
    kept = [f"-E{name}={env[name]}" for name in ("NOTIFY_SOCKET", "PYTHONPATH") if name in env]
    program = (sys.executable, "-c", PROGRAM, "run", "--config", str(world.config))
    with world.log.open("ab") as written:
        process = await asyncio.create_subprocess_exec(
            ACTIVATE, *kept, *options, *program, stdout=written, stderr=written, env=env
        )

    def knocked() -> bool:
        with socket.socket(socket.AF_UNIX if isinstance(knock_at, str) else socket.AF_INET) as client:
            return client.connect_ex(knock_at) == 0

    try:
        await eventually(knocked, "systemd listens")
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_the_socket_may_be_handed_over(world: World, manager: Manager) -> None:
    path = world.folder / "given"
    async with activated(world, str(path), f"--listen={path}", "--fdname=control") as process:
        status = await world.cli("--socket", str(path), "status")  # waits in the queue while the daemon starts
        assert status.code == 0, status
        await manager.ready()
        assert not world.socket.exists()
        world.process, world.socket = process, path
        await world.forwarded(world.sell())
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
    options = [f"--listen={one.format(folder=world.folder, port=address[1])}" for one in listen]
    async with activated(world, address, *options) as process:
        assert await process.wait() == 78
    assert sentence in world.log.read_text()


async def test_busy_comes_through_a_socket_that_was_handed_over(world: World) -> None:
    await world.start()
    path = str(world.folder / "given")
    async with activated(world, path, f"--listen={path}") as second:
        assert await second.wait() == 75
    await world.forwarded(world.sell())


async def test_refused_settings_come_through_a_socket_that_was_handed_over(world: World) -> None:
    world.config.write_text("[nonsense]\n")
    path = str(world.folder / "given")
    async with activated(world, path, f"--listen={path}") as process:
        assert await process.wait() == 78
