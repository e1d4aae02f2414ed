"""The pluggy markers: `hookspec` for the contract's own file of hooks (`platform.py`), `hookimpl` for everybody else."""

from __future__ import annotations

import pluggy

PROJECT = "orderferry"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
