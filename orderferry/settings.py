"""Types for a platform's settings: what a seller writes in config.toml, and what the plugin gets.

A platform's `Settings` is a frozen msgspec Struct with these types in it; the daemon reads them, resolves secrets, and
complains with file, line and key, so that a plugin never sees a raw or a wrong value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_address
from types import MappingProxyType
from typing import ClassVar, Final, NoReturn
from urllib.parse import urlsplit

from msgspec import Struct


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every platform's settings; a field without a default is required.

    `hints` says in a few words what belongs into a field and where the seller finds it: `orderferry init` asks with
    them for what is required, and writes them as comments.
    """

    hints: ClassVar[Mapping[str, str]] = MappingProxyType({})


class Secret:
    """A text that never shows itself: `reveal()` gives it, everything else prints stars."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text: Final = text

    def reveal(self) -> str:
        """The secret itself; call it where it is used, and keep nothing."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled: it would be written in the clear")


class Duration(timedelta):
    """A length of time, written "30s", "5m", "1h", "7d" or as a sum such as "1h30m"."""

    @classmethod
    def parse(cls, text: str) -> Duration:
        """Reads the text; raises ValueError that says what would be right."""
        if not _DURATION.fullmatch(text):
            raise ValueError(f'{text[:40]!r} is not a duration; write "30s", "5m", "1h" or "7d"')
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
        if seconds > _LONGEST:
            raise ValueError(f"{text[:40]!r} is longer than ten years")
        return cls(seconds=seconds)

    def __str__(self) -> str:
        """As it is written in config.toml: "1h30m"."""
        rest = self.total_seconds()
        text = ""
        for unit in "dhm":
            whole, rest = divmod(rest, _SECONDS[unit])
            text += f"{whole:.0f}{unit}" if whole else ""
        return text + (f"{rest:g}s" if rest or not text else "")


_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LONGEST = 3653 * 86_400
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_CREDENTIALS = re.compile(r"[^/@]*:[^/@]*@")  # "name:password@host", without a scheme
_DURATION = re.compile(rf"(?:{_PART.pattern})+")


class Url(str):
    """The address of a platform, without a trailing slash: https, or http where the host is this machine itself."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Url:
        """Checks the text; raises ValueError that says what would be right."""
        if "@" in text.partition("://")[2].partition("/")[0] or _CREDENTIALS.match(text):
            raise ValueError("an address must not carry a name or a password; give them as settings of their own")
        try:
            parts = urlsplit(text)
            host = parts.hostname
            _ = parts.port
        except ValueError as error:
            raise ValueError(f"{text[:80]!r} is not an address: {error}") from error
        if parts.scheme not in {"http", "https"} or not host:
            raise ValueError(f'{text[:80]!r} is not an address; write "https://shop.example"')
        if parts.query or parts.fragment:
            raise ValueError(f"{text[:80]!r} must end with its path: no ? and no #")
        if parts.scheme == "http" and not is_loopback(host):
            raise ValueError(f"{text[:80]!r} would send keys and buyers' data in the clear; write https://")
        return cls(text.rstrip("/"))


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this very machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
