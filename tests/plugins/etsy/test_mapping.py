"""Etsy's receipts become the contract's orders, to the cent."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderferry import Address, Money, Order, Parcel, PaymentKind, Stage
from orderferry.names import first_and_last
from plugins.etsy import mapping
from tests.plugins.etsy.made import RECEIPT, Json, a_receipt, encoded, money


def read(**changes: Any) -> Order:
    return mapping.order(encoded(a_receipt(**changes)))


def eur(text: str) -> Money:
    return Money(Decimal(text), "EUR")


def sum_of(order: Order) -> Decimal:
    return sum((line.total.amount for line in order.lines), order.delivery.cost.amount)


def test_a_whole_receipt() -> None:
    order = read()
    assert order.external_id == "3000000001"
    assert order.stage is Stage.READY
    assert order.ordered_at == datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
    assert order.updated_at == datetime(2026, 1, 5, 8, 10, tzinfo=UTC)
    assert order.site == "etsy"
    assert order.comment == "red please"
    assert (order.buyer.id, order.buyer.email, order.buyer.login) == ("4711", "anna@mail.example", None)
    assert order.total == eur("34.5")
    assert order.delivery.cost == eur("4.5")
    assert order.delivery.method == "Express"
    assert order.delivery.address == Address(
        first_name="Anna Maria",
        last_name="Schmidt",
        street="Via Roma 1",
        street2="Scala B",
        city="Milano",
        postcode="20100",
        state="MI",
        country="IT",
    )
    assert (order.payment.kind, order.payment.provider, order.payment.paid) == (PaymentKind.ONLINE, "cc", eur("34.5"))
    assert order.payment.paid_at == datetime(2026, 1, 5, 8, 9, 10, tzinfo=UTC)
    assert order.paid
    assert order.invoice is None
    assert not order.shipped


def test_lines_with_sku_variation_personalisation_and_coupon() -> None:
    order = read()
    mug, pattern, discount = order.lines
    assert (mug.id, mug.sku, mug.offer_id, mug.quantity) == ("10001", "MUG-R", "1100000001", 3)
    assert mug.name == "Mug (Colour: red, Engraving: For Ola)"
    assert (mug.unit_price, mug.total, mug.goods) == (eur("10"), eur("30"), True)
    assert (pattern.sku, pattern.unit_price, pattern.goods) == (None, eur("5"), False)
    assert (discount.id, discount.total, discount.goods) == ("3000000001/discount", eur("-5"), False)
    assert sum_of(order) == order.total.amount


@pytest.mark.parametrize(
    ("amount", "expected"),
    [(money(3450), "34.5"), (money(345, 10), "34.5"), (money(34, 1), "34"), (money(34_567, 1000), "34.567")],
)
def test_money_by_its_divisor(amount: Json, expected: str) -> None:
    assert read(grandtotal=amount).total == eur(expected)


@pytest.mark.parametrize(
    ("changes", "stage"),
    [
        ({"status": "paid"}, Stage.READY),
        ({"status": "Completed"}, Stage.READY),
        ({"status": "partially refunded"}, Stage.READY),
        ({"status": "Fully Refunded"}, Stage.CANCELLED),
        ({"status": "Fully Refunded", "is_shipped": True}, Stage.READY),
        ({"status": "Canceled"}, Stage.CANCELLED),
        ({"status": "canceled", "is_shipped": True}, Stage.CANCELLED),
        ({"status": "Payment Processing"}, Stage.PLACED),
        ({"status": "open", "is_paid": False}, Stage.PLACED),
        ({"status": "open"}, Stage.READY),
        ({"status": "Paid", "is_paid": False}, Stage.PLACED),
        ({"first_line": None}, Stage.PLACED),
        ({"first_line": "", "city": None, "country_iso": None}, Stage.PLACED),
    ],
)
def test_stages(changes: Json, stage: Stage) -> None:
    assert read(**changes).stage is stage


def test_unpaid() -> None:
    order = read(is_paid=False, status="open", payment_method="bt")
    assert (order.payment.kind, order.payment.paid, order.payment.paid_at) == (PaymentKind.TRANSFER, None, None)


def test_a_refund_counts_as_a_change_though_etsy_moves_no_time() -> None:
    refund = {"amount": money(100), "created_timestamp": 1_767_700_000, "reason": None, "status": "success"}
    order = read(status="partially refunded", refunds=[refund])
    assert order.updated_at == datetime.fromtimestamp(1_767_700_000, UTC)
    assert order.total == eur("34.5")


def test_older_receipts_have_other_names_for_their_times() -> None:
    receipt = a_receipt()
    del receipt["created_timestamp"], receipt["updated_timestamp"]
    assert mapping.order(encoded(receipt)) == read()


@pytest.mark.parametrize(
    ("changes", "comment"),
    [
        ({"message_from_buyer": None}, None),
        ({"is_gift": True}, "red please\nThis is a gift."),
        (
            {"is_gift": True, "gift_message": "Happy birthday!", "gift_sender": "Bo"},
            "red please\nGift from Bo: Happy birthday!",
        ),
        ({"message_from_buyer": "", "gift_message": "Hi"}, "Gift: Hi"),
    ],
)
def test_the_comment_is_the_message_and_the_gift_message(changes: Json, comment: str | None) -> None:
    assert read(**changes).comment == comment


def test_parcels_that_etsy_knows_of() -> None:
    shipments = [
        {"receipt_shipping_id": 1, "carrier_name": "InPost", "tracking_code": "62"},
        {"receipt_shipping_id": 2, "carrier_name": None, "tracking_code": "63"},
        {"receipt_shipping_id": None, "carrier_name": "", "tracking_code": ""},
        {"receipt_shipping_id": 3, "carrier_name": "DPD", "tracking_code": "x" * 65},
    ]
    order = read(shipments=shipments, is_shipped=True)
    assert order.parcels == (Parcel(carrier="InPost", number="62"), Parcel(carrier="other", number="63"))
    assert order.shipped


@pytest.mark.parametrize(
    ("changes", "extra"),
    [
        ({}, ["discount"]),
        ({"discount_amt": None, "grandtotal": money(3950)}, []),
        ({"total_tax_cost": money(200), "grandtotal": money(3650)}, ["discount", "tax"]),
        ({"total_tax_cost": money(200)}, ["discount"]),
        ({"total_vat_cost": money(200)}, ["discount"]),
        ({"total_vat_cost": money(200), "grandtotal": money(3650)}, ["discount", "vat"]),
        (
            {"total_tax_cost": money(200), "gift_wrap_price": money(300), "grandtotal": money(3950)},
            ["discount", "tax", "gift-wrap"],
        ),
        (
            {"gift_wrap_price": money(300), "total_vat_cost": money(99), "grandtotal": money(3750)},
            ["discount", "gift-wrap"],
        ),
        ({"grandtotal": money(3333)}, ["discount", "adjustment"]),
    ],
)
def test_what_the_total_has_beside_goods_and_delivery(changes: Json, extra: list[str]) -> None:
    order = read(**changes)
    assert [line.id for line in order.lines[2:]] == [f"3000000001/{key}" for key in extra]
    assert sum_of(order) == order.total.amount


CENTS = st.integers(0, 99_999)


@given(
    prices=st.lists(st.tuples(CENTS, st.integers(1, 99)), min_size=1, max_size=5),
    shipping=CENTS,
    charges=st.tuples(CENTS, CENTS, CENTS, CENTS),
    total=st.integers(0, 99_999_999),
)
def test_lines_and_delivery_always_make_the_total(
    prices: list[tuple[int, int]], shipping: int, charges: tuple[int, int, int, int], total: int
) -> None:
    lines = [
        {**RECEIPT["transactions"][0], "transaction_id": n, "price": money(cents), "quantity": quantity}
        for n, (cents, quantity) in enumerate(prices)
    ]
    names = ("total_tax_cost", "total_vat_cost", "discount_amt", "gift_wrap_price")
    amounts = {name: money(cents) for name, cents in zip(names, charges, strict=True)}
    order = read(transactions=lines, total_shipping_cost=money(shipping), grandtotal=money(total), **amounts)
    assert sum_of(order) == order.total.amount


def test_a_listing_that_is_gone_has_a_name_all_the_same() -> None:
    lines = copy.deepcopy(RECEIPT["transactions"])
    lines[0] |= {"title": None, "variations": None}
    lines[1] |= {"title": None, "listing_id": None}
    names = [line.name for line in read(transactions=lines).lines]
    assert names[:2] == ["Etsy 1100000001", "Etsy 10002"]


def test_a_long_personalisation_is_cut_and_stops_nothing() -> None:
    lines = copy.deepcopy(RECEIPT["transactions"])
    lines[0]["variations"][1]["formatted_value"] = "x" * 1000
    assert len(read(transactions=lines).lines[0].name) == 500


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Anna Maria Schmidt", ("Anna Maria", "Schmidt")),
        ("Plato", (None, "Plato")),
        (" ", (None, None)),
        (None, (None, None)),
    ],
)
def test_names(name: str | None, expected: tuple[str | None, str | None]) -> None:
    assert first_and_last(name) == expected
