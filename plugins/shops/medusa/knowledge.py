"""What we know of a shop and keep for some minutes: its variants by SKU and EAN, and the taxes on them.

What was not found is never remembered: the seller may be adding it just now.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct

from orderferry import Clock, ProductKey
from plugins.shops.medusa.client import MedusaClient
from plugins.shops.medusa.wire import Order, TaxLine, Variant

KEEP = 600.0  # seconds
MOST_KEPT = 50_000
AT_ONCE = 40  # keys in one request, so that its address stays short
DELIVERY = "delivery"


class Match(Struct, frozen=True):
    """What a look-up by SKU and EAN came to; `why` says why there is no variant."""

    variant: Variant | None = None
    why: str = "the shop has no such product"


class Catalogue:
    """Finds variants; remembers those that were found."""

    def __init__(self, client: MedusaClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._kept: dict[tuple[str, str], tuple[Variant, float]] = {}

    async def find(self, keys: Sequence[ProductKey]) -> list[Match]:
        """A match for each key, in their order: by the SKU first, then by EAN and barcode. Case counts for Medusa."""
        by_sku = await self._by("sku", [key.sku for key in keys if key.sku])
        left = [key.ean for key in keys if key.ean and key.sku not in by_sku]
        by_ean = await self._by("ean", left)
        by_barcode = await self._by("barcode", [ean for ean in left if ean not in by_ean])
        return [_choose(key, by_sku, by_barcode | by_ean) for key in keys]

    def forget(self) -> None:
        """Drops everything: the shop has just refused what was believed of it."""
        self._kept.clear()

    async def _by(self, field: str, values: Sequence[str]) -> dict[str, list[Variant]]:
        now = self._clock.monotonic()
        found: dict[str, list[Variant]] = {}
        missing: list[str] = []
        for value in dict.fromkeys(values):
            kept = self._kept.get((field, value))
            if kept is not None and now < kept[1]:
                found[value] = [kept[0]]
            else:
                missing.append(value)
        for start in range(0, len(missing), AT_ONCE):
            for variant in await self._client.variants(field, missing[start : start + AT_ONCE]):
                value = getattr(variant, field) or ""
                if value in missing:  # a server that does not know the filter answers every variant
                    found.setdefault(value, []).append(variant)
        if len(self._kept) > MOST_KEPT:
            self._kept.clear()
        for value in missing:
            if len(found.get(value, ())) == 1:
                self._kept[field, value] = (found[value][0], now + KEEP)
        return found


def _choose(key: ProductKey, by_sku: dict[str, list[Variant]], by_ean: dict[str, list[Variant]]) -> Match:
    if not key.sku and not key.ean:
        return Match(None, "the marketplace gave neither SKU nor EAN")
    hits = by_sku.get(key.sku or "") or by_ean.get(key.ean or "") or []
    if len(hits) == 1:
        return Match(hits[0])
    return Match(None, f"{len(hits)} variants of the shop have it") if hits else Match()


class Taxes:
    """By how many per cent Medusa raises the price of a variant or of the delivery that is sent to a country.

    Nothing of the API says it beforehand; each draft shows it.
    """

    def __init__(self) -> None:
        self._rates: dict[tuple[str, str], Decimal] = {}

    def on(self, country: str, what: str) -> Decimal:
        """The rate on a variant's id, on `DELIVERY`, or on "" for a line without a variant; 0 while it isn't known."""
        return self._rates.get((country, what), Decimal(0))

    def learn(self, country: str, draft: Order) -> None:
        """Takes in what a draft shows."""
        for item in draft.items:
            self._rates[country, item.variant_id or ""] = _raised(item.tax_lines, inclusive=item.is_tax_inclusive)
        for method in draft.shipping_methods:
            self._rates[country, DELIVERY] = _raised(method.tax_lines, inclusive=method.is_tax_inclusive)


def _raised(lines: Sequence[TaxLine], *, inclusive: bool) -> Decimal:
    return Decimal(0) if inclusive else sum((line.rate for line in lines), Decimal(0))
