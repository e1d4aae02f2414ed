"""Fetching the shop's orders in the order of their last change.

A page begins where the one before has ended: at the moment of its last order, and not at a count of orders, as one
that is changed meanwhile moves to the end and would take another's place with it. Only among orders of one and the same
moment is counted. The next look begins a little before the newest change that was seen, for what was written down late.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from orderferry import Account, Echo, Malformed, MalformedOrder, Order, Page
from plugins.shops.medusa.client import FETCH_PAGE, MedusaClient
from plugins.shops.medusa.orders import moment, understand
from plugins.shops.medusa.settings import MedusaSettings

FIRST = timedelta(days=3)
OVERLAP = timedelta(minutes=10)


class Cursor(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where fetching stands: orders changed at `after` or later, without the first `skip`; `turning` amid its pages."""

    after: datetime
    skip: int = 0
    turning: bool = False


class _Changed(Struct):
    updated_at: str = ""


async def fetch_page(
    client: MedusaClient, account: Account[MedusaSettings], text: str | None, since: datetime | None
) -> Page:
    """The next page; `since` begins so far back."""
    cursor = Cursor(after=since) if since is not None else _cursor(text, account.clock.now())
    raws = [bytes(raw) for raw in await client.changed_since(cursor.after, cursor.skip)]
    found = [understand(raw, account.settings, account.reference_prefix) for raw in raws]
    more = len(raws) >= FETCH_PAGE
    return Page(
        orders=tuple(entry for entry in found if isinstance(entry, Order)),
        echoes=tuple(entry for entry in found if isinstance(entry, Echo)),
        malformed=tuple(entry for entry in found if isinstance(entry, MalformedOrder)),
        cursor=msgspec.json.encode(following(cursor, [_changed(raw) for raw in raws], more=more)).decode(),
        more=more,
    )


def following(cursor: Cursor, changed: list[datetime | None], *, more: bool) -> Cursor:
    """Where the next page begins; `changed` are the moments of this one's orders, None where one can't be read."""
    newest = max((when for when in changed if when is not None), default=cursor.after)
    if not more:
        return Cursor(after=newest - OVERLAP if newest > cursor.after or cursor.turning else cursor.after)
    if newest <= cursor.after:
        return Cursor(after=cursor.after, skip=cursor.skip + len(changed), turning=True)
    return Cursor(after=newest, turning=True)


def _changed(raw: bytes) -> datetime | None:
    try:
        return moment(msgspec.json.decode(raw, type=_Changed).updated_at, "updated_at")
    except (Malformed, msgspec.MsgspecError):
        return None


def _cursor(text: str | None, now: datetime) -> Cursor:
    return Cursor(after=now - FIRST) if text is None else msgspec.json.decode(text, type=Cursor)
