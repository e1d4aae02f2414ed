"""Amazon's usage plans: how often an operation may be called, followed before Amazon has to say no.

Each operation has a token bucket of its own; the rate that applies to this seller comes in a header of the answers
(developer-docs.amazon.com/sp-api/docs/usage-plans-and-rate-limits).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orderferry import RateLimited

if TYPE_CHECKING:
    from orderferry import Clock

RATE_HEADER: Final = "x-amzn-ratelimit-limit"
PATIENCE: Final = 10.0  # so many seconds are waited; a longer wait is handed to the daemon, which has other work
HAIR: Final = 1e-6


class Plan:
    """One operation's bucket: `rate` requests a second, at most `burst` at once."""

    def __init__(self, rate: float, burst: int, clock: Clock) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._tokens = float(burst)
        self._at = clock.monotonic()

    @property
    def seconds(self) -> float:
        """How long the plan takes for one more request."""
        return 1 / self._rate

    async def take(self) -> None:
        """Returns when a request may go; raises `RateLimited` where that takes long."""
        while (wait := self._wait()) > 0:
            if wait > PATIENCE:
                often = f"one such request in {self.seconds:.0f} s"
                raise RateLimited(f"Amazon allows {often}; the next may go in {wait:.0f} s", retry_after=wait)
            await self._clock.sleep(wait)
        self._tokens -= 1

    def learn(self, header: str | None) -> None:
        """Takes over the rate that an answer named."""
        try:
            rate = float(header or "")
        except ValueError:
            return
        if 0 < rate < 1e6:
            self._refill()
            self._rate = rate

    def spent(self) -> None:
        """Amazon's own bucket is empty: others use the same application, or the program was started anew."""
        self._refill()
        self._tokens = 0.0

    def _wait(self) -> float:
        self._refill()
        return 0.0 if self._tokens > 1 - HAIR else (1 - self._tokens) / self._rate

    def _refill(self) -> None:
        now = self._clock.monotonic()
        self._tokens = min(float(self._burst), self._tokens + (now - self._at) * self._rate)
        self._at = now
