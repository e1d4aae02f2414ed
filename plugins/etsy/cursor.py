"""What to ask Etsy next; pure: positions and answers in, the next position out.

Etsy's list of changes does not tell of cancellations and refunds (github.com/etsy/open-api issues 604, 629, 513), and
without being asked for them no list has cancelled orders. So each round has legs: what was cancelled of the last 60
days; every few hours all that was bought in the last 60 days; and what was changed, from before the last round on. That
comes last, so that it also finds what happens during the others.

A leg goes on by the time of the last receipt seen: one that changes meanwhile moves to the end of the list, and
counting would then skip the one that took its place. Only within one second, or in a list that isn't sorted, it counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec
from msgspec import Struct

from plugins.etsy.mapping import Peek

PAGE: Final = 100  # the most that the list gives
OVERLAP: Final = timedelta(hours=1)
WINDOW: Final = timedelta(days=60)
OLDEST: Final = datetime(2005, 6, 18, tzinfo=UTC)  # Etsy's first day


class Kind(StrEnum):
    """What a leg lists."""

    CHANGED = "changed"
    CANCELLED = "cancelled"
    BOUGHT = "bought"


class Leg(Struct, frozen=True, kw_only=True):
    """A part of a round: receipts changed or bought since a second, and how many of them to pass over."""

    kind: Kind
    since: int
    offset: int = 0

    def query(self) -> dict[str, str]:
        """The next page's query."""
        page = {"limit": str(PAGE), "offset": str(self.offset), "sort_order": "asc"}
        if self.kind is Kind.CHANGED:
            return {"min_last_modified": str(self.since), "sort_on": "updated", **page}
        bought = {"min_created": str(self.since), "sort_on": "created", **page}
        return {**bought, "was_canceled": "true"} if self.kind is Kind.CANCELLED else bought

    def time(self, receipt: Peek) -> int | None:
        """The receipt's time by which this leg is sorted."""
        return receipt.updated if self.kind is Kind.CHANGED else receipt.created


class Position(Struct, frozen=True, kw_only=True):
    """All that is remembered between two pages.

    Every change up to `until` has been told; `swept_at` is when the last round with a look at everything began that
    came to an end. `legs` are those still to go of the round that began at `began_at`. `first` is the round of a new
    account, whose orders nobody missed; `alone` one that a person asked for.
    """

    until: datetime | None = None
    swept_at: datetime | None = None
    began_at: datetime | None = None
    legs: tuple[Leg, ...] = ()
    sweeps: bool = False
    first: bool = False
    alone: bool = False


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(Position)


def encode(position: Position) -> str:
    """The position as the cursor that the daemon keeps."""
    return _ENCODER.encode(position).decode()


def decode(text: str) -> Position | None:
    """The position in a cursor; None where it can't be read, which asks for the beginning."""
    try:
        return _DECODER.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def reach_back(since: datetime, now: datetime) -> Position:
    """A round of all that was changed since that moment, with what Etsy does not call a change, and nothing else."""
    legs = _legs(max(since, OLDEST), max(since - WINDOW, OLDEST), everything=True)
    return Position(began_at=now, legs=legs, sweeps=True, alone=True)


def started(position: Position, now: datetime, every: timedelta) -> Position:
    """Begins a round, where none is under way; everything is looked at again after `every`."""
    if position.legs:
        return position
    until, swept_at = position.until, position.swept_at
    lost = until is None or until > now + OVERLAP  # from the future: a clock was moved, so nothing is certain
    since = now - WINDOW if lost or until is None else min(until, now) - OVERLAP
    sweeps = swept_at is None or not timedelta() <= now - swept_at < every
    return msgspec.structs.replace(
        position,
        began_at=now,
        legs=_legs(since, now - WINDOW, everything=sweeps),
        sweeps=sweeps,
        first=until is None,
    )


def _legs(since: datetime, bought_since: datetime, *, everything: bool) -> tuple[Leg, ...]:
    bought = (Leg(kind=Kind.BOUGHT, since=_second(bought_since)),) if everything else ()
    cancelled = Leg(kind=Kind.CANCELLED, since=_second(bought_since))
    return (cancelled, *bought, Leg(kind=Kind.CHANGED, since=_second(since)))


def after(position: Position, receipts: Sequence[Peek]) -> Position:
    """After a page with these receipts, in the order in which they came."""
    leg, *rest = position.legs
    if len(receipts) < PAGE:
        return _ended(position, tuple(rest))
    times = [time for one in receipts if (time := leg.time(one)) is not None]
    if times and times == sorted(times) and times[-1] > leg.since:
        onward = msgspec.structs.replace(leg, since=times[-1], offset=0)
    else:
        onward = msgspec.structs.replace(leg, offset=leg.offset + len(receipts))
    return msgspec.structs.replace(position, legs=(onward, *rest))


def _ended(position: Position, rest: tuple[Leg, ...]) -> Position:
    if rest or position.alone:
        return msgspec.structs.replace(position, legs=rest)
    swept_at = position.began_at if position.sweeps else position.swept_at
    return msgspec.structs.replace(position, legs=(), until=position.began_at, swept_at=swept_at)


def postponed(position: Position) -> Position | None:
    """Without this leg, which could not be read: the next round tries again, and no new order waits.

    None where the leg is of the changed orders: then the trouble is the account's own.
    """
    leg, *rest = position.legs
    if position.alone or leg.kind is Kind.CHANGED:
        return None
    return msgspec.structs.replace(position, legs=tuple(rest), sweeps=False)


def _second(moment: datetime) -> int:
    return int(moment.timestamp())
