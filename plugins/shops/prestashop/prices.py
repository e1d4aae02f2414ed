"""Net and gross: what unit prices to set so that the shop's total is the marketplace's, to the cent.

A price that is bound to a cart is a net unit price of six decimals. PrestaShop adds the tax and rounds as its settings
say; this file does the same beforehand (recordings 14 and 15; read in Cart.php and Core/Cart/CartRow.php), because an
order whose `total_paid` is not its cart's total is born as a payment error and takes nothing from the stock.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import (
    ROUND_CEILING,
    ROUND_FLOOR,
    ROUND_HALF_DOWN,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    Decimal,
)

from msgspec import Struct

ZERO = Decimal(0)
PLACES = Decimal("0.000001")
MODES = {0: ROUND_CEILING, 1: ROUND_FLOOR, 2: ROUND_HALF_UP, 3: ROUND_HALF_DOWN, 4: ROUND_HALF_EVEN}
PER_PIECE, PER_LINE, AT_THE_END = 1, 2, 3


class Rounding(Struct, frozen=True, kw_only=True):
    """PS_PRICE_ROUND_MODE, PS_ROUND_TYPE, and how many decimals the currency has."""

    mode: int = 2
    kind: int = PER_LINE
    decimals: int = 2

    def round(self, amount: Decimal) -> Decimal:
        """The amount as the shop rounds it."""
        return amount.quantize(Decimal(1).scaleb(-self.decimals), MODES.get(self.mode, ROUND_HALF_UP))


class Goods(Struct, frozen=True, kw_only=True):
    """What is to be in the cart: gross for the whole quantity, and the tax of the shop's product in per cent.

    `sums` says that it stands in for other goods, so that its quantity means nothing and stays one.
    """

    product: int
    attribute: int = 0
    quantity: int
    gross: Decimal
    percent: Decimal
    sums: bool = False


class Row(Struct, frozen=True, kw_only=True):
    """A row of the cart: `net` is the unit price to be set, `gross` what is wanted for the whole quantity."""

    product: int
    attribute: int
    quantity: int
    net: Decimal
    gross: Decimal
    percent: Decimal


def price(
    goods: Sequence[Goods], delivery: Goods | None, shipping: Decimal, total: Decimal, rounding: Rounding
) -> tuple[Row, ...]:
    """The rows of a cart that comes to `total`; `shipping` is what the carrier itself will cost, gross.

    A product can have one price in a cart only, so lines of the same one become one row. `delivery` is the product that
    carries the delivery cost; where rounding leaves a gap of cents, its price takes that up as well. A larger gap is no
    rounding (a discount that is in no line), and stays to be shown.
    """
    rows = [_row(each, rounding) for each in _merged(goods)]
    if delivery is None:
        return tuple(rows)
    carried = _row(delivery, rounding)
    gap = total - foresee([*rows, carried], shipping, rounding)
    cent = Decimal(1).scaleb(-rounding.decimals)
    if gap and abs(gap) <= cent * (len(rows) + 1) and delivery.gross + gap >= 0:
        carried = _row(_with_gross(delivery, delivery.gross + gap), rounding)
    return (*rows, carried)


def foresee(rows: Sequence[Row], shipping: Decimal, rounding: Rounding) -> Decimal:
    """The total that the shop will make of these rows."""
    return rounding.round(sum((_gross(row, rounding) for row in rows), ZERO) + shipping)


def _gross(row: Row, rounding: Rounding) -> Decimal:
    unit = row.net * (1 + row.percent / 100)
    if rounding.kind == PER_PIECE:
        return rounding.round(unit) * row.quantity
    return unit * row.quantity if rounding.kind == AT_THE_END else rounding.round(unit * row.quantity)


def _row(goods: Goods, rounding: Rounding) -> Row:
    # Where the shop always rounds up, a net price a hair too high would cost a cent, and the reverse.
    away = {0: ROUND_FLOOR, 1: ROUND_CEILING}.get(rounding.mode, ROUND_HALF_UP)
    net = (goods.gross / goods.quantity / (1 + goods.percent / 100)).quantize(PLACES, away)
    return Row(
        product=goods.product,
        attribute=goods.attribute,
        quantity=goods.quantity,
        net=net,
        gross=goods.gross,
        percent=goods.percent,
    )


def _merged(goods: Sequence[Goods]) -> list[Goods]:
    merged: dict[tuple[int, int], Goods] = {}
    for each in goods:
        key = (each.product, each.attribute)
        before = merged.get(key)
        quantity = 1 if each.sums else each.quantity
        merged[key] = Goods(
            product=each.product,
            attribute=each.attribute,
            quantity=quantity if before is None or each.sums else before.quantity + quantity,
            gross=each.gross if before is None else before.gross + each.gross,
            percent=each.percent,
            sums=each.sums,
        )
    return list(merged.values())


def _with_gross(goods: Goods, gross: Decimal) -> Goods:
    return Goods(product=goods.product, attribute=goods.attribute, quantity=1, gross=gross, percent=goods.percent)
