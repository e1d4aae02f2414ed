"""Shopify, by its GraphQL Admin API."""

from __future__ import annotations

from orderferry import Register, hookimpl
from plugins.shops.shopify.platform import Shopify

__all__ = ["Shopify", "register_platforms"]


@hookimpl
def register_platforms(register: Register) -> None:
    """Offers the one platform of this package."""
    register(Shopify)
