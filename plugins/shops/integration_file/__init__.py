"""Shops that speak the public shop data-exchange protocol: one address, a key, `SupportedMethods`."""

from __future__ import annotations

from orderferry import Register, hookimpl
from plugins.shops.integration_file.platform import IntegrationFile

__all__ = ["IntegrationFile", "register_platforms"]


@hookimpl
def register_platforms(register: Register) -> None:
    """Offers the one platform of this package."""
    register(IntegrationFile)
