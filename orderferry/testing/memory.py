"""What the daemon gives an account, kept in memory: token store, progress, log."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import msgspec

if TYPE_CHECKING:
    from orderferry.oauth import Tokens


class MemoryTokens:
    """Satisfies `orderferry.oauth.TokenStore`; `saved` holds every set of tokens that was saved, in order."""

    def __init__(self, tokens: Tokens | None = None) -> None:
        self.tokens = tokens
        self.saved: list[Tokens] = []
        self._lock = asyncio.Lock()

    async def load(self) -> Tokens | None:
        """The tokens as they were saved last."""
        return self.tokens

    async def save(self, tokens: Tokens) -> None:
        """Keeps them."""
        self.tokens = tokens
        self.saved.append(tokens)

    @asynccontextmanager
    async def lock(self) -> AsyncIterator[None]:
        """Held by one at a time."""
        async with self._lock:
            yield


class MemoryProgress:
    """Satisfies `orderferry.Progress`; hand the same one to every try of one order, as the daemon does."""

    def __init__(self, value: str | None = None) -> None:
        self._value = value
        self.saved: list[str] = []

    @property
    def value(self) -> str | None:
        """What was saved last."""
        return self._value

    async def save(self, text: str) -> None:
        """Keeps it."""
        self._value = text
        self.saved.append(text)


class Event(msgspec.Struct, frozen=True):
    """One call of the log."""

    level: str
    event: str
    values: dict[str, object]


class MemoryLog:
    """Satisfies the account's `Log`: collects events, and knows which of them carry a canary.

    A canary is a text that must never be logged: a secret, a buyer's name. It is also recognised url-encoded, in
    base64 and as JSON escapes.
    """

    def __init__(self, canaries: Iterable[str] = ()) -> None:
        self.events: list[Event] = []
        self.canaries = set(canaries)

    def debug(self, event: str, **values: object) -> None:
        """Collects it."""
        self.events.append(Event("debug", event, values))

    def info(self, event: str, **values: object) -> None:
        """Collects it."""
        self.events.append(Event("info", event, values))

    def warning(self, event: str, **values: object) -> None:
        """Collects it."""
        self.events.append(Event("warning", event, values))

    @property
    def leaks(self) -> list[str]:
        """The names of the events that carry a canary; the canary itself is not told."""
        return [entry.event for entry in self.events if carries(f"{entry.event} {entry.values!r}", self.canaries)]


def carries(text: str, canaries: Iterable[str]) -> bool:
    """Whether the text holds one of the canaries in any of the forms in which data usually leaks."""
    return any(form in text for canary in canaries if canary for form in forms(canary))


def forms(canary: str) -> frozenset[str]:
    """The canary plain, url-encoded, in base64 (also as a part of something longer), as JSON and as Python escapes."""
    plain = {canary, quote(canary, safe=""), quote_plus(canary), repr(canary)[1:-1]}
    escaped = {canary.encode("ascii", "backslashreplace").decode(), json.dumps(canary)[1:-1]}
    escaped.add(json.dumps(canary, ensure_ascii=False)[1:-1])
    return frozenset(plain | escaped | {encoded for encoded in _base64(canary.encode()) if len(encoded) >= 8})


def _base64(data: bytes) -> Iterator[str]:
    """What does not depend on the neighbours, for each place in a group of three bytes."""
    for before, skipped in ((0, 0), (1, 2), (2, 3)):
        whole = base64.b64encode(b"\0" * before + data).decode()
        yield whole.rstrip("=")[skipped : -1 if whole.endswith("=") else None]
