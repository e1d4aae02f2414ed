"""The shop's orders as the hub takes them: its own ones as `Order`, ours as `Echo`. Values in, values out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

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
    ShopOrder,
    Stage,
)
from orderferry.php import Scalar, text, truth
from orderferry.references import reference_in
from plugins.shops.shoper import wire
from plugins.shops.shoper.knowledge import CALLED_OFF, CLOSED, Facts
from plugins.shops.shoper.wire import LineRow, OrderRow, decimal

_decoder = msgspec.json.Decoder(OrderRow)


def read_order(raw: bytes) -> OrderRow:
    """An order's raw text as a value; raises `Malformed`."""
    try:
        row = _decoder.decode(raw)
    except msgspec.MsgspecError as error:
        raise Malformed(f"the order can't be read: {error}") from error
    if not text(row.order_id):
        raise Malformed("order_id is empty")
    return row


def understand(
    raw: bytes, lines: Sequence[LineRow], facts: Facts, prefix: str, number: str
) -> Order | Echo | MalformedOrder:
    """One order of a page with its lines; what can't be understood is kept as it came."""
    try:
        row = read_order(raw)
        reference = reference_in(text(row.notes_priv), prefix)
        if reference is not None:
            return echo(row, reference)
        return shop_order(row, lines, facts, raw)
    except (Malformed, msgspec.MsgspecError) as error:
        return MalformedOrder(external_id=number, reason=str(error)[:300], raw=raw)


def echo(row: OrderRow, reference: str) -> Echo:
    """What one of our own orders tells; that it is not paid says nothing, as the payment may have been withheld."""
    paid = True if is_paid(row) else None
    return Echo(reference=reference, id=text(row.order_id), paid=paid, status=text(row.status_id) or None)


def is_paid(row: OrderRow) -> bool:
    """Whether the whole sum has come in, by the shop's own word or by its figures."""
    if row.is_paid is not None:
        return truth(row.is_paid)
    paid, whole = decimal(row.paid), decimal(row.sum)
    return paid is not None and whole is not None and paid >= whole > 0


def held(row: OrderRow, facts: Facts, *, stock_fell: bool | None = None, warnings: tuple[str, ...] = ()) -> ShopOrder:
    """An order as the shop holds it."""
    currency = facts.currency(row.currency_id)
    whole = decimal(row.sum)
    return ShopOrder(
        id=text(row.order_id),
        number=text(row.order_id),
        total=Money(whole, currency) if currency and whole is not None else None,
        status=text(row.status_id) or None,
        stock_fell=stock_fell,
        warnings=warnings,
    )


def shop_order(row: OrderRow, lines: Sequence[LineRow], facts: Facts, raw: bytes) -> Order:
    """An order that was made in the shop; raises `Malformed` naming what is missing."""
    currency = facts.currency(row.currency_id)
    if currency is None:
        raise Malformed(f"currency_id {text(row.currency_id)[:20]!r} is not one of the shop's")
    placed = _time(row.date, facts, "date")
    changed = _time(row.status_date, facts, "status_date") if text(row.status_date).strip("0-: ") else placed
    whole = _money(row.sum, currency, "sum")
    delivery, billing = _address(row.delivery_address), _address(row.billing_address)
    status = facts.statuses.get(text(row.status_id))
    kind = status.type if status else ""
    point = text(row.pickup_point)
    ready = delivery is not None or bool(point)
    method = facts.deliveries.get(text(row.shipping_id))
    return Order(
        external_id=text(row.order_id),
        revision=hashlib.blake2b(raw, digest_size=8).hexdigest(),
        stage=Stage.CANCELLED if kind == CALLED_OFF else Stage.READY if ready else Stage.PLACED,
        ordered_at=placed,
        updated_at=max(placed, changed),
        buyer=_buyer(row),
        lines=tuple(_line(line, currency) for line in lines),
        delivery=Delivery(
            method_id=text(row.shipping_id) or None,
            method=method.label if method else None,
            cost=_money(row.shipping_cost, currency, "shipping_cost"),
            address=delivery or billing,
            pickup_point=PickupPoint(id=point) if point else None,
        ),
        payment=_payment(row, whole, facts),
        total=whole,
        invoice=_invoice(row, billing),
        comment=text(row.notes) or None,
        shipped=kind == CLOSED,
    )


def _buyer(row: OrderRow) -> Buyer:
    address = row.billing_address if isinstance(row.billing_address, wire.Address) else wire.Address()
    user = text(row.user_id)
    return Buyer(
        id=user if user not in {"", "0"} else None,
        email=text(row.email) or None,
        phone=text(address.phone) or None,
        first_name=text(address.firstname) or None,
        last_name=text(address.lastname) or None,
        company=text(address.company) or None,
        guest=user in {"", "0"},
    )


def _line(line: LineRow, currency: str) -> Line:
    quantity, price = decimal(line.quantity), _money(line.price, currency, "price")
    if quantity is None or quantity != int(quantity):
        raise Malformed(f"line {text(line.id)[:20]}: its quantity is no whole number")
    discount = decimal(line.discount_perc)
    if discount:
        price = Money((price.amount * (100 - discount) / 100).quantize(price.amount), currency)
    return Line(
        id=text(line.id),
        name=text(line.name) or text(line.code) or f"line {text(line.id)}",
        quantity=int(quantity),
        unit_price=price,
        total=price * int(quantity),
        sku=text(line.code) or None,
        tax_rate=decimal(line.tax_value),
    )


def _address(found: wire.Address | list[object] | None) -> Address | None:
    if not isinstance(found, wire.Address) or not (text(found.street1) or text(found.city)):
        return None
    return Address(
        first_name=text(found.firstname) or None,
        last_name=text(found.lastname) or None,
        company=text(found.company) or None,
        street=text(found.street1),
        street2=text(found.street2) or None,
        city=text(found.city),
        postcode=text(found.postcode) or None,
        state=text(found.state) or None,
        country=text(found.country_code).upper(),
        phone=text(found.phone) or None,
    )


def _invoice(row: OrderRow, billing: Address | None) -> Invoice | None:
    found = row.billing_address
    tax_id = text(found.tax_identification_number) if isinstance(found, wire.Address) else ""
    return Invoice(address=billing, tax_id=tax_id) if billing and tax_id else None


def _payment(row: OrderRow, whole: Money, facts: Facts) -> Payment:
    method = facts.payments.get(text(row.payment_id))
    return Payment(
        kind=PaymentKind.CASH_ON_DELIVERY if truth(row.is_cash_on_delivery) else PaymentKind.OTHER,
        provider=method.label if method else None,
        paid=whole if is_paid(row) else None,
    )


def _money(value: Scalar, currency: str, field: str) -> Money:
    amount = decimal(value)
    if amount is None:
        raise Malformed(f"{field} is no number")
    return Money(amount, currency)


def _time(value: Scalar, facts: Facts, field: str) -> datetime:
    try:
        local = datetime.fromisoformat(text(value))
    except ValueError as error:
        raise Malformed(f"{field} is not a time") from error
    return (local if local.tzinfo else local.replace(tzinfo=facts.zone)).astimezone(UTC)
