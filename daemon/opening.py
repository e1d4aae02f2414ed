"""Makes a configured account's platform ready to be asked: its HTTP client, its tokens, its place among the hooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog
from aiohttp import ClientSession

from daemon.account_settings import AccountSettings
from daemon.hooks import Hooks
from daemon.vault import TokenFiles
from orderferry import Account, Clock
from orderferry.http import Auth, Http, Limits
from orderferry.meter import UNMEASURED, Meter
from orderferry.platform import AnyPlatform
from orderferry.session import open_session


class Opener:
    """Opens accounts; `close` ends all connections that they made."""

    def __init__(
        self,
        platforms: Mapping[str, type[AnyPlatform]],
        hooks: Hooks,
        tokens: TokenFiles,
        clock: Clock,
        prefix: str,
        *,
        meter: Callable[[str], Meter] = lambda _: UNMEASURED,
    ) -> None:
        self._platforms = platforms
        self._hooks = hooks
        self._tokens = tokens
        self._clock = clock
        self._prefix = prefix
        self._meter = meter
        self._sessions: dict[str, ClientSession] = {}

    def open(self, settings: AccountSettings) -> AnyPlatform:
        """Makes the account's platform; whatever its constructor raises comes through."""
        kind = self._platforms[settings.platform]
        log = structlog.get_logger("orderferry.plugin").bind(account=settings.name)
        session = open_session()
        self._sessions[settings.name] = session

        def http(
            base_url: str,
            *,
            auth: Auth | None = None,
            limits: Limits | None = None,
            headers: Mapping[str, str] | None = None,
            explain: Callable[[bytes], str | None] | None = None,
        ) -> Http:
            return Http(
                session,
                base_url,
                clock=self._clock,
                log=log,
                auth=auth,
                limits=limits,
                headers=headers,
                explain=explain,
                meter=self._meter(settings.name),
            )

        def make() -> AnyPlatform:
            return kind(
                Account(
                    name=settings.name,
                    role=settings.role,
                    settings=settings.settings,
                    http=http,
                    clock=self._clock,
                    log=log,
                    tokens=self._tokens.for_account(settings.name),
                    reference_prefix=self._prefix,
                )
            )

        return self._hooks.open(settings.name, make)

    async def shut(self, name: str) -> None:
        """Lets one account go, with its connections."""
        self._hooks.close(name)
        if session := self._sessions.pop(name, None):
            await session.close()

    async def close(self) -> None:
        """Ends every account's connections."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()
