"""What the buyer pays, out of Amazon's proceeds; pure.

Amazon breaks an item's proceeds down into what they are for (ITEM, SHIPPING, GIFT_WRAP, COD_FEE, OTHER), the taxes on
these (TAX) and what promotions take off them (DISCOUNT); taxes and discounts say in details on what they fall. It does
not say whether a tax is contained in the other figures, as European prices are, or comes on top, as in the examples of
the model orders_2026-01-01; nor whether a discount is written with a minus. Both are read from the item's own total:
the reading that adds up is the right one. Where none does, the total still stands, and the goods take the difference.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from msgspec import Struct

from orderferry import Malformed, Money
from plugins.amazon import wire

GOODS: Final = "ITEM"
SHIPPING: Final = "SHIPPING"
TAX: Final = "TAX"
DISCOUNT: Final = "DISCOUNT"
TIP: Final = "DELIVERY_TIP"
ZERO: Final = Decimal(0)
CENT: Final = Decimal("0.01")

Parts = Mapping[str, Decimal]


class Amounts(Struct, frozen=True, kw_only=True):
    """An item, gross and after discounts: its goods, its delivery, and what else is charged (by Amazon's names).

    `tax` is the part of `goods` that is tax; zero where Amazon tells none, which in Europe it often does not. Without a
    `currency` nothing at all is known.
    """

    currency: str | None = None
    goods: Decimal = ZERO
    shipping: Decimal = ZERO
    others: Parts = {}
    tax: Decimal = ZERO

    @property
    def whole(self) -> Decimal:
        """What the item costs with all that belongs to it."""
        return self.goods + self.shipping + sum(self.others.values(), ZERO)

    @property
    def rate(self) -> Decimal | None:
        """The whole per cent that makes this tax of these goods, to the cent; None where that isn't one single rate."""
        net = self.goods - self.tax
        if self.tax <= 0 or net <= 0:
            return None
        rate = (self.tax * 100 / net).quantize(Decimal(1), ROUND_HALF_UP)
        fitting = [one for one in (rate - 1, rate, rate + 1) if abs(net * one / 100 - self.tax) <= CENT / 2]
        return fitting[0] if len(fitting) == 1 else None


def of_item(item: wire.Item, path: str) -> Amounts:
    """An item's amounts; nothing where Amazon tells none yet, as of an order that is pending."""
    proceeds = item.proceeds
    if proceeds is None or not (proceeds.proceeds_total or proceeds.breakdowns):
        price = item.product.price.unit_price if item.product.price else None
        if price is None:
            return Amounts()
        each = money(price, f"{path}.product.price.unitPrice")
        return Amounts(currency=each.currency, goods=each.amount * item.quantity_ordered)
    path = f"{path}.proceeds"
    breakdowns = proceeds.breakdowns or ()
    currencies = {one.subtotal.currency_code for one in breakdowns}
    total: Decimal | None = None
    if proceeds.proceeds_total is not None:
        total = money(proceeds.proceeds_total, f"{path}.proceedsTotal").amount
        currencies.add(proceeds.proceeds_total.currency_code)
    if len(currencies) != 1:
        raise Malformed(f"{path} is in several currencies")
    charged, taxes, discounts = _sorted(breakdowns, path)
    contained = total is not None and total == sum(charged.values(), ZERO) - sum(discounts.values(), ZERO)
    gross = {
        part: charged.get(part, ZERO) - discounts.get(part, ZERO) + (ZERO if contained else taxes.get(part, ZERO))
        for part in {*charged, *taxes, *discounts}
    }
    others = {part: amount for part, amount in gross.items() if part not in {GOODS, SHIPPING} and amount > 0}
    shipping = gross.get(SHIPPING, ZERO)
    whole = total if total is not None else sum(gross.values(), ZERO)
    goods = whole - shipping - sum(others.values(), ZERO)
    if goods < 0 or shipping < 0:
        raise Malformed(f"{path} makes goods or delivery cost less than nothing")
    (currency,) = currencies
    return Amounts(currency=currency, goods=goods, shipping=shipping, others=others, tax=taxes.get(GOODS, ZERO))


def tip(order: wire.Order) -> Decimal:
    """What the buyer gives to the driver: it belongs to the order and to no item."""
    breakdowns = (order.proceeds.breakdowns if order.proceeds else None) or ()
    tips = (money(one.subtotal, "$.proceeds.breakdowns").amount for one in breakdowns if one.type == TIP)
    return sum(tips, ZERO)


def money(value: wire.Money, path: str) -> Money:
    """The amount; raises `Malformed` with its path."""
    try:
        return Money.of(value.amount, value.currency_code)
    except Malformed as error:
        raise Malformed(f"{path}: {error}") from None


def _sorted(breakdowns: Iterable[wire.Breakdown], path: str) -> tuple[Parts, Parts, Parts]:
    """What is charged, what taxes fall on it, and what is taken off, each by what it is for."""
    charged: dict[str, Decimal] = defaultdict(Decimal)
    taxes: dict[str, Decimal] = defaultdict(Decimal)
    discounts: dict[str, Decimal] = defaultdict(Decimal)
    for one in breakdowns:
        amount = money(one.subtotal, f"{path}.breakdowns").amount
        if one.type == TAX:
            _divide(taxes, amount, one, path)
        elif one.type == DISCOUNT:
            _divide(discounts, abs(amount), one, path)
        else:
            charged[one.type] += amount
    return charged, taxes, discounts


def _divide(into: dict[str, Decimal], amount: Decimal, breakdown: wire.Breakdown, path: str) -> None:
    """Adds what the details say on what it falls; what they leave open falls on the goods."""
    discount = breakdown.type == DISCOUNT
    rest = amount
    for detail in breakdown.detailed_breakdowns or ():
        if detail.value is None or detail.subtype in {None, GOODS, DISCOUNT}:
            continue  # a tax on the discount lowers the tax on the goods, which takes whatever is left
        value = money(detail.value, f"{path}.breakdowns.detailedBreakdowns").amount
        value = abs(value) if discount else value
        into[str(detail.subtype)] += value
        rest -= value
    into[GOODS] += rest
