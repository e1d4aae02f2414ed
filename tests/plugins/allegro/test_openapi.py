"""What the plugin asks and what the simulator answers, held against Allegro's official description of July 2021.

The description is old. Four things are let pass, each for a reason:
- further properties: fields that came later (`fulfillment.provider`, `lineItems[].tax` ...), by platforms/allegro.md;
- null for a property that isn't required: the description marks nothing as nullable, though its own examples and live
  answers are full of nulls (`delivery.address` is "null in 15" of 100 live forms);
- values that came later in two lists: fulfilment status SUSPENDED, payment provider AF;
- a count of 0: the description wants at least 1, but a list without orders must say something.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import ClientSession, web
from jsonschema import Draft4Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT4

from orderferry import ChoiceKind, OrderRef, Parcel
from orderferry.testing.clock import VirtualClock
from plugins.allegro.platform import Allegro
from plugins.allegro.simulator import MEDIA_TYPE, AllegroSimulator

Json = dict[str, Any]
LATER = {"CheckoutFormFulfillmentStatus": ["SUSPENDED"], "CheckoutFormPaymentProvider": ["AF"]}
MISSING_ID = "29738e61-7f6a-11e8-ac45-09db60ede9d6"


class Description:
    """The official description, made to let pass what is listed above."""

    def __init__(self, text: str) -> None:
        self.document = yaml.load(text, Loader=yaml.CSafeLoader)
        for name, values in LATER.items():
            self.document["components"]["schemas"][name]["enum"] += values
        for count in ("count", "totalCount"):
            self.document["components"]["schemas"]["CheckoutForms"]["properties"][count]["minimum"] = 0
        for schema in self.document["components"]["schemas"].values():
            _nullable(schema)
        resource = DRAFT4.create_resource(self.document)
        self.registry: Registry[Any] = Registry().with_resource("urn:allegro", resource)

    def operation(self, method: str, path: str) -> tuple[str, Json]:
        """The description of what a request asks; fails where Allegro had no such thing."""
        for template, operations in self.document["paths"].items():
            pattern = re.sub(r"\{\w+\}", "[^/]+", template)
            if re.fullmatch(pattern, path) and method.lower() in operations:
                return template, operations[method.lower()]
        raise AssertionError(f"the description knows no {method} {path}")

    def check(self, value: object, schema: Json) -> None:
        located = json.loads(json.dumps(schema).replace('"#/', '"urn:allegro#/'))
        validator = Draft4Validator(located, registry=self.registry, format_checker=FormatChecker())
        errors = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]
        assert errors == []


def _nullable(schema: Any) -> None:  # any part of a schema
    if isinstance(schema, list):
        for part in schema:
            _nullable(part)
    if not isinstance(schema, dict):
        return
    for part in list(schema.values()):
        _nullable(part)
    properties = schema.get("properties")
    if isinstance(properties, dict):
        for name, own in properties.items():
            if name not in schema.get("required", ()) and isinstance(own, dict):
                properties[name] = {"anyOf": [own, {"type": "null"}]}


@pytest.fixture(scope="session")
def description(shared: Path) -> Description:
    return Description((shared / "specs/allegro/allegro_openapi_2021-07-16.yaml").read_text(encoding="utf-8"))


class Recording(AllegroSimulator):
    """Keeps what it answered: method, path, status, body."""

    def __init__(self, **options: Any) -> None:  # the simulator's own options
        super().__init__(**options)
        self.answered: list[tuple[str, str, int, bytes]] = []

    def _api(
        self, handle: Callable[[web.Request], Awaitable[web.Response]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        checked = super()._api(handle)

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
async def used(simulator: Recording, platform: Allegro, clock: VirtualClock) -> Recording:
    """The simulator after the plugin has done everything that it can do."""
    market = simulator.market
    forms = [market.buy() for _ in range(8)]
    for form_id, method in zip(forms[1:], ["courier", "point", "cod", "letter"] * 2, strict=False):
        market.fill(form_id, method=method, invoice="company", comment="Proszę", service=True, deposit=True)
    for form_id in forms[2:]:
        market.ready(form_id)
    market.cancel(forms[-1])
    page = await platform.fetch_orders(None, None)
    market.ready(forms[1])
    await clock.advance(7 * 3600)
    while True:
        page = await platform.fetch_orders(page.cursor, None)
        if not page.more:
            break
    ref = OrderRef(id=forms[3])
    await platform.set_status(ref, "PROCESSING")
    await platform.set_status(ref, "SUSPENDED")
    await platform.set_tracking(ref, [Parcel(carrier="DPD", number="1"), Parcel(carrier="Zuch", number="(2)-_")])
    await platform.set_tracking(ref, [Parcel(carrier="DPD", number="1")])
    for kind in (ChoiceKind.CARRIERS, ChoiceKind.DELIVERIES):
        await platform.list_choices(kind)
    await platform.check()
    return simulator


async def test_everything_that_the_plugin_asks_is_in_the_description(used: Recording, description: Description) -> None:
    asked = set()
    for one in used.served:
        template, operation = description.operation(one.method, one.path)
        asked.add((one.method, template))
        known = {parameter["name"]: parameter["schema"] for parameter in operation.get("parameters", ())}
        for name, text in one.query.items():
            schema = known[name]
            description.check(int(text) if schema["type"] == "integer" else text, schema)
        assert one.headers["Accept"] == MEDIA_TYPE
        if one.body:
            (media_type,) = operation["requestBody"]["content"]
            assert one.headers["Content-Type"] == media_type
            description.check(json.loads(one.body), operation["requestBody"]["content"][media_type]["schema"])
    assert asked == {
        ("GET", "/me"),
        ("GET", "/order/event-stats"),
        ("GET", "/order/events"),
        ("GET", "/order/checkout-forms"),
        ("GET", "/order/checkout-forms/{id}"),
        ("PUT", "/order/checkout-forms/{id}/fulfillment"),
        ("GET", "/order/checkout-forms/{id}/shipments"),
        ("POST", "/order/checkout-forms/{id}/shipments"),
        ("GET", "/order/carriers"),
        ("GET", "/sale/delivery-methods"),
    }


async def test_everything_that_the_simulator_answers_is_in_the_description(
    used: Recording, description: Description
) -> None:
    assert {status for _, _, status, _ in used.answered} == {200, 201, 204}
    for method, path, status, body in used.answered:
        _, operation = description.operation(method, path)
        content = operation["responses"][str(status)].get("content")
        if content is None:
            assert body == b""
            continue
        description.check(json.loads(body), content[MEDIA_TYPE]["schema"])


@pytest.mark.parametrize("stage", ["BOUGHT", "FILLED_IN", "READY_FOR_PROCESSING", "CANCELLED"])
async def test_forms_of_every_stage_are_in_the_description(
    used: Recording, description: Description, stage: str
) -> None:
    shown = used.market.buy()
    if stage != "BOUGHT":
        used.market.fill(shown)
    if stage in {"READY_FOR_PROCESSING", "CANCELLED"}:
        used.market.ready(shown)
    if stage == "CANCELLED":
        used.market.cancel(shown)
    form = json.loads(used.market.shown(shown))
    assert form["status"] == stage
    description.check(form, {"$ref": "#/components/schemas/CheckoutForm"})


@pytest.mark.parametrize("damage", [{"buyer": None}, {"lineItems": {}}, {"status": "ELSEWHERE"}, {"summary": {}}])
async def test_the_check_itself_finds_what_is_wrong(
    simulator: Recording, description: Description, damage: Json
) -> None:
    form = json.loads(simulator.market.shown(simulator.market.buy()))
    description.check(form, {"$ref": "#/components/schemas/CheckoutForm"})
    with pytest.raises(AssertionError):
        description.check(form | damage, {"$ref": "#/components/schemas/CheckoutForm"})


REFUSALS = [
    ("GET", f"/order/checkout-forms/{MISSING_ID}", {}, None, 404),
    ("GET", "/order/checkout-forms/not-a-uuid", {}, None, 422),
    ("GET", "/order/checkout-forms?limit=101", {}, None, 422),
    ("GET", "/order/checkout-forms?limit=100&offset=9901", {}, None, 422),
    ("GET", "/order/checkout-forms?updatedAt.gte=yesterday", {}, None, 400),
    ("GET", "/order/checkout-forms?sort=colour", {}, None, 400),
    ("GET", "/order/events?limit=1001", {}, None, 422),
    ("GET", "/order/events?from=nonsense", {}, None, 422),
    ("GET", "/order/carriers", {"Accept": "application/json"}, None, 406),
    ("PUT", "/order/checkout-forms/{id}/fulfillment", {"Content-Type": "application/json"}, {"status": "SENT"}, 415),
    ("PUT", "/order/checkout-forms/{id}/fulfillment", {}, {"status": "RETURNED"}, 422),
    ("PUT", "/order/checkout-forms/{id}/fulfillment?checkoutForm.revision=old", {}, {"status": "SENT"}, 409),
    ("POST", "/order/checkout-forms/{id}/shipments", {}, {"carrierId": "NONE", "waybill": "1"}, 400),
    ("POST", "/order/checkout-forms/{id}/shipments", {}, {"carrierId": "DPD", "waybill": "1 2"}, 400),
    (
        "POST",
        "/order/checkout-forms/{id}/shipments",
        {},
        {"carrierId": "OTHER", "waybill": "1", "carrierName": "x" * 31},
        400,
    ),
    (
        "POST",
        "/order/checkout-forms/{id}/shipments",
        {},
        {"carrierId": "DPD", "waybill": "1", "lineItems": [{"id": "other"}]},
        422,
    ),
]


@pytest.mark.parametrize(("method", "path", "headers", "body", "status"), REFUSALS)
async def test_the_simulator_refuses_as_allegro_does(
    *,
    simulator: Recording,
    description: Description,
    method: str,
    path: str,
    headers: dict[str, str],
    body: Json | None,
    status: int,
) -> None:
    token = simulator.oauth.issue()["access_token"]
    usual = {"Authorization": f"Bearer {token}", "Accept": MEDIA_TYPE}
    if body is not None:
        usual["Content-Type"] = MEDIA_TYPE
    url = simulator.url + path.replace("{id}", simulator.market.buy())
    data = json.dumps(body) if body is not None else None
    async with ClientSession() as session, session.request(method, url, headers=usual | headers, data=data) as answer:
        assert answer.status == status
        description.check(await answer.json(content_type=None), {"$ref": "#/components/schemas/ErrorsHolder"})


async def test_the_simulator_refuses_a_token_as_allegro_does(simulator: Recording, description: Description) -> None:
    headers = {"Authorization": "Bearer wrong", "Accept": MEDIA_TYPE}
    async with ClientSession() as session, session.get(f"{simulator.url}/me", headers=headers) as answer:
        assert answer.status == 401
        description.check(await answer.json(content_type=None), {"$ref": "#/components/schemas/AuthError"})
