"""Token flows as plain values, and the auth that renews: once at a time, saved before used, never lost half-way."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from orderferry import NeedsLogin, Unavailable
from orderferry.http import Request, Response
from orderferry.oauth import (
    BasicAuthHeader,
    BearerAuth,
    Flow,
    FormClient,
    Show,
    Tokens,
    Wait,
    device,
    drive,
    refresh,
)
from orderferry.testing.clock import START, VirtualClock
from orderferry.testing.memory import MemoryTokens

AUTH = "https://login.example/oauth"
BASIC = BasicAuthHeader("client", "client-secret")
BEGUN: dict[str, Any] = {
    "device_code": "dc",
    "user_code": "ABC-1",
    "verification_uri": "https://login.example/go",
    "expires_in": 600,
}


def answer(status: int = 200, **fields: Any) -> Response:
    return Response(status=status, headers={}, body=json.dumps(fields).encode())


def ended(flow: Flow, response: Response) -> Tokens:
    with pytest.raises(StopIteration) as stop:
        flow.send(response)
    tokens: Tokens = stop.value.value
    return tokens


def tokens(name: str, seconds: float = 3600) -> Tokens:
    return Tokens(access=f"access-{name}", refresh=f"refresh-{name}", expires_at=START + timedelta(seconds=seconds))


# --- refresh


def test_refresh_spends_the_refresh_token() -> None:
    flow = refresh(AUTH, BASIC, "old", START)
    request = next(flow)
    assert isinstance(request, Request)
    assert (request.method, request.url) == ("POST", f"{AUTH}/token")
    assert request.form == {"grant_type": "refresh_token", "refresh_token": "old"}
    assert request.headers["Authorization"] == BASIC.value
    got = ended(flow, answer(access_token="new", refresh_token="next", expires_in=60))
    assert got == Tokens(access="new", refresh="next", expires_at=START + timedelta(minutes=1))


def test_the_client_s_credentials_may_stand_in_the_form() -> None:
    flow = refresh(AUTH, FormClient("client", "client-secret"), "old", START)
    request = next(flow)
    assert isinstance(request, Request)
    assert "Authorization" not in request.headers
    assert request.form == {
        "grant_type": "refresh_token",
        "refresh_token": "old",
        "client_id": "client",
        "client_secret": "client-secret",
    }


def test_refresh_keeps_the_refresh_token_where_no_new_one_comes() -> None:
    flow = refresh(AUTH, BASIC, "old", START)
    next(flow)
    assert ended(flow, answer(access_token="new")).refresh == "old"


@pytest.mark.parametrize("status", [400, 401])
def test_a_refused_refresh_token_needs_login(status: int) -> None:
    flow = refresh(AUTH, BASIC, "old", START)
    next(flow)
    with pytest.raises(NeedsLogin, match="invalid_grant"):
        flow.send(answer(status, error="invalid_grant"))


@pytest.mark.parametrize(
    "response",
    [answer(500), answer(429), answer(403), answer(200, token="?"), Response(status=200, headers={}, body=b"<")],
)
def test_a_refresh_without_a_good_answer_is_unavailable(response: Response) -> None:
    flow = refresh(AUTH, BASIC, "old", START)
    next(flow)
    with pytest.raises(Unavailable):
        flow.send(response)


@pytest.mark.parametrize("expires_in", [1e30, -5])
def test_an_absurd_lifetime_is_bounded(expires_in: float) -> None:
    flow = refresh(AUTH, BASIC, "old", START)
    next(flow)
    assert START <= ended(flow, answer(access_token="new", expires_in=expires_in)).expires_at < START.replace(year=2040)


# --- device


class Owner:
    """Carries a device flow on by hand, with scripted answers to its polls."""

    def __init__(self, **changed: Any) -> None:
        begun: dict[str, Any] = {**BEGUN, **changed}
        self.now = START
        self.flow = device(AUTH, BASIC, "client", lambda: self.now)
        first = next(self.flow)
        assert isinstance(first, Request)
        assert first.url == f"{AUTH}/device"
        assert first.form == {"client_id": "client"}
        self.shown: list[str] = []
        step: object = self.flow.send(answer(**begun))
        while isinstance(step, Show):
            self.shown.append(step.text)
            step = next(self.flow)
        self.step = step

    def poll(self, response: Response) -> float:
        """Lets the asked time pass and answers the poll; says how long was to be waited."""
        assert isinstance(self.step, Wait)
        waited = self.step.seconds
        self.now += timedelta(seconds=waited)
        request = next(self.flow)
        assert isinstance(request, Request)
        assert request.form == {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": "dc"}
        self.step = self.flow.send(response)
        return waited


def test_device_flow_shows_polls_and_answers_tokens() -> None:
    owner = Owner(interval=7)
    assert "https://login.example/go" in owner.shown[0]
    assert "ABC-1" in owner.shown[1]
    assert "10 minutes" in owner.shown[1]
    assert owner.poll(answer(400, error="authorization_pending")) == 7
    assert owner.poll(answer(400, error="slow_down")) == 7
    assert owner.poll(answer(503)) == 12  # RFC 8628, 3.5: a server in trouble is asked less often
    assert owner.poll(answer(400, error="authorization_pending")) == 17
    with pytest.raises(StopIteration) as stop:
        owner.poll(answer(access_token="a", refresh_token="r", expires_in=10))
    assert stop.value.value == Tokens(access="a", refresh="r", expires_at=owner.now + timedelta(seconds=10))


@pytest.mark.parametrize("error", ["access_denied", "expired_token", "invalid_client"])
def test_a_refused_device_login_says_so(error: str) -> None:
    with pytest.raises(NeedsLogin, match="login"):
        Owner().poll(answer(400, error=error))


def test_a_device_login_that_nobody_confirms_ends() -> None:
    owner = Owner(expires_in=12)
    pending = answer(400, error="authorization_pending")
    owner.poll(pending)
    owner.poll(pending)
    with pytest.raises(NeedsLogin, match="not confirmed in time"):
        owner.poll(pending)


def test_a_device_login_that_cannot_begin_says_so() -> None:
    flow = device(AUTH, BASIC, "client", lambda: START)
    next(flow)
    with pytest.raises(NeedsLogin, match="401 invalid_client"):
        flow.send(answer(401, error="invalid_client"))


def test_a_server_cannot_make_us_poll_without_pause() -> None:
    assert Owner(interval=0).poll(answer(400, error="authorization_pending")) == 1


async def test_drive_sends_waits_and_shows() -> None:
    clock = VirtualClock()
    shown: list[str] = []
    answers = [answer(**BEGUN), answer(400, error="authorization_pending"), answer(access_token="a")]

    async def send(request: Request) -> Response:  # noqa: ARG001 - what is asked is tested above
        return answers.pop(0)

    got = await clock.run(drive(device(AUTH, BASIC, "client", clock.now), send, clock, shown.append))
    assert got.access == "a"
    assert len(shown) == 2
    assert clock.monotonic() == 10


# --- BearerAuth


class Server:
    """An authorisation server that rotates refresh tokens: each is taken once."""

    def __init__(self, clock: VirtualClock, store: MemoryTokens, lifetime: float = 3600) -> None:
        self.clock = clock
        self.store = store
        self.lifetime = lifetime
        self.valid = "refresh-0"
        self.renewals = 0
        self.asked = asyncio.Event()
        self.go = asyncio.Event()
        self.go.set()
        self.fails: Exception | None = None

    def auth(self) -> BearerAuth:
        return BearerAuth(self.store, self.clock, lambda token, now: refresh(AUTH, BASIC, token, now), "login me")

    async def send(self, request: Request) -> Response:
        assert request.form is not None
        self.asked.set()
        self.renewals += 1
        spent = request.form["refresh_token"]
        await self.go.wait()
        if self.fails:
            raise self.fails
        if spent != self.valid:
            return answer(400, error="invalid_grant")
        self.valid = f"refresh-{self.renewals}"
        return answer(access_token=f"access-{self.renewals}", refresh_token=self.valid, expires_in=self.lifetime)


@pytest.fixture
def store() -> MemoryTokens:
    return MemoryTokens(tokens("0"))


@pytest.fixture
def server(clock: VirtualClock, store: MemoryTokens) -> Server:
    return Server(clock, store)


def request() -> Request:
    return Request(method="GET", url="https://api.example/x", query={}, headers={})


async def signed(auth: BearerAuth, server: Server) -> str:
    asked = request()
    await auth.sign(asked, server.send)
    return asked.headers["Authorization"]


async def test_a_good_token_is_used_as_it_is(server: Server) -> None:
    auth = server.auth()
    assert [await signed(auth, server) for _ in range(3)] == ["Bearer access-0"] * 3
    assert server.renewals == 0


@pytest.mark.parametrize(("left", "renewals"), [(121, 0), (120, 1), (0, 1)])
async def test_a_token_is_renewed_before_it_ends(server: Server, left: float, renewals: int) -> None:
    await server.clock.advance(3600 - left)
    await signed(server.auth(), server)
    assert server.renewals == renewals


async def test_ten_requests_make_one_renewal(server: Server, store: MemoryTokens) -> None:
    await server.clock.advance(3600)
    auth = server.auth()
    headers = await asyncio.gather(*(signed(auth, server) for _ in range(10)))
    assert set(headers) == {"Bearer access-1"}
    assert server.renewals == 1
    assert [saved.access for saved in store.saved] == ["access-1"]


async def test_ten_refusals_make_one_renewal(server: Server) -> None:
    auth = server.auth()
    requests = [request() for _ in range(10)]
    for asked in requests:
        await auth.sign(asked, server.send)
    again = await asyncio.gather(*(auth.refused(asked, server.send) for asked in requests))
    assert again == [True] * 10
    assert server.renewals == 1
    assert await signed(auth, server) == "Bearer access-1"


async def test_a_failed_renewal_is_tried_once_for_all_who_wait_and_again_later(server: Server) -> None:
    await server.clock.advance(3600)
    auth = server.auth()
    server.fails = Unavailable("down")
    failed = await asyncio.gather(*(signed(auth, server) for _ in range(10)), return_exceptions=True)
    assert {type(result) for result in failed} == {Unavailable}
    assert server.renewals == 1
    server.fails = None
    server.valid = "refresh-0"
    assert await signed(auth, server) == "Bearer access-2"


async def test_new_tokens_are_saved_before_they_are_used(server: Server, store: MemoryTokens) -> None:
    class Full(MemoryTokens):
        async def save(self, tokens: Tokens) -> None:  # noqa: ARG002 - that is the point
            raise OSError("no space left")

    server.store = Full(store.tokens)
    await server.clock.advance(3600)
    auth = server.auth()
    asked = request()
    with pytest.raises(OSError, match="no space left"):
        await auth.sign(asked, server.send)
    with pytest.raises((OSError, NeedsLogin)):
        await auth.sign(asked, server.send)
    assert "Authorization" not in asked.headers


async def test_a_request_that_is_given_up_does_not_lose_the_renewed_tokens(server: Server, store: MemoryTokens) -> None:
    """The refresh token is spent when the server has answered: whoever waited may go, the tokens must be kept."""
    await server.clock.advance(3600)
    auth = server.auth()
    server.go.clear()
    waiting = asyncio.ensure_future(signed(auth, server))
    await server.asked.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    server.go.set()
    assert await signed(auth, server) == "Bearer access-1"
    assert server.renewals == 1
    assert [saved.refresh for saved in store.saved] == ["refresh-1"]


async def test_after_a_crash_the_saved_tokens_are_used(server: Server) -> None:
    await server.clock.advance(3600)
    await signed(server.auth(), server)
    assert await signed(server.auth(), server) == "Bearer access-1"
    assert server.renewals == 1


async def test_a_crash_between_the_answer_and_the_disk_needs_a_login_and_says_how(
    server: Server, store: MemoryTokens
) -> None:
    await server.clock.advance(3600)
    before = store.tokens
    await signed(server.auth(), server)
    store.tokens = before  # as if the process had died before the tokens were on disk
    with pytest.raises(NeedsLogin, match="refresh token is no longer taken"):
        await signed(server.auth(), server)


async def test_tokens_that_another_process_renewed_are_taken_from_disk(server: Server) -> None:
    ours, theirs = server.auth(), server.auth()
    asked = request()
    await ours.sign(asked, server.send)
    await server.clock.advance(3600)
    await signed(theirs, server)
    assert await ours.refused(asked, server.send)
    assert await signed(ours, server) == "Bearer access-1"
    assert server.renewals == 1


async def test_without_tokens_the_owner_is_told_how_to_log_in(clock: VirtualClock) -> None:
    server = Server(clock, MemoryTokens())
    with pytest.raises(NeedsLogin, match="run `login me`"):
        await signed(server.auth(), server)


async def test_without_a_refresh_token_an_ended_login_is_told(clock: VirtualClock) -> None:
    server = Server(clock, MemoryTokens(Tokens(access="a", expires_at=START)))
    with pytest.raises(NeedsLogin, match="the login has ended; run `login me`"):
        await signed(server.auth(), server)


def test_nothing_shows_a_token() -> None:
    shown = f"{tokens('1')!r} {tokens('1')} {BASIC!r} {BASIC} {[tokens('1'), BASIC]}"
    assert "access-1" not in shown
    assert "refresh-1" not in shown
    assert "client-secret" not in shown
