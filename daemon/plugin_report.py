"""The plugins without a running daemon: what a start with these settings would run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from daemon.config import ConfigError, load
from daemon.hooks import discover
from daemon.plugin_list import first_look
from daemon.plugin_views import plugin_views
from daemon.views import PluginView


def of_settings(path: Path) -> tuple[tuple[PluginView, ...], str | None]:
    """Every plugin that is installed, and what is wrong with the settings; no account is known where something is."""
    catalogue = discover(first_look(path))
    try:
        return plugin_views(catalogue, load(path, catalogue.platforms, os.environ).accounts), None
    except ConfigError as error:
        return plugin_views(catalogue, ()), str(error)


def as_json(found: tuple[PluginView, ...]) -> str:
    """As `GET /v1/plugins` answers."""
    return msgspec.json.encode(found).decode()


def as_values(found: tuple[PluginView, ...]) -> list[dict[str, Any]]:
    """As the answer of `GET /v1/plugins` is read."""
    values: list[dict[str, Any]] = msgspec.to_builtins(found)
    return values
