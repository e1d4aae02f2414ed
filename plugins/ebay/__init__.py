"""eBay, the marketplace, on every site that its Fulfillment API serves."""

from orderferry import Register, hookimpl


@hookimpl
def register_platforms(register: Register) -> None:
    """Offers the platform `ebay`."""
    from plugins.ebay.platform import Ebay  # noqa: PLC0415 - a command that only lists plugins loads no HTTP

    register(Ebay)
