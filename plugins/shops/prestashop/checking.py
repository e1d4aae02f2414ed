"""Proving that the key is good, and what the shop's settings mean for us; and the lists for the mapping tables."""

from __future__ import annotations

from collections.abc import Mapping

from orderferry import CheckReport, Choice, ChoiceKind, ProductKey
from plugins.shops.prestashop.catalogue import Catalogue
from plugins.shops.prestashop.client import PrestaClient
from plugins.shops.prestashop.knowledge import Shop
from plugins.shops.prestashop.settings import PrestaSettings

Rights = Mapping[str, frozenset[str]]

CHANGE = "patch or put"
NEEDED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "fetch_orders": {"orders": ("get",), "customers": ("get",), "addresses": ("get",)},
    "add_order": {
        "customers": ("post",),
        "addresses": ("post",),
        "carts": ("get", "post"),
        "specific_prices": ("get", "post"),
        "messages": ("get", "post"),
        "orders": ("get", "post", CHANGE),
        "order_carriers": ("get", CHANGE),
        "order_histories": ("post",),
        "order_payments": ("get", CHANGE),
        "products": ("get",),
        "combinations": ("get",),
        "tax_rules": ("get",),
        "taxes": ("get",),
    },
    "find_order": {"orders": ("get",)},
    "find_purchase": {"orders": ("get",), "order_payments": ("get",)},
    "set_status": {"orders": ("get", CHANGE), "order_histories": ("post",)},
    "set_payment": {"orders": ("get", CHANGE), "order_histories": ("post",), "order_payments": ("get", CHANGE)},
    "set_tracking": {"order_carriers": ("get", CHANGE)},
    "find_products": {"products": ("get",), "combinations": ("get",), "stock_availables": ("get",)},
}
LEARNT_FROM = "200"  # so many of the newest orders tell which payment modules the shop has


async def check(client: PrestaClient, shop: Shop, catalogue: Catalogue, settings: PrestaSettings) -> CheckReport:
    """Compares the key's rights with what each hook needs, reads what can be read, and changes nothing."""
    name, rights, response = await client.rights()
    missing = {hook: reason for hook, needed in NEEDED.items() if (reason := _lacking(rights, needed))}
    if not shop.counts_stock:
        missing["stock_on_add"] = "stock management is switched off in the shop"
    notes = list(_notes(shop))
    if "find_products" not in missing:
        notes += await _stand_ins(catalogue, settings)
    if "delete" not in rights.get("order_payments", frozenset()):
        notes.append(
            "The key may not DELETE order_payments; it is needed only to take back a payment that is booked twice "
            "where a carrier's price is not the marketplace's."
        )
    version = response.headers.get("psws-version") or "of unknown version"
    currencies = ", ".join(sorted(shop.currencies))
    return CheckReport(
        summary=f"PrestaShop {version}, shop {name[:80]!r}, {currencies}, time zone {shop.zone.key}.",
        notes=tuple(notes),
        missing=missing,
    )


async def choices(client: PrestaClient, shop: Shop, settings: PrestaSettings, kind: ChoiceKind) -> tuple[Choice, ...]:
    """The shop's own list. Payment modules are learnt from its orders: the webservice does not list them."""
    if kind is ChoiceKind.STATUSES:
        return tuple(
            Choice(
                id=str(state.id),
                title=state.name,
                never="the goods would go back into the stock" if state.id == shop.error else None,
                not_new="nothing would be taken from the stock" if state.id in {shop.error, shop.cancelled} else None,
            )
            for state in shop.states.values()
            if not state.deleted
        )
    if kind is ChoiceKind.PAYMENTS:
        orders = await client.find("orders", {}, "id,module,payment", sort="id_DESC", limit=LEARNT_FROM)
        modules = {settings.payment_module: settings.payment_module, settings.cod_module: settings.cod_module}
        modules |= {order.get("module"): order.get("payment") for order in reversed(orders) if order.get("module")}
        return tuple(Choice(id=module, title=title or module) for module, title in modules.items() if module)
    carriers = {carrier.reference: carrier for carrier in shop.carriers if carrier.usable}
    return tuple(
        Choice(id=reference, title=carrier.name or f"carrier {reference}") for reference, carrier in carriers.items()
    )


def _lacking(rights: Rights, needed: Mapping[str, tuple[str, ...]]) -> str | None:
    lacking = [
        f"{resource}: {method.upper()}"
        for resource, methods in needed.items()
        for method in methods
        if not _may(rights.get(resource, frozenset()), method)
    ]
    return f"the webservice key lacks the right to {', '.join(lacking)}" if lacking else None


def _may(methods: frozenset[str], method: str) -> bool:
    return bool(methods & {"patch", "put"}) if method == CHANGE else method in methods


def _notes(shop: Shop) -> list[str]:
    notes = []
    if not shop.counts_stock:
        notes.append("Stock management is off (Shop Parameters > Product Settings): no stock will fall.")
    if not any(carrier.usable and carrier.free for carrier in shop.carriers):
        notes.append(
            "No active carrier has free shipping, so delivery costs must be exactly what a carrier of the shop costs."
        )
    if shop.drops_vat:
        notes.append(
            "The module for European VAT numbers is on: orders of foreign companies may come to another total."
        )
    if shop.states[shop.born].mails:
        notes.append(
            f"The state {shop.born} ({shop.states[shop.born].name}) mails the buyer when an order is added, "
            "besides the order confirmation."
        )
    return notes


async def _stand_ins(catalogue: Catalogue, settings: PrestaSettings) -> list[str]:
    named = {
        settings.delivery_product: "delivery costs must be exactly what a carrier of the shop costs",
        settings.other_product: "an order with goods that the shop doesn't know is refused",
    }
    keys = [ProductKey(sku=name) for name in named if name]
    found = await catalogue.find(keys)
    return [
        f"No product with the reference {key.sku} ({match.why}), so {named[key.sku or '']}."
        for key, match in zip(keys, found, strict=True)
        if match.item is None
    ]
