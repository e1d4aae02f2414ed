"""Telling the shop of changes: status, payment, parcels. Each reads first and writes only what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from orderferry import Account, OrderRef, Parcel, PaymentState, Rejected
from plugins.shops.woocommerce.client import STATE_FIELDS, WooClient
from plugins.shops.woocommerce.mapping import CLAIMS_PAID, LONGEST_SHORT, Marks, plain_status
from plugins.shops.woocommerce.settings import WooSettings
from plugins.shops.woocommerce.wire import OrderAnswer

SHIPMENT_TRACKING = "wc-shipment-tracking/v3"
ADVANCED = "wc-ast/v3"
NEVER_SET = frozenset({"checkout-draft", "auto-draft", "trash", "any"})
OVER = frozenset({"cancelled", "failed", "refunded", "trash"})


class Told(Struct, frozen=True):
    """A parcel as our note on an order holds it."""

    carrier: str
    number: str


async def tell_status(client: WooClient, settings: WooSettings, ref: OrderRef, status: str) -> None:
    """Sets the status, unless the order has it."""
    wanted = plain_status(status)
    if wanted == "pending":
        raise Rejected("the status 'pending' would put the goods back into the shop's stock; map another one")
    if wanted in NEVER_SET:
        raise Rejected(f"{wanted!r} is not a status that an order can be given")
    order = await client.order(ref.id, STATE_FIELDS)
    if order.status == wanted:
        return
    _not_in_trash(order)
    change: dict[str, Any] = {"status": wanted}
    key = f"{settings.meta_prefix}payment"
    if wanted in CLAIMS_PAID and order.date_paid_gmt is None and order.meta(key) == Marks.UNPAID:
        change["meta_data"] = [{"key": key, "value": Marks.STATUS}]  # else the date would be read back as a payment
    await client.change_order(ref.id, change)


async def tell_payment(client: WooClient, settings: WooSettings, ref: OrderRef, payment: PaymentState) -> None:
    """Tells that the order is paid.

    WooCommerce obeys `set_paid` only where an order waits for payment (pending); an order on hold or in a custom status
    becomes paid by the change to processing, which dates the payment.
    Source: class-wc-rest-orders-controller.php (save_object), class-wc-order.php (needs_payment, maybe_set_date_paid).
    """
    key = f"{settings.meta_prefix}payment"
    order = await client.order(ref.id, STATE_FIELDS)
    dated = order.date_paid_gmt is not None
    known = dated and order.meta(key) in {None, Marks.PAID}
    if not payment.paid:
        if known:
            raise Rejected("WooCommerce can't be told that a paid order is not paid; a refund is made in the shop")
        return
    change: dict[str, Any] = {}
    if payment.id and payment.id[:LONGEST_SHORT] != order.transaction_id:
        change["transaction_id"] = payment.id[:LONGEST_SHORT]
    if not known and not (order.meta(key) == Marks.PAID and order.status in CLAIMS_PAID):
        if order.status in OVER:
            raise Rejected(f"the order is {order.status} in the shop, and a payment would bring it back to life")
        if order.status == "pending":
            change["set_paid"] = True
        elif not dated and order.status not in CLAIMS_PAID:
            change["status"] = "processing"
        change["meta_data"] = [{"key": key, "value": Marks.PAID}]
    if change:
        await client.change_order(ref.id, change)


async def tell_parcels(
    client: WooClient,
    account: Account[WooSettings],
    namespaces: Sequence[str],
    ref: OrderRef,
    parcels: Sequence[Parcel],
) -> None:
    """Makes the shop know the parcels: in a tracking extension where one is active, else as order meta and notes."""
    wanted = list({parcel.number: parcel for parcel in parcels}.values())
    for namespace in (SHIPMENT_TRACKING, ADVANCED):
        if namespace in namespaces:
            await _to_extension(client, account.clock.now(), namespace, ref, wanted)
            return
    await _to_meta(client, account.settings, ref, wanted)


async def _to_extension(
    client: WooClient, now: datetime, namespace: str, ref: OrderRef, parcels: Sequence[Parcel]
) -> None:
    there = {shipment.tracking_number for shipment in await client.shipments(namespace, ref.id)}
    missing = [parcel for parcel in parcels if parcel.number not in there]
    if not missing:
        return
    known = await client.providers(namespace, ref.id) if namespace == SHIPMENT_TRACKING else frozenset()
    for parcel in missing:
        body = {"tracking_number": parcel.number, "date_shipped": now.date().isoformat()}
        provider = next((name for name in known if name.casefold() == parcel.carrier.casefold()), None)
        if namespace == ADVANCED or provider is not None:
            body["tracking_provider"] = provider or parcel.carrier
        else:
            body["custom_tracking_provider"] = parcel.carrier
        await client.add_shipment(namespace, ref.id, body)


async def _to_meta(client: WooClient, settings: WooSettings, ref: OrderRef, parcels: Sequence[Parcel]) -> None:
    order = await client.order(ref.id, STATE_FIELDS)
    there = parcels_in(order.meta(settings.tracking_key))
    missing = [parcel for parcel in parcels if parcel.number not in there]
    if not missing:
        return
    _not_in_trash(order)
    notes = [entry.note for entry in await client.notes(ref.id)]
    for parcel in missing:
        text = f"Parcel {parcel.number} ({parcel.carrier})"
        if text not in notes:
            await client.add_note(ref.id, text)
    # The meta comes last: while it lacks a parcel, a repeat looks for its note again.
    told = there | {parcel.number: parcel.carrier for parcel in missing}
    value = msgspec.json.encode([Told(carrier, number) for number, carrier in told.items()]).decode()
    await client.change_order(ref.id, {"meta_data": [{"key": settings.tracking_key, "value": value}]})


def parcels_in(value: object) -> dict[str, str]:
    """Number -> carrier, as our meta holds them; what somebody else has put there counts as nothing."""
    if not isinstance(value, str):
        return {}
    try:
        entries = msgspec.json.decode(value, type=list[Told])
    except msgspec.MsgspecError:
        return {}
    return {entry.number: entry.carrier for entry in entries}


def _not_in_trash(order: OrderAnswer) -> None:
    if order.status == "trash":
        raise Rejected(f"order {order.id} lies in the shop's trash")
