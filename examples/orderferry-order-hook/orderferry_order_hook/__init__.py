"""Orders as signed JSON to an address of the seller's own."""

from orderferry import Register, hookimpl


@hookimpl
def register_platforms(register: Register) -> None:
    """Offers the platform `order-hook`."""
    from orderferry_order_hook.platform import OrderHook  # noqa: PLC0415 - whoever only lists plugins loads no HTTP

    register(OrderHook)
