"""The report of a fault: of no platform's settings anything personal comes through, and nothing is overwritten."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import msgspec
import pytest
import tomlkit

from daemon.bugreport import Report, settings, write
from daemon.bugreport.settings import redacted
from daemon.core.redacting import Blotter
from daemon.hooks import discover
from orderferry import Role, Secret
from orderferry.platform import AnyPlatform
from orderferry.settings import Duration, Url

PLATFORMS = discover().platforms


def blotter() -> Blotter:
    return Blotter(lambda text: text, public=settings.public_hosts(PLATFORMS))


def canaries(platform: type[AnyPlatform]) -> dict[str, Any]:
    """A value of its own for every setting of the platform's that is a text or holds some."""
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(platform.Settings):
        name = f"canary{field.encode_name.replace('_', '')}"
        kind = str(field.type)
        if field.type is bool or "int" in kind or field.type is Duration or "Literal" in kind:
            continue
        if field.type is Url:
            values[field.encode_name] = f"https://{name}.example/shop"
        elif "tuple" in kind:
            values[field.encode_name] = [name]
        elif "Mapping" in kind:
            values[field.encode_name] = {"key": name}
        elif "Secret" in kind:
            values[field.encode_name] = {"file": f"/run/{name}"}
        else:
            values[field.encode_name] = name
    return values


@pytest.mark.parametrize("name", sorted(PLATFORMS))
def test_no_text_of_a_platform_s_settings_comes_through(name: str) -> None:
    platform = PLATFORMS[name]
    table = {"platform": name, "poll_every": "1m", **canaries(platform)}
    sections = {Role.MARKETPLACE: "marketplaces", Role.SHOP: "shops"}
    document = {"mail": table} if platform.role is Role.MAIL else {sections[platform.role]: {"mine": table}}
    ours = blotter()
    settings.learn(document, PLATFORMS, ours)
    shown = tomlkit.dumps(redacted(document, PLATFORMS, ours))
    assert "canary" not in shown
    for key in canaries(platform):
        assert key in shown, "its keys are kept"
    assert "canary" not in ours.text(" ".join(_texts(table))), "nor from any other text, such as the log"


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for inner in value.values() for text in _texts(inner)]
    return [text for inner in value for text in _texts(inner)] if isinstance(value, list) else [value]


def test_every_secret_is_blotted_by_its_type_whatever_it_looks_like() -> None:
    secret = [
        (name, field.encode_name)
        for name, platform in PLATFORMS.items()
        for field in msgspec.structs.fields(platform.Settings)
        if "Secret" in str(field.type)
    ]
    assert len(secret) > 8
    assert Secret("x") != "x"
    for name, key in secret:
        shown = redacted({"shops": {"mine": {"platform": name, key: "true"}}}, PLATFORMS, blotter())
        assert shown == {"shops": {"mine": {"platform": name, key: "***"}}}


def test_what_other_sections_hold_is_blotted_from_every_text_too() -> None:
    ours = blotter()
    settings.learn({"mqtt": {"host": "broker.janina", "password": "hunter22", "topic": "orders"}}, PLATFORMS, ours)
    assert ours.text("broker.janina refused hunter22 for orders") == "*** refused *** for orders"
    config = {"a": (Settled(password=Secret("hunter33")),), "b": [None, 3]}
    assert [secret.reveal() for secret in settings.secrets(config)] == ["hunter33"]


class Settled(msgspec.Struct):
    password: Secret


def test_what_says_how_the_program_works_is_kept() -> None:
    document = {
        "daemon": {"data_dir": "/home/janina/data", "log_level": "debug"},
        "statuses": {"new": "New"},
        "mail": {"security": "tls", "port": 465, "host": "mail.janina.example", "thank_you": {"subject": "Hello"}},
        "shops": {
            "my-shop": {
                "platform": "woocommerce",
                "url": "https://shop.janina.example/shop",
                "key_in_query": True,
                "delivery_method": "other",
                "payment_method": "Janina's own",
                "settle": "7m",
                "statuses": {"sent": "completed"},
                "forward": {"enabled": True, "pass": ["login"], "fields": {"_note": "from Janina"}},
            }
        },
        "watch": {"listen": "janina:80", "every": 3},
        "unknown": "Janina",
    }
    shown = redacted(document, PLATFORMS, blotter())
    assert shown == {
        "daemon": {"data_dir": "/home/user/data", "log_level": "debug"},
        "statuses": {"new": "New"},
        "mail": {
            "platform": "smtp", "security": "tls", "port": 465, "host": "***", "thank_you": {"subject": "***"},
        },
        "shops": {
            "my-shop": {
                "platform": "woocommerce",
                "url": "https://host1/...",
                "key_in_query": True,
                "delivery_method": "other",
                "payment_method": "***",
                "settle": "7m",
                "statuses": {"sent": "completed"},
                "forward": {"enabled": True, "pass": ["login"], "fields": {"_note": "***"}},
            }
        },
        "watch": {"listen": "***", "every": 3},
        "unknown": "***",
    }  # fmt: skip


def test_an_account_of_a_platform_that_is_not_installed_shows_no_text() -> None:
    shown = redacted({"shops": {"mine": {"platform": "gone", "key": "abc", "port": 3}}}, PLATFORMS, blotter())
    assert shown == {"shops": {"mine": {"platform": "gone", "key": "***", "port": 3}}}


def test_the_archive_is_its_owner_s_alone_and_replaces_nothing(tmp_path: Path) -> None:
    to = tmp_path / "r.tar.gz"
    write(Report({"a.json": b"{}\n"}, ()), to)
    assert to.stat().st_mode & 0o777 == 0o600
    with tarfile.open(to) as archive:
        assert archive.getnames() == ["orderferry-bugreport/a.json"]
    with pytest.raises(FileExistsError):
        write(Report({}, ()), to)
    assert to.stat().st_size > 0
