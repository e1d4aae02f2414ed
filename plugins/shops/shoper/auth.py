"""How requests prove who we are: a token from the panel, or one that is got with login and password.

Source: https://developers.shoper.pl/developers/api/getting-started
"""

from __future__ import annotations

import asyncio

import msgspec
from msgspec import Struct

from orderferry import Clock, NeedsLogin, Secret, Unavailable
from orderferry.http import Auth, BasicAuth, Request, Send
from plugins.shops.shoper.settings import ShoperSettings

EARLY = 60.0  # seconds before its end in which a token is no longer used


class FixedToken:
    """A token that the panel gave, which has no end."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    async def sign(self, request: Request, send: Send) -> None:  # noqa: ARG002 - needs no request of its own
        """Adds the Authorization header."""
        request.headers["Authorization"] = f"Bearer {self._token.reveal()}"

    async def refused(self, request: Request, send: Send) -> bool:  # noqa: ARG002 - the same token again is no help
        """A second try would be refused as well."""
        return False


class Granted(Struct, frozen=True):
    """What `auth` answers; `expires_in` is in seconds."""

    access_token: str
    expires_in: float = 0.0


_granted = msgspec.json.Decoder(Granted, strict=False)


class PasswordToken:
    """A token for login and password, kept in memory until it ends or is refused."""

    def __init__(self, url: str, login: str, password: Secret, clock: Clock) -> None:
        self._url = f"{url}/auth"
        self._login, self._password = login, password
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token = ""
        self._ends = 0.0

    async def sign(self, request: Request, send: Send) -> None:
        """Adds the Authorization header, after getting a token where there is none."""
        async with self._lock:
            if not self._token or self._clock.monotonic() >= self._ends:
                await self._get(send)
            request.headers["Authorization"] = f"Bearer {self._token}"

    async def refused(self, request: Request, send: Send) -> bool:  # noqa: ARG002 - signing again gets a new one
        """Forgets the token that was refused, so that a new one is got."""
        if request.headers.get("Authorization") == f"Bearer {self._token}":
            self._token = ""
        return True

    async def _get(self, send: Send) -> None:
        header = BasicAuth(self._login, self._password.reveal()).header
        own = Request(
            method="POST", url=self._url, query={}, headers={"Authorization": header, "Accept": "application/json"}
        )
        answer = await send(own)
        if answer.status in {400, 401, 403}:
            raise NeedsLogin(f"the shop refuses login and password ({answer.status})")
        if answer.status != 200:
            raise Unavailable(f"the shop gave no token ({answer.status})")
        try:
            granted = _granted.decode(answer.body)
        except msgspec.MsgspecError as error:
            raise Unavailable("the shop's answer to login and password can't be read") from error
        self._token = granted.access_token
        self._ends = self._clock.monotonic() + max(granted.expires_in - EARLY, EARLY)


def auth_of(settings: ShoperSettings, url: str, clock: Clock) -> Auth:
    """The way in that the settings ask for."""
    if settings.token is not None:
        return FixedToken(settings.token)
    return PasswordToken(url, settings.login, settings.password or Secret(""), clock)
