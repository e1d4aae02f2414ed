"""What the tests of the hooks ask of a shop and of its simulator."""

from __future__ import annotations

from typing import Any

import msgspec

from orderferry import ForwardOrder, Page, ShopOrder
from orderferry.testing.memory import MemoryProgress
from orderferry.testing.samples import forward_order
from plugins.shops.prestashop.platform import PrestaShop
from plugins.shops.prestashop.simulator import PrestaSimulator
from plugins.shops.prestashop.simulator_tables import Row


def order(number: int = 1, *skus: str, **changed: Any) -> ForwardOrder:
    whole = forward_order(f"of-kit-{number}", skus=skus or ("KUB-330", "KOSZ-M"))
    return msgspec.structs.replace(whole, **changed)


async def add(shop: PrestaShop, wanted: ForwardOrder, progress: MemoryProgress | None = None) -> ShopOrder:
    return await shop.add_order(wanted, progress or MemoryProgress())


def held(sim: PrestaSimulator, order_id: str) -> Row:
    return sim.shop.rows["orders"][int(order_id)]


def all_of(sim: PrestaSimulator, order_id: str) -> dict[str, Any]:
    """Everything that the simulator holds of an order, without the times of its last changes."""
    shop, one = sim.shop, held(sim, order_id)

    def with_(resource: str, field: str, value: str) -> list[Row]:
        return [dict(row) for row in shop.rows[resource].values() if row[field] == value]

    return {
        "order": without_times(one),
        "rows": shop.order_rows[int(order_id)],
        "customer": without_times(shop.rows["customers"][int(one["id_customer"])]),
        "delivery": without_times(shop.rows["addresses"][int(one["id_address_delivery"])]),
        "invoice": without_times(shop.rows["addresses"][int(one["id_address_invoice"])]),
        "carriers": with_("order_carriers", "id_order", order_id),
        "payments": with_("order_payments", "order_reference", one["reference"]),
        "histories": with_("order_histories", "id_order", order_id),
        "messages": with_("messages", "id_order", order_id),
    }


def without_times(row: Row) -> Row:
    return {name: value for name, value in row.items() if name != "date_upd"}


def requests(sim: PrestaSimulator) -> list[str]:
    return [f"{served.method} {served.path.removeprefix('/api/')}" for served in sim.served]


async def every_page(shop: PrestaShop, cursor: str | None = None) -> list[Page]:
    pages = [await shop.fetch_orders(cursor, None)]
    while pages[-1].more:
        pages.append(await shop.fetch_orders(pages[-1].cursor, None))
    return pages
