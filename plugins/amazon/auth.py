"""How an Amazon account logs in: with the refresh token that the seller's self-authorisation shows.

Access tokens last an hour, the refresh token stays the same. The access token travels in a header of its own, and one
that has expired is refused with 403 as well as 401 (models/orders-api-model, "403 ... Expired Token").
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from datetime import datetime
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from orderferry.http import Request, Send
from orderferry.oauth import BearerAuth, Flow, FormClient, drive, refresh

if TYPE_CHECKING:
    from orderferry import Account
    from plugins.amazon.settings import AmazonSettings

HEADER: Final = "x-amz-access-token"


class AccessToken:
    """Signs the account's requests, and renews the token when it ends, is refused, or was called expired."""

    def __init__(self, account: Account[AmazonSettings]) -> None:
        def renew(token: str, now: datetime) -> Flow:
            return _refresh(account.settings, token, now)

        how = f"orderferry login {account.name} --refresh-token-file FILE"
        self._bearer = BearerAuth(account.tokens, account.clock, renew, how)

    async def sign(self, request: Request, send: Send) -> None:
        """Adds the access token, after a renewal where one is due."""
        last = _LAST.get()
        if last is not None and last.expired:
            await self._bearer.refused(_as_bearer(request, last.token), send)
        await self._bearer.sign(request, send)
        token = request.headers.pop("Authorization").removeprefix("Bearer ")
        request.headers[HEADER] = token
        _LAST.set(Used(token))

    async def refused(self, request: Request, send: Send) -> bool:
        """Renews the token that was refused, unless another request has done so meanwhile."""
        return await self._bearer.refused(_as_bearer(request, request.headers[HEADER]), send)


class Used(Struct, frozen=True):
    """The access token of a request, and whether the answer called it expired."""

    token: str
    expired: bool = False


_LAST: Final[ContextVar[Used | None]] = ContextVar("last", default=None)  # many requests are under way at once


def call_expired() -> None:
    """Lets the next request of this task renew the token first: the last one's answer has called it expired."""
    last = _LAST.get()
    if last is not None:
        _LAST.set(Used(last.token, expired=True))


class Login:
    """An `Auth` that trades the given refresh token before the first request: that request then proves the tokens."""

    def __init__(self, account: Account[AmazonSettings], show: Callable[[str], None], refresh_token: str) -> None:
        self._account = account
        self._show = show
        self._refresh_token = refresh_token
        self._access: str | None = None

    async def sign(self, request: Request, send: Send) -> None:
        """Adds the access token, logging in first; the tokens are on disk before they are used."""
        if self._access is None:
            account = self._account
            flow = _refresh(account.settings, self._refresh_token, account.clock.now())
            tokens = await drive(flow, send, account.clock, self._show)
            async with account.tokens.lock():
                await account.tokens.save(tokens)
            self._access = tokens.access
        request.headers[HEADER] = self._access

    async def refused(self, request: Request, send: Send) -> bool:  # noqa: ARG002 - brand-new tokens refused: no way on
        """A token that was made a moment ago and is refused will not be taken a second time."""
        return False

    @property
    def done(self) -> bool:
        """Whether there are new tokens, and they are on disk."""
        return self._access is not None


def _refresh(settings: AmazonSettings, token: str, now: datetime) -> Flow:
    application = FormClient(settings.client_id, settings.client_secret.reveal())
    return refresh(str(settings.auth_url), application, token, now)


def _as_bearer(request: Request, token: str) -> Request:
    return replace(request, headers={**request.headers, "Authorization": f"Bearer {token}"})
