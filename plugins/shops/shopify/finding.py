"""Finding orders again: ours by their reference, and those that something else added for the same purchase.

The reference is a metafield of type `id`, by which an order is looked up exactly, without waiting for an index. Where
that does not find it, and where somebody has deleted the metafield's definition, every order since is read as well.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from orderferry import Account, ForwardOrder, ShopOrder, Unavailable
from plugins.shops.shopify.client import MOST_PAGES, ShopifyClient
from plugins.shops.shopify.mapping import shop_order
from plugins.shops.shopify.settings import ShopifySettings
from plugins.shops.shopify.wire import Purchase, number_of

SLACK = timedelta(minutes=15)  # by which the shop's clock may be behind ours
SHORTEST = 8  # characters of an id that is taken for one
_WORD = re.compile(r"[\w-]+")


async def find(client: ShopifyClient, settings: ShopifySettings, reference: str, since: datetime) -> ShopOrder | None:
    """The order with exactly this reference; None when the shop has truly said that it has none."""
    if await client.defined():
        found = await client.by_reference(reference)
        if found is not None:
            return shop_order(found, settings)
    number = await _in_window(client, reference, since - SLACK)
    return None if number is None else shop_order(await client.state(number), settings)


async def _in_window(client: ShopifyClient, reference: str, since: datetime) -> str | None:
    after: str | None = None
    for _ in range(MOST_PAGES):
        page = await client.created_since(since, after)
        for order in page.nodes:
            if order.metafield is not None and order.metafield.value == reference:
                return number_of(order.id)
        if page.page_info is None or not page.page_info.has_next_page:
            return None
        after = page.page_info.end_cursor
    raise Unavailable("the shop's list of orders does not end, so one may have been overlooked")


async def find_purchase(
    client: ShopifyClient, account: Account[ShopifySettings], order: ForwardOrder
) -> ShopOrder | None:
    """An order of the shop that names this purchase or its payment, and is none of ours."""
    payment = order.payment.id if order.payment else None
    ids = [text for text in (order.external_id, payment) if text and len(text) >= SHORTEST]
    for found in await client.naming(ids) if ids else ():
        ours = found.metafield is not None and found.metafield.value.startswith(account.reference_prefix)
        if not ours and names(found, ids):
            return shop_order(found, account.settings)
    return None


def names(order: Purchase, ids: list[str]) -> bool:
    """Whether one of these ids stands whole somewhere in the order: as a value, or as a word of one."""
    texts = [order.source_identifier, order.po_number, order.name, order.note, *order.tags]
    texts += [entry.value for entry in order.custom_attributes]
    texts += [payment.payment_id for payment in order.transactions]
    words = {word for text in texts if text for word in (text.strip(), *_WORD.findall(text))}
    return any(wanted in words for wanted in ids)
