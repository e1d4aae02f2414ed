"""Amazon's own examples and sandbox cases, read by the mapping and asked of the simulator."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from orderferry import Money, Order, Parcel, PaymentKind, Stage
from plugins.amazon import mapping, wire
from plugins.amazon.client import explain
from plugins.amazon.tracking import confirmations

Json = dict[str, Any]


def orders_in(document: Any) -> list[Json]:
    """Every order in an example file: a response, or a list of sandbox cases."""
    cases = document if isinstance(document, list) else [{"response": document}]
    found = []
    for case in cases:
        response = case["response"]
        found += response.get("orders", [])
        found += [response["order"]] if "order" in response else []
    return found


@pytest.fixture(scope="session")
def examples(shared: Path) -> dict[str, Order]:
    """All official orders, by their id."""
    found: dict[str, Order] = {}
    for path in sorted((shared / "specs/amazon/examples").glob("2026_*_200_*.json")):
        for document in orders_in(json.loads(path.read_text(encoding="utf-8"))):
            one = mapping.order_or_malformed(msgspec.json.encode(document))
            assert isinstance(one, Order), one
            found[one.external_id] = one
    assert len(found) >= 7
    return found


def total(order: Order) -> Decimal:
    return sum((line.total.amount for line in order.lines), order.delivery.cost.amount)


def test_the_lines_and_the_delivery_of_every_example_make_its_total(examples: dict[str, Order]) -> None:
    for order in examples.values():
        assert total(order) == order.total.amount, order.external_id


def test_tax_on_top_belongs_to_what_it_falls_on(examples: dict[str, Order]) -> None:
    order = examples["202-1234567-8901234"]
    (line,) = order.lines
    assert (line.quantity, line.total, line.unit_price) == (3, gbp("92.97"), gbp("30.99"))
    assert order.delivery.cost == gbp("11.00")
    assert order.total == gbp("103.97")
    assert (line.offer_id, line.sku) == ("B08DFPV54V", "ECHO-DOT-4-UK-CHARCOAL-3PACK")


def test_a_tip_is_a_line_without_stock(examples: dict[str, Order]) -> None:
    order = examples["123-4567890-1234567"]
    tip = order.lines[-1]
    assert (tip.name, tip.goods, tip.total) == ("Delivery tip", False, Money(Decimal("5.00"), "USD"))
    assert [line.total.amount for line in order.lines] == [Decimal("100.00"), Decimal("49.99"), Decimal("5.00")]


def test_what_the_buyer_says_is_the_comment(examples: dict[str, Order]) -> None:
    comment = examples["123-4567890-1234567"].comment
    assert comment is not None
    for part in (
        "Replaces order 123-4567890-1234566",
        "Purchase order number: PO-2024-12345",
        "Leave at: Front desk reception",
        "How to get there: Enter through main lobby",
        "Gift wrap for ECHO-DOT-4-CHARCOAL: PREMIUM",
        "Gift note for ECHO-DOT-4-CHARCOAL: Happy Holidays!",
        "Customised ECHO-DOT-4-CHARCOAL: https://amazon.com/custom/view/12345",
        "The buyer asks to cancel ECHO-DOT-4-CHARCOAL: Changed mind",
    ):
        assert part in comment


def test_a_company_s_tax_number_makes_an_invoice(examples: dict[str, Order]) -> None:
    invoice = examples["028-1234567-8901234"].invoice
    assert invoice is not None
    assert (invoice.tax_id, invoice.tax_id_kind) == ("TR1234567890", "BUSINESS")
    assert (invoice.address.company, invoice.address.city) == ("Test company name", "Istanbul")
    brazil = examples["171-2345678-9012345"]
    assert brazil.invoice is not None
    assert brazil.invoice.address.company == "Oliveira Tecnologia Ltda"
    assert brazil.delivery.address is not None
    assert brazil.invoice.address.street == brazil.delivery.address.street, "it has no address of its own"
    assert examples["202-1234567-8901234"].invoice is None


def test_address_and_buyer(examples: dict[str, Order]) -> None:
    order = examples["202-1234567-8901234"]
    address = order.delivery.address
    assert address is not None
    assert (address.first_name, address.last_name, address.company) == ("James", "Wilson", "Wilson Electronics Ltd")
    assert (address.street, address.street2, address.city) == ("123 High Street", "Unit 4B", "Manchester")
    assert (address.postcode, address.state, address.country) == ("M1 2AB", "England", "GB")
    assert order.buyer.email == "buyer-email@marketplace.amazon.co.uk"
    assert order.buyer.login is None
    assert order.site == "Amazon.co.uk"
    assert (order.delivery.method_id, order.delivery.method) == ("STANDARD", "Standard")


def test_stages_and_who_ships(examples: dict[str, Order]) -> None:
    assert {order.stage for order in examples.values()} == {Stage.READY}
    assert examples["171-9876543-2109876"].shipped is False
    assert examples["202-1234567-8901234"].shipped is True
    assert examples["250-1234567-8901234"].ships_itself is True
    assert examples["202-1234567-8901234"].ships_itself is False


def test_payment(examples: dict[str, Order]) -> None:
    paid = examples["171-9876543-2109876"]
    assert paid.paid
    assert paid.payment.kind is PaymentKind.ONLINE
    on_delivery = examples["123-4567890-1234567"]  # the example's item must be paid on delivery
    assert on_delivery.payment.kind is PaymentKind.CASH_ON_DELIVERY
    assert not on_delivery.paid


def test_packages_are_parcels(examples: dict[str, Order]) -> None:
    assert examples["202-1234567-8901234"].parcels == (Parcel(carrier="Royal Mail", number="RR123456789GB"),)
    assert examples["202-7654321-1098765"].parcels == (Parcel(carrier="DPD", number="15501234567890123456"),)


@pytest.mark.parametrize("name", ["2026_searchOrders_400", "2026_getOrder_400", "v0_confirmShipment_400"])
def test_official_refusals_are_explained(shared: Path, name: str) -> None:
    (case,) = json.loads((shared / f"specs/amazon/examples/{name}_sandbox.json").read_text(encoding="utf-8"))
    said = explain(json.dumps(case["response"]).encode())
    assert said is not None
    assert "nvalid" in said


def test_the_official_confirmation_is_what_the_plugin_s_looks_like(shared: Path) -> None:
    (case,) = json.loads((shared / "specs/amazon/examples/v0_confirmShipment_204_sandbox.json").read_text("utf-8"))
    official = case["request"]["parameters"]["body"]["value"]["packageDetail"]
    item = wire.Item(order_item_id="79039765272157", quantity_ordered=1, product=wire.Product())
    order = wire.Order(
        order_id="902-1106328-1059050",
        created_time=moment("2022-02-10T00:00:00Z"),
        last_updated_time=moment("2022-02-10T00:00:00Z"),
        sales_channel=wire.SalesChannel(channel_name="AMAZON", marketplace_id="ATVPDKIKX0DER"),
        order_items=(item,),
    )
    told = confirmations(
        order, [Parcel(carrier="Federal Express", number="112345678")], {}, moment(official["shipDate"])
    )
    (body,) = told.bodies
    assert body["marketplaceId"] == "ATVPDKIKX0DER"
    ours = body["packageDetail"]
    for name in ("carrierCode", "trackingNumber"):
        assert ours[name] == official[name]
    assert ours["orderItems"] == [{"orderItemId": "79039765272157", "quantity": 1}]
    assert set(ours) <= set(official)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def gbp(text: str) -> Money:
    return Money(Decimal(text), "GBP")
