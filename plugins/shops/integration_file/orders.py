"""The orders of `OrdersGet` as the hub takes them: the shop's own ones as `Order`, ours as `Echo`."""

from __future__ import annotations

import hashlib
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
    ShopOrder,
    Stage,
)
from orderferry.php import Scalar, count, text, truth
from orderferry.references import reference_in
from plugins.shops.integration_file.settings import FileSettings
from plugins.shops.integration_file.wire import OrderAnswer, OrderLine

_decoder = msgspec.json.Decoder(OrderAnswer)


def understand(order_id: str, raw: bytes, settings: FileSettings, prefix: str) -> Order | Echo | MalformedOrder:
    """One order of a page; what can't be understood is kept as it came."""
    try:
        answer = decode(raw)
        reference = reference_in(text(answer.user_comments), prefix)
        if reference is not None:
            return echo(order_id, answer, reference)
        return shop_order(order_id, answer, raw, settings)
    except (Malformed, msgspec.MsgspecError) as error:
        return MalformedOrder(external_id=order_id, reason=str(error)[:300], raw=raw)


def decode(raw: bytes) -> OrderAnswer:
    """An order's raw text as a value; raises `Malformed`."""
    try:
        return _decoder.decode(raw)
    except msgspec.MsgspecError as error:
        raise Malformed(f"the order can't be read: {error}") from error


def echo(order_id: str, answer: OrderAnswer, reference: str) -> Echo:
    """What one of our own orders tells; that it is not paid says nothing, as a shop may not keep what it was told."""
    paid = True if truth(answer.paid) else None
    return Echo(reference=reference, id=order_id, paid=paid, status=text(answer.status_id) or None)


def held(order_id: str, raw: bytes, settings: FileSettings, warnings: tuple[str, ...] = ()) -> ShopOrder:
    """An order as the shop holds it now; its total is what lines and delivery make, None where they can't be read."""
    answer = decode(raw)
    try:
        whole = total(answer, settings)
    except Malformed:
        whole = None
    return ShopOrder(
        id=order_id,
        number=order_id,
        total=whole,
        status=text(answer.status_id) or None,
        warnings=warnings,
    )


def total(answer: OrderAnswer, settings: FileSettings) -> Money:
    """What the buyer pays by the shop's figures: the protocol has no field for it."""
    whole = _money(answer.delivery_price, answer, settings, "delivery_price")
    for line in answer.products:
        whole += _money(line.price, answer, settings, "price") * _quantity(line)
    return whole


def shop_order(order_id: str, answer: OrderAnswer, raw: bytes, settings: FileSettings) -> Order:
    """An order that was made in the shop; raises `Malformed` naming what is missing."""
    placed = _time(answer.date_add)
    whole = total(answer, settings)
    address = _address(answer, "delivery", settings)
    point = _point(answer)
    cancelled = text(answer.status_id) in settings.cancelled_statuses
    ready = address is not None or point is not None
    return Order(
        external_id=order_id,
        revision=hashlib.blake2b(raw, digest_size=8).hexdigest(),
        stage=Stage.CANCELLED if cancelled else Stage.READY if ready else Stage.PLACED,
        ordered_at=placed,
        updated_at=placed,  # the protocol tells no later time; of two states of one time the one read later counts
        buyer=_buyer(answer),
        lines=tuple(
            _line(f"{order_id}-{place}", line, answer, settings) for place, line in enumerate(answer.products, start=1)
        ),
        delivery=Delivery(
            method_id=text(answer.delivery_method_id) or None,
            method=text(answer.delivery_method) or None,
            cost=_money(answer.delivery_price, answer, settings, "delivery_price"),
            address=address,
            pickup_point=point,
        ),
        payment=_payment(answer, whole),
        total=whole,
        invoice=_invoice(answer, settings),
        comment=text(answer.user_comments) or None,
    )


def _buyer(answer: OrderAnswer) -> Buyer:
    first, last = _names(answer.delivery_fullname)
    return Buyer(
        login=text(answer.client_login) or None,
        email=text(answer.email) or None,
        phone=text(answer.phone) or None,
        first_name=first,
        last_name=last,
        company=text(answer.delivery_company) or None,
    )


def _line(line_id: str, line: OrderLine, answer: OrderAnswer, settings: FileSettings) -> Line:
    price, quantity = _money(line.price, answer, settings, "price"), _quantity(line)
    return Line(
        id=line_id,
        name=text(line.name) or text(line.sku) or f"line {line_id}",
        quantity=quantity,
        unit_price=price,
        total=price * quantity,
        sku=text(line.sku) or None,
        ean=text(line.ean) or None,
        tax_rate=_rate(line.tax),
    )


def _quantity(line: OrderLine) -> int:
    try:
        exact = Decimal(text(line.quantity))
    except ArithmeticError:
        exact = Decimal("NaN")
    if not exact.is_finite() or exact != int(exact):
        raise Malformed("products.quantity is no whole number")
    return int(exact)


def _rate(value: Scalar) -> Decimal | None:
    try:
        rate = Decimal(text(value))
    except ArithmeticError:
        return None
    return rate if rate.is_finite() and rate >= 0 else None  # files write -1 for goods that are exempt


def _money(value: Scalar, answer: OrderAnswer, settings: FileSettings, field: str) -> Money:
    plain = text(value).replace(",", ".")
    if not plain and field != "price":
        plain = "0"
    try:
        return Money.of(plain, text(answer.currency).upper() or settings.currency)
    except Malformed as error:
        raise Malformed(f"{field}: {error}") from error


def _address(answer: OrderAnswer, prefix: str, settings: FileSettings) -> Address | None:
    part = {
        name: text(getattr(answer, f"{prefix}_{name}")) or None
        for name in ("fullname", "company", "address", "postcode", "city", "state_code", "country_code")
    }
    if not part["address"] and not part["city"]:
        return None
    first, last = _names(part["fullname"])
    return Address(
        first_name=first,
        last_name=last,
        company=part["company"],
        street=part["address"] or "",
        city=part["city"] or "",
        postcode=part["postcode"],
        state=part["state_code"],
        country=(part["country_code"] or settings.country).upper(),
        phone=text(answer.phone) or None,
    )


def _point(answer: OrderAnswer) -> PickupPoint | None:
    point = text(answer.delivery_point_id)
    return PickupPoint(id=point, name=text(answer.delivery_point_name) or None) if point else None


def _invoice(answer: OrderAnswer, settings: FileSettings) -> Invoice | None:
    tax_id = text(answer.invoice_nip)
    address = _address(answer, "invoice", settings) if tax_id or truth(answer.want_invoice) else None
    return Invoice(address=address, tax_id=tax_id or None) if address else None


def _payment(answer: OrderAnswer, whole: Money) -> Payment:
    cod = truth(answer.payment_method_cod)
    kind = PaymentKind.CASH_ON_DELIVERY if cod else PaymentKind.OTHER
    paid = whole if truth(answer.paid) else None
    return Payment(kind=kind, provider=text(answer.payment_method) or None, paid=paid)


def _names(value: Scalar) -> tuple[str | None, str | None]:
    first, _, last = text(value).rpartition(" ")
    return first or None, last or None


def _time(value: Scalar) -> datetime:
    seconds = count(value)
    if not seconds:
        raise Malformed("date_add is no unix time")
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Malformed("date_add is no unix time") from error
