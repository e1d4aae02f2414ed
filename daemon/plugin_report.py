"""The plugins without a running daemon: what a start with these settings would run."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from daemon.config import ConfigError, load
from daemon.hooks import discover
from daemon.plugin_list import first_look
from daemon.plugin_views import plugin_views


def of_settings(path: Path) -> tuple[bytes, str | None]:
    """As `GET /v1/plugins` answers, and what is wrong with the settings; no account is known where something is."""
    catalogue = discover(first_look(path))
    try:
        accounts, problem = load(path, catalogue.platforms, os.environ).accounts, None
    except ConfigError as error:
        accounts, problem = (), str(error)
    return msgspec.json.encode(plugin_views(catalogue, accounts)), problem
