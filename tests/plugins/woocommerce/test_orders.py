"""What is read of the shop's orders, value by value, and how a body becomes an answer."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from orderferry import (
    Echo,
    Line,
    MalformedOrder,
    Money,
    Order,
    PaymentKind,
    Stage,
)
from plugins.shops.woocommerce import orders, wire
from plugins.shops.woocommerce.settings import WooSettings
from plugins.shops.woocommerce.telling import parcels_in

ADDRESS = {"first_name": "Ola", "address_1": "Próżna 9", "city": "Warszawa", "postcode": "00-107", "country": "PL"}


def raw(**changed: Any) -> bytes:
    whole: dict[str, Any] = {
        "id": 7,
        "number": "7",
        "status": "processing",
        "currency": "PLN",
        "total": "61.98",
        "created_via": "checkout",
        "date_created_gmt": "2026-01-05T08:00:00",
        "date_modified_gmt": "2026-01-05T08:30:00",
        "date_paid_gmt": "2026-01-05T08:10:00",
        "shipping_total": "9.75",
        "shipping_tax": "2.24",
        "payment_method": "bacs",
        "customer_id": 4,
        "billing": {**ADDRESS, "email": "ola@example.com", "phone": "500600700"},
        "shipping": ADDRESS,
        "line_items": [
            {
                "id": 1,
                "name": "Mug",
                "quantity": 2,
                "total": "40.642276",
                "total_tax": "9.35",
                "sku": "MUG",
                "taxes": [{"id": 1, "total": "9.35"}],
            }
        ],
        "tax_lines": [{"rate_id": 1, "rate_percent": 23}],
        "shipping_lines": [{"method_id": "flat_rate", "instance_id": "2", "method_title": "Kurier"}],
        "meta_data": [],
    }
    return json.dumps(whole | changed).encode()


def understood(settings: WooSettings, **changed: Any) -> Order | Echo | MalformedOrder | None:
    return orders.understand(raw(**changed), settings, "of-kit-")


def test_a_shops_order_is_gross_and_whole(settings: WooSettings) -> None:
    found = understood(settings, meta_data=[{"key": "_billing_nip", "value": "5252248481"}])
    assert isinstance(found, Order)
    assert (found.external_id, found.stage, found.revision) == ("7", Stage.READY, "2026-01-05T08:30:00")
    (line,) = found.lines
    assert isinstance(line, Line)
    assert (line.sku, line.quantity, line.tax_rate) == ("MUG", 2, Decimal(23))
    assert line.unit_price == Money(Decimal("25.00"), "PLN")
    assert found.delivery.cost == Money(Decimal("11.99"), "PLN")
    assert (found.delivery.method_id, found.delivery.method) == ("flat_rate:2", "Kurier")
    assert found.delivery.address is not None
    assert found.delivery.address.phone == "500600700"
    assert (found.payment.kind, found.paid) == (PaymentKind.TRANSFER, True)
    assert (found.buyer.id, found.buyer.guest) == ("4", False)
    assert found.invoice is not None
    assert found.invoice.tax_id == "5252248481"


@pytest.mark.parametrize(
    ("status", "stage"),
    [
        ("pending", Stage.PLACED),
        ("on-hold", Stage.READY),
        ("completed", Stage.READY),
        ("packing-hall", Stage.READY),
        ("cancelled", Stage.CANCELLED),
        ("failed", Stage.CANCELLED),
    ],
)
def test_stages(settings: WooSettings, status: str, stage: Stage) -> None:
    found = understood(settings, status=status)
    assert isinstance(found, Order)
    assert found.stage is stage


@pytest.mark.parametrize("status", ["checkout-draft", "auto-draft", "trash"])
def test_drafts_and_trash_are_passed_over(settings: WooSettings, status: str) -> None:
    assert understood(settings, status=status) is None


def test_cash_on_delivery_is_not_paid_although_the_shop_dates_it(settings: WooSettings) -> None:
    found = understood(settings, payment_method="cod")
    assert isinstance(found, Order)
    assert not found.paid
    assert found.payment.paid_at is None


@pytest.mark.parametrize(
    ("mark", "method", "dated", "paid"),
    [
        ("paid", "other", True, True),
        ("paid", "cod", True, True),
        ("unpaid", "other", True, True),
        ("unpaid", "other", False, False),
        ("status", "other", True, None),
        ("unknown", "other", True, None),
        ("unknown", "other", False, None),
        ("cash_on_delivery", "other", True, None),
        ("cash_on_delivery", "cod", True, None),
        (None, "other", True, True),
        (None, "cod", True, None),
        (None, "other", False, False),
    ],
)
def test_an_echo_tells_of_payment_only_what_is_certain(
    settings: WooSettings, mark: str | None, method: str, dated: bool, paid: bool | None
) -> None:
    notes = [{"key": "_orderferry_payment", "value": mark}] if mark else []
    found = understood(
        settings,
        created_via="of-kit-9",
        payment_method=method,
        date_paid_gmt="2026-01-05T08:10:00" if dated else None,
        meta_data=notes,
    )
    assert found == Echo(reference="of-kit-9", id="7", paid=paid, status="processing")


def test_the_reference_may_be_in_the_note_alone(settings: WooSettings) -> None:
    found = understood(settings, meta_data=[{"key": "_orderferry_reference", "value": "of-kit-9"}])
    assert isinstance(found, Echo)
    others = understood(settings, meta_data=[{"key": "_orderferry_reference", "value": "of-other-9"}])
    assert isinstance(others, Order)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"total": "ten"}, "amount"),
        ({"date_modified_gmt": None}, "date_modified_gmt"),
        ({"billing": None}, "billing"),
        ({"line_items": []}, "line"),
        ({"line_items": [{"id": 1, "quantity": 0.5, "total": "1"}]}, "quantity"),
        ({"line_items": [{"id": 1, "quantity": -1, "total": "1"}]}, "quantity"),
        ({"currency": ""}, "currency"),
        ({"shipping": {}, "billing": {}}, "address"),
    ],
)
def test_what_cannot_be_understood_is_kept_raw_and_named(
    settings: WooSettings, changed: dict[str, Any], named: str
) -> None:
    found = understood(settings, **changed)
    assert isinstance(found, MalformedOrder)
    assert found.external_id == "7"
    assert named in found.reason
    assert found.raw == raw(**changed)


@pytest.mark.parametrize(
    "before",
    [
        b"",
        b"\xef\xbb\xbf",
        b"\n \n",
        b"<br />\n<b>Notice</b>: Undefined index: x in <b>/x.php</b> on line <b>7</b><br />\n",
        b'PHP Warning:  foreach() {"a"}\n[23-Nov-2026] once more [] in x.php\n',
    ],
)
def test_what_php_prints_before_the_answer_is_passed_over(before: bytes) -> None:
    assert wire.reader(list[wire.Slug])(before + b'[{"slug":"a"}]') == [wire.Slug(slug="a")]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<!doctype html><title>Welcome</title>",
        b'[{"id":1,"status":"x","meta_data":[]',
        b'Notice\n[{"id":1,"status":"x","meta_data":[]',
        b'[{"id":1,"status":"x","meta_data":\n[]',
        b'Notice\n[{"id":1,"status":"x","meta_data":\n[]',
        b'{"code":"x"}',
        b"null",
        b"[[]]",
    ],
)
def test_a_list_that_is_cut_off_or_something_else_is_never_an_empty_one(body: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        wire.reader(list[wire.OrderAnswer])(body)


def test_an_error_is_explained_also_behind_notices_and_a_strange_page_is_not() -> None:
    body = b'Notice: x\n{"code":"rest_no_route","message":"No route","data":{"status":404}}'
    assert wire.explain(body) == "No route (rest_no_route)"
    assert wire.explain(b"<html>Forbidden</html>") is None
    assert wire.explain(b'{"error":"x"}') is None


@pytest.mark.parametrize("value", [None, 5, "", "text", "[1]", '{"a":1}', [{"number": "1"}]])
def test_a_note_of_parcels_by_somebody_else_counts_as_nothing(value: object) -> None:
    assert parcels_in(value) == {}
