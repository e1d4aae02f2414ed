"""`orderferry probe`: what an account's platform promises, beside what it really does."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from daemon.account_settings import AccountSettings
from daemon.config import Config, ConfigError
from daemon.hooks import Catalogue, discover
from daemon.oneshot import choose, open_accounts, say
from daemon.plugin_list import first_look
from daemon.vault import VaultError
from orderferry import PlatformError, ProbeReport, Role
from orderferry.capability import Capability

_YES = {True: "yes", False: "no", None: "-"}


def probe(config: Path, account: str, *, as_json: bool = False) -> int:
    """Tries what an account's platform promises against what it does; 0 when every promise is kept."""
    catalogue = discover(first_look(config))
    try:
        settings, chosen = choose(config, catalogue, account)
    except (ConfigError, LookupError) as error:
        return say(str(error))
    if chosen.role is Role.IMPORT:
        return say(f"{account} can't be probed: orders come from files")
    if Capability.PROBE not in catalogue.platforms[chosen.platform].capabilities:
        return say(f"{account} ({chosen.platform}) can't be probed: its platform is the same everywhere")
    try:
        report = asyncio.run(_probe(settings, catalogue, chosen))
    except (PlatformError, VaultError) as error:
        return say(f"{account}: {error}")
    except TimeoutError:
        return say(f"{account}: no answer in time")
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(report)).decode())  # noqa: T201 - the answer itself
    else:
        _print_report(account, report)
    return 1 if any(finding.broken for finding in report.findings) else 0


async def _probe(config: Config, catalogue: Catalogue, account: AccountSettings) -> ProbeReport:
    opener, hooks = open_accounts(config, catalogue)
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
