"""The pluggy markers, and the hook by which a distribution offers its platforms.

A distribution names a module in the entry-point group `orderferry`; that module implements `register_platforms`:

    @hookimpl
    def register_platforms(register: Register) -> None:
        register(MyShop)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pluggy

PROJECT = "orderferry"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_platforms(register: Callable[[Any], None]) -> None:  # typed as `Register` for whoever implements it
    """Called once at start: call `register` with each platform class that the distribution offers."""
