"""A value that is read once, and again when it is old."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from orderferry.surroundings import Clock

T = TypeVar("T")
KEEP = 600.0


class Kept(Generic[T]):
    """Reads its value when it is first asked for, and anew once it is `seconds` old; one read at a time."""

    def __init__(self, read: Callable[[], Awaitable[T]], clock: Clock, seconds: float = KEEP) -> None:
        self._read = read
        self._clock = clock
        self._seconds = seconds
        self._lock = asyncio.Lock()
        self._value: tuple[T, float] | None = None

    async def get(self) -> T:
        """The value, at most so old; whatever reading it raises comes through, and the next one reads again."""
        if self._value is not None and self._clock.monotonic() < self._value[1]:
            return self._value[0]
        async with self._lock:
            if self._value is None or self._clock.monotonic() >= self._value[1]:
                self._value = (await self._read(), self._clock.monotonic() + self._seconds)
            return self._value[0]
