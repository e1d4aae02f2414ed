"""Telling Etsy the parcels. Of each one that is added Etsy mails the buyer, so its own list is read first.

A carrier that Etsy does not know makes it take the order for sent and drop the number (github.com/etsy/open-api issue
135): unknown ones are told as "other", and the answer must show the number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from orderferry import Parcel, Rejected
from plugins.etsy import wire

if TYPE_CHECKING:
    from orderferry import Clock
    from plugins.etsy.client import Client

OTHER: Final = "other"
CONFLICT: Final = 409
CARRIERS_KEPT: Final = timedelta(hours=24)

_OTHER_SIGNS: Final = re.compile(r"[\W_]+")


async def set_tracking(client: Client, carriers: Carriers, receipt_id: str, parcels: Sequence[Parcel]) -> None:
    """Adds the parcels that the order does not have yet, each once."""
    wanted = missing(parcels, await client.shipments(receipt_id))
    known = await carriers.known() if wanted else ()
    for parcel in wanted:
        try:
            there = await client.add_tracking(receipt_id, carrier_name(parcel.carrier, known), parcel.number)
        except Rejected as error:
            if error.status != CONFLICT:
                raise
            there = await client.shipments(receipt_id)
        if missing([parcel], there):
            raise Rejected(
                f"Etsy has not kept tracking number {parcel.number!r} of order {receipt_id}, though it may have marked "
                "the order as sent; enter the number on Etsy's own page (telling it again would mail the buyer again)"
            )


def missing(parcels: Iterable[Parcel], present: Iterable[wire.Shipment]) -> tuple[Parcel, ...]:
    """The parcels to be added, each once; spaces, signs and case in a number don't make another of it."""
    seen = {_key(one.tracking_code) for one in present if one.tracking_code}
    wanted: list[Parcel] = []
    for parcel in parcels:
        key = _key(parcel.number)
        if key not in seen:
            seen.add(key)
            wanted.append(parcel)
    return tuple(wanted)


def carrier_name(carrier: str, known: Iterable[str]) -> str:
    """Etsy's own name of a carrier, however it is spelt; "other" where Etsy knows none of this name."""
    by_key = {_key(name): name for name in known}
    return by_key.get(_key(carrier), OTHER)


def _key(text: str) -> str:
    return _OTHER_SIGNS.sub("", text).casefold()


class Carriers:
    """The carriers that Etsy knows for parcels from the seller's country, asked once a day."""

    def __init__(self, client: Client, clock: Clock, country: str) -> None:
        self._client = client
        self._clock = clock
        self._country = country
        self._known: tuple[str, ...] = ()
        self._until: datetime | None = None

    async def known(self) -> tuple[str, ...]:
        """The carriers as they were within the last day."""
        if self._until is None or self._clock.now() >= self._until:
            self._known = await self._client.carriers(self._country)
            self._until = self._clock.now() + CARRIERS_KEPT
        return self._known
