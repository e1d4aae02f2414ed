"""The pluggy markers, and the hook by which a distribution offers its platforms.

A distribution names a module in the entry-point group `orderferry`; that module implements `register_platforms`:

    @hookimpl
    def register_platforms(register: Register) -> None:
        register(MyShop)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from orderferry.platform import Platform

PROJECT = "orderferry"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

Register = Callable[["type[Platform[Any]]"], None]  # a platform of any settings may be offered


@hookspec
def register_platforms(register: Register) -> None:
    """Called once at start: call `register` with each platform class that the distribution offers."""
