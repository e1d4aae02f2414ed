"""The recordings of a real WooCommerce: each answer is understood, and the simulator answers alike."""

from __future__ import annotations

from collections.abc import AsyncIterator
from copy import deepcopy
from decimal import Decimal
from typing import Any

import aiohttp
import msgspec
import pytest

from orderferry import Echo, Order
from plugins.shops.woocommerce import wire
from plugins.shops.woocommerce.mapping import unreduced
from plugins.shops.woocommerce.orders import understand
from plugins.shops.woocommerce.settings import WooSettings
from plugins.shops.woocommerce.simulator import KEY, READ_KEY, SECRET, WooSimulator
from tests.plugins.woocommerce.recorded import (
    NEEDED,
    ROOT,
    Exchange,
    added,
    exchanges,
    is_added,
    path_of,
    query_of,
    recording,
)

pytestmark = NEEDED

ORDERS = added("06", "07", "08", "09", "11", "13", "14", "15", "16", "17", "18", "22", "23", "29", "30")
BY_ITSELF = {"_links", "id", "number", "order_key", "payment_url", "image", "version", "rate_code", "price"}
KEPT = (
    "status",
    "total",
    "total_tax",
    "cart_tax",
    "shipping_total",
    "shipping_tax",
    "discount_total",
    "discount_tax",
    "currency",
    "billing",
    "shipping",
    "payment_method",
    "transaction_id",
    "created_via",
    "customer_note",
    "needs_payment",
)
KEPT_OF_LINE = ("product_id", "variation_id", "quantity", "tax_class", "subtotal", "total", "total_tax", "subtotal_tax")


@pytest.fixture
async def session(sim: WooSimulator) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": aiohttp.encode_basic_auth(KEY, SECRET)}
    async with aiohttp.ClientSession(sim.url, headers=headers) as opened:
        yield opened


# --- understood


@pytest.mark.parametrize("exchange", ORDERS)
def test_an_answer_to_adding_is_understood(exchange: Exchange) -> None:
    body = exchange["response"]["body"]
    answer = wire.reader(wire.OrderAnswer)(msgspec.json.encode(body))
    assert (answer.id, answer.status, answer.total) == (body["id"], body["status"], body["total"])
    assert len(answer.line_items) == len(body["line_items"])


@pytest.mark.parametrize("exchange", ORDERS)
def test_a_real_order_becomes_an_order_of_the_same_total(exchange: Exchange, settings: WooSettings) -> None:
    body = exchange["response"]["body"]
    order = understand(msgspec.json.encode(body), settings, "of-")
    if not body["line_items"] or any(line["quantity"] < 1 for line in body["line_items"]):
        assert not isinstance(order, Order | Echo)
        return
    assert isinstance(order, Order)
    assert order.total.amount == Decimal(body["total"])
    fees = sum((line.total.amount for line in order.lines), order.delivery.cost.amount)
    assert fees == order.total.amount
    assert [line.sku for line in order.lines if line.goods] == [line["sku"] for line in body["line_items"]]
    assert order.invoice is not None
    assert order.invoice.tax_id == "5252248481"


def test_reduced_stock_is_read_from_the_lines() -> None:
    for number, left in (("06", 0), ("07", 0), ("08", 2), ("09", 0)):
        body = exchanges(number)[0]["response"]["body"]
        assert len(unreduced(msgspec.convert(body, wire.OrderAnswer))) == left


@pytest.mark.parametrize(
    ("number", "place", "shape"),
    [
        ("02", 0, list[wire.ProductAnswer]),
        ("03", 0, list[wire.ProductAnswer]),
        ("04", 1, list[wire.ProductAnswer]),
        ("05", 0, list[wire.Slug]),
        ("05", 2, list[wire.Titled]),
        ("05", 3, list[wire.Zone]),
        ("05", 4, list[wire.ZoneMethod]),
        ("05", 6, list[wire.TaxRateAnswer]),
        ("05", 7, list[wire.Slug]),
        ("01", 0, wire.SystemStatus),
        ("14", 1, list[wire.OrderAnswer]),
        ("18", 2, list[wire.Note]),
        ("23", 2, list[dict[str, Any]]),
    ],
)
def test_a_list_is_understood(number: str, place: int, shape: Any) -> None:
    exchange = exchanges(number)[place]
    assert wire.reader(shape)(msgspec.json.encode(exchange["response"]["body"]))


@pytest.mark.parametrize(
    "exchange", [pytest.param(each, id=each["case"]) for each in exchanges("22") if each["response"]["status"] >= 400]
)
def test_a_recorded_error_is_explained_in_wordpress_words(exchange: Exchange) -> None:
    body = exchange["response"]["body"]
    said = wire.explain(msgspec.json.encode(body))
    assert said is not None
    assert body["code"] in said


# --- the simulator answers alike


def shape(value: Any) -> Any:
    """Keys and types, deep; what has no entries says nothing of their shape."""
    if isinstance(value, dict):
        return {key: shape(entry) for key, entry in value.items() if key not in BY_ITSELF}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def assert_alike(recorded: dict[str, Any], simulated: dict[str, Any]) -> None:
    assert shape(simulated) == shape(recorded)
    assert {key: simulated[key] for key in KEPT} == {key: recorded[key] for key in KEPT}
    assert (simulated["date_paid"] is None) == (recorded["date_paid"] is None)
    for mine, theirs in zip(simulated["line_items"], recorded["line_items"], strict=True):
        assert {key: mine[key] for key in KEPT_OF_LINE} == {key: theirs[key] for key in KEPT_OF_LINE}
        assert mine["taxes"] == theirs["taxes"]
        assert mine["price"] == pytest.approx(theirs["price"])
        keys = [entry["key"] for entry in mine["meta_data"]]
        assert sorted(keys) == sorted(entry["key"] for entry in theirs["meta_data"])
    taxes = ("rate_id", "tax_total", "shipping_tax_total", "rate_percent", "label")
    assert [[tax[key] for key in taxes] for tax in simulated["tax_lines"]] == [
        [tax[key] for key in taxes] for tax in recorded["tax_lines"]
    ]
    notes = {entry["key"]: entry["value"] for entry in simulated["meta_data"]}
    assert notes == {entry["key"]: entry["value"] for entry in recorded["meta_data"]}


@pytest.mark.parametrize("exchange", ORDERS)
async def test_the_same_order_is_answered_alike(exchange: Exchange, session: aiohttp.ClientSession) -> None:
    async with session.post(f"{ROOT}/orders", json=exchange["request"]["body"]) as answer:
        assert answer.status == 201
        assert_alike(exchange["response"]["body"], await answer.json())


@pytest.mark.parametrize(
    "row", recording("10").get("matrix", ()), ids=lambda row: f"{row['status_sent']}-{row['set_paid']}"
)
async def test_stock_moves_on_adding_as_recorded(
    row: dict[str, Any], sim: WooSimulator, session: aiohttp.ClientSession
) -> None:
    body = deepcopy(exchanges("06")[0]["request"]["body"])
    del body["status"]
    body |= {
        key: value
        for key, value in (("status", row["status_sent"]), ("set_paid", row["set_paid"]))
        if value is not None
    }
    async with session.post(f"{ROOT}/orders", json=body) as answer:
        made = await answer.json()
    assert made["status"] == row["result"]["status"]
    assert (made["date_paid"] is None) == (row["result"]["date_paid"] is None)
    assert made["total"] == row["result"]["total"]
    fallen = [100 - sim.shop.by_sku(sku)[0].stock for sku in ("KUB-330", "KOSZ-M")]
    assert fallen == ([2, 1] if row["stock_fell"] else [0, 0])


async def test_changes_move_status_stock_and_payment_as_recorded(
    sim: WooSimulator, session: aiohttp.ClientSession
) -> None:
    """Recordings 16, 18 and 19 from their first request to their last."""
    ids: dict[int, int] = {}
    replayed = 0
    (seed,) = [entry for entry in exchanges("06") if is_added(entry)]
    for number in ("16", "18", "19"):
        steps = recording(number).get("steps", [{}] * 99)
        for exchange, step in zip(exchanges(number), steps, strict=False):
            path, body = path_of(exchange), exchange["request"].get("body")
            recorded = exchange["response"]["body"]
            before = stock(sim)
            if is_added(exchange):
                async with session.post(path, json=body) as answer:
                    made = await answer.json()
                ids[recorded["id"]] = made["id"]
            elif exchange["request"]["method"] in {"PUT", "DELETE"}:
                old = int(path.split("/")[5])
                if old not in ids:
                    async with session.post(f"{ROOT}/orders", json=seed["request"]["body"]) as answer:
                        ids[old] = (await answer.json())["id"]
                    before = stock(sim)
                if "line_items" in (body or {}) or "id" in (body or {}).get("meta_data", [{}])[0]:
                    continue  # names the ids of the recorded order
                where = path.replace(str(old), str(ids[old]))
                query = query_of(exchange)
                async with session.request(exchange["request"]["method"], where, json=body, params=query) as answer:
                    assert answer.status == exchange["response"]["status"]
                    made = await answer.json()
                assert (made["date_paid"] is None) == (recorded["date_paid"] is None)
                assert made["transaction_id"] == recorded["transaction_id"]
            else:
                continue
            replayed += 1
            assert made["status"] == recorded["status"], step.get("step")
            if step.get("stock_before"):
                moved = [after - was for after, was in zip(stock(sim), before, strict=True)]
                pairs = zip(step["stock_after"].values(), step["stock_before"].values(), strict=True)
                assert moved == [after - was for after, was in pairs], step["step"]
    assert replayed > 20


def stock(sim: WooSimulator) -> list[int]:
    return [sim.shop.by_sku(sku)[0].stock for sku in ("KUB-330", "KOSZ-M")]


async def test_a_changed_quantity_moves_stock_and_not_the_total(
    sim: WooSimulator, session: aiohttp.ClientSession
) -> None:
    """Recording 19: 2 -> 5 pieces takes 3 more; a line that is removed gives its piece back."""
    async with session.post(f"{ROOT}/orders", json=exchanges("06")[0]["request"]["body"]) as answer:
        made = await answer.json()
    mug, shirt = made["line_items"]
    where = f"{ROOT}/orders/{made['id']}"
    async with session.put(where, json={"line_items": [{"id": mug["id"], "quantity": 5}]}) as answer:
        assert (await answer.json())["total"] == exchanges("19")[1]["response"]["body"]["total"]
    assert stock(sim) == [95, 99]
    async with session.put(where, json={"line_items": [{"id": shirt["id"], "product_id": None}]}) as answer:
        assert (await answer.json())["total"] == exchanges("19")[2]["response"]["body"]["total"]
    assert stock(sim) == [95, 100]


NOT_SIMULATED = {
    "Basic auth over plain http": "the simulator takes it on loopback, as documented",
    "key in the query over plain http": "likewise",
    "http port posing as TLS-terminating proxy (HTTPS=on)": "a matter of the web server",
    "write-only key reads": "nobody makes such a key for us",
    "variation stock after": "the plugin reads no single variation",
    "very long note (70 kB)": "its body was not kept",
    "batch: 1 good, 1 bad": "the plugin uses no batches",
}


@pytest.mark.parametrize(
    "exchange",
    [
        pytest.param(each, id=each["case"])
        for each in exchanges("22")
        if each["case"] not in NOT_SIMULATED and "rest_route" not in each["request"]["url"]
    ],
)
async def test_errors_and_surprises_come_as_recorded(exchange: Exchange, sim: WooSimulator) -> None:
    sim.shop.add_order({"line_items": [{"sku": "KUB-330", "quantity": 1}]})  # 14
    sim.shop.orders[74] = sim.shop.orders[14]
    request, recorded = exchange["request"], exchange["response"]
    headers = {} if exchange["case"] == "no auth" else {"Authorization": aiohttp.encode_basic_auth(KEY, SECRET)}
    if exchange["case"] == "bad consumer key":
        headers["Authorization"] = aiohttp.encode_basic_auth("ck_wrong", SECRET)
    if exchange["case"] == "bad secret":
        headers["Authorization"] = aiohttp.encode_basic_auth(KEY, "cs_wrong")
    if exchange["case"] == "read-only key posts":
        headers["Authorization"] = aiohttp.encode_basic_auth(READ_KEY, SECRET)
    body = request.get("body")
    data = msgspec.json.encode(body) if body is not None else (request.get("body_text") or "").encode()
    if exchange["case"] != "JSON without Content-Type":
        headers["Content-Type"] = "application/json"
    query = {key: value for key, value in query_of(exchange).items() if not key.startswith("consumer_")}
    async with (
        aiohttp.ClientSession(sim.url, skip_auto_headers=["Content-Type"]) as session,
        session.request(
            request["method"], path_of(exchange), data=data or None, headers=headers, params=query
        ) as answer,
    ):
        assert answer.status == recorded["status"]
        if recorded["status"] >= 400:
            assert (await answer.json())["code"] == recorded["body"]["code"]


async def test_lists_filter_page_and_refuse_as_recorded(sim: WooSimulator, session: aiohttp.ClientSession) -> None:
    """Recordings 14, 20, 21 and 23: exact filters, ignored parameters, headers, bad values."""
    for name in ("allegro:9d41-bb", "Allegro Łódź/ż #1", None, None):
        sim.shop.add_order({"created_via": name, "line_items": [{"sku": "KUB-330", "quantity": 1}]})
    sim.shop.trash(sim.shop.add_order({"transaction_id": "ONLYTX-bb22"}))
    expected: dict[str, tuple[int, int]] = {
        "created_via=allegro:9d41-bb": (200, 1),
        "created_via=allegro:9d41": (200, 0),
        "created_via=allegro:9d41-bb,rest-api": (200, 3),
        "created_via=Allegro %C5%81%C3%B3d%C5%BA/%C5%BC %231": (200, 0),
        "meta_key=_external_order_id&meta_value=ONLYMETA-aa11": (200, 4),
        "transaction_id=ONLYTX-bb22": (200, 4),
        "search=ONLYTX-bb22": (200, 0),
        "search=ONLYTX-bb22&status=trash": (200, 1),
        "per_page=101": (400, 0),
        "page=9999": (200, 0),
        "modified_after=garbage": (400, 0),
        "status=nie-ma": (400, 0),
        "status=pending": (200, 4),
    }
    for query, (status, count) in expected.items():
        async with session.get(f"{ROOT}/orders?{query}&_fields=id") as answer:
            found = await answer.json()
            assert answer.status == status, query
            if status == 200:
                assert len(found) == count, query
                assert all(list(entry) == ["id"] for entry in found)
    async with session.get(f"{ROOT}/orders?per_page=3&orderby=id&order=asc") as answer:
        assert (answer.headers["X-WP-Total"], answer.headers["X-WP-TotalPages"]) == ("4", "2")
        found = [entry["id"] for entry in await answer.json()]
        assert found == sorted(found)
        assert len(found) == 3


@pytest.mark.parametrize("number", ["02", "04"])
async def test_products_are_found_as_recorded(number: str, session: aiohttp.ClientSession) -> None:
    for exchange in exchanges(number):
        query = query_of(exchange)
        if not query.keys() & {"sku", "global_unique_id"}:
            continue
        recorded = exchange["response"]["body"]
        async with session.get(path_of(exchange), params=query) as answer:
            found = await answer.json()
        assert [entry["id"] for entry in found] == [entry["id"] for entry in recorded]
        for mine, theirs in zip(found, recorded, strict=True):
            assert mine == {key: theirs[key] for key in mine}
