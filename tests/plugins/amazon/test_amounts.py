"""Amounts agree with what the buyer pays, whichever way Amazon counts taxes and discounts."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderferry import Malformed
from plugins.amazon import amounts, wire

Parts = dict[str, str]
CENTS = st.decimals(min_value=0, max_value=5000, places=2)


def euro(amount: str | Decimal) -> wire.Money:
    return wire.Money(amount=str(amount), currency_code="EUR")


def breakdown(kind: str, amount: str | Decimal, **details: str | Decimal) -> wire.Breakdown:
    parts = tuple(wire.Detail(subtype=name, value=euro(value)) for name, value in details.items())
    return wire.Breakdown(type=kind, subtotal=euro(amount), detailed_breakdowns=parts or None)


def item(total: str | Decimal | None, *parts: wire.Breakdown, quantity: int = 1) -> wire.Item:
    proceeds = wire.ItemProceeds(proceeds_total=euro(total) if total is not None else None, breakdowns=parts)
    return wire.Item(order_item_id="1", quantity_ordered=quantity, product=wire.Product(), proceeds=proceeds)


def read(total: str | Decimal | None, *parts: wire.Breakdown) -> amounts.Amounts:
    return amounts.of_item(item(total, *parts), "$.orderItems[0]")


def test_taxes_on_top() -> None:
    found = read(
        "112.00", breakdown("ITEM", "90"), breakdown("SHIPPING", "10"), tax("12", ITEM="10.80", SHIPPING="1.20")
    )
    assert (found.goods, found.shipping, found.tax) == (Decimal("100.80"), Decimal("11.20"), Decimal("10.80"))


def test_taxes_contained() -> None:
    found = read("123.00", breakdown("ITEM", "123"), tax("23", ITEM="23"))
    assert (found.goods, found.tax, found.rate) == (Decimal(123), Decimal(23), Decimal(23))


@pytest.mark.parametrize("sign", ["", "-"])
def test_a_discount_with_either_sign(sign: str) -> None:
    found = read(
        "80.00",
        breakdown("ITEM", "90"),
        breakdown("SHIPPING", "5"),
        breakdown("DISCOUNT", f"{sign}15", ITEM=f"{sign}10", SHIPPING=f"{sign}5"),
    )
    assert (found.goods, found.shipping) == (Decimal(80), Decimal(0))


def test_a_discount_without_details_falls_on_the_goods() -> None:
    found = read("85", breakdown("ITEM", "90"), breakdown("SHIPPING", "5"), breakdown("DISCOUNT", "10"))
    assert (found.goods, found.shipping) == (Decimal(80), Decimal(5))


def test_a_gift_for_nothing_costs_nothing() -> None:
    found = read("0", breakdown("ITEM", "49.99"), breakdown("DISCOUNT", "49.99"))
    assert (found.goods, found.whole) == (Decimal(0), Decimal(0))


def test_wrap_and_fees_stand_by_themselves_and_a_rebate_lowers_the_goods() -> None:
    found = read(
        "103",
        breakdown("ITEM", "100"),
        breakdown("GIFT_WRAP", "3"),
        breakdown("COD_FEE", "2"),
        breakdown("OTHER", "-2"),
    )
    assert found.others == {"GIFT_WRAP": Decimal(3), "COD_FEE": Decimal(2)}
    assert found.goods == Decimal(98)


def test_without_a_total_the_parts_are_added() -> None:
    found = read(None, breakdown("ITEM", "10"), tax("2", ITEM="2"))
    assert found.whole == Decimal(12)


def test_before_the_payment_there_is_a_price_or_nothing() -> None:
    price = wire.Price(unit_price=euro("9.99"))
    priced = wire.Item(order_item_id="1", quantity_ordered=3, product=wire.Product(price=price))
    assert amounts.of_item(priced, "$").goods == Decimal("29.97")
    bare = wire.Item(order_item_id="1", quantity_ordered=3, product=wire.Product())
    assert amounts.of_item(bare, "$").currency is None


@pytest.mark.parametrize(
    ("total", "parts"),
    [
        ("5", (breakdown("SHIPPING", "9"),)),
        ("5", (breakdown("ITEM", "9"), breakdown("SHIPPING", "1"), breakdown("DISCOUNT", "4", SHIPPING="4"))),
        ("x", (breakdown("ITEM", "9"),)),
        ("9", (breakdown("ITEM", "nine"),)),
    ],
)
def test_what_cannot_be_is_malformed(total: str, parts: tuple[wire.Breakdown, ...]) -> None:
    with pytest.raises(Malformed, match=r"\$\.orderItems\[0\]\.proceeds"):
        read(total, *parts)


def test_two_currencies_are_malformed() -> None:
    foreign = wire.Breakdown(type="ITEM", subtotal=wire.Money(amount="9", currency_code="PLN"))
    with pytest.raises(Malformed, match="several currencies"):
        read("9", foreign)


@pytest.mark.parametrize(
    ("goods", "taken", "rate"),
    [("123", "23", 23), ("119.00", "19", 19), ("1.05", "0.05", 5), ("0.10", "0.01", None), ("10", "0", None)],
)
def test_a_rate_is_told_where_only_one_makes_this_tax(goods: str, taken: str, rate: int | None) -> None:
    found = amounts.Amounts(currency="EUR", goods=Decimal(goods), tax=Decimal(taken))
    assert found.rate == (None if rate is None else Decimal(rate))


@settings(max_examples=50)
@given(
    goods=CENTS,
    shipping=CENTS,
    wrap=CENTS,
    rate=st.integers(0, 27),
    off=st.fractions(0, 1),
    contained=st.booleans(),
    negative=st.booleans(),
)
def test_the_whole_is_always_the_total(
    *, goods: Decimal, shipping: Decimal, wrap: Decimal, rate: int, off: float, contained: bool, negative: bool
) -> None:
    """Whatever is charged, taken off and taxed, either way: the parts make what Amazon says."""
    discount = (goods * Decimal(float(off))).quantize(Decimal("0.01"))
    discount = min(discount, goods)
    charged = {"ITEM": goods - discount, "SHIPPING": shipping, "GIFT_WRAP": wrap}
    part = Decimal(rate) / (100 + rate if contained else 100)
    taxes = {name: (amount * part).quantize(Decimal("0.01")) for name, amount in charged.items()}
    total = sum(charged.values(), Decimal(0)) + (Decimal(0) if contained else sum(taxes.values(), Decimal(0)))
    sign = -1 if negative else 1
    found = read(
        total,
        breakdown("ITEM", goods),
        breakdown("SHIPPING", shipping),
        breakdown("GIFT_WRAP", wrap),
        breakdown("DISCOUNT", sign * discount, ITEM=sign * discount),
        tax(sum(taxes.values(), Decimal(0)), **taxes),
    )
    assert found.whole == total
    assert found.goods >= 0
    on_top = Decimal(0) if contained else taxes["SHIPPING"]
    assert found.shipping == shipping + on_top


def tax(amount: str | Decimal, **details: str | Decimal) -> wire.Breakdown:
    return breakdown("TAX", amount, **details)
