"""Accounts for tests: what the daemon hands to a platform, with real HTTP and everything else in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct

from orderferry.http import Auth, Http, Limits
from orderferry.platform import Account, Platform
from orderferry.session import open_session
from orderferry.settings import Secret, Settings
from orderferry.testing.memory import MemoryLog, MemoryTokens

if TYPE_CHECKING:
    import aiohttp

    from orderferry.oauth import Tokens
    from orderferry.testing.clock import VirtualClock

SettingsT = TypeVar("SettingsT", bound=Settings)

REFERENCE_PREFIX = "of-kit-"


class OpenAccount:
    """Makes accounts: `open_account(MyShop, MyShopSettings(...))`; the fixture of this name closes them.

    `canaries` are texts that must never be logged; the settings' secrets and the tokens are canaries by themselves.
    """

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.logs: list[MemoryLog] = []
        self.canaries: set[str] = set()
        self._sessions: list[aiohttp.ClientSession] = []

    def __call__(
        self,
        platform: type[Platform[SettingsT]],
        settings: SettingsT,
        *,
        name: str = "tested",
        tokens: Tokens | MemoryTokens | None = None,
        canaries: Iterable[str] = (),
        reference_prefix: str = REFERENCE_PREFIX,
    ) -> Account[SettingsT]:
        """An account of this platform; `tokens` is what its token store holds at the beginning, or the store itself."""
        store = tokens if isinstance(tokens, MemoryTokens) else MemoryTokens(tokens)
        self.canaries.update(canaries, secrets(settings))
        if store.tokens is not None:
            self.canaries.update(text for text in (store.tokens.access, store.tokens.refresh) if text)
        log = MemoryLog()
        log.canaries = self.canaries  # one set for all accounts: what is a secret here must not appear there
        self.logs.append(log)

        def http(
            base_url: str,
            *,
            auth: Auth | None = None,
            limits: Limits | None = None,
            headers: Mapping[str, str] | None = None,
            explain: Callable[[bytes], str | None] | None = None,
        ) -> Http:
            session = open_session()
            self._sessions.append(session)
            return Http(
                session,
                base_url,
                clock=self.clock,
                log=log,
                auth=auth,
                limits=limits,
                headers=headers,
                explain=explain,
            )

        return Account(
            name=name,
            role=platform.role,
            settings=settings,
            http=http,
            clock=self.clock,
            log=log,
            tokens=store,
            reference_prefix=reference_prefix,
        )

    async def close(self) -> None:
        """Closes every session."""
        for session in self._sessions:
            await session.close()
        self._sessions.clear()


def secrets(value: Any) -> Iterator[str]:  # settings nest whatever msgspec can hold
    """Every `Secret` in the settings, however deep."""
    if isinstance(value, Secret):
        yield value.reveal()
    elif isinstance(value, Struct):
        for name in value.__struct_fields__:
            yield from secrets(getattr(value, name))
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from secrets(part)
    elif isinstance(value, list | tuple | frozenset | set):
        for part in value:
            yield from secrets(part)
