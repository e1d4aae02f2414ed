"""The lists and settings of the simulated shop, in the API's shape (recordings 01 and 05)."""

from __future__ import annotations

from collections import Counter
from typing import Any

from plugins.shops.woocommerce.simulator_answers import WpError
from plugins.shops.woocommerce.simulator_state import SimShop
from plugins.shops.woocommerce.simulator_taxes import SimTaxes

Entry = dict[str, Any]


def settings(group: str, taxes: SimTaxes, *, manages_stock: bool) -> list[Entry]:
    """A group of settings, as far as the plugin looks."""
    groups = {
        "general": {
            "woocommerce_default_country": taxes.base_country,
            "woocommerce_calc_taxes": _yes(taxes.enabled),
            "woocommerce_currency": "PLN",
            "woocommerce_price_num_decimals": str(taxes.decimals),
        },
        "tax": {
            "woocommerce_prices_include_tax": _yes(taxes.prices_include_tax),
            "woocommerce_tax_based_on": taxes.based_on,
            "woocommerce_shipping_tax_class": taxes.shipping_class,
            "woocommerce_tax_round_at_subtotal": _yes(taxes.round_at_subtotal),
        },
        "products": {"woocommerce_manage_stock": _yes(manages_stock)},
    }
    if group not in groups:
        raise WpError(404, "rest_setting_setting_group_invalid", "Invalid setting group.")
    return [{"id": key, "label": key, "value": value} for key, value in groups[group].items()]


def tax_rates(taxes: SimTaxes) -> list[Entry]:
    """All tax rates."""
    return [
        {
            "id": rate.id,
            "country": rate.country,
            "state": "",
            "postcode": "",
            "city": "",
            "rate": f"{rate.rate / 10_000:.4f}",
            "name": rate.name,
            "priority": 1,
            "compound": False,
            "shipping": True,
            "order": 1,
            "class": rate.tax_class or "standard",
            "postcodes": [],
            "cities": [],
        }
        for rate in taxes.rates
    ]


def tax_classes(taxes: SimTaxes) -> list[Entry]:
    """The tax classes."""
    named = [{"slug": slug, "name": slug.replace("-", " ").capitalize()} for slug in taxes.classes]
    return [{"slug": "standard", "name": "Standard rate"}, *named]


def statuses(shop: SimShop) -> list[Entry]:
    """The statuses, with how many orders are in each."""
    counted = Counter(order["status"] for order in shop.orders.values())
    return [{"slug": slug, "name": name, "total": counted[slug]} for slug, name in shop.statuses.items()]


def gateways() -> list[Entry]:
    """The payment gateways."""
    names = {"bacs": "Direct bank transfer", "cheque": "Check payments", "cod": "Cash on delivery"}
    return [{"id": id_, "title": name, "enabled": True, "method_title": name} for id_, name in names.items()]


def zones() -> list[Entry]:
    """The delivery zones."""
    elsewhere = "Locations not covered by your other zones"
    return [{"id": 0, "name": elsewhere, "order": 0}, {"id": 1, "name": "Polska", "order": 0}]


def zone_methods(zone_id: int) -> list[Entry]:
    """The delivery methods of a zone."""
    titles = ["InPost Paczkomaty 24/7", "Kurier InPost"] if zone_id == 1 else []
    return [
        {
            "id": place,
            "instance_id": place,
            "title": title,
            "order": place,
            "enabled": True,
            "method_id": "flat_rate",
            "method_title": "Flat rate",
        }
        for place, title in enumerate(titles, start=1)
    ]


def system_status(taxes: SimTaxes) -> Entry:
    """Versions, and how orders are kept."""
    return {
        "environment": {"version": "9.9.5", "wp_version": "6.9", "php_version": "8.2.36"},
        "settings": {"currency": "PLN", "number_of_decimals": taxes.decimals, "HPOS_enabled": True},
    }


def _yes(value: bool) -> str:
    return "yes" if value else "no"
