"""The simulated Allegro's authorisation server: device flow, and refresh tokens that change with every use.

A spent refresh token works for 60 seconds more, then it is an `invalid_grant`; a refresh ends the access token before
it (github.com/allegro/allegro-api issues 8321, 8670, 9045).
"""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from aiohttp import web
from msgspec import Struct

from plugins.allegro.simulator_form import Json

GRACE: Final = timedelta(seconds=60)
DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"


class Device(Struct):
    """A device login under way."""

    user_code: str
    until: datetime
    answer: str = "authorization_pending"  # or "approved", "access_denied"
    asked_at: datetime | None = None


class Grant(Struct):
    """A refresh token: the access token that came with it, and when it was spent."""

    access: str
    spent_at: datetime | None = None


class OAuthServer:
    """Issues and checks tokens; `access_life` is in seconds. With `auto_approve` nobody needs to confirm a code."""

    def __init__(
        self, chance: random.Random, now: Callable[[], datetime], *, client_id: str, client_secret: str
    ) -> None:
        self.client_id = client_id
        self.client_secret = client_secret
        self.access_life = 43_199.0
        self.auto_approve = True
        self.interval = 5
        self.refreshes = 0
        self._random = chance
        self._now = now
        self._devices: dict[str, Device] = {}
        self._grants: dict[str, Grant] = {}
        self._access: dict[str, datetime] = {}

    def issue(self) -> Json:
        """A new pair of tokens, as the token endpoint answers it."""
        access, refresh = f"access-{self._text()}", f"refresh-{self._text()}"
        self._access[access] = self._now() + timedelta(seconds=self.access_life)
        self._grants[refresh] = Grant(access)
        return {
            "access_token": access,
            "token_type": "bearer",
            "refresh_token": refresh,
            "expires_in": int(self.access_life),
            "scope": "allegro:api:orders:read allegro:api:orders:write allegro:api:sale:settings:read",
            "allegro_api": True,
            "jti": self._text(),
        }

    def good(self, access: str) -> bool:
        """Whether an access token is taken."""
        until = self._access.get(access)
        return until is not None and self._now() < until

    def revoke(self) -> None:
        """The seller withdraws every right he gave."""
        self._grants.clear()
        self._access.clear()

    def end_access(self) -> None:
        """All access tokens end now; refresh tokens go on."""
        self._access.clear()

    def approve(self, user_code: str, *, deny: bool = False) -> bool:
        """The seller confirms, or denies, the code that he was shown; False where there is no such code."""
        for device in self._devices.values():
            if device.user_code == user_code:
                device.answer = "access_denied" if deny else "approved"
                return True
        return False

    async def device(self, request: web.Request) -> web.Response:
        """POST /auth/oauth/device."""
        given = {**request.query, **_texts(await request.post())}
        if not self._known(request) or given.get("client_id") != self.client_id:
            return _refused(401, "invalid_client", "Bad client credentials")
        code = self._text()
        shown = f"{self._random.randrange(10**8, 10**9)}"
        answer = "approved" if self.auto_approve else "authorization_pending"
        self._devices[code] = Device(shown, self._now() + timedelta(hours=1), answer)
        page = f"{request.url.origin()}/skojarz-aplikacje"
        return web.json_response(
            {
                "user_code": shown,
                "device_code": code,
                "expires_in": 3600,
                "interval": self.interval,
                "verification_uri": page,
                "verification_uri_complete": f"{page}?code={shown}",
            }
        )

    async def token(self, request: web.Request) -> web.Response:
        """POST /auth/oauth/token, for the device and the refresh grant."""
        if not self._known(request):
            return _refused(401, "invalid_client", "Bad client credentials")
        given = {**request.query, **_texts(await request.post())}
        if given.get("grant_type") == DEVICE_GRANT:
            return self._by_device(given.get("device_code", ""))
        if given.get("grant_type") == "refresh_token":
            return self._by_refresh(given.get("refresh_token", ""))
        return _refused(400, "unsupported_grant_type", "Unsupported grant type")

    def _by_device(self, code: str) -> web.Response:
        device = self._devices.get(code)
        if device is None or self._now() >= device.until:
            return _refused(400, "Invalid device code", "Invalid device code")
        asked, device.asked_at = device.asked_at, self._now()
        if asked is not None and self._now() - asked < timedelta(seconds=self.interval):
            return _refused(400, "slow_down", "Polling too often")
        if device.answer != "approved":
            return _refused(400, device.answer, "The user has not confirmed the code")
        del self._devices[code]
        return web.json_response(self.issue())

    def _by_refresh(self, token: str) -> web.Response:
        grant = self._grants.get(token)
        spent_long_ago = grant is not None and grant.spent_at is not None and self._now() - grant.spent_at >= GRACE
        if grant is None or spent_long_ago:
            return _refused(400, "invalid_grant", "Invalid refresh token")
        grant.spent_at = grant.spent_at or self._now()
        self._access.pop(grant.access, None)
        self.refreshes += 1
        return web.json_response(self.issue())

    def _known(self, request: web.Request) -> bool:
        expected = base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
        return request.headers.get("Authorization") == f"Basic {expected}"

    def _text(self) -> str:
        return f"{self._random.getrandbits(128):032x}"


def _texts(form: Mapping[str, object]) -> dict[str, str]:
    return {name: value for name, value in form.items() if isinstance(value, str)}


def _refused(status: int, error: str, description: str) -> web.Response:
    return web.json_response({"error": error, "error_description": description}, status=status)
