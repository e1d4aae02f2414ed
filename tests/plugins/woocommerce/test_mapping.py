"""What is sent, and what is read, value by value."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from orderferry import (
    Buyer,
    ForwardOrder,
    Money,
    PaymentKind,
    PickupPoint,
    Rejected,
)
from orderferry.forward import ForwardPayment
from orderferry.testing.samples import forward_order
from plugins.shops.woocommerce import mapping, wire
from plugins.shops.woocommerce.knowledge import Match
from plugins.shops.woocommerce.prices import Place, Rate, TaxRules
from plugins.shops.woocommerce.settings import WooSettings

NO_TAXES = TaxRules(enabled=False)
VAT = TaxRules(
    enabled=True,
    prices_include_tax=True,
    shop=Place("PL"),
    classes=("reduced-rate",),
    rates=(
        Rate(id=1, tax_class="", percent=Decimal(23), country="PL"),
        Rate(id=2, tax_class="reduced-rate", percent=Decimal(8), country="PL"),
    ),
)
MUG = Match(wire.ProductAnswer(id=10, sku="MUG", manage_stock=True))
SHIRT = Match(wire.ProductAnswer(id=12, parent_id=11, type="variation", sku="SHIRT-M", manage_stock=True))
NONE = Match()


def order(**changed: Any) -> ForwardOrder:
    return msgspec.structs.replace(forward_order("of-kit-1", skus=("MUG", "SHIRT-M")), **changed)


def drafted(wanted: ForwardOrder, settings: WooSettings, *matches: Match, rules: TaxRules = VAT) -> mapping.Draft:
    return mapping.draft(wanted, matches or (MUG, SHIRT), rules, settings)


def meta(body: dict[str, Any]) -> dict[str, str]:
    return {entry["key"]: entry["value"] for entry in body["meta_data"]}


def test_everything_that_may_be_told_is_in_the_body(settings: WooSettings) -> None:
    body = drafted(order(fields={"_billing_faktura": "1"}), settings).body
    assert body["status"] == "processing"
    assert "set_paid" not in body  # together with a status it makes two changes and two mails
    assert body["created_via"] == "of-kit-1"
    assert body["currency"] == "PLN"
    assert body["customer_note"] == "please ring twice"
    assert (body["payment_method"], body["payment_method_title"]) == ("other", "PayU")
    assert body["transaction_id"] == "pay-4711"
    assert body["billing"]["company"] == "Ćwiekowska Sp. z o.o."
    assert body["billing"]["email"] == "zaneta.kupujaca@example.com"
    assert body["billing"]["country"] == "PL"
    assert body["shipping"]["address_1"] == "ul. Gęśla Próbna 7/3"
    assert "email" not in body["shipping"]
    assert meta(body) == {
        "_orderferry_reference": "of-kit-1",
        "_orderferry_order": "e-of-kit-1",
        "_orderferry_source": "tested-marketplace",
        "_orderferry_platform": "allegro",
        "_orderferry_number": "17",
        "_orderferry_payment": "paid",
        "_orderferry_login": "kupujaca_zaneta",
        "_orderferry_pickup_point": "WRO117M",
        "_orderferry_pickup_point_name": "Parcel locker WRO117M",
        "_parcel_machine_id": "WRO117M",
        "_billing_nip": "5252248481",
        "_billing_faktura": "1",
    }


def test_lines_carry_the_product_and_never_its_sku_or_another_name(settings: WooSettings) -> None:
    mug, shirt = drafted(order(), settings).body["line_items"]
    assert mug == {
        "quantity": 1,
        "product_id": 10,
        "subtotal": "10.845528",
        "total": "10.845528",
        "meta_data": [{"key": "_orderferry_offer", "value": "770001"}],
    }
    assert (shirt["product_id"], shirt["variation_id"], shirt["quantity"]) == (11, 12, 2)
    assert shirt["total"] == "23.317073"  # 28.68 gross


def test_delivery_is_net_and_keeps_the_marketplaces_name(settings: WooSettings) -> None:
    body = drafted(order(), settings).body
    assert body["shipping_lines"] == [{"method_id": "other", "method_title": "Parcel locker 24/7", "total": "8.121951"}]
    mapped = msgspec.structs.replace(order().delivery, shop_method="flat_rate:3", method=None)
    (line,) = drafted(order(delivery=mapped), settings).body["shipping_lines"]
    assert line == {"method_id": "flat_rate", "instance_id": "3", "method_title": "Delivery", "total": "8.121951"}


def test_a_shop_without_taxes_gets_gross_prices(settings: WooSettings) -> None:
    body = drafted(order(), settings, rules=NO_TAXES).body
    assert [line["total"] for line in body["line_items"]] == ["13.340000", "28.680000"]
    assert "fee_lines" not in body


def test_a_line_of_no_product_goes_in_all_the_same(settings: WooSettings) -> None:
    sent = drafted(order(), settings, NONE, SHIRT)
    line = sent.body["line_items"][0]
    assert line["sku"] == "of-kit-1:1"  # a SKU that no product has, so that none is bound by chance
    assert "product_id" not in line
    assert {"key": "SKU", "value": "MUG"} in line["meta_data"]
    (warning,) = sent.warnings
    assert "SKU MUG" in warning
    assert "770001" in warning


def test_a_line_of_no_product_takes_the_tax_class_of_the_marketplaces_rate(settings: WooSettings) -> None:
    lines = tuple(msgspec.structs.replace(line, tax_rate=Decimal(8)) for line in order().lines)
    line = drafted(order(lines=lines), settings, NONE, SHIRT).body["line_items"][0]
    assert (line["tax_class"], line["total"]) == ("reduced-rate", "12.351852")


def test_what_is_no_goods_needs_no_product_and_warns_of_none(settings: WooSettings) -> None:
    deposit = msgspec.structs.replace(order().lines[0], goods=False)
    assert drafted(order(lines=(deposit, order().lines[1])), settings, NONE, SHIRT).warnings == ()


def test_what_is_withheld_is_not_there(settings: WooSettings) -> None:
    bare = order(payment=None, comment=None, buyer=Buyer(), invoice=None)
    body = drafted(bare, settings).body
    assert not {"payment_method", "payment_method_title", "transaction_id"} & body.keys()
    assert body["customer_note"] == ""
    assert "email" not in body["billing"]
    assert body["billing"]["address_1"] == "ul. Gęśla Próbna 7/3"
    assert "_orderferry_login" not in meta(body)
    assert meta(body)["_orderferry_payment"] == "unknown"


def test_the_email_is_left_out_where_wanted_or_refused(settings: WooSettings) -> None:
    silent = msgspec.structs.replace(settings, send_email=False)
    assert "email" not in drafted(order(), silent).body["billing"]
    for text in ("kupujący@przykład", "two@@example.com", "a b@example.com", "a@b"):
        sent = drafted(order(buyer=Buyer(email=text)), settings)
        assert "email" not in sent.body["billing"]
        assert text not in sent.warnings[0]


def test_a_pickup_point_without_an_address_lends_its_own(settings: WooSettings) -> None:
    whole = order()
    point = PickupPoint(id="POZ08A", address=whole.delivery.address)
    delivery = msgspec.structs.replace(whole.delivery, address=None, pickup_point=point)
    body = drafted(order(delivery=delivery, invoice=None), settings).body
    assert body["shipping"]["city"] == "Kąty Wrocławskie"
    assert body["billing"]["last_name"] == "Brzęczyszczewska"


ONLINE, COD = PaymentKind.ONLINE, PaymentKind.CASH_ON_DELIVERY


@pytest.mark.parametrize(
    ("status", "payment", "first", "then"),
    [
        (None, None, "processing", None),
        ("completed", None, "completed", None),
        ("wc-processing", None, "processing", None),
        ("processing", ForwardPayment(kind=ONLINE, paid=True), "processing", None),
        ("processing", ForwardPayment(kind=ONLINE, paid=False), "on-hold", None),
        ("completed", ForwardPayment(kind=PaymentKind.TRANSFER, paid=False), "on-hold", None),
        ("processing", ForwardPayment(kind=COD, paid=False), "processing", None),
        ("on-hold", ForwardPayment(kind=ONLINE, paid=True), "on-hold", None),
        ("packing-hall", ForwardPayment(kind=ONLINE, paid=True), "processing", "packing-hall"),
        ("packing-hall", ForwardPayment(kind=ONLINE, paid=False), "on-hold", "packing-hall"),
    ],
)
def test_the_status_lowers_the_stock_and_claims_no_payment(
    status: str | None, payment: ForwardPayment | None, first: str, then: str | None
) -> None:
    assert mapping.statuses_of(order(status=status, payment=payment)) == (first, then)


@pytest.mark.parametrize("status", ["pending", "failed", "checkout-draft", "cancelled", "refunded", "wc-pending"])
def test_a_status_that_leaves_the_stock_alone_is_refused(status: str) -> None:
    with pytest.raises(Rejected, match="stock"):
        mapping.statuses_of(order(status=status))


@pytest.mark.parametrize("reference", ["", "zażółć", "x" * 101])
def test_a_reference_that_could_not_be_found_again_is_refused(reference: str, settings: WooSettings) -> None:
    with pytest.raises(Rejected, match="reference"):
        drafted(order(reference=reference), settings)


def answered(*lines: dict[str, Any], total: str = "52.01") -> wire.OrderAnswer:
    whole = {"id": 5, "number": "5", "status": "processing", "total": total, "currency": "PLN", "line_items": lines}
    return msgspec.convert(whole, wire.OrderAnswer)


FELL = {"meta_data": [{"key": "_reduced_stock", "value": "1"}]}


def test_stock_fell_when_every_counted_line_says_so(settings: WooSettings) -> None:
    sent = drafted(order(), settings)
    mug, shirt = {"product_id": 10, **FELL}, {"product_id": 11, "variation_id": 12, **FELL}
    fine = mapping.added(answered(mug, shirt), sent)
    assert (fine.stock_fell, fine.warnings) == (True, ())
    short = mapping.added(answered(mug, {"product_id": 11, "variation_id": 12}), sent)
    assert short.stock_fell is False
    assert short.warnings


def test_stock_says_nothing_where_none_is_counted(settings: WooSettings) -> None:
    loose = Match(wire.ProductAnswer(id=10, manage_stock=False))
    sent = drafted(order(), settings, loose, NONE)
    made = mapping.added(answered({"product_id": 10}, {"product_id": 0}), sent)
    assert made.stock_fell is None


def test_a_product_that_has_gone_or_changed_is_warned_of(settings: WooSettings) -> None:
    sent = drafted(order(), settings)
    answer = answered({"product_id": 0}, {"product_id": 11, "variation_id": 99, **FELL})
    made = mapping.added(answer, sent)
    assert made.stock_fell is False
    assert len(made.warnings) == 3
    assert [product.id for product in mapping.stale(answer, sent)] == [10, 12]


def test_a_total_that_differs_is_handed_on_as_it_is(settings: WooSettings) -> None:
    sent = drafted(order(), settings)
    made = mapping.added(answered({"product_id": 10, **FELL}, {"product_id": 12, **FELL}, total="52.00"), sent)
    assert made.total == Money(Decimal("52.00"), "PLN")
    assert made.warnings == ()  # the daemon compares, and tells both figures
