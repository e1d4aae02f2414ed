"""Fetching the shop's orders in the order of their last change.

Shopify's own cursor turns the pages of a window; an order that is changed meanwhile moves to its end and comes again.
The next window begins at the newest change that was seen, less an overlap, as the search learns of a change with delay:
so it is the shop's clock alone that counts.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
from msgspec import Struct, structs

from orderferry import Account, Echo, Malformed, MalformedOrder, Order, Page
from plugins.shops.shopify.client import MOST_PAGES, ShopifyClient
from plugins.shops.shopify.orders import malformed, read, time, understand
from plugins.shops.shopify.settings import ShopifySettings
from plugins.shops.shopify.wire import Connection, ShopOrderAnswer

FIRST = timedelta(days=3)
OVERLAP = timedelta(minutes=10)


class Cursor(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where fetching stands: orders changed after `after`, Shopify's cursor `page`, the newest change seen so far."""

    after: datetime
    page: str | None = None
    newest: datetime | None = None


async def fetch_page(
    client: ShopifyClient, account: Account[ShopifySettings], text: str | None, since: datetime | None
) -> Page:
    """The next page; `since` begins a window that reaches back so far."""
    cursor = _cursor(text, account.clock.now()) if since is None else Cursor(after=since)
    page = await client.changed_since(cursor.after, cursor.page)
    answers = [(bytes(raw), read(bytes(raw))) for raw in page.nodes]
    found = [await _understood(client, account, raw, answer) for raw, answer in answers]
    newest = max((when for _, answer in answers if (when := _changed(answer))), default=cursor.newest)
    more = page.page_info is not None and page.page_info.has_next_page
    if more and page.page_info is not None:
        following = Cursor(after=cursor.after, page=page.page_info.end_cursor, newest=newest)
    else:
        following = Cursor(after=max(newest - OVERLAP, cursor.after) if newest else cursor.after)
    return Page(
        orders=tuple(entry for entry in found if isinstance(entry, Order)),
        echoes=tuple(entry for entry in found if isinstance(entry, Echo)),
        malformed=tuple(entry for entry in found if isinstance(entry, MalformedOrder)),
        cursor=msgspec.json.encode(following).decode(),
        more=more,
    )


async def _understood(
    client: ShopifyClient, account: Account[ShopifySettings], raw: bytes, answer: ShopOrderAnswer | MalformedOrder
) -> Order | Echo | MalformedOrder:
    if isinstance(answer, MalformedOrder):
        return answer
    try:
        return understand(await _whole(client, answer), account.settings, account.reference_prefix)
    except Malformed as error:
        return malformed(raw, error)


async def _whole(client: ShopifyClient, answer: ShopOrderAnswer) -> ShopOrderAnswer:
    """The order with all its lines, where the page held only the first."""
    lines, info = list(answer.line_items.nodes), answer.line_items.page_info
    for _ in range(MOST_PAGES):
        if info is None or not info.has_next_page:
            break
        more = await client.lines(answer.id, info.end_cursor)
        lines, info = lines + more.nodes, more.page_info
    return structs.replace(answer, line_items=Connection(nodes=lines))


def _changed(answer: ShopOrderAnswer | MalformedOrder) -> datetime | None:
    try:
        return None if isinstance(answer, MalformedOrder) else time(answer.updated_at, "updatedAt")
    except Malformed:
        return None


def _cursor(text: str | None, now: datetime) -> Cursor:
    return Cursor(after=now - FIRST) if text is None else msgspec.json.decode(text, type=Cursor)
