"""How requests prove who we are: a token that the seller wrote down, or one that the app fetches for a day.

Source: https://shopify.dev/docs/apps/build/authentication-authorization/client-credentials-grant
"""

from __future__ import annotations

import asyncio

import msgspec
from msgspec import Struct

from orderferry import Clock, NeedsLogin, Unavailable
from orderferry.http import Auth, Request, Response, Send
from plugins.shops.shopify.settings import ShopifySettings

HEADER = "X-Shopify-Access-Token"
EARLY = 300.0  # seconds before its end at which a token is replaced


class Grant(Struct):
    """What the token endpoint gives; there is no refresh token, the same request gets the next one."""

    access_token: str
    expires_in: float = 86_399


def auth_of(settings: ShopifySettings, clock: Clock) -> Auth:
    """The way that the settings have keys for."""
    if settings.access_token is not None:
        return StaticToken(settings.access_token.reveal())
    return FetchedToken(settings, clock)


class StaticToken:
    """The token of an app that was made in the shop's own panel."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def sign(self, request: Request, send: Send) -> None:  # noqa: ARG002 - needs no request of its own
        """Adds the token."""
        request.headers[HEADER] = self._token

    async def refused(self, request: Request, send: Send) -> bool:  # noqa: ARG002 - the same token again is no help
        """A second try would be refused as well."""
        return False


class FetchedToken:
    """A token by the client credentials grant; kept in memory, as another can be had at any time."""

    def __init__(self, settings: ShopifySettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token = ""
        self._ends = 0.0

    async def sign(self, request: Request, send: Send) -> None:
        """Adds the token, after fetching one where there is none that lasts."""
        async with self._lock:
            if self._clock.monotonic() >= self._ends:
                await self._fetch(send)
        request.headers[HEADER] = self._token

    async def refused(self, request: Request, send: Send) -> bool:  # noqa: ARG002 - `sign` will ask for the next token
        """Lets the next `sign` fetch another token, unless that has happened meanwhile."""
        if request.headers.get(HEADER) == self._token:
            self._ends = 0.0
        return True

    async def _fetch(self, send: Send) -> None:
        secret = self._settings.client_secret
        response = await send(
            Request(
                method="POST",
                url=f"{self._settings.url}/admin/oauth/access_token",
                query={},
                headers={"Accept": "application/json", "User-Agent": "orderferry"},
                form={
                    "grant_type": "client_credentials",
                    "client_id": self._settings.client_id or "",
                    "client_secret": secret.reveal() if secret else "",
                },
            )
        )
        grant = _grant(response)
        self._token = grant.access_token
        self._ends = self._clock.monotonic() + grant.expires_in - EARLY


def _grant(response: Response) -> Grant:
    if response.status in {400, 401, 403}:
        raise NeedsLogin(
            f"Shopify refuses the app's client_id and client_secret ({response.status}): check both in the Dev "
            "Dashboard, and that the app is installed in this shop"
        )
    if response.status != 200:
        raise Unavailable(f"Shopify's token endpoint answered {response.status}")
    try:
        return msgspec.json.decode(response.body, type=Grant)
    except msgspec.MsgspecError as error:
        raise Unavailable(f"the answer of Shopify's token endpoint can't be read ({error})") from error
