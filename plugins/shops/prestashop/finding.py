"""Finding an order again by its reference, and orders that something else has put in for the same purchase.

The reference is the cart's gift message, which the shop copies into the order and filters exactly (recording 18). Each
answer is compared here as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from orderferry import ForwardOrder, ShopOrder
from plugins.shops.prestashop import texts
from plugins.shops.prestashop.client import PrestaClient, one_of, searchable
from plugins.shops.prestashop.knowledge import Shop
from plugins.shops.prestashop.settling import shop_order
from plugins.shops.prestashop.wire import Record

FIELDS = "id,reference,id_cart,id_currency,current_state,total_paid_tax_incl,gift_message,note,module,payment"
SHORTEST_ID = 8  # a shorter one may stand in an order by chance


async def find(client: PrestaClient, shop: Shop, reference: str) -> ShopOrder | None:
    """The order with exactly this reference; None when the shop has truly said that it has none.

    One without our note doesn't count: its adding was cut short, and the next try ends it.
    """
    found = await _with(client, reference)
    if not found or texts.mark_in(found[0].get("note")) is None:
        return None
    return shop_order(found[0], shop, _several(found))


async def find_unfinished(client: PrestaClient, shop: Shop, reference: str) -> ShopOrder | None:
    """The order with this reference whose adding nobody can end, as what it was begun with is not known any more."""
    found = await _with(client, reference)
    if not found:
        return None
    cut_short = (
        "The order's note is missing, so the work on it was cut short: see in the shop whether its carrier and its "
        "state are right (it begins as paid)."
    )
    return shop_order(found[0], shop, [*_several(found), cut_short])


async def _with(client: PrestaClient, reference: str) -> list[Record]:
    """The orders with exactly this reference, the oldest first."""
    hits = await client.find("orders", {"gift_message": f"[{reference}]"}, FIELDS, sort="id_ASC")
    return [entry for entry in hits if entry.get("gift_message") == reference]


def _several(found: list[Record]) -> list[str]:
    if len(found) == 1:
        return []
    ids = ", ".join(str(entry.id) for entry in found)
    return [f"The shop holds this order {len(found)} times ({ids}); delete all but one there."]


async def find_purchase(client: PrestaClient, shop: Shop, prefix: str, order: ForwardOrder) -> ShopOrder | None:
    """An order that carries the marketplace's order id or payment id whole, in its payments, note or gift message."""
    ids = [order.external_id, order.payment.id if order.payment else None]
    wanted = [text for text in ids if text and len(text) >= SHORTEST_ID and searchable(text)]
    for text in wanted:
        for entry in await _mentioning(client, text):
            if not entry.get("gift_message").startswith(prefix):
                return shop_order(entry, shop, [])
    return None


async def _mentioning(client: PrestaClient, text: str) -> Iterable[Record]:
    booked = await client.find("order_payments", {"transaction_id": f"[{text}]"}, "id,order_reference,transaction_id")
    references = [entry.get("order_reference") for entry in booked if entry.get("transaction_id") == text]
    found = []
    if references:
        found += await client.find("orders", {"reference": one_of(references)}, FIELDS)
    for field in ("note", "gift_message"):
        hits = await client.find("orders", {field: f"%[{text}]%"}, FIELDS)
        found += [entry for entry in hits if _whole(text, entry.get(field))]
    return found


def _whole(text: str, within: str) -> bool:
    """Whether the id stands there by itself, and not as a part of another one."""
    return re.search(rf"(?<![\w-]){re.escape(text)}(?![\w-])", within) is not None
