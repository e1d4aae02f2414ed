"""The pluggy markers: `hookspec` for the contract's own specifications (`platform.py`), `hookimpl` for plugins."""

from __future__ import annotations

import pluggy

PROJECT = "orderferry"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
