"""Fetching the shop's orders, window by window.

A window begins at a moment of change and is turned page by page in the order of the ids, each page beginning behind the
last id of the one before, so that nothing that is added, changed or deleted meanwhile moves an order past us. The next
window begins where this one began to be read, less an overlap. Times are the shop's own, by its Date header, where its
clock is behind ours.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from orderferry import Account, Echo, MalformedOrder, Order, Page
from plugins.shops.prestashop import local_time
from plugins.shops.prestashop.client import PrestaClient
from plugins.shops.prestashop.knowledge import Shop
from plugins.shops.prestashop.orders import Around, understand
from plugins.shops.prestashop.settings import PrestaSettings
from plugins.shops.prestashop.wire import Record

PAGE = 50
FIRST = timedelta(days=3)
OVERLAP = timedelta(minutes=10)
READING = timedelta(minutes=1)  # what the shop wrote while it was read is not in the future
LAST_ID = 4_294_967_295


class Cursor(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where fetching stands: orders changed after `after` with an id above `last`; `began` is the window's begin."""

    after: datetime
    last: int = 0
    began: datetime | None = None


async def fetch_page(
    client: PrestaClient, shop: Shop, account: Account[PrestaSettings], text: str | None, since: datetime | None
) -> Page:
    """The next page; `since` begins a window that reaches back so far."""
    now = account.clock.now()
    cursor = _cursor(text, now) if since is None else Cursor(after=since)
    filters = {"date_upd": f">[{local_time.since(cursor.after, shop.zone)}]"}
    if cursor.last:
        filters["id"] = f"[{cursor.last + 1},{LAST_ID}]"
    orders, response = await client.find_answered("orders", filters, sort="id_ASC", limit=str(PAGE))
    read_at = local_time.by_the_shop(response.headers, now)
    began = cursor.began or read_at
    around = await _around(client, shop, orders, account.reference_prefix, read_at + READING)
    found = [understand(order, around, account.reference_prefix) for order in orders]
    more = len(orders) >= PAGE
    following = (
        Cursor(after=cursor.after, last=max(order.id for order in orders), began=began)
        if more
        else Cursor(after=max(began - OVERLAP, cursor.after))
    )
    return Page(
        orders=tuple(entry for entry in found if isinstance(entry, Order)),
        echoes=tuple(entry for entry in found if isinstance(entry, Echo)),
        malformed=tuple(entry for entry in found if isinstance(entry, MalformedOrder)),
        cursor=msgspec.json.encode(following).decode(),
        more=more,
    )


async def _around(client: PrestaClient, shop: Shop, orders: list[Record], prefix: str, now: datetime) -> Around:
    own = [order for order in orders if not order.get("gift_message").startswith(prefix)]
    customers = _ids(own, "id_customer")
    addresses = _ids(own, "id_address_delivery", "id_address_invoice")
    return Around(
        shop=shop,
        customers={each.id: each for each in await client.find_many("customers", "id", customers)},
        addresses={each.id: each for each in await client.find_many("addresses", "id", addresses)},
        now=now,
    )


def _ids(orders: list[Record], *fields: str) -> list[str]:
    """The ids in these fields, as far as they are ids."""
    found = {order.get(field) for order in orders for field in fields}
    return sorted(text for text in found if text.isascii() and text.isdigit() and text != "0")


def _cursor(text: str | None, now: datetime) -> Cursor:
    return Cursor(after=now - FIRST) if text is None else msgspec.json.decode(text, type=Cursor)
