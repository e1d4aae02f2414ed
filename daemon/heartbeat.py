"""A thread that notices when the event loop does not run, and finds out which plugin keeps it.

It is the only thing that still runs then. It says in the log who it is within a second, and ends the process where a
new start is all that helps. What a plugin does in C without letting go of the interpreter stops this thread as well;
then systemd's watchdog is what is left.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import FrameType

import structlog

from daemon.core.blocking import Block, Culprit, fair, plugin_of
from daemon.hooks import Hooks
from orderferry.platform import AnyPlatform

log = structlog.get_logger("orderferry.heartbeat")

BETWEEN = 0.15
LOOK_EVERY = 0.1
TOLD_AGAIN = 60.0
FAILED = 1


class Heartbeat:
    """Watches the loop and the thread that `start` is called in; `told` is awaited there, once a block is over."""

    def __init__(
        self,
        hooks: Hooks,
        told: Callable[[Culprit, float], Awaitable[None]],
        *,
        end: Callable[[int], object] = os._exit,
    ) -> None:
        self._hooks = hooks
        self._told = told
        self._end = end
        self._answered = threading.Event()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._last_told: dict[str, float] = {}
        self._telling: set[asyncio.Future[None]] = set()

    def start(self) -> None:
        """Begins to watch the running loop."""
        loop, watched, native = asyncio.get_running_loop(), threading.get_ident(), threading.get_native_id()
        self._thread = threading.Thread(target=self._watch, args=(loop, watched, native), name="heartbeat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the watch."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self, loop: asyncio.AbstractEventLoop, watched: int, native: int) -> None:
        while not self._ended.wait(BETWEEN):
            self._answered.clear()
            try:
                loop.call_soon_threadsafe(self._answered.set)
            except RuntimeError:  # the loop is closed
                return
            found = self._wait(loop, watched, native)
            if found is not None:
                loop.call_soon_threadsafe(self._over, *found)

    def _wait(self, loop: asyncio.AbstractEventLoop, watched: int, native: int) -> tuple[Culprit, float] | None:
        """Until the loop answers; then who kept it, where that was told, and for how long."""
        block, named = Block(), None
        looked, waited = time.monotonic(), _waited(native)
        while not self._answered.wait(LOOK_EVERY):
            if self._ended.is_set():
                return None
            culprit, place = self._culprit(loop, watched)
            was, looked = looked, time.monotonic()
            before, waited = waited, _waited(native)
            block = block.after(fair(looked - was, LOOK_EVERY, waited - before), culprit)
            if named is None and (named := block.named) is not None:
                _say("plugin_blocks", named, block, place)
            if block.hopeless and block.culprit is not None:
                _say("plugin_never_returns", block.culprit, block, place)
                self._end(FAILED)
        return None if named is None else (named, block.seconds)

    def _culprit(self, loop: asyncio.AbstractEventLoop, watched: int) -> tuple[Culprit | None, str]:
        """Whose code runs in the watched thread, and where in it."""
        frames = _frames(watched)
        platforms = self._hooks.platforms()
        modules = {type(platform).__module__: platform.id for platform in platforms.values()}
        # a platform of ours stands for a plugin in a process of its own, which keeps nobody waiting here
        packages = {_package(module): name for module, name in modules.items() if not module.startswith("daemon.")}
        found = plugin_of([frame.f_globals.get("__name__", "") for frame in frames], packages)
        if found is None:
            return None, ""
        return Culprit(found, self._account(loop, found, platforms)), _place(frames, packages)

    def _account(self, loop: asyncio.AbstractEventLoop, platform: str, platforms: Mapping[str, AnyPlatform]) -> str:
        """The account that the running task asks; in a task of the plugin's own the only one there is, else none."""
        accounts = [name for name, one in platforms.items() if one.id == platform]
        call = self._hooks.calls.of(asyncio.current_task(loop))
        if call is not None and call.account in accounts:
            return call.account
        return accounts[0] if len(accounts) == 1 else ""

    def _over(self, culprit: Culprit, seconds: float) -> None:
        """In the loop, which runs again."""
        now = time.monotonic()
        log.warning("plugin_let_go", plugin=culprit.platform, account=culprit.account, seconds=round(seconds, 1))
        if now - self._last_told.get(culprit.account, -TOLD_AGAIN) >= TOLD_AGAIN:
            self._last_told[culprit.account] = now
            telling = asyncio.ensure_future(self._told(culprit, seconds))
            self._telling.add(telling)
            telling.add_done_callback(self._telling_ended)

    def _telling_ended(self, telling: asyncio.Future[None]) -> None:
        self._telling.discard(telling)
        if not telling.cancelled() and (error := telling.exception()) is not None:
            log.warning("not_in_the_journal", error=repr(error))


def _say(event: str, culprit: Culprit, block: Block, place: str) -> None:
    seconds = round(block.seconds, 1)
    log.error(event, plugin=culprit.platform, account=culprit.account, seconds=seconds, detail=place)


def _frames(watched: int) -> list[FrameType]:
    """The calls of the watched thread, the innermost first."""
    frames = []
    frame = sys._current_frames().get(watched)  # noqa: SLF001 - documented for exactly this, see the sys module
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    return frames


def _package(module: str) -> str:
    """The package that a platform's module belongs to; the module itself where it is none or stands alone."""
    if hasattr(sys.modules.get(module), "__path__"):
        return module
    return module.rpartition(".")[0] or module


def _place(frames: list[FrameType], packages: Mapping[str, str]) -> str:
    """The innermost line of the plugin's own code."""
    for frame in frames:
        if plugin_of([frame.f_globals.get("__name__", "")], packages) is not None:
            code = frame.f_code
            return f"{frame.f_globals['__name__']}, line {frame.f_lineno}, in {code.co_name}"
    return ""


def _waited(native: int) -> float:
    """For how many seconds so far the thread was ready to run but had no processor; 0 where the kernel won't say."""
    try:
        return int(Path(f"/proc/self/task/{native}/schedstat").read_text(encoding="ascii").split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0
