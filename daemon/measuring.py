"""What the rounds tell whoever measures them."""

from __future__ import annotations

from typing import Protocol


class RoundMeter(Protocol):
    """Told by the rounds; both methods return at once and never raise."""

    def committed(self, seconds: float) -> None:
        """A commit took so long."""

    def linked(self, account: str, seconds: float) -> None:
        """An order's link with this shop is on disk, so long after the order was first seen ready."""


class Unmeasured:
    """Measures nothing."""

    def committed(self, seconds: float) -> None:
        """Forgets it."""

    def linked(self, account: str, seconds: float) -> None:
        """Forgets it."""
