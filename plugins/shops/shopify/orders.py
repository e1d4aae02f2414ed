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
from plugins.shops.shopify import wire
from plugins.shops.shopify.amounts import smallest
from plugins.shops.shopify.mapping import COD, PAYMENT, PAYMENT_ID
from plugins.shops.shopify.settings import ShopifySettings

PAID = frozenset({"PAID", "PARTIALLY_REFUNDED"})
UNPAID = frozenset({"PENDING", "AUTHORIZED", "PARTIALLY_PAID", "EXPIRED"})
GATEWAYS = {
    "cash on delivery": PaymentKind.CASH_ON_DELIVERY,
    "bank deposit": PaymentKind.TRANSFER,
    "bank transfer": PaymentKind.TRANSFER,
    "money order": PaymentKind.TRANSFER,
    "manual": PaymentKind.OTHER,
}

_decoder = msgspec.json.Decoder(wire.ShopOrderAnswer)
_id = msgspec.json.Decoder(dict[str, msgspec.Raw])


def understand(answer: wire.ShopOrderAnswer, settings: ShopifySettings, prefix: str) -> Order | Echo:
    """One order of a page, with all its lines; raises `Malformed` naming what is missing."""
    if answer.metafield is not None and answer.metafield.value.startswith(prefix):
        return echo(answer)
    return shop_order(answer, settings)


def read(raw: bytes) -> wire.ShopOrderAnswer | MalformedOrder:
    """An order as it came; kept raw where it can't be read."""
    try:
        return _decoder.decode(raw)
    except msgspec.MsgspecError as error:
        return malformed(raw, error)


def malformed(raw: bytes, error: Exception) -> MalformedOrder:
    """An order that can't be understood, and why."""
    return MalformedOrder(external_id=_id_of(raw), reason=str(error)[:300], raw=raw)


def echo(answer: wire.ShopOrderAnswer) -> Echo:
    """What one of our own orders tells."""
    assert answer.metafield is not None  # noqa: S101 - the caller has looked at it
    return Echo(
        reference=answer.metafield.value,
        id=wire.number_of(answer.id),
        paid=paid(answer),
        status="cancelled" if answer.cancelled_at else answer.display_fulfillment_status.casefold(),
    )


def paid(answer: wire.ShopOrderAnswer) -> bool | None:
    """Whether the shop knows the order as paid; None where that it does not says nothing.

    We add every order without a known payment as pending: those whose payment was withheld, and cash on delivery.
    """
    status = answer.display_financial_status
    if status in PAID:
        return True
    told = answer.attribute((PAYMENT,))
    return False if status in UNPAID and told not in {None, COD} else None


def shop_order(answer: wire.ShopOrderAnswer, settings: ShopifySettings) -> Order:
    """An order that was made in the shop."""
    total = answer.total_price_set.money()
    delivery = _delivery(answer, total.currency, settings)
    stage = Stage.CANCELLED if answer.cancelled_at else Stage.READY
    if stage is Stage.READY and delivery.address is None and delivery.pickup_point is None:
        stage = Stage.PLACED  # nothing to be sent: a download, a gift card, a sale over the counter
    billing = answer.billing_address or answer.shipping_address or wire.AddressAnswer()
    return Order(
        external_id=wire.number_of(answer.id),
        revision=answer.updated_at,
        stage=stage,
        ordered_at=time(answer.created_at, "createdAt"),
        updated_at=time(answer.updated_at, "updatedAt"),
        buyer=Buyer(
            id=wire.number_of(answer.customer.id) if answer.customer else None,
            email=answer.email or None,
            phone=answer.phone or billing.phone or None,
            first_name=billing.first_name or None,
            last_name=billing.last_name or None,
            company=billing.company or None,
            guest=answer.customer is None,
        ),
        lines=tuple(_line(line, taxes_included=answer.taxes_included) for line in answer.line_items.nodes),
        delivery=delivery,
        payment=_payment(answer, total),
        total=total,
        invoice=_invoice(answer, settings),
        comment=answer.note or None,
        shipped=answer.display_fulfillment_status == "FULFILLED",
    )


def _line(line: wire.Line, *, taxes_included: bool) -> Line:
    if line.quantity < 1:
        raise Malformed(f"lineItems {wire.number_of(line.id)}: its quantity is {line.quantity}")
    total = _gross(line.discounted_total_set, line.tax_lines, taxes_included=taxes_included)
    unit = (total.amount / line.quantity).quantize(smallest(total.currency))
    rates = [Decimal(str(tax.rate_percentage)) for tax in line.tax_lines if tax.rate_percentage is not None]
    return Line(
        id=wire.number_of(line.id),
        name=line.name,
        quantity=line.quantity,
        unit_price=Money(unit, total.currency),
        total=total,
        sku=line.sku or None,
        ean=(line.variant.barcode or None) if line.variant else None,
        tax_rate=sum(rates, Decimal(0)) if rates and len(rates) == len(line.tax_lines) else None,
        goods=line.requires_shipping,
    )


def _gross(price: wire.MoneyBag, taxes: list[wire.TaxLine], *, taxes_included: bool) -> Money:
    total = price.money()
    if not taxes_included:
        for tax in taxes:
            total += tax.price_set.money()
    return total


def _delivery(answer: wire.ShopOrderAnswer, currency: str, settings: ShopifySettings) -> Delivery:
    cost = Money(Decimal(0), currency)
    for line in answer.shipping_lines.nodes:
        cost += _gross(line.discounted_price_set, line.tax_lines, taxes_included=answer.taxes_included)
    first = answer.shipping_lines.nodes[0] if answer.shipping_lines.nodes else None
    point = answer.attribute(settings.pickup_point_keys)
    return Delivery(
        method_id=first.code if first else None,
        method=first.title if first else None,
        cost=cost,
        address=_address(answer.shipping_address, answer.phone) or _address(answer.billing_address, answer.phone),
        pickup_point=PickupPoint(id=point) if point else None,
    )


def _address(address: wire.AddressAnswer | None, phone: str | None) -> Address | None:
    if address is None or not address.country_code_v2 or not (address.address1 or address.city):
        return None
    return Address(
        first_name=address.first_name or None,
        last_name=address.last_name or None,
        company=address.company or None,
        street=address.address1 or "",
        street2=address.address2 or None,
        city=address.city or "",
        postcode=address.zip or None,
        state=address.province_code or None,
        country=address.country_code_v2,
        phone=address.phone or phone or None,
    )


def _invoice(answer: wire.ShopOrderAnswer, settings: ShopifySettings) -> Invoice | None:
    tax_id = answer.attribute(settings.tax_id_keys)
    address = _address(answer.billing_address, None) if tax_id else None
    return Invoice(address=address, tax_id=tax_id) if address else None


def _payment(answer: wire.ShopOrderAnswer, total: Money) -> Payment:
    gateway = answer.payment_gateway_names[0] if answer.payment_gateway_names else None
    words = (gateway or "").casefold()
    kind = next((kind for word, kind in GATEWAYS.items() if word in words), None)
    return Payment(
        kind=kind or (PaymentKind.ONLINE if gateway else PaymentKind.OTHER),
        id=answer.attribute((PAYMENT_ID,)),
        provider=gateway,
        paid=total if answer.display_financial_status in PAID else None,
    )


def time(text: str, field: str) -> datetime:
    """A moment as Shopify writes it; raises `Malformed`."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Malformed(f"{field} is not a time") from error
    if moment.tzinfo is None:
        raise Malformed(f"{field} has no time zone")
    return moment.astimezone(UTC)


def _id_of(raw: bytes) -> str | None:
    try:
        found = msgspec.json.decode(_id.decode(raw)["id"], type=str)
    except (msgspec.MsgspecError, KeyError):
        return None
    return wire.number_of(found)
