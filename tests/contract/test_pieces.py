"""A line's total survives a shop that multiplies by itself."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderferry import Line, Money
from orderferry.pieces import by_unit_price


def line(quantity: int, unit: str, total: str) -> Line:
    price, whole = Money(Decimal(unit), "PLN"), Money(Decimal(total), "PLN")
    return Line(id="1", name="Mug", quantity=quantity, unit_price=price, total=whole)


@pytest.mark.parametrize(
    ("quantity", "unit", "total", "pieces"),
    [
        (2, "12.34", "24.68", [(2, "12.34")]),
        (3, "3.33", "10.00", [(2, "3.33"), (1, "3.34")]),
        (3, "4.00", "9.00", [(3, "3.00")]),
        (1, "5.00", "0.00", [(1, "0.00")]),
        (2, "0.005", "0.01", [(1, "0.00"), (1, "0.01")]),
    ],
)
def test_pieces(quantity: int, unit: str, total: str, pieces: list[tuple[int, str]]) -> None:
    found = [(count, price.amount) for count, price in by_unit_price(line(quantity, unit, total))]
    assert found == [(count, Decimal(price)) for count, price in pieces]


@given(st.integers(1, 500), st.integers(0, 1_000_000))
def test_nothing_is_lost(quantity: int, cents: int) -> None:
    total = Decimal(cents) / 100
    pieces = by_unit_price(line(quantity, "0.00", str(total)))
    assert sum(count for count, _ in pieces) == quantity
    assert sum((price.amount * count for count, price in pieces), Decimal(0)) == total
    assert all(count > 0 for count, _ in pieces)
