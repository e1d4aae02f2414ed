"""The child's side: the plugin's platform, its account, and the daemon's calls to it."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, cast

from msgspec import Raw

from daemon.contained import contained
from daemon.core.answers import checked
from daemon.isolation.peer import NOTHING, Peer
from daemon.isolation.values import (
    Asked,
    Begin,
    Line,
    Said,
    Waited,
    decode,
    decode_arguments,
    decode_settings,
    encode,
    encode_line,
)
from orderferry import Account, Clock, Role
from orderferry.http import Auth, Http, Limits
from orderferry.loading import implements
from orderferry.meter import Ending, Waiting
from orderferry.oauth import Tokens
from orderferry.platform import AnyPlatform, Platform
from orderferry.session import open_session
from orderferry.surroundings import Log

MOST_VALUES = 20


class RemoteLog:
    """The account's log, each line told to the daemon, which leaves out what is not for logs.

    `peer` is set before anything is logged.
    """

    peer: Peer

    def debug(self, event: str, **values: object) -> None:
        """A line for whoever looks for a fault."""
        self._tell("debug", event, values)

    def info(self, event: str, **values: object) -> None:
        """A line for everybody."""
        self._tell("info", event, values)

    def warning(self, event: str, **values: object) -> None:
        """A line that somebody should look at."""
        self._tell("warning", event, values)

    def _tell(self, level: str, event: str, values: Mapping[str, object]) -> None:
        kept = dict(itertools.islice(values.items(), MOST_VALUES))
        self.peer.tell("log", encode_line(Line(level, str(event), kept)))


class RemoteTokens:
    """The account's tokens, which stay with the daemon: it seals and keeps them."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._keys = itertools.count(1)

    async def load(self) -> Tokens | None:
        """As they are on disk now."""
        found: Tokens | None = decode(await self._peer.call("tokens.load", NOTHING), Tokens | None)
        return found

    async def save(self, tokens: Tokens) -> None:
        """Returns when they are on disk."""
        await self._peer.call("tokens.save", encode(tokens))

    def lock(self) -> AbstractAsyncContextManager[None]:
        """Held in the daemon until it is let go here."""
        return self._locked()

    @asynccontextmanager
    async def _locked(self) -> AsyncIterator[None]:
        key = encode(str(next(self._keys)))
        try:
            await self._peer.call("tokens.lock", key)
            yield
        finally:
            self._peer.tell("tokens.unlock", key)


class RemoteMeter:
    """Tells the daemon of every request, which counts them all."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def asked(self, ending: Ending, seconds: float) -> None:
        """A request has ended."""
        self._peer.tell("asked", encode(Asked(ending, seconds)))

    def waited(self, why: Waiting, seconds: float) -> None:
        """A request has waited for its turn."""
        self._peer.tell("waited", encode(Waited(why, seconds)))


class _Progress:
    def __init__(self, peer: Peer, call: int, value: str | None) -> None:
        self._peer = peer
        self._call = call
        self.value = value

    async def save(self, text: str) -> None:
        await self._peer.call("progress.save", encode(Said(self._call, text)))
        self.value = text


Open = Callable[[Begin, type[AnyPlatform], Peer], Account[Any]]
"""Makes the account that the platform is given."""


class Hosted:
    """The plugin's platform in this process; `peer` is set before the first call comes."""

    peer: Peer

    def __init__(self, opens: Open, log: Log, *, prepare: Callable[[Begin], None] = lambda _: None) -> None:
        self._opens = opens
        self._log = log
        self._prepare = prepare  # before anything of the plugin is imported
        self._platform: AnyPlatform | None = None
        self._account = ""

    async def serve(self, number: int, name: str, body: Raw) -> bytes:
        """Answers the daemon's calls: first "begin", then any hook that the platform implements."""
        if name == "begin":
            self._begin(decode(body, Begin))
            return NOTHING
        platform = self._platform
        if platform is None or not implements(type(platform), name):
            raise LookupError(f"there is no {name}")
        arguments = decode_arguments(name, body)
        if name == "add_order":
            arguments["progress"] = _Progress(self.peer, number, arguments["progress"])
        if name == "login":
            arguments |= self._owner(number)
        answer = await contained(self._account, lambda: getattr(platform, name)(**arguments), self._log)
        return encode(checked(name, answer))

    def hear(self, name: str, body: Raw) -> None:  # noqa: ARG002 - a ping says nothing else
        """Answers a ping."""
        if name == "ping":
            self.peer.tell("pong")

    def _begin(self, begin: Begin) -> None:
        self._prepare(begin)
        kind = find(begin)
        self._account = begin.account
        self._platform = kind(self._opens(begin, kind, self.peer))

    def _owner(self, number: int) -> dict[str, Any]:
        def show(text: str) -> None:
            self.peer.tell("show", encode(Said(number, text)))

        async def ask(text: str) -> str:
            answer: str = decode(await self.peer.call("ask", encode(Said(number, text))), str)
            return answer

        return {"show": show, "ask": ask}


def find(begin: Begin) -> type[AnyPlatform]:
    """The platform's class, by its module and name; raises what importing it raises."""
    found: Any = importlib.import_module(begin.module)
    for part in begin.name.split("."):
        found = getattr(found, part)
    if not (isinstance(found, type) and issubclass(found, Platform)):
        raise TypeError(f"{begin.module}.{begin.name} is no platform")
    return found


def opener(clock: Clock, log: Log) -> Open:
    """What makes accounts in a child of the daemon: with an HTTP client of its own, and the rest called back for."""

    def opens(begin: Begin, kind: type[AnyPlatform], peer: Peer) -> Account[Any]:
        session = open_session()

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
                clock=clock,
                log=log,
                auth=auth,
                limits=limits,
                headers=headers,
                explain=explain,
                meter=RemoteMeter(peer),
            )

        return Account(
            name=begin.account,
            role=Role(begin.role),
            settings=decode_settings(begin.settings, kind.Settings),
            http=http,
            clock=clock,
            log=log,
            tokens=cast("Any", RemoteTokens(peer)),
            reference_prefix=begin.prefix,
        )

    return opens
