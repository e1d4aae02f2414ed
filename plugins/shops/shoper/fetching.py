"""Fetching the shop's orders: those placed since last time, those whose status has moved, and now and then all of late.

Shoper dates an order's making and its last change of status, and nothing else: a payment moves no date. So every
`sweep_every` all orders of the last `look_back` are read again. Pages are turned by the orders' numbers, so that one
that is deleted meanwhile moves no other out of sight.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec
from msgspec import Struct

from orderferry import Account, Echo, Malformed, MalformedOrder, Order, Page
from orderferry.php import text
from orderferry.references import reference_in
from plugins.shops.shoper.client import PAGE, ShoperClient
from plugins.shops.shoper.finding import dated, number_of
from plugins.shops.shoper.knowledge import Facts
from plugins.shops.shoper.orders import read_order, understand
from plugins.shops.shoper.settings import ShoperSettings
from plugins.shops.shoper.wire import LineRow

FIRST = timedelta(days=3)
OVERLAP = timedelta(minutes=10)


class Look(StrEnum):
    """The three looks, in their order."""

    PLACED = "placed"
    MOVED = "moved"
    SWEEP = "sweep"


class Cursor(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where fetching stands: dates from `after` on, numbers above `last`; `began` is when the first look began."""

    after: datetime
    look: Look = Look.PLACED
    last: int = 0
    began: datetime | None = None
    swept: datetime | None = None


async def fetch_page(
    client: ShoperClient, account: Account[ShoperSettings], facts: Facts, stored: str | None, since: datetime | None
) -> Page:
    """The next page; `since` begins a look that reaches back so far."""
    now = account.clock.now()
    if since is not None:
        cursor = Cursor(after=since, swept=now)
    elif stored is None:
        cursor = Cursor(after=now - FIRST)
    else:
        cursor = msgspec.json.decode(stored, type=Cursor)
    began = cursor.began or now
    after = began - account.settings.look_back if cursor.look is Look.SWEEP else cursor.after
    field = "status_date" if cursor.look is Look.MOVED else "date"
    raws = await client.orders(dated(field, after, facts.zone, cursor.last))
    found = await _understood(client, facts, account.reference_prefix, raws)
    following = _following(cursor, began, account.settings.sweep_every, [number_of(raw) for raw in raws])
    return Page(
        orders=tuple(entry for entry in found if isinstance(entry, Order)),
        echoes=tuple(entry for entry in found if isinstance(entry, Echo)),
        malformed=tuple(entry for entry in found if isinstance(entry, MalformedOrder)),
        cursor=msgspec.json.encode(following).decode(),
        more=following.began is not None,
        sweep=cursor.look is Look.SWEEP,
    )


def _following(cursor: Cursor, began: datetime, sweep_every: timedelta, numbers: list[int]) -> Cursor:
    """The next page of this look, else the next look, else the beginning of the next fetch."""
    here = msgspec.structs.replace(cursor, began=began)
    if len(numbers) >= PAGE and max(numbers) > cursor.last:
        return msgspec.structs.replace(here, last=max(numbers))
    if cursor.look is Look.PLACED:
        return msgspec.structs.replace(here, look=Look.MOVED, last=0)
    if cursor.look is Look.MOVED and (cursor.swept is None or began - cursor.swept >= sweep_every):
        return msgspec.structs.replace(here, look=Look.SWEEP, last=0)
    swept = began if cursor.look is Look.SWEEP else cursor.swept
    return Cursor(after=max(began - OVERLAP, cursor.after), swept=swept)


async def _understood(
    client: ShoperClient, facts: Facts, prefix: str, raws: list[bytes]
) -> list[Order | Echo | MalformedOrder]:
    foreign = [str(number_of(raw)) for raw in raws if not _ours(raw, prefix)]
    lines: defaultdict[str, list[LineRow]] = defaultdict(list)
    for line in await client.lines(foreign) if foreign else ():
        lines[text(line.order_id)].append(line)
    numbered = [(str(number_of(raw)), raw) for raw in raws]
    return [understand(raw, lines[number], facts, prefix, number) for number, raw in numbered]


def _ours(raw: bytes, prefix: str) -> bool:
    try:
        return reference_in(text(read_order(raw).notes_priv), prefix) is not None
    except Malformed:
        return False
