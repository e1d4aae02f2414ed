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
from plugins.shops.woocommerce.mapping import Marks
from plugins.shops.woocommerce.settings import WooSettings
from plugins.shops.woocommerce.wire import AddressAnswer, LineAnswer, OrderAnswer, ShopOrderAnswer

SKIPPED = frozenset({"checkout-draft", "auto-draft", "trash"})
STAGES = {"pending": Stage.PLACED, "cancelled": Stage.CANCELLED, "failed": Stage.CANCELLED}  # all others: ready
KINDS = {
    "cod": PaymentKind.CASH_ON_DELIVERY,
    "bacs": PaymentKind.TRANSFER,
    "cheque": PaymentKind.TRANSFER,
    "": PaymentKind.OTHER,
    "other": PaymentKind.OTHER,
}
SURE = frozenset({None, Marks.PAID, Marks.UNPAID})  # with these marks the shop's payment date is a payment

_decoder = msgspec.json.Decoder(ShopOrderAnswer)


class _Id(msgspec.Struct):
    id: int | str | None = None


def understand(raw: bytes, settings: WooSettings, prefix: str) -> Order | Echo | MalformedOrder | None:
    """One order of a page; None for drafts and trash. What can't be understood is kept as it came."""
    try:
        answer = _decoder.decode(raw)
        if answer.status in SKIPPED:
            return None
        reference = reference_of(answer, settings, prefix)
        return echo(answer, reference, settings) if reference else shop_order(answer, settings)
    except (Malformed, msgspec.MsgspecError) as error:
        return MalformedOrder(external_id=_id_of(raw), reason=str(error)[:300], raw=bytes(raw))


def reference_of(answer: OrderAnswer, settings: WooSettings, prefix: str) -> str | None:
    """Our reference, where this installation added the order."""
    for value in (answer.meta(f"{settings.meta_prefix}reference"), answer.created_via):
        if isinstance(value, str) and value.startswith(prefix):
            return value
    return None


def echo(answer: OrderAnswer, reference: str, settings: WooSettings) -> Echo:
    """What one of our own orders tells."""
    mark = answer.meta(f"{settings.meta_prefix}payment")
    return Echo(reference=reference, id=str(answer.id), paid=paid(answer, mark), status=answer.status)


def paid(answer: OrderAnswer, mark: object) -> bool | None:
    """Whether the shop knows the order as paid; None where its payment date says nothing.

    WooCommerce dates the payment of every order that is processing or completed, cash on delivery included
    (recording 10), so a date counts only where nothing but a payment can have made it.
    """
    if answer.date_paid_gmt is None:
        return None if mark in {Marks.UNKNOWN, Marks.CASH_ON_DELIVERY} else mark == Marks.PAID
    if answer.payment_method == "cod" and mark != Marks.PAID:
        return None
    return True if mark in SURE else None


def shop_order(answer: ShopOrderAnswer, settings: WooSettings) -> Order:
    """An order that was made in the shop; raises `Malformed` naming what is missing."""
    currency = answer.currency
    modified = _time(answer.date_modified_gmt, "date_modified_gmt")
    stage = STAGES.get(answer.status, Stage.READY)
    total = Money.of(answer.total, currency)
    return Order(
        external_id=str(answer.id),
        revision=answer.date_modified_gmt,
        stage=stage,
        ordered_at=_time(answer.date_created_gmt, "date_created_gmt"),
        updated_at=modified,
        buyer=_buyer(answer),
        lines=_lines(answer),
        delivery=_delivery(answer, settings),
        payment=_payment(answer, total),
        total=total,
        invoice=_invoice(answer, settings),
        comment=answer.customer_note or None,
        shipped=answer.status == "completed",
    )


def _buyer(answer: ShopOrderAnswer) -> Buyer:
    billing = answer.billing
    return Buyer(
        id=str(answer.customer_id) if answer.customer_id else None,
        email=billing.email or None,
        phone=billing.phone or None,
        first_name=billing.first_name or None,
        last_name=billing.last_name or None,
        company=billing.company or None,
        guest=not answer.customer_id,
    )


def _lines(answer: ShopOrderAnswer) -> tuple[Line, ...]:
    percents = {tax.rate_id: tax.rate_percent for tax in answer.tax_lines}
    lines = [_line(line, answer.currency, percents) for line in answer.line_items]
    for fee in answer.fee_lines:
        total = _gross(fee.total, fee.total_tax, answer.currency)
        name = fee.name or "Fee"
        lines.append(Line(id=f"fee-{fee.id}", name=name, quantity=1, unit_price=total, total=total, goods=False))
    return tuple(lines)


def _line(line: LineAnswer, currency: str, percents: dict[int, float | int | None]) -> Line:
    if line.quantity != int(line.quantity):
        raise Malformed(f"line_items[{line.id}].quantity is {line.quantity}, not a whole number")
    quantity = int(line.quantity)
    total = _gross(line.total, line.total_tax, currency)
    unit = (total.amount / quantity).quantize(Decimal("0.01")) if quantity > 0 else total.amount
    rates = [percents.get(tax.id) for tax in line.taxes if tax.total]
    known = [Decimal(str(rate)) for rate in rates if rate is not None]
    return Line(
        id=str(line.id),
        name=line.name or line.sku or f"line {line.id}",
        quantity=quantity,
        unit_price=Money(unit, currency),
        total=total,
        sku=line.sku or None,
        tax_rate=sum(known, Decimal(0)) if known and len(known) == len(rates) else None,
    )


def _gross(net: str, tax: str, currency: str) -> Money:
    return Money.of(net or "0", currency) + Money.of(tax or "0", currency)


def _delivery(answer: ShopOrderAnswer, settings: WooSettings) -> Delivery:
    method = answer.shipping_lines[0] if answer.shipping_lines else None
    point = _first(answer, (f"{settings.meta_prefix}pickup_point", *settings.pickup_point_keys))
    return Delivery(
        method_id=f"{method.method_id}:{method.instance_id}".rstrip(":") if method and method.method_id else None,
        method=(method.method_title or None) if method else None,
        cost=_gross(answer.shipping_total, answer.shipping_tax, answer.currency),
        address=_address(answer.shipping, answer.billing) if answer.shipping.address_1 else _address(answer.billing),
        pickup_point=PickupPoint(id=point) if point else None,
    )


def _address(address: AddressAnswer, other: AddressAnswer | None = None) -> Address | None:
    if not address.address_1 and not address.city and not address.country:
        return None  # an order of virtual goods may have none at all
    return Address(
        first_name=address.first_name or None,
        last_name=address.last_name or None,
        company=address.company or None,
        street=address.address_1,
        street2=address.address_2 or None,
        city=address.city,
        postcode=address.postcode or None,
        state=address.state or None,
        country=address.country,
        phone=address.phone or (other.phone if other else "") or None,
    )


def _invoice(answer: ShopOrderAnswer, settings: WooSettings) -> Invoice | None:
    tax_id = _first(answer, settings.tax_id_keys)
    address = _address(answer.billing) if tax_id else None
    return Invoice(address=address, tax_id=tax_id) if address else None


def _payment(answer: ShopOrderAnswer, total: Money) -> Payment:
    kind = KINDS.get(answer.payment_method, PaymentKind.ONLINE)
    counts = answer.date_paid_gmt is not None and kind is not PaymentKind.CASH_ON_DELIVERY
    return Payment(
        kind=kind,
        id=answer.transaction_id or None,
        provider=answer.payment_method_title or None,
        paid=total if counts else None,
        paid_at=_time(answer.date_paid_gmt, "date_paid_gmt") if counts else None,
    )


def _first(answer: OrderAnswer, keys: tuple[str, ...]) -> str | None:
    return next((value for key in keys if isinstance(value := answer.meta(key), str) and value), None)


def _time(text: str | None, field: str) -> datetime:
    if not text:
        raise Malformed(f"{field} is missing")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Malformed(f"{field} is not a time") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _id_of(raw: bytes) -> str | None:
    try:
        found = msgspec.json.decode(raw, type=_Id).id
    except msgspec.MsgspecError:
        return None
    return None if found is None else str(found)
