"""A full order to be added to a shop, with something in every field that a shop may carry."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from orderferry.forward import ForwardDelivery, ForwardOrder, ForwardPayment
from orderferry.model import Address, Buyer, Invoice, Line, Money, PaymentKind, PickupPoint

ADDRESS = Address(
    first_name="Żaneta",
    last_name="Brzęczyszczewska",
    street="ul. Gęśla Próbna 7/3",
    city="Kąty Wrocławskie",
    postcode="55-080",
    country="PL",
    phone="+48600700811",
)

PERSONAL = frozenset(
    {"Brzęczyszczewska", "Gęśla Próbna", "48600700811", "zaneta.kupujaca@example.com", "Ćwiekowska Sp. z o.o."}
)
"""The sample buyer's data, which no log event and no error message may carry."""


def forward_order(reference: str, *, skus: Sequence[str], currency: str = "PLN", number: int = 17) -> ForwardOrder:
    """One line for each SKU: one piece of the first, two of the second and so on, at odd prices; paid online."""
    lines = tuple(
        Line(
            id=f"line-{place}",
            name=f"Thing {place}",
            quantity=place,
            unit_price=(price := Money(Decimal("12.34") + place, currency)),
            total=price * place,
            offer_id=f"77000{place}",
            sku=sku,
            tax_rate=Decimal(23),
        )
        for place, sku in enumerate(skus, start=1)
    )
    cost = Money(Decimal("9.99"), currency)
    total = cost
    for line in lines:
        total += line.total
    when = datetime(2026, 1, 5, 8, 30, tzinfo=UTC)
    return ForwardOrder(
        number=number,
        reference=reference,
        source="tested-marketplace",
        source_platform="allegro",
        external_id=f"e-{reference}",
        ordered_at=when,
        total=total,
        lines=lines,
        delivery=ForwardDelivery(
            cost=cost,
            address=ADDRESS,
            pickup_point=PickupPoint(id="WRO117M", name="Parcel locker WRO117M", description="by the church"),
            method="Parcel locker 24/7",
        ),
        buyer=Buyer(
            id="b-1",
            login="kupujaca_zaneta",
            email="zaneta.kupujaca@example.com",
            phone="+48600700811",
            first_name=ADDRESS.first_name,
            last_name=ADDRESS.last_name,
        ),
        invoice=Invoice(
            address=Address(
                company="Ćwiekowska Sp. z o.o.", street="Rynek 1", city="Wrocław", postcode="50-101", country="PL"
            ),
            tax_id="5252248481",
        ),
        payment=ForwardPayment(
            kind=PaymentKind.ONLINE, paid=True, id="pay-4711", provider="PayU", paid_at=when, shop_method=None
        ),
        comment="please ring twice",
    )
