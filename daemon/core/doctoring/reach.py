"""Findings about the way to the platforms, step by step: name, connection, certificate, its own check."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from msgspec import Struct

from daemon.core.doctoring.finding import Finding, failed, ok, warning

Step: TypeAlias = Literal["name", "connection", "certificate", "answer"]

SOON = timedelta(days=14)
SLOW = 5.0


class Place(Struct, frozen=True):
    """Where a server is asked."""

    host: str
    port: int
    tls: bool

    @property
    def name(self) -> str:
        """The host, with its port where that isn't the usual one."""
        return self.host if self.port == (443 if self.tls else 80) else f"{self.host}:{self.port}"


def place_of(url: str) -> Place:
    """The server of an address that config.toml has let through."""
    parts = urlsplit(url)
    tls = parts.scheme == "https"
    return Place(parts.hostname or "", parts.port or (443 if tls else 80), tls)


class Reached(Struct, frozen=True, kw_only=True):
    """How far the way to a server went: `stopped` is the step that failed and `why`, both None where none did.

    `seconds` is how long all of it took, `ends` when the server's certificate expires, `offset` how far our clock is
    ahead of its.
    """

    place: Place
    stopped: Step | None = None
    why: str | None = None
    seconds: float = 0.0
    ends: datetime | None = None
    offset: timedelta | None = None


def way(account: str, reached: Reached, now: datetime) -> Finding:
    """The way to one server of an account's."""
    check, host = f"way:{account}", reached.place.host
    match reached.stopped:
        case "name":
            remedy = f"is it written rightly in config.toml? Else this machine's DNS: `getent hosts {host}`"
            return failed(check, f"the name {host} is not found: {reached.why}", remedy)
        case "connection":
            remedy = "is the server up, and does a firewall let this machine out?"
            return failed(check, f"{host} can't be reached at port {reached.place.port}: {reached.why}", remedy)
        case "certificate":
            expired = "expired" in (reached.why or "")
            remedy = (
                "its host must renew it; if others reach it well, set this machine's clock"
                if expired
                else "the server's host must put that right; nothing is sent until then"
            )
            return failed(check, f"the certificate of {host} is refused: {reached.why}", remedy)
        case "answer":
            return failed(check, f"{host} takes the connection and does not answer: {reached.why}", "ask its host")
        case None:
            pass
    if reached.ends is not None and reached.ends - now < SOON:
        days = max(0, (reached.ends - now).days)
        return warning(check, f"the certificate of {host} ends in {days} days", "its host must renew it before")
    if reached.seconds > SLOW:
        found = f"{host} needs {reached.seconds:.0f} s for an answer"
        return warning(check, found, "orders wait for it; ask its host why it is slow")
    ends = "" if reached.ends is None else f", certificate until {reached.ends:%Y-%m-%d}"
    return ok(check, f"{host} answers in {reached.seconds * 1000:.0f} ms{ends}")


def checked(account: str, text: str, notes: Iterable[str], *, fine: bool) -> Iterator[Finding]:
    """What the platform's own check said."""
    check = f"account:{account}"
    if not fine:
        yield failed(
            check, text, f"`orderferry accounts {account}` shows all about it; then look at its keys, or log in"
        )
        return
    yield ok(check, text)
    for note in notes:
        yield ok(check, note)


def open_problems(problems: Iterable[str]) -> Iterator[Finding]:
    """What the running daemon says is wrong; each of its sentences names what helps."""
    for problem in problems:
        yield warning("daemon says", problem, "orderferry status")
