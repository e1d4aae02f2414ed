"""config.toml -> frozen settings. Each complaint names file, line and key, and says what would be right.

All mistakes of a file are told at once. Secrets are read here, so that nothing after this module sees where they were.
"""

from __future__ import annotations

import codecs
import os
import re
import stat
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import msgspec
import tomli
from msgspec import Struct

from daemon.paths import default_data_dir, default_socket
from daemon.secret_sources import WrongValueError
from daemon.toml_lines import KeyPath, line_of_each_key
from daemon.toml_values import Problem, TableReader, closest, quoted, seen, shown
from orderferry import Duration, Role, Settings
from orderferry.platform import AnyPlatform

LONGEST_SOCKET = 100
SETTLE = Duration(seconds=420)
WATCH_EVERY = Duration(minutes=1)

_STATUS_KEY = re.compile(r"[a-z0-9_-]{1,32}")
_ACCOUNT_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")


class ConfigError(Exception):
    """The file can't be used; `problems` has every mistake in it, in the order of the lines."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class DaemonSettings(Struct, frozen=True, kw_only=True):
    """[daemon]: both paths are absolute."""

    data_dir: Path
    socket: Path
    log_level: Literal["debug", "info", "warning", "error"] = "info"


class Status(Struct, frozen=True):
    """One of the seller's own statuses, by the key that the program uses and the words that he reads."""

    key: str
    label: str


class ForwardSettings(Struct, frozen=True, kw_only=True):
    """[shops.NAME.forward]: whether orders go into this shop, and what it is told of them."""

    enabled: bool = True


class AccountSettings(Struct, frozen=True, kw_only=True):
    """[marketplaces.NAME], [shops.NAME] or [imports.NAME]; `COMMON_KEYS` says which keys belong to which role.

    `settings` is the platform's own part. `statuses` maps the hub's statuses to the platform's: a status that is not in
    it is not told. `settle` is how long an unanswered order is looked for before it may be sent again. `forward_since`
    is in UTC: orders bought earlier are shown, but not forwarded by themselves. An import has no `platform`, and none
    of what only a platform can be asked.
    """

    name: str
    role: Role
    platform: str
    poll_every: Duration
    settings: Settings
    statuses: Mapping[str, str]
    settle: Duration = SETTLE
    forward: ForwardSettings = ForwardSettings()
    forward_marketplace_stock: bool = False
    forward_since: datetime | None = None
    folder: Path | None = None
    mapping: Path | None = None
    watch_every: Duration = WATCH_EVERY


class Config(Struct, frozen=True, kw_only=True):
    """All that config.toml says; `warnings` are whole lines in the shape of a problem's."""

    path: Path
    daemon: DaemonSettings
    statuses: tuple[Status, ...]
    accounts: tuple[AccountSettings, ...]
    warnings: tuple[str, ...] = ()


SECTIONS: Mapping[str, Role] = MappingProxyType(
    {"marketplaces": Role.MARKETPLACE, "shops": Role.SHOP, "imports": Role.IMPORT}
)

COMMON_KEYS: Mapping[Role, tuple[str, ...]] = MappingProxyType(
    {
        Role.MARKETPLACE: ("platform", "poll_every", "statuses", "forward_marketplace_stock", "forward_since"),
        Role.SHOP: ("platform", "poll_every", "statuses", "settle", "forward"),
        Role.IMPORT: ("folder", "mapping", "watch_every", "forward_since"),
    }
)
"""The keys that every account of a role has; all others are its platform's own."""

IMPLICIT_IMPORT = AccountSettings(
    name="import", role=Role.IMPORT, platform="", poll_every=WATCH_EVERY, settings=Settings(), statuses={}
)
"""The account that takes imported orders where no section [imports.NAME] is written."""

DEFAULT_STATUSES: tuple[Status, ...] = (
    Status("new", "New"),
    Status("paid", "Paid"),
    Status("packing", "Packing"),
    Status("sent", "Sent"),
    Status("delivered", "Delivered"),
    Status("cancelled", "Cancelled"),
    Status("returned", "Returned"),
)

OWN_STATUSES: Mapping[str, str] = MappingProxyType(
    {
        "new": "the program gives it to every order that comes in",
        "cancelled": "the program gives it to an order that is called off",
    }
)


def load(path: Path, platforms: Mapping[str, type[AnyPlatform]], environ: Mapping[str, str]) -> Config:
    """Reads the file, and the secrets that it points to; raises `ConfigError` with every mistake.

    `platforms` are the offered ones by id, `environ` the environment that paths and secrets may come from. Nothing is
    created or changed, so that a running program may try a new file and keep its old settings.
    """
    text, mode = _read(path)
    document = _parse(path, text)
    reader = TableReader(path, line_of_each_key(text), environ)
    reader.check_keys(document, ("daemon", "statuses", *SECTIONS), ())
    daemon = _daemon(reader, document.get("daemon", {}), environ)
    statuses = _statuses(reader, document.get("statuses"))
    accounts = _accounts(reader, document, platforms, [status.key for status in statuses])
    if reader.problems or daemon is None:
        raise ConfigError(tuple(sorted(reader.problems, key=lambda problem: problem.line or 0)))
    _warn(reader, accounts, others_can_read=bool(mode & (stat.S_IRGRP | stat.S_IROTH)))
    warnings = tuple(map(str, reader.warnings))
    return Config(path=path, daemon=daemon, statuses=statuses, accounts=accounts, warnings=warnings)


def _read(path: Path) -> tuple[str, int]:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read()
    except FileNotFoundError:
        raise _file_error(path, "there is no such file; begin with a copy of the example config.toml") from None
    except IsADirectoryError:
        raise _file_error(path, "is a folder; name the file in it") from None
    except OSError as error:
        raise _file_error(path, f"can't be read ({os.strerror(error.errno or 0)})") from None
    if content.startswith(codecs.BOM_UTF8):
        raise _file_error(path, "begins with a byte order mark; save the file as UTF-8 without one", 1)
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise _file_error(path, "is saved as UTF-16; save it as UTF-8", 1)
    try:
        return content.decode(), mode
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _file_error(path, "has a letter in it that is not UTF-8; save the file as UTF-8", line) from None


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        sentence = next((ours for theirs, ours in _SYNTAX if theirs in error.msg), error.msg)
        line, column = error.lineno, error.colno
        if error.msg == 'Expected "\'"':  # told at the end of the file, but it is the last quote that has no fellow
            before = text[: text.rindex("'")]
            line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise _file_error(path, f"column {column}: {sentence}", line) from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits; brackets hundreds deep
        raise _file_error(path, f"is not a settings file ({error})") from None


_SYNTAX = (
    ("Cannot overwrite", "this key is written twice; keep one of the two"),
    ("Cannot declare", "this table is written twice; put all its keys under one heading"),
    ("Unterminated string", "a closing quote is missing"),
    ("Illegal character '\\n'", "a closing quote is missing"),
    ('Expected "\'"', "a closing quote is missing"),
    ("Illegal character", 'a character that can\'t be seen stands here; write "\\t" for a tab, and delete any other'),
    ("Unescaped '\\'", "a backslash needs a second one beside it; or put the text into 'single quotes'"),
    ("Invalid value", 'write text in "straight quotes", a number, true or false, a [list] or a { table } here'),
    ("Invalid statement", "a line must be key = value, or a [table]; names are of letters, digits, - and _"),
    ("Expected '='", "an equals sign must follow the key; names are of letters, digits, - and _"),
    ("Expected newline", 'something stands after the value; is text in "straight quotes", and only one key in a line?'),
    ("Unclosed array", "a closing ] is missing"),
    ("Unclosed inline table", "a closing } is missing"),
)


def _file_error(path: Path, sentence: str, line: int | None = None) -> ConfigError:
    return ConfigError((Problem(file=str(path), line=line, sentence=sentence),))


def _daemon(reader: TableReader, raw: object, environ: Mapping[str, str]) -> DaemonSettings | None:
    at: KeyPath = ("daemon",)
    given = reader.table(raw, at, "[daemon] and its keys")
    table = {"data_dir": str(default_data_dir(environ)), **given}
    data_dir = table["data_dir"]
    if "socket" not in table:
        below = reader.path(data_dir) if isinstance(data_dir, str) else None
        table["socket"] = str(default_socket(environ, below))
    daemon = reader.struct(DaemonSettings, table, at)
    if daemon is not None and len(os.fsencode(daemon.socket)) > LONGEST_SOCKET:
        length = len(os.fsencode(daemon.socket))
        allowed = f"the operating system allows {LONGEST_SOCKET}; choose a shorter path"
        reader.complain((*at, "socket"), f"a socket's path of {length} bytes is too long: {allowed}")
    return daemon


def _statuses(reader: TableReader, raw: object) -> tuple[Status, ...]:
    if raw is None:
        return DEFAULT_STATUSES
    at: KeyPath = ("statuses",)
    table = reader.table(raw, at, '[statuses] and lines such as new = "New"')
    statuses = []
    for key, label in table.items():
        if not _STATUS_KEY.fullmatch(key):
            reader.complain((*at, key), "a status is named with 1 to 32 of the letters a-z, digits, - and _")
        text = _text(reader, label, (*at, key))
        statuses.append(Status(key, text or key))
    for key, why in OWN_STATUSES.items():
        if key not in table and isinstance(raw, dict):
            reader.complain((*at, key), f'is missing, but {why}; write {key} = "..."')
    return tuple(statuses)


def _text(reader: TableReader, raw: object, at: KeyPath) -> str | None:
    try:
        text: str = reader.value(str, raw, at, filled=True)
    except WrongValueError as wrong:
        reader.complain(at, str(wrong))
        return None
    return text


def _accounts(
    reader: TableReader,
    document: Mapping[str, Any],
    platforms: Mapping[str, type[AnyPlatform]],
    hub: list[str],
) -> tuple[AccountSettings, ...]:
    accounts = []
    names: set[str] = set()
    for section, role in SECTIONS.items():
        tables = reader.table(document.get(section, {}), (section,), f"[{section}.NAME] for each {role}")
        if isinstance(tables.get("platform"), str):
            reader.complain((section,), f"a {role} needs a name of its own: write [{section}.NAME]")
            continue
        for name, raw in tables.items():
            at = (section, name)
            if not _ACCOUNT_NAME.fullmatch(name):
                meant = re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")[:41]
                hint = f" (did you mean {meant}?)" if meant else ""
                reader.complain(at, f"a name has 1 to 41 of the letters a-z, digits and -, and begins with no -{hint}")
            if name in names:
                reader.complain(at, "another account has this name already; give each account a name of its own")
            names.add(name)
            table = reader.table(raw, at, f"[{section}.NAME] and its keys")
            if not isinstance(raw, dict):
                continue
            if role is Role.IMPORT:
                account = _import(reader, table, at)
            else:
                account = _account(reader, role, table, at, platforms=platforms, hub=hub)
            if account is not None:
                accounts.append(account)
    return tuple(accounts)


def _import(reader: TableReader, table: Mapping[str, Any], at: tuple[str, str]) -> AccountSettings | None:
    before = len(reader.problems)
    keys = COMMON_KEYS[Role.IMPORT]
    reader.check_keys(table, keys, at, _belongs_to())
    values = reader.fields(AccountSettings, keys, table, at)
    if values.get("watch_every", WATCH_EVERY) <= timedelta(0):
        reader.complain((*at, "watch_every"), "must be longer than nothing")
    if before != len(reader.problems):
        return None
    every = values.get("watch_every", WATCH_EVERY)
    return msgspec.structs.replace(IMPLICIT_IMPORT, name=at[1], poll_every=every, **values)


def _account(
    reader: TableReader,
    role: Role,
    table: Mapping[str, Any],
    at: tuple[str, str],
    *,
    platforms: Mapping[str, type[AnyPlatform]],
    hub: list[str],
) -> AccountSettings | None:
    before = len(reader.problems)
    platform = _platform(reader, role, table, at, platforms)
    role = role if platform is None else platform.role
    common = COMMON_KEYS[role]
    settings = None
    if platform is not None:
        own = [field.encode_name for field in msgspec.structs.fields(platform.Settings)]
        for taken in sorted(set(own) & set(common)):
            reader.complain(at, f"the platform {platform.id} has a key {taken}, which is the program's own: its bug")
        reader.check_keys(table, (*common, *own), at, _belongs_to())
        settings = reader.known_struct(platform.Settings, table, at)
    values = reader.fields(AccountSettings, set(common) - {"statuses"}, table, at)
    for key in ("poll_every", "settle"):
        if key in values and values[key] <= timedelta(0):
            reader.complain((*at, key), "must be longer than nothing")
    values["statuses"] = _mapped_statuses(reader, table.get("statuses", {}), (*at, "statuses"), platform, hub)
    if platform is None or settings is None or before != len(reader.problems):
        return None
    values.setdefault("poll_every", _duration(platform.poll_every))
    return AccountSettings(name=at[1], role=role, settings=settings, **values)


def _belongs_to() -> Mapping[str, str]:
    """Each common key with the sections that have it."""
    places: dict[str, list[str]] = {}
    for section, role in SECTIONS.items():
        for key in COMMON_KEYS[role]:
            places.setdefault(key, []).append(f"[{section}.NAME]")
    return {key: " and ".join(sections) for key, sections in places.items()}


def _platform(
    reader: TableReader,
    role: Role,
    table: Mapping[str, Any],
    at: tuple[str, str],
    platforms: Mapping[str, type[AnyPlatform]],
) -> type[AnyPlatform] | None:
    place = (*at, "platform")
    fitting = sorted(key for key, platform in platforms.items() if platform.role is role)
    write = f"platform = one of {quoted(fitting)}" if fitting else "a platform, of which none is installed"
    if "platform" not in table:
        reader.complain(place, f"is missing; write {write}")
        return None
    key = table["platform"]
    if not isinstance(key, str) or not key.strip():
        return None  # the common keys' types are checked by the caller
    platform = platforms.get(key)
    if platform is None:
        meant = closest(key, fitting) or closest(key, platforms)
        hint = f" (did you mean {quoted([meant])}?)" if meant else ""
        reader.complain(place, f"found {seen(key)}, write {write}{hint}")
    elif platform.role is not role:
        section = next(section for section, its in SECTIONS.items() if its is platform.role)
        reader.complain(place, f"{platform.id} is a {platform.role}; write [{section}.{at[1]}] above it")
    return platform


def _mapped_statuses(
    reader: TableReader, raw: object, at: KeyPath, platform: type[AnyPlatform] | None, hub: list[str]
) -> Mapping[str, str]:
    mapped = {key: theirs for key, theirs in (platform.statuses if platform else {}).items() if key in hub}
    table = reader.table(raw, at, f'[{shown(at)}] and lines such as sent = "completed"')
    reader.check_keys(table, hub, at)
    for key, theirs in table.items():
        if theirs == "":
            mapped.pop(key, None)  # the seller wants this status not to be told
        elif key in hub:
            mapped[key] = _text(reader, theirs, (*at, key)) or ""
    return MappingProxyType(mapped)


def _duration(span: timedelta) -> Duration:
    return Duration(days=span.days, seconds=span.seconds, microseconds=span.microseconds)


def _warn(reader: TableReader, accounts: tuple[AccountSettings, ...], *, others_can_read: bool) -> None:
    shops = [account for account in accounts if account.role is Role.SHOP]
    if not accounts:
        reader.warn((), "no account is set up, so there is nothing to do; add [marketplaces.NAME] and [shops.NAME]")
    elif not shops:
        reader.warn((), "no shop is set up: orders are fetched and shown, and go nowhere; add [shops.NAME]")
    elif not any(shop.forward.enabled for shop in shops):
        reader.warn((), "every shop has forward.enabled = false: orders are fetched and shown, and go nowhere")
    if others_can_read and reader.plain_secrets:
        keys = ", ".join(reader.plain_secrets)
        advice = 'run `chmod 600` on it, or write { file = "..." } in their place'
        reader.warn((), f"others on this machine can read this file, and secrets are in it ({keys}); {advice}")
