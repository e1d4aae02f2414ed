"""An authorisation server for simulators: the authorization-code flow, with a client's secret or with PKCE.

A simulator adds `token` to its routes and asks `good` about each access token. What the owner does in his browser,
`agree` does: it takes the address that he was shown and answers the one that he is sent on to.
"""

from __future__ import annotations

import base64
import hashlib
import random
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from aiohttp import web
from msgspec import Struct

CODE_LIFE = timedelta(minutes=5)


class Code(Struct):
    """A code on its way from the browser to the client: good once, and not for long."""

    until: datetime
    challenge: str | None


class OAuthCodeServer:
    """Issues and checks tokens; lives are in seconds.

    Without a `client_secret` the client names itself in the form and must prove itself by PKCE. With `rotates` each
    refresh token is good once and gives the next. `landing` is the page that the owner is sent on to, `access_prefix`
    what every access token begins with.
    """

    def __init__(
        self,
        chance: random.Random,
        now: Callable[[], datetime],
        *,
        client_id: str,
        client_secret: str | None,
        redirect_uri: str,
        landing: str,
        access_life: float,
        refresh_life: float,
        rotates: bool,
        tells_refresh_life: bool = False,
        access_prefix: str = "access-",
    ) -> None:
        self.client_id = client_id
        self.client_secret = client_secret
        self.redirect_uri = redirect_uri
        self.landing = landing
        self.access_life = access_life
        self.refresh_life = refresh_life
        self.rotates = rotates
        self.tells_refresh_life = tells_refresh_life
        self.access_prefix = access_prefix
        self.refreshes = 0
        self._random = chance
        self._now = now
        self._codes: dict[str, Code] = {}
        self._refresh: dict[str, datetime] = {}
        self._access: dict[str, datetime] = {}

    def issue(self) -> dict[str, Any]:
        """A new pair of tokens, as the token endpoint answers it to a code."""
        refresh = f"refresh-{self._text()}"
        self._refresh[refresh] = self._now() + timedelta(seconds=self.refresh_life)
        answer = {**self._new_access(), "refresh_token": refresh}
        if self.tells_refresh_life:
            answer["refresh_token_expires_in"] = int(self.refresh_life)
        return answer

    def good(self, access: str) -> bool:
        """Whether an access token is taken."""
        until = self._access.get(access)
        return until is not None and self._now() < until

    def revoke(self) -> None:
        """The owner withdraws every right he gave, or changes his password."""
        self._refresh.clear()
        self._access.clear()

    def end_access(self) -> None:
        """All access tokens end now; refresh tokens go on."""
        self._access.clear()

    def agree(self, address: str, *, deny: bool = False) -> str:
        """The owner opens the address and agrees (or denies); answers where he is sent on to.

        Raises ValueError for an address that the platform would answer with an error page.
        """
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        expected = {"response_type": "code", "client_id": self.client_id, "redirect_uri": self.redirect_uri}
        wrong = [name for name, value in expected.items() if query.get(name) != value]
        if not query.get("scope"):
            wrong.append("scope")
        if self.client_secret is None and not (query.get("code_challenge") and query.get("state")):
            wrong.append("code_challenge")
        if wrong:
            raise ValueError(f"the page shows an error: {', '.join(wrong)}")
        state = {"state": query["state"]} if "state" in query else {}
        if deny:
            return f"{self.landing}?{urlencode({'error': 'access_denied', **state})}"
        code = f"v^1.1#i^1#{self._text()}="
        self._codes[code] = Code(self._now() + CODE_LIFE, query.get("code_challenge"))
        return f"{self.landing}?{urlencode({**state, 'code': code, 'expires_in': 299})}"

    async def token(self, request: web.Request) -> web.Response:
        """POST to the token endpoint, for a code and for a refresh token."""
        given = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        if not self._known(request, given):
            return _refused(401, "invalid_client", "client authentication failed")
        if given.get("grant_type") == "authorization_code":
            return self._by_code(given)
        if given.get("grant_type") == "refresh_token":
            return self._by_refresh(given.get("refresh_token", ""))
        return _refused(400, "unsupported_grant_type", "unsupported grant type")

    def _by_code(self, given: Mapping[str, str]) -> web.Response:
        code = self._codes.pop(given.get("code", ""), None)
        verified = code is not None and (
            code.challenge is None or code.challenge == _challenge(given.get("code_verifier", ""))
        )
        if code is None or self._now() >= code.until or not verified or given.get("redirect_uri") != self.redirect_uri:
            return _refused(400, "invalid_grant", "the code is invalid or was issued to another client")
        return web.json_response(self.issue())

    def _by_refresh(self, token: str) -> web.Response:
        until = self._refresh.get(token)
        if until is None or self._now() >= until:
            return _refused(400, "invalid_grant", "the refresh token is invalid")
        self.refreshes += 1
        if self.rotates:
            del self._refresh[token]
            return web.json_response(self.issue())
        return web.json_response(self._new_access())

    def _new_access(self) -> dict[str, Any]:
        access = f"{self.access_prefix}{self._text()}"
        self._access[access] = self._now() + timedelta(seconds=self.access_life)
        return {"access_token": access, "token_type": "Bearer", "expires_in": int(self.access_life)}

    def _known(self, request: web.Request, given: Mapping[str, str]) -> bool:
        if self.client_secret is None:
            return given.get("client_id") == self.client_id
        expected = base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
        return request.headers.get("Authorization") == f"Basic {expected}"

    def _text(self) -> str:
        return f"{self._random.getrandbits(128):032x}"


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _refused(status: int, error: str, description: str) -> web.Response:
    return web.json_response({"error": error, "error_description": description}, status=status)
