"""Fetching orders: one page of the journal, or of the sweep, for each call.

The journal comes first, so that a long sweep never holds back a new order; while both have something to give they take
turns. What is to be asked is decided in `cursor`, what an answer means in `mapping`; here the calls are made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from orderferry import MalformedOrder, Order, Page, RateLimited, Rejected, Unavailable
from plugins.allegro import cursor as positions
from plugins.allegro import mapping
from plugins.allegro.cursor import Position, Reach, Reading

if TYPE_CHECKING:
    from orderferry import Clock
    from orderferry.surroundings import Log
    from plugins.allegro.client import Client

Found = Order | MalformedOrder

UNKNOWN_EVENT = frozenset({400, 404, 410, 422})
PATIENCE = timedelta(hours=1)  # a sweep that fails so long is worth the owner's attention
AT_ONCE = 3  # after so many failures a form waits for the next poll
SEVERAL = 8  # so many failures and no success are not the forms' own fault


class Fetching:
    """One account's way to its orders; it remembers only whether it has begun a sweep since the program started."""

    def __init__(self, client: Client, clock: Clock, log: Log, sweep_every: timedelta) -> None:
        self._client = client
        self._clock = clock
        self._log = log
        self._every = sweep_every
        self._fresh = True

    async def page(self, cursor: str | None, since: datetime | None = None) -> Page:
        """The next page after this cursor, or the first of those that reach back to `since`."""
        if since is not None:
            return await self._sweep_page(positions.reach_back(since, self._clock.now()))
        known = positions.decode(cursor) if cursor is not None else None
        if known is not None and known.alone:
            return await self._sweep_page(known) if known.sweep is not None else Page(cursor=positions.encode(known))
        if cursor is not None and known is None:
            self._log.warning("cursor_unreadable")
        before = known or await self._begin(Reach.FIRST if cursor is None else Reach.WHOLE)
        position = positions.due(before, self._clock.now(), self._every, fresh=self._fresh)
        answer = await self._turn(position)
        if known is None or position is not before:
            self._fresh = False
        return answer

    async def _begin(self, reach: Reach) -> Position:
        """Takes the journal's newest event before the sweep reads its first form, so that nothing falls between."""
        latest = await self._client.latest_event()
        return positions.begin(latest.id if latest else None, self._clock.now(), reach)

    async def _turn(self, position: Position) -> Page:
        trouble: Unavailable | Rejected | None = None
        if position.sweep is not None and position.sweep_next:
            try:
                return await self._sweep_page(position)
            except RateLimited:
                raise
            except (Unavailable, Rejected) as error:
                trouble = error
        try:
            page = await self._journal_page(position)
        except Rejected as error:
            if position.event is None or error.status not in UNKNOWN_EVENT:
                raise
            self._log.warning("event_rejected", event_id=position.event, status=error.status)
            position, page = await self._begin(Reach.WHOLE), None
        if page is not None:
            return page
        if position.sweep is None:
            return Page(cursor=positions.encode(position))
        try:
            if trouble is None:
                return await self._sweep_page(position)
        except RateLimited:
            raise
        except (Unavailable, Rejected) as error:
            trouble = error
        overdue = self._clock.now() - position.sweep.began_at > PATIENCE
        if overdue or position.sweep.reach in {Reach.FIRST, Reach.WHOLE}:
            raise trouble
        self._log.warning("sweep_postponed", reason=type(trouble).__name__)
        return Page(cursor=positions.encode(position))

    async def _journal_page(self, position: Position) -> Page | None:
        """What the journal tells of; None where it has nothing new."""
        full = len(position.failed) >= positions.PAGE
        events = () if full else await self._client.events(position.event, positions.PAGE)
        last, told = positions.hints(events)
        wanted = dict.fromkeys((*position.failed, *position.doubtful, *told))
        if not events and not wanted:
            return None
        read = await self._read(tuple(wanted))
        readings = {form: reading for form, (reading, _) in read.items()}
        moved, given_up = positions.read(position, last, told, readings)
        soon = any(tries <= AT_ONCE for tries in moved.failed.values())
        more = soon or len(events) >= positions.PAGE or moved.sweep is not None
        found = [one for _, one in read.values() if one is not None]
        return _page([*found, *map(_given_up, given_up)], moved, more=more, sweep=False)

    async def _sweep_page(self, position: Position) -> Page:
        sweep = position.sweep
        assert sweep is not None  # noqa: S101 - asked only while there is one
        raws = await self._client.forms(sweep.query())
        times = [moment for _, moment in map(mapping.peek, raws) if moment]
        moved = positions.swept(position, len(raws), max(times, default=None))
        found = [mapping.order_or_malformed(raw) for raw in raws]
        if moved.sweep is None:
            self._log.debug("sweep_done", reach=sweep.reach.value)
        return _page(found, moved, more=moved.sweep is not None, sweep=sweep.reach is not Reach.FIRST)

    async def _read(self, forms: Sequence[str]) -> dict[str, tuple[Reading, Found | None]]:
        """Reads the forms, as many at once as the account's limits let through.

        A form that can't be read now is kept for the next page and delays nobody. Only where several were asked for
        and none could be read, or where Allegro wants us to slow down, the account itself is in trouble.
        """
        answers = await asyncio.gather(*map(self._client.form, forms), return_exceptions=True)
        read: dict[str, tuple[Reading, Found | None]] = {}
        failures: list[Unavailable] = []
        for form, answer in zip(forms, answers, strict=True):
            if isinstance(answer, Unavailable):
                failures.append(answer)
                read[form] = Reading(failed=True), None
            elif isinstance(answer, Rejected):
                self._log.warning("form_rejected", form_id=form, status=answer.status)
                read[form] = Reading(absent=True), None
            elif isinstance(answer, BaseException):
                raise answer
            elif answer is None:
                self._log.debug("form_absent", form_id=form)
                read[form] = Reading(absent=True), None
            else:
                read[form] = _reading(answer)
        if failures and len(failures) == len(read):
            limited = next((one for one in failures if isinstance(one, RateLimited)), None)
            if limited or len(failures) >= SEVERAL:
                raise limited or failures[0]
        return read


def _reading(raw: bytes) -> tuple[Reading, Found]:
    found = mapping.order_or_malformed(raw)
    if isinstance(found, Order):
        return Reading(revision=found.revision, updated_at=found.updated_at), found
    return Reading(), found


def _given_up(form: str) -> MalformedOrder:
    reason = f"Allegro tells of this order, but answered {positions.TRIES} times with an error when asked for it"
    return MalformedOrder(external_id=form, reason=reason, raw=b"")


def _page(found: Iterable[Found], position: Position, *, more: bool, sweep: bool) -> Page:
    orders: list[Order] = []
    malformed: list[MalformedOrder] = []
    for one in found:
        if isinstance(one, Order):
            orders.append(one)
        else:
            malformed.append(one)
    cursor = positions.encode(position)
    return Page(orders=tuple(orders), malformed=tuple(malformed), cursor=cursor, more=more, sweep=sweep)
