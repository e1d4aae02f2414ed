"""What a seller writes about his mail server in config.toml."""

from __future__ import annotations

from collections.abc import Mapping
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.utils import parseaddr
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Literal

from orderferry import Secret, Settings
from orderferry.settings import is_loopback

PORTS = {"starttls": 587, "tls": 465, "none": 25}


class SmtpSettings(Settings, frozen=True, kw_only=True):
    """`sender` is what buyers see as From: an address, or "Name <address>"; `reply_to` likewise, for their answers.

    `port` follows from `security` where it is not written. `security` "none" is for this very machine alone. `hello` is
    the name that we give ourselves, else the sender's domain. `ca_file` names the certificates (PEM) to trust instead
    of the system's.
    """

    hints: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "host": "the server for sending mail, as your provider names it",
            "port": "where it is not the usual one",
            "security": "how it is encrypted: starttls, tls, or none (this very machine alone)",
            "user": "the login, often the whole address",
            "password": "its password",
            "sender": "what buyers see as From: shop@example.pl, or My Shop <shop@example.pl>",
            "reply_to": "where their answers go, if not to the sender",
            "hello": "by what name to greet the server",
            "ca_file": "certificates (PEM) to trust in place of the system's",
        }
    )

    host: str
    port: int | None = None
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    password: Secret | None = None
    sender: str
    reply_to: str | None = None
    hello: str | None = None
    ca_file: Path | None = None

    def __post_init__(self) -> None:
        if self.security == "none" and not is_loopback(self.host):
            raise ValueError('security = "none" would send buyers\' data in the clear; write "starttls" or "tls"')
        if self.port is not None and not 0 < self.port < 65536:
            raise ValueError("port must be a number from 1 to 65535")
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password go together; write both, or neither")
        for key, text in (("sender", self.sender), ("reply_to", self.reply_to)):
            if text is not None and ((found := read_address(text)) is None or not found.addr_spec.isascii()):
                raise ValueError(f'{key} must be an address such as "shop@example.pl" or "My Shop <shop@example.pl>"')

    @property
    def at_port(self) -> int:
        """The port to go to."""
        return self.port or PORTS[self.security]


def read_address(text: str) -> Address | None:
    """An address with or without a name before it; None where it is none that mail can go to."""
    name, plain = parseaddr(text)
    user, _, domain = plain.rpartition("@")
    if not user or not domain or " " in plain or not text.isprintable():
        return None
    try:
        return Address(display_name=name, username=user, domain=domain)
    except (ValueError, HeaderParseError, IndexError):  # the last: the standard library's own slip on odd texts
        return None
