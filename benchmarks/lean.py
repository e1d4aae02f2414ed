"""A server that is much faster than what it is measured with: HTTP/1.1 by hand, answers that are made beforehand.

It knows the few requests that are asked for once an order; every other one it hands on, as it came, to the product's
own simulator behind it. It checks nothing, so it is of no use as a simulator.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeAlias

Quick: TypeAlias = Callable[[str, str, bytes], tuple[bytes, int] | None]
"""(method, target, body) -> the whole answer and how many new orders it tells; None hands the request on."""

Note: TypeAlias = Callable[[str, str, bytes, bytes, int], None]
"""(method, target, head, body, new orders told): is told of every request just before it is answered."""


def answer(body: bytes, content_type: str, *, status: str = "200 OK", more: str = "") -> bytes:
    """A whole answer with the headers that such servers send."""
    head = (
        f"HTTP/1.1 {status}\r\nServer: nginx\r\nDate: Mon, 23 Nov 2026 12:00:00 GMT\r\nContent-Type: {content_type}\r\n"
        f"Cache-Control: no-cache, no-store, max-age=0\r\nX-Content-Type-Options: nosniff\r\n{more}"
        f"Content-Length: {len(body)}\r\nConnection: keep-alive\r\n\r\n"
    )
    return head.encode() + body


class LeanServer:
    """Serves on loopback at `port`; what `quick` does not answer goes to the server at `behind`."""

    def __init__(self, quick: Quick, note: Note, behind: int) -> None:
        self.quick = quick
        self.note = note
        self.behind = behind
        self.port = 0
        self._server: asyncio.Server | None = None
        self.tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begins to serve."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Takes no more connections."""
        if self._server is not None:
            self._server.close()

    async def hand_on(self, request: bytes, transport: asyncio.Transport) -> None:
        """Asks the simulator, on a connection of its own."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.behind)
        head, _, body = request.partition(b"\r\n\r\n")
        lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
        writer.write(b"\r\n".join([*lines, b"Connection: close"]) + b"\r\n\r\n" + body)
        whole = await reader.read()
        writer.close()
        transport.write(whole.replace(b"\r\nConnection: close\r\n", b"\r\n", 1))


class _Connection(asyncio.Protocol):
    def __init__(self, server: LeanServer) -> None:
        self._server = server
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        while (request := self._next()) is not None:
            self._serve(request)

    def _next(self) -> bytes | None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        at = self._buffer.find(b"\r\nContent-Length: ", 0, end)
        size = int(self._buffer[at + 18 : self._buffer.find(b"\r\n", at + 18)]) if at >= 0 else 0
        whole = end + 4 + size
        if len(self._buffer) < whole:
            return None
        request, self._buffer = self._buffer[:whole], self._buffer[whole:]
        return request

    def _serve(self, request: bytes) -> None:
        server, transport = self._server, self._transport
        assert transport is not None
        head, _, body = request.partition(b"\r\n\r\n")
        method, target, _ = head[: head.find(b"\r\n")].decode("latin-1").split(" ", 2)
        found = server.quick(method, target, body)
        if found is not None:
            server.note(method, target, head, body, found[1])
            transport.write(found[0])
            return
        server.note(method, target, head, body, 0)
        task = asyncio.get_running_loop().create_task(server.hand_on(request, transport))
        server.tasks.add(task)
        task.add_done_callback(server.tasks.discard)


def joined(parts: list[bytes], name: str) -> bytes:
    """A JSON object with one list."""
    return b'{"' + name.encode() + b'":[' + b",".join(parts) + b"]}"
