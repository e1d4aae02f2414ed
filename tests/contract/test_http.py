"""Whatever happens on the wire becomes the right error: what was certainly not applied, and what may have been."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiohttp import web

from orderferry import Malformed, NeedsLogin, PlatformError, RateLimited, Rejected, Secret, Unavailable, Unsure, Url
from orderferry.http import BasicAuth, Http, Limits, Request, Response, nothing
from orderferry.testing.account import OpenAccount
from orderferry.testing.example import TinySettings, TinyShop
from orderferry.testing.simulator import Fate, Faults, Simulator

SECRET = "s3cret-in-the-query"
decode = msgspec.json.Decoder(dict[str, Any]).decode


class Wire(Simulator):
    """Answers what the path asks for, and counts what it has applied."""

    def __init__(self) -> None:
        super().__init__(faults=Faults(slow=5))
        self.applied = 0

    def routes(self) -> list[web.RouteDef]:
        paths = {"/things": self._apply, "/answer/{status}": self._answer, "/to/{status}": self._redirect}
        return [web.route("*", path, handle) for path, handle in paths.items()]

    async def _apply(self, request: web.Request) -> web.Response:  # noqa: ARG002 - aiohttp's signature
        self.applied += 1
        return web.json_response({"applied": self.applied})

    async def _answer(self, request: web.Request) -> web.Response:
        said = request.query.get("said")
        headers = {"Retry-After": request.query["after"]} if "after" in request.query else {}
        body = json.dumps({"message": said}) if said else "<html>error</html>"
        return web.Response(status=int(request.match_info["status"]), text=body, headers=headers)

    async def _redirect(self, request: web.Request) -> web.Response:
        return web.Response(status=int(request.match_info["status"]), headers={"Location": request.query["to"]})


def explain(body: bytes) -> str | None:
    return str(json.loads(body)["message"])  # raises for a page, as a careless plugin would


def client(open_account: OpenAccount, url: str, **options: Any) -> Http:
    options.setdefault("explain", explain)
    settings = TinySettings(url=Url("http://localhost"), secret=Secret("unused"))
    return open_account(TinyShop, settings).http(url, **options)


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as wire:
        yield wire


@pytest.fixture
def http(wire: Wire, open_account: OpenAccount) -> Callable[..., Http]:
    return lambda **options: client(open_account, wire.url, **options)


@asynccontextmanager
async def raw_server(*answers: bytes, patient: bool = False) -> AsyncIterator[str]:
    """Answers each request with the next bytes, as they are, then hangs up: at once, or when another request begins."""
    left = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while left:
                head = await reader.readuntil(b"\r\n\r\n")
                length = [
                    line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
                ]
                await reader.readexactly(int(length[0]) if length else 0)
                writer.write(left.pop(0))
                await writer.drain()
            if patient:
                await reader.read(1)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def failure(http: Http, method: str, path: str, **options: Any) -> PlatformError:
    query = {**options.pop("query", {}), "key": SECRET}
    with pytest.raises(PlatformError) as caught:
        await http.fetch(method, path, options.pop("decode", decode), query=query, **options)
    assert SECRET not in str(caught.value)
    return caught.value


# --- nothing was sent


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
async def test_refused_connection_is_unavailable(open_account: OpenAccount, method: str) -> None:
    error = await failure(client(open_account, f"http://127.0.0.1:{free_port()}"), method, "/things")
    assert type(error) is Unavailable
    assert "can't be reached" in str(error)


async def test_unknown_name_is_unavailable(open_account: OpenAccount) -> None:
    error = await failure(client(open_account, "https://no-such-shop.invalid"), "POST", "/things")
    assert type(error) is Unavailable
    assert "can't be reached" in str(error)


async def test_connecting_that_takes_too_long_is_unavailable(open_account: OpenAccount) -> None:
    """The server takes the connection and never answers the TLS greeting."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        error = await failure(client(open_account, url, limits=Limits(connect=0.05)), "POST", "/things")
    assert type(error) is Unavailable
    assert str(error).endswith("connecting took too long")


async def test_tls_on_a_plain_port_is_unavailable(open_account: OpenAccount, wire: Wire) -> None:
    error = await failure(client(open_account, wire.url.replace("http:", "https:")), "POST", "/things")
    assert type(error) is Unavailable
    assert not wire.served


# --- the answer was lost, cut, late, unreadable, or a server error


@pytest.mark.parametrize("fate", [Fate.LOST, Fate.CUT, Fate.GARBAGE, Fate.FAILED_AFTER, Fate.NOTICES, Fate.DOWN])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_change_without_a_good_answer_is_unsure(
    http: Callable[..., Http], wire: Wire, method: str, fate: Fate
) -> None:
    wire.script("*", "", fate)
    assert type(await failure(http(), method, "/things")) is Unsure
    assert len(wire.served) == 1, "nothing may be sent again by itself"
    assert wire.applied == (0 if fate is Fate.DOWN else 1)


@pytest.mark.parametrize("fate", [Fate.LOST, Fate.CUT, Fate.GARBAGE, Fate.FAILED_AFTER, Fate.NOTICES, Fate.DOWN])
async def test_a_read_without_a_good_answer_is_unavailable(http: Callable[..., Http], wire: Wire, fate: Fate) -> None:
    wire.script("*", "", fate, fate)  # aiohttp reads once more by itself when a connection breaks
    assert type(await failure(http(), "GET", "/things")) is Unavailable


async def test_a_post_that_only_reads_is_unavailable(http: Callable[..., Http], wire: Wire) -> None:
    wire.script("POST", "", Fate.LOST)
    assert type(await failure(http(), "POST", "/things", reads=True)) is Unavailable


@pytest.mark.parametrize(("method", "kind"), [("POST", Unsure), ("GET", Unavailable)])
async def test_a_late_answer(http: Callable[..., Http], wire: Wire, method: str, kind: type[PlatformError]) -> None:
    wire.script(method, "", Fate.SLOW)
    error = await failure(http(limits=Limits(total=0.1)), method, "/things")
    assert type(error) is kind
    assert str(error).endswith("it took too long")


@pytest.mark.parametrize(
    "answer",
    [
        b"SMTP ready\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}",
        b"",
    ],
)
@pytest.mark.parametrize(("method", "kind"), [("POST", Unsure), ("GET", Unavailable)])
async def test_broken_http(open_account: OpenAccount, answer: bytes, method: str, kind: type[PlatformError]) -> None:
    async with raw_server(answer) as url:
        assert type(await failure(client(open_account, url), method, "/things")) is kind


async def test_a_pooled_connection_that_the_server_gave_up_leaves_a_change_in_doubt(open_account: OpenAccount) -> None:
    """The request left on the old connection, so nobody knows; it is not sent again on a new one."""
    good = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    for method in ("POST", "PUT", "DELETE"):
        async with raw_server(good, patient=True) as url:
            http = client(open_account, url)
            await http.get("/things", decode)
            assert type(await failure(http, method, "/things")) is Unsure


async def test_a_pooled_connection_that_the_server_gave_up_is_replaced_for_a_read(
    http: Callable[..., Http], wire: Wire
) -> None:
    opened = http()
    await opened.get("/things", decode)
    wire.script("GET", "", Fate.DROPPED)
    assert await opened.get("/things", decode) == {"applied": 2}


# --- what the platform says


@pytest.mark.parametrize(
    ("status", "said", "change", "read"),
    [
        (400, "no", Rejected, Rejected),
        (400, None, Unsure, Rejected),
        (401, "no", NeedsLogin, NeedsLogin),
        (401, None, Unsure, NeedsLogin),
        (403, "no", NeedsLogin, NeedsLogin),
        (403, None, Unsure, NeedsLogin),
        (404, "no", Rejected, Rejected),
        (404, None, Unsure, Rejected),
        (408, None, Unsure, Unavailable),
        (409, "no", Rejected, Rejected),
        (409, None, Unsure, Unavailable),
        (422, "no", Rejected, Rejected),
        (425, None, Unsure, Unavailable),
        (429, "no", RateLimited, RateLimited),
        (429, None, Unsure, RateLimited),
        (500, "no", Unsure, Unavailable),
        (502, None, Unsure, Unavailable),
        (503, "no", Unsure, Unavailable),
    ],
)
async def test_status_table(
    http: Callable[..., Http], status: int, said: str | None, change: type[PlatformError], read: type[PlatformError]
) -> None:
    query = {"said": said} if said else {}
    for method, kind in (("POST", change), ("GET", read)):
        error = await failure(http(), method, f"/answer/{status}", query=query)
        assert type(error) is kind
        assert str(status) in str(error)
        assert not said or said in str(error)
        assert not isinstance(error, Rejected) or error.status == status


async def test_a_plugin_that_cannot_read_an_error_does_not_change_what_it_means(http: Callable[..., Http]) -> None:
    with pytest.raises(ValueError, match="Expecting value"):
        explain(b"<html>")
    assert type(await failure(http(explain=explain), "POST", "/answer/500")) is Unsure


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_of_a_change_is_never_followed(http: Callable[..., Http], wire: Wire, status: int) -> None:
    error = await failure(http(), "POST", f"/to/{status}", query={"to": f"/things?token={SECRET}"}, body=b"{}")
    assert type(error) is (Unsure if status in {302, 303} else Unavailable)
    assert wire.applied == 0


async def test_a_redirect_of_a_read_is_followed_within_the_origin(http: Callable[..., Http], wire: Wire) -> None:
    assert await http().get("/to/302", decode, query={"to": "/things"}) == {"applied": 1}
    assert await http().get("/to/308", decode, query={"to": f"{wire.url}/things"}) == {"applied": 2}


@pytest.mark.parametrize(
    "to", ["http://shop.invalid/things", "https://127.0.0.1/things", "//evil.invalid/", "http://[", "mailto:a@b.c", ""]
)
async def test_a_redirect_of_a_read_never_leaves_the_origin(http: Callable[..., Http], wire: Wire, to: str) -> None:
    error = await failure(http(auth=BasicAuth("key", "x")), "GET", "/to/302", query={"to": to})
    assert type(error) is Unavailable
    assert "config.toml" in str(error)
    assert len(wire.served) == 1


async def test_a_redirect_in_a_circle_ends(http: Callable[..., Http], wire: Wire) -> None:
    assert type(await failure(http(), "GET", "/to/302", query={"to": "/to/302?to=/to/302"})) is Unavailable
    assert len(wire.served) <= 5


# --- the plugin's decode


@pytest.mark.parametrize("raised", [ValueError("x"), KeyError("x"), Malformed("x"), RecursionError("x")])
async def test_a_change_whose_answer_the_plugin_cannot_read_is_unsure(
    http: Callable[..., Http], raised: Exception
) -> None:
    def refuse(_: bytes) -> None:
        raise raised

    assert type(await failure(http(), "POST", "/things", decode=refuse)) is Unsure


async def test_a_decode_may_itself_say_what_the_answer_means(http: Callable[..., Http]) -> None:
    def refuse(_: bytes) -> None:
        raise Rejected("the shop says so with status 200")

    assert type(await failure(http(), "POST", "/things", decode=refuse)) is Rejected


async def test_a_bug_while_reading_stays_a_bug(http: Callable[..., Http]) -> None:
    def refuse(_: bytes) -> None:
        raise KeyError("orders")

    with pytest.raises(KeyError):
        await http().get("/things", refuse)


async def test_unreadable_data_is_not_quoted(open_account: OpenAccount) -> None:
    body = b'{"email": "buyer@example.com", '
    async with raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body) as url:
        error = await failure(client(open_account, url), "GET", "/things")
    assert "buyer@" not in str(error)
    assert f"{len(body)} bytes" in str(error)


# --- what leaves


async def test_a_request_carries_json_headers_and_basic_auth(http: Callable[..., Http], wire: Wire) -> None:
    opened = http(auth=BasicAuth("key", "pass"), headers={"X-Mine": "1"})
    await opened.send("POST", "/things", nothing, json={"a": 1}, query={"q": "ż &"})
    (served,) = wire.served
    assert json.loads(served.body) == {"a": 1}
    assert served.query == {"q": "ż &"}
    assert served.headers["Content-Type"] == "application/json"
    assert served.headers["Authorization"] == "Basic a2V5OnBhc3M="
    assert (served.headers["X-Mine"], served.headers["User-Agent"]) == ("1", "orderferry")


async def test_basic_auth_is_not_tried_twice(http: Callable[..., Http], wire: Wire) -> None:
    opened = http(auth=BasicAuth("key", "wrong"))
    assert type(await failure(opened, "GET", "/answer/401", query={"said": "wrong key"})) is NeedsLogin
    assert len(wire.served) == 1


def test_what_is_on_its_way_shows_no_secret() -> None:
    request = Request(
        method="POST",
        url=f"https://shop.example/a?key={SECRET}",
        query={"key": SECRET},
        headers={"Authorization": SECRET},
        body=SECRET.encode(),
        form={"secret": SECRET},
    )
    response = Response(status=200, headers={"x": SECRET}, body=SECRET.encode())
    assert SECRET not in f"{request!r} {request} {response!r} {response}"
