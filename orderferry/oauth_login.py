"""The login of a platform with OAuth: a flow that is driven once, and proven by the first request that it signs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from orderferry.errors import Unavailable
from orderferry.oauth import AskOwner, Flow, drive

if TYPE_CHECKING:
    from orderferry.http import Request, Response, Send
    from orderferry.platform import Account

TRIES = 4
PAUSE = 3.0


class Login:
    """An `Auth` that logs in before the first request it signs: that request then proves the new tokens.

    They are on disk before they are used. What is not answered is sent again at once: a refresh token that was spent by
    a lost request is good for a short while more (60 seconds at Allegro), and then lost.
    """

    def __init__(
        self,
        account: Account[Any],  # whatever its settings are
        flow: Flow,
        show: Callable[[str], None],
        ask: AskOwner,
    ) -> None:
        self._account = account
        self._flow = flow
        self._show = show
        self._ask = ask
        self._access: str | None = None

    async def sign(self, request: Request, send: Send) -> None:
        """Adds the bearer token, logging in first."""
        if self._access is None:
            account = self._account
            tokens = await drive(self._flow, self._patient(send), account.clock, self._show, self._ask)
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
        async def sent(request: Request) -> Response:
            for _ in range(TRIES - 1):
                with contextlib.suppress(Unavailable):
                    response = await send(request)
                    if _answered(response):
                        return response
                await self._account.clock.sleep(PAUSE)
            return await send(request)

        return sent


def _answered(response: Response) -> bool:
    """Whether the authorisation server itself spoke, and not something before it."""
    if response.status >= 500 or response.status == 429:
        return False
    try:
        msgspec.json.decode(response.body)
    except msgspec.MsgspecError:
        return False
    return True
