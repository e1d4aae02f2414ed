"""Makes texts and values fit to be shown to strangers: what is personal gets another name, the same one everywhere.

The rule of this file: a report of a fault needs to know *that* two lines speak of one order or one host, never which.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

BLOT = "***"
SHORTEST = 4
"""Of what is blotted wherever it stands: shorter texts would take half of each sentence with them."""

IDENTIFIERS = frozenset({"external_id", "shop_order", "shop_orders", "reference", "number", "sku", "form"})
"""Keys whose values name an order, a parcel or a product to the outside world."""

LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})

_URL_HOST = re.compile(r"(?i)(?<=://)[\w.-]+(?=[:/?#\"'\s)\],;]|$)")
_HOME = re.compile(r"/home/[^/\s\"':]+")
_TOKEN = re.compile(r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?")
_IDENTIFIER = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"  # what a UUID looks like
    r"|(?=(?:\D*\d){9})[\d-]+",  # nine digits or more: an order, a parcel or a telephone
    re.IGNORECASE,
)
_NOTHING = re.compile(r"(?!)")


class Blotter:
    """Other names for hosts and ids, and a blot for secrets; `scrub` blots out what looks like one, wherever it is.

    `public` hosts are everybody's, such as a marketplace's, and are kept.
    """

    def __init__(self, scrub: Callable[[str], str], *, public: Iterable[str] = ()) -> None:
        self._scrub = scrub
        self._public = LOCAL | {host.lower() for host in public}
        self._secrets: set[str] = set()
        self._hosts: dict[str, str] = {}
        self._ids: dict[str, str] = {}
        self._pattern = _NOTHING

    def secret(self, text: str) -> None:
        """Has this blotted out wherever it comes."""
        if len(text) < SHORTEST or text in self._secrets:
            return
        self._secrets.add(text)
        words = "|".join(re.escape(one) for one in sorted(self._secrets, key=len, reverse=True))
        self._pattern = re.compile(rf"(?i)(?<![A-Za-z0-9])(?:{words})(?![A-Za-z0-9])")

    def host(self, name: str) -> str:
        """The other name of a host; a public or a local one keeps its own."""
        key = name.lower()
        return name if key in self._public else self._hosts.setdefault(key, f"host{len(self._hosts) + 1}")

    def identifier(self, text: str) -> str:
        """The other name of an id."""
        return self._ids.setdefault(text, f"id{len(self._ids) + 1}")

    def learn(self, value: Any) -> None:
        """Takes note of the ids in a value, so that texts which come before it are cleared of them too."""
        if isinstance(value, dict):
            for key, inner in value.items():
                if key in IDENTIFIERS:
                    self._identified(inner)
                else:
                    self.learn(inner)
        elif isinstance(value, list | tuple):
            for inner in value:
                self.learn(inner)

    def text(self, text: str) -> str:
        """The text without secrets, addresses and ids, and with other names for hosts."""
        text = _HOME.sub("/home/user", text)
        text = _URL_HOST.sub(lambda found: self.host(found[0]), text)
        text = self._pattern.sub(BLOT, text)
        return self._scrub(_TOKEN.sub(self._other, text))

    def value(self, value: Any) -> Any:
        """A value of JSON or TOML with every text in it cleared; keys too."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {
                self.text(str(key)): self._identified(inner) if key in IDENTIFIERS else self.value(inner)
                for key, inner in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.value(inner) for inner in value]
        return value

    def _identified(self, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [self._identified(inner) for inner in value]
        return value if value is None or isinstance(value, bool) else self.identifier(str(value))

    def _other(self, found: re.Match[str]) -> str:
        token = found[0]
        if len(token) < SHORTEST:
            return token
        if _IDENTIFIER.fullmatch(token) and not _is_day(token):
            return self.identifier(token)
        return self._ids.get(token) or self._hosts.get(token.lower()) or token


def _is_day(token: str) -> bool:
    return re.fullmatch(r"\d{4}-\d\d-\d\d", token) is not None
