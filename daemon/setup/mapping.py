"""`orderferry map`: asks an account for its choices, proposes what our words are there, and writes what was accepted.

Like the check it needs no running daemon: it opens the accounts itself.
"""

from __future__ import annotations

import asyncio
import difflib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tomli
from msgspec import Struct

from daemon import config_file, logs, oneshot
from daemon.account_settings import SECTIONS, AccountSettings
from daemon.config import Config, ConfigError, load
from daemon.config_file import EditError, Entry
from daemon.control.client import Client, DaemonAway, Refused
from daemon.hooks import Catalogue, Hooks, discover
from daemon.opening import Opener
from daemon.plugin_list import first_look
from daemon.setup import sides
from daemon.setup.sides import Came, Row, State
from daemon.vault import VaultError
from orderferry import Capability, Choice, ChoiceKind, PlatformError, Role

DAEMON_LIMIT = 10.0


class MapError(Exception):
    """The map can't be made; the message is a sentence, or several lines, for the person at the terminal."""


class MapView(Struct, frozen=True, kw_only=True):
    """What `orderferry map --json` prints: every row, every choice of the platform, and whether rows were written.

    `notes` are sentences on what could not be asked.
    """

    account: str
    role: Role
    platform: str
    kind: ChoiceKind
    rows: tuple[Row, ...]
    choices: tuple[Choice, ...]
    notes: tuple[str, ...] = ()
    written: bool = False

    @property
    def proposed(self) -> tuple[Row, ...]:
        """The rows that can be written."""
        return tuple(row for row in self.rows if row.state is State.PROPOSED)


def gather(path: Path, name: str, kind: ChoiceKind) -> MapView:
    """Asks the account, for delivery methods every marketplace, and a daemon where one runs; changes nothing.

    Raises `MapError`.
    """
    catalogue = discover(first_look(path))
    logs.configure("error", "console")
    try:
        config = load(path, catalogue.platforms, os.environ)
        account = _account(config, name, kind)
        document = tomli.loads(path.read_text(encoding="utf-8"))
        written = document[_section(account.role)][name].get(kind.value, {})
        came = _came(config.daemon.socket, name, kind)
        return asyncio.run(_gathered(config, catalogue, account, kind, written=written, came=came))
    except (ConfigError, VaultError, OSError) as error:
        raise MapError(str(error)) from error


def write(path: Path, view: MapView) -> None:
    """Adds what is proposed to config.toml, and changes nothing that is there. Raises `MapError`."""
    table = (_section(view.role), view.account, view.kind.value)
    entries = [Entry(key=row.key, value=row.choice or "", note=row.choice_title or "") for row in view.proposed]
    try:
        before = path.read_bytes().decode()
        config_file.replace(path, config_file.add_entries(before, table, entries), before=before)
    except (EditError, OSError) as error:
        by_hand = config_file.section(table, entries)
        raise MapError(f"{error}. These lines can be written by hand:\n\n{by_hand}") from error


async def _gathered(
    config: Config,
    catalogue: Catalogue,
    account: AccountSettings,
    kind: ChoiceKind,
    *,
    written: Mapping[str, Any],
    came: Sequence[Came],
) -> MapView:
    opener, hooks = oneshot.open_accounts(config, catalogue)
    try:
        choices = await _choices(account, kind, opener, hooks)
        lists, notes = await _lists(config, opener, hooks) if kind is ChoiceKind.DELIVERIES else ({}, [])
    finally:
        await opener.close()
    if kind is ChoiceKind.STATUSES:
        ours = sides.statuses({status.key: status.label for status in config.statuses}, config.ladder.beginnings)
    elif kind is ChoiceKind.PAYMENTS:
        ours = sides.payments(came)
    else:
        ours = sides.deliveries(lists, came)
    preset = account.statuses if kind is ChoiceKind.STATUSES else {}
    found = sides.rows(ours, choices, kind, written=written, preset=preset)
    return MapView(
        account=account.name,
        role=account.role,
        platform=account.platform,
        kind=kind,
        rows=found,
        choices=choices,
        notes=tuple(notes),
    )


async def _choices(account: AccountSettings, kind: ChoiceKind, opener: Opener, hooks: Hooks) -> tuple[Choice, ...]:
    """The account's own list; raises `MapError`."""
    try:
        platform = opener.open(account)
        listed = Capability[f"LIST_{kind.name}"] in platform.capabilities
        async with asyncio.timeout(oneshot.LIMIT):
            found: tuple[Choice, ...] = await hooks.ask(account.name, "list_choices", kind=kind) if listed else ()
    except TimeoutError:
        raise MapError(f"{account.name}: no answer in time") from None
    except PlatformError as error:
        raise MapError(f"{account.name}: {error}") from error
    except Exception as error:
        raise MapError(f"{account.name}: a bug of the plugin: {type(error).__name__}: {error}") from error
    if not listed:
        raise MapError(f"{account.name} ({account.platform}) has no list of {kind.value}; write the map by hand")
    return found


async def _lists(config: Config, opener: Opener, hooks: Hooks) -> tuple[dict[str, tuple[Choice, ...]], list[str]]:
    """The delivery methods of each marketplace that can tell them, and what is to be said of the others."""
    accounts = [account for account in config.accounts if account.role is Role.MARKETPLACE]
    asked = [_choices(account, ChoiceKind.DELIVERIES, opener, hooks) for account in accounts]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    lists, notes = {}, []
    for account, answer in zip(accounts, answers, strict=True):
        if isinstance(answer, MapError):
            notes.append(f"{answer}; its delivery methods are not shown")
        elif isinstance(answer, BaseException):
            raise answer
        else:
            lists[account.name] = answer
    return lists, notes


def _came(socket: Path, name: str, kind: ChoiceKind) -> tuple[Came, ...]:
    """Methods of orders for this shop that had no entry, as the running daemon has met them; none where none runs."""
    try:
        unmapped = Client(socket, timeout=DAEMON_LIMIT).get("accounts", name, "unmapped").value
    except (DaemonAway, Refused):
        return ()
    return tuple(Came(account=one["account"], method=one["method"]) for one in unmapped if one["kind"] == kind.value)


def _account(config: Config, name: str, kind: ChoiceKind) -> AccountSettings:
    names = [account.name for account in config.accounts]
    if name not in names:
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise MapError(f"there is no account {name!r} in {config.path}{hint}")
    account = config.accounts[names.index(name)]
    if account.role is not Role.SHOP and kind is not ChoiceKind.STATUSES:
        raise MapError(f"{kind.value} are mapped for a shop; {name} is a {account.role.value}")
    return account


def _section(role: Role) -> str:
    return next(section for section, its in SECTIONS.items() if its is role)
