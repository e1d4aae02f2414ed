"""Telling Amazon of parcels: what is there is read first, and each package that is missing is confirmed.

A confirmation is also what marks an order as shipped, and it counts pieces: each package says how many of each item are
in it, and a piece can be in one package only. Which pieces are in which parcel nobody tells us, so every parcel but the
last gets one piece, and the last all others; for a parcel that comes later, one piece is taken out of an earlier one.
The number by which a package is known to Amazon is made of its tracking number: the same confirmation again edits that
package and adds none (developer-docs.amazon.com/sp-api/docs/confirm-the-shipment-status).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from orderferry import Choice, Parcel, Rejected
from orderferry.carriers import canonical
from plugins.amazon import wire
from plugins.amazon.cursor import stamp

if TYPE_CHECKING:
    from orderferry import Clock
    from plugins.amazon.client import Client

INCLUDED: Final = ("FULFILLMENT", "PACKAGES")
OTHER: Final = "Other"
EARLIER: Final = timedelta(minutes=5)  # a ship date must not lie in the future of Amazon's clock

CODES: Final = MappingProxyType(
    {
        "Chronopost": "Chronopost",
        "Deutsche Post": "Deutsche Post",
        "DHL": "DHL",
        "DPD": "DPD",
        "FedEx": "FedEx",
        "GLS": "GLS",
        "Hermes": "Hermes Logistik Gruppe",
        "La Poste": "La Poste",
        "Parcelforce": "Parcelforce",
        "Poste Italiane": "Poste Italiane",
        "Royal Mail": "Royal Mail",
        "SDA": "SDA",
        "TNT": "TNT",
        "UPS": "UPS",
        "USPS": "USPS",
        "Yodel": "Yodel",
    }
)
"""Canonical name -> Amazon's CarrierCode, as amzn-base.xsd lists them (amzn/selling-partner-api-docs issue 712)."""

Json = dict[str, Any]  # a request's body


class Told(Struct, frozen=True):
    """The confirmations to send, and the tracking numbers that Amazon can't take."""

    bodies: tuple[Json, ...]
    left: tuple[str, ...]


async def set_tracking(
    client: Client, clock: Clock, codes: Mapping[str, str], order_id: str, parcels: Sequence[Parcel]
) -> None:
    """Confirms the parcels that the order does not have yet; raises `Rejected` for those that Amazon can't take."""
    order = await client.order(order_id, INCLUDED)
    told = confirmations(order, parcels, codes, clock.now())
    for body in told.bodies:
        await client.confirm_shipment(order_id, body)
    if told.left:
        raise Rejected(
            f"order {order_id}: Amazon takes one tracking number for each piece of goods at most, and none is left for "
            f"{', '.join(told.left)}; add it in Seller Central, as a note to the buyer"
        )


def confirmations(order: wire.Order, parcels: Iterable[Parcel], codes: Mapping[str, str], now: datetime) -> Told:
    """What is to be confirmed so that Amazon knows these parcels; `codes` are the seller's own spellings."""
    given = {_plain(one.number): one for one in parcels}
    there = {_plain(one.tracking_number): one for one in order.packages or () if one.tracking_number}
    missing = [parcel for number, parcel in given.items() if number not in there]
    if not missing:
        return Told((), ())
    if order.fulfillment is not None and order.fulfillment.fulfilled_by == "AMAZON":
        raise Rejected(f"order {order.order_id} is shipped by Amazon itself, which takes no tracking number for it")
    shipped_at = max(now - EARLIER, order.created_time)
    pieces = [item.order_item_id for item in order.order_items for _ in range(_left(item))]
    if not pieces and not there:
        # nothing is left and nothing is shown: very likely our own confirmation, of which the packages lag behind
        pieces = [item.order_item_id for item in order.order_items for _ in range(item.quantity_ordered)]
    bodies = []
    for number, package in there.items():
        inside = [one.order_item_id for one in package.package_items or () for _ in range(one.quantity)]
        wanted = len(missing) - len(pieces)
        if wanted > 0 and len(inside) > 1 and number in given and package.package_reference_id == reference(number):
            kept = max(1, len(inside) - wanted)
            at = package.ship_time or shipped_at
            bodies.append(_confirmation(order, given[number], inside[:kept], codes, at))
            pieces += inside[kept:]
    going, left = missing[: len(pieces)], missing[len(pieces) :]
    shares = [[piece] for piece in pieces[: len(going)]]
    if shares:
        shares[-1] += pieces[len(going) :]
    bodies += [
        _confirmation(order, parcel, share, codes, shipped_at) for parcel, share in zip(going, shares, strict=True)
    ]
    return Told(tuple(bodies), tuple(parcel.number for parcel in left))


def carrier_code(carrier: str, codes: Mapping[str, str]) -> str | None:
    """Amazon's code: by the seller's own table first, then by the carrier's canonical name; None where it has none."""
    word, name = carrier.strip(), canonical(carrier) or ""
    own = {spelling.casefold(): code for spelling, code in codes.items()}
    itself = word if word in {*CODES.values(), *codes.values()} else None
    return own.get(word.casefold()) or itself or own.get(name.casefold()) or CODES.get(name)


def choices(codes: Mapping[str, str]) -> tuple[Choice, ...]:
    """The carriers with a code of their own; any other name is told as free text."""
    known = {code: name for name, code in CODES.items()} | {code: name for name, code in codes.items()}
    return tuple(Choice(id=code, title=name) for code, name in sorted(known.items()))


def reference(number: str) -> str:
    """The package's own number at Amazon, which must be positive."""
    return str(zlib.crc32(_plain(number).encode()) % 1_000_000_000 + 1)


def _confirmation(
    order: wire.Order, parcel: Parcel, pieces: Sequence[str], codes: Mapping[str, str], shipped_at: datetime
) -> Json:
    marketplace = order.sales_channel.marketplace_id
    if marketplace is None:
        raise Rejected(f"order {order.order_id} names no marketplace, without which no parcel can be confirmed")
    code = carrier_code(parcel.carrier, codes)
    named = {"carrierCode": code} if code else {"carrierCode": OTHER, "carrierName": parcel.carrier.strip() or OTHER}
    return {
        "marketplaceId": marketplace,
        "packageDetail": {
            "packageReferenceId": reference(parcel.number),
            **named,
            "trackingNumber": parcel.number,
            "shipDate": stamp(shipped_at),
            "orderItems": [{"orderItemId": one, "quantity": pieces.count(one)} for one in dict.fromkeys(pieces)],
        },
    }


def _left(item: wire.Item) -> int:
    fulfillment = item.fulfillment
    if fulfillment is None:
        return item.quantity_ordered
    if fulfillment.quantity_unfulfilled is not None:
        return max(fulfillment.quantity_unfulfilled, 0)
    return max(item.quantity_ordered - (fulfillment.quantity_fulfilled or 0), 0)


def _plain(number: str | None) -> str:
    """A tracking number as it is compared: Amazon may show it without its spaces."""
    return "".join((number or "").split()).casefold()
