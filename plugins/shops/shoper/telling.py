"""Telling the shop of changes: status, payment, parcels. Each reads first and writes only what is missing."""

from __future__ import annotations

from collections.abc import Sequence

from orderferry import OrderRef, Parcel, PaymentState, Rejected
from orderferry.php import text
from plugins.shops.shoper.client import ShoperClient, number
from plugins.shops.shoper.orders import is_paid
from plugins.shops.shoper.wire import decimal


async def tell_status(client: ShoperClient, ref: OrderRef, status: str) -> None:
    """Sets the status, unless the order has it."""
    wanted = int(number(status))
    order = await client.order(ref.id)
    if text(order.status_id) != str(wanted):
        await client.change_order(ref.id, {"status_id": wanted})


async def tell_payment(client: ShoperClient, ref: OrderRef, payment: PaymentState) -> None:
    """Sets the amount that was paid to the order's sum, and reads back that the shop took it."""
    order = await client.order(ref.id)
    if is_paid(order) == payment.paid:
        return
    if not payment.paid:
        raise Rejected("the shop holds the order as paid, and a refund is made in the shop")
    whole = decimal(order.sum)
    if whole is None:
        raise Rejected("the shop does not tell the order's sum, so it can't be told that it is paid")
    await client.change_order(ref.id, {"paid": whole})
    if not is_paid(await client.order(ref.id)):
        raise Rejected("the shop took the payment without a word, and the order is still not paid")


async def tell_parcels(client: ShoperClient, ref: OrderRef, parcels: Sequence[Parcel]) -> None:
    """Makes a parcel of all goods with the number; further numbers join it, as Shoper packs each piece only once."""
    there = await client.parcels(ref.id)
    known = [code for parcel in there for code in _codes(text(parcel.shipping_code))]
    lacking = [code for code in dict.fromkeys(parcel.number for parcel in parcels) if code not in known]
    if not lacking:
        return
    if not there:
        order = await client.order(ref.id)
        body = {"order_id": int(number(ref.id)), "shipping_id": int(number(text(order.shipping_id))), "sent": True}
        await client.add_parcel({**body, "shipping_code": ", ".join(lacking)})
        return
    last = there[-1]
    codes = [*_codes(text(last.shipping_code)), *lacking]
    await client.change_parcel(text(last.parcel_id), {"shipping_code": ", ".join(codes)})


def _codes(shipping_code: str) -> list[str]:
    return [code for part in shipping_code.split(",") if (code := part.strip())]
