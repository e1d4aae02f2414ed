"""What the plugin asks and what the simulator answers, held against eBay's official description, v1.20.7.

The description requires nothing and forbids no further property, so one is stricter here: a property that it does not
know is an error. One thing is let pass: `legacyOrderId`, which eBay answers and describes only in the Trading API.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from aiohttp import ClientSession, web
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012
from yarl import URL

from orderferry import OrderRef, Parcel
from orderferry.testing.clock import VirtualClock
from plugins.ebay.platform import Ebay
from plugins.ebay.simulator import EbaySimulator
from tests.plugins.ebay.made import ORDER

Json = dict[str, Any]
BASE = "/sell/fulfillment/v1"


class Description:
    """The official description, made to refuse what it does not know."""

    def __init__(self, text: str) -> None:
        self.document: Json = json.loads(text)
        schemas = self.document["components"]["schemas"]
        for schema in schemas.values():
            if schema.get("properties"):
                schema["additionalProperties"] = False
        schemas["Order"]["properties"]["legacyOrderId"] = {"type": "string"}
        self.registry: Registry[Any] = Registry().with_resource("urn:ebay", DRAFT202012.create_resource(self.document))

    def operation(self, method: str, path: str) -> tuple[str, Json]:
        """The description of what a request asks; fails where eBay had no such thing."""
        for template, operations in self.document["paths"].items():
            pattern = re.sub(r"\{\w+\}", "[^/]+", template)
            if re.fullmatch(pattern, path.removeprefix(BASE)) and method.lower() in operations:
                return template, operations[method.lower()]
        raise AssertionError(f"the description knows no {method} {path}")

    def check(self, value: object, schema: Json) -> None:
        located = json.loads(json.dumps(schema).replace('"#/', '"urn:ebay#/'))
        validator = Draft202012Validator(located, registry=self.registry)
        errors = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]
        assert errors == []


@pytest.fixture(scope="session")
def description(shared: Path) -> Description:
    return Description((shared / "specs/ebay/sell_fulfillment_v1_oas3.json").read_text(encoding="utf-8"))


class Recording(EbaySimulator):
    """Keeps what it answered: method, path, status, body."""

    def __init__(self, **options: Any) -> None:  # the simulator's own options
        super().__init__(**options)
        self.answered: list[tuple[str, str, int, bytes]] = []
        self.raw_paths: list[str] = []

    def _api(
        self, handle: Callable[[web.Request], Awaitable[web.Response]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        checked = super()._api(handle)

        async def recorded(request: web.Request) -> web.Response:
            self.raw_paths.append(request.raw_path)
            answer = await checked(request)
            body = answer.body if isinstance(answer.body, bytes) else b""
            self.answered.append((request.method, request.path, answer.status, body))
            return answer

        return recorded


@pytest.fixture
async def simulator(clock: VirtualClock) -> AsyncIterator[Recording]:
    async with Recording(seed=3, now=clock.now) as simulator:
        yield simulator


@pytest.fixture
async def used(simulator: Recording, platform: Ebay, clock: VirtualClock) -> Recording:
    """The simulator after the plugin has done everything that it can do, with orders of every kind."""
    market = simulator.market
    market.buy()
    market.check_out(market.buy())
    paid = market.purchase({"SKU-001": 2, "SKU-002": 1}, note="red", discount="1.00")
    market.purchase(site="EBAY_IT", tax_id="RSSMRA80A01H501U")
    market.purchase(hub=True)
    market.purchase(pickup=True, method="CASH_ON_PICKUP")
    market.refund(market.purchase(), "1.00")
    market.ask_to_cancel(market.purchase())
    market.cancel(market.purchase())
    cursor, more = None, True
    while more:
        page = await platform.fetch_orders(cursor, None)
        cursor, more = page.cursor, page.more
        assert not page.malformed
    await platform.set_tracking(OrderRef(id=paid), [Parcel(carrier="DHL", number="1"), Parcel(carrier="x", number="2")])
    await platform.set_tracking(OrderRef(id=paid), [Parcel(carrier="DHL", number="1")])
    await clock.advance(3 * 3600)
    await platform.fetch_orders(cursor, None)
    await platform.check()
    return simulator


def api(simulator: Recording) -> list[Any]:
    return [one for one in simulator.served if one.path.startswith(BASE)]


async def test_everything_that_the_plugin_asks_is_in_the_description(used: Recording, description: Description) -> None:
    asked = set()
    for one in api(used):
        template, operation = description.operation(one.method, one.path)
        asked.add((one.method, template))
        known = {parameter["name"] for parameter in operation.get("parameters", ())}
        assert set(one.query) <= known
        if one.body:
            assert one.headers["Content-Type"] == "application/json"
            description.check(json.loads(one.body), operation["requestBody"]["content"]["application/json"]["schema"])
    assert asked == {
        ("GET", "/order"),
        ("GET", "/order/{orderId}"),
        ("GET", "/order/{orderId}/shipping_fulfillment"),
        ("POST", "/order/{orderId}/shipping_fulfillment"),
    }


async def test_filters_are_as_described_and_encoded(used: Recording) -> None:
    lists = [path for path in used.raw_paths if path.startswith(f"{BASE}/order?")]
    assert lists
    for path in lists:
        assert not re.search(r"[\[\]{}|]", path)
        time = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
        assert re.search(
            rf"filter=(lastmodifieddate:\[{time}\.\.{time}\]"
            rf"|creationdate:\[{time}\.\.{time}\],orderfulfillmentstatus:\{{NOT_STARTED\|IN_PROGRESS\}})&",
            unquote(path),
        )
    limits = {int(one.query["limit"]) for one in api(used) if "limit" in one.query}
    assert max(limits) <= 200


async def test_everything_that_the_simulator_answers_is_in_the_description(
    used: Recording, description: Description
) -> None:
    assert {status for _, _, status, _ in used.answered} == {200, 201}
    for method, path, status, body in used.answered:
        _, operation = description.operation(method, path)
        content = operation["responses"][str(status)]["content"]
        description.check(json.loads(body), content["application/json"]["schema"])


def test_the_made_order_is_in_the_description(description: Description) -> None:
    description.check(ORDER, {"$ref": "#/components/schemas/Order"})


@pytest.mark.parametrize("damage", [{"buyer": []}, {"lineItems": {}}, {"orderID": "1"}, {"pricingSummary": "1"}])
def test_the_check_itself_finds_what_is_wrong(description: Description, damage: Json) -> None:
    with pytest.raises(AssertionError):
        description.check(ORDER | damage, {"$ref": "#/components/schemas/Order"})


FULFILLMENT = "/order/{id}/shipping_fulfillment"
LINE = [{"lineItemId": "{line}", "quantity": 1}]
REFUSALS: list[tuple[str, str, Any, int, int]] = [
    ("GET", "/order/01-00000-00000", None, 400, 32100),
    ("GET", "/order?limit=201", None, 400, 30820),
    ("GET", "/order?limit=x", None, 400, 30820),
    ("GET", "/order?filter=colour:red", None, 400, 30700),
    ("GET", "/order?filter=creationdate:[2026-01-01T00:00:00.000Z..]", None, 400, 30700),
    ("GET", "/order?filter=creationdate:%5Byesterday..%5D", None, 400, 30800),
    ("GET", "/order?filter=creationdate:%5B2001-01-01T00:00:00.000Z..%5D", None, 400, 30800),
    ("GET", "/order?filter=orderfulfillmentstatus:%7BNOT_STARTED%7D", None, 400, 30700),
    ("GET", "/order/01-00000-00000/shipping_fulfillment", None, 400, 32100),
    ("POST", FULFILLMENT, {"lineItems": []}, 400, 32200),
    ("POST", FULFILLMENT, {"lineItems": [{"lineItemId": "1"}]}, 400, 32200),
    ("POST", FULFILLMENT, {"lineItems": LINE, "trackingNumber": "1"}, 400, 32300),
    ("POST", FULFILLMENT, {"lineItems": LINE, "trackingNumber": "1 2", "shippingCarrierCode": "DHL"}, 400, 32300),
    ("POST", FULFILLMENT, [], 400, 32600),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "error_id"), REFUSALS)
async def test_the_simulator_refuses_as_ebay_does(
    *, simulator: Recording, description: Description, method: str, path: str, body: Any, status: int, error_id: int
) -> None:
    order_id = simulator.market.purchase()
    line = simulator.market.orders[order_id].order["lineItems"][0]["lineItemId"]
    headers = {"Authorization": f"Bearer {simulator.oauth.issue()['access_token']}"}
    text = json.dumps(body).replace("{line}", line) if body is not None else None
    url = URL(simulator.url + BASE + path.replace("{id}", order_id), encoded=True)
    async with ClientSession() as session, session.request(method, url, headers=headers, data=text) as answer:
        assert answer.status == status
        told = await answer.json()
    assert told["errors"][0]["errorId"] == error_id
    for error in told["errors"]:
        description.check(error, {"$ref": "#/components/schemas/Error"})


async def test_of_two_periods_only_that_of_the_purchase_counts(simulator: Recording) -> None:
    simulator.market.purchase()
    headers = {"Authorization": f"Bearer {simulator.oauth.issue()['access_token']}"}
    url = f"{simulator.url}{BASE}/order"
    never = "lastmodifieddate:[2020-01-01T00:00:00.000Z..2020-01-02T00:00:00.000Z]"
    async with ClientSession(headers=headers) as session:
        for criteria, total in ((f"creationdate:[2025-12-01T00:00:00.000Z..],{never}", 1), ("", 1)):
            async with session.get(url, params={"filter": criteria}) as answer:
                assert (await answer.json())["total"] == total


async def test_the_simulator_refuses_a_token_as_ebay_does(simulator: Recording, description: Description) -> None:
    headers = {"Authorization": "Bearer wrong"}
    async with ClientSession() as session, session.get(f"{simulator.url}{BASE}/order", headers=headers) as answer:
        assert answer.status == 401
        told = await answer.json()
    assert told["errors"][0]["errorId"] == 1001
    description.check(told["errors"][0], {"$ref": "#/components/schemas/Error"})
