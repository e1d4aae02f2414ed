"""[watch]: where metrics are served, and who is told of alarms."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from msgspec import Struct

from daemon.core.routing import MAIL
from daemon.toml_values import TableReader
from orderferry import Duration

SECTION = "watch"


class WatchSettings(Struct, frozen=True, kw_only=True):
    """[watch]: `listen` is "address:port" of this very machine, `mail_to` gets the mails about alarms."""

    listen: str | None = None
    alarm_after: Duration = Duration(minutes=15)
    mail_to: str | None = None


def read(reader: TableReader, document: Mapping[str, Any]) -> WatchSettings | None:
    """What [watch] says, or its defaults; None after a complaint."""
    at = (SECTION,)
    given = reader.table(document.get(SECTION, {}), at, "[watch] and its keys")
    settings = reader.struct(WatchSettings, given, at)
    if settings is None:
        return None
    before = len(reader.problems)
    if settings.listen is not None:
        try:
            place(settings.listen)
        except ValueError as error:
            reader.complain((*at, "listen"), str(error))
    if settings.alarm_after <= timedelta(0):
        reader.complain((*at, "alarm_after"), "must be longer than nothing")
    if settings.mail_to is not None:
        if MAIL not in document:
            reader.complain((*at, "mail_to"), "needs a mail server; write [mail] and its keys")
        name, sign, domain = settings.mail_to.rpartition("@")
        if not (name and sign and domain) or any(letter.isspace() for letter in settings.mail_to):
            reader.complain((*at, "mail_to"), 'must be an e-mail address alone, such as "me@example.pl"')
    return settings if len(reader.problems) == before else None


def place(listen: str) -> tuple[str, int]:
    """The address and the port; raises ValueError with a sentence for all that is not of this very machine alone."""
    host, colon, port = listen.rpartition(":")
    write = 'write "127.0.0.1:9464", or "[::1]:9464"'
    if not (colon and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f"must be an address and a port; {write}")
    try:
        address = ipaddress.ip_address(host[1:-1] if host[:1] + host[-1:] == "[]" else host)
    except ValueError:
        raise ValueError(f"must begin with an address in figures; {write}") from None
    if not address.is_loopback:
        raise ValueError(f"may only be an address of this very machine, since anybody could read there; {write}")
    return str(address), int(port)
