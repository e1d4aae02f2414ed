"""Prices and taxes, so that Shopify's total is the marketplace's to the cent. Values in, values out.

Shopify multiplies a unit price by the quantity and computes no tax for an order that is added by API: the tax lines are
ours, and with `taxesIncluded` they are a part of the price and move no total.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

from msgspec import Struct

from orderferry import Line, Money

CENT = Decimal("0.01")
WHOLE = Decimal(1)
WITHOUT_CENTS = frozenset({"JPY", "KRW", "CLP", "VND", "ISK", "UGX", "XAF", "XOF"})


class Priced(Struct, frozen=True):
    """So many pieces at one price."""

    quantity: int
    unit: Money


def split(total: Money, quantity: int) -> tuple[Priced, ...]:
    """The pieces of a line so that they make exactly its total: at one price, or some a cent above the rest."""
    step = smallest(total.currency)
    low = (total.amount / quantity).quantize(step, ROUND_DOWN)
    dearer = int((total.amount - low * quantity) / step)
    parts = (Priced(quantity - dearer, Money(low, total.currency)), Priced(dearer, Money(low + step, total.currency)))
    return tuple(part for part in parts if part.quantity)


def tax_within(gross: Money, percent: Decimal) -> Money:
    """The tax that a gross amount holds."""
    tax = gross.amount * percent / (100 + percent)
    return Money(tax.quantize(smallest(gross.currency), ROUND_HALF_UP), gross.currency)


def percent_of(line: Line, otherwise: int | None) -> Decimal | None:
    """A line's tax rate; where the marketplace tells none, the one that the seller has set."""
    if line.tax_rate is not None:
        return line.tax_rate
    return None if otherwise is None else Decimal(otherwise)


def percent_of_delivery(lines: Sequence[Line], otherwise: int | None) -> Decimal | None:
    """The delivery's tax rate: that of the goods it carries, of the dearest where they differ."""
    return percent_of(max(lines, key=lambda line: line.total.amount), otherwise)


def smallest(currency: str) -> Decimal:
    """The currency's smallest amount."""
    return WHOLE if currency in WITHOUT_CENTS else CENT
