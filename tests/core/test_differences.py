"""What has changed since an account got the order is told part by part; what travels by itself is not."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from msgspec.structs import replace

from daemon.core.differences import differences
from orderferry import Invoice, Line, Order, Parcel, Payment, PaymentKind, PickupPoint
from orderferry.testing.strategies import orders


@given(orders())
def test_nothing_differs_from_itself(order: Order) -> None:
    assert differences(order, order) == ()


def test_address_quantity_and_invoice_are_shown_as_they_were_and_are(order: Any) -> None:
    was = order()
    line: Line = was.lines[0]
    address = replace(was.delivery.address, street="Nowa 7")
    now = order(
        lines=(replace(line, quantity=3, total=line.unit_price * 3),),
        delivery=replace(was.delivery, address=address, pickup_point=PickupPoint(id="POZ08A")),
        invoice=Invoice(address=address, tax_id="5252248481"),
    )
    found = {one.what: (one.was, one.now) for one in differences(was, now)}
    assert found[f"product {line.name}"] == ("2 x 10.00 PLN", "3 x 10.00 PLN")
    assert found["delivery address"] == ("Solna 1, 60-166 Poznań, PL", "Nowa 7, 60-166 Poznań, PL")
    assert found["pickup point"] == (None, "POZ08A")
    assert found["invoice"] == (None, "5252248481, Nowa 7, 60-166 Poznań, PL")
    assert set(found) == {f"product {line.name}", "delivery address", "pickup point", "invoice"}


def test_a_line_that_came_or_went_has_only_one_side(order: Any) -> None:
    was = order()
    other = replace(was.lines[0], id="other", name="Bowl")
    found = differences(was, order(lines=(other,)))
    assert [(one.what, one.was is None, one.now is None) for one in found] == [
        (f"product {was.lines[0].name}", False, True),
        ("product Bowl", True, False),
    ]


def test_payment_and_parcels_travel_by_themselves(order: Any) -> None:
    now = order(payment=Payment(kind=PaymentKind.TRANSFER), parcels=(Parcel(carrier="DPD", number="1"),))
    assert differences(order(), now) == ()
