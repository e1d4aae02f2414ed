"""The seller's own mail server, by SMTP."""

from __future__ import annotations

from orderferry import Register, hookimpl
from plugins.smtp.platform import Smtp

__all__ = ["Smtp", "register_platforms"]


@hookimpl
def register_platforms(register: Register) -> None:
    """Offers the one platform of this package."""
    register(Smtp)
