"""The server as its clients meet it: values on their way to the hub and back, streams, repeats, mistakes."""

from __future__ import annotations

import asyncio
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
import msgspec
import pytest

from daemon.control.hub import Hub
from daemon.control.routes import ROUTES, Route
from daemon.core.journal import Entry, Kind
from daemon.views import CommandError, FetchProgress
from tests.daemon.control_fakes import ALLEGRO_ID, NOW, ODD_ID, QUICK, FakeHub, FakeLog, serving, until

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


@pytest.mark.parametrize("body", [{}, {"shop_order": "88", "send_again": True}, {"send_again": False}])
async def test_a_doubt_is_resolved_in_one_way_alone(
    http: aiohttp.ClientSession, hub: FakeHub, body: dict[str, object]
) -> None:
    status, problem, _ = await post(http, "/v1/jobs/17/resolve", body)
    assert status == 400
    assert "either `shop_order`" in problem["message"]
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


# the event stream


async def event(answer: aiohttp.ClientResponse) -> dict[str, str]:
    """The next event, keep-alive comments passed over."""
    while True:
        lines = (await answer.content.readuntil(b"\n\n")).decode().strip().split("\n")
        if not lines[0].startswith(":"):
            return dict(line.split(": ", 1) for line in lines)


async def test_the_journal_comes_as_events(http: aiohttp.ClientSession, hub: FakeHub) -> None:
    async with http.get("/v1/events?after=1") as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        first, second = await event(answer), await event(answer)
        assert (first["id"], first["event"], second["id"]) == ("2", "order_changed", "3")
        hub.news.put_nowait(Entry(id=4, at=NOW, kind=Kind.FETCHED, account="zażółć\n\r", data={"new": 2}))
        third = await event(answer)
    assert third["event"] == "fetched"
    assert msgspec.json.decode(third["data"], type=Entry).account == "zażółć\n\r"


async def test_events_go_on_after_the_last_one_seen(http: aiohttp.ClientSession, hub: FakeHub) -> None:
    async with http.get("/v1/events?after=0", headers={"Last-Event-ID": "2"}) as answer:
        assert (await event(answer))["id"] == "3"
    assert hub.followed_after == [2]


async def test_events_begin_with_the_next_one(http: aiohttp.ClientSession, hub: FakeHub) -> None:
    async with http.get("/v1/events") as answer:
        assert answer.status == 200
        hub.news.put_nowait(Entry(id=9, at=NOW, kind=Kind.STORE_RECOVERED))
        assert (await event(answer))["id"] == "9"
    assert hub.followed_after == [None]


async def test_a_bad_last_event_id_is_refused(http: aiohttp.ClientSession) -> None:
    async with http.get("/v1/events", headers={"Last-Event-ID": "x"}) as answer:
        assert answer.status == 400
        assert "Last-Event-ID" in (await answer.json())["message"]


async def test_a_quiet_stream_says_that_it_lives(hub: FakeHub, tmp_path: Path) -> None:
    path = tmp_path / "o.sock"
    quick = msgspec.structs.replace(QUICK, pulse=0.01)
    async with serving(hub, path, limits=quick), session(path) as http, http.get("/v1/events") as answer:
        for _ in range(3):
            assert await answer.content.readuntil(b"\n\n") == b": still here\n\n"


async def test_a_stream_ends_when_its_reader_leaves(http: aiohttp.ClientSession, hub: FakeHub) -> None:
    answer = await http.get("/v1/events")
    await until(lambda: bool(hub.followed_after))
    answer.close()
    await until(lambda: hub.closed_streams == 1)


async def test_streams_end_at_once_when_the_server_stops(hub: FakeHub, tmp_path: Path) -> None:
    path = tmp_path / "o.sock"
    async with session(path) as http:
        async with serving(hub, path) as server:
            answer = await http.get("/v1/events")
            await until(lambda: bool(hub.followed_after))
            await asyncio.wait_for(server.stop(), 0.9)
        assert await answer.content.read() == b": still here\n\n"
    assert hub.closed_streams == 1


async def test_a_stream_that_fails_ends_with_a_problem(http: aiohttp.ClientSession, hub: FakeHub, log: FakeLog) -> None:
    hub.news.put_nowait(RuntimeError("canary"))
    async with http.get("/v1/events") as answer:
        last = await event(answer)
        assert await answer.content.read() == b""
    assert last["event"] == "problem"
    assert json.loads(last["data"])["code"] == "internal"
    assert "canary" not in last["data"]
    assert log.of("control_mistake")


# the fetch


async def lines(answer: aiohttp.ClientResponse) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (await answer.read()).splitlines()]


async def test_progress_comes_line_by_line(http: aiohttp.ClientSession, hub: FakeHub) -> None:
    hub.gate = asyncio.Event()
    async with http.post("/v1/fetch", json={"accounts": ["allegro-main"]}) as answer:
        assert answer.headers["Content-Type"] == "application/x-ndjson"
        first = json.loads(await answer.content.readline())
        assert (first["pages"], first["done"]) == (1, False)
        hub.gate.set()
        assert [line["done"] for line in await lines(answer)] == [True]
    assert hub.commands == [("fetch", ("allegro-main",), UID)]


async def test_all_accounts_are_fetched_where_none_is_named(http: aiohttp.ClientSession, hub: FakeHub) -> None:
    headers = {"Content-Type": "application/json"}
    for body in (b"", b"{}", b'{"accounts":[]}'):
        async with http.post("/v1/fetch", data=body, headers=headers) as answer:
            assert len(await lines(answer)) == 2
    assert hub.commands == [("fetch", (), UID)] * 3


async def test_one_account_is_fetched_by_its_path(http: aiohttp.ClientSession, hub: FakeHub) -> None:
    async with http.post("/v1/accounts/my-shop/fetch", json={}) as answer:
        assert answer.status == 200
    assert hub.commands == [("fetch", ("my-shop",), UID)]


async def test_an_unknown_account_is_refused_before_the_first_line(http: aiohttp.ClientSession) -> None:
    status, problem, _ = await post(http, "/v1/fetch", {"accounts": ["my-shp"]})
    assert (status, problem["code"], problem["suggestions"]) == (404, "not_found", ["my-shop"])


async def test_nothing_to_fetch_is_an_empty_answer(http: aiohttp.ClientSession, hub: FakeHub) -> None:
    hub.progress = ()
    async with http.post("/v1/fetch", json={}) as answer:
        assert (answer.status, await answer.read()) == (200, b"")


async def test_a_fetch_that_fails_midway_ends_with_a_problem(http: aiohttp.ClientSession, hub: FakeHub) -> None:
    hub.progress = (*hub.progress[:1], CommandError("unavailable", "the store can't be written"))
    async with http.post("/v1/fetch", json={}) as answer:
        first, last = await lines(answer)
    assert first["pages"] == 1
    assert last == {"code": "unavailable", "message": "the store can't be written", "suggestions": []}


async def test_a_fetch_ends_when_its_reader_leaves(http: aiohttp.ClientSession, hub: FakeHub) -> None:
    hub.gate = asyncio.Event()
    answer = await http.post("/v1/fetch", json={})
    await answer.content.readline()
    answer.close()
    await until(lambda: hub.closed_streams == 1)


async def test_a_stopping_server_says_so_to_who_fetches(hub: FakeHub, tmp_path: Path) -> None:
    path = tmp_path / "o.sock"
    hub.gate = asyncio.Event()
    async with session(path) as http:
        async with serving(hub, path):
            answer = await http.post("/v1/fetch", json={})
            await answer.content.readline()
        assert [line["code"] for line in await lines(answer)] == ["unavailable"]


# the same command twice


async def test_the_same_key_gets_the_first_answer_again(http: aiohttp.ClientSession, hub: FakeHub) -> None:
    first = await post(http, "/v1/orders/12/forward", {}, "k-1")
    second = await post(http, "/v1/orders/12/forward", {}, "k-1")
    assert first[:2] == second[:2]
    assert (first[2], second[2]) == (False, True)
    assert len(hub.commands) == 1


async def test_without_a_key_it_is_done_each_time(http: aiohttp.ClientSession, hub: FakeHub) -> None:
    for _ in range(2):
        await post(http, "/v1/orders/12/forward", {})
    assert len(hub.commands) == 2


@pytest.mark.parametrize(
    ("target", "body"), [("/v1/orders/12/forward", {"shop": "my-shop"}), ("/v1/orders/11/forward", {})]
)
async def test_the_same_key_with_another_request_is_a_conflict(
    http: aiohttp.ClientSession, hub: FakeHub, target: str, body: dict[str, str]
) -> None:
    await post(http, "/v1/orders/12/forward", {}, "k-1")
    status, problem, _ = await post(http, target, body, "k-1")
    assert (status, problem["code"]) == (409, "conflict")
    assert len(hub.commands) == 1


async def test_who_asks_again_meanwhile_waits_for_the_first(http: aiohttp.ClientSession, hub: FakeHub) -> None:
    hub.gate = asyncio.Event()
    asked = [asyncio.create_task(post(http, "/v1/orders/12/forward", {}, "k-1")) for _ in range(3)]
    await until(lambda: bool(hub.commands))
    hub.gate.set()
    answers = await asyncio.gather(*asked)
    assert sorted(replayed for _, _, replayed in answers) == [False, True, True]
    assert len({json.dumps(value) for _, value, _ in answers}) == 1
    assert len(hub.commands) == 1


async def test_a_client_that_left_finds_its_command_done(http: aiohttp.ClientSession, hub: FakeHub) -> None:
    hub.gate = asyncio.Event()
    asked = asyncio.create_task(post(http, "/v1/orders/12/forward", {}, "k-1"))
    await until(lambda: bool(hub.commands))
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    hub.gate.set()
    status, _, replayed = await post(http, "/v1/orders/12/forward", {}, "k-1")
    assert (status, replayed) == (200, True)
    assert len(hub.commands) == 1


async def test_a_fetch_under_a_key_goes_on_without_its_reader(http: aiohttp.ClientSession, hub: FakeHub) -> None:
    hub.gate = asyncio.Event()
    answer = await http.post("/v1/fetch", json={}, headers={"Idempotency-Key": "k-2"})
    await answer.content.readline()
    answer.close()
    hub.gate.set()
    async with http.post("/v1/fetch", json={}, headers={"Idempotency-Key": "k-2"}) as again:
        assert again.headers["Idempotent-Replayed"] == "true"
        assert [line["done"] for line in await lines(again)] == [False, True]
    assert len(hub.commands) == 1


async def test_of_a_long_fetch_the_last_lines_are_kept(http: aiohttp.ClientSession, hub: FakeHub) -> None:
    line = FetchProgress(account="allegro-main", pages=1, new=0, changed=0, malformed=0)
    hub.progress = (*[line] * 2000, msgspec.structs.replace(line, done=True))
    counts = []
    for _ in range(2):
        async with http.post("/v1/fetch", json={}, headers={"Idempotency-Key": "k-3"}) as answer:
            received = await lines(answer)
        counts.append(len(received))
        assert received[-1]["done"]
    assert counts == [2001, 1]
    assert len(hub.commands) == 1


async def test_a_refusal_is_kept_but_not_a_503(http: aiohttp.ClientSession, hub: FakeHub) -> None:
    hub.fails["forward"] = CommandError("unavailable", "the disk is full")
    assert (await post(http, "/v1/orders/12/forward", {}, "k-1"))[0] == 503
    hub.fails["forward"] = CommandError("conflict", "it is in the shop")
    assert (await post(http, "/v1/orders/12/forward", {}, "k-1"))[0] == 409
    hub.fails.clear()
    assert (await post(http, "/v1/orders/12/forward", {}, "k-1"))[::2] == (409, True)
    assert len(hub.commands) == 2


@pytest.mark.parametrize("key", ["", "k" * 256, "ż"])
async def test_a_key_is_plain_text(http: aiohttp.ClientSession, hub: FakeHub, key: str) -> None:
    status, problem, _ = await post(http, "/v1/orders/12/forward", {}, key)
    assert (status, problem["code"]) == (400, "invalid")
    assert hub.commands == []


async def test_a_bad_request_does_not_use_up_its_key(http: aiohttp.ClientSession) -> None:
    assert (await post(http, "/v1/orders/12/status", {}, "k-1"))[0] == 400
    assert (await post(http, "/v1/orders/12/status", {"status": "sent"}, "k-1"))[0] == 200
