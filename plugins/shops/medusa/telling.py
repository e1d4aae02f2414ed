"""Telling the shop of changes: status, payment, parcels. Each reads first and does only what is missing."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from orderferry import Choice, OrderRef, Parcel, PaymentState, Rejected
from plugins.shops.medusa.adding import captured, pay
from plugins.shops.medusa.client import MedusaClient
from plugins.shops.medusa.settings import MedusaSettings
from plugins.shops.medusa.wire import Item, Order, cents

STATUSES = {
    "pending": "Pending: as every new order",
    "fulfilled": "Fulfilled: everything is packed, and its stock taken",
    "completed": "Completed",
    "archived": "Archived",
    "canceled": "Canceled: the goods go back into the stock",
}
LATE = "an order is added as pending, and only then becomes anything else"


class Told(Struct, frozen=True):
    """A parcel as our note on an order holds it."""

    carrier: str
    number: str


def choices() -> tuple[Choice, ...]:
    """Medusa's statuses, and what we do as if it were one."""
    return tuple(
        Choice(id=status, title=title, not_new=None if status == "pending" else LATE)
        for status, title in STATUSES.items()
    )


async def tell_status(client: MedusaClient, settings: MedusaSettings, ref: OrderRef, status: str) -> None:
    """Does what the status stands for, unless it is done."""
    if status not in STATUSES:
        raise Rejected(f"{status!r} is none of Medusa's statuses: {', '.join(STATUSES)}")
    order = await client.order(ref.id)
    if order.status == status:
        return
    if order.status == "canceled":
        raise Rejected(f"order {order.display_id} is canceled in the shop, which Medusa does not undo")
    if status == "pending":
        raise Rejected(f"order {order.display_id} is {order.status} in the shop, and Medusa has no way back")
    if status == "fulfilled":
        await _fulfil(client, settings, order)
    elif status == "canceled":
        await client.act(ref.id, "cancel")
    elif order.status != "archived":  # what is archived was completed before
        await client.act(ref.id, "complete" if status == "completed" else "archive")


async def tell_payment(client: MedusaClient, ref: OrderRef, payment: PaymentState) -> None:
    """Makes the order known as paid."""
    order = await client.order(ref.id)
    known = cents(captured(order)) >= cents(order.total)
    if not payment.paid:
        if known:
            raise Rejected(f"Medusa can't be told that order {order.display_id} is not paid; refund it in the shop")
        return
    if known:
        return
    if order.status == "canceled":
        raise Rejected(f"order {order.display_id} is canceled in the shop, and takes no payment")
    await pay(client, order)


async def tell_parcels(
    client: MedusaClient, settings: MedusaSettings, ref: OrderRef, parcels: Sequence[Parcel]
) -> None:
    """Makes the shop know the parcels: as labels of the shipment, or as a note where that has been made already."""
    order = await client.order(ref.id)
    noted = told(order, settings)
    known = {label.tracking_number for sent in order.fulfillments if not sent.canceled_at for label in sent.labels}
    missing = {one.number: one.carrier for one in parcels if one.number not in known and one.number not in noted}
    if not missing:
        return
    if order.status == "canceled":
        raise Rejected(f"order {order.display_id} is canceled in the shop, and takes no tracking number")
    if any(item.left > 0 for item in order.items):
        await _fulfil(client, settings, order)
        order = await client.order(ref.id)
    waiting = [sent for sent in order.fulfillments if not sent.canceled_at and not sent.shipped_at]
    if not waiting:
        value = [Told(carrier, number) for number, carrier in (noted | missing).items()]
        await client.note(ref.id, {_key(settings): msgspec.json.encode(value).decode()})
        return
    # the numbers go with the first, and it is the last to be shipped: until then a repeat goes on where this ended
    for sent in waiting[1:]:
        await client.ship(ref.id, sent, {}, notify=settings.notify)
    await client.ship(ref.id, waiting[0], missing, notify=settings.notify)


def told(order: Order, settings: MedusaSettings) -> dict[str, str]:
    """Number -> carrier of the parcels in our note; what somebody else has put there counts as nothing."""
    try:
        entries = msgspec.json.decode(order.meta(_key(settings)) or "[]", type=list[Told])
    except msgspec.MsgspecError:
        return {}
    return {entry.number: entry.carrier for entry in entries}


async def _fulfil(client: MedusaClient, settings: MedusaSettings, order: Order) -> None:
    """Packs all that is left: what lies at one place together, goods and services apart, as Medusa wants it."""
    left = [item for item in order.items if item.left > 0]
    if not left:
        return
    held = {one.line_item_id: one.location_id for one in await client.reservations([item.id for item in left])}
    groups: dict[tuple[bool, str | None], list[Item]] = {}
    for item in left:
        groups.setdefault((item.requires_shipping, held.get(item.id)), []).append(item)
    for (_, location), items in groups.items():
        await client.fulfil(order.id, {item.id: item.left for item in items}, location, notify=settings.notify)


def _key(settings: MedusaSettings) -> str:
    return f"{settings.meta_prefix}parcels"
