"""PrestaShop, by its webservice."""

from __future__ import annotations

from orderferry import Register, hookimpl
from plugins.shops.prestashop.platform import PrestaShop

__all__ = ["PrestaShop", "register_platforms"]


@hookimpl
def register_platforms(register: Register) -> None:
    """Offers the one platform of this package."""
    register(PrestaShop)
