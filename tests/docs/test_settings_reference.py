"""settings.md and the example config.toml name every key, type and default that the code has, and no other."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import msgspec
import pytest
import tomli

from daemon.config import (
    COMMON_KEYS,
    DEFAULT_STATUSES,
    WATCH_EVERY,
    AccountSettings,
    DaemonSettings,
    ForwardSettings,
    load,
)
from orderferry import Duration, Role, Secret, Settings, Url
from orderferry.platform import AnyPlatform

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/settings.md").read_text()
EXAMPLE = (ROOT / "config.toml").read_text()
SWITCHED_ON = re.sub(r"^#(?=[\w\[])", "", EXAMPLE, flags=re.MULTILINE)

Row = tuple[str, str]  # type and default, as the page writes them


def built_in() -> dict[str, type[AnyPlatform]]:
    found: dict[str, type[AnyPlatform]] = {}

    def register(platform: type[AnyPlatform]) -> None:
        found[platform.id] = platform

    for offer in entry_points(group="orderferry"):
        if offer.value.startswith("plugins."):
            offer.load().register_platforms(register)
    return found


PLATFORMS = built_in()


def section(heading: str) -> str:
    """The text below a heading, up to the next of its level."""
    _, found, rest = PAGE.partition(f"\n## {heading}\n")
    assert found, f"the page has no heading {heading}"
    return rest.partition("\n## ")[0]


def table(text: str, first: str) -> list[list[str]]:
    """The cells of the rows of the table whose first column has this title."""
    _, found, rest = text.partition(f"\n| {first} |")
    assert found, f"there is no table that begins with {first}"
    rows = rest.partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]


def documented(heading: str) -> dict[str, Row]:
    rows = {}
    for key, kind, default, meaning in table(section(heading), "key"):
        assert meaning, f"{key} is not explained"
        assert key.strip("`") not in rows
        rows[key.strip("`")] = (kind, default)
    return rows


def words(kind: Any) -> str:
    if get_origin(kind) is Literal:
        *others, last = (f"`{json.dumps(word)}`" for word in get_args(kind))
        return f"{', '.join(others)} or {last}"
    if type(None) in get_args(kind):
        return words(next(part for part in get_args(kind) if part is not type(None)))
    if get_origin(kind) is tuple:
        return f"list of {words(get_args(kind)[0])}"
    if get_origin(kind) is Mapping or (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return "table"
    return {
        str: "text", bool: "yes or no", int: "number", Duration: "duration", Url: "address", Secret: "secret",
        Path: "path", datetime: "date",
    }[kind]  # fmt: skip


def written(default: Any) -> str:
    if default is None:
        return "none"
    if default is msgspec.NODEFAULT:
        return "required"
    if isinstance(default, msgspec.Struct):
        return ""
    return f"`{json.dumps(str(default) if isinstance(default, Duration) else default)}`"


def fields(kind: type[msgspec.Struct], names: tuple[str, ...] | None = None, **known: str) -> dict[str, Row]:
    return {
        field.encode_name: (words(field.type), known.get(field.encode_name, written(field.default)))
        for field in msgspec.structs.fields(kind)
        if names is None or field.encode_name in names
    }


def test_the_daemon_s_keys() -> None:
    assert documented("`[daemon]`") == fields(DaemonSettings, data_dir="see below", socket="see below")


def test_the_hub_s_statuses() -> None:
    assert table(section("`[statuses]`"), "key") == [[f"`{status.key}`", status.label] for status in DEFAULT_STATUSES]


@pytest.mark.parametrize(
    ("heading", "role"), [("marketplaces", Role.MARKETPLACE), ("shops", Role.SHOP), ("imports", Role.IMPORT)]
)
def test_the_keys_of_every_account_of_a_role(heading: str, role: Role) -> None:
    expected = fields(AccountSettings, COMMON_KEYS[role], poll_every="the platform's", statuses="the platform's")
    assert documented(f"`[{heading}.NAME]`") == expected


def test_every_key_of_an_account_belongs_to_a_role() -> None:
    ours = {"name", "role", "settings"}  # what the section says, and the platform's own part
    common = {key for keys in COMMON_KEYS.values() for key in keys}
    assert common | ours == {field.encode_name for field in msgspec.structs.fields(AccountSettings)}


def test_the_keys_of_forwarding() -> None:
    assert documented("`[shops.NAME.forward]`") == fields(ForwardSettings)


def test_every_built_in_platform_is_on_the_page_and_no_other() -> None:
    assert PLATFORMS
    assert set(re.findall(r'^## `platform = "(.*)"`$', PAGE, re.MULTILINE)) == set(PLATFORMS)


@pytest.mark.parametrize("platform", PLATFORMS.values(), ids=PLATFORMS)
def test_a_platform_s_own_keys_and_what_it_does_without_them(platform: type[AnyPlatform]) -> None:
    heading = f'`platform = "{platform.id}"`'
    assert documented(heading) == fields(platform.Settings)
    poll_every = Duration(seconds=platform.poll_every.total_seconds())
    assert f"A {platform.role}. Without `poll_every` it is asked every `{poll_every}`." in section(heading)
    statuses = {key.strip("`"): theirs.strip("`") for key, theirs in table(section(heading), "hub's status")}
    assert statuses == dict(platform.statuses)


@pytest.fixture
def private(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.touch(mode=0o600)
    return path


def test_the_example_loads_as_it_stands_without_a_warning(private: Path) -> None:
    private.write_text(EXAMPLE)
    config = load(private, PLATFORMS, {})
    assert [(account.name, account.platform) for account in config.accounts] == [
        ("allegro-main", "allegro"),
        ("my-shop", "woocommerce"),
    ]
    assert config.warnings == ()


def test_what_is_switched_off_in_the_example_shows_the_defaults(private: Path) -> None:
    private.write_text(EXAMPLE)
    plain = load(private, PLATFORMS, {})
    private.write_text(SWITCHED_ON)
    full = load(private, PLATFORMS, {})
    assert full.statuses == plain.statuses
    assert full.daemon.log_level == plain.daemon.log_level
    assert full.accounts[0].forward_since is not None
    *platforms, imports = full.accounts
    accounts = tuple(msgspec.structs.replace(account, forward_since=None) for account in platforms)
    assert accounts == plain.accounts
    assert imports.watch_every == WATCH_EVERY


def test_the_example_has_every_key() -> None:
    document = tomli.loads(SWITCHED_ON)
    market, shop = document["marketplaces"]["allegro-main"], document["shops"]["my-shop"]
    assert set(document["daemon"]) == set(fields(DaemonSettings))
    assert set(market) == {*COMMON_KEYS[Role.MARKETPLACE], *own_keys("allegro")}
    assert set(shop) == {*COMMON_KEYS[Role.SHOP], *own_keys("woocommerce")}
    assert set(document["imports"]["files"]) == set(COMMON_KEYS[Role.IMPORT])
    assert set(shop["forward"]) == set(fields(ForwardSettings))


def own_keys(platform: str) -> set[str]:
    settings: type[Settings] = PLATFORMS[platform].Settings
    return set(fields(settings))
