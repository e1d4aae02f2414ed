"""What works without a running daemon: checking the settings and the accounts, probing one, and logging one in."""

from __future__ import annotations

import asyncio
import difflib
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from daemon import logs
from daemon.clock import SystemClock
from daemon.config import AccountSettings, Config, ConfigError, load
from daemon.control.client import Client, DaemonAway, Refused
from daemon.core import forwarding
from daemon.hooks import Catalogue, Hooks, discover
from daemon.opening import Opener
from daemon.store.connection import FILE, MARK
from daemon.vault import TokenFiles, Vault, VaultError
from orderferry import CheckReport, Choice, ChoiceKind, PlatformError, ProbeReport
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
    catalogue = discover()
    try:
        config = load(path, catalogue.platforms, os.environ)
    except ConfigError as error:
        return CheckView(ok=False, problems=tuple(str(problem) for problem in error.problems))
    logs.configure("error", "console")
    refused = tuple(f"plugin {one.name} ({one.origin}) does not run: {one.reason}" for one in catalogue.refused)
    try:
        opener, hooks = _opener(config, catalogue)
    except VaultError as error:
        return CheckView(ok=False, problems=(str(error),))
    try:
        found = await asyncio.gather(*(_check_account(account, opener, hooks) for account in config.accounts))
    finally:
        await opener.close()
    ok = all(one.ok for one in found)
    return CheckView(ok=ok, warnings=(*config.warnings, *refused), accounts=tuple(found))


async def _check_account(account: AccountSettings, opener: Opener, hooks: Hooks) -> Checked:
    def failed(text: str) -> Checked:
        return Checked(account=account.name, platform=account.platform, ok=False, text=text)

    try:
        platform = opener.open(account)
        async with asyncio.timeout(LIMIT):
            report: CheckReport = await hooks.ask(account.name, "check")
            faults = await _map_faults(account, platform.capabilities, hooks)
    except TimeoutError:
        return failed("no answer in time")
    except PlatformError as error:
        return failed(str(error))
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything; the other accounts are checked all the same
        return failed(f"a bug of the plugin: {type(error).__name__}: {error}")
    if faults:
        return failed("; ".join(faults))
    missing = tuple(f"not possible here: {name} ({reason})" for name, reason in report.missing.items())
    return Checked(
        account=account.name,
        platform=account.platform,
        ok=True,
        text=report.summary,
        notes=(*report.notes, *missing),
    )


async def _map_faults(account: AccountSettings, flags: Capability, hooks: Hooks) -> list[str]:
    """Entries of the status map that the platform does not know, each with the nearest real ones."""
    if Capability.LIST_STATUSES not in flags:
        return []
    choices: tuple[Choice, ...] = await hooks.ask(account.name, "list_choices", kind=ChoiceKind.STATUSES)
    known = [choice.id for choice in choices]
    faults = []
    for ours, theirs in account.statuses.items():
        if theirs not in known:
            near = difflib.get_close_matches(theirs, known, n=3, cutoff=0.4) or known[:8]
            faults.append(f"statuses.{ours} = {theirs!r} is not a status there; there are {', '.join(near)}")
    return faults


def login(config: Path, account: str, refresh_token_file: Path | None = None) -> int:
    """Logs an account in with the owner's help, or with a refresh token from a file; a running daemon then goes on."""
    catalogue = discover()
    try:
        settings, chosen = _choose(config, catalogue, account)
    except (ConfigError, LookupError) as error:
        return _say(str(error))
    if Capability.LOGIN not in catalogue.platforms[chosen.platform].capabilities:
        return _say(f"{account} ({chosen.platform}) needs no login: its keys are in {config}")
    token = None
    if refresh_token_file is not None:
        try:
            token = refresh_token_file.read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            return _say(f"{refresh_token_file} can't be read: {error}")
        if not token:
            return _say(f"{refresh_token_file} is empty")
    try:
        text = asyncio.run(_login(settings, catalogue, chosen, token))
    except (PlatformError, VaultError) as error:
        return _say(f"{account}: {error}")
    print(text)  # noqa: T201 - the answer itself
    _resume(settings, account)
    return 0


async def _login(config: Config, catalogue: Catalogue, account: AccountSettings, token: str | None) -> str:
    data_dir = config.daemon.data_dir
    vault = Vault.open(data_dir, os.environ, create=not (data_dir / FILE).exists())
    opener, hooks = _opener(config, catalogue, vault)
    opener.open(account)
    ask: Callable[..., Awaitable[Any]] = hooks.ask
    try:
        answer: str = await ask(account.name, "login", show=_show, refresh_token=token)
    finally:
        await opener.close()
    return answer


def probe(config: Path, account: str, *, as_json: bool = False) -> int:
    """Tries what an account's platform promises against what it does; 0 when every promise is kept."""
    catalogue = discover()
    try:
        settings, chosen = _choose(config, catalogue, account)
    except (ConfigError, LookupError) as error:
        return _say(str(error))
    if Capability.PROBE not in catalogue.platforms[chosen.platform].capabilities:
        return _say(f"{account} ({chosen.platform}) can't be probed: its platform is the same everywhere")
    try:
        report = asyncio.run(_probe(settings, catalogue, chosen))
    except (PlatformError, VaultError) as error:
        return _say(f"{account}: {error}")
    except TimeoutError:
        return _say(f"{account}: no answer in time")
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(report)).decode())  # noqa: T201 - the answer itself
    else:
        _print_report(account, report)
    return 1 if any(finding.broken for finding in report.findings) else 0


async def _probe(config: Config, catalogue: Catalogue, account: AccountSettings) -> ProbeReport:
    opener, hooks = _opener(config, catalogue)
    platform = opener.open(account)
    try:
        async with asyncio.timeout(platform.call_limit):
            report: ProbeReport = await hooks.ask(account.name, "probe")
    finally:
        await opener.close()
    return report


def _print_report(account: str, report: ProbeReport) -> None:
    broken = sum(finding.broken for finding in report.findings)
    print(_plain(f"{account}: {report.summary}"))  # noqa: T201 - the answer itself
    wide = max((len(finding.what) for finding in report.findings), default=0)
    print(f"  {'':{wide}}  promised  real")  # noqa: T201 - likewise
    for finding in report.findings:
        promised, real = _YES[finding.promised], _YES[finding.real]
        print(_plain(f"  {finding.what:{wide}}  {promised:8}  {real:4}  {finding.says}"))  # noqa: T201 - likewise
    kept = "Every promise that could be tried is kept."
    print(kept if not broken else f"Promised and not kept: {broken}.")  # noqa: T201 - likewise


def _plain(text: str) -> str:
    """On one line, with a visible mark for what could steer a terminal: a shop's own words are in it."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


_YES = {True: "yes", False: "no", None: "-"}


def _choose(config: Path, catalogue: Catalogue, account: str) -> tuple[Config, AccountSettings]:
    """The settings, and the account of this name in them; raises `LookupError` with the nearest names."""
    settings = load(config, catalogue.platforms, os.environ)
    logs.configure("error", "console")
    chosen = next((one for one in settings.accounts if one.name == account), None)
    if chosen is None:
        near = difflib.get_close_matches(account, [one.name for one in settings.accounts], n=3, cutoff=0.4)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise LookupError(f"there is no account {account!r} in {config}{hint}")
    return settings, chosen


def _opener(config: Config, catalogue: Catalogue, vault: Vault | None = None) -> tuple[Opener, Hooks]:
    data_dir = config.daemon.data_dir
    hooks, clock = Hooks(), SystemClock()
    if vault is None:
        # nothing is sealed before the first start or login, so a passing key does for a check
        fresh = not (data_dir / "key").exists() and not (data_dir / FILE).exists()
        vault = Vault(os.urandom(32)) if fresh else Vault.open(data_dir, os.environ, create=False)
    mark = data_dir / MARK
    installation = mark.read_text(encoding="ascii").strip() if mark.exists() else "unborn"
    prefix = forwarding.prefix(installation)
    return Opener(catalogue.platforms, hooks, TokenFiles(vault, data_dir), clock, prefix), hooks


def _resume(config: Config, account: str) -> None:
    try:
        Client(config.daemon.socket).post("accounts", account, "resume")
    except DaemonAway:
        return
    except Refused as error:
        print(f"The running daemon could not be told: {error}", file=sys.stderr)  # noqa: T201 - for the person at the terminal


def _show(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - for the person at the terminal


def _say(text: str) -> int:
    print(f"orderferry: {text}", file=sys.stderr)  # noqa: T201 - for the person at the terminal
    return 1
