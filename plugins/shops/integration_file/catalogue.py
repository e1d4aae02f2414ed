"""Products by SKU, then by EAN, with the stock that the shop tells of them.

`ProductsList` leaves variants out; a file that answers the parent for a variant's SKU is asked for the parent's data.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec import Struct

from orderferry import Product, ProductKey
from orderferry.php import count, text
from orderferry.stock import fell
from plugins.shops.integration_file.client import FileClient
from plugins.shops.integration_file.wire import ProductAnswer, Variant

MOST_PARENTS = 5


class Match(Struct, frozen=True, kw_only=True):
    """A product or, where `variant_id` is not empty, one of its variants; `stock` is None where it is not told."""

    product_id: str
    variant_id: str = ""
    sku: str = ""
    ean: str = ""
    name: str = ""
    stock: int | None = None

    def product(self) -> Product:
        """In the contract's words."""
        return Product(
            id=self.variant_id or self.product_id,
            parent_id=self.product_id if self.variant_id else None,
            sku=self.sku or None,
            ean=self.ean or None,
            name=self.name or None,
            stock=self.stock,
        )


async def find(client: FileClient, keys: Sequence[ProductKey]) -> list[Match | None]:
    """A match for each key; None where the shop has no such product, or more than one."""
    if not await client.supports("ProductsList"):
        return [None] * len(keys)
    distinct = list(dict.fromkeys(keys))
    found = await asyncio.gather(*(_find(client, key) for key in distinct))
    return [dict(zip(distinct, found, strict=True))[key] for key in keys]


async def _find(client: FileClient, key: ProductKey) -> Match | None:
    for kind, value in (("sku", key.sku), ("ean", key.ean)):
        if not value:
            continue
        products = await client.products({f"filter_{kind}": value, "filter_limit": "100", "page": "1"})
        matches = matching(products, kind, value)
        if not matches and products and await client.supports("ProductsData"):
            parents = await client.product_data(list(products)[:MOST_PARENTS])
            matches = matching(parents, kind, value)
        if matches:
            return matches[0] if len(matches) == 1 else None
    return None


def matching(products: Mapping[str, ProductAnswer], kind: str, value: str) -> list[Match]:
    """Those with exactly this SKU or EAN: a file that does not know the filter answers every product."""
    wanted = value.strip().casefold()
    found = []
    for product_id, product in products.items():
        variants = product.variants.items() if isinstance(product.variants, dict) else ()
        for variant_id, entry in (("", product), *variants):
            if text(entry.sku if kind == "sku" else entry.ean).casefold() == wanted:
                found.append(_match(product_id, "" if variant_id == "0" else variant_id, entry))
    # a variant may carry its product's own code: then the variant can't be told, and the product is meant
    own = [match for match in found if not match.variant_id]
    return own or found


def _match(product_id: str, variant_id: str, entry: Variant) -> Match:
    return Match(
        product_id=product_id,
        variant_id=variant_id,
        sku=text(entry.sku),
        ean=text(entry.ean),
        name=text(entry.name),
        stock=count(entry.quantity),
    )


async def stock_fell(client: FileClient, wanted: Sequence[tuple[Match | None, int]]) -> bool | None:
    """Whether the stock of each match is now lower by what was bought; None where the shop does not tell."""
    bought: Counter[Match] = Counter()
    for match, quantity in wanted:
        if match is not None and match.stock is not None:
            bought[match] += quantity
    if not bought or not await client.supports("ProductsData"):
        return None
    after = await client.product_data(sorted({match.product_id for match in bought}))
    return fell((match.stock, _now(after, match), quantity) for match, quantity in bought.items())


def _now(after: Mapping[str, ProductAnswer], match: Match) -> int | None:
    product = after.get(match.product_id)
    if product is None:
        return None
    if not match.variant_id:
        return count(product.quantity)
    variant = product.variants.get(match.variant_id) if isinstance(product.variants, dict) else None
    return None if variant is None else count(variant.quantity)
