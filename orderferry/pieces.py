"""A line's total at whole cents a piece: for shops that take a price for each piece and multiply themselves."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal

from orderferry.model import Line, Money

CENT = Decimal("0.01")


def by_unit_price(line: Line) -> tuple[tuple[int, Money], ...]:
    """The line as (quantity, price of a piece), split in two where its total is no multiple of its quantity.

    Quantities add up to the line's, and quantity times price to its total, whatever the marketplace calls the price of
    a piece: a discount on the whole line is in the total alone.
    """
    total, currency = line.total.amount, line.total.currency
    if line.unit_price.amount * line.quantity == total and line.unit_price.amount % CENT == 0:
        return ((line.quantity, line.unit_price),)
    low = (total / line.quantity).quantize(CENT, rounding=ROUND_DOWN)
    dearer = int((total - low * line.quantity) / CENT)
    if dearer == 0:
        return ((line.quantity, Money(low, currency)),)
    return ((line.quantity - dearer, Money(low, currency)), (dearer, Money(low + CENT, currency)))
