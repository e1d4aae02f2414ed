"""eBay's orders become the contract's, to the cent."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderferry import Address, Money, Order, PaymentKind, PickupPoint, Stage
from plugins.ebay import mapping
from plugins.ebay.carriers import TITLES, choices, code
from tests.plugins.ebay.made import ORDER, Json, an_order, encoded


def read(**changes: Any) -> Order:
    return mapping.order(encoded(an_order(**changes)))


def eur(text: str) -> Money:
    return Money(Decimal(text), "EUR")


def start(**changes: Any) -> list[Json]:
    return [{**copy.deepcopy(ORDER["fulfillmentStartInstructions"][0]), **changes}]


def ship_to(**changes: Any) -> list[Json]:
    found = start()
    found[0]["shippingStep"]["shipTo"]["contactAddress"] |= changes
    return found


def test_a_whole_order() -> None:
    order = read()
    assert order.external_id == "01-03955-36441"
    assert order.stage is Stage.READY
    assert order.ordered_at == datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
    assert order.updated_at == datetime(2026, 1, 5, 8, 10, 0, 500_000, tzinfo=UTC)
    assert order.site == "EBAY_IT"
    assert order.comment == "red please"
    assert (order.buyer.login, order.buyer.email) == ("anna_s", "anna@members.example")
    assert (order.buyer.first_name, order.buyer.last_name) == ("Anna Maria", "Schmidt")
    assert order.total == eur("34.50")
    assert order.delivery.cost == eur("4.5")
    assert (order.delivery.method_id, order.delivery.method) == ("IT_DHL", "IT_DHL")
    assert order.delivery.address == Address(
        first_name="Anna",
        last_name="Schmidt",
        company="Schmidt SRL",
        street="Via Roma 1",
        street2="Scala B",
        city="Milano",
        postcode="20100",
        state="MI",
        country="IT",
        phone="+39 011 777",
    )
    assert order.payment.kind is PaymentKind.ONLINE
    assert (order.payment.provider, order.payment.paid) == ("EBAY", eur("34.50"))
    assert order.payment.paid_at == datetime(2026, 1, 5, 8, 9, tzinfo=UTC)
    assert order.paid
    assert not order.shipped
    assert not order.ships_itself


def test_lines_have_the_discounted_price_and_add_up() -> None:
    order = read()
    mug, spoon = order.lines
    assert (mug.id, mug.sku, mug.offer_id, mug.quantity) == ("10001", "MUG-R", "110000000001", 3)
    assert mug.name == "Mug (Colour: red, Size: L)"
    assert (mug.total, mug.unit_price) == (eur("25.00"), eur("8.3333"))
    assert (spoon.sku, spoon.unit_price) == (None, eur("5.00"))
    assert sum((line.total.amount for line in order.lines), order.delivery.cost.amount) == order.total.amount


def test_a_tax_number_asks_for_an_invoice_to_the_buyer_himself() -> None:
    invoice = read().invoice
    assert invoice is not None
    assert (invoice.tax_id, invoice.tax_id_kind) == ("RSSMRA80A01H501U", "CODICE_FISCALE")
    assert (invoice.address.street, invoice.address.city) == ("Heimweg 9", "Torino")


def test_without_his_own_address_the_invoice_goes_where_the_parcel_goes() -> None:
    buyer = copy.deepcopy(ORDER["buyer"])
    del buyer["buyerRegistrationAddress"]
    invoice = read(buyer=buyer).invoice
    assert invoice is not None
    assert invoice.address.street == "Via Roma 1"


def test_without_a_tax_number_there_is_no_invoice() -> None:
    buyer = copy.deepcopy(ORDER["buyer"])
    del buyer["taxIdentifier"]
    assert read(buyer=buyer).invoice is None


@pytest.mark.parametrize(
    ("changes", "stage"),
    [
        ({}, Stage.READY),
        ({"orderPaymentStatus": "PENDING"}, Stage.PLACED),
        ({"orderPaymentStatus": "FAILED"}, Stage.PLACED),
        ({"orderPaymentStatus": "SOMETHING_NEW"}, Stage.PLACED),
        ({"orderPaymentStatus": "PARTIALLY_REFUNDED"}, Stage.READY),
        ({"orderPaymentStatus": "FULLY_REFUNDED"}, Stage.CANCELLED),
        ({"orderPaymentStatus": "FULLY_REFUNDED", "orderFulfillmentStatus": "FULFILLED"}, Stage.READY),
        ({"fulfillmentStartInstructions": []}, Stage.PLACED),
        ({"fulfillmentStartInstructions": None}, Stage.PLACED),
        ({"cancelStatus": None}, Stage.READY),
        ({"cancelStatus": {"cancelState": "IN_PROGRESS"}}, Stage.PLACED),
        ({"cancelStatus": {"cancelState": "CANCELED"}}, Stage.CANCELLED),
        ({"cancelStatus": {"cancelState": "CANCELED"}, "orderPaymentStatus": "PENDING"}, Stage.CANCELLED),
    ],
)
def test_stages(changes: Json, stage: Stage) -> None:
    assert read(**changes).stage is stage


@pytest.mark.parametrize(
    ("method", "kind", "stage"),
    [
        ("CASH_ON_DELIVERY", PaymentKind.CASH_ON_DELIVERY, Stage.READY),
        ("CASH_ON_PICKUP", PaymentKind.CASH_ON_DELIVERY, Stage.READY),
        ("EFT", PaymentKind.TRANSFER, Stage.PLACED),
        ("PERSONAL_CHECK", PaymentKind.OTHER, Stage.PLACED),
        ("EBAY", PaymentKind.ONLINE, Stage.PLACED),
    ],
)
def test_an_unpaid_order_is_ready_only_where_it_is_paid_in_cash(method: str, kind: PaymentKind, stage: Stage) -> None:
    summary = {"payments": [{"paymentMethod": method, "paymentStatus": "PENDING"}]}
    order = read(orderPaymentStatus="PENDING", paymentSummary=summary)
    assert (order.payment.kind, order.payment.paid, order.stage) == (kind, None, stage)


def test_a_failed_payment_in_cash_is_not_ready() -> None:
    summary = {"payments": [{"paymentMethod": "CASH_ON_DELIVERY", "paymentStatus": "FAILED"}]}
    assert read(orderPaymentStatus="FAILED", paymentSummary=summary).stage is Stage.PLACED


def test_the_end_of_a_cancellation_counts_as_a_change() -> None:
    order = read(cancelStatus={"cancelState": "CANCELED", "cancelledDate": "2026-01-06T00:00:00.000Z"})
    assert order.updated_at == datetime(2026, 1, 6, tzinfo=UTC)


def test_an_order_by_way_of_a_hub_goes_to_the_hub_with_its_reference() -> None:
    instructions = start(
        ebaySupportedFulfillment=True, finalDestinationAddress={"addressLine1": "1 Far Away", "countryCode": "US"}
    )
    instructions[0]["shippingStep"]["shipToReferenceId"] = "1234567890123456"
    instructions[0]["shippingStep"]["shipTo"]["companyName"] = "Hub 7"
    address = read(fulfillmentStartInstructions=instructions).delivery.address
    assert address is not None
    assert address.company == "Hub 7, Reference #1234567890123456"
    assert address.street == "Via Roma 1"
    del instructions[0]["shippingStep"]["shipTo"]["companyName"]
    address = read(fulfillmentStartInstructions=instructions).delivery.address
    assert address is not None
    assert address.company == "Reference #1234567890123456"


def test_pickup_in_the_sellers_store() -> None:
    instructions = [{"fulfillmentInstructionsType": "PREPARE_FOR_PICKUP", "pickupStep": {"merchantLocationKey": "s-7"}}]
    order = read(fulfillmentStartInstructions=instructions)
    assert order.delivery.pickup_point == PickupPoint(id="s-7")
    assert order.delivery.address is None
    assert order.stage is Stage.READY


@pytest.mark.parametrize(("kind", "by_ebay"), [("DIGITAL", False), ("FULFILLED_BY_EBAY", True)])
def test_what_is_not_sent_by_the_seller_goes_to_the_buyers_own_address(kind: str, *, by_ebay: bool) -> None:
    order = read(fulfillmentStartInstructions=[{"fulfillmentInstructionsType": kind}])
    assert order.delivery.address is not None
    assert order.delivery.address.street == "Heimweg 9"
    assert order.ships_itself is by_ebay


def test_ebays_fulfilment_program_ships_itself() -> None:
    assert read(program={"fulfillmentProgram": {"fulfilledBy": "EBAY"}}).ships_itself


def test_the_same_address_twice_is_one() -> None:
    assert read(fulfillmentStartInstructions=start() * 2) == read()


def test_an_old_order_that_has_lost_its_street_is_shown_but_not_forwarded() -> None:
    instructions = ship_to()
    del instructions[0]["shippingStep"]["shipTo"]["contactAddress"]["addressLine1"]
    order = read(fulfillmentStartInstructions=instructions)
    assert order.stage is Stage.PLACED
    assert order.delivery.address is None


def test_shipped() -> None:
    assert read(orderFulfillmentStatus="FULFILLED").shipped
    assert not read(orderFulfillmentStatus="IN_PROGRESS").shipped


def pricing(**changes: str) -> Json:
    told = {**ORDER["pricingSummary"], **{name: {"value": value, "currency": "EUR"} for name, value in changes.items()}}
    return {"pricingSummary": told}


@pytest.mark.parametrize(
    ("changes", "extra"),
    [
        (pricing(), []),
        (pricing(tax="2.40", total="36.90"), [("tax", "2.40")]),
        (pricing(tax="2.40"), []),  # eBay collects it and passes it on
        (pricing(adjustment="-3.00", total="31.50"), [("adjustment", "-3.00")]),
        (pricing(fee="1.00", total="35.50"), [("fee", "1.00")]),
        (pricing(fee="1.00", tax="2.40", total="37.90"), [("fee", "1.00"), ("tax", "2.40")]),
    ],
)
def test_what_the_total_has_beside_goods_and_delivery(changes: Json, extra: list[tuple[str, str]]) -> None:
    order = read(**changes)
    goods = [line for line in order.lines if line.goods]
    charges = [line for line in order.lines if not line.goods]
    assert [(line.id, str(line.total.amount)) for line in charges] == [
        (f"01-03955-36441/{key}", sum_) for key, sum_ in extra
    ]
    assert len(goods) == 2
    assert sum((line.total.amount for line in order.lines), order.delivery.cost.amount) == order.total.amount


@pytest.mark.parametrize(("total", "extra"), [("34.50", []), ("36.00", ["tax"])])
def test_tax_that_only_the_lines_tell(total: str, extra: list[str]) -> None:
    items = copy.deepcopy(ORDER["lineItems"])
    items[0]["ebayCollectAndRemitTaxes"] = [{"taxType": "VAT", "amount": {"value": "1.50", "currency": "EUR"}}]
    order = read(lineItems=items, **pricing(total=total))
    assert [line.id.partition("/")[2] for line in order.lines if not line.goods] == extra


@given(
    costs=st.lists(st.tuples(st.integers(1, 9_999_999), st.integers(1, 500)), min_size=1, max_size=6),
    delivery=st.integers(0, 100_000),
    difference=st.integers(-100_000, 100_000),
)
def test_lines_and_delivery_always_make_the_total(costs: list[tuple[int, int]], delivery: int, difference: int) -> None:
    def told(cents: int) -> Json:
        return {"value": f"{Decimal(cents) / 100}", "currency": "EUR"}

    items = [
        {**ORDER["lineItems"][1], "lineItemId": str(n), "quantity": quantity, "lineItemCost": told(cents)}
        for n, (cents, quantity) in enumerate(costs)
    ]
    total = sum(cents for cents, _ in costs) + delivery + difference
    order = read(lineItems=items, pricingSummary={"deliveryCost": told(delivery), "total": told(total)})
    assert sum((line.total.amount for line in order.lines), order.delivery.cost.amount) == order.total.amount
    for line in order.lines:
        assert abs(line.unit_price.amount * line.quantity - line.total.amount) <= Decimal("0.00005") * line.quantity


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [("Anna Maria Schmidt", "Anna Maria", "Schmidt"), ("Plato", None, "Plato"), ("  ", None, None), ("", None, None)],
)
def test_names(name: str, first: str | None, last: str | None) -> None:
    instructions = start()
    instructions[0]["shippingStep"]["shipTo"]["fullName"] = name
    address = read(fulfillmentStartInstructions=instructions).delivery.address
    assert address is not None
    assert (address.first_name, address.last_name) == (first, last)


@pytest.mark.parametrize(
    ("carrier", "expected"),
    [
        ("DHL", "DHL"),
        ("dhl", "DHL"),
        ("Deutsche Post", "DeutschePost"),
        ("poczta-polska", "PocztaPolska"),
        ("BRT", "Bartolini"),
        ("Österreichische Post", "OsterreichischePostAG"),
        ("InPost", "Other"),
        ("", "Other"),
        ("FourPX", "FourPX"),
    ],
)
def test_carriers(carrier: str, expected: str) -> None:
    assert code(carrier) == expected


def test_every_choice_is_known_by_its_code_and_its_title() -> None:
    for choice in choices():
        assert code(choice.id) == choice.id
        assert code(choice.title) == choice.id or choice.id == "Other"
    assert len(TITLES) == len(choices())
