"""Medusa, by its Admin API."""

from __future__ import annotations

from orderferry import Register, hookimpl
from plugins.shops.medusa.platform import Medusa

__all__ = ["Medusa", "register_platforms"]


@hookimpl
def register_platforms(register: Register) -> None:
    """Offers the one platform of this package."""
    register(Medusa)
