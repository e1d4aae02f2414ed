"""The server as its clients meet it: values on their way to the hub and back, and mistakes."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from daemon.control.hub import Hub
from daemon.control.routes import ROUTES, Route
from daemon.views import CommandError
from tests.daemon.control_fakes import ALLEGRO_ID, ODD_ID, FakeHub, FakeLog, serving

UID = os.getuid()


@pytest.fixture
def hub() -> FakeHub:
    return FakeHub()


@pytest.fixture
def log() -> FakeLog:
    return FakeLog()


@pytest.fixture
async def http(hub: FakeHub, log: FakeLog, tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    path = tmp_path / "run" / "orderferry.sock"
    async with serving(hub, path, log=log), session(path) as opened:
        yield opened


def session(path: Path) -> aiohttp.ClientSession:
    return aiohttp.ClientSession("http://localhost", connector=aiohttp.UnixConnector(str(path)))


async def get(http: aiohttp.ClientSession, target: str) -> tuple[int, Any]:
    async with http.get(target) as answer:
        return answer.status, await answer.json()


async def post(
    http: aiohttp.ClientSession, target: str, body: object = None, key: str | None = None
) -> tuple[int, Any, bool]:
    headers = {} if key is None else {"Idempotency-Key": key}
    async with http.post(target, json={} if body is None else body, headers=headers) as answer:
        return answer.status, await answer.json(), "Idempotent-Replayed" in answer.headers


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.about)
def test_every_route_fits_its_method_of_the_hub(route: Route) -> None:
    signature = inspect.signature(getattr(Hub, route.hub))
    given = {param.name: None for param in (*route.params, *route.query)}
    if route.body is not None:
        given |= dict.fromkeys(route.body.__struct_fields__)
    if route.stream == "events":
        given.setdefault("after", None)
    arguments = route.shaped(given) | ({"uid": 0} if route.acts else {})
    names = set(signature.parameters) - {"self"}
    assert set(arguments) <= names
    required = {name for name in names if signature.parameters[name].default is inspect.Parameter.empty}
    optional = {param.name for param in route.query} - {"after"}
    assert required <= set(arguments) - optional


def test_every_method_of_the_hub_has_its_route() -> None:
    methods = {name for name, _ in inspect.getmembers(Hub, inspect.isfunction) if not name.startswith("_")}
    assert {route.hub for route in ROUTES} == methods


async def test_a_view_comes_as_it_is(http: aiohttp.ClientSession) -> None:
    status, value = await get(http, "/v1/orders/12")
    assert status == 200
    assert value["order"]["external_id"] == ALLEGRO_ID
    assert value["order"]["total"] == {"amount": "34.67", "currency": "PLN"}
    assert value["order"]["ordered_at"] == "2026-11-23T08:30:00Z"


async def test_answers_are_never_stored(http: aiohttp.ClientSession) -> None:
    async with http.get("/v1/status") as answer:
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("order", ["12", ALLEGRO_ID, ODD_ID])
async def test_an_order_is_named_by_number_or_by_any_id(http: aiohttp.ClientSession, hub: FakeHub, order: str) -> None:
    async with http.post(_url(f"/v1/orders/{quote(order, safe='')}/forward"), json={"shop": None}) as answer:
        assert answer.status == 200
    assert hub.commands == [("forward", order, None, UID)]


def _url(target: str) -> Any:
    from yarl import URL  # noqa: PLC0415 - aiohttp would decode the %2F of a plain string

    return URL(target, encoded=True)


async def test_query_values_come_with_their_types(http: aiohttp.ClientSession, hub: FakeHub) -> None:
    query = (
        "account=allegro-main&stage=ready&status=new&since=2026-11-01T00:00:00%2B01:00"
        "&unfinished=true&warnings=false&before=12&limit=5"
    )
    status, _ = await get(http, _url(f"/v1/orders?{query}"))
    assert status == 200
    assert hub.asked_orders == [
        {
            "account": "allegro-main",
            "stage": "ready",
            "status": "new",
            "since": datetime(2026, 10, 31, 23, tzinfo=UTC),
            "unfinished": True,
            "before": 12,
            "limit": 5,
        }
    ]


@pytest.mark.parametrize(
    ("target", "named", "suggested"),
    [
        ("/v1/orders?stat=new", "isn't known", "status"),
        ("/v1/status?x=1", "takes no query", None),
        ("/v1/orders?limit=0", "`limit` must be a whole number, 1 to 500", None),
        ("/v1/orders?limit=501", "`limit`", None),
        ("/v1/orders?limit=ten", "`limit`", None),
        ("/v1/orders?limit=%C2%B2", "`limit`", None),
        ("/v1/orders?before=-1", "`before`", None),
        ("/v1/orders?before=99999999999999999999", "`before`", None),
        ("/v1/orders?stage=redy", "`stage` must be one of", "ready"),
        ("/v1/orders?unfinished=yes", "must be true or false", "true"),
        ("/v1/orders?since=yesterday", "2026-11-01T00:00:00Z", None),
        ("/v1/orders?since=2026-11-01", "with its offset", None),
        ("/v1/orders?limit=1&limit=2", "twice", None),
        ("/v1/orders?account=" + "x" * 501, "too long", None),
        ("/v1/orders?account=%FF", "can't be read", None),
        ("/v1/orders?" + "&".join(f"a{n}=1" for n in range(60)), "can't be read", None),
        ("/v1/jobs?state=parkd", "`state`", "parked"),
        ("/v1/accounts/my-shop/choices/colours", "`kind`", "statuses"),
        ("/v1/orders/%00", "not text", None),
        ("/v1/orders/%FF", "not text", None),
        ("/v1/orders/%1B%5B31m", "not text", None),
        ("/v1/events?after=x", "`after`", None),
    ],
)
async def test_a_bad_parameter_is_a_sentence(
    http: aiohttp.ClientSession, target: str, named: str, suggested: str | None
) -> None:
    status, problem = await get(http, _url(target))
    assert status == 400
    assert problem["code"] == "invalid"
    assert named in problem["message"]
    assert suggested is None or suggested in problem["suggestions"]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "Expected `object`"),
        (b"[]", "Expected `object`"),
        (b'{"status":"new","x":1}', "unknown field `x`"),
        (b'{"status":1}', "Expected `str`, got `int`"),
        (b"{}", "missing required field `status`"),
        (b"", "missing required field `status`"),
    ],
)
async def test_a_bad_body_is_a_sentence(http: aiohttp.ClientSession, hub: FakeHub, body: bytes, named: str) -> None:
    headers = {"Content-Type": "application/json"}
    async with http.post("/v1/orders/12/status", data=body, headers=headers) as answer:
        problem = await answer.json()
    assert answer.status == 400
    assert problem["code"] == "invalid"
    assert named in problem["message"]
    assert hub.commands == []


@pytest.mark.parametrize("amount", ['"NaN"', '"Infinity"', '"-1"', '"x"', "true"])
async def test_an_amount_is_a_number(http: aiohttp.ClientSession, hub: FakeHub, amount: str) -> None:
    headers = {"Content-Type": "application/json"}
    body = f'{{"paid":true,"amount":{amount}}}'
    async with http.post("/v1/orders/12/payment", data=body, headers=headers) as answer:
        assert answer.status == 400
    assert hub.commands == []


async def test_an_amount_is_exact(http: aiohttp.ClientSession, hub: FakeHub) -> None:
    await post(http, "/v1/orders/12/payment", {"paid": True, "amount": "0.10"})
    assert hub.commands == [("set_payment", "12", True, Decimal("0.10"), UID)]


@pytest.mark.parametrize(
    "body", [{}, {"shop_order": "88", "send_again": True}, {"sent": True, "send_again": True}, {"send_again": False}]
)
async def test_a_doubt_is_resolved_in_one_way_alone(
    http: aiohttp.ClientSession, hub: FakeHub, body: dict[str, object]
) -> None:
    status, problem, _ = await post(http, "/v1/jobs/17/resolve", body)
    assert status == 400
    assert "give one: `shop_order`" in problem["message"]
    assert hub.commands == []


@pytest.mark.parametrize(
    ("target", "suggested"),
    [("/v1/order/12", "/v1/orders/{order}"), ("/status", "/v1/status"), ("/v1/jobs/", "/v1/jobs")],
)
async def test_an_unknown_path_suggests(http: aiohttp.ClientSession, target: str, suggested: str) -> None:
    status, problem = await get(http, target)
    assert (status, problem["code"]) == (404, "not_found")
    assert suggested in problem["suggestions"]


@pytest.mark.parametrize(
    ("code", "status"),
    [("not_found", 404), ("invalid", 400), ("conflict", 409), ("forbidden", 403), ("unavailable", 503), ("odd", 500)],
)
async def test_the_hubs_refusals_keep_their_words(
    http: aiohttp.ClientSession, hub: FakeHub, code: str, status: int
) -> None:
    hub.fails["status"] = CommandError(code, "it is so", ("do this",))
    assert await get(http, "/v1/status") == (
        status,
        {"code": code, "message": "it is so", "suggestions": ["do this"]},
    )


async def test_a_mistake_inside_shows_nothing_of_the_inside(
    http: aiohttp.ClientSession, hub: FakeHub, log: FakeLog
) -> None:
    hub.fails["status"] = RuntimeError("secret-canary in /root/somewhere")
    async with http.get("/v1/status") as answer:
        text = await answer.text()
    assert answer.status == 500
    assert json.loads(text)["code"] == "internal"
    assert "canary" not in text
    assert "Traceback" not in text
    assert log.of("control_mistake")[0]["error"] == "RuntimeError"


async def test_a_hub_that_runs_out_of_time_is_a_mistake_too(http: aiohttp.ClientSession, hub: FakeHub) -> None:
    hub.fails["status"] = TimeoutError()
    status, problem = await get(http, "/v1/status")
    assert (status, problem["code"]) == (500, "internal")
