"""What the plugin asks and what the simulator answers, held against Etsy's official description (OAS 3.0, 2025-12).

The description requires nothing and forbids no further property, so one is stricter here: a property that it does not
know is an error. One thing is let pass: the spelling of the status, which varies in the wild ("Paid").
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from aiohttp import ClientSession, web
from jsonschema import Draft4Validator
from referencing import Registry
from referencing.jsonschema import DRAFT4

from orderferry import ChoiceKind, OrderRef, Parcel
from orderferry.testing.clock import VirtualClock
from plugins.etsy.platform import Etsy
from plugins.etsy.simulator import KEYSTRING, SHARED_SECRET, EtsySimulator
from plugins.etsy.simulator_form import SHOP_ID
from tests.plugins.etsy.made import RECEIPT

Json = dict[str, Any]
RECEIPTS = f"/v3/application/shops/{SHOP_ID}/receipts"


class Description:
    """The official description, made to refuse what it does not know."""

    def __init__(self, text: str) -> None:
        self.document: Json = json.loads(text)
        schemas = self.document["components"]["schemas"]
        del schemas["ShopReceipt"]["properties"]["status"]["enum"]
        for schema in schemas.values():
            if schema.get("properties"):
                schema["additionalProperties"] = False
        _nullable(self.document)
        self.registry: Registry[Any] = Registry().with_resource("urn:etsy", DRAFT4.create_resource(self.document))

    def operation(self, method: str, path: str) -> tuple[str, Json]:
        """The description of what a request asks; fails where Etsy had no such thing."""
        for template, operations in self.document["paths"].items():
            pattern = re.sub(r"\{\w+\}", r"\\d+", template)
            if re.fullmatch(pattern, path) and method.lower() in operations:
                return template, operations[method.lower()]
        raise AssertionError(f"the description knows no {method} {path}")

    def check(self, value: object, schema: Json) -> None:
        located = json.loads(json.dumps(schema).replace('"#/', '"urn:etsy#/'))
        validator = Draft4Validator(located, registry=self.registry)
        errors = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]
        assert errors == []


def _nullable(schema: Any) -> None:  # any part of the description
    """Says `nullable` of OpenAPI 3.0 in JSON Schema's own way."""
    if isinstance(schema, list):
        for part in schema:
            _nullable(part)
    if isinstance(schema, dict):
        for part in schema.values():
            _nullable(part)
        if schema.get("nullable") is True and isinstance(schema.get("type"), str):
            schema["type"] = [schema["type"], "null"]


@pytest.fixture(scope="session")
def description(shared: Path) -> Description:
    return Description((shared / "specs/etsy/etsy_open_api_v3_oas.json").read_text(encoding="utf-8"))


class Recording(EtsySimulator):
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
async def used(simulator: Recording, platform: Etsy) -> Recording:
    """The simulator after the plugin has done everything that it can do, with orders of every kind."""
    market = simulator.market
    market.buy()
    paid = market.purchase({"SKU-001": 2, "SKU-002": 1}, message="red", variation="For Ola", discount="1.00")
    market.purchase(gift="Hi", wrap="5.00", tax="1.00", vat="2.00")
    market.refund(market.purchase(), "1.00")
    market.refund(market.purchase())
    market.cancel(market.purchase())
    cursor, more = None, True
    while more:
        page = await platform.fetch_orders(cursor, None)
        cursor, more = page.cursor, page.more
        assert not page.malformed
    await platform.set_tracking(OrderRef(id=paid), [Parcel(carrier="DPD", number="1"), Parcel(carrier="x", number="2")])
    await platform.list_choices(ChoiceKind.CARRIERS)
    await platform.check()
    return simulator


async def test_everything_that_the_plugin_asks_is_in_the_description(used: Recording, description: Description) -> None:
    asked = set()
    for one in used.served:
        template, operation = description.operation(one.method, one.path)
        asked.add((one.method, template))
        known = {parameter["name"]: parameter["schema"] for parameter in operation.get("parameters", ())}
        for name, text in one.query.items():
            typed: object = int(text) if text.isdigit() else {"true": True, "false": False}.get(text, text)
            description.check(typed, known[name])
        assert one.headers["x-api-key"] == f"{KEYSTRING}:{SHARED_SECRET}"
        if one.body:
            (media_type,) = operation["requestBody"]["content"]
            assert one.headers["Content-Type"] == media_type
            form = {name: values[0] for name, values in parse_qs(one.body.decode()).items()}
            schema = operation["requestBody"]["content"][media_type]["schema"]
            assert set(form) <= set(schema["properties"])
            description.check(form, schema)
    assert asked == {
        ("GET", "/v3/application/users/me"),
        ("GET", "/v3/application/shops/{shop_id}/receipts"),
        ("GET", "/v3/application/shops/{shop_id}/receipts/{receipt_id}"),
        ("POST", "/v3/application/shops/{shop_id}/receipts/{receipt_id}/tracking"),
        ("GET", "/v3/application/shipping-carriers"),
    }


async def test_everything_that_the_simulator_answers_is_in_the_description(
    used: Recording, description: Description
) -> None:
    assert {status for _, _, status, _ in used.answered} == {200}
    for method, path, status, body in used.answered:
        _, operation = description.operation(method, path)
        description.check(
            json.loads(body), operation["responses"][str(status)]["content"]["application/json"]["schema"]
        )


def test_the_made_receipt_is_in_the_description(description: Description) -> None:
    description.check(RECEIPT, {"$ref": "#/components/schemas/ShopReceipt"})


@pytest.mark.parametrize("damage", [{"receipt_id": "x"}, {"transactions": {}}, {"recipt": 1}, {"is_paid": "yes"}])
def test_the_check_itself_finds_what_is_wrong(description: Description, damage: Json) -> None:
    with pytest.raises(AssertionError):
        description.check(RECEIPT | damage, {"$ref": "#/components/schemas/ShopReceipt"})


REFUSALS: list[tuple[str, str, Any, int]] = [
    ("GET", f"{RECEIPTS}/1", None, 404),
    ("GET", f"{RECEIPTS}?limit=101", None, 400),
    ("GET", f"{RECEIPTS}?offset=x", None, 400),
    ("GET", f"{RECEIPTS}?sort_on=colour", None, 400),
    ("GET", f"{RECEIPTS}?min_last_modified=7", None, 400),
    ("GET", "/v3/application/shops/1/receipts", None, 403),
    ("GET", "/v3/application/shipping-carriers", None, 400),
    ("POST", f"{RECEIPTS}/1/tracking", {"tracking_code": "1", "carrier_name": "DPD"}, 404),
    ("POST", f"{RECEIPTS}/{{id}}/tracking", {"tracking_code": "1"}, 400),
]


@pytest.mark.parametrize(("method", "path", "form", "status"), REFUSALS)
async def test_the_simulator_refuses_as_etsy_does(
    *, simulator: Recording, description: Description, method: str, path: str, form: Any, status: int
) -> None:
    url = simulator.url + path.replace("{id}", simulator.market.purchase())
    headers = {
        "Authorization": f"Bearer {simulator.oauth.issue()['access_token']}",
        "x-api-key": f"{KEYSTRING}:{SHARED_SECRET}",
    }
    async with ClientSession() as session, session.request(method, url, headers=headers, data=form) as answer:
        assert answer.status == status
        description.check(await answer.json(), {"$ref": "#/components/schemas/ErrorSchema"})


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": "Bearer 1.x"}, 403),
        ({"Authorization": "Bearer 1.x", "x-api-key": KEYSTRING}, 403),
        ({"Authorization": "Bearer 1.x", "x-api-key": f"{KEYSTRING}:{SHARED_SECRET}"}, 401),
    ],
)
async def test_the_simulator_refuses_keys_and_tokens(
    simulator: Recording, headers: dict[str, str], status: int
) -> None:
    async with ClientSession() as session, session.get(f"{simulator.url}{RECEIPTS}", headers=headers) as answer:
        assert answer.status == status
        assert (await answer.json())["error"]
