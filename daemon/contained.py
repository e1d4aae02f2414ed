"""Keeps what a plugin does in the daemon's own process from ending the daemon or its other work.

Contained are: whatever it raises, a call that does not end or will not be cancelled, tasks of its own that raise or
never end, and a loop that it stops. Not contained, because nothing in the same process can: `os._exit`, a crash of the
interpreter, memory that it never gives back. For these there is `daemon.isolation`.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from typing import Any

from daemon.core.retry import PluginBugError
from orderferry.surroundings import Log

GRACE = 1.0  # seconds in which a cancelled call must have ended: less than the last wait of a stop
ASKED: ContextVar[str | None] = ContextVar("ASKED", default=None)
"""The account whose plugin runs just now; None in the daemon's own code."""

_left_behind: set[asyncio.Task[Any]] = set()


async def contained(account: str, call: Callable[[], Awaitable[Any]], log: Log) -> Any:  # as the hook answers
    """Awaits a plugin's call in a task of its own; a call that ignores its cancellation is left behind after GRACE.

    Raises what the plugin raises, and `PluginBugError` for what would have ended more than the call.
    """
    task = asyncio.get_running_loop().create_task(_guarded(account, call))
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        task.cancel()
        task.add_done_callback(_heard)
        _left_behind.add(task)
        await asyncio.wait({task}, timeout=GRACE)
        if not task.done():
            log.warning("call_left_behind", account=account, reason="the plugin ignored that its call was given up")
        raise
    if task.cancelled():
        raise PluginBugError("it cancelled its own call")
    return task.result()


def _heard(task: asyncio.Task[Any]) -> None:
    _left_behind.discard(task)
    if not task.cancelled():
        task.exception()  # nobody waits for it any more


async def _guarded(account: str, call: Callable[[], Awaitable[Any]]) -> Any:  # as the call answers
    ASKED.set(account)
    try:
        return await call()
    except (Exception, asyncio.CancelledError):
        raise
    except BaseException as error:
        if isinstance(error, GeneratorExit) and not _is_running():
            raise  # not the plugin: the task is thrown away with its loop
        raise PluginBugError(f"it raised {type(error).__name__}, which would have ended the program") from error


def _is_running() -> bool:
    try:
        return asyncio.get_running_loop() is not None
    except RuntimeError:
        return False


class ContainedLoop(asyncio.SelectorEventLoop):
    """A loop that a plugin can't stop, and whose plugins' own tasks can't end the program."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def stop(self) -> None:
        """Stops the loop, unless it is a plugin that wants it."""
        if (account := ASKED.get()) is not None:
            self._log.warning("loop_not_stopped", account=account, reason="a plugin may not stop the program")
            return
        super().stop()

    def create_task(self, coro: Any, **more: Any) -> asyncio.Task[Any]:  # as asyncio's own
        """Begins a task; one of a plugin's own is guarded."""
        if (account := ASKED.get()) is not None and asyncio.iscoroutine(coro):
            coro = _spawned(account, coro, self._log)
        return super().create_task(coro, **more)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Logs an error that nobody waits for: its type and place, and not its text, which may hold anything."""
        error = context.get("exception")
        place = traceback.format_tb(error.__traceback__)[-1:] if error is not None else []
        what = type(error).__name__ if error is not None else None
        self._log.warning("unheard_error", reason=context.get("message"), error=what, detail="".join(place))


async def _spawned(account: str, coro: Coroutine[Any, Any, Any], log: Log) -> Any:  # as the task answers
    try:
        return await coro
    except (Exception, asyncio.CancelledError, GeneratorExit):
        raise
    except BaseException as error:
        log.warning("plugin_task_failed", account=account, error=type(error).__name__)
        raise PluginBugError(f"a task of its own raised {type(error).__name__}") from error


async def end_strays(seconds: float = GRACE) -> int:
    """Cancels every task but the caller's, at the very end; answers how many would not be ended."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if not tasks:
        return 0
    _, left = await asyncio.wait(tasks, timeout=seconds)
    return len(left)
