"""Fetching orders: one window of a scan for each call.

What is to be asked is decided in `cursor`, what an answer means in `mapping`; here the calls are made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from msgspec import Raw

from orderferry import MalformedOrder, Order, Page, RateLimited, Rejected, Unavailable
from plugins.ebay import cursor as positions
from plugins.ebay import mapping
from plugins.ebay.cursor import Kind, Position

if TYPE_CHECKING:
    from orderferry import Clock
    from orderferry.surroundings import Log
    from plugins.ebay.client import Client


Single = bytes | Unavailable | Rejected | None
"""How reading one order by itself went: None where it is gone."""

PAUSE = 3.0


class Fetching:
    """One account's way to its orders; all that it remembers is in the cursor."""

    def __init__(self, client: Client, clock: Clock, log: Log, recheck_every: timedelta) -> None:
        self._client = client
        self._clock = clock
        self._log = log
        self._every = recheck_every

    async def page(self, cursor: str | None, since: datetime | None = None) -> Page:
        """The next page after this cursor, or the first of those that reach back to `since`."""
        now = self._clock.now()
        if since is not None:
            return await self._scanned(positions.reach_back(since, now))
        known = positions.decode(cursor) if cursor is not None else None
        if cursor is not None and known is None:
            self._log.warning("cursor_unreadable")
        if known is not None and known.alone and known.scan is None:
            return Page(cursor=positions.encode(known))
        return await self._scanned(positions.started(known or Position(), now))

    async def _scanned(self, position: Position) -> Page:
        scan = position.scan
        assert scan is not None  # noqa: S101 - it was just begun, or is under way
        try:
            listed = await self._client.orders(scan.criteria, scan.limit, scan.offset)
            raws = listed.orders or ()
            smaller = positions.narrowed(position, listed=len(raws), total=listed.total)
            if smaller is not None:
                return Page(cursor=positions.encode(smaller), more=True, sweep=scan.kind is Kind.OPEN)
            found = await self._read(position, raws)
        except RateLimited:
            raise
        except (Unavailable, Rejected) as error:
            later = positions.postponed(position)
            if later is None:
                raise
            last = positions.stamp(position.checked_at) if position.checked_at else None
            self._log.warning("recheck_postponed", reason=type(error).__name__, last_checked=last)
            return Page(cursor=positions.encode(later))
        moved = positions.after(position, listed=len(raws), total=listed.total, every=self._every)
        if moved.scan is None:
            self._log.debug("scan_done", kind=scan.kind.value)
        return Page(
            orders=tuple(one for one in found if isinstance(one, Order)),
            malformed=tuple(one for one in found if isinstance(one, MalformedOrder)),
            cursor=positions.encode(moved),
            more=moved.more,
            sweep=scan.kind is Kind.OPEN,
        )

    async def _read(self, position: Position, raws: Sequence[Raw]) -> list[Order | MalformedOrder]:
        """The orders of a page; those that the list tells only in part are read by themselves.

        One that can't be read so is left for the next scan, as long as that is sure to list it; then it is taken as the
        list shows it. One that is gone was merged into another.
        """
        scan = position.scan
        every = scan is not None and scan.kind is Kind.OPEN
        peeks = [mapping.peek(raw) for raw in raws]
        wanted = [
            one.order_id for one in peeks if one.order_id is not None and (one.in_part or (every and not one.cancelled))
        ]
        answers = await self._single(wanted)
        found: list[Order | MalformedOrder] = []
        for raw, peek in zip(raws, peeks, strict=True):
            answer = answers.get(peek.order_id, raw) if peek.order_id is not None else raw
            if isinstance(answer, Unavailable | Rejected):
                if peek.in_part and positions.shown_again(position, peek.changed_at):
                    continue
                self._log.warning("order_unreadable", order_id=peek.order_id, reason=type(answer).__name__)
                answer = raw
            if answer is None:
                self._log.debug("order_absent", order_id=peek.order_id)
                continue
            found.append(mapping.order_or_malformed(answer))
        return found

    async def _single(self, order_ids: Sequence[str]) -> dict[str, Single]:
        """Each order by itself, and once more after a while where that failed.

        Only where eBay wants us to slow down, the account itself is in trouble.
        """
        told = await self._once(order_ids)
        failed = [order_id for order_id, answer in told.items() if isinstance(answer, Unavailable)]
        if failed:
            await self._clock.sleep(PAUSE)
            told |= await self._once(failed)
        return told

    async def _once(self, order_ids: Sequence[str]) -> dict[str, Single]:
        answers = await asyncio.gather(*map(self._client.order, order_ids), return_exceptions=True)
        told: dict[str, Single] = {}
        for order_id, answer in zip(order_ids, answers, strict=True):
            if isinstance(answer, RateLimited):
                raise answer
            if isinstance(answer, BaseException) and not isinstance(answer, Unavailable | Rejected):
                raise answer
            told[order_id] = answer
        return told
