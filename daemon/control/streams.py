"""Answers that come piece by piece, and end when the reader leaves or the server stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from daemon.core.journal import Entry

T = TypeVar("T")

_encode = msgspec.json.Encoder().encode
_END: Any = object()


async def each(
    source: AsyncIterator[T], *ends: asyncio.Future[None], pulse: float | None = None
) -> AsyncGenerator[T | None, None]:
    """What `source` yields, and None after each `pulse` seconds of silence, until it or one of `ends` is done.

    The source is closed at the end, whichever way that comes. To be used within `contextlib.aclosing`.
    """

    async def step() -> T:
        return await anext(source, _END)

    coming = asyncio.ensure_future(step())
    waiting: list[asyncio.Future[Any]]
    try:
        while True:
            waiting = [coming, *ends]
            await asyncio.wait(waiting, timeout=pulse, return_when=asyncio.FIRST_COMPLETED)
            if any(end.done() for end in ends):
                return
            if not coming.done():
                yield None
                continue
            item = coming.result()
            if item is _END:
                return
            yield item
            coming = asyncio.ensure_future(step())
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)
        close = getattr(source, "aclose", None)
        if close is not None:
            await close()


class ReaderGoneError(ConnectionError):
    """The reader has left, or took nothing for too long."""


@asynccontextmanager
async def in_time(request: web.BaseRequest, seconds: float) -> AsyncIterator[None]:
    """A reader who takes nothing for so long loses the connection; raises `ReaderGoneError`."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
        raise ReaderGoneError("the answer was not taken in time") from None
    except ConnectionError as error:
        raise ReaderGoneError(str(error)) from error


class Writer:
    """A streamed answer; its head goes out with the first piece. All methods raise `ReaderGoneError`."""

    def __init__(self, request: web.BaseRequest, content_type: str, seconds: float) -> None:
        self._request = request
        self._seconds = seconds
        self.response = web.StreamResponse(headers={"Content-Type": content_type, "Cache-Control": "no-store"})

    async def write(self, piece: bytes) -> None:
        """Sends a piece."""
        async with in_time(self._request, self._seconds):
            if not self.response.prepared:
                await self.response.prepare(self._request)
            await self.response.write(piece)

    async def end(self) -> web.StreamResponse:
        """Sends the end."""
        async with in_time(self._request, self._seconds):
            await self.response.write_eof()
        return self.response


def event(entry: Entry) -> bytes:
    """A row of the journal as a server-sent event."""
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (entry.id, entry.kind.encode(), _encode(entry))


def event_of_problem(problem: bytes) -> bytes:
    """The last event of a stream that can't go on; `problem` is its JSON."""
    return b"event: problem\ndata: %s\n\n" % problem


STILL_HERE = b": still here\n\n"


class Lines:
    """The lines of a streamed answer, kept for whoever sends the command again; beyond `most` bytes the last ones."""

    def __init__(self, most: int) -> None:
        self._room = most
        self._all: list[bytes] = []
        self._last: list[bytes] = []

    def add(self, line: bytes, *, last: bool) -> None:
        """Keeps a line; `last` marks an account's last one, which is kept in any case."""
        if last:
            self._last.append(line)
        self._room -= len(line)
        if self._room >= 0:
            self._all.append(line)
        else:
            self._all.clear()

    def __bytes__(self) -> bytes:
        return b"".join(self._all if self._room >= 0 else self._last)
