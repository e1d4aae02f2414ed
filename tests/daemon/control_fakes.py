"""A control server in front of a scripted hub, and how to talk to it byte by byte."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import msgspec

from daemon.control.guard import Limits
from daemon.control.hub import Hub
from daemon.control.server import ControlServer
from daemon.views import (
    Problem,
)
from tests.daemon.control_hub import FakeHub
from tests.daemon.control_views import ALLEGRO_ID, NOW, ODD_ID

__all__ = [
    "ALLEGRO_ID",
    "NOW",
    "ODD_ID",
    "QUICK",
    "FakeHub",
    "FakeLog",
    "daemon_thread",
    "problem_of",
    "raw",
    "request",
    "serving",
    "status_of",
    "until",
]


class FakeLog:
    """Notes events with their values."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, object]]] = []

    def debug(self, event: str, **values: object) -> None:
        self.events.append((event, values))

    def info(self, event: str, **values: object) -> None:
        self.events.append((event, values))

    def warning(self, event: str, **values: object) -> None:
        self.events.append((event, values))

    def of(self, event: str) -> list[dict[str, object]]:
        return [values for name, values in self.events if name == event]


QUICK = Limits(read=5.0, write=5.0, pulse=5.0, grace=1.0)


@asynccontextmanager
async def serving(
    hub: Hub,
    path: Path,
    *,
    limits: Limits = QUICK,
    log: FakeLog | None = None,
    actors: frozenset[int] | None = None,
    **given: Any,
) -> AsyncIterator[ControlServer]:
    """A started server; `actors` replaces those who may act, since the tests' own user always may."""
    server = ControlServer(hub, path, log=log or FakeLog(), limits=limits, **given)
    if actors is not None:
        server._actors = actors
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@contextmanager
def daemon_thread(hub: FakeHub, path: Path, **given: Any) -> Iterator[Callable[[], None]]:
    """The same in a thread of its own, for clients that block; yields what stops it."""
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        leave = asyncio.Event()
        async with serving(hub, path, **given):
            started.set_result((asyncio.get_running_loop(), leave))
            await leave.wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:
            if not started.done():
                started.set_exception(error)
            raise

    thread = Thread(target=run)
    thread.start()
    loop, leave = started.result(timeout=20)

    def stop() -> None:
        with suppress(RuntimeError):  # it is closed already
            loop.call_soon_threadsafe(leave.set)

    try:
        yield stop
    finally:
        stop()
        thread.join(timeout=20)
        assert not thread.is_alive()


async def until(condition: Callable[[], bool]) -> None:
    """Lets the loop go on until the condition is true."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - the condition is the loop's own state, which has no event
            await asyncio.sleep(0)


async def raw(path: Path, sent: bytes, *, end: bool = False) -> bytes:
    """What the socket answers to these bytes until it closes."""
    reader, writer = await asyncio.open_unix_connection(str(path))
    try:
        with suppress(ConnectionError):
            writer.write(sent)
            await writer.drain()
            if end:
                writer.write_eof()
        received = b""
        with suppress(ConnectionError):
            while chunk := await reader.read(65536):
                received += chunk
        return received
    finally:
        writer.close()


def request(
    method: str = "GET", target: str = "/v1/status", *headers: str, body: bytes = b"", host: str | None = "localhost"
) -> bytes:
    """A request as bytes, which asks for the connection to end behind it."""
    lines = [f"{method} {target} HTTP/1.1", *headers, "Connection: close"]
    if host is not None:
        lines.append(f"Host: {host}")
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def status_of(received: bytes) -> int:
    return int(received.split(b" ", 2)[1])


def problem_of(received: bytes) -> Problem:
    """The problem of an answer, which must be one."""
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"application/json" in head
    return msgspec.json.decode(body, type=Problem)
