"""What to ask eBay next; pure: positions and answers in, the next position out.

Two scans lead to every order. The changed ones are listed by their last change, in closed windows that overlap what was
read before: eBay may show a change late, and its clock is not ours. The open ones are listed by their purchase every
few hours, and each is read by itself: a cancellation need not move the time of the last change, and the list does not
tell all.

The list has no order that can be relied on, and is turned by counting: an order that changes meanwhile leaves the
window, and the next page would skip another. So a window that does not fit one page is halved until it does.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import msgspec
from msgspec import Struct

OVERLAP: Final = timedelta(minutes=15)
FIRST: Final = timedelta(days=60)  # a new account's orders; older ones have lost e-mail and much else
OPEN_FOR: Final = timedelta(days=60)  # an order that is open longer is not read again
LONGEST: Final = timedelta(days=729)  # the list reaches back two years
TICK: Final = timedelta(milliseconds=1)  # times are told to the millisecond


class Kind(StrEnum):
    """What a scan lists."""

    CHANGED = "changed"
    OPEN = "open"


PAGE: Final = MappingProxyType({Kind.CHANGED: 100, Kind.OPEN: 50})
"""Orders a page; every open one is read by itself, and a hook call has two minutes."""

CRITERIA: Final = MappingProxyType(
    {
        Kind.CHANGED: "lastmodifieddate:[{begin}..{end}]",
        Kind.OPEN: "creationdate:[{begin}..{end}],orderfulfillmentstatus:{{NOT_STARTED|IN_PROGRESS}}",
    }
)


class Scan(Struct, frozen=True, kw_only=True):
    """A scan under way: the window that is asked for now, and how far it all goes.

    `offset` and `total` are only used in a window that can't be made smaller.
    """

    kind: Kind
    begin: datetime
    end: datetime
    goal: datetime
    offset: int = 0
    total: int | None = None

    @property
    def criteria(self) -> str:
        """The filter that lists the window."""
        return CRITERIA[self.kind].format(begin=stamp(self.begin), end=stamp(self.end))

    @property
    def limit(self) -> int:
        """How many orders are asked for."""
        return PAGE[self.kind]


class Position(Struct, frozen=True, kw_only=True):
    """All that is remembered between two pages.

    Every change up to `until` has been told. `checked_at` is when the last scan of the open orders began that came to
    an end, and `check_next` says that one is due. `alone` is a scan that a person asked for.
    """

    until: datetime | None = None
    checked_at: datetime | None = None
    check_next: bool = False
    scan: Scan | None = None
    alone: bool = False

    @property
    def more(self) -> bool:
        """Whether there is more to ask at once."""
        return self.scan is not None or self.check_next


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
    """A scan of all that was changed since that moment, and nothing else."""
    return Position(scan=_scan(Kind.CHANGED, max(since, now - LONGEST), now), alone=True)


def started(position: Position, now: datetime) -> Position:
    """Begins the scan whose turn it is, where none is under way."""
    if position.scan is not None:
        return position
    if position.check_next:
        return msgspec.structs.replace(position, check_next=False, scan=_scan(Kind.OPEN, now - OPEN_FOR, now))
    until = position.until
    if until is None or until > now + OVERLAP:  # from the future: a clock was moved, so nothing is certain
        return msgspec.structs.replace(position, scan=_scan(Kind.CHANGED, now - FIRST, now))
    begin = max(until - OVERLAP, now - LONGEST)
    return msgspec.structs.replace(position, scan=_scan(Kind.CHANGED, begin, now))


def _scan(kind: Kind, begin: datetime, now: datetime) -> Scan:
    return Scan(kind=kind, begin=min(begin, now), end=now, goal=now)


def narrowed(position: Position, *, listed: int, total: int) -> Position | None:
    """With a smaller window, where this one holds more than a page and can be made smaller; None otherwise.

    What such a page lists need not be looked at: the smaller windows list it again.
    """
    scan = position.scan
    assert scan is not None  # noqa: S101 - a page is asked only while there is a scan
    half = (scan.end - scan.begin) / 2
    if scan.offset or total <= listed or half < TICK:
        return None
    return msgspec.structs.replace(position, scan=msgspec.structs.replace(scan, end=scan.begin + half))


def after(position: Position, *, listed: int, total: int, every: timedelta) -> Position:
    """After a page of so many orders from a window that holds `total`; open orders are due after `every`."""
    scan = position.scan
    assert scan is not None  # noqa: S101 - a page is asked only while there is a scan
    if scan.offset and total != scan.total:
        return msgspec.structs.replace(position, scan=msgspec.structs.replace(scan, offset=0, total=total))
    if listed and scan.offset + listed < total:
        onward = msgspec.structs.replace(scan, offset=scan.offset + listed, total=total)
        return msgspec.structs.replace(position, scan=onward)
    if scan.end < scan.goal:
        # the next window begins in the very millisecond in which this one ends, and may be twice as long
        end = min(scan.goal, scan.end + 2 * max(scan.end - scan.begin, TICK))
        onward = msgspec.structs.replace(scan, begin=scan.end, end=end, offset=0, total=None)
        return msgspec.structs.replace(position, scan=onward)
    return _ended(position, scan, every)


def _ended(position: Position, scan: Scan, every: timedelta) -> Position:
    if scan.kind is Kind.OPEN:
        return msgspec.structs.replace(position, scan=None, checked_at=scan.goal)
    checked = position.checked_at
    fresh = checked is not None and timedelta() <= scan.goal - checked < every
    return msgspec.structs.replace(position, scan=None, until=scan.goal, check_next=not fresh and not position.alone)


def postponed(position: Position) -> Position | None:
    """Without the scan of the open orders, which could not be read: the next round tries again, and no new order waits.

    None where the scan is of the changed orders: then the trouble is the account's own.
    """
    if position.scan is None or position.scan.kind is not Kind.OPEN:
        return None
    return msgspec.structs.replace(position, scan=None)


def shown_again(position: Position, changed_at: datetime | None) -> bool:
    """Whether an order that was changed then is sure to be in the next scan of the changed ones too."""
    scan = position.scan
    if scan is None or scan.kind is not Kind.CHANGED or position.alone or changed_at is None:
        return False
    return changed_at > scan.goal - OVERLAP


def stamp(moment: datetime) -> str:
    """A moment as eBay writes it, rounded down to the millisecond."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
