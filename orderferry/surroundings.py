"""What a platform is given of the world around it: time and a log."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Time as the daemon sees it; tests hand in one that they move by themselves."""

    def now(self) -> datetime:
        """The present moment, aware and in UTC."""

    def monotonic(self) -> float:
        """Seconds from some fixed point, never going back: for measuring spans."""

    async def sleep(self, seconds: float) -> None:
        """Waits; returns at once for zero or less."""


class Log(Protocol):
    """The account's logger: a short event name and loggable values; no buyer data, no secrets."""

    def debug(self, event: str, **values: object) -> object: ...
    def info(self, event: str, **values: object) -> object: ...
    def warning(self, event: str, **values: object) -> object: ...
