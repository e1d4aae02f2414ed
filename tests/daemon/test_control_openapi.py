"""The OpenAPI document is true: it is well-formed, and every answer of every route is what it says."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from daemon.control.openapi import build
from daemon.control.routes import ROUTES, Route
from daemon.core.journal import Entry, Kind
from daemon.views import CommandError
from tests.daemon.control_fakes import NOW, FakeHub, serving

DOCUMENT = build()
REGISTRY: Registry[Any] = Registry().with_resource("doc", DRAFT202012.create_resource(DOCUMENT))
PATH = {"name": "my-shop", "kind": "statuses", "order": "12", "job": "17"}
BODIES: dict[str, dict[str, object]] = {
    "status": {"status": "sent"},
    "payment": {"paid": True, "amount": "12.30"},
    "export": {"buyer": "jan@example.org"},
    "erase": {"buyers": ["12"]},
    "parcels": {"carrier": "INPOST", "number": "620001"},
    "orders": {"orders": [], "malformed": [], "undated": True},
    "resolve": {"shop_order": "88"},
}


def check(value: object, schema: dict[str, Any]) -> None:
    """Raises for a value that the schema, with its references into the document, doesn't allow; dates are checked."""
    anchored = json.loads(json.dumps(schema).replace('"#/components', '"doc#/components'))
    Draft202012Validator(anchored, registry=REGISTRY, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(
        value
    )


def closed(schema: dict[str, Any]) -> dict[str, Any]:
    """The document with no room for fields that it doesn't name."""
    for component in schema["components"]["schemas"].values():
        if component.get("type") == "object" and "properties" in component:
            component["additionalProperties"] = False
    return schema


closed(DOCUMENT)


@pytest.fixture
def hub() -> FakeHub:
    return FakeHub()


@pytest.fixture
async def http(hub: FakeHub, tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    path = tmp_path / "o.sock"
    async with serving(hub, path):
        connector = aiohttp.UnixConnector(str(path))
        async with aiohttp.ClientSession("http://localhost", connector=connector) as session:
            yield session


async def ask(http: aiohttp.ClientSession, route: Route, **given: Any) -> tuple[int, str, bytes]:
    target = route.path.format(**PATH | given)
    body = BODIES.get(route.path.rsplit("/", 1)[-1], {}) if route.body is not None else None
    async with http.request(route.method, target, json=body) as answer:
        if route.stream == "events" and answer.status == 200:
            await answer.content.readuntil(b"\n\n")
            return answer.status, answer.content_type, await answer.content.readuntil(b"\n\n")
        return answer.status, answer.content_type, await answer.read()


def values(content_type: str, raw: bytes) -> list[Any]:
    match content_type:
        case "application/x-ndjson":
            return [json.loads(line) for line in raw.splitlines()]
        case "text/event-stream":
            return [json.loads(line[6:]) for line in raw.splitlines() if line.startswith(b"data: ")]
        case "text/plain":
            return [raw.decode()]
        case _:
            return [json.loads(raw)]


def said(route: Route, status: int, content_type: str) -> dict[str, Any]:
    """What the document says of this answer; a KeyError is a lie of the document."""
    operation = DOCUMENT["paths"][route.path][route.method.lower()]
    found: dict[str, Any] = operation["responses"][str(status)]["content"][content_type]["schema"]
    return found


def test_it_is_an_openapi_document() -> None:
    validate(json.loads(json.dumps(build())))


def test_it_has_every_route_and_nothing_else() -> None:
    described = {(method.upper(), path) for path, methods in build()["paths"].items() for method in methods}
    assert described == {(route.method, route.path) for route in ROUTES} | {("GET", "/v1/openapi.json")}


def test_operation_ids_are_unique() -> None:
    ids = [operation["operationId"] for methods in build()["paths"].values() for operation in methods.values()]
    assert len(ids) == len(set(ids))


async def test_it_is_served(http: aiohttp.ClientSession) -> None:
    async with http.get("/v1/openapi.json") as answer:
        assert answer.status == 200
        assert await answer.json() == json.loads(json.dumps(build()))
    async with http.post("/v1/openapi.json", json={}) as answer:
        assert answer.status == 405


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.about)
async def test_answers_are_as_described(http: aiohttp.ClientSession, hub: FakeHub, route: Route) -> None:
    hub.news.put_nowait(Entry(id=9, at=NOW, kind=Kind.FETCHED, data={"new": 1, "names": ["a"], "none": None}))
    status, content_type, raw = await ask(http, route)
    assert status == 200
    found = values(content_type, raw)
    assert found
    for value in found:
        check(value, said(route, status, content_type))


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.about)
async def test_requests_are_as_described(route: Route) -> None:
    operation = DOCUMENT["paths"][route.path][route.method.lower()]
    assert ("requestBody" in operation) == (route.method == "POST")
    if route.body is not None:
        body = BODIES.get(route.path.rsplit("/", 1)[-1], {})
        check(body, operation["requestBody"]["content"]["application/json"]["schema"])


ERRORS = [
    CommandError("not_found", "there is no such thing", ("this",)),
    CommandError("conflict", "it is there already"),
    CommandError("unavailable", "the store can't be written"),
    RuntimeError("a mistake"),
]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
@pytest.mark.parametrize("route", [route for route in ROUTES if route.stream is None], ids=lambda route: route.about)
async def test_refusals_are_as_described(
    hub: FakeHub, tmp_path: Path, route: Route, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(**_given: object) -> None:
        raise error

    monkeypatch.setattr(hub, route.hub, fail)
    path = tmp_path / "o.sock"
    async with serving(hub, path):
        connector = aiohttp.UnixConnector(str(path))
        async with aiohttp.ClientSession("http://localhost", connector=connector) as session:
            status, content_type, raw = await ask(session, route)
    assert status in {404, 409, 500, 503}
    check(json.loads(raw), said(route, status, content_type))


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.about)
async def test_what_the_server_refuses_is_as_described(http: aiohttp.ClientSession, route: Route) -> None:
    target = route.path.format(**PATH)
    seen = set()
    for headers, query in (({"Origin": "null"}, ""), ({"Cookie": "a" * 8170}, ""), ({}, "?no=1")):
        async with http.request(route.method, target + query, headers=headers, json={}) as answer:
            seen.add(answer.status)
            check(await answer.json(), said(route, answer.status, answer.content_type))
    if route.body is not None:
        for data, kind in ((b"x" * 1_048_577, "application/json"), (b"{}", "text/plain"), (b"[]", "application/json")):
            async with http.post(target, data=io.BytesIO(data), headers={"Content-Type": kind}) as answer:
                seen.add(answer.status)
                check(await answer.json(), said(route, answer.status, answer.content_type))
    async with http.request("DELETE", target) as answer:
        seen.add(answer.status)
        check(await answer.json(), said(route, answer.status, answer.content_type))
    assert seen == {400, 403, 405, 431} | ({413, 415} if route.body is not None else set())


@pytest.mark.parametrize("error", ERRORS, ids=repr)
async def test_a_stream_that_can_not_go_on_is_as_described(
    http: aiohttp.ClientSession, hub: FakeHub, error: Exception
) -> None:
    hub.progress = (*hub.progress, error)
    hub.saving = (*hub.saving, error)
    hub.news.put_nowait(error)
    hub.export_ends = error
    for route in ROUTES:
        if route.stream is not None:
            status, content_type, raw = await ask(http, route)
            last = values(content_type, raw)[-1]
            assert set(last) == {"code", "message", "suggestions"}
            check(last, said(route, status, content_type))
