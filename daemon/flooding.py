"""A plugin's log with a bound: what is beyond it is left out, and counted in a line of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter

from orderferry import Clock
from orderferry.surroundings import Log

LINES = 200
SPAN = 60.0


class LimitedLog:
    """Satisfies `orderferry.surroundings.Log`: so many lines of each level in so many seconds, and no more.

    Once the time is over one line says how many were left out; `close` says it earlier.
    """

    def __init__(self, log: Log, clock: Clock, *, lines: int = LINES, span: float = SPAN) -> None:
        self._log = log
        self._clock = clock
        self._lines = lines
        self._span = span
        self._until = -1.0
        self._counts: Counter[str] = Counter()
        self._left_out = 0
        self._telling: asyncio.Task[None] | None = None

    def debug(self, event: str, **values: object) -> object:
        """A line for whoever looks for a fault."""
        return self._log.debug(event, **values) if self._has_room("debug") else None

    def info(self, event: str, **values: object) -> object:
        """A line for everybody."""
        return self._log.info(event, **values) if self._has_room("info") else None

    def warning(self, event: str, **values: object) -> object:
        """A line that somebody should look at."""
        return self._log.warning(event, **values) if self._has_room("warning") else None

    def close(self) -> None:
        """Says what was left out, if anything was."""
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None
        self._tell()

    def _has_room(self, level: str) -> bool:
        now = self._clock.monotonic()
        if now >= self._until:
            self._tell()
            self._until = now + self._span
            self._counts.clear()
        self._counts[level] += 1
        if self._counts[level] <= self._lines:
            return True
        self._left_out += 1
        if self._telling is None:
            with contextlib.suppress(RuntimeError):  # from a thread: the next line that has room tells it
                self._telling = asyncio.get_running_loop().create_task(self._tell_later(self._until - now))
        return False

    async def _tell_later(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self._telling = None
        self._tell()

    def _tell(self) -> None:
        left_out, self._left_out = self._left_out, 0
        if left_out:
            self._log.warning("log_lines_left_out", count=left_out, reason="the plugin logs more than is of use")
