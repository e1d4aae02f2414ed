"""Etsy's receipt, as JSON, made into an `Order`; pure: no I/O, no clock, no logging.

What is not needed is not read, so that a new or odd value there harms nothing; what is needed and wrong raises
`Malformed` with the field's path and never with its content. Field meanings: developers.etsy.com, ShopReceipt.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import combinations
from types import MappingProxyType
from typing import Final, TypeVar

import msgspec

from orderferry import (
    Address,
    Buyer,
    Delivery,
    Line,
    Malformed,
    MalformedOrder,
    Money,
    Order,
    Parcel,
    Payment,
    PaymentKind,
    Stage,
)
from orderferry.names import first_and_last
from plugins.etsy import wire

T = TypeVar("T")

WAITING: Final = frozenset({"open", "payment processing"})
SOLD: Final = frozenset({"paid", "completed", "partially refunded", "fully refunded"})
CANCELLED: Final = "canceled"
REFUNDED: Final = "fully refunded"

KINDS: Final = MappingProxyType(
    {"bt": PaymentKind.TRANSFER, "check": PaymentKind.OTHER, "mo": PaymentKind.OTHER, "other": PaymentKind.OTHER}
)
"""Payment methods outside Etsy Payments; all others are online."""

SITES: Final = MappingProxyType({0: "etsy", 1: "pattern"})
LONGEST_NUMBER: Final = 64

_RECEIPT: Final = msgspec.json.Decoder(wire.Receipt)
_PEEK: Final = msgspec.json.Decoder(wire.Peek)
_NUMBER: Final = msgspec.json.Decoder(int)
_REASON_LENGTH: Final = 400


class Peek(msgspec.Struct, frozen=True, kw_only=True):
    """What can be seen of a receipt however odd the rest of it is; times in seconds since 1970."""

    receipt_id: str | None = None
    created: int | None = None
    updated: int | None = None


def order(raw: bytes) -> Order:
    """The order that a receipt tells; raises `Malformed`."""
    try:
        told = _RECEIPT.decode(raw)
    except msgspec.ValidationError as error:
        raise Malformed(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Malformed("the receipt is no readable JSON") from None
    if not told.transactions:
        raise Malformed("$.transactions has no line")
    total = _money(told.grandtotal, "$.grandtotal")
    try:
        address = _address(told)
        delivery = _delivery(told, address, total.currency)
        return Order(
            external_id=str(told.receipt_id),
            stage=_stage(told, address),
            ordered_at=_ordered_at(told),
            updated_at=_updated_at(told),
            buyer=Buyer(
                id=str(told.buyer_user_id) if told.buyer_user_id is not None else None, email=told.buyer_email or None
            ),
            lines=tuple(_lines(told, delivery.cost, total)),
            delivery=delivery,
            payment=_payment(told, total),
            total=total,
            comment=_comment(told),
            site=SITES.get(told.receipt_type) if told.receipt_type is not None else None,
            shipped=bool(told.is_shipped),
            parcels=tuple(_parcels(told)),
        )
    except Malformed:
        raise
    except ValueError as error:  # amounts of two currencies added
        raise Malformed(f"receipt {told.receipt_id}: {error}") from None


def order_or_malformed(raw: bytes) -> Order | MalformedOrder:
    """The order, or what is kept of a receipt that can't be understood."""
    try:
        return order(raw)
    except Malformed as error:
        return MalformedOrder(external_id=peek(raw).receipt_id, reason=str(error)[:_REASON_LENGTH], raw=bytes(raw))


def peek(raw: bytes) -> Peek:
    """A receipt's number and times, each None where it can't be read."""
    try:
        seen = _PEEK.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Peek()
    number = _part(seen.receipt_id)
    return Peek(
        receipt_id=str(number) if number is not None and 0 < number < 10**20 else None,
        created=_part(seen.created_timestamp),
        updated=_part(seen.updated_timestamp),
    )


def _part(raw: msgspec.Raw) -> int | None:
    try:
        return _NUMBER.decode(raw) if raw else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _stage(told: wire.Receipt, address: Address | None) -> Stage:
    """READY once it is paid and Etsy shows where it goes; the whole amount paid back before it was sent is a cancel."""
    status = told.status.strip().casefold()
    if status not in WAITING | SOLD | {CANCELLED}:
        known = ", ".join(sorted(WAITING | SOLD | {CANCELLED}))
        raise Malformed(f"$.status is {told.status[:40]!r}, which is none of {known}")
    if status == CANCELLED or (status == REFUNDED and not told.is_shipped):
        return Stage.CANCELLED
    paid = bool(told.is_paid) and status != "payment processing"
    return Stage.READY if paid and address is not None else Stage.PLACED


def _ordered_at(told: wire.Receipt) -> datetime:
    return _utc(_first(told.created_timestamp, told.create_timestamp), "$.created_timestamp")


def _updated_at(told: wire.Receipt) -> datetime:
    """The newest of all times: a refund does not move the receipt's own (github.com/etsy/open-api issue 513)."""
    times = [_utc(_first(told.updated_timestamp, told.update_timestamp), "$.updated_timestamp")]
    for n, refund in enumerate(told.refunds or ()):
        if refund.created_timestamp is not None:
            times.append(_utc(refund.created_timestamp, f"$.refunds[{n}].created_timestamp"))
    return max(times)


def _first(newer: int | None, older: int | None) -> int | None:
    return older if newer is None else newer


def _address(told: wire.Receipt) -> Address | None:
    """Where it goes; None where Etsy shows no street, as in some countries to apps that are no partners."""
    if not told.first_line:
        return None
    if not told.city or not told.country_iso:
        raise Malformed(f"$ has a first_line, but no {'country_iso' if told.city else 'city'}")
    first, last = first_and_last(told.name)
    return Address(
        first_name=first,
        last_name=last,
        street=told.first_line,
        street2=told.second_line or None,
        city=told.city,
        postcode=told.zip or None,
        state=told.state or None,
        country=_country(told.country_iso),
    )


def _delivery(told: wire.Receipt, address: Address | None, currency: str) -> Delivery:
    """Each line names its own method; the first that is named stands for the order, an upgrade before the usual one."""
    names = [one.shipping_upgrade for one in told.transactions] + [one.shipping_method for one in told.transactions]
    method = next((name for name in names if name), None)
    shipping = told.total_shipping_cost
    cost = _money(shipping, "$.total_shipping_cost") if shipping else Money(Decimal(0), currency)
    return Delivery(method_id=method, method=method, cost=cost, address=address)


def _lines(told: wire.Receipt, delivery: Money, total: Money) -> Iterator[Line]:
    left = total - delivery
    for n, one in enumerate(told.transactions):
        path = f"$.transactions[{n}]"
        price = _money(one.price, f"{path}.price")
        if not 0 < one.quantity <= 1_000_000:
            raise Malformed(f"{path}.quantity can't be right")
        cost = price * one.quantity
        left = left - cost
        yield Line(
            id=str(one.transaction_id),
            name=_name(one),
            quantity=one.quantity,
            unit_price=price,
            total=cost,
            offer_id=str(one.listing_id) if one.listing_id is not None else None,
            sku=one.sku or None,
            goods=not one.is_digital,
        )
    yield from _rest(told, left)


def _rest(told: wire.Receipt, left: Money) -> Iterator[Line]:
    """What the total has beside goods and delivery: coupons, tax, gift wrap.

    Etsy keeps some taxes to itself and leaves them out of the total, so those are taken that make the total right.
    """
    zero = Money(Decimal(0), left.currency)
    discount = zero - _maybe(told.discount_amt, "$.discount_amt", zero)
    charges = {
        "tax": ("Tax", _maybe(told.total_tax_cost, "$.total_tax_cost", zero)),
        "gift-wrap": ("Gift wrap", _maybe(told.gift_wrap_price, "$.gift_wrap_price", zero)),
        "vat": ("VAT", _maybe(told.total_vat_cost, "$.total_vat_cost", zero)),
    }
    yield from _charge(told, "discount", "Discount", discount)
    left = left - discount
    for size in range(len(charges), -1, -1):
        for chosen in combinations(charges, size):
            added = sum((charges[key][1].amount for key in chosen), Decimal(0))
            if added == left.amount:
                for key in chosen:
                    yield from _charge(told, key, *charges[key])
                return
    yield from _charge(told, "adjustment", "Adjustment", left)


def _maybe(amount: wire.Amount | None, path: str, zero: Money) -> Money:
    return zero + _money(amount, path) if amount else zero


def _charge(told: wire.Receipt, key: str, name: str, amount: Money) -> Iterator[Line]:
    if amount.amount:
        yield Line(id=f"{told.receipt_id}/{key}", name=name, quantity=1, unit_price=amount, total=amount, goods=False)


def _name(one: wire.Transaction) -> str:
    """The title with what the buyer chose or had written on it; a listing that is gone may have no title."""
    chosen = ", ".join(
        f"{each.formatted_name}: {each.formatted_value}"
        for each in one.variations or ()
        if each.formatted_name and each.formatted_value
    )
    title = one.title or f"Etsy {one.listing_id or one.transaction_id}"
    return f"{title} ({chosen})"[:500] if chosen else title[:500]


def _payment(told: wire.Receipt, total: Money) -> Payment:
    times = [one.paid_timestamp for one in told.transactions if one.paid_timestamp]
    method = (told.payment_method or "").casefold()
    return Payment(
        kind=KINDS.get(method, PaymentKind.ONLINE) if method else PaymentKind.OTHER,
        provider=told.payment_method or None,
        paid=total if told.is_paid else None,
        paid_at=_utc(max(times), "$.transactions.paid_timestamp") if times and told.is_paid else None,
    )


def _comment(told: wire.Receipt) -> str | None:
    """The buyer's message, and what he wants written to whom he makes a gift."""
    parts = [told.message_from_buyer] if told.message_from_buyer else []
    if told.is_gift or told.gift_message:
        sender = f" from {told.gift_sender}" if told.gift_sender else ""
        parts.append(f"Gift{sender}: {told.gift_message}" if told.gift_message else f"This is a gift{sender}.")
    return "\n".join(parts) or None


def _parcels(told: wire.Receipt) -> Iterator[Parcel]:
    for one in told.shipments or ():
        if one.tracking_code and len(one.tracking_code) <= LONGEST_NUMBER:
            yield Parcel(carrier=one.carrier_name or "other", number=one.tracking_code)


def _country(code: str) -> str:
    if len(code) != 2 or not (code.isascii() and code.isalpha() and code.isupper()):
        raise Malformed("$.country_iso is no code of two capital letters")  # its content may be the buyer's
    return code


def _money(amount: wire.Amount, path: str) -> Money:
    if amount.divisor <= 0:
        raise Malformed(f"{path}.divisor must be more than nothing")
    try:
        return Money(Decimal(amount.amount) / amount.divisor, amount.currency_code)
    except Malformed as error:
        raise Malformed(f"{path}: {error}") from None
    except ArithmeticError:
        raise Malformed(f"{path} is no amount that an order can have") from None


def _utc(seconds: int | None, path: str) -> datetime:
    if seconds is None:
        raise Malformed(f"{path} is missing")
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        raise Malformed(f"{path} is no time") from None
