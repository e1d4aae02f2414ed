"""Products by SKU, then by EAN: `product-stocks` is the unit that has both, and the stock.

The filter is compared again here: a shop that did not know it would answer every product.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct

from orderferry import Product, ProductKey
from orderferry.php import text
from orderferry.stock import fell
from plugins.shops.shoper.client import ShoperClient
from plugins.shops.shoper.wire import StockRow, decimal

AT_ONCE = 50


class Match(Struct, frozen=True, kw_only=True):
    """A variant of a product; `stock` is None where the shop does not tell it."""

    stock_id: str
    product_id: str
    sku: str = ""
    ean: str = ""
    stock: Decimal | None = None

    def product(self) -> Product:
        """In the contract's words."""
        return Product(
            id=self.stock_id,
            parent_id=self.product_id or None,
            sku=self.sku or None,
            ean=self.ean or None,
            stock=None if self.stock is None else int(self.stock),
        )


async def find(client: ShoperClient, keys: Sequence[ProductKey]) -> list[Match | None]:
    """A match for each key; None where the shop has no such variant, or more than one."""
    distinct = list(dict.fromkeys(keys))
    found = dict(zip(distinct, await asyncio.gather(*(_find(client, key) for key in distinct)), strict=True))
    return [found[key] for key in keys]


async def _find(client: ShoperClient, key: ProductKey) -> Match | None:
    for field, value in (("code", key.sku), ("ean", key.ean)):
        if not value:
            continue
        wanted = value.strip().casefold()
        rows = await client.stocks({field: value.strip()})
        matches = [_match(row) for row in rows if text(row.code if field == "code" else row.ean).casefold() == wanted]
        if matches:
            return matches[0] if len(matches) == 1 else None
    return None


def _match(row: StockRow) -> Match:
    return Match(
        stock_id=text(row.stock_id),
        product_id=text(row.product_id),
        sku=text(row.code),
        ean=text(row.ean),
        stock=decimal(row.stock),
    )


async def stock_fell(client: ShoperClient, wanted: Sequence[tuple[Match | None, int]]) -> bool | None:
    """Whether the stock of each match is now lower by what was bought; None where the shop does not tell."""
    bought: Counter[Match] = Counter()
    for match, quantity in wanted:
        if match is not None and match.stock is not None:
            bought[match] += quantity
    ids = [match.stock_id for match in bought]
    rows: list[StockRow] = []
    for start in range(0, len(ids), AT_ONCE):
        rows += await client.stocks({"stock_id": {"IN": ids[start : start + AT_ONCE]}})
    now = {text(row.stock_id): decimal(row.stock) for row in rows}
    return fell((match.stock, now.get(match.stock_id), quantity) for match, quantity in bought.items())
