"""Calls in both directions over one stream: frames of msgpack, each behind its length, answered by number.

Both sides are alike: each may call, tell what needs no answer, and give a call up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from enum import IntEnum
from typing import cast

import msgspec
from msgspec import Raw, Struct

from daemon.isolation.faults import fault_of, raised

LARGEST = 32 * 1024 * 1024
_HEAD = 4


class GoneError(Exception):
    """The other side is no longer there; whether it did what was asked is not known."""


class _What(IntEnum):
    CALL = 0
    ANSWER = 1
    FAULT = 2
    GIVE_UP = 3
    TELL = 4


class _Frame(Struct, array_like=True, gc=False):
    what: _What
    number: int
    name: str
    body: Raw


_ENCODER = msgspec.msgpack.Encoder()
_FRAMES = msgspec.msgpack.Decoder(_Frame)

NOTHING = _ENCODER.encode(None)

Serve = Callable[[int, str, Raw], Awaitable[bytes]]
"""Answers a call by its number, name and encoded arguments; what it raises is raised at the caller."""

Hear = Callable[[str, Raw], None]
"""Takes what needs no answer."""


class Peer(asyncio.Protocol):
    """One end of the stream.

    `gone` is done, with a reason, once the stream has ended or what came over it was no frame. `stuck` is done once a
    call that was given up has not ended within `patience` seconds.
    """

    def __init__(self, serve: Serve, hear: Hear, *, patience: float = 5.0) -> None:
        loop = asyncio.get_running_loop()
        self.gone: asyncio.Future[str] = loop.create_future()
        self.stuck: asyncio.Future[str] = loop.create_future()
        self.heard = 0  # how many pieces have come so far: a sign of life
        self._serve = serve
        self._hear = hear
        self._patience = patience
        self._loop = loop
        self._transport: asyncio.WriteTransport | None = None
        self._received = bytearray()
        self._number = 0
        self._asked: dict[int, asyncio.Future[Raw]] = {}
        self._given_up: dict[int, asyncio.TimerHandle] = {}
        self._serving: dict[int, asyncio.Task[None]] = {}

    def next_number(self) -> int:
        """A number for a call that is about to be made."""
        self._number += 1
        return self._number

    async def call(self, name: str, body: bytes, number: int | None = None) -> Raw:
        """Asks the other side; raises what it raised, or `GoneError`. Cancelling this gives the call up there too."""
        number = self.next_number() if number is None else number
        future = self._asked[number] = self._loop.create_future()
        try:
            self._send(_What.CALL, number, name, body)
            answer: Raw = await future
        except asyncio.CancelledError:
            if future.cancelled() and self._is_open():
                self._given_up[number] = self._loop.call_later(self._patience, self._is_stuck, name)
                self._send(_What.GIVE_UP, number, name, NOTHING)
            raise
        finally:
            self._asked.pop(number, None)
        return answer

    def tell(self, name: str, body: bytes = NOTHING) -> None:
        """Says something that needs no answer; nothing happens where nobody is there any more."""
        if self._is_open():
            self._send(_What.TELL, 0, name, body)

    def end(self, reason: str) -> None:
        """Closes the stream: whoever still waits for an answer gets `GoneError` with this reason."""
        for timer in self._given_up.values():
            timer.cancel()
        for task in self._serving.values():
            task.cancel()
        for future in self._asked.values():
            if not future.done():
                future.set_exception(GoneError(reason))
        self._is_gone(reason)
        if self._transport is not None:
            self._transport.abort()

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """By asyncio."""
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        """By asyncio."""
        self.heard += 1
        self._received += data
        while len(self._received) >= _HEAD:
            length = int.from_bytes(self._received[:_HEAD])
            if length > LARGEST:
                self._is_gone(f"it sent {length:,} bytes at once, and the limit is {LARGEST:,}")
                return
            if len(self._received) < _HEAD + length:
                return
            body = bytes(self._received[_HEAD : _HEAD + length])
            del self._received[: _HEAD + length]
            try:
                self._take(_FRAMES.decode(body))
            except (msgspec.MsgspecError, LookupError) as error:
                self._is_gone(f"it sent what can't be read ({type(error).__name__})")
                return

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - the stream has ended, for whatever reason
        """By asyncio."""
        self._is_gone("it ended")

    def _take(self, frame: _Frame) -> None:
        match frame.what:
            case _What.CALL:
                task = self._loop.create_task(self._answer(frame))
                self._serving[frame.number] = task
                task.add_done_callback(lambda _: self._serving.pop(frame.number, None))
            case _What.GIVE_UP:
                if (task_ := self._serving.get(frame.number)) is not None:
                    task_.cancel()
            case _What.TELL:
                self._hear(frame.name, frame.body)
            case _What.ANSWER | _What.FAULT:
                if (timer := self._given_up.pop(frame.number, None)) is not None:
                    timer.cancel()
                    return
                future = self._asked.get(frame.number)
                if future is None or future.done():
                    return
                if frame.what is _What.ANSWER:
                    future.set_result(frame.body)
                else:
                    future.set_exception(raised(frame.body))

    async def _answer(self, frame: _Frame) -> None:
        try:
            what, body = _What.ANSWER, await self._serve(frame.number, frame.name, frame.body)
            if len(body) > LARGEST - 1024:
                raise ValueError(f"{len(body):,} bytes are too much for one answer")  # noqa: TRY301 - told as any other
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - every error is the caller's
            what, body = _What.FAULT, fault_of(error)
        if self._is_open():
            self._send(what, frame.number, frame.name, body)

    def _send(self, what: _What, number: int, name: str, body: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            raise GoneError("it is not there")
        frame = _ENCODER.encode(_Frame(what, number, name, Raw(body)))
        if len(frame) > LARGEST:
            raise ValueError(f"{len(frame):,} bytes are too much for one call")
        self._transport.write(len(frame).to_bytes(_HEAD) + frame)

    def _is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def _is_gone(self, reason: str) -> None:
        if not self.gone.done():
            self.gone.set_result(reason)

    def _is_stuck(self, name: str) -> None:
        if not self.stuck.done():
            self.stuck.set_result(f"its `{name}` did not end within {self._patience:g} s after it had been given up")
