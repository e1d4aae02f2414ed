"""Every request is measured once, by how it ended; waits are counted where they happen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from orderferry import Malformed, NeedsLogin, PlatformError, RateLimited, Rejected, Unavailable, Unsure
from orderferry.http import Http, Limits
from orderferry.meter import UNMEASURED, Ending, Waiting, ending_of
from orderferry.session import open_session
from orderferry.testing.clock import VirtualClock
from orderferry.testing.memory import MemoryLog
from orderferry.testing.simulator import Simulator

decode = msgspec.json.Decoder(dict[str, Any]).decode


class Wire(Simulator):
    """Answers the status that the path asks for, with a message unless it is to be silent."""

    def routes(self) -> list[web.RouteDef]:
        return [web.route("*", "/{status}/{said}", self._answer)]

    async def _answer(self, request: web.Request) -> web.Response:
        status, said = int(request.match_info["status"]), request.match_info["said"]
        headers = {"Retry-After": "7"} if status == 429 else {}
        return web.Response(
            status=status, headers=headers, body=b"" if said == "-" else b'{"message": "%s"}' % said.encode()
        )


class Noted:
    """A meter that keeps what it is told."""

    def __init__(self) -> None:
        self.endings: list[Ending] = []
        self.seconds: list[float] = []
        self.waits: list[tuple[Waiting, float]] = []

    def asked(self, ending: Ending, seconds: float) -> None:
        self.endings.append(ending)
        self.seconds.append(seconds)

    def waited(self, why: Waiting, seconds: float) -> None:
        self.waits.append((why, seconds))


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as wire:
        yield wire


@pytest.fixture
def noted() -> Noted:
    return Noted()


@pytest.fixture
async def http(wire: Wire, noted: Noted) -> AsyncIterator[Http]:
    async with open_session() as session:
        yield client(session, wire, noted, VirtualClock())


def client(session: Any, wire: Wire, noted: Noted, clock: VirtualClock, limits: Limits | None = None) -> Http:
    def explain(body: bytes) -> str | None:
        return decode(body).get("message") if body else None

    return Http(session, wire.url, clock=clock, log=MemoryLog(), explain=explain, limits=limits, meter=noted)


@pytest.mark.parametrize(
    ("method", "path", "ending"),
    [
        ("GET", "/200/fine", Ending.OK),
        ("POST", "/201/fine", Ending.OK),
        ("GET", "/503/busy", Ending.UNAVAILABLE),
        ("POST", "/503/busy", Ending.UNSURE),
        ("POST", "/200/-", Ending.UNSURE),
        ("POST", "/422/no", Ending.REJECTED),
        ("POST", "/401/no", Ending.NEEDS_LOGIN),
        ("POST", "/429/slower", Ending.RATE_LIMITED),
    ],
)
async def test_each_request_is_counted_once_by_its_ending(
    http: Http, noted: Noted, method: str, path: str, ending: Ending
) -> None:
    try:
        await http.fetch(method, path, decode)
        raised: type[BaseException] | None = None
    except PlatformError as error:
        raised = type(error)
    assert noted.endings == [ending]
    assert (raised is None) == (ending is Ending.OK)
    assert noted.waits == ([(Waiting.PLATFORM, 7.0)] if ending is Ending.RATE_LIMITED else [])


async def test_what_our_own_hold_keeps_back_is_no_request(http: Http, noted: Noted) -> None:
    for _ in range(3):
        with pytest.raises(RateLimited):
            await http.get("/429/slower", decode)
    assert noted.endings == [Ending.RATE_LIMITED]
    assert noted.waits == [(Waiting.PLATFORM, 7.0)]


async def test_an_answer_that_makes_no_sense_and_one_that_nobody_waits_for_are_counted(
    http: Http, noted: Noted, wire: Wire
) -> None:
    def malformed(_body: bytes) -> None:
        raise Malformed("no order")

    with pytest.raises(Malformed):
        await http.get("/200/fine", malformed)
    held = asyncio.create_task(http.get("/200/fine", decode))
    await asyncio.sleep(0)
    held.cancel()
    await asyncio.gather(held, return_exceptions=True)
    assert noted.endings == [Ending.MALFORMED, Ending.BROKEN_OFF]
    await wire.stop()
    with pytest.raises(Unavailable):
        await http.get("/200/fine", decode)
    assert noted.endings[-1] is Ending.UNAVAILABLE


async def test_the_wait_for_our_own_pace_is_counted_apart_from_the_request(wire: Wire, noted: Noted) -> None:
    clock = VirtualClock()
    async with open_session() as session:
        http = client(session, wire, noted, clock, Limits(per_minute=6))
        await http.get("/200/fine", decode)
        assert noted.waits == []
        second = asyncio.create_task(http.get("/200/fine", decode))
        await asyncio.sleep(0)
        assert clock.next_at is not None, "it does not wait"
        await clock.advance(10)
        await second
    assert [(why, round(seconds, 3)) for why, seconds in noted.waits] == [(Waiting.OWN_LIMIT, 10.0)]
    assert noted.seconds == [0.0, 0.0]


@given(st.sampled_from([Unavailable, RateLimited, NeedsLogin, Unsure, Rejected, Malformed, KeyError, SystemExit]))
def test_every_error_has_its_ending(kind: type[BaseException]) -> None:
    assert ending_of(kind("x")) is {
        Unavailable: Ending.UNAVAILABLE,
        RateLimited: Ending.RATE_LIMITED,
        NeedsLogin: Ending.NEEDS_LOGIN,
        Unsure: Ending.UNSURE,
        Rejected: Ending.REJECTED,
        Malformed: Ending.MALFORMED,
    }.get(kind, Ending.BROKEN_OFF)
    UNMEASURED.asked(Ending.OK, 1.0)
    UNMEASURED.waited(Waiting.PLATFORM, 1.0)
