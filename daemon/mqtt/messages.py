"""What is told of happenings and of requests, as JSON; the state is `daemon.core.standing`'s."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from daemon.core.journal import Data, Entry, Kind
from daemon.core.telling import sentence
from daemon.views import Problem
from orderferry import Address, Buyer, Order, PickupPoint

LARGEST = 48 * 1024
SKIPPED = "skipped"
TELLS_OF_BUYER = frozenset({Kind.ORDER_NEW, Kind.ORDER_CHANGED})

ONLINE, OFFLINE = b"online", b"offline"


class Identity(Struct, frozen=True, kw_only=True):
    """Who tells: the installation's mark, the epoch of its store (a restored backup begins a new one), our version."""

    installation: str
    epoch: int
    version: str

    def event(self, row: int | str) -> str:
        """The id of an event, which no other has: not even after a backup was put back, and rows come a second time."""
        return f"{self.installation}-{self.epoch}-{row}"


class Personal(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The buyer's data of an order, as far as the marketplace tells it."""

    buyer: Buyer
    address: Address | None = None
    pickup_point: PickupPoint | None = None
    invoice_address: Address | None = None
    tax_id: str | None = None
    comment: str | None = None

    @classmethod
    def of(cls, order: Order) -> Personal:
        """What of this order is the buyer's."""
        return cls(
            buyer=order.buyer,
            address=order.delivery.address,
            pickup_point=order.delivery.pickup_point,
            invoice_address=order.invoice.address if order.invoice else None,
            tax_id=order.invoice.tax_id if order.invoice else None,
            comment=order.comment,
        )


class Event(Struct, frozen=True, kw_only=True):
    """A row of the journal: `id` names it among all events there are, `sequence` grows from event to event.

    `text` is the row as a sentence. `personal` is there where the settings want it, in events that tell of an order.
    """

    id: str
    sequence: int
    at: datetime
    kind: str
    text: str
    order: int | None = None
    account: str | None = None
    job: int | None = None
    data: Data = {}
    personal: Personal | msgspec.UnsetType | None = msgspec.UNSET


class Response(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of a request: the result, or the problem. `id` is the request's, None where it had none to be read."""

    id: str | None
    ok: bool
    result: Any = None  # a view of the control API
    problem: Problem | None = None


def event(entry: Entry, identity: Identity, personal: Personal | msgspec.UnsetType | None = msgspec.UNSET) -> bytes:
    """A row of the journal as it is told; one that is too large is told without its data."""
    whole = Event(
        id=identity.event(entry.id),
        sequence=entry.id,
        at=entry.at,
        kind=entry.kind.value,
        text=sentence(entry),
        order=entry.order,
        account=entry.account,
        job=entry.job,
        data=entry.data,
        personal=personal,
    )
    told = msgspec.json.encode(whole)
    if len(told) <= LARGEST:
        return told
    short = msgspec.structs.replace(whole, data={"too_large": True}, personal=msgspec.UNSET, text=whole.text[:1000])
    return msgspec.json.encode(short)


def skipped(after: int, until: int, count: int, identity: Identity, now: datetime) -> bytes:
    """The event that stands for rows which are told no more."""
    first = after + 1
    return msgspec.json.encode(
        Event(
            id=identity.event(f"{SKIPPED}-{first}-{until}"),
            sequence=until,
            at=now,
            kind=SKIPPED,
            text=f"The broker was away too long: {count} events before this one are told no more. "
            f"`orderferry tail --after {after}` shows them.",
            data={"first": first, "last": until, "count": count},
        )
    )
