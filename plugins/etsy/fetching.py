"""Fetching orders: one page of a leg for each call.

What is to be asked is decided in `cursor`, what an answer means in `mapping`; here the calls are made.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from orderferry import MalformedOrder, Order, Page, RateLimited, Rejected, Unavailable
from plugins.etsy import cursor as positions
from plugins.etsy import mapping
from plugins.etsy.cursor import Kind, Position

if TYPE_CHECKING:
    from orderferry import Clock
    from orderferry.surroundings import Log
    from plugins.etsy.client import Client


class Fetching:
    """One account's way to its orders; all that it remembers is in the cursor."""

    def __init__(self, client: Client, clock: Clock, log: Log, sweep_every: timedelta) -> None:
        self._client = client
        self._clock = clock
        self._log = log
        self._every = sweep_every

    async def page(self, cursor: str | None, since: datetime | None = None) -> Page:
        """The next page after this cursor, or the first of those that reach back to `since`."""
        now = self._clock.now()
        if since is not None:
            return await self._leg_page(positions.reach_back(since, now))
        known = positions.decode(cursor) if cursor is not None else None
        if cursor is not None and known is None:
            self._log.warning("cursor_unreadable")
        if known is not None and known.alone and not known.legs:
            return Page(cursor=positions.encode(known))
        return await self._leg_page(positions.started(known or Position(), now, self._every))

    async def _leg_page(self, position: Position) -> Page:
        leg = position.legs[0]
        try:
            raws = (await self._client.receipts(leg.query())).results
        except RateLimited:
            raise
        except (Unavailable, Rejected) as error:
            later = positions.postponed(position)
            if later is None:
                raise
            self._log.warning("sweep_postponed", kind=leg.kind.value, reason=type(error).__name__)
            return Page(cursor=positions.encode(later), more=True)
        moved = positions.after(position, [mapping.peek(raw) for raw in raws])
        found = [mapping.order_or_malformed(raw) for raw in raws]
        return Page(
            orders=tuple(one for one in found if isinstance(one, Order)),
            malformed=tuple(one for one in found if isinstance(one, MalformedOrder)),
            cursor=positions.encode(moved),
            more=bool(moved.legs),
            sweep=leg.kind is not Kind.CHANGED and not position.first,
        )
