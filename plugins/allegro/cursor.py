"""What to ask Allegro next; pure: positions and answers in, the next position out.

Two ways lead to every order. The journal of events is quick: each event names a form, which is then read anew, whatever
the event says, for events repeat, come out of order and are sometimes missing. The sweep is sure: it lists the forms by
their last change, from before the last sweep began, and so finds what the journal never told.

The sweep goes on by the time of the last form seen and not by counting: a form that changes meanwhile moves to the end
of the list, and counting would then skip the one that took its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec
from msgspec import Raw, Struct

from plugins.allegro import wire

PAGE: Final = 100  # the most that the list gives; as many events keep a page of the journal quick
DEEPEST: Final = 10_000  # offset + limit of the list must not exceed this
OVERLAP: Final = timedelta(minutes=15)
LOOK_BACK: Final = timedelta(hours=72)
LOOK_BACK_EVERY: Final = timedelta(hours=6)
OUTAGE: Final = timedelta(hours=1)  # no sweep ended for so much longer than it should
AFTER_OUTAGE: Final = timedelta(hours=24)
WINDOW: Final = timedelta(days=60)
LONGEST: Final = timedelta(days=360)  # the list reaches back 12 months
TRIES: Final = 20  # so often a single form is read in vain, before it is handed over as malformed
OPEN: Final = ("BOUGHT", "FILLED_IN")
TICK: Final = timedelta(milliseconds=1)  # updatedAt is told to the millisecond


class Reach(StrEnum):
    """How far a sweep looks, and why."""

    FIRST = "first"  # the account is new: nothing that is found was missed
    SHORT = "short"
    LONG = "long"
    WHOLE = "whole"  # the journal's position was lost


class Leg(Struct, frozen=True):
    """A part of a sweep: forms changed since a moment, with one status or any."""

    since: datetime
    status: str | None = None


class Sweep(Struct, frozen=True, kw_only=True):
    """A sweep under way: the legs still to go, and how many forms to pass over in the first of them."""

    began_at: datetime
    reach: Reach
    legs: tuple[Leg, ...]
    offset: int = 0

    def query(self) -> dict[str, str]:
        """The next page's query."""
        leg = self.legs[0]
        query = {"updatedAt.gte": stamp(leg.since), "sort": "updatedAt", "limit": str(PAGE), "offset": str(self.offset)}
        return {**query, "status": leg.status} if leg.status else query


class Position(Struct, frozen=True, kw_only=True):
    """All that is remembered between two pages.

    `event` is the last event of which the forms are safe, but for `failed`: those that could not be read, with the
    number of tries. `doubtful` are to be read once more: they weren't there yet, or looked older than their event.
    `swept_at` and `looked_back_at` are when the last short and the last long sweep began that came to an end.
    `sweep_next` says whose turn it is. `alone` is a sweep that a person asked for: the journal has no part in it.
    """

    event: str | None
    failed: dict[str, int] = {}
    doubtful: tuple[str, ...] = ()
    swept_at: datetime | None = None
    looked_back_at: datetime | None = None
    sweep: Sweep | None = None
    sweep_next: bool = False
    alone: bool = False


class Hint(Struct, frozen=True):
    """What the events of a page tell of one form: the revisions they name, and the time of the newest."""

    revisions: frozenset[str]
    newest: datetime | None


class Reading(Struct, frozen=True):
    """How reading one form went: `absent` for a 404; neither `absent` nor `failed` where it was read."""

    failed: bool = False
    absent: bool = False
    revision: str | None = None
    updated_at: datetime | None = None


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(Position)
_EVENT: Final = msgspec.json.Decoder(wire.Event)


def encode(position: Position) -> str:
    """The position as the cursor that the daemon keeps."""
    return _ENCODER.encode(position).decode()


def decode(text: str) -> Position | None:
    """The position in a cursor; None where it can't be read, which asks for a sweep of the whole window."""
    try:
        return _DECODER.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def begin(event: str | None, now: datetime, reach: Reach) -> Position:
    """The first position: the journal from its newest event, and everything before by a sweep of the whole window."""
    return Position(event=event, sweep=Sweep(began_at=now, reach=reach, legs=(Leg(now - WINDOW),)))


def reach_back(since: datetime, now: datetime) -> Position:
    """A sweep of all that was changed since that moment, and nothing else."""
    legs = (Leg(max(since, now - LONGEST)),)
    return Position(event=None, sweep=Sweep(began_at=now, reach=Reach.FIRST, legs=legs), alone=True)


def due(position: Position, now: datetime, every: timedelta, *, fresh: bool) -> Position:
    """Begins a sweep where one is due; `fresh` asks for one in any case, as after a start of the program."""
    if position.sweep is not None:
        return position
    swept_at, looked_back_at = position.swept_at, position.looked_back_at
    if swept_at is None or swept_at > now + OVERLAP:  # from the future: a clock was moved, so nothing is certain
        return _started(position, now, Reach.LONG, now - WINDOW)
    silence = now - swept_at
    if silence > every + OUTAGE:
        return _started(position, now, Reach.LONG, min(swept_at - AFTER_OUTAGE, now - LOOK_BACK))
    if looked_back_at is None or not timedelta() <= now - looked_back_at < LOOK_BACK_EVERY:
        return _started(position, now, Reach.LONG, now - LOOK_BACK)
    if fresh or silence >= every:
        return _started(position, now, Reach.SHORT, swept_at - OVERLAP)
    return position


def _started(position: Position, now: datetime, reach: Reach, since: datetime) -> Position:
    legs = [Leg(max(since, now - LONGEST))]
    if reach is Reach.LONG:
        legs += [Leg(now - WINDOW, status) for status in OPEN]
    return msgspec.structs.replace(position, sweep=Sweep(began_at=now, reach=reach, legs=tuple(legs)))


def swept(position: Position, forms: int, last: datetime | None) -> Position:
    """After a page of the sweep with so many forms, the last of them changed at `last` (None if that can't be read)."""
    sweep = position.sweep
    assert sweep is not None  # noqa: S101 - a page of a sweep is asked only while there is one
    leg, *rest = sweep.legs
    if forms < PAGE:
        if rest:
            following = msgspec.structs.replace(sweep, legs=tuple(rest), offset=0)
            return msgspec.structs.replace(position, sweep=following, sweep_next=False)
        long = sweep.reach is not Reach.SHORT
        return msgspec.structs.replace(
            position,
            swept_at=sweep.began_at,
            looked_back_at=sweep.began_at if long else position.looked_back_at,
            sweep=None,
            sweep_next=False,
        )
    offset = sweep.offset + forms
    if last is not None and last > leg.since:
        leg, offset = msgspec.structs.replace(leg, since=last), 0
    elif offset + PAGE > DEEPEST:  # 10,000 forms of one and the same millisecond: the list shows no more of them
        leg, offset = msgspec.structs.replace(leg, since=leg.since + TICK), 0
    onward = msgspec.structs.replace(sweep, legs=(leg, *rest), offset=offset)
    return msgspec.structs.replace(position, sweep=onward, sweep_next=False)


def hints(events: Iterable[Raw | bytes]) -> tuple[str | None, dict[str, Hint]]:
    """The last event's id, and for each form that the events name what they tell of it; odd events are passed over."""
    last: str | None = None
    found: dict[str, Hint] = {}
    for raw in events:
        try:
            event = _EVENT.decode(raw)
        except msgspec.MsgspecError:
            continue
        last = event.id or last
        form = event.order.checkout_form if event.order else None
        if form is None or not usable(form.id):
            continue
        known = found.get(form.id or "", Hint(frozenset(), None))
        at = event.occurred_at if event.occurred_at and event.occurred_at.tzinfo else None
        found[form.id or ""] = Hint(
            known.revisions | {form.revision} if form.revision else known.revisions,
            max((moment for moment in (known.newest, at) if moment), default=None),
        )
    return last, found


def read(
    position: Position, last: str | None, told: Mapping[str, Hint], readings: Mapping[str, Reading]
) -> tuple[Position, tuple[str, ...]]:
    """After the forms of a page were read: the journal has moved on, and what was not read well is kept for later.

    Also answers the forms that failed too often to be asked for again.
    """
    failed: dict[str, int] = {}
    given_up: list[str] = []
    doubtful: list[str] = []
    for form, reading in readings.items():
        if reading.failed:
            failed[form] = position.failed.get(form, 0) + 1
            if failed[form] >= TRIES:
                given_up.append(form)
                del failed[form]
        elif form not in position.doubtful and (reading.absent or stale(reading, told.get(form))):
            doubtful.append(form)
    moved = msgspec.structs.replace(
        position,
        event=last or position.event,
        failed=failed,
        doubtful=tuple(doubtful),
        sweep_next=position.sweep is not None,
    )
    return moved, tuple(given_up)


def stale(reading: Reading, told: Hint | None) -> bool:
    """Whether a form looks older than its event: Allegro's reads may lag behind its writes (issue 9819)."""
    if told is None or told.newest is None or reading.updated_at is None or not told.revisions:
        return False
    return reading.revision not in told.revisions and reading.updated_at < told.newest


def usable(form_id: str | None) -> bool:
    """Whether a form's id can be put into an address."""
    return bool(form_id) and len(form_id or "") <= 64 and (form_id or "").replace("-", "").isalnum()


def stamp(moment: datetime) -> str:
    """A moment as Allegro writes it, rounded down to the millisecond."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
