"""Telling Allegro: fulfilment status and tracking numbers. Everything is read first, and only what differs is written.

Writing an unchanged status is not harmless: an order takes only so many changes, after which Allegro refuses more
(github.com/allegro/allegro-api issue 3652). A tracking number that is posted twice is there twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from orderferry import Choice, Parcel, Rejected, Unavailable
from plugins.allegro import wire

if TYPE_CHECKING:
    from orderferry import Clock
    from plugins.allegro.client import Client

STATUSES: Final = MappingProxyType(
    {
        "NEW": "New",
        "PROCESSING": "Processing",
        "READY_FOR_SHIPMENT": "Ready for shipment",
        "READY_FOR_PICKUP": "Ready for pickup",
        "SENT": "Sent",
        "PICKED_UP": "Picked up",
        "CANCELLED": "Cancelled",
        "SUSPENDED": "Suspended",
    }
)
"""What a seller may set; RETURNED is set by Allegro alone."""

OTHER: Final = "OTHER"
CARRIER_NAME: Final = 30
CARRIERS_KEPT: Final = timedelta(hours=24)
TRIES: Final = 2

_WAYBILL: Final = re.compile(r"[A-Za-z0-9_()-]{1,64}")


class Shipment(Struct, frozen=True):
    """A tracking number as Allegro is to have it; `carrier_name` only beside the carrier OTHER."""

    waybill: str
    carrier_id: str
    carrier_name: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        """By what two shipments are the same."""
        return self.carrier_id.casefold(), self.waybill.casefold()


async def set_status(client: Client, form_id: str, status: str) -> None:
    """Sets the fulfilment status, deciding once again where the form has changed in between."""
    if status not in STATUSES:
        raise Rejected(f"{status[:40]!r} can't be set at Allegro; it takes {', '.join(STATUSES)}")
    for _ in range(TRIES):
        now = await client.fulfillment(form_id)
        if now.fulfillment is not None and now.fulfillment.status == status:
            return
        try:
            await client.put_fulfillment(form_id, now.revision, status)
        except Rejected as error:
            if error.status != 409:
                raise
        else:
            return
    raise Unavailable(f"order {form_id} changes at Allegro faster than its status can be set")


async def set_tracking(client: Client, carriers: Carriers, form_id: str, parcels: Sequence[Parcel]) -> None:
    """Adds the parcels that the order does not have yet."""
    for parcel in parcels:
        check(parcel)
    known = await carriers.known()
    for shipment in missing(parcels, await client.shipments(form_id), known):
        await client.add_shipment(form_id, shipment.waybill, shipment.carrier_id, shipment.carrier_name)


def check(parcel: Parcel) -> None:
    """Raises `Rejected` for a number that Allegro would not take."""
    if not _WAYBILL.fullmatch(parcel.number):
        raise Rejected(
            f"tracking number {parcel.number!r} can't be told to Allegro: it takes 1 to 64 letters from A to Z, "
            "digits, underscores, hyphens and round brackets, and no spaces"
        )


def missing(
    parcels: Iterable[Parcel], present: Iterable[wire.Shipment], carriers: Iterable[wire.Carrier]
) -> tuple[Shipment, ...]:
    """The shipments to be added, each once: same carrier and same number, whatever its case, is there already."""
    seen = {((one.carrier_id or OTHER).casefold(), (one.waybill or "").casefold()) for one in present}
    wanted: list[Shipment] = []
    by_word = words(carriers)
    for parcel in parcels:
        shipment = _shipment(parcel, by_word)
        if shipment.key not in seen:
            seen.add(shipment.key)
            wanted.append(shipment)
    return tuple(wanted)


def words(carriers: Iterable[wire.Carrier]) -> dict[str, str]:
    """Carrier names and ids in small letters -> id; an id wins over a name."""
    known = tuple(carriers)
    names = {one.name.strip().casefold(): one.id for one in known if one.name}
    return names | {one.id.casefold(): one.id for one in known}


def _shipment(parcel: Parcel, by_word: dict[str, str]) -> Shipment:
    carrier = parcel.carrier.strip()
    carrier_id = by_word.get(carrier.casefold(), OTHER)
    return Shipment(
        waybill=parcel.number,
        carrier_id=carrier_id,
        carrier_name=(carrier[:CARRIER_NAME] or None) if carrier_id == OTHER else None,
    )


class Carriers:
    """Allegro's carriers, asked once a day."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._known: tuple[wire.Carrier, ...] = ()
        self._until: datetime | None = None

    async def known(self) -> tuple[wire.Carrier, ...]:
        """The carriers as they were within the last day."""
        if self._until is None or self._clock.now() >= self._until:
            self._known = await self._client.carriers()
            self._until = self._clock.now() + CARRIERS_KEPT
        return self._known


def status_choices() -> tuple[Choice, ...]:
    """The closed list of statuses."""
    return tuple(Choice(id=one, title=title) for one, title in STATUSES.items())
