"""Which carrier an order gets, and where its delivery cost goes. Values in, values out.

PrestaShop prices the delivery by the carrier, whatever is posted; a cart that comes to another total than the order
claims makes a payment error (recordings 11, 12 and 16). So a delivery cost that is the marketplace's to the cent needs
a carrier that costs nothing, and a product that carries the cost at a price of this cart alone. The real carrier is
written into the order afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct

from orderferry import Rejected
from plugins.shops.prestashop.knowledge import Carrier


class Way(Struct, frozen=True, kw_only=True):
    """`placing` is the carrier of the cart, `carrier` the one that the order has in the end.

    `by_product` says that the delivery cost stands in a row of its own; else the carrier itself must cost so much.
    """

    placing: Carrier
    carrier: Carrier
    by_product: bool


def way(carriers: Sequence[Carrier], wanted: str, cost: Decimal, *, has_product: bool) -> Way:
    """The way of delivery; `wanted` is a carrier's id_reference, or empty. Raises `Rejected` where there is none."""
    usable = [carrier for carrier in carriers if carrier.usable]
    chosen = next((carrier for carrier in usable if carrier.reference == wanted), None)
    if wanted and chosen is None:
        raise Rejected(
            f"the shop has no active carrier with the id_reference {wanted[:20]!r}; correct the delivery map"
        )
    free = chosen if chosen and chosen.free else next((carrier for carrier in usable if carrier.free), None)
    if free is not None and (not cost or has_product):
        return Way(placing=free, carrier=chosen or free, by_product=bool(cost))
    if chosen is not None and not chosen.free:
        return Way(placing=chosen, carrier=chosen, by_product=False)
    if free is None:
        raise Rejected(
            "the shop has no active carrier with free shipping; make one, or name a `carrier` in config.toml"
        )
    raise Rejected(
        "nothing in the shop can carry the delivery cost; make the product that `delivery_product` names, "
        "or name a `carrier` that costs so much in config.toml"
    )
