"""Tries an account that is being set up on the real platform: its login where it has one, then its check."""

from __future__ import annotations

import asyncio
from enum import Enum, auto

from daemon import oneshot
from daemon.account_settings import AccountSettings
from daemon.config import Config
from daemon.hooks import Catalogue
from daemon.setup import person
from daemon.setup.person import say
from daemon.vault import VaultError
from orderferry import Capability, CheckReport, PlatformError


class Outcome(Enum):
    """How a try ended."""

    GOOD = auto()
    FAILED = auto()
    WAITING = auto()  # for a login, without which it can't be tried


def try_account(config: Config, catalogue: Catalogue, account: AccountSettings) -> Outcome:
    """Tries one account, and tells the person what came of it; `config` says where tokens are kept."""
    try:
        if Capability.LOGIN in catalogue.platforms[account.platform].capabilities:
            if not person.agree(f"Log in to {account.name} now?"):
                return Outcome.WAITING
            say("  " + asyncio.run(oneshot.log_in(config, catalogue, account, None)))
        say(f"  Asking {account.name} ...")
        report = asyncio.run(_check(config, catalogue, account))
    except TimeoutError:
        return _failed("no answer in time")
    except (PlatformError, VaultError) as error:
        return _failed(str(error))
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything
        return _failed(f"a bug of the plugin: {type(error).__name__}: {error}")
    say(f"  It works: {report.summary}")
    for note in report.notes:
        say(f"    {note}")
    for name, reason in report.missing.items():
        say(f"    not possible here: {name} ({reason})")
    if report.missing and not person.agree("Is that as it should be?"):
        return Outcome.FAILED
    return Outcome.GOOD


async def _check(config: Config, catalogue: Catalogue, account: AccountSettings) -> CheckReport:
    opener, hooks = oneshot.open_accounts(config, catalogue)
    try:
        opener.open(account)
        async with asyncio.timeout(oneshot.LIMIT):
            report: CheckReport = await hooks.ask(account.name, "check")
    finally:
        await opener.close()
    return report


def _failed(sentence: str) -> Outcome:
    say(f"  That does not work: {sentence}")
    return Outcome.FAILED
