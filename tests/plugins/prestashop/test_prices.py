"""Prices of a cart: whatever the shop rounds, its total is the marketplace's."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderferry import Rejected
from plugins.shops.prestashop.delivering import way
from plugins.shops.prestashop.knowledge import Carrier
from plugins.shops.prestashop.prices import AT_THE_END, PER_LINE, PER_PIECE, Goods, Rounding, foresee, price

CENTS = st.integers(min_value=1, max_value=5_000_00).map(lambda cents: Decimal(cents) / 100)
RATES = st.sampled_from([Decimal(rate) for rate in ("0", "5", "8", "19", "23", "25.5")])
ROUNDINGS = st.builds(
    Rounding, mode=st.sampled_from([0, 1, 2, 3, 4]), kind=st.sampled_from([PER_PIECE, PER_LINE, AT_THE_END])
)


@st.composite
def lines(draw: st.DrawFn) -> list[Goods]:
    """Lines as a marketplace sells them: a price of cents, so many times."""
    made = []
    for product in range(1, draw(st.integers(2, 5))):
        unit, quantity = draw(CENTS), draw(st.integers(1, 40))
        made.append(Goods(product=product, quantity=quantity, gross=unit * quantity, percent=draw(RATES)))
    return made


@given(lines(), CENTS, RATES, ROUNDINGS)
def test_the_cart_comes_to_the_marketplaces_total(
    goods: list[Goods], cost: Decimal, rate: Decimal, rounding: Rounding
) -> None:
    total = sum((each.gross for each in goods), cost)
    delivery = Goods(product=99, quantity=1, gross=cost, percent=rate)
    rows = price(goods, delivery, Decimal(0), total, rounding)
    assert foresee(rows, Decimal(0), rounding) == total
    assert [row.product for row in rows] == [*(each.product for each in goods), 99]


@given(lines(), CENTS, st.sampled_from([PER_PIECE, PER_LINE, AT_THE_END]))
def test_without_a_delivery_row_prices_of_whole_cents_fit_as_well(goods: list[Goods], cost: Decimal, kind: int) -> None:
    total = sum((each.gross for each in goods), cost)
    rounding = Rounding(kind=kind)
    assert foresee(price(goods, None, cost, total, rounding), cost, rounding) == total


def test_lines_of_one_product_become_one_row_and_the_delivery_takes_up_the_cent() -> None:
    goods = [
        Goods(product=1, quantity=1, gross=Decimal("10.00"), percent=Decimal(23)),
        Goods(product=1, quantity=2, gross=Decimal("20.01"), percent=Decimal(23)),
    ]
    delivery = Goods(product=2, quantity=1, gross=Decimal("9.99"), percent=Decimal(23))
    rounding = Rounding(kind=PER_PIECE)
    rows = price(goods, delivery, Decimal(0), Decimal("40.00"), rounding)
    assert [(row.product, row.quantity) for row in rows] == [(1, 3), (2, 1)]
    assert foresee(rows, Decimal(0), rounding) == Decimal("40.00")


def test_a_discount_that_is_in_no_line_stays_to_be_shown() -> None:
    goods = [Goods(product=1, quantity=1, gross=Decimal("10.00"), percent=Decimal(23))]
    delivery = Goods(product=2, quantity=1, gross=Decimal("9.99"), percent=Decimal(23))
    rows = price(goods, delivery, Decimal(0), Decimal("15.00"), Rounding())
    assert foresee(rows, Decimal(0), Rounding()) == Decimal("19.99")


def carrier(number: int, *, free: bool = False, usable: bool = True) -> Carrier:
    return Carrier(id=number + 100, reference=str(number), name=f"Carrier {number}", free=free, usable=usable)


CARRIERS = [carrier(1, usable=False, free=True), carrier(2), carrier(3, free=True)]


@pytest.mark.parametrize(
    ("wanted", "cost", "has_product", "placing", "final", "by_product"),
    [
        ("2", "9.99", True, "3", "2", True),
        ("2", "9.99", False, "2", "2", False),
        ("2", "0", False, "3", "2", False),
        ("3", "9.99", True, "3", "3", True),
        ("", "9.99", True, "3", "3", True),
        ("", "0", False, "3", "3", False),
    ],
)
def test_the_way_of_delivery(  # noqa: PLR0917 - a table's columns
    wanted: str, cost: str, has_product: bool, placing: str, final: str, by_product: bool
) -> None:
    chosen = way(CARRIERS, wanted, Decimal(cost), has_product=has_product)
    assert (chosen.placing.reference, chosen.carrier.reference, chosen.by_product) == (placing, final, by_product)


@pytest.mark.parametrize(
    ("wanted", "said"), [("1", "id_reference '1'"), ("", "delivery_product"), ("3", "delivery_product")]
)
def test_no_way_of_delivery(wanted: str, said: str) -> None:
    with pytest.raises(Rejected, match=said):
        way(CARRIERS, wanted, Decimal("9.99"), has_product=False)
    with pytest.raises(Rejected, match="free shipping"):
        way([carrier(2)], "", Decimal("9.99"), has_product=True)
