"""Telling the shop of changes: status, payment, parcels. Each reads first and does only what is missing.

Shopify's statuses follow from what is done to an order, so each of ours is an action, or a tag of the seller's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orderferry import Choice, OrderRef, Parcel, PaymentState, Rejected
from plugins.shops.shopify import documents as doc
from plugins.shops.shopify.client import ShopifyClient
from plugins.shops.shopify.mapping import TAG, tag_of
from plugins.shops.shopify.settings import ShopifySettings
from plugins.shops.shopify.wire import Fulfillment, FulfillmentOrder, Shipping, State

ACTIONS = {
    "open": "Open: reopens an order that was closed, and takes our status tag away",
    "fulfilled": "Fulfilled: everything is marked as sent",
    "closed": "Closed (archived)",
    "cancelled": "Cancelled: the goods go back into the stock, nothing is refunded",
}
SENDABLE = frozenset({"OPEN", "IN_PROGRESS"})
WAITING = frozenset({"ON_HOLD", "SCHEDULED"})
VOID = frozenset({"CANCELLED", "ERROR", "FAILURE"})
PAID = frozenset({"PAID", "PARTIALLY_REFUNDED", "REFUNDED"})


def choices(settings: ShopifySettings) -> tuple[Choice, ...]:
    """The actions, and one tag as an example for all."""
    late = {
        "fulfilled": "an order is added before it is sent",
        "closed": "an order that is added as closed would be overlooked",
        "cancelled": "an order that is added as cancelled takes nothing from the stock",
    }
    listed = [Choice(id=action, title=title, not_new=late.get(action)) for action, title in ACTIONS.items()]
    example = Choice(id=f"{TAG}packing", title=f"Any tag of your own: here {settings.status_tag}packing")
    return (*listed, example)


async def tell_status(client: ShopifyClient, settings: ShopifySettings, ref: OrderRef, status: str) -> None:
    """Does what the status stands for, unless it is done."""
    if status not in ACTIONS and not status.startswith(TAG):
        raise Rejected(f"{status!r} is none of Shopify's actions ({', '.join(ACTIONS)}) and no tag ({TAG}...)")
    wanted = tag_of(status, settings) if status.startswith(TAG) else None
    order = await client.state(ref.id)
    if order.cancelled_at is not None:
        if status == "cancelled":
            return
        raise Rejected(f"order {order.name} is cancelled in the shop, which Shopify does not undo")
    if status == "cancelled":
        await client.cancel(ref.id)
        return
    if status == "fulfilled":
        await _send_all(client, settings, ref)
    if status == "closed":
        if not order.closed:
            await client.change(doc.CLOSE, ref.id)
        return
    if order.closed and status == "open":
        await client.change(doc.REOPEN, ref.id)
    if status == "open" or wanted is not None:
        await _tag(client, settings, ref, order, wanted)


async def _tag(
    client: ShopifyClient, settings: ShopifySettings, ref: OrderRef, order: State, wanted: str | None
) -> None:
    """Leaves exactly this one of our status tags on the order."""
    ours = [tag for tag in order.tags if tag.startswith(settings.status_tag)]
    if wanted is not None and wanted not in ours:
        await client.change(doc.TAG, ref.id, tags=[wanted])
    if others := [tag for tag in ours if tag != wanted]:
        await client.change(doc.UNTAG, ref.id, tags=others)


async def tell_payment(client: ShopifyClient, ref: OrderRef, payment: PaymentState) -> None:
    """Marks the order as paid."""
    order = await client.state(ref.id)
    known = order.display_financial_status in PAID
    if not payment.paid:
        if known:
            raise Rejected(f"Shopify can't be told that {order.name} is not paid; a refund is made in the shop")
        return
    if known:
        return
    if order.cancelled_at is not None:
        raise Rejected(f"order {order.name} is cancelled in the shop, and takes no payment")
    if not order.can_mark_as_paid:
        raise Rejected(
            f"Shopify does not let order {order.name} be marked as paid; it is {order.display_financial_status}"
        )
    await client.change(doc.MARK_PAID, ref.id)


async def tell_parcels(
    client: ShopifyClient, settings: ShopifySettings, ref: OrderRef, parcels: Sequence[Parcel]
) -> None:
    """Adds the parcels that are missing: with the fulfilment that sends the goods, or to the one that has."""
    there = await client.shipping(ref.id)
    done = [fulfillment for fulfillment in there.fulfillments if fulfillment.status not in VOID]
    known = {entry.number for fulfillment in done for entry in fulfillment.tracking_info}
    wanted = list({parcel.number: parcel for parcel in parcels}.values())
    missing = [parcel for parcel in wanted if parcel.number not in known]
    if not missing:
        return
    if there.cancelled_at is not None:
        raise Rejected("the order is cancelled in the shop, and takes no tracking number")
    places = _sendable(there)
    notify = settings.notify_shipment
    if places:
        # the numbers come last: until they are there, a repeat goes on where this ended
        for place in places[1:]:
            await client.fulfil(place.id, None, notify=notify)
        await client.fulfil(places[0].id, _tracking(missing), notify=notify)
    elif done:
        await client.track(done[-1].id, _tracking(missing, done[-1]), notify=notify)
    else:
        raise Rejected("the order has nothing that could be sent, so Shopify takes no tracking number for it")


async def _send_all(client: ShopifyClient, settings: ShopifySettings, ref: OrderRef) -> None:
    for place in _sendable(await client.shipping(ref.id)):
        await client.fulfil(place.id, None, notify=settings.notify_shipment)


def _sendable(there: Shipping) -> list[FulfillmentOrder]:
    """The places that still have something to send; raises `Rejected` where it is held back in the shop."""
    places = there.fulfillment_orders.nodes
    held = [place for place in places if place.status in WAITING]
    sendable = [place for place in places if place.status in SENDABLE]
    if held and not sendable:
        raise Rejected("the order's fulfilment is on hold or scheduled in the shop; release it there")
    return sendable


def _tracking(parcels: Sequence[Parcel], there: Fulfillment | None = None) -> dict[str, Any]:
    """All numbers of a fulfilment, which has one carrier: that of its first parcel."""
    before = [entry for entry in there.tracking_info if entry.number] if there else []
    company = next((entry.company for entry in before if entry.company), parcels[0].carrier)
    return {"company": company, "numbers": [*(entry.number for entry in before), *(one.number for one in parcels)]}
