"""A clock that only moves when the test says so."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


class VirtualClock:
    """Satisfies `orderferry.Clock`; `advance` moves time and wakes, in order, whoever slept until then."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self._now = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0
        self._asleep = asyncio.Event()

    def now(self) -> datetime:
        """The virtual moment, UTC."""
        return self._start + timedelta(seconds=self._now)

    def monotonic(self) -> float:
        """Virtual seconds since the clock was made."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Waits until the test has moved time so far."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._sleepers, (self._now + seconds, self._count, future))
        self._asleep.set()
        await future

    @property
    def next_at(self) -> datetime | None:
        """When the earliest sleeper wakes; None when nobody sleeps."""
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._start + timedelta(seconds=self._sleepers[0][0]) if self._sleepers else None

    async def advance(self, seconds: float) -> None:
        """Moves time, stopping at each sleeper on the way so that what he starts can sleep again."""
        until = self._now + seconds
        while self.next_at is not None and self._sleepers[0][0] <= until:
            at, _, future = heapq.heappop(self._sleepers)
            self._now = max(self._now, at)
            future.set_result(None)
            for _ in range(10):
                await asyncio.sleep(0)
        self._now = until

    async def run(self, asked: Coroutine[Any, Any, T]) -> T:
        """Awaits it, moving time on whenever somebody sleeps, so that no wait on this clock holds the test up."""
        task = asyncio.ensure_future(asked)
        try:
            while not task.done():
                if self.next_at is not None:
                    await self.advance(self._sleepers[0][0] - self._now)
                    continue
                self._asleep.clear()
                sleeper = asyncio.ensure_future(self._asleep.wait())
                try:
                    await asyncio.wait({task, sleeper}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    sleeper.cancel()
        finally:
            task.cancel()  # nothing where it is done; a test that was given up leaves nothing running
        return await task
