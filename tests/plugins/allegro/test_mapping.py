"""A checkout form becomes an order, field by field; what is odd where it does not matter harms nothing."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from orderferry import Address, Invoice, Line, Money, Order, PaymentKind, PickupPoint, Stage
from plugins.allegro import mapping

Json = dict[str, Any]

LINE = "62ae358b-8f65-4fc4-9c77-bedf604a2e2b"


def pln(amount: str) -> Money:
    return Money(Decimal(amount), "PLN")


def whole_form() -> Json:
    """A form that is ready, with everything in it that the live ones have."""
    form: Json = json.loads(Path(__file__).with_name("whole_form.json").read_text(encoding="utf-8"))
    return form


def order_of(form: Json) -> Order:
    return mapping.order(json.dumps(form).encode())


def test_every_field_of_the_table_is_carried() -> None:
    order = order_of(whole_form())
    assert order.external_id == "29738e61-7f6a-11e8-ac45-09db60ede9d6"
    assert order.revision == "819b5836"
    assert order.stage is Stage.READY
    assert order.updated_at == datetime(2026, 3, 1, 12, 30, 15, 133000, tzinfo=UTC)
    assert order.ordered_at == datetime(2026, 3, 1, 12, 20, 43, 123000, tzinfo=UTC)
    assert order.site == "allegro-pl"
    assert order.comment == "Please send me an item in red color"
    assert (order.buyer.id, order.buyer.login, order.buyer.email) == ("23123123", "User_Login", "user-email@allegro.pl")
    assert (order.buyer.first_name, order.buyer.last_name, order.buyer.company) == ("Jan", "Kowalski", None)
    assert (order.buyer.phone, order.buyer.language, order.buyer.guest) == ("+48 500 600 700", "pl-PL", False)
    assert order.lines == (
        Line(
            id=LINE,
            name="Kubek",
            quantity=3,
            unit_price=pln("41.15"),
            total=pln("123.45"),
            offer_id="3213213",
            sku="AH-129834",
            tax_rate=Decimal("23.00"),
        ),
    )
    assert order.delivery.method_id == "1fa56f79-4b6a-4821-a6f2-ca9c16d5c925"
    assert order.delivery.method == "Allegro Paczkomaty InPost"
    assert order.delivery.cost == pln("9.99")
    assert order.delivery.address == Address(
        first_name="Anna",
        last_name="Nowak",
        company="Udix",
        street="Grunwaldzka 182",
        city="Poznań",
        postcode="60-166",
        country="PL",
        phone="500600700",
    )
    assert order.delivery.pickup_point == PickupPoint(
        id="POZ08A",
        name="Paczkomat POZ08A",
        description="Stacja paliw BP",
        address=Address(street="Grunwaldzka 108", city="Poznań", postcode="60-166", country="PL"),
    )
    assert order.payment.kind is PaymentKind.ONLINE
    assert order.payment.id == "0f8f1d13-7e9e-11e8-9b00-c5b0dfb78ea6"
    assert order.payment.provider == "AF"
    assert order.payment.paid == pln("133.44")
    assert order.payment.paid_at == datetime(2026, 3, 1, 12, 30, 0, 321000, tzinfo=UTC)
    assert order.paid
    assert order.total == pln("133.44")
    assert order.invoice == Invoice(
        address=Address(company="Udix Sp. z o.o.", street="Fakturowa 5", city="Łódź", postcode="90-001", country="PL"),
        tax_id="5252674798",
        tax_id_kind="PL_NIP",
    )
    assert not order.shipped
    assert not order.ships_itself


def test_the_personal_identity_number_goes_nowhere() -> None:
    assert "67062589524" not in repr(order_of(whole_form()))


@pytest.mark.parametrize(
    ("status", "stage"),
    [
        ("BOUGHT", Stage.PLACED),
        ("FILLED_IN", Stage.PLACED),
        ("READY_FOR_PROCESSING", Stage.READY),
        ("CANCELLED", Stage.CANCELLED),
    ],
)
def test_stages(status: str, stage: Stage) -> None:
    assert order_of(whole_form() | {"status": status}).stage is stage


def test_a_purchase_without_form_has_no_delivery_and_no_payment_yet() -> None:
    form = whole_form() | {"status": "BOUGHT", "delivery": None, "payment": None, "messageToSeller": None}
    form["invoice"] = {"required": False, "address": None}
    order = order_of(form)
    assert order.delivery.address is None
    assert order.delivery.cost == pln("0")
    assert order.payment.kind is PaymentKind.OTHER
    assert order.payment.paid is None
    assert order.comment is None
    assert order.invoice is None


def test_a_filled_form_has_no_address_yet() -> None:
    form = whole_form() | {"status": "FILLED_IN"}
    form["delivery"]["address"] = None
    form["invoice"]["address"] = None
    order = order_of(form)
    assert order.stage is Stage.PLACED
    assert order.delivery.address is None
    assert order.invoice is None


def test_a_ready_form_may_have_a_pickup_point_alone() -> None:
    form = whole_form()
    form["delivery"]["address"] = None
    order = order_of(form)
    assert order.delivery.address is None
    assert order.delivery.pickup_point is not None


def test_a_stale_pickup_point_of_a_courier_order_is_kept_beside_the_address() -> None:
    form = whole_form()
    form["delivery"]["method"] = {"id": "845efe05-0c96-47e8-a8cb-aa4699c158ce", "name": "Allegro Kurier DPD"}
    order = order_of(form)
    assert order.delivery.address is not None
    assert order.delivery.pickup_point is not None


def test_a_pickup_point_without_country_keeps_its_code_and_no_guessed_address() -> None:
    form = whole_form()
    del form["delivery"]["pickupPoint"]["address"]["countryCode"]
    point = order_of(form).delivery.pickup_point
    assert point is not None
    assert point.id == "POZ08A"
    assert point.address is None


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ("CASH_ON_DELIVERY", PaymentKind.CASH_ON_DELIVERY),
        ("ONLINE", PaymentKind.ONLINE),
        ("SPLIT_PAYMENT", PaymentKind.ONLINE),
        ("WIRE_TRANSFER", PaymentKind.TRANSFER),
        ("EXTENDED_TERM", PaymentKind.DEFERRED),
        ("SEASHELLS", PaymentKind.OTHER),
        (None, PaymentKind.OTHER),
    ],
)
def test_payment_kinds(told: str | None, kind: PaymentKind) -> None:
    form = whole_form()
    form["payment"]["type"] = told
    assert order_of(form).payment.kind is kind


def test_cash_on_delivery_is_ready_and_not_paid() -> None:
    form = whole_form()
    form["payment"] |= {"type": "CASH_ON_DELIVERY", "provider": None, "paidAmount": None, "finishedAt": None}
    order = order_of(form)
    assert order.stage is Stage.READY
    assert order.payment.paid is None
    assert not order.paid


def test_a_finished_payment_without_amount_is_not_paid() -> None:
    form = whole_form()
    form["payment"]["paidAmount"] = None
    order = order_of(form)
    assert order.payment.paid_at is not None
    assert not order.paid


def test_surcharges_add_to_what_was_paid() -> None:
    form = whole_form()
    form["payment"]["paidAmount"]["amount"] = "100.00"
    form["surcharges"] = [{**form["payment"], "paidAmount": {"amount": "33.44", "currency": "PLN"}}, form["payment"]]
    form["surcharges"][1] = {**form["payment"], "paidAmount": None}
    order = order_of(form)
    assert order.payment.paid == pln("133.44")
    assert order.paid


def test_services_and_deposits_are_lines_without_stock() -> None:
    form = whole_form()
    fee = {"amount": "15.00", "currency": "PLN"}
    service = {"definitionId": "CARRY_IN", "name": "Wniesienie", "price": fee, "quantity": 2}
    bottle = {"id": "5e8a9e73", "name": "Kaucja", "price": {"amount": "0.50", "currency": "PLN"}}
    form["lineItems"][0] |= {"selectedAdditionalServices": [service], "deposit": bottle}
    goods, deposit, carrying = order_of(form).lines
    assert goods.goods
    assert deposit == Line(
        id=f"{LINE}/deposit", name="Kaucja", quantity=3, unit_price=pln("0.50"), total=pln("1.50"), goods=False
    )
    assert carrying == Line(
        id=f"{LINE}/service/CARRY_IN",
        name="Wniesienie",
        quantity=2,
        unit_price=pln("15.00"),
        total=pln("30.00"),
        goods=False,
    )


def test_the_order_is_as_old_as_its_earliest_line() -> None:
    form = whole_form()
    second = copy.deepcopy(form["lineItems"][0]) | {"id": "other", "boughtAt": "2026-02-27T08:00:00+01:00"}
    form["lineItems"].append(second)
    assert order_of(form).ordered_at == datetime(2026, 2, 27, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ids", "tax_id", "expected"),
    [
        ([{"type": "CZ_DIC", "value": "CZ1"}, {"type": "PL_NIP", "value": "1"}], "9", ("1", "PL_NIP")),
        ([{"type": "CZ_DIC", "value": "CZ1"}, {"type": "OTHER", "value": "2"}], "9", ("CZ1", "CZ_DIC")),
        ([{"type": "PL_NIP", "value": None}], "9", ("9", None)),
        ([], "9", ("9", None)),
        (None, None, (None, None)),
    ],
)
def test_tax_ids(ids: list[Json] | None, tax_id: str | None, expected: tuple[str | None, str | None]) -> None:
    form = whole_form()
    form["invoice"]["address"]["company"] = {"name": "Udix", "ids": ids, "taxId": tax_id}
    invoice = order_of(form).invoice
    assert invoice is not None
    assert (invoice.tax_id, invoice.tax_id_kind) == expected


def test_an_invoice_for_a_person() -> None:
    form = whole_form()
    form["invoice"]["address"] |= {"company": None, "naturalPerson": {"firstName": "Ewa", "lastName": "Lis"}}
    invoice = order_of(form).invoice
    assert invoice is not None
    assert (invoice.address.first_name, invoice.address.last_name, invoice.tax_id) == ("Ewa", "Lis", None)


def test_no_invoice_unless_the_buyer_wants_one() -> None:
    form = whole_form()
    form["invoice"]["required"] = False
    assert order_of(form).invoice is None


@pytest.mark.parametrize(("rate", "expected"), [("8.00", Decimal(8)), (5, Decimal(5)), (None, None), ("EXEMPT", None)])
def test_tax_rates(rate: object, expected: Decimal | None) -> None:
    form = whole_form()
    form["lineItems"][0]["tax"] = {"rate": rate}
    assert order_of(form).lines[0].tax_rate == expected


def test_one_fulfillment_ships_itself() -> None:
    form = whole_form()
    form["fulfillment"] |= {"provider": {"id": "ALLEGRO"}, "shipmentSummary": {"lineItemsSent": "ALL"}}
    order = order_of(form)
    assert order.ships_itself
    assert order.shipped


def test_partly_shipped_is_not_shipped() -> None:
    form = whole_form()
    form["fulfillment"]["shipmentSummary"]["lineItemsSent"] = "SOME"
    assert not order_of(form).shipped


@pytest.mark.parametrize("currency", ["CZK", "EUR", "HUF"])
def test_other_sites_have_other_currencies(currency: str) -> None:
    text = json.dumps(whole_form()).replace('"PLN"', f'"{currency}"').replace("allegro-pl", "allegro-cz")
    order = mapping.order(text.encode())
    assert order.total.currency == currency
    assert order.site == "allegro-cz"


def test_new_fields_and_new_values_that_do_not_matter_harm_nothing() -> None:
    form = whole_form() | {"brandNew": {"deep": [1, None]}}
    form["fulfillment"]["status"] = "FLYING"
    form["payment"]["provider"] = "NEW_PROVIDER"
    form["delivery"]["time"] = "soon"
    form["lineItems"][0]["discounts"] = "many"
    plain = order_of(whole_form())
    payment = msgspec.structs.replace(plain.payment, provider="NEW_PROVIDER")
    assert order_of(form) == msgspec.structs.replace(plain, payment=payment)


@pytest.mark.parametrize("absent", ["note", "marketplace", "surcharges", "invoice", "fulfillment", "messageToSeller"])
def test_what_may_be_missing_may_be_missing(absent: str) -> None:
    form = whole_form()
    del form[absent]
    assert order_of(form).external_id == form["id"]
    if absent != "note":
        assert order_of(form | {absent: None}).external_id == form["id"]


def test_the_example_assembled_from_the_official_description(shared: Path) -> None:
    folder = shared / "specs/allegro/examples"
    order = mapping.order((folder / "assembled_from_field_examples_2021_CheckoutForm.json").read_bytes())
    assert order.stage is Stage.READY
    assert order.total == pln("123.45")
    assert [line.id for line in order.lines] == [LINE, f"{LINE}/service/CARRY_IN"]
    assert order.payment.paid == pln("246.90")
    assert order.invoice is not None
    assert order.invoice.address.company == "Udix Sp. z o.o."
    assert order.delivery.pickup_point is not None


def test_whatever_live_forms_leave_empty_may_be_empty(shared: Path) -> None:
    """The field list of 100 live forms tells for each field how many had it filled: the others must do without."""
    listed = json.loads(
        (shared / "specs/allegro/examples/live_shape_2026-09-02_checkout-forms.json").read_text(encoding="utf-8")
    )
    sometimes = [path for path, count in listed.items() if isinstance(count, list) and count[1] < count[0]]
    assert len(sometimes) > 30
    for path in sometimes:
        form = whole_form()
        if path == "invoice.address":
            form["invoice"]["required"] = False
        _empty(form, path.replace("[]", "").split("."))
        assert order_of(form).total == pln("133.44"), path


def _empty(value: Any, path: list[str]) -> None:  # walks any JSON
    if isinstance(value, list):
        for one in value:
            _empty(one, path)
    elif isinstance(value, dict):
        if len(path) == 1:
            value[path[0]] = None
        else:
            _empty(value.get(path[0]), path[1:])


def test_every_field_that_live_forms_always_have_is_expected_where_it_is(shared: Path) -> None:
    """The form of these tests has the shape of the live ones, so that they prove something about those."""
    listed = json.loads(
        (shared / "specs/allegro/examples/live_shape_2026-09-02_checkout-forms.json").read_text(encoding="utf-8")
    )
    form = whole_form()
    unread = {"serialNumbers", "ids[]"}
    for path, count in listed.items():
        if path.startswith("_") or not isinstance(count, list) or count[1] == 0:
            continue
        parts = path.replace("[]", "").split(".")
        if unread & set(path.split(".")) or "{" in path or parts[0] == "codBookedPayments":
            continue
        value: Any = form
        for part in parts:
            value = value[0] if isinstance(value, list) else value
            if value is None:
                break
            assert part in value, path
            value = value[part]


def test_peek_reads_what_it_can() -> None:
    good = json.dumps(whole_form()).encode()
    assert mapping.peek(good) == (whole_form()["id"], datetime(2026, 3, 1, 12, 30, 15, 133000, tzinfo=UTC))
    assert mapping.peek(b'{"id": 7, "updatedAt": "2026-03-01T12:30:15Z"}') == (None, None)
    assert mapping.peek(b'{"id": "a", "updatedAt": 7}') == ("a", None)
    assert mapping.peek(b'{"id": "a", "updatedAt": "2026-03-01T12:30:15"}') == ("a", None)
    assert mapping.peek(b"[]") == (None, None)
    assert mapping.peek(b"\xff") == (None, None)
    assert mapping.peek(msgspec.json.encode({"id": "x" * 65})) == (None, None)
