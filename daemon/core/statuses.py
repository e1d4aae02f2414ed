"""The hub's own statuses: which one an order gets when something happens to it."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Happening(StrEnum):
    """What can happen to an order that a rule answers with a status."""

    NEW = "new"  # it came in
    PAID = "paid"  # the whole total has come in
    PARCEL_SENT = "parcel_sent"  # its first parcel got a tracking number
    CANCELLED = "cancelled"


class Rules(Struct, frozen=True, kw_only=True):
    """[rules]: the status that an order gets when this happens; without one its status stays."""

    new: str = "new"
    paid: str | None = None
    parcel_sent: str | None = None
    cancelled: str = "cancelled"


class Ladder(Struct, frozen=True, kw_only=True):
    """The seller's statuses in the order of his work, and his rules."""

    keys: tuple[str, ...] = ("new", "cancelled")
    rules: Rules = Rules()

    @property
    def beginnings(self) -> tuple[str, ...]:
        """The statuses with which an order may be put into a shop by itself."""
        return tuple(dict.fromkeys(one for one in (self.rules.new, self.rules.paid) if one))

    def after(self, status: str, happening: Happening) -> str:
        """The status that follows; only a cancellation leads anywhere, all else only further on.

        A payment that comes when the parcel has long been sent does not take the order back to "paid". A status that
        the seller has since taken out of his list counts as the first.
        """
        wanted: str | None = getattr(self.rules, happening.value)
        if wanted is None or wanted not in self.keys:
            return status
        if happening is Happening.CANCELLED or status not in self.keys:
            return wanted
        return wanted if self.keys.index(wanted) > self.keys.index(status) else status
