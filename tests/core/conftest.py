"""Values that the core's tests begin from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from orderferry import Address, Buyer, Delivery, Line, Money, Order, Payment, PaymentKind, Stage

T0 = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


def pln(amount: str) -> Money:
    return Money(Decimal(amount), "PLN")


@pytest.fixture
def order() -> Callable[..., Order]:
    """Makes a ready order; keyword arguments replace its fields."""
    whole = Order(
        external_id="form-1",
        revision="r1",
        stage=Stage.READY,
        ordered_at=T0,
        updated_at=T0,
        buyer=Buyer(login="anna", email="a@example.org"),
        lines=(
            Line(
                id="line-1",
                name="Mug",
                quantity=2,
                unit_price=pln("10.00"),
                total=pln("20.00"),
                offer_id="1",
                sku="MUG",
            ),
        ),
        delivery=Delivery(
            method_id="m1",
            method="Courier",
            cost=pln("9.99"),
            address=Address(street="Solna 1", city="Poznań", postcode="60-166", country="PL"),
        ),
        payment=Payment(kind=PaymentKind.ONLINE, paid=pln("29.99"), paid_at=T0),
        total=pln("29.99"),
        comment="please",
    )

    def make(**changes: Any) -> Order:  # any field of an order
        return replace(whole, **changes)

    return make


@pytest.fixture
def t0() -> datetime:
    return T0


@pytest.fixture
def minute() -> timedelta:
    return timedelta(minutes=1)
