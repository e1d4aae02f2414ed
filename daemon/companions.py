"""Work beside the main job: each part as its settings say, started anew where it fails, and never in an order's way."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog
from msgspec import Struct

from daemon.config import Config
from orderferry import Clock

log = structlog.get_logger("orderferry.companions")

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 300.0


class Companion(Struct, frozen=True, kw_only=True):
    """Something that runs beside the main job.

    `settings` picks its part of the settings, None where it is switched off. That part is handed to `run`, which goes
    on until it is cancelled, and is begun anew where the part has changed. A `run` that raises is told in the log and
    tried again, ever more slowly; one that returns is done until its settings change.
    """

    name: str
    settings: Callable[[Config], Any]  # a part of the settings, or None
    run: Callable[[Any], Awaitable[None]]  # takes that part


class Companions:
    """Runs the companions; `follow` takes the settings as they are now, at the start and after every reload."""

    def __init__(
        self, companions: Sequence[Companion], clock: Clock, draw: Callable[[], float] = random.random
    ) -> None:
        self._companions = companions
        self._clock = clock
        self._draw = draw
        self._running: dict[str, tuple[Any, asyncio.Task[None]]] = {}

    async def follow(self, config: Config) -> tuple[str, ...]:
        """Starts, ends or begins anew whatever the settings ask for, and answers its names; the rest is undisturbed."""
        changed: list[str] = []
        for companion in self._companions:
            wanted = companion.settings(config)
            was, task = self._running.get(companion.name, (None, None))
            if wanted == was:
                continue
            changed.append(companion.name)
            if task is not None:
                await ended(task)
                del self._running[companion.name]
            if wanted is not None:
                task = asyncio.create_task(self._keep_going(companion, wanted), name=companion.name)
                self._running[companion.name] = (wanted, task)
        return tuple(changed)

    async def stop(self) -> None:
        """Ends them all."""
        for _, task in self._running.values():
            task.cancel()
        for _, task in self._running.values():
            await ended(task)
        self._running.clear()

    async def _keep_going(self, companion: Companion, settings: Any) -> None:  # its part of the settings
        pause = FIRST_PAUSE
        while True:
            began = self._clock.monotonic()
            try:
                await companion.run(settings)
            except Exception as error:
                log.warning("companion_failed", what=companion.name, error=repr(error), wait=pause, exc_info=error)
            else:
                return
            if self._clock.monotonic() - began > LONGEST_PAUSE:
                pause = FIRST_PAUSE
            await self._clock.sleep(pause * (0.5 + self._draw() / 2))
            pause = min(pause * 2, LONGEST_PAUSE)


async def ended(task: asyncio.Task[None]) -> None:
    """Cancels a task and waits for its end; however it ended, nothing is raised."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
