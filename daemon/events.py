"""The journal's rows on their way to whoever listens: every row once, in order, from any point in the past."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

from daemon.core.journal import Entry
from daemon.store.reader import Reader

PAGE = 500


class Feed:
    """Wakes the followers when a round has written rows; the rows themselves are read from the store.

    So a follower may begin anywhere, may be as slow as it likes, and costs the daemon no memory.
    """

    def __init__(self) -> None:
        self._newest = 0
        self._bells: set[asyncio.Event] = set()

    def publish(self, entries: Sequence[Entry]) -> None:
        """Tells the followers of rows that are on disk now."""
        if entries:
            self._newest = max(self._newest, entries[-1].id)
            for bell in self._bells:
                bell.set()

    async def follow(self, reader: Reader, after: int) -> AsyncGenerator[Entry, None]:
        """Every row after this id as it comes, without end."""
        bell = asyncio.Event()
        self._bells.add(bell)
        try:
            while True:
                bell.clear()
                rows = await reader.journal(after=after, limit=PAGE)
                for entry in rows:
                    yield entry
                    after = entry.id
                if len(rows) < PAGE:
                    await bell.wait()
        finally:
            self._bells.discard(bell)
