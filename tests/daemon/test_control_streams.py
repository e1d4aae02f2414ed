"""What comes piece by piece, and what is sent twice."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from daemon.core.journal import Entry, Kind
from daemon.views import CommandError, FetchProgress
from tests.daemon.control_fakes import NOW, QUICK, FakeHub, FakeLog, serving, until

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


async def post(
    http: aiohttp.ClientSession, target: str, body: object = None, key: str | None = None
) -> tuple[int, Any, bool]:
    headers = {} if key is None else {"Idempotency-Key": key}
    async with http.post(target, json={} if body is None else body, headers=headers) as answer:
        return answer.status, await answer.json(), "Idempotent-Replayed" in answer.headers


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
