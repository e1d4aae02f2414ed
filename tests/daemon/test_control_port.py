"""The port for watchers: three paths, for reading, to this machine's own names."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from daemon.control.guard import Limits
from daemon.control.port import HOSTS, METHODS, OPEN, OpenPort
from daemon.views import CommandError
from tests.daemon.control_fakes import QUICK, FakeHub, FakeLog


@pytest.fixture
def hub() -> FakeHub:
    return FakeHub()


@asynccontextmanager
async def serving(
    hub: FakeHub, host: str = "127.0.0.1", *, log: FakeLog | None = None, limits: Limits = QUICK
) -> AsyncIterator[str]:
    """The port's address while it is served."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as free:
        free.bind((host, 0))
        number = free.getsockname()[1]
    kept = log or FakeLog()
    running = asyncio.create_task(OpenPort(hub, kept, limits).run(host, number))
    try:
        async with asyncio.timeout(20):
            while not kept.of("metrics_listening"):
                assert not running.done(), running
                await asyncio.sleep(0)
        yield str(kept.of("metrics_listening")[0]["url"]).removesuffix("/metrics")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
async def url(hub: FakeHub) -> AsyncIterator[str]:
    async with serving(hub) as url:
        yield url


async def ask(url: str, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.request(method, url + path, headers=headers) as answer:
        return answer.status, await answer.text()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "127.0.0.2"])
async def test_it_serves_what_watchers_need_on_either_internet_protocol(hub: FakeHub, host: str) -> None:
    async with serving(hub, host) as url:
        ours = {} if host != "127.0.0.2" else {"Host": "localhost"}
        assert await ask(url, "/healthz", **ours) == (200, '{"health":"ok"}')
        assert await ask(url, "/readyz", **ours) == (200, '{"health":"ok"}')
        assert (await ask(url, "/metrics", **ours))[1].startswith("# HELP orderferry_orders")


async def test_metrics_have_the_content_type_of_their_format(url: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(url + "/metrics") as answer:
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert answer.headers["Cache-Control"] == "no-store"
    assert await ask(url, "/metrics", "HEAD") == (200, "")


async def test_nothing_else_is_there(url: str) -> None:
    assert set(OPEN) == {"/metrics", "/healthz", "/readyz"}
    for path in ("/", "/v1/status", "/v1/orders", "/v1/events", "/v1/openapi.json", "/metrics/", "//metrics"):
        assert (await ask(url, path))[0] == 404, path
    assert (await ask(url, "/metrics?name=x"))[0] == 400


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
async def test_it_is_for_reading_alone(url: str, hub: FakeHub, method: str) -> None:
    assert method not in METHODS
    assert (await ask(url, "/metrics", method))[0] == 405
    assert hub.commands == []


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "orderferry", "localhost:x", "localhost:", ""]
)
async def test_a_foreign_host_is_refused(url: str, host: str) -> None:
    status, text = await ask(url, "/metrics", Host=host)
    assert (status, '"code":"forbidden"' in text) == (403, True)


@pytest.mark.parametrize("host", [*sorted(HOSTS), "LOCALHOST", "127.0.0.1:9464", "[::1]:9464", "localhost:8080"])
async def test_the_machine_s_own_names_are_taken_with_any_port(url: str, host: str) -> None:
    assert (await ask(url, "/healthz", Host=host))[0] == 200


async def test_a_web_page_is_refused(url: str) -> None:
    assert (await ask(url, "/metrics", Origin="http://localhost"))[0] == 403
    assert (await ask(url, "/metrics", **{"Sec-Fetch-Site": "same-origin"}))[0] == 403


async def test_why_it_is_not_ready_is_a_503_and_a_mistake_tells_nothing(url: str, hub: FakeHub) -> None:
    hub.fails["readyz"] = CommandError("unavailable", "the disk is full")
    assert await ask(url, "/readyz") == (503, '{"code":"unavailable","message":"the disk is full","suggestions":[]}')
    hub.fails["metrics"] = RuntimeError("the insides")
    status, text = await ask(url, "/metrics")
    assert (status, "insides" in text) == (500, False)


async def test_there_are_few_connections_and_a_silent_one_is_closed(hub: FakeHub) -> None:
    async with serving(hub, limits=Limits(connections=2, read=0.2, grace=0.1)) as url:
        host, port = "127.0.0.1", int(url.rpartition(":")[2])
        silent = [await asyncio.open_connection(host, port) for _ in range(2)]
        assert (await ask(url, "/healthz"))[0] == 503
        async with asyncio.timeout(10):
            for reader, writer in silent:
                await reader.read()  # until it is closed
                writer.close()
        assert (await ask(url, "/healthz"))[0] == 200


async def test_a_port_that_is_taken_is_an_error_for_whoever_runs_it(hub: FakeHub) -> None:
    async with serving(hub) as url:
        with pytest.raises(OSError, match="address already in use"):
            await OpenPort(hub, FakeLog()).run("127.0.0.1", int(url.rpartition(":")[2]))
