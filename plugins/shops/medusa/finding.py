"""Finding an order again by its reference.

Medusa can't search metadata (a filter on it is ignored, and every order answered), so every order since is read and its
reference compared here. A draft is no order yet: it is not found, and adding goes on with it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from orderferry import ShopOrder, Unavailable
from plugins.shops.medusa.client import PAGE, MedusaClient
from plugins.shops.medusa.mapping import reference_key, shop_order
from plugins.shops.medusa.settings import MedusaSettings
from plugins.shops.medusa.wire import Order

SLACK = timedelta(minutes=15)  # by which the shop's clock may be behind ours
EARLIER = timedelta(days=2)  # an order keeps the moment at which it was a draft, and may have been one for long
MOST_PAGES = 1_000


async def find(client: MedusaClient, settings: MedusaSettings, reference: str, since: datetime) -> ShopOrder | None:
    """The order with exactly this reference; None when the shop has truly said that it has none."""
    key = reference_key(settings)
    seen: set[str] = set()
    for page in range(MOST_PAGES):
        # each page begins with the last order of the one before: where it does not, orders were deleted meanwhile
        offset = page * (PAGE - 1)
        orders = await client.orders_since(since - SLACK - EARLIER, offset)
        for order in orders:
            if (order.metadata or {}).get(key) == reference:
                return await _described(client, order.id)
        if page and (not orders or orders[0].id not in seen):
            raise Unavailable("orders were deleted while they were searched, so one may have been overlooked")
        if len(orders) < PAGE:
            return None
        seen = {order.id for order in orders[-1:]}
    raise Unavailable("the shop's list of orders does not end, so one may have been overlooked")


async def _described(client: MedusaClient, order_id: str) -> ShopOrder:
    order = await client.order(order_id)
    fell = await _reserved(client, order)
    warnings = ["The shop has not reserved the stock of every line."] if fell is False else []
    return shop_order(order, stock_fell=fell, warnings=warnings)


async def _reserved(client: MedusaClient, order: Order) -> bool | None:
    """Whether stock is held for every line that needs it; None where nothing is counted, or it was taken since."""
    bound = {item.id: item.variant_id for item in order.items if item.variant_id}
    if not bound or order.status != "pending" or order.fulfillments:
        return None
    held = {reservation.line_item_id for reservation in await client.reservations(list(bound))}
    if bound.keys() <= held:
        return True
    counted = {variant.id for variant in await client.variants("id", list(bound.values())) if variant.manage_inventory}
    left = {item for item, variant in bound.items() if variant in counted} - held
    return False if left else (True if held else None)
