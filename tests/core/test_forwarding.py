"""What a shop is told of an order: all that is always told, and nothing that the settings withhold."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from daemon.core.forwarding import EVERYTHING, Passed, Passing, build, prefix, reference, unmapped
from daemon.core.maps import Maps, Methods, Unmapped
from orderferry import Buyer, ChoiceKind, ForwardOrder, Invoice, Line, Order, Payment, PaymentKind
from orderferry.testing.strategies import orders

MARK = "ferryabcdefgh1"
ALL = Passing(maps=Maps(statuses={"new": "processing"}))
NONE = Passing(passed=frozenset())


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


@pytest.mark.parametrize("withheld", list(Passed))
@given(order=orders())
def test_each_setting_withholds_its_own_part_alone(withheld: Passed, order: Order) -> None:
    whole, less = told(order), told(order, structs.replace(ALL, passed=EVERYTHING - {withheld}))
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


MAPPED = Passing(
    maps=Maps(
        payments=Methods(general={"payu": "gateway", "cash_on_delivery": "cod", "default": "other"}),
        deliveries=Methods(
            general={"Kurier DPD": "flat_rate:1", "default": "flat_rate:9"},
            by_account={"allegro-main": {"Paczkomat": "locker:2"}},
        ),
    )
)


@pytest.mark.parametrize(
    ("method", "source", "expected"),
    [
        ("Kurier DPD", "allegro-main", "flat_rate:1"),
        ("  kurier   dpd ", "allegro-main", "flat_rate:1"),
        ("Paczkomat", "allegro-main", "locker:2"),
        ("Paczkomat", "other", "flat_rate:9"),
        ("default", "allegro-main", "flat_rate:9"),
        ("Poczta", "allegro-main", "flat_rate:9"),
    ],
)
def test_the_delivery_method_is_mapped_for_one_account_or_for_all_else_the_default(
    order: Any, method: str, source: str, expected: str
) -> None:
    bought = order(delivery=structs.replace(order().delivery, method=method))
    assert told(bought, MAPPED, source=source).delivery.shop_method == expected
    known = any(one.kind == "deliveries" for one in unmapped(bought, source, MAPPED))
    assert known == (expected == "flat_rate:9")


def test_the_payment_method_is_mapped_by_provider_then_by_kind_else_the_default(order: Any) -> None:
    for payment, expected in (
        (Payment(kind=PaymentKind.ONLINE, provider="PayU"), "gateway"),
        (Payment(kind=PaymentKind.CASH_ON_DELIVERY), "cod"),
        (Payment(kind=PaymentKind.TRANSFER), "other"),
    ):
        forward = told(order(payment=payment), MAPPED)
        assert forward.payment is not None
        assert forward.payment.shop_method == expected
    lacking = unmapped(order(payment=Payment(kind=PaymentKind.TRANSFER)), "allegro-main", MAPPED)
    assert Unmapped(kind=ChoiceKind.PAYMENTS, account="allegro-main", method="transfer", became="other") in lacking


def test_a_withheld_delivery_method_does_not_show_through_its_map_nor_is_it_missed(order: Any) -> None:
    bought = order(delivery=structs.replace(order().delivery, method="Paczkomat"))
    withheld = structs.replace(MAPPED, passed=frozenset())
    assert told(bought, withheld).delivery.shop_method == "flat_rate:9"
    assert unmapped(bought, "allegro-main", withheld) == ()


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
