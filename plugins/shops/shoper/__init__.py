"""Shoper, by its REST API (webapi)."""

from __future__ import annotations

from orderferry import Register, hookimpl
from plugins.shops.shoper.platform import Shoper

__all__ = ["Shoper", "register_platforms"]


@hookimpl
def register_platforms(register: Register) -> None:
    """Offers the one platform of this package."""
    register(Shoper)
