"""The shop's own orders: three looks, pages, and rows as the shop writes them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderferry import Echo, MalformedOrder, Order, PaymentKind, Stage, Unavailable
from plugins.shops.shoper import mapping
from plugins.shops.shoper.knowledge import Entry, Facts, Tax
from plugins.shops.shoper.orders import understand
from plugins.shops.shoper.platform import Shoper
from plugins.shops.shoper.simulator import ShoperSimulator
from plugins.shops.shoper.wire import LineRow
from tests.plugins.shoper.asking import add, every_page, order
from tests.plugins.shoper.conftest import OpenShop

FACTS = Facts(
    taxes=(Tax("1", "23%", Decimal(23)),),
    currencies={"PLN": "1"},
    statuses={"1": Entry("1", "Nowe", "1"), "7": Entry("7", "Wysłane", "3"), "9": Entry("9", "Anulowane", "4")},
    payments={"2": Entry("2", "Pobranie")},
    deliveries={"8": Entry("8", "Kurier")},
    zone=ZoneInfo("Europe/Warsaw"),
)
ADDRESS = {
    "firstname": "Ola",
    "lastname": "Testowa",
    "company": "Testowa",
    "street1": "Próżna 9",
    "city": "Warszawa",
    "postcode": "00-107",
    "country_code": "PL",
    "phone": "500600700",
    "tax_identification_number": "5252248481",
}
ROW: dict[str, Any] = {
    "order_id": "17",
    "date": "2026-07-05 11:00:00",
    "status_date": "2026-07-06 11:00:00",
    "status_id": "7",
    "sum": "53.20",
    "paid": "0.00",
    "is_paid": False,
    "is_cash_on_delivery": True,
    "currency_id": "1",
    "payment_id": "2",
    "shipping_id": "8",
    "shipping_cost": "12.20",
    "user_id": "4",
    "email": "ola@example.com",
    "billing_address": ADDRESS,
    "delivery_address": {**ADDRESS, "company": ""},
    "auction": [],
}
LINE = LineRow(id="5", price="20.50", quantity="2", name="Kubek", code="X", tax_value="23", discount_perc="0")


def understood(*lines: LineRow, **changed: Any) -> Order | Echo | MalformedOrder:
    return understand(json.dumps(ROW | changed).encode(), lines or (LINE,), FACTS, "of-kit-", "17")


def test_an_order_of_the_shop() -> None:
    found = understood()
    assert isinstance(found, Order)
    assert (found.external_id, found.stage, str(found.total), found.shipped) == ("17", Stage.READY, "53.20 PLN", True)
    assert found.ordered_at == datetime(2026, 7, 5, 9, 0, tzinfo=UTC)
    assert found.updated_at == datetime(2026, 7, 6, 9, 0, tzinfo=UTC)
    assert (found.payment.kind, found.payment.provider, found.paid) == (
        PaymentKind.CASH_ON_DELIVERY, "Pobranie", False,
    )  # fmt: skip
    (line,) = found.lines
    assert (line.id, line.sku, line.quantity, str(line.total), line.tax_rate) == (
        "5", "X", 2, "41.00 PLN", Decimal(23),
    )  # fmt: skip
    assert found.invoice is not None
    assert (found.invoice.tax_id, found.invoice.address.company) == ("5252248481", "Testowa")
    assert found.delivery.method == "Kurier"


def test_stages_payment_and_dates() -> None:
    cancelled = understood(status_id="9")
    assert isinstance(cancelled, Order)
    assert cancelled.stage is Stage.CANCELLED
    paid = understood(is_paid=None, paid="53.20", status_date="0000-00-00 00:00:00")
    assert isinstance(paid, Order)
    assert paid.paid
    assert paid.updated_at == paid.ordered_at
    nowhere = understood(delivery_address=[], pickup_point="")
    assert isinstance(nowhere, Order)
    assert nowhere.stage is Stage.PLACED
    reduced = understood(msgspec.structs.replace(LINE, discount_perc="10"))
    assert isinstance(reduced, Order)
    assert str(reduced.lines[0].total) == "36.90 PLN"


def test_one_of_ours_is_an_echo() -> None:
    found = understood(notes_priv="of-kit-9 (being added)\nallegro", is_paid=True)
    assert found == Echo(reference="of-kit-9", id="17", paid=True, status="7")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"date": "yesterday"}, "date"),
        ({"currency_id": "77"}, "currency_id"),
        ({"sum": None}, "sum"),
        ({"shipping_cost": "free"}, "shipping_cost"),
        ({"delivery_address": {**ADDRESS, "country_code": "Polska"}}, "country"),
        ({"billing_address": "gone"}, "billing_address"),
    ],
)
def test_what_cannot_be_understood_is_kept(changed: dict[str, Any], reason: str) -> None:
    found = understood(**changed)
    assert isinstance(found, MalformedOrder)
    assert (found.external_id, reason in found.reason) == ("17", True)


@pytest.mark.parametrize("broken", [{"quantity": "1.5"}, {"quantity": None}, {"price": None}])
def test_a_line_that_cannot_be_understood_spoils_its_order(broken: dict[str, Any]) -> None:
    assert isinstance(understood(msgspec.structs.replace(LINE, **broken)), MalformedOrder)


async def test_a_status_that_moved_brings_the_order_again(sim: ShoperSimulator, shop: Shoper) -> None:
    old = sim.place_order()
    cursor = (await every_page(shop))[-1].cursor
    sim.shop.orders[old]["date"] = sim.shop.orders[old]["status_date"] = "2026-01-01 10:00:00"
    assert not [found for page in await every_page(shop, cursor) for found in page.orders]
    sim.shop.move(sim.shop.orders[old], "9")
    (found,) = [found for page in await every_page(shop, cursor) for found in page.orders]
    assert (found.external_id, found.stage) == (old, Stage.CANCELLED)


async def test_a_payment_that_moves_no_date_is_seen_by_the_sweep(sim: ShoperSimulator, open_shop: OpenShop) -> None:
    shop = open_shop()
    paid = sim.place_order()
    cursor = (await every_page(shop))[-1].cursor
    sim.shop.orders[paid] |= {"date": "2026-01-02 10:00:00", "status_date": "2026-01-02 10:00:00", "paid": "53.20"}
    assert not [found for page in await every_page(shop, cursor) for found in page.orders]
    await shop.account.clock.advance(timedelta(hours=7).total_seconds())  # type: ignore[attr-defined] # the tests' clock
    pages = await every_page(shop, cursor)
    (found,) = [found for page in pages if page.sweep for found in page.orders]
    assert (found.external_id, found.paid) == (paid, True)


async def test_many_orders_come_in_pages_with_all_their_lines(sim: ShoperSimulator, shop: Shoper) -> None:
    placed = [sim.place_order() for _ in range(120)]
    for order_id in placed:
        sim.shop.add_line({"order_id": order_id, "price": "1.00", "quantity": 1, "name": "Etui"})
    pages = await every_page(shop)
    first = [found for page in pages if not page.sweep for found in page.orders]
    assert {found.external_id for found in first} == set(placed)
    assert {len(found.lines) for found in first} == {2}


async def test_lines_of_other_orders_stop_the_fetch(sim: ShoperSimulator, shop: Shoper) -> None:
    sim.place_order()
    made = await add(shop, order(1))
    sim.ignores.add("order_id")
    with pytest.raises(Unavailable, match="ignores the filter"):
        await every_page(shop)
    assert made.id in sim.shop.orders


ONE_LINE = {
    "stock_id": st.sampled_from([None, 1, 2]),
    "quantity": st.integers(1, 3),
    "price": st.sampled_from(["1.00", "2.50"]),
}
LINES = st.lists(st.fixed_dictionaries(ONE_LINE), min_size=1, max_size=6)


def by_value(line: dict[str, Any]) -> str:
    return json.dumps(line, sort_keys=True)


def rows(lines: list[dict[str, Any]]) -> list[LineRow]:
    """As the shop shows them: in texts, with zeros and empty ids."""
    return [
        LineRow(stock_id=str(line["stock_id"] or "0"), quantity=f"{line['quantity']}", price=f"{line['price']}00")
        for line in lines
    ]


@given(LINES, st.data())
def test_whatever_part_is_there_the_rest_is_added_and_no_more(lines: list[dict[str, Any]], data: st.DataObject) -> None:
    there = data.draw(st.lists(st.sampled_from(range(len(lines))), unique=True))
    present = [lines[place] for place in there]
    lacking = mapping.missing(lines, rows(present))
    assert sorted(map(by_value, [*present, *lacking])) == sorted(map(by_value, lines))
    assert mapping.missing(lines, rows([*present, *lacking])) == []


@given(LINES)
def test_lines_that_are_bound_to_other_products_now_are_not_added_again(lines: list[dict[str, Any]]) -> None:
    unbound = [{**line, "stock_id": None} for line in lines]
    assert mapping.missing(lines, rows(unbound)) == []
