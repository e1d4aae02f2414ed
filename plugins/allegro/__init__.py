"""Allegro, the marketplace of Poland, the Czech Republic, Slovakia and Hungary."""

from orderferry import Register, hookimpl


@hookimpl
def register_platforms(register: Register) -> None:
    """Offers the platform `allegro`."""
    from plugins.allegro.platform import Allegro  # noqa: PLC0415 - a command that only lists plugins loads no HTTP

    register(Allegro)
