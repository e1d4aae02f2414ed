"""Makes a configured account's platform ready to be asked: its HTTP client, its tokens, its place among the hooks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

import structlog
from aiohttp import ClientSession

from daemon.account_settings import AccountSettings
from daemon.clock import SystemClock
from daemon.core.journal import Data, Kind
from daemon.flooding import LimitedLog
from daemon.hooks import Catalogue, Hooks
from daemon.isolation.keeper import Keeper
from daemon.isolation.limits import Isolation
from daemon.isolation.limits import Limits as ChildLimits
from daemon.isolation.remote import Surroundings, remote
from daemon.isolation.values import Begin, encode
from daemon.vault import TokenFiles
from orderferry import Account, Clock
from orderferry.http import Auth, Http, Limits
from orderferry.meter import UNMEASURED, Meter
from orderferry.platform import AnyPlatform
from orderferry.session import open_session

_LIMITS = ChildLimits()


class Journal(Protocol):
    """Where a row of the journal is written: the round."""

    async def note(self, kind: Kind, account: str | None = None, data: Data | None = None) -> None: ...


class Opener:
    """Opens accounts; `close` ends all connections and processes that they made.

    `journal` is told of each child process that ended without being asked to.
    """

    journal: Journal | None = None

    def __init__(
        self,
        catalogue: Catalogue,
        hooks: Hooks,
        tokens: TokenFiles,
        clock: Clock,
        prefix: str,
        *,
        meter: Callable[[str], Meter] = lambda _: UNMEASURED,
        limits: ChildLimits = _LIMITS,
    ) -> None:
        self._catalogue = catalogue
        self._hooks = hooks
        self._tokens = tokens
        self._clock = clock
        self._prefix = prefix
        self._meter = meter
        self._limits = limits
        self._sessions: dict[str, ClientSession] = {}
        self._keepers: dict[str, Keeper] = {}
        self._logs: dict[str, LimitedLog] = {}

    def open(self, settings: AccountSettings) -> AnyPlatform:
        """Makes the account's platform; whatever its constructor raises comes through.

        One with a process of its own is started when it is asked the first time, and what its constructor raises is
        then told to whoever asks, as `Unavailable`.
        """
        kind = self._catalogue.platforms[settings.platform]
        written = structlog.get_logger("orderferry.plugin").bind(account=settings.name)
        log = self._logs[settings.name] = LimitedLog(written, self._clock)
        if self.isolation(settings) is Isolation.PROCESS:
            return self._hooks.open(settings.name, lambda: self._remote(kind, settings, log))
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

    def isolation(self, settings: AccountSettings) -> Isolation:
        """Where the account's plugin runs: as the seller says, else our own in the daemon and a stranger's apart."""
        strange = self._catalogue.is_strange(settings.platform)
        return settings.isolation or (Isolation.PROCESS if strange else Isolation.DAEMON)

    def _remote(self, kind: type[AnyPlatform], settings: AccountSettings, log: LimitedLog) -> AnyPlatform:
        name = settings.name
        surroundings = Surroundings(self._tokens.for_account(name), log, self._meter(name))
        begin = Begin(
            module=kind.__module__,
            name=kind.__qualname__,
            account=name,
            role=settings.role.value,
            settings=encode(settings.settings),
            prefix=self._prefix,
            memory=settings.memory_mib * 1024**2,
            files=settings.open_files,
        )
        keeper = self._keepers[name] = Keeper(
            begin,
            self._limits,
            SystemClock(),  # processes live in the machine's own time
            surroundings,
            line=lambda text: log.debug("plugin_printed", detail=text),
            tell=partial(self._note, settings),
        )
        return remote(kind, keeper.ask, surroundings)

    async def _note(self, settings: AccountSettings, reason: str) -> None:
        if self.journal is not None:
            await self.journal.note(Kind.PLUGIN_ENDED, settings.name, {"platform": settings.platform, "reason": reason})

    async def shut(self, name: str) -> None:
        """Lets one account go, with its connections or its process."""
        self._hooks.close(name)
        if keeper := self._keepers.pop(name, None):
            await keeper.close()
        if session := self._sessions.pop(name, None):
            await session.close()
        if log := self._logs.pop(name, None):
            log.close()

    async def close(self) -> None:
        """Ends every account's connections and processes."""
        await asyncio.gather(*(keeper.close() for keeper in self._keepers.values()))
        self._keepers.clear()
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()
        for log in self._logs.values():
            log.close()
        self._logs.clear()
