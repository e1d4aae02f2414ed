"""An order -> the JSON that the seller's program is sent, and its answer -> a shop's order: pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orderferry import ForwardOrder, Money, Parcel, ShopOrder

from orderferry_order_hook.client import Held


def body(order: ForwardOrder) -> dict[str, Any]:
    """All that may be told of the order, with the names that orderferry itself uses."""
    return {
        "source": order.source,
        "source_order": order.external_id,
        "ordered_at": order.ordered_at,
        "status": order.status,
        "total": order.total.amount,
        "currency": order.total.currency,
        "lines": [
            {
                "name": line.name,
                "sku": line.sku,
                "ean": line.ean,
                "offer": line.offer_id,
                "quantity": line.quantity,
                "unit_price": line.unit_price.amount,
                "total": line.total.amount,
                "tax_rate": line.tax_rate,
            }
            for line in order.lines
        ],
        "delivery": {**_fields(order.delivery), "cost": order.delivery.cost.amount},
        "buyer": _fields(order.buyer),
        "invoice": order.invoice,
        "payment": order.payment,
        "paid": order.payment is not None and order.payment.paid,
        "comment": order.comment,
        "fields": order.fields,
    }


def shop_order(held: Held) -> ShopOrder:
    """The order as the seller's program holds it; it is found by its reference."""
    return ShopOrder(id=held.reference, number=held.number, total=Money.of(held.total, held.currency))


def all_parcels(held: Held, parcels: Sequence[Parcel]) -> list[dict[str, str]] | None:
    """The parcels that are there and those that are missing; None where none is."""
    there = {parcel.number: parcel.carrier for parcel in held.parcels}
    missing = {parcel.number: parcel.carrier for parcel in parcels if parcel.number not in there}
    if not missing:
        return None
    return [{"carrier": carrier, "number": number} for number, carrier in {**there, **missing}.items()]


def _fields(value: Any) -> dict[str, Any]:  # any of the contract's values
    return {name: getattr(value, name) for name in value.__struct_fields__}
