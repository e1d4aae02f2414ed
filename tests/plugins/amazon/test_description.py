"""What the plugin asks and what the simulator answers, held against Amazon's official models (Swagger 2.0).

The models are used as they are. One thing is added: their operations name query parameters and bodies in a way of their
own, which `Description` reads (lists are texts with commas in between).
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from jsonschema import Draft4Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT4

from orderferry import ChoiceKind, OrderRef, Parcel
from orderferry.testing.clock import VirtualClock
from plugins.amazon.platform import Amazon
from plugins.amazon.simulator import AmazonSimulator
from plugins.amazon.simulator_state import Market

Json = dict[str, Any]
MODELS = ("orders_2026-01-01", "ordersV0", "sellers")
WISHES = {
    "company": True,
    "wrap": "3.50",
    "gift_note": "Alles Gute",
    "discount": "2.00",
    "free_shipping": True,
    "tip": "1.00",
    "tax": True,
}


class Description:
    """The official models of the operations that are used."""

    def __init__(self, folder: Path) -> None:
        self.models = {name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in MODELS}
        resources = [(f"urn:{name}", DRAFT4.create_resource(model)) for name, model in self.models.items()]
        self.registry: Registry[Any] = Registry().with_resources(resources)

    def operation(self, method: str, path: str) -> tuple[str, str, Json]:
        """The model and the description of what a request asks; fails where Amazon has no such thing."""
        for name, model in self.models.items():
            for template, operations in model["paths"].items():
                pattern = re.sub(r"\{\w+\}", "[^/]+", template)
                if re.fullmatch(pattern, path) and method.lower() in operations:
                    return name, template, operations[method.lower()]
        raise AssertionError(f"the models know no {method} {path}")

    def check(self, value: object, schema: Json, model: str) -> None:
        located = json.loads(json.dumps(schema).replace('"#/', f'"urn:{model}#/'))
        validator = Draft4Validator(located, registry=self.registry, format_checker=FormatChecker())
        assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)] == []


@pytest.fixture(scope="session")
def description(shared: Path) -> Description:
    return Description(shared / "specs/amazon")


class Recording(AmazonSimulator):
    """Keeps what it answered: method, path, status, headers, body."""

    def __init__(self, **options: Any) -> None:  # the simulator's own options
        super().__init__(**options)
        self.answered: list[tuple[str, str, int, bytes]] = []

    def _api(
        self, operation: str, handle: Callable[[web.Request], Awaitable[web.Response]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        checked = super()._api(operation, handle)

        async def recorded(request: web.Request) -> web.Response:
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
async def used(simulator: Recording, platform: Amazon, clock: VirtualClock) -> Recording:
    """The simulator after the plugin has done everything that it can do."""
    market = simulator.market
    simulator.search.most = 2
    market.buy()
    plain = market.purchase({"SKU-001": 3})
    market.purchase({"SKU-001": 2, "SKU-002": 1}, country="DE", wishes=WISHES)
    market.purchase(wishes={"cash_on_delivery": True})
    market.purchase(fulfilled_by="AMAZON")
    market.cancel(market.purchase())
    market.request_cancel(market.purchase())
    await clock.advance(300)
    page = await platform.fetch_orders(None, None)
    while page.more:
        page = await platform.fetch_orders(page.cursor, None)
    await clock.advance(7 * 3600)
    page = await platform.fetch_orders(page.cursor, None)
    while page.more:
        page = await platform.fetch_orders(page.cursor, None)
    assert page.sweep
    await platform.fetch_orders(None, clock.now())
    await platform.set_tracking(
        OrderRef(id=plain), [Parcel(carrier="Kurier DPD", number="1"), Parcel(carrier="Zuch", number="2")]
    )
    await platform.check()
    await platform.list_choices(ChoiceKind.CARRIERS)
    return simulator


async def test_everything_that_the_plugin_asks_is_in_the_models(used: Recording, description: Description) -> None:
    asked = set()
    for one in used.served:
        if one.path == "/auth/o2/token":
            continue
        model, template, operation = description.operation(one.method, one.path)
        asked.add((one.method, template))
        parameters = {parameter["name"]: parameter for parameter in operation.get("parameters", ())}
        for name, text in one.query.items():
            schema = {key: value for key, value in parameters[name].items() if key in {"type", "items", "maxItems"}}
            values = {"array": text.split(","), "integer": int(text) if text.isdigit() else text}
            description.check(values.get(schema["type"], text), schema, model)
        for name, parameter in parameters.items():
            assert name in one.query or not parameter["required"] or parameter["in"] != "query"
        if one.body:
            (body,) = (parameter for parameter in parameters.values() if parameter["in"] == "body")
            assert one.headers["Content-Type"] == "application/json"
            description.check(json.loads(one.body), body["schema"], model)
    assert asked == {
        ("GET", "/orders/2026-01-01/orders"),
        ("GET", "/orders/2026-01-01/orders/{orderId}"),
        ("POST", "/orders/v0/orders/{orderId}/shipmentConfirmation"),
        ("GET", "/sellers/v1/marketplaceParticipations"),
    }


async def test_a_search_asks_for_one_window_that_ends_two_minutes_back(used: Recording) -> None:
    windows = [
        {name for name in one.query if name.endswith(("After", "Before"))}
        for one in used.served
        if one.path.endswith("/orders")
    ]
    assert {frozenset(window) for window in windows} == {
        frozenset({"lastUpdatedAfter", "lastUpdatedBefore"}),
        frozenset({"createdAfter", "createdBefore"}),
    }
    assert {status for _, _, status, _ in used.answered} == {200, 204}, "the simulator refuses any other window"


async def test_everything_that_the_simulator_answers_is_in_the_models(
    used: Recording, description: Description
) -> None:
    for method, path, status, body in used.answered:
        model, _, operation = description.operation(method, path)
        schema = operation["responses"][str(status)].get("schema")
        if schema is None:
            assert body == b""
            continue
        description.check(json.loads(body), schema, model)


async def test_refusals_are_in_the_models(simulator: Recording, platform: Amazon, description: Description) -> None:
    simulator.forbidden = {"search", "participations", "order", "confirm"}
    simulator.plans["search"].rate = 0.0056
    for hook in (platform.fetch_orders(None, None), platform.set_tracking(OrderRef(id="1"), [_parcel()])):
        with pytest.raises(Exception, match="403"):
            await hook
    assert {status for _, _, status, _ in simulator.answered} == {403}
    for method, path, status, body in simulator.answered:
        model, _, operation = description.operation(method, path)
        description.check(json.loads(body), operation["responses"][str(status)]["schema"], model)


@pytest.mark.parametrize(
    "damage", [{"orderItems": {}}, {"fulfillment": {"fulfillmentStatus": "ELSEWHERE"}}, {"buyer": 1}]
)
async def test_the_check_itself_finds_what_is_wrong(
    simulator: Recording, description: Description, damage: Json
) -> None:
    market: Market = simulator.market
    document = {**market.shown(market.purchase()), **damage}
    with pytest.raises(AssertionError):
        description.check(document, {"$ref": "#/definitions/Order"}, "orders_2026-01-01")


def test_only_restricted_data_tokens_of_old_operations_exist(description: Description) -> None:
    """The searches that we use are not among the restricted resources: no token beside the usual one is asked for."""
    assert "RestrictedDataToken" not in json.dumps(description.models["orders_2026-01-01"])


def _parcel() -> Parcel:
    return Parcel(carrier="DPD", number="1")
