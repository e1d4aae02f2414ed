"""What a shop is told of an order: all that is always told, and nothing that the settings withhold."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from daemon.core.forwarding import Passing, build, prefix, reference
from orderferry import Buyer, ForwardOrder, Invoice, Line, Order
from orderferry.testing.strategies import orders

MARK = "ferryabcdefgh1"
ALL = Passing(statuses={"new": "processing"})
NONE = Passing(login=False, offer_number=False, comment=False, payment=False, delivery_method=False)


def told(order: Order, passing: Passing = ALL, **changes: Any) -> ForwardOrder:  # any argument of build
    arguments: dict[str, Any] = {
        "number": 17,
        "status": "new",
        "paid": True,
        "source": "allegro-main",
        "source_platform": "allegro",
        "mark": MARK,
        "passing": passing,
    }
    return build(order, **{**arguments, **changes})


def without(line: Line) -> Line:
    return structs.replace(line, offer_id=None)


@given(orders())
def test_amounts_products_and_addresses_are_carried_as_they_are(order: Order) -> None:
    for passing in (ALL, NONE):
        forward = told(order, passing)
        assert (forward.total, forward.delivery.cost) == (order.total, order.delivery.cost)
        assert (forward.delivery.address, forward.delivery.pickup_point) == (
            order.delivery.address,
            order.delivery.pickup_point,
        )
        assert forward.invoice == order.invoice
        assert tuple(map(without, forward.lines)) == tuple(map(without, order.lines))
        assert (forward.number, forward.reference, forward.external_id) == (17, MARK, order.external_id)
        assert (forward.source, forward.source_platform) == ("allegro-main", "allegro")
        assert forward.ordered_at == order.ordered_at
        assert structs.replace(forward.buyer, login=None) == structs.replace(order.buyer, login=None)


@given(orders())
def test_what_is_passed_is_passed_whole(order: Order) -> None:
    forward = told(order)
    assert (forward.buyer, forward.lines, forward.comment) == (order.buyer, order.lines, order.comment)
    assert forward.delivery.method == order.delivery.method
    assert forward.payment is not None
    assert (forward.payment.kind, forward.payment.id, forward.payment.provider, forward.payment.paid_at) == (
        order.payment.kind,
        order.payment.id,
        order.payment.provider,
        order.payment.paid_at,
    )


@given(orders())
def test_what_is_withheld_is_nowhere_in_it(order: Order) -> None:
    forward = told(order, NONE)
    assert (forward.buyer.login, forward.comment, forward.payment, forward.delivery.method) == (None,) * 4
    assert {line.offer_id for line in forward.lines} == {None}
    assert forward.status is None


@pytest.mark.parametrize("withheld", ["login", "offer_number", "comment", "payment", "delivery_method"])
@given(order=orders())
def test_each_setting_withholds_its_own_part_alone(withheld: str, order: Order) -> None:
    whole, less = told(order), told(order, Passing(statuses=ALL.statuses, **{withheld: False}))
    part = {"login": "buyer", "offer_number": "lines", "delivery_method": "delivery"}.get(withheld, withheld)
    for name in ForwardOrder.__struct_fields__:
        if name != part:
            assert getattr(whole, name) == getattr(less, name)


def test_paid_is_what_the_hub_says_and_not_what_the_marketplace_said(order: Any) -> None:
    for paid in (True, False):
        forward = told(order(), paid=paid)
        assert forward.payment is not None
        assert forward.payment.paid is paid


def test_the_status_is_the_shops_own_word_and_an_unmapped_one_is_not_told(order: Any) -> None:
    assert told(order()).status == "processing"
    assert told(order(), status="packing").status is None


def test_an_invoice_is_always_told(order: Any) -> None:
    invoice = Invoice(address=order().delivery.address, tax_id="5252248481")
    assert told(order(invoice=invoice), NONE).invoice == invoice


def test_a_buyer_keeps_all_but_the_login(order: Any) -> None:
    buyer = Buyer(id="b", login="anna", email="a@example.org", phone="1", first_name="A", last_name="B")
    assert told(order(buyer=buyer), NONE).buyer == structs.replace(buyer, login=None)


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\n"), min_size=1, max_size=30)


@given(TEXT, TEXT, TEXT, TEXT)
def test_a_reference_names_one_purchase_and_no_other(account: str, order: str, account2: str, order2: str) -> None:
    begin = prefix("abcdefgh")
    one, other = reference(begin, account, order), reference(begin, account2, order2)
    assert (one == other) == ((account, order) == (account2, order2))
    assert one == reference(begin, account, order)
    assert one.startswith(begin)
    assert one.isascii()
    assert one.isalnum()
    assert one == one.lower()
    assert len(one) == 29


def test_two_installations_never_make_the_same_reference() -> None:
    assert reference(prefix("aaaaaaaa"), "a", "1") != reference(prefix("aaaaaaab"), "a", "1")
