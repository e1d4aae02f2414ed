"""Telling the shop of changes: state, payment, parcels. Each reads first and writes only what is missing."""

from __future__ import annotations

import re
from collections.abc import Sequence

from orderferry import OrderRef, Parcel, PaymentState, Rejected
from plugins.shops.prestashop import texts
from plugins.shops.prestashop.client import PrestaClient, order_number
from plugins.shops.prestashop.knowledge import Shop
from plugins.shops.prestashop.mapping import known_state
from plugins.shops.prestashop.settling import note_payment
from plugins.shops.prestashop.texts import Marks
from plugins.shops.prestashop.wire import Field, Record

LONGEST_TRACKING = 64
_TRACKING = re.compile(r"[~:#%&_=()\[\].? +@/a-zA-Z0-9-]+")  # Validate::isTrackingNumber, less our comma


async def tell_status(client: PrestaClient, shop: Shop, ref: OrderRef, status: str) -> None:
    """Gives the order the state, unless it has it; sends no mail."""
    wanted = known_state(status, shop)
    if wanted == shop.error:
        raise Rejected(f"the state {wanted} (payment error) would put the goods back into the stock; map another one")
    order = await client.one("orders", order_number(ref.id))
    if order.number("current_state") == wanted:
        return
    note = order.get("note")
    if shop.states[wanted].paid and texts.mark_in(note) == Marks.UNPAID:
        # else the state that we set ourselves would be read back as a payment
        await client.change("orders", order.id, {"note": texts.marked(note, Marks.STATUS)})
    await client.add("order_histories", {"id_order": order.id, "id_order_state": wanted})


async def tell_payment(client: PrestaClient, shop: Shop, ref: OrderRef, payment: PaymentState) -> None:
    """Tells that the order is paid: moves it to the state of accepted payments unless its state means paid already."""
    order = await client.one("orders", order_number(ref.id))
    note = order.get("note")
    mark = texts.mark_in(note)
    state = shop.states.get(order.number("current_state"))
    if not payment.paid:
        if mark == Marks.PAID:
            raise Rejected("PrestaShop can't be told that a paid order is not paid; a refund is made in the shop")
        return
    claims = state is not None and state.paid
    if (
        not claims
        and mark != Marks.PAID
        and order.number("current_state") in {shop.cancelled, shop.refunded, shop.error}
    ):
        raise Rejected(
            f"the order is in the state {order.number('current_state')} in the shop, "
            "and a payment would bring it back to life"
        )
    if not claims and mark != Marks.PAID:
        await client.add("order_histories", {"id_order": order.id, "id_order_state": shop.paid})
    if payment.id:
        await note_payment(client, order, payment.id)
    if mark is not None and mark != Marks.PAID:  # last: while it is missing, a repeat looks again whether all is told
        await client.change("orders", order.id, {"note": texts.marked(note, Marks.PAID)})


async def tell_parcels(client: PrestaClient, shop: Shop, ref: OrderRef, parcels: Sequence[Parcel]) -> None:
    """Writes the numbers that are missing to the order's carrier, several with commas; sends no mail.

    A carrier of the shop, told by its id_reference or name, becomes the carrier of the parcels.
    """
    for parcel in parcels:
        if not _TRACKING.fullmatch(parcel.number):
            raise Rejected("PrestaShop refuses this tracking number for its signs")
    number = order_number(ref.id)
    entries = await client.find("order_carriers", {"id_order": f"[{number}]"})
    if not entries:
        raise Rejected(f"order {number} has no carrier in the shop, so no tracking number can be written to it")
    there = {told for entry in entries for told in numbers_in(entry)}
    missing = list(dict.fromkeys(parcel.number for parcel in parcels if parcel.number not in there))
    if not missing:
        return
    entry = min(entries, key=lambda each: each.id)
    fitting, left = _fitting(numbers_in(entry), missing)
    changed: dict[str, Field] = {"tracking_number": ",".join(fitting)}
    carrier = _carrier(shop, parcels[0].carrier)
    if carrier is not None and carrier != entry.number("id_carrier"):
        changed["id_carrier"] = carrier
    await client.change("order_carriers", entry.id, changed)
    if left:
        raise Rejected(
            f"PrestaShop keeps {LONGEST_TRACKING} characters of tracking numbers for an order; "
            f"{len(left)} of the {len(parcels)} parcels do not fit any more"
        )


def _fitting(there: list[str], missing: list[str]) -> tuple[list[str], list[str]]:
    """The numbers that fit into the field, those that are there first, and those that don't."""
    fitting, left = list(there), []
    for number in missing:
        if len(",".join([*fitting, number])) <= LONGEST_TRACKING:
            fitting.append(number)
        else:
            left.append(number)
    return fitting, left


def numbers_in(entry: Record) -> list[str]:
    """The tracking numbers of an order's carrier."""
    return [part.strip() for part in entry.get("tracking_number").split(",") if part.strip()]


def _carrier(shop: Shop, told: str) -> int | None:
    for carrier in shop.carriers:
        if carrier.usable and told.casefold() in {carrier.reference.casefold(), carrier.name.casefold()}:
            return carrier.id
    return None
