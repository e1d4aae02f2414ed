"""What works without a running daemon: checking the settings and the accounts, and logging an account in."""

from __future__ import annotations

import asyncio
import difflib
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from daemon import logs
from daemon.account_settings import AccountSettings
from daemon.clock import SystemClock
from daemon.config import Config, ConfigError, load
from daemon.control.client import Client, DaemonAway, Refused
from daemon.core import forwarding
from daemon.hooks import Catalogue, Hooks, discover, effective
from daemon.imports.faults import FileFault
from daemon.imports.mapping import read_mapping
from daemon.map_check import check_maps
from daemon.opening import Opener
from daemon.plugin_list import first_look
from daemon.store.connection import FILE, MARK
from daemon.vault import TokenFiles, Vault, VaultError
from orderferry import CheckReport, NeedsLogin, PlatformError, Role
from orderferry.capability import Capability

LIMIT = 60.0


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What the check of one account found."""

    account: str
    platform: str
    ok: bool
    text: str
    notes: tuple[str, ...] = ()


class CheckView(msgspec.Struct, frozen=True, kw_only=True):
    """What `orderferry check --json` prints."""

    ok: bool
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    accounts: tuple[Checked, ...] = ()


def check(config: Path, *, as_json: bool = False) -> int:
    """Proves settings, plugins, keys and maps without changing anything; 0 when all is well."""
    view = asyncio.run(_check(config))
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(view)).decode())  # noqa: T201 - the answer itself
        return 0 if view.ok else 1
    for line in (*view.problems, *view.warnings):
        print(line, file=sys.stderr)  # noqa: T201 - for the person at the terminal
    for found in view.accounts:
        print(f"{found.account} ({found.platform}): {'ok' if found.ok else 'FAILED'}: {found.text}")  # noqa: T201 - likewise
        for note in found.notes:
            print(f"    {note}")  # noqa: T201 - likewise
    print("Everything is in order." if view.ok else "Not everything is in order; see above.")  # noqa: T201 - likewise
    return 0 if view.ok else 1


async def _check(path: Path) -> CheckView:
    catalogue = discover(first_look(path))
    try:
        config = load(path, catalogue.platforms, os.environ)
    except ConfigError as error:
        return CheckView(ok=False, problems=tuple(str(problem) for problem in error.problems))
    logs.configure("error", "console")
    refused = tuple(f"plugin {one.name} ({one.origin}) does not run: {one.reason}" for one in catalogue.refused)
    try:
        opener, hooks = open_accounts(config, catalogue)
    except VaultError as error:
        return CheckView(ok=False, problems=(str(error),))
    try:
        new = config.ladder.beginnings
        found = await asyncio.gather(*(check_account(one, opener, hooks, new) for one in config.accounts))
    finally:
        await opener.close()
    ok = all(one.ok for one in found)
    return CheckView(ok=ok, warnings=(*config.warnings, *refused), accounts=tuple(found))


async def check_account(account: AccountSettings, opener: Opener, hooks: Hooks, new: tuple[str, ...]) -> Checked:
    """Asks one account's platform to prove its key, rights and maps; `new` are the statuses an order may begin with."""

    def failed(text: str) -> Checked:
        return Checked(account=account.name, platform=account.platform, ok=False, text=text)

    if account.role is Role.IMPORT:
        return await asyncio.to_thread(_check_import, account)
    try:
        platform = opener.open(account)
        async with asyncio.timeout(LIMIT):
            report: CheckReport = await hooks.ask(account.name, "check")
            flags = effective(platform, report.missing)
            faults = await check_maps(hooks, account.name, flags, account.maps, new=new)
    except TimeoutError:
        return failed("no answer in time")
    except PlatformError as error:
        return failed(str(error))
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything; the other accounts are checked all the same
        return failed(f"a bug of the plugin: {type(error).__name__}: {error}")
    if faults:
        return failed("; ".join(map(str, faults)))
    missing = tuple(f"not possible here: {name} ({reason})" for name, reason in report.missing.items())
    return Checked(
        account=account.name,
        platform=account.platform,
        ok=True,
        text=report.summary,
        notes=(*report.notes, *missing),
    )


def _check_import(account: AccountSettings) -> Checked:
    faults = []
    if account.mapping is not None:
        try:
            read_mapping(account.mapping)
        except FileFault as fault:
            faults.append(str(fault))
    if account.folder is not None and not os.access(account.folder, os.R_OK | os.W_OK | os.X_OK):
        faults.append(f"its folder {account.folder} is not there, or this user may not read and write in it")
    found = "; ".join(faults) or (
        "its folder can be used" if account.folder else "takes orders from `orderferry import`"
    )
    return Checked(account=account.name, platform="import", ok=not faults, text=found)


def login(config: Path, account: str, refresh_token_file: Path | None = None) -> int:
    """Logs an account in with the owner's help, or with a refresh token from a file; a running daemon then goes on."""
    catalogue = discover(first_look(config))
    try:
        settings, chosen = choose(config, catalogue, account)
    except (ConfigError, LookupError) as error:
        return say(str(error))
    if chosen.role is Role.IMPORT:
        return say(f"{account} needs no login: orders come from files")
    if Capability.LOGIN not in catalogue.platforms[chosen.platform].capabilities:
        return say(f"{account} ({chosen.platform}) needs no login: its keys are in {config}")
    token = None
    if refresh_token_file is not None:
        try:
            token = refresh_token_file.read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            return say(f"{refresh_token_file} can't be read: {error}")
        if not token:
            return say(f"{refresh_token_file} is empty")
    try:
        text = asyncio.run(log_in(settings, catalogue, chosen, token))
    except (PlatformError, VaultError) as error:
        return say(f"{account}: {error}")
    print(text)  # noqa: T201 - the answer itself
    _resume(settings, account)
    return 0


async def log_in(config: Config, catalogue: Catalogue, account: AccountSettings, token: str | None) -> str:
    """Logs one account in with its owner's help, and answers the platform's sentence of success.

    Makes the key where there is none yet. Raises `PlatformError` and `VaultError`.
    """
    data_dir = config.daemon.data_dir
    vault = Vault.open(data_dir, os.environ, create=not (data_dir / FILE).exists())
    opener, hooks = open_accounts(config, catalogue, vault)
    opener.open(account)
    ask: Callable[..., Awaitable[Any]] = hooks.ask
    try:
        answer: str = await ask(account.name, "login", show=_show, ask=_ask, refresh_token=token)
    finally:
        await opener.close()
    return answer


def choose(config: Path, catalogue: Catalogue, account: str) -> tuple[Config, AccountSettings]:
    """The settings, and the account of this name in them.

    Raises `ConfigError`, and `LookupError` with the nearest names.
    """
    settings = load(config, catalogue.platforms, os.environ)
    logs.configure("error", "console")
    chosen = next((one for one in settings.accounts if one.name == account), None)
    if chosen is None:
        near = difflib.get_close_matches(account, [one.name for one in settings.accounts], n=3, cutoff=0.4)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise LookupError(f"there is no account {account!r} in {config}{hint}")
    return settings, chosen


def open_accounts(config: Config, catalogue: Catalogue, vault: Vault | None = None) -> tuple[Opener, Hooks]:
    """What opens the configured accounts, and what asks them; the caller closes the opener. Raises `VaultError`."""
    data_dir = config.daemon.data_dir
    hooks, clock = Hooks(), SystemClock()
    if vault is None:
        # nothing is sealed before the first start or login, so a passing key does for a check
        fresh = not (data_dir / "key").exists() and not (data_dir / FILE).exists()
        vault = Vault(os.urandom(32)) if fresh else Vault.open(data_dir, os.environ, create=False)
    mark = data_dir / MARK
    installation = mark.read_text(encoding="ascii").strip() if mark.exists() else "unborn"
    prefix = forwarding.prefix(installation)
    return Opener(catalogue, hooks, TokenFiles(vault, data_dir), clock, prefix), hooks


def _resume(config: Config, account: str) -> None:
    try:
        Client(config.daemon.socket).post("accounts", account, "resume")
    except DaemonAway:
        return
    except Refused as error:
        print(f"The running daemon could not be told: {error}", file=sys.stderr)  # noqa: T201 - for the person at the terminal


def _show(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - for the person at the terminal


async def _ask(text: str) -> str:
    """The line that the person at the terminal types; nothing else runs meanwhile."""
    # asyncio's own handler only cancels the task, which a waiting input() would not notice
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return input(text)  # noqa: ASYNC250 - the login waits for nothing but this
    except EOFError:
        raise NeedsLogin("nobody is there to answer; run `orderferry login` in a terminal") from None
    finally:
        signal.signal(signal.SIGINT, before)


def say(text: str) -> int:
    """Tells the person at the terminal what went wrong; answers the command's exit status."""
    print(f"orderferry: {text}", file=sys.stderr)  # noqa: T201 - for the person at the terminal
    return 1
