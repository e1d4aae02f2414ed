"""What to ask Amazon next; pure: positions and answers in, the next position out.

Two ways lead to every order. The first lists what was updated since the last time, up to a moment shortly before now,
and goes on from the moment that Amazon's answer names. The second, the sweep, lists what was created in the last days,
and so finds what appeared in the first list too late. Its pages come one with each poll: a search is allowed once in
about three minutes, and the first way must not wait.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

BEHIND: Final = timedelta(minutes=3)  # Amazon wants two, and this machine's clock may be fast
OVERLAP: Final = timedelta(minutes=10)
WINDOW: Final = timedelta(days=30)
SWEEP: Final = timedelta(days=7)
SHORTEST: Final = timedelta(minutes=1)  # of a window's progress, so that there is some
LONGEST: Final = timedelta(days=2 * 365)  # older orders are not told any more
TOKEN_LIFE: Final = timedelta(hours=23)  # of 24


class Walk(Struct, frozen=True, kw_only=True):
    """A search under way: the window that it covers, and the token of its next page.

    `mark` is of the orders on the last page: Amazon was seen to answer one page again and again
    (github.com/amzn/selling-partner-api-models issue 2297).
    """

    after: datetime
    before: datetime
    token: str | None = None
    begun_at: datetime | None = None
    mark: str | None = None


class Position(Struct, frozen=True, kw_only=True):
    """All that is remembered between two pages.

    Orders updated before `updated` are safe; None after a person has reached back, when nothing follows. `swept_at` is
    the end of the last sweep's window. `sweep_next` says whose turn it is.
    """

    updated: datetime | None
    swept_at: datetime | None = None
    main: Walk | None = None
    sweep: Walk | None = None
    sweep_next: bool = False


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(Position)


def encode(position: Position) -> str:
    """The position as the cursor that the daemon keeps."""
    return _ENCODER.encode(position).decode()


def decode(text: str) -> Position | None:
    """The position in a cursor; None where it can't be read."""
    try:
        return _DECODER.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def bound(now: datetime) -> datetime:
    """The newest moment that may be asked for."""
    return now - BEHIND


def begin(now: datetime) -> Position:
    """The first position: everything that was updated in the last 30 days, which contains what a sweep would find."""
    return Position(updated=now - WINDOW, swept_at=bound(now))


def reach_back(since: datetime, now: datetime) -> Position:
    """All that was updated since that moment, and nothing else."""
    before = bound(now)
    after = min(max(since, now - LONGEST), before)
    return Position(updated=None, main=Walk(after=after, before=before, begun_at=now))


def due(position: Position, now: datetime) -> Position:
    """Begins the walk whose turn it is, or one anew whose token has ended."""
    if position.sweep_next:
        sweep = position.sweep
        if sweep is None:
            before = bound(now)
            sweep = Walk(after=before - SWEEP, before=before)
        return replace(position, sweep=_fresh(sweep, now))
    main = position.main
    if main is None and position.updated is not None:
        before = bound(now)
        main = Walk(after=min(position.updated, before) - OVERLAP, before=before)  # the clock may have been set back
    return replace(position, main=_fresh(main, now) if main else None)


def query(position: Position) -> dict[str, str]:
    """The search for the page that is next."""
    if position.sweep_next:
        walk, what = position.sweep, "created"
    else:
        walk, what = position.main, "lastUpdated"
    assert walk is not None  # noqa: S101 - `due` has begun one
    asked = {f"{what}After": stamp(walk.after), f"{what}Before": stamp(walk.before)}
    return {**asked, "paginationToken": walk.token} if walk.token else asked


def mark(order_ids: Iterable[str]) -> str:
    """The mark of a page with these orders."""
    return hashlib.sha256("\n".join(order_ids).encode()).hexdigest()[:16]


def moved(
    position: Position, now: datetime, every: timedelta, *, token: str | None, page: str, until: datetime | None
) -> Position:
    """After a page with this mark: on to the next one, or the walk has come to its end.

    `until` is the moment that the answer names: only orders updated before it are in the list.
    """
    walk = position.sweep if position.sweep_next else position.main
    assert walk is not None  # noqa: S101 - it was asked for
    onward = None if token is None else replace(walk, token=token, mark=page)
    if position.sweep_next:
        swept_at = walk.before if onward is None else position.swept_at
        return replace(position, sweep=onward, swept_at=swept_at, sweep_next=False)
    if onward is not None:
        return replace(position, main=onward)
    if position.updated is None:
        return replace(position, main=None)
    reached = min(until, walk.before) if until is not None and until.tzinfo is not None else walk.before
    swept_at = position.swept_at
    wanted = position.sweep is not None or swept_at is None or not timedelta() <= now - swept_at < every + BEHIND
    return replace(position, main=None, updated=max(reached, walk.after), sweep_next=wanted)


def postponed(position: Position) -> Position:
    """The sweep waits for the next poll, where it is."""
    return replace(position, sweep_next=False)


def restarted(position: Position, *, circle: bool = False) -> Position:
    """After a token that was refused, or led in a circle: its walk begins anew, with the next poll.

    After a circle the window is half as long: where Amazon's tokens lead nowhere, it comes down to a single page.
    """
    if position.sweep_next:
        return replace(position, sweep=None, sweep_next=False)
    main, updated = position.main, position.updated
    if main is None or updated is None:
        return position
    half = max(main.after + (main.before - main.after) / 2, updated + SHORTEST)
    before = min(half, main.before) if circle else main.before
    return replace(position, main=Walk(after=main.after, before=before))


def _fresh(walk: Walk, now: datetime) -> Walk:
    begun_at = walk.begun_at
    if begun_at is not None and timedelta() <= now - begun_at < TOKEN_LIFE:
        return walk
    return replace(walk, token=None, mark=None, begun_at=now)


def stamp(moment: datetime) -> str:
    """A moment as Amazon writes it, rounded down to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
