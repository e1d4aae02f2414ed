"""Who brings an account's orders in, and several of them asked at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from typing import Protocol

from daemon.accounts import AccountState
from daemon.views import FetchProgress


class Fetching(Protocol):
    """An account's poller, or the watcher of its folder."""

    state: AccountState

    async def run(self) -> None: ...
    def ring(self) -> None: ...
    def fetch_now(self, uid: int, since: datetime | None = None) -> AsyncIterator[FetchProgress]: ...


async def all_at_once(streams: Iterable[AsyncIterator[FetchProgress]]) -> AsyncIterator[FetchProgress]:
    """The lines of all streams as they come, until each has ended."""
    lines: asyncio.Queue[FetchProgress | None] = asyncio.Queue()

    async def one(stream: AsyncIterator[FetchProgress]) -> None:
        try:
            async for line in stream:
                lines.put_nowait(line)
        finally:
            lines.put_nowait(None)

    tasks = [asyncio.create_task(one(stream)) for stream in streams]
    left = len(tasks)
    try:
        while left:
            line = await lines.get()
            if line is None:
                left -= 1
            else:
                yield line
    finally:
        for task in tasks:
            task.cancel()
