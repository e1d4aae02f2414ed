"""WooCommerce, by its REST API v3."""

from __future__ import annotations

from orderferry import Register, hookimpl
from plugins.shops.woocommerce.platform import WooCommerce

__all__ = ["WooCommerce", "register_platforms"]


@hookimpl
def register_platforms(register: Register) -> None:
    """Offers the one platform of this package."""
    register(WooCommerce)
