"""Proving that the key is good, and what the shop's settings mean for us; and the lists for the mapping tables."""

from __future__ import annotations

import asyncio
import re

from orderferry import CheckReport, Choice, ChoiceKind, NeedsLogin, Rejected
from plugins.shops.woocommerce.client import WooClient
from plugins.shops.woocommerce.mapping import CORE, STOCK_FALLS
from plugins.shops.woocommerce.orders import SKIPPED
from plugins.shops.woocommerce.wire import Index, Slug, SystemStatus

WRITING = ("add_order", "set_status", "set_payment", "set_tracking")
EAN_SINCE = (9, 2)


async def check(client: WooClient) -> CheckReport:
    """Reads what every hook needs to read, tries to write to an order that cannot exist, and changes nothing."""
    index = await client.index()
    if "wc/v3" not in index.namespaces:
        raise Rejected("the address answers as WordPress, but WooCommerce's REST API (wc/v3) is not active there")
    system = await client.system()
    await client.orders({"per_page": "1"}, "id,status")
    await client.products({"sku": "orderferry-check"})
    general, products = await asyncio.gather(client.settings("general"), client.settings("products"))
    missing: dict[str, str] = {}
    try:
        await client.try_to_write()
    except Rejected:
        pass  # the answer to a change of an order that is not there: the key may write
    except NeedsLogin:
        missing = dict.fromkeys(WRITING, "the REST API key may only read; make one with Read/Write")
    notes = _notes(index, system)
    if products.get("woocommerce_manage_stock") == "no":
        missing["stock_on_add"] = "stock management is switched off in the shop"
        notes.append("Stock management is off (WooCommerce > Settings > Products > Inventory): no stock will fall.")
    taxes = "with taxes" if general.get("woocommerce_calc_taxes") == "yes" else "without taxes"
    currency = general.get("woocommerce_currency") or "unknown currency"
    version = system.environment.version or "of unknown version"
    return CheckReport(summary=f"WooCommerce {version}, {currency}, {taxes}.", notes=tuple(notes), missing=missing)


async def choices(client: WooClient, kind: ChoiceKind) -> tuple[Choice, ...]:
    """The shop's own list; nothing for carriers, of which WooCommerce has no list."""
    if kind is ChoiceKind.STATUSES:
        slugs = await client.statuses()
        return tuple(_status(entry) for entry in slugs if entry.slug not in SKIPPED)
    if kind is ChoiceKind.PAYMENTS:
        gateways = await client.gateways()
        return tuple(Choice(id=way.id, title=way.title or way.method_title or way.id) for way in gateways)
    if kind is ChoiceKind.DELIVERIES:
        zones = await client.zones()
        lists = await asyncio.gather(*(client.zone_methods(zone.id) for zone in zones))
        return tuple(
            Choice(id=f"{method.method_id}:{method.instance_id}", title=f"{zone.name}: {method.title}")
            for zone, methods in zip(zones, lists, strict=True)
            for method in methods
        )
    return ()


def _status(entry: Slug) -> Choice:
    never = "it would put the goods back into the shop's stock" if entry.slug == "pending" else None
    takes_none = entry.slug in CORE - STOCK_FALLS and never is None
    not_new = "an order that is added with it takes nothing from the shop's stock" if takes_none else None
    return Choice(id=entry.slug, title=entry.name or entry.slug, never=never, not_new=not_new)


def _notes(index: Index, system: SystemStatus) -> list[str]:
    notes = []
    found = re.match(r"(\d+)\.(\d+)", system.environment.version)
    if found and (int(found[1]), int(found[2])) < EAN_SINCE:
        notes.append("This WooCommerce is older than 9.2, so products are found by SKU only, not by EAN.")
    if system.settings.HPOS_enabled is False:
        notes.append("Orders are kept in the old tables (HPOS is off); all works, only slower.")
    for namespace, name in (
        ("wc-shipment-tracking/v3", "Shipment Tracking"),
        ("wc-ast/v3", "Advanced Shipment Tracking"),
    ):
        if namespace in index.namespaces:
            notes.append(f"Parcels go to the extension {name}.")
            break
    return notes
