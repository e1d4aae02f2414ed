"""Allegro's checkout form, as JSON, made into an `Order`; pure: no I/O, no clock, no logging.

What is not needed is not read, so that a new or odd value there harms nothing; what is needed and wrong raises
`Malformed` with the field's path and never with its content. The buyer's personal identity number is not declared here,
so it never enters the program. Field meanings: developer.allegro.pl, GET /order/checkout-forms/{id}.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Final, TypeVar

import msgspec

from orderferry import (
    Address,
    Buyer,
    Delivery,
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
from plugins.allegro import wire

T = TypeVar("T")

STAGES: Final = MappingProxyType(
    {
        "BOUGHT": Stage.PLACED,
        "FILLED_IN": Stage.PLACED,
        "READY_FOR_PROCESSING": Stage.READY,
        "CANCELLED": Stage.CANCELLED,
    }
)
"""FILLED_IN isn't ready: the address is not in the payload yet, and data may still change (issue 2608)."""

PAYMENTS: Final = MappingProxyType(
    {
        "CASH_ON_DELIVERY": PaymentKind.CASH_ON_DELIVERY,
        "ONLINE": PaymentKind.ONLINE,
        "SPLIT_PAYMENT": PaymentKind.ONLINE,
        "WIRE_TRANSFER": PaymentKind.TRANSFER,
        "EXTENDED_TERM": PaymentKind.DEFERRED,
    }
)

_FORM: Final = msgspec.json.Decoder(wire.Form)
_PEEK: Final = msgspec.json.Decoder(wire.Peek)
_TEXT: Final = msgspec.json.Decoder(str)
_ID_LENGTH: Final = 64
_REASON_LENGTH: Final = 400


def order(raw: bytes) -> Order:
    """The order that a checkout form tells; raises `Malformed`."""
    try:
        form = _FORM.decode(raw)
    except msgspec.ValidationError as error:
        raise Malformed(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Malformed("the checkout form is no readable JSON") from None
    stage = STAGES.get(form.status)
    if stage is None:
        raise Malformed(f"$.status is {form.status[:40]!r}, which is none of {', '.join(STAGES)}")
    total = _money(form.summary.total_to_pay, "$.summary.totalToPay")
    try:
        return Order(
            external_id=form.id,
            revision=form.revision,
            stage=stage,
            ordered_at=_ordered_at(form.line_items),
            updated_at=_utc(form.updated_at, "$.updatedAt"),
            buyer=_buyer(form.buyer),
            lines=tuple(_lines(form.line_items)),
            delivery=_delivery(form.delivery, stage, total.currency),
            payment=_payment(form),
            total=total,
            invoice=_invoice(form.invoice, stage),
            comment=form.message_to_seller or None,
            site=form.marketplace.id if form.marketplace else None,
            shipped=_shipped(form.fulfillment),
            ships_itself=_ships_itself(form.fulfillment),
        )
    except Malformed:
        raise
    except ValueError as error:  # amounts of two currencies added
        raise Malformed(f"checkout form {form.id[:_ID_LENGTH]}: {error}") from None


def order_or_malformed(raw: bytes) -> Order | MalformedOrder:
    """The order, or what is kept of a form that can't be understood."""
    try:
        return order(raw)
    except Malformed as error:
        return MalformedOrder(external_id=peek(raw)[0], reason=str(error)[:_REASON_LENGTH], raw=bytes(raw))


def peek(raw: bytes) -> tuple[str | None, datetime | None]:
    """A form's id and the time of its last change, each None where it can't be read, however odd the rest is."""
    try:
        seen = _PEEK.decode(raw)
        found = _TEXT.decode(seen.id) if seen.id else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None, None
    name = found if found and len(found) <= _ID_LENGTH else None
    try:
        moment = datetime.fromisoformat(_TEXT.decode(seen.updated_at)) if seen.updated_at else None
    except ValueError:
        return name, None
    return name, moment.astimezone(UTC) if moment and moment.tzinfo else None


def _buyer(buyer: wire.Buyer) -> Buyer:
    return Buyer(
        id=buyer.id,
        login=buyer.login or None,
        email=buyer.email or None,
        phone=buyer.phone_number or None,
        first_name=buyer.first_name or None,
        last_name=buyer.last_name or None,
        company=buyer.company_name or None,
        guest=bool(buyer.guest),
        language=buyer.preferences.language if buyer.preferences else None,
    )


def _ordered_at(items: tuple[wire.LineItem, ...]) -> datetime:
    times = [_utc(item.bought_at, f"$.lineItems[{n}].boughtAt") for n, item in enumerate(items) if item.bought_at]
    if not times:
        raise Malformed("$.lineItems has no line with boughtAt")
    return min(times)


def _lines(items: tuple[wire.LineItem, ...]) -> Iterator[Line]:
    for n, item in enumerate(items):
        path = f"$.lineItems[{n}]"
        price = _money(item.price, f"{path}.price")
        yield Line(
            id=item.id,
            name=item.offer.name,
            quantity=item.quantity,
            unit_price=price,
            total=_times(price, item.quantity, path),
            offer_id=item.offer.id,
            sku=(item.offer.external.id or None) if item.offer.external else None,
            tax_rate=_tax_rate(item.tax, f"{path}.tax.rate"),
        )
        if item.deposit is not None:
            yield _deposit(item, item.deposit, path)
        for m, service in enumerate(item.selected_additional_services or ()):
            fee = _money(service.price, f"{path}.selectedAdditionalServices[{m}].price")
            yield Line(
                id=f"{item.id}/service/{service.definition_id or m}",
                name=service.name,
                quantity=service.quantity,
                unit_price=fee,
                total=_times(fee, service.quantity, path),
                goods=False,
            )


def _deposit(item: wire.LineItem, deposit: wire.Deposit, path: str) -> Line:
    """The bottle deposit: its price is for one piece, the sum is price times the line's quantity (issue 13878)."""
    fee = _money(deposit.price, f"{path}.deposit.price")
    return Line(
        id=f"{item.id}/deposit",
        name=deposit.name or f"{item.offer.name} (deposit)",
        quantity=item.quantity,
        unit_price=fee,
        total=_times(fee, item.quantity, path),
        goods=False,
    )


def _tax_rate(tax: wire.Tax | None, path: str) -> Decimal | None:
    """The VAT rate in per cent; None where Allegro names an exemption in its place."""
    if tax is None or tax.rate is None:
        return None
    try:
        rate = Decimal(str(tax.rate))
    except InvalidOperation:
        return None
    if not (rate.is_finite() and 0 <= rate <= 100):
        raise Malformed(f"{path} is no rate from 0 to 100 per cent")
    return rate


def _delivery(delivery: wire.Delivery | None, stage: Stage, currency: str) -> Delivery:
    """How it is sent; before the form is filled there is no delivery, and no cost of it in the total either."""
    cost = delivery.cost if delivery else None
    if cost is None and stage is Stage.READY:
        raise Malformed("$.delivery.cost is missing in a form that is ready")
    return Delivery(
        method_id=delivery.method.id if delivery and delivery.method else None,
        method=(delivery.method.name or None) if delivery and delivery.method else None,
        cost=_money(cost, "$.delivery.cost") if cost else Money(Decimal(0), currency),
        address=_receiver(delivery.address) if delivery and delivery.address else None,
        pickup_point=_point(delivery.pickup_point) if delivery and delivery.pickup_point else None,
    )


def _receiver(address: wire.DeliveryAddress) -> Address:
    with _at("$.delivery.address"):
        return Address(
            first_name=address.first_name or None,
            last_name=address.last_name or None,
            company=address.company_name or None,
            street=address.street,
            city=address.city,
            postcode=address.zip_code or None,
            country=_country(address.country_code),
            phone=address.phone_number or None,
        )


def _point(point: wire.PickupPoint) -> PickupPoint | None:
    """The pickup point; its address only where it is whole, for older forms name no country there."""
    if not point.id:
        return None
    place = point.address
    address = None
    if place and place.street and place.city and place.country_code:
        with _at("$.delivery.pickupPoint.address"):
            address = Address(
                street=place.street,
                city=place.city,
                postcode=place.zip_code or None,
                country=_country(place.country_code),
            )
    return PickupPoint(id=point.id, name=point.name or None, description=point.description or None, address=address)


def _payment(form: wire.Form) -> Payment:
    """How it is paid; what came in is the payment and all later surcharges together."""
    payment = form.payment
    paid: Money | None = None
    for path, part in (
        ("$.payment", payment),
        *((f"$.surcharges[{n}]", s) for n, s in enumerate(form.surcharges or ())),
    ):
        if part is None or part.paid_amount is None:
            continue
        amount = _money(part.paid_amount, f"{path}.paidAmount")
        paid = amount if paid is None else paid + amount
    if payment is None:
        return Payment(kind=PaymentKind.OTHER, paid=paid)
    return Payment(
        kind=PAYMENTS.get(payment.type or "", PaymentKind.OTHER),
        id=payment.id,
        provider=payment.provider or None,
        paid=paid,
        paid_at=_utc(payment.finished_at, "$.payment.finishedAt") if payment.finished_at else None,
    )


def _invoice(invoice: wire.Invoice | None, stage: Stage) -> Invoice | None:
    """To whom the invoice goes; None where the buyer wants none, or the form isn't ready and names nobody yet."""
    if invoice is None or not invoice.required:
        return None
    address = invoice.address
    if address is None:
        if stage is Stage.READY:
            raise Malformed("$.invoice.address is missing, though an invoice is required")
        return None
    company, person = address.company, address.natural_person
    tax_id, kind = _tax_id(company) if company else (None, None)
    with _at("$.invoice.address"):
        return Invoice(
            address=Address(
                first_name=person.first_name if person else None,
                last_name=person.last_name if person else None,
                company=company.name if company else None,
                street=address.street,
                city=address.city,
                postcode=address.zip_code or None,
                country=_country(address.country_code),
            ),
            tax_id=tax_id,
            tax_id_kind=kind,
        )


def _tax_id(company: wire.Company) -> tuple[str | None, str | None]:
    """The Polish NIP first, then whatever else is given; `taxId` is the deprecated place, of no kind."""
    given = sorted((one for one in company.ids or () if one.value), key=lambda one: one.type != "PL_NIP")
    if given:
        return given[0].value, given[0].type
    return company.tax_id or None, None


def _shipped(fulfillment: wire.Fulfillment | None) -> bool:
    summary = fulfillment.shipment_summary if fulfillment else None
    return summary is not None and summary.line_items_sent == "ALL"


def _ships_itself(fulfillment: wire.Fulfillment | None) -> bool:
    provider = fulfillment.provider if fulfillment else None
    return provider is not None and provider.id == "ALLEGRO"


def _country(code: str) -> str:
    if len(code) != 2 or not (code.isascii() and code.isalpha() and code.isupper()):
        raise Malformed("countryCode is no code of two capital letters")  # its content may be the buyer's
    return code


def _money(price: wire.Price, path: str) -> Money:
    with _at(path):
        return Money.of(price.amount, price.currency)


def _times(price: Money, quantity: int, path: str) -> Money:
    with _at(f"{path}, price times quantity"):
        return price * quantity


def _utc(moment: datetime | None, path: str) -> datetime:
    if moment is None or moment.tzinfo is None:
        raise Malformed(f"{path} is missing or has no time zone")
    return moment.astimezone(UTC)


class _at:  # noqa: N801 - read as a word: with _at("$.delivery.address")
    """Puts the field's path before what is wrong with it."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Malformed):
            raise Malformed(f"{self._path}: {error}") from None
