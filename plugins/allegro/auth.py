"""How an Allegro account logs in: the device flow once, afterwards refresh tokens that change with every use.

Allegro's refresh token is spent by its use; the old one works for 60 seconds more, so that a lost answer can be asked
for again (github.com/allegro/allegro-api issues 8321, 8670). Refreshing also ends the access token before it (9045).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec

from orderferry import Unavailable
from orderferry.http import Request, Response, Send
from orderferry.oauth import BasicAuthHeader, BearerAuth, Flow, device, drive, refresh

if TYPE_CHECKING:
    from orderferry import Account
    from plugins.allegro.settings import AllegroSettings

TRIES: Final = 4
PAUSE: Final = 3.0


def bearer(account: Account[AllegroSettings]) -> BearerAuth:
    """Signs the account's requests."""
    auth_url, basic = str(account.settings.auth_url), application(account.settings)

    def renew(token: str, now: datetime) -> Flow:
        return refresh(auth_url, basic, token, now)

    return BearerAuth(account.tokens, account.clock, renew, f"orderferry login {account.name}")


def application(settings: AllegroSettings) -> BasicAuthHeader:
    """The credentials of the seller's application."""
    return BasicAuthHeader(settings.client_id, settings.client_secret.reveal())


class Login:
    """An `Auth` that logs in before the first request it signs: that request then proves the new tokens.

    With a `refresh_token` obtained elsewhere, one refresh is enough and nobody is asked. The tokens are on disk before
    they are used.
    """

    def __init__(
        self, account: Account[AllegroSettings], show: Callable[[str], None], refresh_token: str | None
    ) -> None:
        self._account = account
        self._show = show
        self._refresh_token = refresh_token
        self._access: str | None = None

    async def sign(self, request: Request, send: Send) -> None:
        """Adds the bearer token, logging in first."""
        if self._access is None:
            account = self._account
            tokens = await drive(self._flow(), self._patient(send), account.clock, self._show)
            async with account.tokens.lock():
                await account.tokens.save(tokens)
            self._access = tokens.access
        request.headers["Authorization"] = f"Bearer {self._access}"

    async def refused(self, request: Request, send: Send) -> bool:  # noqa: ARG002 - brand-new tokens refused: no way on
        """A token that was made a moment ago and is refused will not be taken a second time."""
        return False

    @property
    def done(self) -> bool:
        """Whether there are new tokens, and they are on disk."""
        return self._access is not None

    def _patient(self, send: Send) -> Send:
        """Sends again what was not answered: a spent refresh token is good for 60 seconds more, and then lost."""

        async def sent(request: Request) -> Response:
            for _ in range(TRIES - 1):
                with contextlib.suppress(Unavailable):
                    response = await send(request)
                    if _answered(response):
                        return response
                await self._account.clock.sleep(PAUSE)
            return await send(request)

        return sent

    def _flow(self) -> Flow:
        settings, clock = self._account.settings, self._account.clock
        auth_url, basic = str(settings.auth_url), application(settings)
        if self._refresh_token is None:
            return device(auth_url, basic, settings.client_id, clock.now)
        return refresh(auth_url, basic, self._refresh_token, clock.now())


def _answered(response: Response) -> bool:
    """Whether the authorisation server itself spoke, and not something before it."""
    if response.status >= 500 or response.status == 429:
        return False
    try:
        msgspec.json.decode(response.body)
    except msgspec.MsgspecError:
        return False
    return True
