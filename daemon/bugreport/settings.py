"""config.toml for strangers: its structure and keys stay, and of its values those that can't be personal.

What a value may be follows from its type in the platform's settings. What isn't known here is blotted out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Literal, get_args, get_origin
from urllib.parse import urlsplit

import msgspec

from daemon.account_settings import SECTIONS
from daemon.core.redacting import BLOT, Blotter
from daemon.core.routing import MAIL
from orderferry import Secret
from orderferry.platform import AnyPlatform
from orderferry.settings import Url

Platforms = Mapping[str, type[AnyPlatform]]

OPEN = frozenset({"platform", "poll_every", "settle", "forward_since", "fetched_status", "watch_every", "fetch"})
MAPS = frozenset({"statuses", "payments", "deliveries", "sync"})
"""What says how the program works and not for whom; texts in it are cleared like any other."""

_SPAN = re.compile(r"[\d.smhd]{1,20}")
_PERSONAL = re.compile(r"(?i)user|login|pass|secret|token|key|host|server|mail|sender|address|name$|url$")


def redacted(document: Mapping[str, Any], platforms: Platforms, blotter: Blotter) -> dict[str, Any]:
    """The settings as they may be shown."""
    shown: dict[str, Any] = {}
    for section, value in document.items():
        if section in {"statuses", "rules", "daemon"}:
            shown[section] = blotter.value(value)
        elif section in SECTIONS and isinstance(value, dict):
            shown[section] = {name: _account(table, platforms, blotter) for name, table in value.items()}
        elif section == MAIL and isinstance(value, dict):
            shown[section] = _account({"platform": "smtp", **value}, platforms, blotter)
        else:
            shown[section] = closed(value)
    return shown


def learn(document: Mapping[str, Any], platforms: Platforms, blotter: Blotter) -> None:
    """Takes note of what the settings hold that is personal, so that it is found in other texts as well."""
    for section, value in document.items():
        if section not in {*SECTIONS, MAIL, "daemon", "statuses", "rules"} and isinstance(value, dict):
            for text in (text for key, inner in value.items() if _PERSONAL.search(key) for text in _texts(inner)):
                blotter.secret(text)
        if section not in {*SECTIONS, MAIL}:
            continue
        tables = [value] if section == MAIL else value.values() if isinstance(value, dict) else []
        for table in tables:
            if not isinstance(table, dict):
                continue
            fields = _fields(table.get("platform", "smtp" if section == MAIL else None), platforms)
            for key, given in table.items():
                if key in OPEN | MAPS | {"forward"}:
                    continue
                field = fields.get(key)
                if field is not None and _is(field.type, Url) and isinstance(given, str):
                    _host(given, blotter)
                elif field is None or not _harmless(field, given):
                    for text in _texts(given):
                        blotter.secret(text)


def secrets(value: Any) -> Iterator[Secret]:
    """Every secret in the settings as they were read, wherever they are."""
    if isinstance(value, Secret):
        yield value
    elif isinstance(value, msgspec.Struct):
        for field in msgspec.structs.fields(value):
            yield from secrets(getattr(value, field.name))
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from secrets(inner)
    elif isinstance(value, list | tuple | set | frozenset):
        for inner in value:
            yield from secrets(inner)


def public_hosts(platforms: Platforms) -> set[str]:
    """The hosts that stand in the program itself."""
    return {
        urlsplit(field.default).hostname or ""
        for platform in platforms.values()
        for field in msgspec.structs.fields(platform.Settings)
        if isinstance(field.default, Url)
    }


def closed(value: Any) -> Any:
    """Every text blotted out; what is left are keys, numbers, dates, and yes or no."""
    if isinstance(value, str):
        return BLOT
    if isinstance(value, dict):
        return {key: closed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [closed(inner) for inner in value]
    return value


def _account(table: Any, platforms: Platforms, blotter: Blotter) -> Any:
    if not isinstance(table, dict):
        return closed(table)
    fields = _fields(table.get("platform"), platforms)
    shown: dict[str, Any] = {}
    for key, value in table.items():
        field = fields.get(key)
        if key in OPEN or key in MAPS:
            shown[key] = blotter.value(value)
        elif key == "forward" and isinstance(value, dict):
            shown[key] = {
                name: closed(inner) if name == "fields" else blotter.value(inner) for name, inner in value.items()
            }
        elif field is not None and _is(field.type, Secret):
            shown[key] = closed(value) if isinstance(value, dict) else BLOT
        elif field is not None and _is(field.type, Url) and isinstance(value, str):
            shown[key] = _host(value, blotter)
        elif field is not None and _harmless(field, value):
            shown[key] = value
        else:
            shown[key] = closed(value)
    return shown


def _fields(platform: object, platforms: Platforms) -> dict[str, msgspec.structs.FieldInfo]:
    found = platforms.get(platform) if isinstance(platform, str) else None
    return {field.encode_name: field for field in msgspec.structs.fields(found.Settings)} if found is not None else {}


def _is(kind: Any, wanted: type) -> bool:
    return kind is wanted or any(_is(part, wanted) for part in get_args(kind))


def _harmless(field: msgspec.structs.FieldInfo, value: Any) -> bool:
    """Whether a value is one of a few that the program names, a length of time, or what holds without it."""
    if _is(field.type, Secret):
        return False
    parts = [part for part in (field.type, *get_args(field.type)) if part is not type(None)]
    chosen = any(get_origin(part) is Literal and value in get_args(part) for part in parts)
    timed = any(isinstance(part, type) and issubclass(part, timedelta) for part in parts)
    span = timed and isinstance(value, str) and _SPAN.fullmatch(value) is not None
    default = list(field.default) if isinstance(field.default, tuple) else field.default
    return chosen or span or (not isinstance(value, dict) and value == default)


def _host(url: str, blotter: Blotter) -> str:
    """The address with another name for its host; its path is the seller's own, and left out."""
    parts = urlsplit(url)
    if not parts.hostname:
        blotter.secret(url)
        return BLOT
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        port = ""
    host = blotter.host(parts.hostname)
    path = parts.path if host == parts.hostname else "/..." if parts.path.strip("/") else ""
    return f"{parts.scheme}://{host}{port}{path}"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)
