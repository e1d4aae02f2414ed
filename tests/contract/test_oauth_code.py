"""The flow in which the owner pastes a code: what he is shown, what he may paste, what is sent for it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderferry import NeedsLogin, Secret, Unavailable, Url
from orderferry.http import Request, Response
from orderferry.oauth import Ask, BasicAuthHeader, BearerAuth, PublicClient, Show, Tokens, drive, refresh
from orderferry.oauth_code import CodeServer, challenge, code, code_in, new_secret
from orderferry.oauth_login import Login
from orderferry.testing.account import OpenAccount
from orderferry.testing.clock import START, VirtualClock
from orderferry.testing.example import TinyMarket, TinySettings
from orderferry.testing.memory import MemoryTokens

SERVER = CodeServer(
    authorize_url="https://login.example/agree",
    auth_url="https://api.example/oauth2",
    redirect_uri="https://seller.example/back",
    scopes=("orders", "orders.write"),
)
BASIC = BasicAuthHeader("client", "client-secret")
PUBLIC = PublicClient("client")
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"


def answer(status: int = 200, **fields: Any) -> Response:
    return Response(status=status, headers={}, body=json.dumps(fields).encode())


def asked(client: BasicAuthHeader | PublicClient, verifier: str | None, pasted: str) -> tuple[str, Request]:
    """The address that was shown, and the request that the pasted text led to."""
    flow = code(SERVER, client, lambda: START, state="st-1", verifier=verifier)
    shown = []
    step = next(flow)
    while isinstance(step, Show):
        shown.append(step.text)
        step = next(flow)
    assert isinstance(step, Ask)
    request = flow.send(pasted)
    assert isinstance(request, Request)
    return next(text for text in shown if text.startswith("https://")), request


def test_the_challenge_is_that_of_the_standard() -> None:
    assert challenge(VERIFIER) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"  # RFC 7636, appendix B


def test_secrets_are_long_enough_and_never_the_same() -> None:
    assert 43 <= len(new_secret()) <= 128
    assert new_secret() != new_secret()


def test_with_a_client_secret_it_is_sent_as_basic_authentication() -> None:
    address, request = asked(BASIC, None, "https://seller.example/back?state=st-1&code=c%231")
    assert parse_qs(urlsplit(address).query) == {
        "response_type": ["code"],
        "client_id": ["client"],
        "redirect_uri": ["https://seller.example/back"],
        "scope": ["orders orders.write"],
        "state": ["st-1"],
    }
    assert (request.method, request.url) == ("POST", "https://api.example/oauth2/token")
    assert request.headers["Authorization"] == BASIC.value
    assert request.form == {
        "grant_type": "authorization_code",
        "code": "c#1",
        "redirect_uri": "https://seller.example/back",
    }


def test_with_pkce_the_challenge_goes_first_and_the_verifier_follows() -> None:
    address, request = asked(PUBLIC, VERIFIER, "c-1")
    query = parse_qs(urlsplit(address).query)
    assert (query["code_challenge"], query["code_challenge_method"]) == ([challenge(VERIFIER)], ["S256"])
    assert VERIFIER not in address
    assert "Authorization" not in request.headers
    assert request.form is not None
    assert (request.form["code_verifier"], request.form["client_id"]) == (VERIFIER, "client")


def test_a_public_client_names_itself_when_it_refreshes() -> None:
    request = next(refresh("https://api.example/oauth2", PUBLIC, "r-1", START))
    assert isinstance(request, Request)
    assert request.form == {"grant_type": "refresh_token", "refresh_token": "r-1", "client_id": "client"}
    assert "Authorization" not in request.headers


@pytest.mark.parametrize(
    "pasted",
    [
        "https://seller.example/back?code=v%5E1.1%23i%5E1&state=st-1&expires_in=299",
        "  https://seller.example/back?state=st-1&code=v%5E1.1%23i%5E1\n",
        "'https://seller.example/back?state=st-1&code=v%5E1.1%23i%5E1'",
        "?state=st-1&code=v%5E1.1%23i%5E1",
        "code=v%5E1.1%23i%5E1&state=st-1",
        "https://seller.example/back?code=v%5E1.1%23i%5E1",
        "v%5E1.1%23i%5E1",
        "v^1.1#i^1",
    ],
)
def test_what_the_owner_may_paste(pasted: str) -> None:
    assert code_in(pasted, "st-1") == "v^1.1#i^1"


@pytest.mark.parametrize(
    ("pasted", "words"),
    [
        ("", "nothing"),
        ("  \n", "nothing"),
        ("https://seller.example/back?error=access_denied&state=st-1", "refused .*access_denied"),
        ("https://seller.example/back", "no code"),
        ("https://seller.example/back?state=st-1", "no code"),
        ("https://seller.example/back?code=c-1&state=st-2", "another login"),
        ("https://seller.example/back?code=c-1&state=%C5%BC", "another login"),
    ],
)
def test_what_he_may_not_paste(pasted: str, words: str) -> None:
    with pytest.raises(NeedsLogin, match=words):
        code_in(pasted, "st-1")


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=300))
def test_whatever_the_code_is_its_address_gives_it_back(given: str) -> None:
    assert code_in(f"https://seller.example/back?code={quote(given, safe='')}&state=st-1", "st-1") == given


def test_the_answer_gives_the_tokens_and_when_the_refresh_token_ends() -> None:
    flow = code(SERVER, BASIC, lambda: START, state="st-1")
    while not isinstance(next(flow), Ask):
        pass
    flow.send("c-1")
    with pytest.raises(StopIteration) as stop:
        flow.send(answer(access_token="a", refresh_token="r", expires_in=7200, refresh_token_expires_in=47_304_000))
    assert stop.value.value == Tokens(
        access="a",
        refresh="r",
        expires_at=START + timedelta(hours=2),
        refresh_expires_at=START + timedelta(seconds=47_304_000),
    )


@pytest.mark.parametrize(
    ("response", "error", "words"),
    [
        (answer(400, error="invalid_grant"), NeedsLogin, "invalid_grant"),
        (answer(401, error="invalid_client"), NeedsLogin, "invalid_client"),
        (answer(503), Unavailable, "503"),
    ],
)
def test_a_code_that_is_not_taken(response: Response, error: type[Exception], words: str) -> None:
    flow = code(SERVER, BASIC, lambda: START, state="st-1")
    while not isinstance(next(flow), Ask):
        pass
    flow.send("c-1")
    with pytest.raises(error, match=words):
        flow.send(response)


async def test_a_flow_that_asks_needs_somebody_to_ask(clock: VirtualClock) -> None:
    async def send(_: Request) -> Response:
        raise AssertionError("nothing is sent before there is a code")

    with pytest.raises(NeedsLogin, match="owner"):
        await drive(code(SERVER, BASIC, clock.now, state="st-1"), send, clock, lambda _: None)


async def test_a_refresh_token_that_stays_the_same_keeps_its_end(clock: VirtualClock) -> None:
    ends = START + timedelta(days=500)
    store = MemoryTokens(Tokens(access="old", refresh="r", expires_at=START, refresh_expires_at=ends))
    auth = BearerAuth(
        store, clock, lambda token, now: refresh("https://api.example/oauth2", BASIC, token, now), "login"
    )
    answers = [answer(access_token="new", expires_in=60), answer(access_token="newer", refresh_token="r2")]

    async def send(_: Request) -> Response:
        return answers.pop(0)

    request = Request(method="GET", url="https://api.example", query={}, headers={})
    await auth.sign(request, send)
    assert store.tokens == Tokens(
        access="new", refresh="r", expires_at=START + timedelta(minutes=1), refresh_expires_at=ends
    )
    await auth.sign(request, send)
    assert store.tokens is not None
    assert (store.tokens.refresh, store.tokens.refresh_expires_at) == ("r2", None)


async def test_a_login_keeps_the_tokens_before_it_uses_them(clock: VirtualClock, open_account: OpenAccount) -> None:
    store = MemoryTokens()
    settings = TinySettings(url=Url("https://shop.example"), secret=Secret("s"))
    account = open_account(TinyMarket, settings, tokens=store)
    asked_for: list[str] = []

    async def ask(text: str) -> str:
        asked_for.append(text)
        return "c-1"

    async def send(_: Request) -> Response:
        return answer(access_token="a", refresh_token="r")

    login = Login(account, code(SERVER, BASIC, clock.now, state="st-1"), lambda _: None, ask)
    request = Request(method="GET", url="https://api.example", query={}, headers={})
    await login.sign(request, send)
    assert request.headers["Authorization"] == "Bearer a"
    assert store.tokens is not None
    assert login.done
    assert len(asked_for) == 1
