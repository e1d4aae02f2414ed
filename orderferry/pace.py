"""How fast an account may ask: the token bucket, and what a platform's Retry-After asks for."""

from __future__ import annotations

from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orderferry.surroundings import Clock

LONGEST_WAIT = 3600.0
HAIR = 1e-6  # of a token: less is a rounding error, and a sleep so short may not move the clock at all


class Bucket:
    """A token bucket on the account's clock: `per_minute` requests, of which a tenth may come in one burst."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._rate = per_minute / 60
        self._size = max(1.0, per_minute / 10)
        self._tokens = self._size
        self._clock = clock
        self._at = clock.monotonic()

    async def take(self) -> float:
        """Returns when a request may go, with the seconds that it had to wait."""
        began = now = self._clock.monotonic()
        while True:
            self._tokens = min(self._size, self._tokens + (now - self._at) * self._rate)
            self._at = now
            if self._tokens > 1 - HAIR:
                self._tokens -= 1
                return now - began
            await self._clock.sleep((1 - self._tokens) / self._rate)
            now = self._clock.monotonic()


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds to wait by a Retry-After header (seconds or an HTTP date), at most an hour; None if it says nothing."""
    if value is None:
        return None
    try:
        seconds = float(value) if value.strip().isdigit() else (parsedate_to_datetime(value) - now).total_seconds()
    except (ValueError, TypeError):
        return None
    return min(max(seconds, 0.0), LONGEST_WAIT)
