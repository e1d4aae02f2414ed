"""Telling eBay the parcels: each is a shipping fulfilment, which can be neither changed nor taken back.

So eBay's own list is read first, and only what is not in it is added. The number counts, not the carrier: eBay names a
fulfilment by its number (developer.ebay.com, createShippingFulfillment).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from orderferry import Parcel, Rejected
from plugins.ebay import wire
from plugins.ebay.carriers import code

if TYPE_CHECKING:
    from plugins.ebay.client import Client

CONFLICT: Final = 409

_OTHER_SIGNS: Final = re.compile(r"[^A-Za-z0-9]")


async def set_tracking(client: Client, order_id: str, parcels: Sequence[Parcel]) -> None:
    """Adds the parcels that the order does not have yet."""
    wanted = missing(parcels, await client.fulfillments(order_id))
    if not wanted:
        return
    lines = await client.lines(order_id)
    for parcel in wanted:
        try:
            await client.add_fulfillment(order_id, fulfillment(parcel, lines))
        except Rejected as error:
            if error.status != CONFLICT or missing([parcel], await client.fulfillments(order_id)):
                raise


def missing(parcels: Iterable[Parcel], present: Iterable[wire.Fulfillment]) -> tuple[Parcel, ...]:
    """The parcels to be added, each once; `Rejected` for a number that eBay would not take."""
    seen = {number(one.shipment_tracking_number or "").casefold() for one in present}
    wanted: list[Parcel] = []
    for parcel in parcels:
        key = number(parcel.number).casefold()
        if not key:
            raise Rejected(
                f"tracking number {parcel.number!r} can't be told to eBay: it takes letters and digits alone"
            )
        if key not in seen:
            seen.add(key)
            wanted.append(parcel)
    return tuple(wanted)


def fulfillment(parcel: Parcel, lines: Iterable[wire.ShippedLine]) -> dict[str, Any]:  # JSON
    """The request for one parcel. Which line lies in which parcel is not known, so each parcel names them all."""
    return {
        "lineItems": [{"lineItemId": line.line_item_id, "quantity": line.quantity} for line in lines],
        "shippingCarrierCode": code(parcel.carrier),
        "trackingNumber": number(parcel.number),
    }


def number(text: str) -> str:
    """A tracking number as eBay takes it: without spaces, hyphens and other signs, which labels are printed with."""
    return _OTHER_SIGNS.sub("", text)
