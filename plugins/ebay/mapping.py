"""eBay's order, as JSON, made into an `Order`; pure: no I/O, no clock, no logging.

What is not needed is not read, so that a new or odd value there harms nothing; what is needed and wrong raises
`Malformed` with the field's path and never with its content. Field meanings: developer.ebay.com, Sell Fulfillment API,
type Order.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
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
from orderferry.names import first_and_last
from plugins.ebay import wire
from plugins.ebay.values import address as address_of
from plugins.ebay.values import at, money, utc

T = TypeVar("T")

PAID: Final = frozenset({"PAID", "PARTIALLY_REFUNDED", "FULLY_REFUNDED"})
"""The payment has come in; what was paid back later is not less of a sale until it is cancelled."""

KINDS: Final = MappingProxyType(
    {
        "CASH_ON_DELIVERY": PaymentKind.CASH_ON_DELIVERY,
        "CASH_ON_PICKUP": PaymentKind.CASH_ON_DELIVERY,
        "CASH_IN_PERSON": PaymentKind.CASH_ON_DELIVERY,
        "EFT": PaymentKind.TRANSFER,
        "CASHIER_CHECK": PaymentKind.OTHER,
        "PERSONAL_CHECK": PaymentKind.OTHER,
        "MONEY_ORDER": PaymentKind.OTHER,
    }
)
"""Payment methods outside eBay; all others are eBay's own, and online. Cash is paid when the goods are handed over."""

TAX_ID_SITES: Final = frozenset({"EBAY_IT", "EBAY_ES"})
"""Sites whose orders carry the buyer's tax number, which only the single order shows."""

UNIT: Final = Decimal("0.0001")
CENT: Final = Decimal("0.01")

_ORDER: Final = msgspec.json.Decoder(wire.Order)
_PEEK: Final = msgspec.json.Decoder(wire.Peek)
_SITES: Final = msgspec.json.Decoder(tuple[wire.PeekLine, ...])
_CANCEL: Final = msgspec.json.Decoder(wire.CancelStatus)
_TEXT: Final = msgspec.json.Decoder(str)
_TIME: Final = msgspec.json.Decoder(datetime)
_ID_LENGTH: Final = 64
_REASON_LENGTH: Final = 400


class Peek(msgspec.Struct, frozen=True, kw_only=True):
    """`in_part` says that only the single order tells all that is needed; `cancelled` that nothing more comes of it."""

    order_id: str | None = None
    changed_at: datetime | None = None
    in_part: bool = False
    cancelled: bool = False


def order(raw: bytes) -> Order:
    """The order that eBay tells; raises `Malformed`."""
    try:
        told = _ORDER.decode(raw)
    except msgspec.ValidationError as error:
        raise Malformed(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Malformed("the order is no readable JSON") from None
    if not told.line_items:
        raise Malformed("$.lineItems has no line")
    total = money(told.pricing_summary.total, "$.pricingSummary.total")
    try:
        delivery = _delivery(told, total.currency)
        return Order(
            external_id=told.order_id,
            stage=_stage(told, delivery),
            ordered_at=utc(told.creation_date, "$.creationDate"),
            updated_at=_updated_at(told),
            buyer=_buyer(told),
            lines=tuple(_lines(told, delivery.cost, total)),
            delivery=delivery,
            payment=_payment(told, total),
            total=total,
            invoice=_invoice(told, delivery),
            comment=told.buyer_checkout_notes or None,
            site=_site(told),
            shipped=told.order_fulfillment_status == "FULFILLED",
            ships_itself=_ships_itself(told),
        )
    except Malformed:
        raise
    except ValueError as error:  # amounts of two currencies added
        raise Malformed(f"order {told.order_id[:_ID_LENGTH]}: {error}") from None


def order_or_malformed(raw: bytes) -> Order | MalformedOrder:
    """The order, or what is kept of one that can't be understood."""
    try:
        return order(raw)
    except Malformed as error:
        return MalformedOrder(external_id=peek(raw).order_id, reason=str(error)[:_REASON_LENGTH], raw=bytes(raw))


def peek(raw: bytes) -> Peek:
    """What matters of a listed order before it is understood, however odd the rest of it is.

    The list leaves out the buyer's tax number, and how far a cancellation has come (getOrders, `cancelRequests`).
    """
    try:
        seen = _PEEK.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Peek()
    order_id = _part(_TEXT, seen.order_id)
    changed_at = _part(_TIME, seen.last_modified_date)
    cancel = _part(_CANCEL, seen.cancel_status) or wire.CancelStatus()
    taxed = any(line.purchase_marketplace_id in TAX_ID_SITES for line in _part(_SITES, seen.line_items) or ())
    return Peek(
        order_id=order_id if order_id and len(order_id) <= _ID_LENGTH else None,
        changed_at=changed_at if changed_at and changed_at.tzinfo else None,
        in_part=taxed or cancel.cancel_state == "IN_PROGRESS",
        cancelled=cancel.cancel_state == "CANCELED",
    )


def _part(decoder: msgspec.json.Decoder[T], raw: msgspec.Raw) -> T | None:
    try:
        return decoder.decode(raw) if raw else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _stage(told: wire.Order, delivery: Delivery) -> Stage:
    """READY once the checkout is done: paid or payable in cash, a place to go to, and nobody asks to cancel.

    The whole amount paid back before anything was sent is a cancellation as well.
    """
    state = told.cancel_status.cancel_state if told.cancel_status else None
    unsent = told.order_fulfillment_status in {None, "NOT_STARTED"}
    if state == "CANCELED" or (told.order_payment_status == "FULLY_REFUNDED" and unsent):
        return Stage.CANCELLED
    in_cash = told.order_payment_status == "PENDING" and _kind(told) is PaymentKind.CASH_ON_DELIVERY
    payable = told.order_payment_status in PAID or in_cash
    somewhere = delivery.address is not None or delivery.pickup_point is not None
    return Stage.READY if payable and somewhere and state != "IN_PROGRESS" else Stage.PLACED


def _updated_at(told: wire.Order) -> datetime:
    changed = utc(told.last_modified_date, "$.lastModifiedDate")
    ended = told.cancel_status.cancelled_date if told.cancel_status else None
    return max(changed, utc(ended, "$.cancelStatus.cancelledDate")) if ended else changed


def _buyer(told: wire.Order) -> Buyer:
    """The buyer himself, also where the parcel goes to a hub of eBay; the e-mail is his in both places."""
    home = told.buyer.buyer_registration_address or wire.Contact()
    receiver = next((step.ship_to for step in _steps(told) if step.ship_to), wire.Contact())
    first, last = first_and_last(home.full_name)
    return Buyer(
        login=told.buyer.username or None,
        email=receiver.email or home.email or None,
        phone=(home.primary_phone.phone_number or None) if home.primary_phone else None,
        first_name=first,
        last_name=last,
        company=home.company_name or None,
    )


def _lines(told: wire.Order, delivery: Money, total: Money) -> Iterator[Line]:
    left = total - delivery
    for n, item in enumerate(told.line_items):
        path = f"$.lineItems[{n}]"
        cost = money(item.discounted_line_item_cost or item.line_item_cost, f"{path}.lineItemCost")
        left = left - cost
        yield Line(
            id=item.line_item_id,
            name=_name(item),
            quantity=item.quantity,
            unit_price=_unit(cost, item.quantity, path),
            total=cost,
            offer_id=item.legacy_item_id or None,
            sku=item.sku or None,
        )
    yield from _rest(told, left)


def _rest(told: wire.Order, left: Money) -> Iterator[Line]:
    """What the total has beside goods and delivery: fees and taxes that the seller gets, and later adjustments.

    Tax that eBay collects and passes on by itself may or may not be in the total, so the total decides.
    """
    fee = told.pricing_summary.fee
    if fee is not None:
        amount = money(fee, "$.pricingSummary.fee")
        left = left - amount
        yield from _charge(f"{told.order_id}/fee", "Fees", amount)
    tax = _tax(told, left.currency)
    if tax.amount and left.amount == tax.amount:
        left = left - tax
        yield from _charge(f"{told.order_id}/tax", "Tax", tax)
    yield from _charge(f"{told.order_id}/adjustment", "Adjustment", left)


def _charge(line_id: str, name: str, amount: Money) -> Iterator[Line]:
    """A line without goods; its id must be no other order's, for by their lines orders are known as merged."""
    if amount.amount:
        yield Line(id=line_id, name=name, quantity=1, unit_price=amount, total=amount, goods=False)


def _tax(told: wire.Order, currency: str) -> Money:
    if told.pricing_summary.tax is not None:
        return money(told.pricing_summary.tax, "$.pricingSummary.tax")
    collected = Money(Decimal(0), currency)
    for n, item in enumerate(told.line_items):
        for tax in item.ebay_collect_and_remit_taxes or ():
            if tax.amount is not None:
                collected = collected + money(tax.amount, f"$.lineItems[{n}].ebayCollectAndRemitTaxes")
    return collected


def _name(item: wire.LineItem) -> str:
    """The title with the chosen variation."""
    chosen = ", ".join(f"{one.name}: {one.value}" for one in item.variation_aspects or () if one.name and one.value)
    return f"{item.title} ({chosen})" if chosen else item.title


def _unit(cost: Money, quantity: int, path: str) -> Money:
    """The price of one piece (eBay tells the line's alone): in cents if that comes out even, else to four digits."""
    if quantity <= 0:
        raise Malformed(f"{path}.quantity must be more than nothing")
    exact = cost.amount / quantity
    cents = exact.quantize(CENT, ROUND_HALF_UP)
    return Money(cents if cents * quantity == cost.amount else exact.quantize(UNIT, ROUND_HALF_UP), cost.currency)


def _steps(told: wire.Order) -> Iterator[wire.ShippingStep]:
    return (one.shipping_step for one in told.fulfillment_start_instructions or () if one.shipping_step)


def _delivery(told: wire.Order, currency: str) -> Delivery:
    pricing = told.pricing_summary
    cost = money(pricing.delivery_cost, "$.pricingSummary.deliveryCost") if pricing.delivery_cost else None
    cost = cost or Money(Decimal(0), currency)
    if pricing.delivery_discount is not None:
        discount = money(pricing.delivery_discount, "$.pricingSummary.deliveryDiscount")
        with at("$.pricingSummary.deliveryDiscount"):
            cost = cost - Money(abs(discount.amount), discount.currency)
    service = next((step.shipping_service_code for step in _steps(told) if step.shipping_service_code), None)
    return Delivery(
        method_id=service, method=service, cost=cost, address=_receiver(told), pickup_point=_pickup_point(told)
    )


def _receiver(told: wire.Order) -> Address | None:
    """Where the seller sends the parcel, which is never the final destination of an order that goes by a hub of eBay.

    None where eBay shows no address: not yet, no longer, or because nothing is sent.
    """
    found: list[Address] = []
    for n, one in enumerate(told.fulfillment_start_instructions or ()):
        step = one.shipping_step
        if step is None or step.ship_to is None:
            continue
        path = f"$.fulfillmentStartInstructions[{n}].shippingStep.shipTo"
        address = address_of(step.ship_to, path, reference=step.ship_to_reference_id)
        if address is not None and address not in found:
            found.append(address)
    if len(found) > 1:
        raise Malformed("$.fulfillmentStartInstructions names several addresses; divide the order at eBay by hand")
    home = told.buyer.buyer_registration_address
    if not found and home is not None and _needs_no_parcel(told):
        return address_of(home, "$.buyer.buyerRegistrationAddress")
    return found[0] if found else None


def _needs_no_parcel(told: wire.Order) -> bool:
    kinds = {one.fulfillment_instructions_type for one in told.fulfillment_start_instructions or ()}
    return bool(kinds) and kinds <= {"DIGITAL", "FULFILLED_BY_EBAY"}


def _pickup_point(told: wire.Order) -> PickupPoint | None:
    """The seller's own store where the buyer fetches the goods; Click and Collect has the store as its address."""
    steps = (one.pickup_step for one in told.fulfillment_start_instructions or () if one.pickup_step)
    key = next((step.merchant_location_key for step in steps if step.merchant_location_key), None)
    return PickupPoint(id=key) if key else None


def _kind(told: wire.Order) -> PaymentKind:
    payments = _payments(told)
    method = next((one.payment_method for one in payments if one.payment_method), None)
    return KINDS.get(method, PaymentKind.ONLINE) if method else PaymentKind.OTHER


def _payments(told: wire.Order) -> tuple[wire.Payment, ...]:
    return (told.payment_summary.payments or ()) if told.payment_summary else ()


def _payment(told: wire.Order, total: Money) -> Payment:
    """How it is paid. eBay's hold on the seller's funds is no matter of the buyer's: he has paid."""
    payments = _payments(told)
    dates = [
        utc(one.payment_date, f"$.paymentSummary.payments[{n}].paymentDate")
        for n, one in enumerate(payments)
        if one.payment_date
    ]
    return Payment(
        kind=_kind(told),
        id=next((one.payment_reference_id for one in payments if one.payment_reference_id), None),
        provider=next((one.payment_method for one in payments if one.payment_method), None),
        paid=total if told.order_payment_status in PAID else None,
        paid_at=max(dates, default=None),
    )


def _invoice(told: wire.Order, delivery: Delivery) -> Invoice | None:
    """A buyer's tax number asks for an invoice; it is made out to his own address, else to where the parcel goes."""
    given = told.buyer.tax_identifier
    if given is None or not given.taxpayer_id:
        return None
    home = told.buyer.buyer_registration_address
    address = (address_of(home, "$.buyer.buyerRegistrationAddress") if home else None) or delivery.address
    if address is None:
        return None
    return Invoice(address=address, tax_id=given.taxpayer_id, tax_id_kind=given.tax_identifier_type or None)


def _site(told: wire.Order) -> str | None:
    sites = (item.purchase_marketplace_id or item.listing_marketplace_id for item in told.line_items)
    return next((site for site in sites if site), None)


def _ships_itself(told: wire.Order) -> bool:
    program = told.program.fulfillment_program if told.program else None
    kinds = {one.fulfillment_instructions_type for one in told.fulfillment_start_instructions or ()}
    return (program is not None and program.fulfilled_by == "EBAY") or kinds == {"FULFILLED_BY_EBAY"}
