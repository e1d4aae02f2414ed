"""What we know of a shop and keep for some minutes: its products by SKU and EAN, its taxes, its extensions.

So that adding an order of known goods is one request. What was not found is never remembered: the seller may be adding
it just now.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from msgspec import Struct

from orderferry import Clock, Malformed, ProductKey
from plugins.shops.woocommerce.client import WooClient, listed
from plugins.shops.woocommerce.prices import Place, Rate, TaxRules
from plugins.shops.woocommerce.wire import ProductAnswer, TaxRateAnswer

KEEP = 600.0  # seconds
MOST_KEPT = 50_000
AT_ONCE = 40  # keys in one request, so that its address stays short


class Match(Struct, frozen=True):
    """What a look-up by SKU and EAN came to; `why` says why there is no product."""

    product: ProductAnswer | None = None
    why: str = "the shop has no such product"


class Catalogue:
    """Finds products; remembers those that were found."""

    def __init__(self, client: WooClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._kept: dict[tuple[str, str], tuple[ProductAnswer, float]] = {}

    async def find(self, keys: Sequence[ProductKey]) -> list[Match]:
        """A match for each key, in their order: by the SKU first, then by the EAN."""
        by_sku = await self._by("sku", [key.sku for key in keys if key.sku])
        left = [key for key in keys if not (key.sku and _plain(key.sku) in by_sku)]
        by_ean = await self._by("ean", [key.ean for key in left if key.ean])
        return [_choose(key, by_sku, by_ean) for key in keys]

    def forget(self, products: Iterable[ProductAnswer]) -> None:
        """Drops what the shop has just shown to be no longer true."""
        gone = {product.id for product in products}
        self._kept = {key: kept for key, kept in self._kept.items() if kept[0].id not in gone}

    async def _by(self, kind: str, values: Sequence[str]) -> dict[str, list[ProductAnswer]]:
        now = self._clock.monotonic()
        found: dict[str, list[ProductAnswer]] = {}
        missing: list[str] = []
        for value in dict.fromkeys(_plain(value) for value in values):
            kept = self._kept.get((kind, value))
            if kept is not None and now < kept[1]:
                found[value] = [kept[0]]
            elif value and "," not in value:  # the shop would read it as two
                missing.append(value)
        for start in range(0, len(missing), AT_ONCE):
            await self._ask(kind, missing[start : start + AT_ONCE], found)
        if kind == "ean" and len(missing) > 1:
            # lists of EANs are not documented: what a list did not find is asked for by itself
            await asyncio.gather(*(self._ask(kind, [value], found) for value in missing if value not in found))
        if len(self._kept) > MOST_KEPT:
            self._kept.clear()
        for value in missing:
            hits = [product for product in found.get(value, ()) if product.bindable]
            if len(hits) == 1:
                self._kept[kind, value] = (hits[0], now + KEEP)
        return found

    async def _ask(self, kind: str, values: Sequence[str], found: dict[str, list[ProductAnswer]]) -> None:
        parameter = "sku" if kind == "sku" else "global_unique_id"
        for product in await self._client.products({parameter: listed(values)}):
            # compared here too: a shop that does not know the parameter answers every product
            value = _plain(product.sku if kind == "sku" else product.global_unique_id)
            if value in values:
                found.setdefault(value, []).append(product)


def _plain(value: str) -> str:
    return value.strip().casefold()


def _choose(key: ProductKey, by_sku: dict[str, list[ProductAnswer]], by_ean: dict[str, list[ProductAnswer]]) -> Match:
    if not key.sku and not key.ean:
        return Match(None, "the marketplace gave neither SKU nor EAN")
    hits = by_sku.get(_plain(key.sku or "")) or by_ean.get(_plain(key.ean or "")) or []
    bindable = [product for product in hits if product.bindable]
    if len(bindable) == 1:
        return Match(bindable[0])
    if bindable:
        return Match(None, f"{len(bindable)} products of the shop have it")
    if hits:
        return Match(None, "the shop has it on a product with variations, not on one of them")
    return Match(None)


async def read_taxes(client: WooClient) -> TaxRules:
    """The shop's tax settings and rates, in one request for a shop without taxes and four for others."""
    general = await client.settings("general")
    decimals = _decimals(general.get("woocommerce_price_num_decimals", 2))
    if general.get("woocommerce_calc_taxes") != "yes":
        return TaxRules(enabled=False, decimals=decimals)
    tax, rates, classes = await asyncio.gather(client.settings("tax"), client.tax_rates(), client.tax_classes())
    country, _, state = str(general.get("woocommerce_default_country") or "").partition(":")
    return TaxRules(
        enabled=True,
        prices_include_tax=tax.get("woocommerce_prices_include_tax") == "yes",
        based_on=str(tax.get("woocommerce_tax_based_on") or "shipping"),
        shop=Place(
            country,
            "" if state == "*" else state,
            str(general.get("woocommerce_store_postcode") or ""),
            str(general.get("woocommerce_store_city") or ""),
        ),
        shipping_class=_slug(str(tax.get("woocommerce_shipping_tax_class", "inherit"))),
        round_at_subtotal=tax.get("woocommerce_tax_round_at_subtotal") == "yes",
        decimals=decimals,
        classes=tuple(slug for entry in classes if (slug := _slug(entry.slug))),
        rates=tuple(_rate(entry) for entry in rates),
    )


def _rate(entry: TaxRateAnswer) -> Rate:
    try:
        percent = Decimal(entry.rate or "0")
    except InvalidOperation as error:
        raise Malformed(f"tax rate {entry.id} of the shop is {entry.rate[:20]!r}, which is no number") from error
    return Rate(
        id=entry.id,
        tax_class=_slug(entry.class_),
        percent=percent,
        country=entry.country.upper(),
        state=entry.state.upper(),
        postcodes=tuple(entry.postcodes) or ((entry.postcode,) if entry.postcode else ()),
        cities=tuple(city.upper() for city in entry.cities) or ((entry.city.upper(),) if entry.city else ()),
        priority=entry.priority,
        compound=entry.compound,
        shipping=entry.shipping,
        order=entry.order,
    )


def _slug(tax_class: str) -> str:
    return "" if tax_class == "standard" else tax_class


def _decimals(value: Any) -> int:  # WooCommerce gives it as text
    try:
        return max(0, min(int(value), 6))
    except (TypeError, ValueError):
        return 2
