"""Finding orders again: by the reference in the administrator's note, which is the only text of ours that Shoper keeps.

First by the filter LIKE, then through every order since. The filter alone proves nothing: a shop that does not know it
may answer nothing at all.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta, tzinfo
from typing import Any

import msgspec

from orderferry import ForwardOrder, Malformed, ShopOrder, Unavailable
from orderferry.php import count, text
from orderferry.references import carries, reference_in, words
from plugins.shops.shoper.client import MOST_PAGES, PAGE, Filters, ShoperClient
from plugins.shops.shoper.knowledge import Facts
from plugins.shops.shoper.mapping import is_open
from plugins.shops.shoper.orders import held, read_order
from plugins.shops.shoper.wire import OrderRow

SLACK = timedelta(hours=1)  # the shop's clock may be behind ours
LOCAL = "%Y-%m-%d %H:%M:%S"
SHORTEST = 8  # characters of an id that says something by itself
MOST_LOOKED_AT = 20  # pages after the purchase in which another tool's order is looked for


async def find(client: ShoperClient, facts: Facts, reference: str, since: datetime) -> ShopOrder | None:
    """The whole order with exactly this reference; None also for one whose adding has not ended."""
    row = await by_reference(client, facts, reference, since)
    if row is None or is_open(text(row.notes_priv), reference):
        return None
    return held(row, facts)


async def by_reference(client: ShoperClient, facts: Facts, reference: str, since: datetime | None) -> OrderRow | None:
    """The order with this reference, whole or half made; with `since`, None means that the shop truly has none."""
    for raw in await client.orders({"notes_priv": {"LIKE": f"%{reference}%"}}):
        row = _row_with(raw, reference)
        if row is not None:
            return row
    if since is None:
        return None
    async for raw in from_date(client, facts.zone, since - SLACK):
        row = _row_with(raw, reference)
        if row is not None:
            return row
    return None


def dated(field: str, since: datetime, zone: tzinfo, last: int) -> Filters:
    """The filter for orders with this date not before a moment, behind the last number that was seen."""
    return {field: {">=": since.astimezone(zone).strftime(LOCAL)}, "order_id": {">": last}}


async def from_date(client: ShoperClient, zone: tzinfo, since: datetime) -> AsyncIterator[bytes]:
    """Every order placed at this moment or later, each still raw, in the order of their numbers."""
    last = 0
    for _ in range(MOST_PAGES):
        raws = await client.orders(dated("date", since, zone, last))
        for raw in raws:
            yield raw
        if len(raws) < PAGE:
            return
        highest = max(number_of(raw) for raw in raws)
        if highest <= last:
            raise Unavailable("the shop answers the same orders again, so it does not know the filter order_id")
        last = highest
    raise Unavailable(f"the shop's orders did not end after {MOST_PAGES} pages")


def number_of(raw: bytes) -> int:
    """The number of a raw order; raises `Unavailable` where it has none, as pages can't be turned then."""
    try:
        found = count(msgspec.json.decode(raw, type=_Numbered).order_id)
    except msgspec.MsgspecError:
        found = None
    if found is None:
        raise Unavailable("an order of the shop has no number")
    return found


class _Numbered(msgspec.Struct):
    order_id: str | int


def _row_with(raw: bytes, reference: str) -> OrderRow | None:
    try:
        row = read_order(raw)
    except Malformed as error:
        if reference.encode() in raw:
            raise Unavailable(f"order {number_of(raw)} carries the reference, but can't be read") from error
        return None
    return row if carries(text(row.notes_priv), reference) else None


async def find_purchase(client: ShoperClient, facts: Facts, order: ForwardOrder, prefix: str) -> ShopOrder | None:
    """An order that another tool has put in for this purchase, among the thousand that came after it."""
    ids = {order.external_id, (order.payment.id if order.payment else None) or ""}
    ids = {id_ for id_ in ids if len(id_) >= SHORTEST}
    if not ids:
        return None
    looked = 0
    async for raw in from_date(client, facts.zone, order.ordered_at - SLACK):
        looked += 1
        if looked > MOST_LOOKED_AT * PAGE:
            return None
        try:
            row = read_order(raw)
        except Malformed:
            continue
        if reference_in(text(row.notes_priv), prefix) is None and ids & set(_words_of(row)):
            return held(row, facts)
    return None


def _words_of(row: OrderRow) -> list[str]:
    notes = " ".join(text(note) for note in (row.notes, row.notes_priv, row.notes_pub))
    return [*words(notes), *_leaves(row.auction)]


def _leaves(value: Any) -> list[str]:  # whatever the marketplace module puts there
    if isinstance(value, dict):
        return [leaf for part in value.values() for leaf in _leaves(part)]
    if isinstance(value, list):
        return [leaf for part in value for leaf in _leaves(part)]
    return [str(value)] if isinstance(value, str | int) else []
