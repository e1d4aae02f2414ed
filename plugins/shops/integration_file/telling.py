"""Telling the shop of changes. Files say "done" to what they don't do, so what can be read back is read back."""

from __future__ import annotations

from collections.abc import Sequence

from orderferry import Malformed, OrderRef, Parcel, PaymentState, Rejected, Unsure
from orderferry.php import text, truth
from plugins.shops.integration_file.client import FileClient
from plugins.shops.integration_file.orders import decode
from plugins.shops.integration_file.wire import OrderAnswer


async def tell_status(client: FileClient, ref: OrderRef, status: str) -> None:
    """Sets the status, unless the order shows that it has it."""
    before = await _read_back(client, ref)
    if before is not None and text(before.status_id) == status:
        return
    await _update(client, ref, "status", status)
    after = await _read_back(client, ref)
    if after is not None and text(after.status_id) != status:
        raise Rejected(f"the shop said that it set the status {status}, but the order still has {_shown(after)}")


async def tell_payment(client: FileClient, ref: OrderRef, payment: PaymentState) -> None:
    """Says whether the order is paid, unless it shows that already."""
    before = await _read_back(client, ref)
    if before is not None and truth(before.paid) == payment.paid:
        return
    await _update(client, ref, "paid", "1" if payment.paid else "0")
    after = await _read_back(client, ref)
    if after is not None and truth(after.paid) != payment.paid:
        raise Rejected("the shop said that it noted the payment, but the order does not show it")


async def tell_parcels(client: FileClient, ref: OrderRef, parcels: Sequence[Parcel]) -> None:
    """Sets the shipping number; the protocol has one for an order, so several go in with commas between."""
    distinct = {parcel.number: parcel.carrier for parcel in parcels}
    if not distinct:
        return
    carriers = ", ".join(dict.fromkeys(distinct.values()))
    await _update(client, ref, "delivery_number", ", ".join(distinct), delivery_method_name=carriers, tracking_url="")


async def _update(client: FileClient, ref: OrderRef, kind: str, value: str, **more: str) -> None:
    changed = await client.update(ref.id, kind, value, **more)
    if changed is None:
        raise Unsure(f"the shop answered the change of {kind} of order {ref.id} with nothing, as it does when it fails")
    if changed == 0:
        raise Rejected(f"the shop says that it has no order {ref.id} whose {kind} it could change")


async def _read_back(client: FileClient, ref: OrderRef) -> OrderAnswer | None:
    """The order as the shop shows it; None where it shows none, so that nothing can be compared."""
    if not await client.supports("OrdersGet"):
        return None
    try:
        raw = await client.order(ref.id)
        return None if raw is None else decode(raw)
    except (Rejected, Malformed):
        return None


def _shown(order: OrderAnswer) -> str:
    return text(order.status_id) or "none"
