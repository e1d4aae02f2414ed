"""OAuth tokens: their shape, the flows that get them as request generators, and the auth that uses them.

A flow is a generator: it yields what is to be done (`Request`, `Wait`, `Show`, `Ask`), is sent the `Response` or the
owner's answer, and returns the `Tokens`. So a flow is tested with no network and no clock, and any platform can drive
it (RFC 6749, RFC 8628). The flow in which the owner pastes a code is in `orderferry.oauth_code`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Mapping
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
    """What an authorisation server gave: the access token, when it ends, and the refresh token that gets the next.

    `refresh_expires_at` is when the refresh token ends, where the server said so.
    """

    access: str
    refresh: str | None = None
    expires_at: datetime
    refresh_expires_at: datetime | None = None

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


class Ask(msgspec.Struct, frozen=True):
    """The flow asks the owner to type or paste a line, which it is then sent."""

    text: str


Flow: TypeAlias = Generator[Request | Wait | Show | Ask, Response | str | None, Tokens]

AskOwner = Callable[[str], Awaitable[str]]
"""Shows a line to the owner and answers what he typed; `NeedsLogin` where nobody is there to answer."""


class _Grant(msgspec.Struct):
    access_token: str
    expires_in: float = 3600
    refresh_token: str | None = None
    refresh_token_expires_in: float | None = None


class _Refusal(msgspec.Struct):
    error: str = "no reason given"


class _Device(msgspec.Struct):
    device_code: str
    user_code: str
    verification_uri: str
    expires_in: float
    verification_uri_complete: str | None = None
    interval: float = 5


def refresh(auth_url: str, client: OAuthClient, token: str, now: datetime) -> Flow:
    """Spends a refresh token; `NeedsLogin` when the server no longer takes it."""
    form = {"grant_type": "refresh_token", "refresh_token": token}
    response = yield from post_form(f"{auth_url}/token", client, form)
    if response.status in {400, 401}:
        raise NeedsLogin(f"the refresh token is no longer taken ({refusal(response)})")
    return granted(response, now, previous=token)


def device(auth_url: str, client: OAuthClient, client_id: str, now: Callable[[], datetime]) -> Flow:
    """The device flow: shows the owner an address and a code, and waits until he has agreed there."""
    response = yield from post_form(f"{auth_url}/device", client, {"client_id": client_id})
    if response.status != 200:
        raise NeedsLogin(f"the device login could not begin ({response.status} {refusal(response)})")
    begun = _decoded(response, _Device)
    yield Show(f"Open {begun.verification_uri_complete or begun.verification_uri}")
    yield Show(f"and confirm the code {begun.user_code} (it is good for {begun.expires_in / 60:.0f} minutes).")
    interval, until = max(begun.interval, 1.0), now() + _span(begun.expires_in)
    while now() < until:
        yield Wait(interval)
        form = {"grant_type": DEVICE_GRANT, "device_code": begun.device_code}
        response = yield from post_form(f"{auth_url}/token", client, form)
        if response.status == 200:
            return granted(response, now(), previous=None)
        error = refusal(response)
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


class PublicClient(msgspec.Struct, frozen=True):
    """A client that names itself in the form, and has no secret for the authorisation server (RFC 7636)."""

    client_id: str


class FormClient(msgspec.Struct, frozen=True):
    """A client whose credentials stand in the form and not in a header (RFC 6749, section 2.3.1)."""

    client_id: str
    client_secret: str

    def __repr__(self) -> str:
        return "FormClient(***)"


OAuthClient: TypeAlias = BasicAuthHeader | PublicClient | FormClient


async def drive(
    flow: Flow, send: Send, clock: Clock, show: Callable[[str], None], ask: AskOwner | None = None
) -> Tokens:
    """Carries out a flow's steps and answers its tokens; `ask` is needed by flows that ask the owner."""
    answer: Response | str | None = None
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
        elif isinstance(step, Show):
            show(step.text)
        elif ask is not None:
            answer = await ask(step.text)
        else:
            raise NeedsLogin("this login needs its owner's answer")


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
                kept = _with_end(await drive(flow, send, self._clock, _unseen), before=kept)
                await self._store.save(kept)
            self._tokens = kept
            return kept


def _looked_at(renewal: asyncio.Task[Tokens]) -> None:
    """Takes note of a failure, so that asyncio does not complain where the last waiter has gone."""
    if not renewal.cancelled():
        renewal.exception()


def _unseen(text: str) -> None:
    """A renewal shows nothing to anybody."""


def _with_end(tokens: Tokens, *, before: Tokens) -> Tokens:
    """The new tokens; where the refresh token is the same as before, so is its end."""
    if tokens.refresh != before.refresh or tokens.refresh_expires_at is not None:
        return tokens
    return msgspec.structs.replace(tokens, refresh_expires_at=before.refresh_expires_at)


def post_form(
    url: str, client: OAuthClient, form: Mapping[str, str]
) -> Generator[Request, Response | str | None, Response]:
    """A flow's step: posts a form to the authorisation server as this client, and returns its response."""
    headers = {"Accept": "application/json", "User-Agent": "orderferry"}
    if isinstance(client, BasicAuthHeader):
        headers["Authorization"] = client.value
    else:
        form = {**form, "client_id": client.client_id}
        if isinstance(client, FormClient):
            form["client_secret"] = client.client_secret
    response = yield Request(method="POST", url=url, query={}, headers=headers, form=form)
    assert isinstance(response, Response)  # noqa: S101 - a Request is always answered by one
    return response


def granted(response: Response, now: datetime, previous: str | None) -> Tokens:
    """The tokens in a token endpoint's answer; `previous` is the refresh token that goes on where no new one comes."""
    if response.status != 200:
        raise Unavailable(f"the authorisation server answered {response.status}")
    grant = _decoded(response, _Grant)
    ends = grant.refresh_token_expires_in
    return Tokens(
        access=grant.access_token,
        refresh=grant.refresh_token or previous,
        expires_at=now + _span(grant.expires_in),
        refresh_expires_at=now + _span(ends) if ends is not None and grant.refresh_token else None,
    )


def refusal(response: Response) -> str:
    """The error code in a refusal."""
    try:
        return msgspec.json.decode(response.body, type=_Refusal).error
    except msgspec.MsgspecError:
        return _Refusal().error


def _span(seconds: float) -> timedelta:
    return timedelta(seconds=min(max(seconds, 0.0), LONGEST_LIFE))


def _decoded(response: Response, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(response.body, type=kind)
    except msgspec.MsgspecError as error:
        raise Unavailable(f"the authorisation server's answer can't be read ({error})") from error
