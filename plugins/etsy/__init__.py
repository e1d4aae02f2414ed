"""Etsy, the marketplace for handmade and vintage things."""

from orderferry import Register, hookimpl


@hookimpl
def register_platforms(register: Register) -> None:
    """Offers the platform `etsy`."""
    from plugins.etsy.platform import Etsy  # noqa: PLC0415 - a command that only lists plugins loads no HTTP

    register(Etsy)
