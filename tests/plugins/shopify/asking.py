"""What the tests of the hooks ask of a shop and of its simulator."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from orderferry import ForwardOrder, OrderRef, Page, ShopOrder
from orderferry.testing.memory import MemoryProgress
from orderferry.testing.samples import forward_order
from plugins.shops.shopify.platform import Shopify
from plugins.shops.shopify.simulator import ShopifySimulator

SINCE = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


def order(number: int = 1, *skus: str, **changed: Any) -> ForwardOrder:
    whole = forward_order(f"of-kit-{number}", skus=skus or ("KUB-330", "KOSZ-M"))
    return msgspec.structs.replace(whole, **changed)


async def add(shop: Shopify, wanted: ForwardOrder) -> ShopOrder:
    return await shop.add_order(wanted, MemoryProgress())


def held(sim: ShopifySimulator, made: ShopOrder | OrderRef) -> dict[str, Any]:
    return sim.shop.orders[f"gid://shopify/Order/{made.id}"]


def details(sim: ShopifySimulator, made: ShopOrder) -> dict[str, str]:
    return {entry["key"]: entry["value"] for entry in held(sim, made)["customAttributes"]}


async def every_page(shop: Shopify, cursor: str | None = None) -> list[Page]:
    pages = [await shop.fetch_orders(cursor, None)]
    while pages[-1].more:
        pages.append(await shop.fetch_orders(pages[-1].cursor, None))
    return pages
