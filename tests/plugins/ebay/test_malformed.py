"""An order that can't be understood is kept with a reason that names the field, and never tells what is in it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderferry import Malformed, MalformedOrder, Order
from plugins.ebay import mapping
from tests.plugins.ebay.made import ORDER, Json, encoded

PERSONAL = ("Schmidt", "Anna", "Roma", "Heimweg", "members.example", "011", "red please", "RSSMRA")
Path = tuple[str | int, ...]


def set_at(*path: str | int, value: object) -> Callable[[Json], None]:
    def change(order: Json) -> None:
        place: Any = order
        for part in path[:-1]:
            place = place[part]
        place[path[-1]] = value

    return change


def drop(*path: str | int) -> Callable[[Json], None]:
    def change(order: Json) -> None:
        place: Any = order
        for part in path[:-1]:
            place = place[part]
        del place[path[-1]]

    return change


LINE = ("lineItems", 0)
SHIP_TO = ("fulfillmentStartInstructions", 0, "shippingStep", "shipTo")
PLACE = (*SHIP_TO, "contactAddress")
BROKEN: list[tuple[str, Callable[[Json], None], str]] = [
    ("no id", drop("orderId"), "orderId"),
    ("empty id", set_at("orderId", value=""), "id"),
    ("number for id", set_at("orderId", value=7), "$.orderId"),
    ("no buyer", drop("buyer"), "buyer"),
    ("buyer is text", set_at("buyer", value="Anna Schmidt"), "$.buyer"),
    ("name is a list", set_at(*SHIP_TO, "fullName", value=["Schmidt"]), "fullName"),
    ("name of a novel", set_at(*SHIP_TO, "fullName", value="Schmidt" * 100), "Address.last_name"),
    ("no lines", set_at("lineItems", value=[]), "line"),
    ("lines are null", set_at("lineItems", value=None), "$.lineItems"),
    ("no price", drop(*LINE, "lineItemCost"), "lineItemCost"),
    ("price is a number", set_at(*LINE, "lineItemCost", "value", value=30.0), "$.lineItems[0].lineItemCost"),
    ("price is a word", set_at(*LINE, "discountedLineItemCost", "value", value="much"), "$.lineItems[0].lineItemCost"),
    ("price is infinite", set_at(*LINE, "discountedLineItemCost", "value", value="Infinity"), "$.lineItems[0]"),
    ("two currencies", set_at(*LINE, "discountedLineItemCost", "currency", value="PLN"), "currencies"),
    ("delivery in another currency", set_at("pricingSummary", "deliveryCost", "currency", value="PLN"), "currencies"),
    ("delivery for another discount", set_at("pricingSummary", "deliveryDiscount", "currency", value="PLN"), "curren"),
    ("half a quantity", set_at(*LINE, "quantity", value=1.5), "$.lineItems[0].quantity"),
    ("no quantity", set_at(*LINE, "quantity", value=0), "$.lineItems[0].quantity"),
    ("quantity of atoms", set_at(*LINE, "quantity", value=10**12), "quantity"),
    ("no title", drop(*LINE, "title"), "title"),
    ("never bought", drop("creationDate"), "creationDate"),
    ("bought some day", set_at("creationDate", value="yesterday"), "$.creationDate"),
    ("bought nowhere in time", set_at("creationDate", value="2026-01-05T08:00:00"), "$.creationDate"),
    ("bought at the end of time", set_at("creationDate", value="9999-12-31T23:59:59-12:00"), "$.creationDate"),
    ("never changed", drop("lastModifiedDate"), "lastModifiedDate"),
    ("no total", drop("pricingSummary"), "pricingSummary"),
    ("total is null", set_at("pricingSummary", "total", value=None), "$.pricingSummary.total"),
    ("no payment status", drop("orderPaymentStatus"), "orderPaymentStatus"),
    ("paid some day", set_at("paymentSummary", "payments", 0, "paymentDate", value="soon"), "paymentDate"),
    ("no city", drop(*PLACE, "city"), f"$.{SHIP_TO[0]}[0].shippingStep.shipTo.contactAddress has no city"),
    ("no country", drop(*PLACE, "countryCode"), "has no countryCode"),
    ("a country in words", set_at(*PLACE, "countryCode", value="Schmidt"), "shipTo.contactAddress"),
    ("a street of a mile", set_at(*PLACE, "addressLine1", value="Via Roma" * 99), "Address.street"),
    ("2 MB of a note", set_at("buyerCheckoutNotes", value="red please" * 200_000), "Order.comment"),
    ("2,003 lines", lambda order: order.update(lineItems=order["lineItems"] * 1001), "2,003 lines"),
    (
        "two addresses",
        lambda order: order["fulfillmentStartInstructions"].append(
            {"shippingStep": {"shipTo": order["buyer"]["buyerRegistrationAddress"]}}
        ),
        "several addresses",
    ),
]


@pytest.mark.parametrize(("change", "named"), [pytest.param(c, n, id=i) for i, c, n in BROKEN])
def test_broken_orders(change: Callable[[Json], None], named: str) -> None:
    order = copy.deepcopy(ORDER)
    change(order)
    with pytest.raises(Malformed) as caught:
        mapping.order(encoded(order))
    assert named in str(caught.value)
    assert not [word for word in PERSONAL if word in str(caught.value)]


@pytest.mark.parametrize("raw", [b"", b"<html>", b"null", b"[]", b"\xff", b'{"orderId":' + b"[" * 5000])
def test_what_is_no_order_at_all(raw: bytes) -> None:
    found = mapping.order_or_malformed(raw)
    assert isinstance(found, MalformedOrder)
    assert found.external_id is None
    assert found.raw == raw


def _paths(value: object, before: Path = ()) -> list[Path]:
    found = [before] if before else []
    if isinstance(value, dict):
        found += [path for key, part in value.items() for path in _paths(part, (*before, key))]
    elif isinstance(value, list):
        found += [path for n, part in enumerate(value) for path in _paths(part, (*before, n))]
    return found


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(
        ["", "-1", "1e999999", "\x00", "9" * 600, "🎁", "2026-01-01T00:00:00", "9999-12-31T23:59:59-23:59"]
    ),
    st.lists(st.none(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.none(), max_size=2),
)


@given(path=st.sampled_from(_paths(ORDER)), value=ODD)
def test_anything_anywhere_gives_an_order_or_a_malformed_one(path: Path, value: object) -> None:
    order = copy.deepcopy(ORDER)
    set_at(*path, value=value)(order)
    raw = encoded(order)
    found = mapping.order_or_malformed(raw)
    assert isinstance(found, Order | MalformedOrder)
    if isinstance(found, MalformedOrder):
        assert not [word for word in PERSONAL if word in found.reason]
    mapping.peek(raw)


@pytest.mark.parametrize(
    ("change", "in_part", "cancelled"),
    [
        (set_at("lineItems", 0, "purchaseMarketplaceId", value="EBAY_DE"), True, False),  # its other line is Italian
        (set_at("lineItems", value=[]), False, False),
        (set_at("lineItems", value="x"), False, False),
        (drop("lineItems"), False, False),
        (set_at("cancelStatus", value={"cancelState": "IN_PROGRESS"}), True, False),
        (set_at("cancelStatus", value={"cancelState": "CANCELED"}), True, True),
    ],
)
def test_what_is_seen_of_a_listed_order(change: Callable[[Json], None], *, in_part: bool, cancelled: bool) -> None:
    order = copy.deepcopy(ORDER)
    change(order)
    seen = mapping.peek(encoded(order))
    assert (seen.order_id, seen.in_part, seen.cancelled) == (order["orderId"], in_part, cancelled)
    assert seen.changed_at is not None
