"""Finding the shop's products and combinations by reference and EAN.

Products and combinations are searched separately (recording 04). A product that has combinations can't be bound itself:
its stock is theirs. What was found is kept for some minutes; what was not, never: the seller may be adding it just now.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from orderferry import Clock, Product, ProductKey
from orderferry.kept import KEEP
from plugins.shops.prestashop.client import PrestaClient, searchable
from plugins.shops.prestashop.wire import Record

PRODUCT_FIELDS = "id,reference,ean13,name,id_tax_rules_group,cache_default_attribute"
COMBINATION_FIELDS = "id,id_product,reference,ean13"
MOST_KEPT = 50_000


class Item(Struct, frozen=True, kw_only=True):
    """A product, or with `attribute` one of its combinations; `parent` says that it has combinations itself."""

    product: int
    attribute: int = 0
    reference: str
    ean: str
    name: str = ""
    tax_group: int = 0
    parent: bool = False


class Match(Struct, frozen=True):
    """What a look-up came to; `why` says why there is no item."""

    item: Item | None = None
    why: str = "the shop has no such product"


class Catalogue:
    """Finds products; remembers those that were found."""

    def __init__(self, client: PrestaClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._kept: dict[tuple[str, str], tuple[Item, float]] = {}

    async def find(self, keys: Sequence[ProductKey]) -> list[Match]:
        """A match for each key, in their order: by the reference first, then by the EAN."""
        by_sku = await self._by("reference", [key.sku for key in keys if key.sku])
        left = [key for key in keys if not (key.sku and _plain(key.sku) in by_sku)]
        by_ean = await self._by("ean13", [key.ean for key in left if key.ean])
        return [_choose(key, by_sku, by_ean) for key in keys]

    async def with_stock(self, keys: Sequence[ProductKey], *, counts: bool) -> tuple[Product | None, ...]:
        """Likewise in the contract's words; the stock is read where the shop counts it."""
        items = [match.item for match in await self.find(keys)]
        stocks: dict[tuple[int, int], int] = {}
        if counts and any(items):
            products = [item.product for item in items if item]
            for entry in await self._client.find_many("stock_availables", "id_product", products):
                stocks[entry.number("id_product"), entry.number("id_product_attribute")] = entry.number("quantity")
        return tuple(_product(item, stocks) if item else None for item in items)

    async def _by(self, field: str, values: Sequence[str]) -> dict[str, list[Item]]:
        now = self._clock.monotonic()
        found: dict[str, list[Item]] = {}
        missing: list[str] = []
        for value in dict.fromkeys(_plain(value) for value in values):
            kept = self._kept.get((field, value))
            if kept is not None and now < kept[1]:
                found[value] = [kept[0]]
            elif searchable(value):
                missing.append(value)
        for item in await self._ask(field, missing):
            found.setdefault(_plain(item.reference if field == "reference" else item.ean), []).append(item)
        if len(self._kept) > MOST_KEPT:
            self._kept.clear()
        for value in missing:
            hits = [item for item in found.get(value, ()) if not item.parent]
            if len(hits) == 1:
                self._kept[field, value] = (hits[0], now + KEEP)
        return found

    async def _ask(self, field: str, values: Sequence[str]) -> list[Item]:
        if not values:
            return []
        products = await self._client.find_many("products", field, values, PRODUCT_FIELDS)
        combinations = await self._client.find_many("combinations", field, values, COMBINATION_FIELDS)
        parents: dict[int, Record] = {product.id: product for product in products}
        unknown = {entry.number("id_product") for entry in combinations} - parents.keys()
        for product in await self._client.find_many("products", "id", sorted(unknown), PRODUCT_FIELDS):
            parents[product.id] = product
        items = [_item(product) for product in products]
        items += [
            _combination(entry, parents[entry.number("id_product")])
            for entry in combinations
            if entry.number("id_product") in parents
        ]
        wanted = set(values)  # compared here too: the filter is loose about case and accents
        return [item for item in items if _plain(item.reference if field == "reference" else item.ean) in wanted]


def _plain(value: str) -> str:
    return value.strip().casefold()


def _item(product: Record) -> Item:
    return Item(
        product=product.id,
        reference=product.get("reference"),
        ean=product.get("ean13"),
        name=product.get("name"),
        tax_group=product.number("id_tax_rules_group"),
        parent=product.get("cache_default_attribute") not in {"", "0"},
    )


def _combination(entry: Record, product: Record) -> Item:
    return Item(
        product=product.id,
        attribute=entry.id,
        reference=entry.get("reference"),
        ean=entry.get("ean13"),
        name=product.get("name"),
        tax_group=product.number("id_tax_rules_group"),
    )


def _choose(key: ProductKey, by_sku: dict[str, list[Item]], by_ean: dict[str, list[Item]]) -> Match:
    if not key.sku and not key.ean:
        return Match(None, "the marketplace gave neither SKU nor EAN")
    hits = by_sku.get(_plain(key.sku or "")) or by_ean.get(_plain(key.ean or "")) or []
    items = [item for item in hits if not item.parent]
    if len(items) == 1:
        return Match(items[0])
    if items:
        return Match(None, f"{len(items)} products of the shop have it")
    if hits:
        return Match(None, "the shop has it on a product with combinations, not on one of them")
    if key.sku and not searchable(key.sku):
        return Match(None, "the shop can't search for a reference with one of the signs [ ] | , %")
    return Match(None)


def _product(item: Item, stocks: dict[tuple[int, int], int]) -> Product:
    return Product(
        id=str(item.attribute or item.product),
        parent_id=str(item.product) if item.attribute else None,
        sku=item.reference or None,
        ean=item.ean or None,
        name=item.name or None,
        stock=stocks.get((item.product, item.attribute)),
    )
