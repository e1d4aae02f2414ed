"""What we know of a shop and keep for some minutes: its variants by SKU and barcode.

What was not found is never remembered: the seller may be adding it just now.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from orderferry import Clock, ProductKey
from plugins.shops.shopify.client import ShopifyClient
from plugins.shops.shopify.wire import Variant

KEEP = 600.0  # seconds
MOST_KEPT = 50_000
AT_ONCE = 25  # keys in one search


class Match(Struct, frozen=True):
    """What a look-up by SKU and EAN came to; `why` says why there is no variant."""

    variant: Variant | None = None
    why: str = "the shop has no such product"


class Catalogue:
    """Finds variants; remembers those that were found."""

    def __init__(self, client: ShopifyClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._kept: dict[tuple[str, str], tuple[Variant, float]] = {}

    async def find(self, keys: Sequence[ProductKey]) -> list[Match]:
        """A match for each key, in their order: by the SKU first, then by the barcode."""
        by_sku = await self._by("sku", [key.sku for key in keys if key.sku])
        left = [key for key in keys if not (key.sku and plain(key.sku) in by_sku)]
        by_ean = await self._by("barcode", [key.ean for key in left if key.ean])
        return [_choose(key, by_sku, by_ean) for key in keys]

    def forget(self, variant_id: str) -> None:
        """Drops a variant that the shop has just shown to be gone."""
        self._kept = {key: kept for key, kept in self._kept.items() if kept[0].id != variant_id}

    async def _by(self, field: str, values: Sequence[str]) -> dict[str, list[Variant]]:
        now = self._clock.monotonic()
        found: dict[str, list[Variant]] = {}
        missing: list[str] = []
        for value in dict.fromkeys(plain(value) for value in values):
            kept = self._kept.get((field, value))
            if kept is not None and now < kept[1]:
                found[value] = [kept[0]]
            elif value:
                missing.append(value)
        for start in range(0, len(missing), AT_ONCE):
            for variant in await self._client.variants(field, missing[start : start + AT_ONCE]):
                # compared here: the search also finds what only begins so, or has it as one word among others
                value = plain((variant.sku if field == "sku" else variant.barcode) or "")
                if value in missing:
                    found.setdefault(value, []).append(variant)
        if len(self._kept) > MOST_KEPT:
            self._kept.clear()
        for value in missing:
            if len(found.get(value, ())) == 1:
                self._kept[field, value] = (found[value][0], now + KEEP)
        return found


def plain(value: str) -> str:
    """A SKU or EAN as it is compared: whatever its case."""
    return value.strip().casefold()


def _choose(key: ProductKey, by_sku: dict[str, list[Variant]], by_ean: dict[str, list[Variant]]) -> Match:
    if not key.sku and not key.ean:
        return Match(None, "the marketplace gave neither SKU nor EAN")
    hits = by_sku.get(plain(key.sku or "")) or by_ean.get(plain(key.ean or "")) or []
    if len(hits) == 1:
        return Match(hits[0])
    return Match(None, f"{len(hits)} variants of the shop have it") if hits else Match()
