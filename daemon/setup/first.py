"""`orderferry init`: writes the first config.toml by question and answer, or adds an account to one that is there.

Every account is tried on the real platform before anything is written. Until the end only the tokens of a login are, so
that whoever breaks off leaves no half file.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import tomli
from msgspec.structs import replace

from daemon import config_file, logs
from daemon.account_settings import ACCOUNT_NAME, SECTIONS, AccountSettings
from daemon.config import (
    DEFAULT_STATUSES,
    Config,
    ConfigError,
    DaemonSettings,
    load,
)
from daemon.config_file import EditError
from daemon.hooks import Catalogue, discover
from daemon.paths import default_data_dir, default_socket
from daemon.plugin_list import first_look
from daemon.setup import answers, person, trying, written
from daemon.setup.person import EndedError, say
from daemon.setup.written import Draft
from daemon.toml_values import TableReader
from orderferry import Duration, Role
from orderferry.platform import AnyPlatform

SECRETS = "secrets"


def run(path: Path, option: str) -> int:
    """Asks, tries and writes; `option` is what later commands must say to find the file. 0 when it is written."""
    catalogue = discover(first_look(path))
    logs.configure("error", "console")
    try:
        _may_write(path)
        old = path.read_bytes().decode() if path.exists() else None
        known = load(path, catalogue.platforms, os.environ) if old is not None else None
    except (ConfigError, EditError, OSError, ValueError) as error:
        return _failed(str(error))
    say(f"{path} is there already; this adds an account to it." if known else f"This writes {path}.")
    say("Each account is tried before anything is written. Ctrl-C ends it, and leaves the settings as they were.")
    try:
        config, head = (known, "") if known else _beginning(path)
        drafts, waiting = _accounts(catalogue, config)
        if not drafts:
            say("\nNo account was set up, so nothing was written.")
            return 1
        _write(path, old, head, drafts)
    except EndedError:
        return _failed("there are no more answers on standard input; nothing was written")
    except EditError as error:
        return _failed(str(error))
    say(f"\n{path} is written. Next:")
    last = "run" if old is None else "reload"
    for step in (*(f"login {name}{option}" for name in waiting), f"check{option}", last + option * (last == "run")):
        say(f"    orderferry {step}")
    return 0


def _may_write(path: Path) -> None:
    place = path
    while not place.exists():
        place = place.absolute().parent
    if not os.access(place, os.W_OK):
        raise EditError(f"{path} can't be written by this user; name another file: orderferry init --config FILE")


def _beginning(path: Path) -> tuple[Config, str]:
    """What a new file begins with, as settings and as text."""
    usual = str(default_data_dir(os.environ))
    say()
    text = person.ask("The folder for orders, tokens and the key that seals them", default=usual)
    data_dir = TableReader(path, {}, os.environ).path(text)
    daemon = DaemonSettings(data_dir=data_dir, socket=default_socket(os.environ, data_dir))
    config = Config(path=path, daemon=daemon, statuses=DEFAULT_STATUSES, accounts=())
    return config, written.beginning(text, usual=text == usual)


def _accounts(catalogue: Catalogue, config: Config) -> tuple[list[Draft], list[str]]:
    """The accounts that were set up, and the names of those that still wait for their login."""
    drafts: list[Draft] = []
    waiting: list[str] = []
    while True:
        platform = _platform(catalogue)
        name = _name(platform, {*(one.name for one in config.accounts), *(draft.name for draft in drafts)})
        draft, logged_in = _account(catalogue, config, platform, name)
        if draft is not None:
            drafts.append(draft)
            waiting += [] if logged_in else [name]
        roles = {*(one.role for one in config.accounts), *(draft.platform.role for draft in drafts)}
        if not person.agree("\nSet up another account?", default=not {Role.MARKETPLACE, Role.SHOP} <= roles):
            return drafts, waiting


def _platform(catalogue: Catalogue) -> type[AnyPlatform]:
    offered = []
    for role in SECTIONS.values():
        say(f"\nEach {role} that can be set up:")
        for platform in sorted(catalogue.platforms.values(), key=lambda one: one.id):
            if platform.role is role:
                offered.append(platform.id)
                say(f"{len(offered):4}  {platform.id} ({platform.title})")
    return catalogue.platforms[person.choose("Which one", offered)]


def _name(platform: type[AnyPlatform], taken: set[str]) -> str:
    usual = "my-shop" if platform.role is Role.SHOP else f"{platform.id}-main"
    free = next(name for number in range(1, 1000) if (name := usual + f"-{number}" * (number > 1)) not in taken)

    def read(text: str) -> str:
        if not ACCOUNT_NAME.fullmatch(text):
            raise ValueError("A name has 1 to 41 of the letters a-z, digits and -, and begins with no -.")
        if text in taken:
            raise ValueError("There is an account of this name already.")
        return text

    return person.until_good(
        lambda: person.ask("A name for this account, as every list will show it", default=free), read
    )


def _account(catalogue: Catalogue, config: Config, platform: type[AnyPlatform], name: str) -> tuple[Draft | None, bool]:
    """The account, unless it was given up, and whether it is logged in where it needs to be."""
    table: dict[str, object] = {}
    while True:
        settings, table = answers.ask_settings(platform.Settings, table, config.path)
        account = AccountSettings(
            name=name,
            role=platform.role,
            platform=platform.id,
            poll_every=Duration(seconds=platform.poll_every.total_seconds()),
            settings=settings,
            statuses={},
        )
        outcome = trying.try_account(replace(config, accounts=(account,)), catalogue, account)
        if outcome is trying.Outcome.FAILED:
            if person.agree("Answer again? (An empty line keeps an answer as it was.)"):
                continue
            if not person.agree("Keep these answers all the same?", default=False):
                return None, False
        files = _files(config.path.absolute().parent, platform, name, table)
        return Draft(name=name, platform=platform, table=table, files=files), outcome is not trying.Outcome.WAITING


def _files(folder: Path, platform: type[AnyPlatform], name: str, table: dict[str, object]) -> dict[str, str]:
    """For each of its secrets the file that is to hold it; none where they are to stand in config.toml itself."""
    keys = [
        one.key for one in answers.questions(platform.Settings) if one.secret and isinstance(table.get(one.key), str)
    ]
    if not keys or not person.agree(f"Keep {' and '.join(keys)} in files of their own, which only you can read?"):
        return {}
    files = {}
    for key in keys:
        usual = f"{SECRETS}/{name}-{key}"
        names = (usual + f"-{number}" * (number > 1) for number in range(1, 1000))
        files[key] = next(name for name in names if not (folder / name).exists())
    return files


def _write(path: Path, old: str | None, head: str, drafts: Sequence[Draft]) -> None:
    """Writes the secrets' files, then config.toml; takes the former back where the latter can't be written."""
    above = head if old is None else old + "\n" * (not old.endswith("\n"))
    text = "\n\n".join([above, *map(written.account, drafts)])
    try:
        tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        raise EditError(f"{path} is written in a way that no account can be added to by a program ({error})") from None
    made: list[Path] = []
    try:
        for draft in drafts:
            for key, name in draft.files.items():
                file = path.absolute().parent / name
                file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                config_file.create(file, f"{draft.table[key]}\n")
                made.append(file)
        if old is None:
            config_file.create(path, text)
        else:
            config_file.replace(path, text, before=old)
    except BaseException:  # Ctrl-C as well
        for file in made:
            file.unlink(missing_ok=True)
        raise


def _failed(sentence: str) -> int:
    print(f"orderferry: {sentence}", file=sys.stderr)  # noqa: T201 - for the person at the terminal
    return 1
