"""The shop's own orders, as loosely typed as files answer them."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderferry import Echo, MalformedOrder, Order, PaymentKind, Stage, php
from plugins.shops.integration_file import wire
from plugins.shops.integration_file.orders import understand
from plugins.shops.integration_file.platform import IntegrationFile
from plugins.shops.integration_file.settings import FileSettings
from plugins.shops.integration_file.simulator import FileSimulator
from tests.plugins.integration_file.asking import SINCE, add, order
from tests.plugins.integration_file.conftest import OpenShop

ANSWER: dict[str, Any] = {
    "date_add": "1767603600",
    "status_id": 2,
    "paid": "0",
    "email": "ola@example.com",
    "phone": 500600700,
    "payment_method": "Pobranie",
    "payment_method_cod": True,
    "delivery_method": "Kurier",
    "delivery_price": "12,20",
    "delivery_fullname": "Ola Maria Testowa",
    "delivery_address": "Próżna 9",
    "delivery_postcode": "00-107",
    "delivery_city": "Warszawa",
    "delivery_country_code": "",
    "invoice_nip": "5252248481",
    "invoice_company": "Testowa Sp. z o.o.",
    "invoice_address": "Rynek 1",
    "invoice_city": "Wrocław",
    "user_comments": None,
    "products": [
        {"name": "Kubek", "price": 20.5, "quantity": "2.0000", "tax": "-1"},
        {"name": "Etui", "price": "3", "quantity": 1, "tax": 8},
    ],
}


def understood(settings: FileSettings, **changed: Any) -> Order | Echo | MalformedOrder:
    return understand("17", json.dumps(ANSWER | changed).encode(), settings, "of-kit-")


def test_an_order_of_the_shop(settings: FileSettings) -> None:
    found = understood(settings)
    assert isinstance(found, Order)
    assert (found.external_id, found.stage, str(found.total)) == ("17", Stage.READY, "56.20 PLN")
    assert found.payment.kind is PaymentKind.CASH_ON_DELIVERY
    assert found.payment.paid is None
    assert [(line.id, line.quantity, str(line.total), line.tax_rate) for line in found.lines] == [
        ("17-1", 2, "41.00 PLN", None),  # of no other order: the hub tells merged orders by their lines
        ("17-2", 1, "3.00 PLN", Decimal(8)),
    ]
    assert found.delivery.address is not None
    assert (found.delivery.address.first_name, found.delivery.address.last_name) == ("Ola Maria", "Testowa")
    assert found.delivery.address.country == "PL"
    assert found.invoice is not None
    assert (found.invoice.tax_id, found.invoice.address.company) == ("5252248481", "Testowa Sp. z o.o.")


def test_stages_and_payment(settings: FileSettings) -> None:
    cancelling = msgspec.structs.replace(settings, cancelled_statuses=("2",))
    cancelled = understood(cancelling)
    assert isinstance(cancelled, Order)
    assert cancelled.stage is Stage.CANCELLED
    nowhere = understood(settings, delivery_address="", delivery_city="")
    assert isinstance(nowhere, Order)
    assert nowhere.stage is Stage.PLACED
    paid = understood(settings, paid=1, currency="EUR")
    assert isinstance(paid, Order)
    assert paid.paid
    assert paid.total.currency == "EUR"


@pytest.mark.parametrize("paid", [True, None])
def test_one_of_ours_is_an_echo(settings: FileSettings, *, paid: bool | None) -> None:
    found = understood(settings, user_comments="of-kit-9\nhello", paid="1" if paid else "0")
    assert found == Echo(reference="of-kit-9", id="17", paid=paid, status="2")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"date_add": "yesterday"}, "date_add"),
        ({"date_add": 10**18}, "date_add"),
        ({"products": []}, "line"),
        ({"products": [{"name": "x", "price": None, "quantity": 1}]}, "price"),
        ({"products": [{"name": "x", "price": 1, "quantity": "a few"}]}, "quantity"),
        ({"products": [{"name": "x", "price": 1, "quantity": 1.5}]}, "quantity"),
        ({"products": "none"}, "products"),
        ({"delivery_country_code": "Polska"}, "country"),
    ],
)
def test_what_cannot_be_understood_is_kept(settings: FileSettings, changed: dict[str, Any], reason: str) -> None:
    found = understood(settings, **changed)
    assert isinstance(found, MalformedOrder)
    assert found.external_id == "17"
    assert reason in found.reason


async def test_a_payment_and_a_cancellation_show_in_a_later_fetch(sim: FileSimulator, open_shop: OpenShop) -> None:
    shop = open_shop(cancelled_statuses=("4",))
    first, second = sim.place_order(paid="0"), sim.place_order()
    page = await shop.fetch_orders(None, None)
    assert [order_.paid for order_ in page.orders] == [False, True]
    sim.shop.orders[first]["paid"] = "1"
    sim.shop.orders[second]["status_id"] = "4"
    page = await shop.fetch_orders(page.cursor, None)
    assert [(order_.external_id, order_.paid, order_.stage) for order_ in page.orders] == [
        (first, True, Stage.READY),
        (second, True, Stage.CANCELLED),
    ]


async def test_older_orders_are_left_alone_unless_asked_for(sim: FileSimulator, shop: IntegrationFile) -> None:
    old = sim.place_order()
    sim.shop.orders[old]["date_add"] = int((SINCE - timedelta(days=40)).timestamp())
    assert not (await shop.fetch_orders(None, None)).orders
    page = await shop.fetch_orders(None, SINCE - timedelta(days=41))
    assert [order_.external_id for order_ in page.orders] == [old]


async def test_an_order_of_ours_is_never_imported(sim: FileSimulator, shop: IntegrationFile) -> None:
    made = await add(shop, order(3))
    page = await shop.fetch_orders(None, None)
    assert page.orders == ()
    assert [(echo.reference, echo.id) for echo in page.echoes] == [("of-kit-3", made.id)]
    assert list(sim.shop.orders) == [made.id]


@pytest.mark.parametrize(
    ("body", "number"),
    [
        (b'{"order_id": 17}', "17"),
        (b'{"order_id": "17"}', "17"),
        (b'{"order_id": null}', None),
        (b'{"order_id": 0}', None),
        (b'{"order_id": ""}', None),
        (b'{"order_id": false}', None),
        (b'{"order_id": true}', None),
        (b'{"order_id": []}', None),
        (b"{}", None),
        (b"[]", None),
        (b'<br />\n<b>Notice</b>: x in <b>/x.php</b> on line <b>7</b><br />\n{"order_id":17}', "17"),
    ],
)
def test_only_a_number_is_a_success(body: bytes, number: str | None) -> None:
    assert wire.read_added(body) == number


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(), st.lists))
def test_whatever_stands_there_a_flag_or_a_number_is_read_without_an_error(value: Any) -> None:
    if isinstance(value, list):
        return
    assert isinstance(php.truth(value), bool)
    assert php.count(value) is None or abs(php.count(value) or 0) <= sys.float_info.max


@given(st.binary(max_size=200))
def test_no_body_is_taken_for_a_success_by_chance(body: bytes) -> None:
    try:
        number = wire.read_added(body)
    except (ValueError, msgspec.MsgspecError):
        return
    assert number is None or number.encode() in body
