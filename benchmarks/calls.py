"""The HTTP calls of one round, as a server saw them: what the bare loop makes again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

OWN_HEADERS = frozenset({"host", "content-length", "connection"})  # aiohttp adds them by itself


class Call(Struct, frozen=True, array_like=True):
    """One request: `target` is path and query; `gives` is how many orders its answer tells for the first time."""

    method: str
    target: str
    body: bytes
    gives: int = 0


class Calls(Struct, kw_only=True):
    """All calls of a round in the order of their coming, with the headers that every one of them has."""

    headers: Mapping[str, str] = {}
    calls: list[Call] = []

    def shape(self) -> list[tuple[str, str, int]]:
        """What two rounds must have in common: methods, targets, sizes of bodies."""
        return sorted((call.method, call.target, len(call.body)) for call in self.calls)


def write(path: Path, calls: Calls) -> None:
    """Puts them into a file."""
    path.write_bytes(msgspec.msgpack.encode(calls))


def read(path: Path) -> Calls:
    """Reads such a file."""
    return msgspec.msgpack.decode(path.read_bytes(), type=Calls)
