"""OAuth tokens: their shape, the flows that get them as request generators, and the auth that uses them.

A flow is a generator: it yields what is to be done (`Request`, `Wait`, `Show`), is sent the `Response`, and returns the
`Tokens`. So a flow is tested with no network and no clock, and any platform can drive it (RFC 6749, RFC 8628).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

import msgspec

from orderferry.errors import NeedsLogin, Unavailable
from orderferry.http import BasicAuth, Request, Response, Send

if TYPE_CHECKING:
    from orderferry.surroundings import Clock

T = TypeVar("T")

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
EARLY = timedelta(minutes=2)
LONGEST_LIFE = 10 * 366 * 86_400.0


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """What an authorisation server gave: the access token, when it ends, and the refresh token that gets the next."""

    access: str
    refresh: str | None = None
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Tokens(***, expires_at={self.expires_at.isoformat()})"

    __str__ = __repr__


class TokenStore(Protocol):
    """Keeps an account's tokens sealed on disk."""

    async def load(self) -> Tokens | None:
        """The tokens as they are on disk now; None before the first login."""

    async def save(self, tokens: Tokens) -> None:
        """Returns when the tokens are on disk; only then may they be used."""

    def lock(self) -> AbstractAsyncContextManager[None]:
        """Held while tokens are renewed, so that two processes never spend the same refresh token."""


class Wait(msgspec.Struct, frozen=True):
    """The flow asks to be sent on after so many seconds."""

    seconds: float


class Show(msgspec.Struct, frozen=True):
    """The flow asks to show a line to the owner."""

    text: str


Flow: TypeAlias = Generator[Request | Wait | Show, Response | None, Tokens]


class _Grant(msgspec.Struct):
    access_token: str
    expires_in: float = 3600
    refresh_token: str | None = None


class _Refusal(msgspec.Struct):
    error: str = "no reason given"
    error_description: str = ""


class _Device(msgspec.Struct):
    device_code: str
    user_code: str
    verification_uri: str
    expires_in: float
    verification_uri_complete: str | None = None
    interval: float = 5


def refresh(auth_url: str, basic: BasicAuthHeader, token: str, now: datetime, *, in_form: bool = False) -> Flow:
    """Spends a refresh token; `NeedsLogin` when the server no longer takes it.

    With `in_form` the client's credentials stand beside it in the form and not in a header (RFC 6749, section 2.3.1).
    """
    form = {"grant_type": "refresh_token", "refresh_token": token}
    if in_form:
        form |= {"client_id": basic.client_id, "client_secret": basic.client_secret}
    response = yield _form(f"{auth_url}/token", None if in_form else basic, form)
    assert response is not None  # noqa: S101 - a Request is always answered
    if response.status in {400, 401}:
        refusal = _refusal(response)
        raise NeedsLogin(f"the refresh token is no longer taken ({refusal.error})")
    return _tokens(response, now, previous=token)


def device(auth_url: str, basic: BasicAuthHeader, client_id: str, now: Callable[[], datetime]) -> Flow:
    """The device flow: shows the owner an address and a code, and waits until he has agreed there."""
    response = yield _form(f"{auth_url}/device", basic, {"client_id": client_id})
    assert response is not None  # noqa: S101 - a Request is always answered
    if response.status != 200:
        raise NeedsLogin(f"the device login could not begin ({response.status} {_refusal(response).error})")
    begun = _decoded(response, _Device)
    yield Show(f"Open {begun.verification_uri_complete or begun.verification_uri}")
    yield Show(f"and confirm the code {begun.user_code} (it is good for {begun.expires_in / 60:.0f} minutes).")
    interval, until = max(begun.interval, 1.0), now() + _span(begun.expires_in)
    while now() < until:
        yield Wait(interval)
        form = {"grant_type": DEVICE_GRANT, "device_code": begun.device_code}
        response = yield _form(f"{auth_url}/token", basic, form)
        assert response is not None  # noqa: S101 - a Request is always answered
        if response.status == 200:
            return _tokens(response, now(), previous=None)
        error = _refusal(response).error
        if error == "slow_down" or response.status == 429 or response.status >= 500:
            interval += 5
        elif error == "access_denied":
            raise NeedsLogin("the login was refused on the platform's page; run `orderferry login` again to retry")
        elif error != "authorization_pending":
            raise NeedsLogin(f"the device login failed ({response.status} {error}); run `orderferry login` again")
    raise NeedsLogin("the code was not confirmed in time; run `orderferry login` again")


class BasicAuthHeader(msgspec.Struct, frozen=True):
    """The client's own credentials for the authorisation server."""

    client_id: str
    client_secret: str

    def __repr__(self) -> str:
        return "BasicAuthHeader(***)"

    @property
    def value(self) -> str:
        """The Authorization header's text."""
        return BasicAuth(self.client_id, self.client_secret).header


async def drive(flow: Flow, send: Send, clock: Clock, show: Callable[[str], None]) -> Tokens:
    """Carries out a flow's steps and answers its tokens."""
    answer: Response | None = None
    while True:
        try:
            step = flow.send(answer)
        except StopIteration as stop:
            tokens: Tokens = stop.value
            return tokens
        answer = None
        if isinstance(step, Request):
            answer = await send(step)
        elif isinstance(step, Wait):
            await clock.sleep(step.seconds)
        else:
            show(step.text)


class BearerAuth:
    """Signs requests with an access token and renews it when it ends: one renewal at a time, on disk before its use."""

    def __init__(self, store: TokenStore, clock: Clock, renew: Callable[[str, datetime], Flow], how: str) -> None:
        """`renew` makes the refresh flow of a refresh token; `how` is the command that logs the account in."""
        self._store = store
        self._clock = clock
        self._renew = renew
        self._how = how
        self._tokens: Tokens | None = None
        self._renewal: asyncio.Task[Tokens] | None = None

    async def sign(self, request: Request, send: Send) -> None:
        """Adds the bearer token, renewing it first when it is about to end."""
        tokens = self._tokens
        if tokens is None or tokens.expires_at - EARLY <= self._clock.now():
            tokens = await self._fresh(send, spent=tokens)
        request.headers["Authorization"] = f"Bearer {tokens.access}"

    async def refused(self, request: Request, send: Send) -> bool:
        """Renews the token that was refused, unless another request has done so meanwhile."""
        used = request.headers.get("Authorization", "").removeprefix("Bearer ")
        tokens = self._tokens
        if tokens is not None and tokens.access == used:
            await self._fresh(send, spent=tokens)
        return True

    async def _fresh(self, send: Send, *, spent: Tokens | None) -> Tokens:
        if self._tokens is not None and self._tokens is not spent:
            return self._tokens
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.ensure_future(self._renewed(send, spent))
            self._renewal.add_done_callback(_looked_at)
        # a request that is given up must not take with it a renewal whose refresh token may already be spent
        return await asyncio.shield(self._renewal)

    async def _renewed(self, send: Send, spent: Tokens | None) -> Tokens:
        async with self._store.lock():
            kept = await self._store.load()
            if kept is None:
                raise NeedsLogin(f"not logged in yet; run `{self._how}`")
            taken = spent is not None and kept.access == spent.access
            if taken or kept.expires_at - EARLY <= self._clock.now():
                if kept.refresh is None:
                    raise NeedsLogin(f"the login has ended; run `{self._how}`")
                flow = self._renew(kept.refresh, self._clock.now())
                kept = await drive(flow, send, self._clock, _unseen)
                await self._store.save(kept)
            self._tokens = kept
            return kept


def _looked_at(renewal: asyncio.Task[Tokens]) -> None:
    """Takes note of a failure, so that asyncio does not complain where the last waiter has gone."""
    if not renewal.cancelled():
        renewal.exception()


def _unseen(text: str) -> None:
    """A renewal shows nothing to anybody."""


def _form(url: str, basic: BasicAuthHeader | None, form: Mapping[str, str]) -> Request:
    headers = {"Accept": "application/json", "User-Agent": "orderferry"}
    if basic is not None:
        headers["Authorization"] = basic.value
    return Request(method="POST", url=url, query={}, headers=headers, form=form)


def _tokens(response: Response, now: datetime, previous: str | None) -> Tokens:
    if response.status != 200:
        raise Unavailable(f"the authorisation server answered {response.status}")
    grant = _decoded(response, _Grant)
    return Tokens(
        access=grant.access_token,
        refresh=grant.refresh_token or previous,
        expires_at=now + _span(grant.expires_in),
    )


def _span(seconds: float) -> timedelta:
    return timedelta(seconds=min(max(seconds, 0.0), LONGEST_LIFE))


def _decoded(response: Response, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(response.body, type=kind)
    except msgspec.MsgspecError as error:
        raise Unavailable(f"the authorisation server's answer can't be read ({error})") from error


def _refusal(response: Response) -> _Refusal:
    try:
        return msgspec.json.decode(response.body, type=_Refusal)
    except msgspec.MsgspecError:
        return _Refusal()
