"""The shop's leaky bucket, kept on our side, so that it never runs over.

Each answer tells how full it is (X-Shop-Api-Calls), how much it holds (-Limit) and how many calls leak out of it in a
second (-Bandwidth). Until one has come, the documented 10 and 2 hold.
"""

from __future__ import annotations

from collections.abc import Mapping

from orderferry import Clock

LIMIT, BANDWIDTH = 10.0, 2.0
FREE = 2.0  # calls left for the shop's other tools


class LeakyBucket:
    """Ask `enter` before each call, and tell it the answer's headers with `told`, or None where no answer came."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._limit, self._bandwidth = LIMIT, BANDWIDTH
        self._level = 0.0
        self._at = clock.monotonic()
        self._flying = 0

    async def enter(self) -> None:
        """Returns when a call may go."""
        while (over := self._now() + 1 - max(self._limit - FREE, 1.0)) > 0:
            await self._clock.sleep(over / self._bandwidth)
        self._level += 1
        self._flying += 1

    def told(self, headers: Mapping[str, str] | None) -> None:
        """Takes over what the shop says; calls that are still on their way are not in its figure."""
        self._flying -= 1
        if headers is None:
            return
        self._now()
        self._limit = _number(headers, "x-shop-api-limit") or self._limit
        self._bandwidth = _number(headers, "x-shop-api-bandwidth") or self._bandwidth
        calls = _number(headers, "x-shop-api-calls")
        if calls is not None:
            self._level = calls + self._flying

    def _now(self) -> float:
        now = self._clock.monotonic()
        self._level = max(0.0, self._level - (now - self._at) * self._bandwidth)
        self._at = now
        return self._level


def _number(headers: Mapping[str, str], name: str) -> float | None:
    text = headers.get(name, "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else None
