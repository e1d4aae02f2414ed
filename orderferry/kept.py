"""A value that is read from a platform when it is needed, and kept for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from orderferry.surroundings import Clock

T = TypeVar("T")

KEEP = 600.0  # seconds


class Kept(Generic[T]):
    """Reads with `read` on the first `get`, and again after `seconds`; many who ask at once share one read.

    A failed read raises to the one who asked, and nothing is kept of it.
    """

    def __init__(self, read: Callable[[], Awaitable[T]], clock: Clock, seconds: float = KEEP) -> None:
        self._read = read
        self._clock = clock
        self._seconds = seconds
        self._lock = asyncio.Lock()
        self._value: tuple[T, float] | None = None

    async def get(self) -> T:
        """The value, at most `seconds` old."""
        if self._value is not None and self._clock.monotonic() < self._value[1]:
            return self._value[0]
        async with self._lock:
            if self._value is None or self._clock.monotonic() >= self._value[1]:
                self._value = (await self._read(), self._clock.monotonic() + self._seconds)
            return self._value[0]
