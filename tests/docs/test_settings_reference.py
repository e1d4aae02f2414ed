"""settings.md and the example config.toml name every key, type and default that the code has, and no other."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from importlib.metadata import entry_points
from pathlib import Path
from types import MappingProxyType, UnionType
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
import pytest
import tomli

from daemon.account_settings import COMMON_KEYS, SYNC_KEYS, SYNCS, WATCH_EVERY, AccountSettings, ForwardSettings
from daemon.backup_settings import BackupSettings
from daemon.config import DEFAULT_STATUSES, DaemonSettings, load
from daemon.core import thanking
from daemon.core.fields import PLACES, Choose
from daemon.core.forwarding import EVERYTHING
from daemon.core.maps import Methods
from daemon.core.statuses import Rules
from daemon.core.ticking import Every
from daemon.mqtt_settings import MqttSettings
from daemon.plugin_list import PluginSettings
from daemon.thank_you import ThankYouSettings
from daemon.watch.settings import WatchSettings
from orderferry import Duration, PaymentKind, Role, Secret, Settings, Url
from orderferry.platform import AnyPlatform

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/settings.md").read_text()
EXAMPLE = (ROOT / "config.toml").read_text()
SWITCHED_ON = re.sub(r'^#(?=[\w\["])', "", EXAMPLE, flags=re.MULTILINE)

KEEP = {"keep_buyer_data": "that of `[privacy]`"}

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
APART = {"isolation": "see below"}  # whose default is where the plugin came from


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
    if get_origin(kind) is Annotated:
        return words(get_args(kind)[0])
    if type(None) in get_args(kind):
        return words(next(part for part in get_args(kind) if part is not type(None)))
    if isinstance(kind, UnionType):
        return " or ".join(words(part) for part in get_args(kind))
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return words(Literal[tuple(one.value for one in kind)])
    if get_origin(kind) in {tuple, frozenset}:
        return f"list of {words(get_args(kind)[0])}"
    if get_origin(kind) is Mapping or (isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind != Every):
        return "table"
    return {
        str: "text", bool: "yes or no", int: "number", Duration: "duration", Url: "address", Secret: "secret",
        Path: "path", datetime: "date", Every: "interval",
    }[kind]  # fmt: skip


def written(default: Any) -> str:
    if default is None:
        return "none"
    if default is msgspec.NODEFAULT:
        return "required"
    if isinstance(default, Every):
        return f"`{json.dumps(str(default))}`"
    if isinstance(default, msgspec.Struct | MappingProxyType | frozenset):
        return ""
    return f"`{json.dumps(str(default) if isinstance(default, Duration) else default)}`"


def default(field: msgspec.structs.FieldInfo) -> Any:
    """An empty table is made anew for each Struct."""
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()


def fields(kind: type[msgspec.Struct], names: tuple[str, ...] | None = None, **known: str) -> dict[str, Row]:
    return {
        field.encode_name: (words(field.type), known.get(field.encode_name, written(default(field))))
        for field in msgspec.structs.fields(kind)
        if names is None or field.encode_name in names
    }


def test_the_daemon_s_keys() -> None:
    assert documented("`[daemon]`") == fields(DaemonSettings, data_dir="see below", socket="see below")


def test_the_keys_of_plugins() -> None:
    assert documented("`[plugins]`") == fields(PluginSettings)


def test_the_keys_of_watching() -> None:
    assert documented("`[watch]`") == fields(WatchSettings)


def test_the_keys_of_mqtt() -> None:
    assert documented("`[mqtt]`") == fields(MqttSettings)


def test_the_keys_of_backups() -> None:
    assert documented("`[backup]`") == fields(BackupSettings, folder="`backups` in `data_dir`")


def test_the_hub_s_statuses() -> None:
    assert table(section("`[statuses]`"), "key") == [[f"`{status.key}`", status.label] for status in DEFAULT_STATUSES]


@pytest.mark.parametrize(
    ("heading", "role"), [("marketplaces", Role.MARKETPLACE), ("shops", Role.SHOP), ("imports", Role.IMPORT)]
)
def test_the_keys_of_every_account_of_a_role(heading: str, role: Role) -> None:
    known = {"poll_every": "the platform's", "statuses": "the platform's", **APART, **KEEP}
    expected = fields(AccountSettings, COMMON_KEYS[role], **known)
    assert documented(f"`[{heading}.NAME]`") == expected


def test_the_keys_of_the_mail_server() -> None:
    expected = fields(AccountSettings, COMMON_KEYS[Role.MAIL], platform='`"smtp"`', **APART)
    assert documented("`[mail]`") == {**expected, "thank_you": ("table", "")}
    assert documented("`[mail.thank_you]`") == fields(ThankYouSettings)


def test_what_templates_see_is_on_the_page() -> None:
    seen = thanking.facts(thanking.samples()[0], "en", account="a", paid=True)
    names = []
    for name, value in seen.items():
        parts = getattr(value, "__struct_fields__", None)
        names += [name] if parts is None else [f"{name}.{part}" for part in parts]
    rows = {row[0].strip("`"): row[1] for row in table(section("`[mail.thank_you]`"), "name")}
    assert sorted(rows) == sorted(names)
    assert re.findall(r"`(\w+)`", rows["order.lines"]) == list(thanking.LineFacts.__struct_fields__)
    assert re.findall(r"`(\w+)`", rows["order.payment"]) == [kind.value for kind in PaymentKind]


def test_every_key_of_an_account_belongs_to_a_role() -> None:
    ours = {"name", "role", "settings", "letters"}  # what the section says, and what is made of parts of their own
    common = {key for keys in COMMON_KEYS.values() for key in keys}
    assert common | ours == {field.encode_name for field in msgspec.structs.fields(AccountSettings)}


def test_the_keys_of_forwarding() -> None:
    expected = fields(ForwardSettings)
    assert documented("`[shops.NAME.forward]`") == expected | {"pass": (expected["pass"][0], "all of them")}
    assert ForwardSettings().passed == EVERYTHING


def test_the_places_of_a_field() -> None:
    rows = table(section("`[shops.NAME.forward.fields]`"), "place")
    assert rows == [[f"`{{{place}}}`", about] for place, about in PLACES.items()]


def test_the_rules() -> None:
    assert documented("`[rules]`") == fields(Rules)


@pytest.mark.parametrize(("heading", "role"), [("marketplaces", Role.MARKETPLACE), ("shops", Role.SHOP)])
def test_how_often_an_account_is_told(heading: str, role: Role) -> None:
    expected = {key: ("interval", written(getattr(SYNCS[role], key))) for key in SYNC_KEYS[role]}
    assert documented(f"`[{heading}.NAME.sync]`") == expected


def test_every_built_in_platform_is_on_the_page_and_no_other() -> None:
    assert PLATFORMS
    assert set(re.findall(r'^## `platform = "(.*)"`$', PAGE, re.MULTILINE)) == set(PLATFORMS)


@pytest.mark.parametrize("platform", PLATFORMS.values(), ids=PLATFORMS)
def test_a_platform_s_own_keys_and_what_it_does_without_them(platform: type[AnyPlatform]) -> None:
    heading = f'`platform = "{platform.id}"`'
    assert documented(heading) == fields(platform.Settings)
    if platform.role is Role.MAIL:
        assert "A mail server, for `[mail]`. Nothing is fetched from it." in section(heading)
        return
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
    assert full.plugins == plain.plugins
    assert full.watch.alarm_after == plain.watch.alarm_after
    assert plain.mqtt is None
    assert full.mqtt is not None
    assert (full.mqtt.tls, full.mqtt.port) == (full.mqtt.encrypted, MqttSettings(host="localhost").at_port)
    for key, row in fields(MqttSettings, ("topic", "keepalive", "personal_data", "requests", "discovery")).items():
        assert written(getattr(full.mqtt, key)) == row[1]
    assert full.backup == msgspec.structs.replace(plain.backup, folder=Path("/var/lib/orderferry/backups"))
    market, shop = full.accounts[:2]
    assert [account.name for account in full.accounts[2:]] == ["files", "mail"]
    assert full.accounts[2].watch_every == WATCH_EVERY
    assert market.forward_since is not None
    assert (shop.forward.fields, any(shop.payments.entries()), any(shop.deliveries.entries())) == (
        {"_wants_invoice": Choose(place="wants_invoice", then="1", otherwise="0"), "_nip": "{tax_id}"},
        True,
        True,
    )
    replace = msgspec.structs.replace
    market = replace(market, forward_since=None, isolation=None, keep_buyer_data=None)
    forward = replace(shop.forward, fields={})
    shop = replace(shop, forward=forward, payments=Methods(), deliveries=Methods(), fetched_status=None)
    shop = replace(shop, isolation=None, keep_buyer_data=None)
    assert (market, shop) == plain.accounts


def test_the_example_has_every_key() -> None:
    document = tomli.loads(SWITCHED_ON)
    market, shop = document["marketplaces"]["allegro-main"], document["shops"]["my-shop"]
    assert set(document["daemon"]) == set(fields(DaemonSettings))
    assert set(document["plugins"]) == set(fields(PluginSettings))
    assert set(document["watch"]) == set(fields(WatchSettings))
    assert set(document["backup"]) == set(fields(BackupSettings))
    assert set(market) == {*COMMON_KEYS[Role.MARKETPLACE], *own_keys("allegro")}
    assert set(shop) == {*COMMON_KEYS[Role.SHOP], *own_keys("woocommerce")}
    assert set(document["imports"]["files"]) == set(COMMON_KEYS[Role.IMPORT])
    assert set(shop["forward"]) == set(fields(ForwardSettings))
    own = EXAMPLE.partition("#[mqtt]\n")[2].partition("\n\n\n")[0]  # of use with TLS alone
    assert set(document["mqtt"]) | set(re.findall(r"^#   (\w+) = ", own, re.MULTILINE)) == set(fields(MqttSettings))
    assert set(document["rules"]) == set(fields(Rules))
    assert set(market["sync"]) == set(SYNC_KEYS[Role.MARKETPLACE])
    assert set(shop["sync"]) == set(SYNC_KEYS[Role.SHOP])
    assert set(document["mail"]) == {"thank_you", *COMMON_KEYS[Role.MAIL], *own_keys("smtp")}
    own = EXAMPLE.partition("#[mail.thank_you]\n")[2]  # a file that isn't there can't be switched on
    assert set(re.findall(r"^# *(\w+) = ", own, re.MULTILINE)) == set(fields(ThankYouSettings))


def own_keys(platform: str) -> set[str]:
    settings: type[Settings] = PLATFORMS[platform].Settings
    return set(fields(settings))
