"""How gently a platform is asked, how long it holds us back, and how much it may answer."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from orderferry import RateLimited, Secret, Unavailable, Unsure, Url
from orderferry.http import Http, Limits
from orderferry.pace import LONGEST_WAIT, Bucket, parse_retry_after
from orderferry.testing.account import OpenAccount
from orderferry.testing.clock import START, VirtualClock
from orderferry.testing.example import TinySettings, TinyShop
from orderferry.testing.simulator import Simulator

MIB = 1024 * 1024
NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


class Wire(Simulator):
    """Says 429, answers bodies of any size, and counts how many requests it serves at once."""

    def __init__(self) -> None:
        super().__init__()
        self.after: str | None = None
        self.together = 0
        self.most_together = 0
        self.arrived = asyncio.Semaphore(0)
        self.go = asyncio.Event()
        self.written = 0

    def routes(self) -> list[web.RouteDef]:
        return [
            web.route("*", "/busy", self._busy),
            web.route("*", "/good", self._good),
            web.get("/together", self._together),
            web.get("/declared", self._declared),
            web.route("*", "/endless", self._endless),
            web.get("/bomb", self._bomb),
            web.get("/zipped", self._zipped),
        ]

    async def _busy(self, request: web.Request) -> web.Response:  # noqa: ARG002 - aiohttp's signature, here and below
        return web.Response(status=429, headers={"Retry-After": self.after} if self.after is not None else {})

    async def _good(self, request: web.Request) -> web.Response:  # noqa: ARG002
        return web.Response(body=b"{}")

    async def _together(self, request: web.Request) -> web.Response:  # noqa: ARG002
        self.together += 1
        self.most_together = max(self.most_together, self.together)
        self.arrived.release()
        await self.go.wait()
        self.together -= 1
        return web.Response(body=b"{}")

    async def _declared(self, request: web.Request) -> web.Response:
        return web.Response(body=b"x" * int(request.query["size"]))

    async def _endless(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        with suppress(ConnectionError):  # the client has had enough
            while self.written < 512 * MIB:
                await answer.write(b"x" * 65_536)
                self.written += 65_536
        return answer

    async def _bomb(self, request: web.Request) -> web.StreamResponse:
        """A gigabyte of zeros in about one MiB of gzip."""
        answer = web.StreamResponse(headers={"Content-Encoding": "gzip"})
        await answer.prepare(request)
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        block = packer.compress(b"\0" * 8 * MIB) + packer.flush(zlib.Z_FULL_FLUSH)
        again = zlib.compressobj(9, zlib.DEFLATED, -15)
        more = again.compress(b"\0" * 8 * MIB) + again.flush(zlib.Z_FULL_FLUSH)
        with suppress(ConnectionError):
            await answer.write(block + more * 127)
        return answer

    async def _zipped(self, request: web.Request) -> web.Response:
        body = gzip.compress(b"x" * int(request.query["size"]))
        return web.Response(body=body, headers={"Content-Encoding": "gzip"})


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as wire:
        yield wire


@pytest.fixture
async def http(wire: Wire, open_account: OpenAccount) -> Http:
    return client(wire, open_account, Limits(max_bytes=MIB, total=10))


def client(wire: Wire, open_account: OpenAccount, limits: Limits) -> Http:
    settings = TinySettings(url=Url(wire.url), secret=Secret("unused"))
    return open_account(TinyShop, settings).http(wire.url, limits=limits)


# --- Retry-After


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("0", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("3601", LONGEST_WAIT),
        ("315360000", LONGEST_WAIT),
        ("9" * 5000, LONGEST_WAIT),
        ("Mon, 05 Jan 2026 09:00:30 GMT", 30.0),
        ("Mon, 05 Jan 2026 08:00:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_WAIT),
        ("Mon, 05 Jan 2026 09:00:30 -0000", None),  # says nothing of its zone
        ("²", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, NOW) == seconds


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d+ [A-Z][a-z]{2} \d+ \d+:\d+:\d+ [+-]\d+"))
def test_retry_after_never_raises_nor_waits_absurdly(value: str) -> None:
    seconds = parse_retry_after(value, NOW)
    assert seconds is None or 0 <= seconds <= LONGEST_WAIT


@pytest.mark.parametrize(
    ("after", "wait"), [("7", 7), ("Mon, 05 Jan 2026 09:00:30 GMT", 30), ("315360000", 3600), (None, 60), ("0", 60)]
)
async def test_a_429_holds_the_account_without_any_request(
    http: Http, wire: Wire, clock: VirtualClock, after: str | None, wait: float
) -> None:
    wire.after = after
    with pytest.raises(RateLimited) as caught:
        await http.get("/busy", bytes)
    assert caught.value.retry_after == wait
    await clock.advance(wait - 1)
    for method in ("GET", "POST"):
        with pytest.raises(RateLimited) as caught:
            await http.fetch(method, "/good", bytes)
        assert caught.value.retry_after == pytest.approx(1)
    assert len(wire.served) == 1
    await clock.advance(1)
    assert await http.get("/good", bytes) == b"{}"


async def test_a_hold_also_stops_those_who_already_wait_for_their_turn(
    wire: Wire, open_account: OpenAccount, clock: VirtualClock
) -> None:
    http = client(wire, open_account, Limits(concurrency=1))
    wire.after = "30"
    answers = await asyncio.gather(*(http.get("/busy", bytes) for _ in range(20)), return_exceptions=True)
    assert {type(answer) for answer in answers} == {RateLimited}
    assert len(wire.served) == 1
    assert clock.next_at is None


async def test_a_shorter_wait_does_not_shorten_a_longer_one(
    wire: Wire, open_account: OpenAccount, clock: VirtualClock
) -> None:
    http = client(wire, open_account, Limits(concurrency=2))
    wire.after = "600"
    with pytest.raises(RateLimited):
        await http.get("/busy", bytes)
    await clock.advance(599)
    with pytest.raises(RateLimited):
        await http.get("/good", bytes)


async def test_a_change_answered_429_by_nobody_in_particular_is_unsure_and_holds_nobody(http: Http) -> None:
    with pytest.raises(Unsure):
        await http.send("POST", "/busy", bytes)
    assert await http.get("/good", bytes) == b"{}"


# --- pace


async def test_no_more_requests_at_once_than_allowed(wire: Wire, open_account: OpenAccount) -> None:
    http = client(wire, open_account, Limits(concurrency=3))
    asked = [asyncio.ensure_future(http.get("/together", bytes)) for _ in range(9)]
    for _ in range(3):
        await wire.arrived.acquire()
    wire.go.set()
    await asyncio.gather(*asked)
    assert wire.most_together == 3


async def test_the_bucket_lets_a_tenth_go_at_once_and_the_rest_at_its_rate() -> None:
    clock = VirtualClock()
    bucket = Bucket(60, clock)
    went: list[float] = []

    async def take() -> None:
        await bucket.take()
        went.append(clock.monotonic())

    async def take_all() -> None:
        await asyncio.gather(*(take() for _ in range(12)))

    await clock.run(take_all())
    assert went[:6] == [0] * 6
    assert went[6:] == pytest.approx([1, 2, 3, 4, 5, 6])


@given(st.integers(1, 600), st.lists(st.floats(0, 120), max_size=20))
async def test_the_bucket_never_lets_more_go_than_its_rate(per_minute: int, pauses: list[float]) -> None:
    clock = VirtualClock()
    bucket = Bucket(per_minute, clock)

    async def take(times: int) -> None:
        for _ in range(times):
            await bucket.take()

    taken = 0
    for pause in pauses:
        await clock.advance(pause)
        await clock.run(take(5))
        taken += 5
        burst = max(1.0, per_minute / 10)
        assert taken <= burst + clock.monotonic() * per_minute / 60 + 1e-3


async def test_the_account_is_asked_at_its_pace(wire: Wire, open_account: OpenAccount, clock: VirtualClock) -> None:
    http = client(wire, open_account, Limits(per_minute=10))

    async def ask() -> None:
        for _ in range(4):
            await http.get("/good", bytes)

    await clock.run(ask())
    assert (clock.now() - START).total_seconds() == pytest.approx(18)


# --- size


@pytest.mark.parametrize("path", ["/declared", "/zipped"])
async def test_a_body_of_exactly_the_limit_is_read(http: Http, path: str) -> None:
    assert len(await http.get(path, bytes, query={"size": str(MIB)})) == MIB


@pytest.mark.parametrize("path", ["/declared", "/zipped", "/endless", "/bomb"])
async def test_a_body_beyond_the_limit_is_given_up_with_bounded_memory(http: Http, wire: Wire, path: str) -> None:
    await http.get("/good", bytes)
    query: dict[str, Any] = {"size": str(MIB + 1)}
    tracemalloc.start()
    try:
        with pytest.raises(Unavailable, match="more than 1 MiB"):
            await http.get(path, bytes, query=query)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 32 * MIB  # the server's own part included: the bomb is packed from blocks of 8 MiB
    assert wire.written < 64 * MIB


async def test_a_change_with_too_long_an_answer_is_unsure(http: Http) -> None:
    with pytest.raises(Unsure, match="more than 1 MiB"):
        await http.send("POST", "/endless", bytes)
