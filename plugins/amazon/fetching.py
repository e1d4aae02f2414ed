"""Fetching orders: one page of a search for each call.

What is to be asked is decided in `cursor`, what an answer means in `mapping`; here the calls are made.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from orderferry import MalformedOrder, Order, Page, Rejected, Stage, Unavailable
from plugins.amazon import cursor as positions
from plugins.amazon import mapping
from plugins.amazon.cursor import Position

if TYPE_CHECKING:
    from orderferry import Clock
    from orderferry.surroundings import Log
    from plugins.amazon.client import Client
    from plugins.amazon.marketplaces import Marketplace

PAGE: Final = "100"
INCLUDED: Final = "BUYER,RECIPIENT,PROCEEDS,CANCELLATION,FULFILLMENT,PACKAGES,TAX,PAYMENT"
"""All blocks of data that `mapping` reads."""


class Fetching:
    """One account's way to its orders; between two pages it remembers nothing."""

    def __init__(
        self, client: Client, clock: Clock, log: Log, *, marketplaces: Iterable[Marketplace], sweep_every: timedelta
    ) -> None:
        self._client = client
        self._clock = clock
        self._log = log
        self._every = sweep_every
        self._asked = {
            "marketplaceIds": ",".join(one.id for one in marketplaces),
            "includedData": INCLUDED,
            "maxResultsPerPage": PAGE,
        }

    async def page(self, cursor: str | None, since: datetime | None) -> Page:
        """The next page after this cursor, or the first of those that reach back to `since`."""
        position = self._position(cursor, since)
        if position.updated is None and position.main is None:
            return Page(cursor=positions.encode(position))  # what a person asked for has been told
        position = positions.due(position, self._clock.now())
        if not position.sweep_next:
            return await self._page(position)
        try:
            return await self._page(position)
        except (Unavailable, Rejected) as error:  # the first way goes on, whatever becomes of the second
            self._log.warning("sweep_postponed", reason=type(error).__name__)
            later = positions.postponed(position) if isinstance(error, Unavailable) else positions.restarted(position)
            return Page(cursor=positions.encode(later))

    def _position(self, cursor: str | None, since: datetime | None) -> Position:
        now = self._clock.now()
        if since is not None:
            return positions.reach_back(since, now)
        known = positions.decode(cursor) if cursor is not None else None
        if cursor is not None and known is None:
            self._log.warning("cursor_unreadable")
        return known or positions.begin(now)

    async def _page(self, position: Position) -> Page:
        walk = position.sweep if position.sweep_next else position.main
        assert walk is not None  # noqa: S101 - `due` has begun one
        try:
            answer = await self._client.search({**self._asked, **positions.query(position)})
        except Rejected as error:
            if walk.token is None:
                raise
            return self._anew(position, f"the token of the next page was refused ({error.status})")
        now, sweep = self._clock.now(), position.sweep_next
        found = [one for one in map(mapping.order_or_malformed, answer.orders) if one is not None]
        page = positions.mark(mapping.order_id(raw) or "" for raw in answer.orders)
        if walk.token is not None and page == walk.mark:
            return self._anew(position, "the same page came twice", circle=True)
        token = answer.pagination.next_token if answer.pagination else None
        moved = positions.moved(
            position, now, self._every, token=token or None, page=page, until=answer.last_updated_before
        )
        self._tell_of_missing_addresses(found)
        return Page(
            orders=tuple(one for one in found if isinstance(one, Order)),
            malformed=tuple(one for one in found if isinstance(one, MalformedOrder)),
            cursor=positions.encode(moved),
            more=not sweep and (moved.main is not None or moved.sweep_next),
            sweep=sweep,
        )

    def _anew(self, position: Position, reason: str, *, circle: bool = False) -> Page:
        if position.updated is None:
            raise Unavailable(f"Amazon's list of orders can't be followed to its end: {reason}; ask for it once more")
        self._log.warning("search_begun_anew", reason=reason)
        return Page(cursor=positions.encode(positions.restarted(position, circle=circle)))

    def _tell_of_missing_addresses(self, found: Iterable[Order | MalformedOrder]) -> None:
        count = sum(
            isinstance(one, Order) and one.stage is Stage.PLACED and not one.ships_itself and one.paid for one in found
        )
        if count:
            self._log.warning(
                "addresses_missing", count=count, reason="the application's role for addresses is missing"
            )
