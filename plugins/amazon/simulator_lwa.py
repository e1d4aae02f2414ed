"""The simulated Login with Amazon: refresh tokens that stay the same, access tokens of an hour."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta

from aiohttp import web

from plugins.amazon.simulator_order import Json


class LoginWithAmazon:
    """Issues and checks tokens; `access_life` is in seconds."""

    def __init__(
        self, chance: random.Random, now: Callable[[], datetime], *, client_id: str, client_secret: str
    ) -> None:
        self.client_id = client_id
        self.client_secret = client_secret
        self.access_life = 3600.0
        self.refreshes = 0
        self._random = chance
        self._now = now
        self._refresh: set[str] = set()
        self._access: dict[str, datetime] = {}

    def authorise(self) -> str:
        """The seller authorises the application: a refresh token is shown to him."""
        token = f"Atzr|{self._text()}"
        self._refresh.add(token)
        return token

    def issue(self, refresh_token: str) -> Json:
        """A new access token, as the token endpoint answers it."""
        access = f"Atza|{self._text()}"
        self._access[access] = self._now() + timedelta(seconds=self.access_life)
        return {
            "access_token": access,
            "refresh_token": refresh_token,
            "token_type": "bearer",
            "expires_in": int(self.access_life),
        }

    def why_not(self, access: str) -> str | None:
        """None where an access token is taken, else what Amazon says of it."""
        until = self._access.get(access)
        if until is None:
            return "The access token you provided is revoked, malformed or invalid."
        return None if self._now() < until else "The access token you provided has expired."

    def revoke(self) -> None:
        """The seller withdraws every right he gave."""
        self._refresh.clear()
        self._access.clear()

    def end_access(self) -> None:
        """All access tokens end now; refresh tokens go on."""
        self._access = dict.fromkeys(self._access, self._now())

    async def token(self, request: web.Request) -> web.Response:
        """POST /auth/o2/token."""
        given = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        if (given.get("client_id"), given.get("client_secret")) != (self.client_id, self.client_secret):
            return _refused(401, "invalid_client", "Client authentication failed")
        if given.get("grant_type") != "refresh_token":
            return _refused(400, "unsupported_grant_type", "The authorization grant type is not supported")
        if given.get("refresh_token") not in self._refresh:
            return _refused(400, "invalid_grant", "The request has an invalid grant parameter : refresh_token")
        self.refreshes += 1
        return web.json_response(self.issue(given["refresh_token"]))

    def _text(self) -> str:
        return f"{self._random.getrandbits(128):032x}"


def _refused(status: int, error: str, description: str) -> web.Response:
    return web.json_response({"error": error, "error_description": description}, status=status)
