"""The calls of plugins that are under way: which account is asked for what, by which task, and since when."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from msgspec import Struct


class Call(Struct, frozen=True, kw_only=True):
    """One call; `since` in seconds of the monotonic clock."""

    account: str
    hook: str
    since: float


class Calls:
    """Kept by `Hooks`; another thread may read it at any time."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._by_task: dict[asyncio.Task[Any] | None, Call] = {}  # what a task answers is its own matter
        self._lent: dict[asyncio.Task[Any] | None, Call] = {}  # likewise

    @contextmanager
    def under_way(self, account: str, hook: str) -> Iterator[None]:
        """Around a call, in the task that makes it."""
        try:
            task = asyncio.current_task()
        except RuntimeError:  # no loop: a verb of the command line
            task = None
        self._by_task[task] = Call(account=account, hook=hook, since=self._monotonic())
        try:
            yield
        finally:
            self._by_task.pop(task, None)

    @contextmanager
    def lent(self, account: str, hook: str) -> Iterator[None]:
        """Around the plugin's own part of a call, in the task of its own that runs it, however long that lives."""
        task = asyncio.current_task()
        self._lent[task] = Call(account=account, hook=hook, since=self._monotonic())
        try:
            yield
        finally:
            self._lent.pop(task, None)

    def all(self) -> Sequence[Call]:
        """All of them now."""
        return list(self._by_task.values())

    def of(self, task: asyncio.Task[Any] | None) -> Call | None:
        """The one that this task makes, or carries out."""
        return self._lent.get(task) or self._by_task.get(task)
