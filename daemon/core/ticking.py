"""When a change is told to an account: at once, at the account's next tick, or never; and what a moved clock means.

A tick is a moment of UTC that follows from the interval and the account's name alone. So nothing has to be remembered:
a tick that was missed is simply in the past, and runs once; daylight saving doesn't exist here; and accounts with one
interval have their ticks at different moments.
"""

from __future__ import annotations

import zlib
from datetime import UTC, datetime, timedelta
from typing import Self

from msgspec import Struct

from orderferry import Duration

AT_ONCE, OFF = "at once", "off"
SLICE = timedelta(seconds=60)  # nobody sleeps longer without a look at the clock
TOLERANCE = timedelta(seconds=2)  # by so much a clock may be set without being noticed
LONGEST_RETRY = timedelta(minutes=15)  # how far off a job that waits for its next try can be

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


class Every(Struct, frozen=True):
    """How often changes are told: collected for an interval, at once for none, never where it is None."""

    interval: Duration | None = Duration(0)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads "1h", "at once" or "off"; raises ValueError that says what would be right."""
        if text == OFF:
            return cls(None)
        if text == AT_ONCE:
            return cls(Duration(0))
        try:
            return cls(Duration.parse(text))
        except ValueError:
            raise ValueError(f'{text[:40]!r} is no interval; write "1h", "at once" or "off"') from None

    def __str__(self) -> str:
        """As it is written in config.toml."""
        return OFF if self.interval is None else str(self.interval) if self.interval else AT_ONCE

    @property
    def on(self) -> bool:
        """Whether changes are told at all."""
        return self.interval is not None


HOURLY = Every(Duration(hours=1))
FOUR_HOURLY = Every(Duration(hours=4))
IMMEDIATE = Every()


def next_tick(every: Every, account: str, now: datetime) -> datetime:
    """When a change of this moment is told: now, or at the first tick after it."""
    span = 0 if every.interval is None else every.interval // _MS
    if span <= 0:
        return now
    phase = zlib.crc32(account.encode()) % span
    passed = ((now - _EPOCH) // _MS - phase) // span
    return _EPOCH + (phase + (passed + 1) * span) * _MS


class Reading(Struct, frozen=True):
    """Both clocks at one moment."""

    wall: datetime
    monotonic: float


def moved(before: Reading, after: Reading) -> timedelta:
    """By how much the wall clock was set between two readings, beyond what has passed; nothing for a trifle."""
    by = (after.wall - before.wall) - timedelta(seconds=after.monotonic - before.monotonic)
    return by if abs(by) > TOLERANCE else timedelta(0)
