"""What the tests of the hooks ask of a shop and of its simulator."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from orderferry import (
    ForwardOrder,
    OrderRef,
    Page,
    PaymentKind,
    ShopOrder,
)
from orderferry.testing.memory import MemoryProgress
from orderferry.testing.samples import forward_order
from plugins.shops.woocommerce.platform import WooCommerce
from plugins.shops.woocommerce.simulator import WooSimulator

SINCE = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
ONLINE = PaymentKind.ONLINE


def order(number: int = 1, *skus: str, **changed: Any) -> ForwardOrder:
    whole = forward_order(f"of-kit-{number}", skus=skus or ("KUB-330", "KOSZ-M"))
    return msgspec.structs.replace(whole, **changed)


async def add(shop: WooCommerce, wanted: ForwardOrder) -> ShopOrder:
    return await shop.add_order(wanted, MemoryProgress())


def held(sim: WooSimulator, made: ShopOrder | OrderRef) -> dict[str, Any]:
    return sim.shop.orders[int(made.id)]


def requests(sim: WooSimulator) -> list[str]:
    return [f"{served.method} {served.path.removeprefix('/wp-json/wc/v3')}" for served in sim.served]


async def every_page(shop: WooCommerce, cursor: str | None = None) -> list[Page]:
    pages = [await shop.fetch_orders(cursor, None)]
    while pages[-1].more:
        pages.append(await shop.fetch_orders(pages[-1].cursor, None))
    return pages
