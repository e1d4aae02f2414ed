"""Free fields: what a shop's plugins expect under keys of their own, and nothing that is withheld."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.core.fields import PLACES, Choose, filled, unknown_places
from daemon.core.forwarding import EVERYTHING, Passed, Passing, build
from orderferry import ForwardOrder, Invoice, PickupPoint

INVOICE = Choose(place="wants_invoice", then="1", otherwise="0")


def told(order: Any, fields: dict[str, str | Choose], passed: frozenset[Passed] = EVERYTHING) -> ForwardOrder:
    return build(
        order,
        number=17,
        status="new",
        paid=True,
        source="allegro-main",
        source_platform="allegro",
        mark="ferry1",
        passing=Passing(fields=fields, passed=passed),
    )


def test_tax_id_invoice_wish_and_pickup_point_stand_under_the_shops_own_keys(order: Any) -> None:
    plain = order()
    invoice = Invoice(address=plain.delivery.address, tax_id="5252248481")
    delivery = type(plain.delivery)(
        cost=plain.delivery.cost, address=plain.delivery.address, pickup_point=PickupPoint(id="POZ08A")
    )
    fields: dict[str, str | Choose] = {"_nip": "{tax_id}", "_locker": "{pickup_point}", "_invoice": INVOICE}
    assert told(order(invoice=invoice, delivery=delivery), fields).fields == {
        "_nip": "5252248481",
        "_locker": "POZ08A",
        "_invoice": "1",
    }
    assert told(plain, fields).fields == {"_invoice": "0"}, "what the order does not carry is not sent"


def test_a_choice_without_an_else_is_left_out(order: Any) -> None:
    assert told(order(), {"_invoice": Choose(place="wants_invoice", then="1")}).fields == {}


def test_texts_around_places_and_texts_without_any(order: Any) -> None:
    fields: dict[str, str | Choose] = {"a": "from {account} {{x}}", "b": "fixed", "c": "{login}/{tax_id}"}
    assert told(order(), fields).fields == {"a": "from allegro-main {x}", "b": "fixed", "c": "anna/"}


@pytest.mark.parametrize(
    ("passed", "place"),
    [
        (Passed.LOGIN, "login"),
        (Passed.COMMENT, "comment"),
        (Passed.PAYMENT, "payment"),
        (Passed.DELIVERY_METHOD, "delivery_method"),
    ],
)
def test_what_is_withheld_does_not_come_in_by_a_field(order: Any, passed: Passed, place: str) -> None:
    assert told(order(), {"key": f"{{{place}}}"}).fields
    assert told(order(), {"key": f"{{{place}}}"}, EVERYTHING - {passed}).fields == {}


def test_every_place_can_be_filled_and_others_are_named(order: Any) -> None:
    assert unknown_places("{tax_id} {nip} {login!r} {email:>9}") == ("nip", "login", "email")
    with pytest.raises(ValueError, match=r"."):
        unknown_places("{tax_id")
    plain = order()
    whole = told(
        order(invoice=Invoice(address=plain.delivery.address, tax_id="1")), {name: f"{{{name}}}" for name in PLACES}
    )
    assert filled({"x": "{number}"}, whole) == {"x": "17"}
    assert set(whole.fields) <= set(PLACES)
