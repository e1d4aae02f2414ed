"""The shop's orders as the hub takes them: its own ones as `Order`, ours as `Echo`. Values in, values out."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from orderferry import (
    Address,
    Buyer,
    Delivery,
    Echo,
    Invoice,
    Line,
    Malformed,
    MalformedOrder,
    Money,
    Order,
    Payment,
    PaymentKind,
    PickupPoint,
    Stage,
)
from plugins.shops.medusa import wire
from plugins.shops.medusa.mapping import reference_key
from plugins.shops.medusa.settings import MedusaSettings

PAID = frozenset({"captured", "partially_refunded"})
SHIPPED = frozenset({"shipped", "partially_delivered", "delivered"})

_decoder = msgspec.json.Decoder(wire.FetchedOrder, float_hook=Decimal)


class _Id(msgspec.Struct):
    id: str | None = None


def understand(raw: bytes, settings: MedusaSettings, prefix: str) -> Order | Echo | MalformedOrder:
    """One order of a page; what can't be understood is kept as it came."""
    try:
        answer = _decoder.decode(raw)
        reference = answer.meta(reference_key(settings))
        if reference is not None and reference.startswith(prefix):
            return Echo(
                reference=reference,
                id=answer.id,
                paid=True if answer.payment_status in PAID else None,
                status=answer.status,
            )
        return shop_order(answer, settings)
    except (Malformed, msgspec.MsgspecError) as error:
        return MalformedOrder(external_id=_id_of(raw), reason=str(error)[:300], raw=raw)


def shop_order(answer: wire.FetchedOrder, settings: MedusaSettings) -> Order:
    """An order that was made in the shop; raises `Malformed` naming what is missing."""
    total = answer.money
    delivery = _delivery(answer, total.currency, settings)
    stage = Stage.CANCELLED if answer.status == "canceled" else Stage.READY
    if stage is Stage.READY and delivery.address is None and delivery.pickup_point is None:
        stage = Stage.PLACED  # nothing to be sent
    billing = answer.billing_address or answer.shipping_address or wire.Address()
    return Order(
        external_id=answer.id,
        revision=answer.updated_at,
        stage=stage,
        ordered_at=moment(answer.created_at, "created_at"),
        updated_at=moment(answer.updated_at, "updated_at"),
        buyer=Buyer(
            id=answer.customer_id,
            email=answer.email or None,
            phone=billing.phone or None,
            first_name=billing.first_name or None,
            last_name=billing.last_name or None,
            company=billing.company or None,
        ),
        lines=tuple(_line(item, total.currency) for item in answer.items),
        delivery=delivery,
        payment=Payment(
            kind=PaymentKind.ONLINE if answer.payment_status in PAID else PaymentKind.OTHER,
            paid=total if answer.payment_status in PAID else None,
        ),
        total=total,
        invoice=_invoice(answer, settings),
        shipped=answer.fulfillment_status in SHIPPED,
    )


def _line(item: wire.Item, currency: str) -> Line:
    if item.quantity != int(item.quantity) or item.total is None:
        raise Malformed(f"items {item.id}: its quantity is {item.quantity}, its total {item.total}")
    quantity = int(item.quantity)
    total = Money(wire.cents(item.total), currency)
    return Line(
        id=item.id,
        name=item.title,
        quantity=quantity,
        unit_price=Money(wire.cents(total.amount / max(quantity, 1)), currency),
        total=total,
        sku=item.variant_sku or None,
        tax_rate=sum((tax.rate for tax in item.tax_lines), Decimal(0)) if item.tax_lines else None,
        goods=item.requires_shipping,
    )


def _delivery(answer: wire.FetchedOrder, currency: str, settings: MedusaSettings) -> Delivery:
    method = answer.shipping_methods[0] if answer.shipping_methods else None
    point = next((value for key in settings.pickup_point_keys if (value := answer.meta(key))), None)
    return Delivery(
        method_id=method.shipping_option_id if method else None,
        method=method.name if method else None,
        cost=Money(wire.cents(answer.shipping_total), currency),
        address=_address(answer.shipping_address) or _address(answer.billing_address),
        pickup_point=PickupPoint(id=point) if point else None,
    )


def _invoice(answer: wire.FetchedOrder, settings: MedusaSettings) -> Invoice | None:
    tax_id = next((value for key in settings.tax_id_keys if (value := answer.meta(key))), None)
    address = _address(answer.billing_address) if tax_id else None
    return Invoice(address=address, tax_id=tax_id) if address else None


def _address(address: wire.Address | None) -> Address | None:
    if address is None or not address.country_code or not (address.address_1 or address.city):
        return None
    return Address(
        first_name=address.first_name or None,
        last_name=address.last_name or None,
        company=address.company or None,
        street=address.address_1 or "",
        street2=address.address_2 or None,
        city=address.city or "",
        postcode=address.postal_code or None,
        state=address.province or None,
        country=address.country_code.upper(),
        phone=address.phone or None,
    )


def moment(text: str, field: str) -> datetime:
    """A moment as Medusa writes it; raises `Malformed`."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise Malformed(f"{field} is not a time") from error
    if found.tzinfo is None:
        raise Malformed(f"{field} has no time zone")
    return found.astimezone(UTC)


def _id_of(raw: bytes) -> str | None:
    try:
        return msgspec.json.decode(raw, type=_Id).id
    except msgspec.MsgspecError:
        return None
