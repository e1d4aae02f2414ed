"""Amazon, its marketplaces of Europe, through the Selling Partner API."""

from orderferry import Register, hookimpl


@hookimpl
def register_platforms(register: Register) -> None:
    """Offers the platform `amazon`."""
    from plugins.amazon.platform import Amazon  # noqa: PLC0415 - a command that only lists plugins loads no HTTP

    register(Amazon)
