"""What an order of the simulator becomes: stages, missing data, quantities, payment, who ships."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderferry import Malformed, MalformedOrder, Order, PaymentKind, Stage
from plugins.amazon import mapping
from plugins.amazon.simulator_state import Market

Json = dict[str, Any]
NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
PERSONAL = ("Kowalska", "Groß", "Lefèvre", "García", "Lindström", "Polna", "Hauptstraße", "rue de", "@marketplace")


@pytest.fixture
def market() -> Market:
    return new_market()


def new_market() -> Market:
    return Market(random.Random(5), lambda: NOW)  # noqa: S311 - a test must be repeatable


def read(market: Market, order_id: str) -> Order:
    found = mapping.order_or_malformed(msgspec.json.encode(market.shown(order_id)))
    assert isinstance(found, Order), found
    return found


def changed(market: Market, change: Callable[[Json], None]) -> Order | MalformedOrder | None:
    document = copy.deepcopy(market.shown(market.purchase({"SKU-001": 1, "SKU-002": 2})))
    change(document)
    return mapping.order_or_malformed(msgspec.json.encode(document))


def test_a_pending_order_is_placed_and_tells_what_little_there_is(market: Market) -> None:
    order = read(market, market.buy({"SKU-001": 2}))
    assert order.stage is Stage.PLACED
    assert order.total.amount == 0
    assert order.total.currency == "PLN"
    assert order.payment.paid is None
    assert [(line.sku, line.quantity) for line in order.lines] == [("SKU-001", 2)]


def test_an_order_that_can_be_shipped_is_ready_and_paid(market: Market) -> None:
    order = read(market, market.purchase({"SKU-001": 2}, wishes={"shipping": "9.99"}))
    assert order.stage is Stage.READY
    assert order.paid
    assert (order.total.amount, order.delivery.cost.amount) == (Decimal("69.79"), Decimal("9.99"))
    assert (order.lines[0].unit_price.amount, order.lines[0].total.amount) == (Decimal("29.90"), Decimal("59.80"))
    assert order.external_id
    assert order.ordered_at == order.updated_at == NOW


def test_promotions_lower_the_line_and_the_delivery(market: Market) -> None:
    wishes = {"discount": "5.00", "free_shipping": True, "wrap": "3.00", "tip": "2.00", "tax": True}
    order = read(market, market.purchase({"SKU-001": 1}, wishes=wishes))
    assert [(line.name, line.total.amount, line.goods) for line in order.lines] == [
        ("Kubek emaliowany 400 ml", Decimal("24.90"), True),
        ("Gift wrap", Decimal("3.00"), False),
        ("Delivery tip", Decimal("2.00"), False),
    ]
    assert order.delivery.cost.amount == 0
    assert order.total.amount == Decimal("29.90")
    assert order.lines[0].tax_rate == 23


def test_an_order_without_address_is_not_ready_whatever_amazon_says(market: Market) -> None:
    market.withhold = True
    order = read(market, market.purchase())
    assert order.stage is Stage.PLACED
    assert order.delivery.address is None
    assert order.paid, "the money is there all the same"


@pytest.mark.parametrize("field", ["name", "addressLine1", "city", "countryCode"])
def test_a_part_that_nobody_can_do_without(market: Market, field: str) -> None:
    order = changed(market, lambda document: document["recipient"]["deliveryAddress"].pop(field))
    assert isinstance(order, Order)
    assert order.stage is Stage.PLACED


def test_the_street_may_stand_in_any_line(market: Market) -> None:
    def move(document: Json) -> None:
        document["recipient"]["deliveryAddress"] |= {
            "addressLine1": "",
            "addressLine2": "Flat 2",
            "addressLine3": "c/o X",
        }

    order = changed(market, move)
    assert isinstance(order, Order)
    assert order.delivery.address is not None
    assert (order.delivery.address.street, order.delivery.address.street2) == ("Flat 2", "c/o X")


def test_amazon_ships_from_its_own_stock(market: Market) -> None:
    order = read(market, market.purchase(fulfilled_by="AMAZON"))
    assert order.ships_itself


def test_a_sale_of_another_channel_is_no_order_of_amazon(market: Market) -> None:
    assert changed(market, lambda document: document["salesChannel"].update(channelName="NON_AMAZON")) is None


def test_a_cancelled_order_keeps_its_lines(market: Market) -> None:
    order_id = market.purchase({"SKU-001": 3, "SKU-002": 1})
    market.cancel(order_id)
    order = read(market, order_id)
    assert order.stage is Stage.CANCELLED
    assert [(line.sku, line.quantity) for line in order.lines] == [("SKU-001", 1), ("SKU-002", 1)]


def test_an_item_that_was_cancelled_alone_is_left_out(market: Market) -> None:
    def drop_first(document: Json) -> None:
        first, second = document["orderItems"]
        first["quantityOrdered"] = 0
        first.pop("proceeds")
        document["proceeds"]["grandTotal"] = second["proceeds"]["proceedsTotal"]

    order = changed(market, drop_first)
    assert isinstance(order, Order)
    assert [line.sku for line in order.lines] == ["SKU-002"]
    assert order.lines[0].total == order.total


def test_cash_on_delivery_is_not_paid(market: Market) -> None:
    order = read(market, market.purchase(wishes={"cash_on_delivery": True}))
    assert order.payment.kind is PaymentKind.CASH_ON_DELIVERY
    assert not order.paid


def test_the_total_may_be_missing_where_the_items_tell_it(market: Market) -> None:
    order = changed(market, lambda document: document.pop("proceeds"))
    assert isinstance(order, Order)
    assert order.total.amount == sum((line.total.amount for line in order.lines), order.delivery.cost.amount)


@pytest.mark.parametrize(
    ("name", "change", "field"),
    [
        ("status", lambda d: d["fulfillment"].update(fulfillmentStatus="ON_THE_MOON"), "fulfillmentStatus"),
        ("no fulfillment", lambda d: d.pop("fulfillment"), "$.fulfillment"),
        ("no items", lambda d: d.update(orderItems=[]), "orderItems"),
        ("items of text", lambda d: d.update(orderItems="Kowalska"), "orderItems"),
        ("quantity", lambda d: d["orderItems"][0].update(quantityOrdered="many"), "quantityOrdered"),
        ("negative quantity", lambda d: d["orderItems"][0].update(quantityOrdered=-2), "quantity"),
        ("no product", lambda d: d["orderItems"][0].pop("product"), "product"),
        ("nameless", lambda d: d["orderItems"][0].update(product={}), "no title"),
        ("no time", lambda d: d.pop("lastUpdatedTime"), "lastUpdatedTime"),
        ("time without zone", lambda d: d.update(createdTime="2026-01-05T09:00:00"), "createdTime"),
        ("currency", lambda d: d["proceeds"]["grandTotal"].update(currencyCode="zł"), "grandTotal"),
        ("currencies", lambda d: d["proceeds"]["grandTotal"].update(currencyCode="EUR"), "currencies"),
        ("amount", lambda d: d["proceeds"]["grandTotal"].update(amount="ten"), "grandTotal"),
        ("country", lambda d: d["recipient"]["deliveryAddress"].update(countryCode="Polna"), "countryCode"),
        ("no channel", lambda d: d.pop("salesChannel"), "salesChannel"),
        (
            "price of nothing",
            lambda d: [(i.pop("proceeds"), i["product"].pop("price")) for i in d["orderItems"]],
            "price",
        ),
    ],
)
def test_what_cannot_be_understood_names_the_field_and_nobody(
    market: Market, name: str, change: Callable[[Json], None], field: str
) -> None:
    found = changed(market, change)
    assert isinstance(found, MalformedOrder), name
    assert field in found.reason
    assert found.external_id
    assert found.raw
    assert not any(text in found.reason for text in PERSONAL)


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b'{"orderId": 7}', b"\xff", b"null"])
def test_rubbish_is_malformed(raw: bytes) -> None:
    found = mapping.order_or_malformed(raw)
    assert isinstance(found, MalformedOrder)
    assert found.external_id is None


@settings(max_examples=60)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=9),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
        max_leaves=4,
    ),
    st.data(),
)
def test_whatever_stands_in_a_field_is_read_or_malformed(value: Any, data: st.DataObject) -> None:
    market = new_market()
    document = market.shown(market.purchase(wishes={"company": True, "gift_note": "x"}))
    place: Any = document
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            place[key] = value
            break
        place = place[key]
    found = mapping.order_or_malformed(msgspec.json.encode(document))
    assert found is None or isinstance(found, Order | MalformedOrder)


def test_malformed_is_raised_by_the_pure_function() -> None:
    with pytest.raises(Malformed):
        mapping.decoded(b"{}")
