"""config.toml -> frozen settings. Each complaint names file, line and key, and says what would be right.

All mistakes of a file are told at once. Secrets are read here, so that nothing after this module sees where they were.
"""

from __future__ import annotations

import codecs
import os
import pwd
import re
import stat
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

import msgspec
import tomli
from msgspec import Struct
from msgspec.structs import replace

from daemon import backup_settings, plugin_list, thank_you
from daemon.account_settings import SECTIONS, AccountSettings, Known, read_accounts, read_mail
from daemon.backup_settings import BackupSettings
from daemon.core.routing import MAIL
from daemon.core.statuses import Ladder, Rules
from daemon.mqtt_settings import MqttSettings
from daemon.paths import default_data_dir, default_socket
from daemon.plugin_list import PluginSettings
from daemon.privacy.settings import PrivacySettings, read_privacy
from daemon.secret_sources import WrongValueError
from daemon.toml_lines import KeyPath, line_of_each_key
from daemon.toml_values import Problem, TableReader, closest, quoted
from daemon.watch import settings as watch_settings
from daemon.watch.settings import WatchSettings
from orderferry import Role
from orderferry.platform import AnyPlatform

LONGEST_SOCKET = 100
OWN_SECTIONS = ("daemon", "plugins", "privacy", "backup", "mqtt", watch_settings.SECTION, "statuses", "rules")

_STATUS_KEY = re.compile(r"[a-z0-9_-]{1,32}")


class ConfigError(Exception):
    """The file can't be used; `problems` has every mistake in it, in the order of the lines."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class DaemonSettings(Struct, frozen=True, kw_only=True):
    """[daemon]: both paths are absolute, and `load` has replaced the names among `admin_uids` by numbers."""

    data_dir: Path
    socket: Path
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    admin_uids: tuple[int | str, ...] = ()

    @property
    def uids(self) -> tuple[int, ...]:
        """`admin_uids` after their names were looked up."""
        return tuple(user for user in self.admin_uids if isinstance(user, int))


class Status(Struct, frozen=True):
    """One of the seller's own statuses, by the key that the program uses and the words that he reads."""

    key: str
    label: str


class Config(Struct, frozen=True, kw_only=True):
    """All that config.toml says; `warnings` are whole lines in the shape of a problem's."""

    path: Path
    daemon: DaemonSettings
    plugins: PluginSettings = PluginSettings()
    backup: BackupSettings = BackupSettings()
    statuses: tuple[Status, ...]
    rules: Rules = Rules()
    privacy: PrivacySettings = PrivacySettings()
    accounts: tuple[AccountSettings, ...]
    mqtt: MqttSettings | None = None
    watch: WatchSettings = WatchSettings()
    warnings: tuple[str, ...] = ()

    @property
    def ladder(self) -> Ladder:
        """The statuses in their order, and the rules."""
        return Ladder(keys=tuple(status.key for status in self.statuses), rules=self.rules)


DEFAULT_STATUSES: tuple[Status, ...] = (
    Status("new", "New"),
    Status("paid", "Paid"),
    Status("packing", "Packing"),
    Status("sent", "Sent"),
    Status("delivered", "Delivered"),
    Status("cancelled", "Cancelled"),
    Status("returned", "Returned"),
)


def load(path: Path, platforms: Mapping[str, type[AnyPlatform]], environ: Mapping[str, str]) -> Config:
    """Reads the file, and the secrets that it points to; raises `ConfigError` with every mistake.

    `platforms` are the offered ones by id, `environ` the environment that paths and secrets may come from. Nothing is
    created or changed, so that a running program may try a new file and keep its old settings.
    """
    text, mode = _read(path)
    document = _parse(path, text)
    reader = TableReader(path, line_of_each_key(text), environ)
    sections = (
        "daemon",
        "plugins",
        "privacy",
        "backup",
        "mqtt",
        watch_settings.SECTION,
        "statuses",
        "rules",
        *SECTIONS,
        MAIL,
    )
    reader.check_keys(document, sections, ())
    daemon = _daemon(reader, document.get("daemon", {}), environ)
    plugins = plugin_list.read(reader, document)
    privacy = read_privacy(reader, document.get("privacy", {}))
    backup = backup_settings.read(reader, document.get("backup", {}))
    mqtt = _mqtt(reader, document.get("mqtt"))
    watch = watch_settings.read(reader, document) or WatchSettings()
    statuses = _statuses(reader, document.get("statuses"))
    rules = _rules(reader, document.get("rules", {}), statuses or DEFAULT_STATUSES)
    known = Known(platforms=platforms, advice=partial(plugin_list.advice, plugins))
    accounts = read_accounts(reader, document, known, [status.key for status in statuses])
    letters = thank_you.read(reader, document, SECTIONS)
    mail = read_mail(reader, document.get(MAIL), known, letters)
    accounts += () if mail is None else (mail,)
    if reader.problems or daemon is None:
        raise ConfigError(tuple(sorted(reader.problems, key=lambda problem: problem.line or 0)))
    _warn(reader, accounts, watch, others_can_read=bool(mode & (stat.S_IRGRP | stat.S_IROTH)))
    warnings = tuple(map(str, reader.warnings))
    return Config(
        path=path,
        daemon=daemon,
        plugins=plugins,
        privacy=privacy,
        backup=backup,
        mqtt=mqtt,
        watch=watch,
        statuses=statuses,
        rules=rules,
        accounts=accounts,
        warnings=warnings,
    )


def places(path: Path, environ: Mapping[str, str]) -> DaemonSettings:
    """[daemon] alone, of a file with mistakes elsewhere as well; what can't be read of it is as if not written."""
    try:
        text, _ = _read(path)
        raw = _parse(path, text).get("daemon", {})
    except ConfigError:
        text, raw = "", {}
    reader = TableReader(path, line_of_each_key(text), environ)
    default = DaemonSettings(data_dir=default_data_dir(environ), socket=default_socket(environ))
    return _daemon(reader, raw, environ) or default


def _read(path: Path) -> tuple[str, int]:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read()
    except FileNotFoundError:
        raise _file_error(path, "there is no such file; `orderferry init` writes one") from None
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
    return None if daemon is None else replace(daemon, admin_uids=_uids(reader, daemon.admin_uids, (*at, "admin_uids")))


def _uids(reader: TableReader, users: tuple[int | str, ...], at: KeyPath) -> tuple[int, ...]:
    uids = []
    for place, user in enumerate(users):
        uid = user if isinstance(user, int) else _uid(user)
        if uid is None:
            reader.complain((*at, place), "this machine has no user of that name; write the name or number of one")
        elif uid < 0:
            reader.complain((*at, place), "a user's number is 0 or more")
        else:
            uids.append(uid)
    return tuple(uids)


def _uid(name: str) -> int | None:
    try:
        return pwd.getpwnam(name).pw_uid
    except (KeyError, ValueError):  # ValueError: a name with a zero byte in it
        return None


def _mqtt(reader: TableReader, raw: object) -> MqttSettings | None:
    if raw is None:
        return None
    at: KeyPath = ("mqtt",)
    mqtt = reader.struct(MqttSettings, reader.table(raw, at, "[mqtt] and its keys"), at)
    if mqtt is not None and mqtt.in_the_clear:
        what = "the password and all that is told" if mqtt.password is not None else "all that is told"
        reader.warn((*at, "tls"), f"without TLS {what} can be read on the way to {mqtt.host}")
    return mqtt


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
    return tuple(statuses)


def _rules(reader: TableReader, raw: object, statuses: tuple[Status, ...]) -> Rules:
    at: KeyPath = ("rules",)
    keys = [status.key for status in statuses]
    table = reader.table(raw, at, '[rules] and lines such as paid = "packing"')
    rules = reader.struct(Rules, table, at) or Rules()
    for field in msgspec.structs.fields(Rules):
        status = getattr(rules, field.name)
        if status is None or status in keys:
            continue
        if field.name in table:
            meant = closest(status, keys)
            hint = f" (did you mean {quoted([meant])}?)" if meant else f"; they are {', '.join(keys)}"
            reader.complain((*at, field.name), f"is not one of the hub's statuses{hint}")
        else:  # the program itself gives this status
            write = f'add {status} to [statuses], or write {field.name} = "..." in [rules]'
            reader.complain(("statuses", status), f"is missing, but {_GIVEN[field.name]}; {write}")
    return rules


_GIVEN = {
    "new": "the program gives it to every order that comes in",
    "cancelled": "the program gives it to an order that is called off",
}


def _text(reader: TableReader, raw: object, at: KeyPath) -> str | None:
    try:
        text: str = reader.value(str, raw, at, filled=True)
    except WrongValueError as wrong:
        reader.complain(at, str(wrong))
        return None
    return text


def _warn(
    reader: TableReader, accounts: tuple[AccountSettings, ...], watch: WatchSettings, *, others_can_read: bool
) -> None:
    shops = [account for account in accounts if account.role is Role.SHOP]
    mails = watch.mail_to is not None or any(one.thank_you for one in accounts)
    if any(account.role is Role.MAIL for account in accounts) and not mails:
        reader.warn((MAIL,), "no account has thank_you = true, and [watch] has no mail_to, so no mail is sent")
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
