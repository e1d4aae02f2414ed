"""Amazon's order, as JSON, made into an `Order`; pure: no I/O, no clock, no logging.

What is needed and wrong raises `Malformed` with the field's path and never with its content. Field meanings: the model
orders_2026-01-01; what a buyer's data need is on developer-docs.amazon.com/sp-api/docs/access-orders-pii.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP
from types import MappingProxyType
from typing import Final

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
    Parcel,
    Payment,
    PaymentKind,
    Stage,
)
from plugins.amazon import amounts, wire
from plugins.amazon.amounts import CENT, ZERO, Amounts
from plugins.amazon.marketplaces import BY_ID

STAGES: Final = MappingProxyType(
    {
        "PENDING_AVAILABILITY": Stage.PLACED,
        "PENDING": Stage.PLACED,
        "UNSHIPPED": Stage.READY,
        "PARTIALLY_SHIPPED": Stage.READY,
        "SHIPPED": Stage.READY,
        "CANCELLED": Stage.CANCELLED,
        "UNFULFILLABLE": Stage.CANCELLED,
    }
)

SERVICE_LEVELS: Final = MappingProxyType(
    {
        "STANDARD": "Standard",
        "FREE_ECONOMY": "Free economy",
        "EXPEDITED": "Expedited",
        "PRIORITY": "Priority",
        "SECOND_DAY": "Second day",
        "NEXT_DAY": "Next day",
        "SAME_DAY": "Same day",
        "SCHEDULED": "Scheduled",
    }
)
"""The delivery speeds that a buyer chooses from; Amazon knows no other delivery methods."""

OTHERS: Final = MappingProxyType(
    {"GIFT_WRAP": "Gift wrap", "COD_FEE": "Cash on delivery fee", amounts.TIP: "Delivery tip"}
)
CASH_ON_DELIVERY: Final = frozenset({"CashOnDelivery", "COD"})
FOREIGN: Final = "NON_AMAZON"

_ORDER: Final = msgspec.json.Decoder(wire.Order)
_PEEK: Final = msgspec.json.Decoder(wire.Peek)
_TEXT: Final = msgspec.json.Decoder(str)
_REASON_LENGTH: Final = 400
_ID_LENGTH: Final = 64
_NAME_LENGTH: Final = 500


def order_or_malformed(raw: bytes) -> Order | MalformedOrder | None:
    """The order, or what is kept of one that can't be understood; None for a sale that was not made on Amazon.

    Such a sale is one that the seller had Amazon ship for him: it comes from his own shop, where it is already.
    """
    try:
        given = decoded(raw)
        return None if given.sales_channel.channel_name == FOREIGN else order(given)
    except Malformed as error:
        return MalformedOrder(external_id=order_id(raw), reason=str(error)[:_REASON_LENGTH], raw=bytes(raw))


def order(given: wire.Order) -> Order:
    """The order that Amazon tells; raises `Malformed`."""
    fulfillment = given.fulfillment
    if fulfillment is None:
        raise Malformed("$.fulfillment is missing")
    stage = STAGES.get(fulfillment.fulfillment_status)
    if stage is None:
        raise Malformed(f"$.fulfillment.fulfillmentStatus is none of {', '.join(STAGES)}")
    address = _receiver(given.recipient.delivery_address if given.recipient else None)
    if stage is Stage.READY and address is None:
        stage = Stage.PLACED  # nobody can send a parcel to where he does not know
    items = _items(given, stage)
    total = _total(given, items, stage)
    currency = total.currency
    return Order(
        external_id=given.order_id,
        stage=stage,
        ordered_at=_utc(given.created_time, "$.createdTime"),
        updated_at=_utc(given.last_updated_time, "$.lastUpdatedTime"),
        buyer=_buyer(given.buyer, address),
        lines=(*_lines(items, currency), *_charges(given, items, currency)),
        delivery=Delivery(
            method_id=fulfillment.fulfillment_service_level or None,
            method=_method(fulfillment.fulfillment_service_level),
            cost=Money(sum((item.amounts.shipping for item in items), ZERO), currency),
            address=address,
        ),
        payment=_payment(given, fulfillment, total),
        total=total,
        invoice=_invoice(given.tax, address),
        comment=_comment(given),
        site=given.sales_channel.marketplace_name or _site(given),
        shipped=fulfillment.fulfillment_status == "SHIPPED",
        ships_itself=fulfillment.fulfilled_by == "AMAZON",
        parcels=tuple(_parcels(given.packages or ())),
    )


class _Item(msgspec.Struct, frozen=True):
    """An item that counts, with how many pieces of it and for how much."""

    given: wire.Item
    quantity: int
    amounts: Amounts


def _items(given: wire.Order, stage: Stage) -> Sequence[_Item]:
    """The items that are still wanted: one of which every piece was cancelled has the quantity 0.

    Of a cancelled order all have it; one piece of each is then told, since an order can't be without lines.
    """
    found = []
    for n, item in enumerate(given.order_items):
        path = f"$.orderItems[{n}]"
        quantity = item.quantity_ordered
        if stage is Stage.CANCELLED:
            quantity = max(quantity, 1)
        if quantity == 0:
            continue
        told = amounts.of_item(item, path)
        if told.currency is None and stage is Stage.READY:
            raise Malformed(f"{path} has neither proceeds nor a price, though the order is ready")
        found.append(_Item(item, quantity, told))
    if not found:
        raise Malformed("$.orderItems has no item with a quantity")
    return found


def _total(given: wire.Order, items: Sequence[_Item], stage: Stage) -> Money:
    """What the buyer pays, as Amazon says it; before it is ready an order may have no total, only some of its parts."""
    stated = given.proceeds.grand_total if given.proceeds else None
    currencies = {item.amounts.currency for item in items if item.amounts.currency}
    if stated is not None:
        total = amounts.money(stated, "$.proceeds.grandTotal")
        currencies.add(total.currency)
    elif stage is Stage.READY and any(item.given.proceeds is None for item in items):
        raise Malformed("$.proceeds.grandTotal is missing, though the order is ready")
    else:
        currency = next(iter(currencies), None) or _usual_currency(given)
        total = Money(sum((item.amounts.whole for item in items), amounts.tip(given)), currency)
    if len(currencies) > 1:
        raise Malformed("the order's amounts are in several currencies")
    return total


def _usual_currency(given: wire.Order) -> str:
    marketplace = BY_ID.get(given.sales_channel.marketplace_id or "")
    if marketplace is None:
        raise Malformed("neither an amount nor $.salesChannel.marketplaceId tells the order's currency")
    return marketplace.currency


def _lines(items: Iterable[_Item], currency: str) -> Iterator[Line]:
    for item in items:
        product = item.given.product
        name = product.title or product.seller_sku or product.asin
        if not name:
            raise Malformed(f"item {item.given.order_item_id[:_ID_LENGTH]} has no title, no SKU and no ASIN")
        goods = item.amounts.goods
        yield Line(
            id=item.given.order_item_id,
            name=name[:_NAME_LENGTH],
            quantity=item.quantity,
            unit_price=Money((goods / item.quantity).quantize(CENT, ROUND_HALF_UP), currency),
            total=Money(goods, currency),
            offer_id=product.asin or product.seller_sku or None,
            sku=product.seller_sku or None,
            tax_rate=item.amounts.rate,
        )


def _charges(given: wire.Order, items: Iterable[_Item], currency: str) -> Iterator[Line]:
    """Gift wrap, fees and tips: lines of their own that have no stock."""
    for item in items:
        for part, amount in sorted(item.amounts.others.items()):
            yield _charge(f"{item.given.order_item_id}/{part.lower()}", part, Money(amount, currency))
    tip = amounts.tip(given)
    if tip > 0:
        yield _charge(f"{given.order_id}/tip", amounts.TIP, Money(tip, currency))


def _charge(line_id: str, part: str, amount: Money) -> Line:
    name = OTHERS.get(part, "Other charge")
    return Line(id=line_id, name=name, quantity=1, unit_price=amount, total=amount, goods=False)


def _buyer(buyer: wire.Buyer | None, receiver: Address | None) -> Buyer:
    """Amazon tells neither a login nor an id; the e-mail address is its relay."""
    if buyer is None:
        return Buyer()
    first, last = _names(buyer.buyer_name)
    return Buyer(
        email=buyer.buyer_email or None,
        phone=receiver.phone if receiver else None,
        first_name=first,
        last_name=last,
        company=buyer.buyer_company_name or None,
    )


def _names(name: str | None) -> tuple[str | None, str | None]:
    """Amazon keeps a name in one piece: its last word counts as the family name."""
    first, _, last = (name or "").strip().rpartition(" ")
    return first.strip() or None, last or None


def _receiver(address: wire.Address | None) -> Address | None:
    """To where the parcel goes; None unless name, street, town and country are all there.

    The name and the street are withheld from an application without the role for them, the rest is not.
    """
    if address is None or not (address.name or address.company_name):
        return None
    streets = [line.strip() for line in (address.address_line1, address.address_line2, address.address_line3) if line]
    streets = [line for line in streets if line]
    if not streets or not address.city or not address.country_code:
        return None
    first, last = _names(address.name)
    country = address.country_code
    if len(country) != 2 or not (country.isascii() and country.isalpha() and country.isupper()):
        raise Malformed("a countryCode is no code of two capital letters")  # its content may be the buyer's
    return Address(
        first_name=first,
        last_name=last,
        company=address.company_name or None,
        street=streets[0],
        street2=", ".join(streets[1:]) or None,
        city=address.city,
        postcode=address.postal_code or None,
        state=address.state_or_region or None,
        country=country,
        phone=address.phone or None,
    )


def _method(level: str | None) -> str | None:
    return SERVICE_LEVELS.get(level, level) if level else None


def _payment(given: wire.Order, fulfillment: wire.Fulfillment, total: Money) -> Payment:
    """Amazon has collected the money before it lets an order be shipped, but for cash on delivery."""
    methods = {one.payment_method for one in (given.payment.payment_executions if given.payment else None) or ()}
    if methods & CASH_ON_DELIVERY or any(_cash_on_delivery(item) for item in given.order_items):
        return Payment(kind=PaymentKind.CASH_ON_DELIVERY)
    collected = fulfillment.fulfillment_status in {"UNSHIPPED", "PARTIALLY_SHIPPED", "SHIPPED"}
    return Payment(kind=PaymentKind.ONLINE, provider="Amazon", paid=total if collected else None)


def _cash_on_delivery(item: wire.Item) -> bool:
    shipping = item.fulfillment.shipping if item.fulfillment else None
    constraints = shipping.shipping_constraints if shipping else None
    return constraints is not None and constraints.cash_on_delivery == "MANDATORY"


def _invoice(tax: wire.Tax | None, receiver: Address | None) -> Invoice | None:
    """The buyer's tax registration is his wish for an invoice; its address is that of the delivery if it has none."""
    for one in (tax.tax_registrations if tax else None) or ():
        if one.entity_type != "BUYER" or not one.tax_registration_number:
            continue
        address = _receiver(one.tax_registration_address) or receiver
        if address is None:
            return None
        company = one.legal_name or address.company
        return Invoice(
            address=msgspec.structs.replace(address, company=company, phone=None),
            tax_id=one.tax_registration_number,
            tax_id_kind=one.tax_registration_type or None,
        )
    return None


def _comment(given: wire.Order) -> str | None:
    """All that the buyer has to say: Amazon has no field for it, but several for single wishes."""
    notes = [f"Replaces order {one.order_id}" for one in given.associated_orders or () if one.order_id]
    if given.buyer and given.buyer.buyer_purchase_order_number:
        notes.append(f"Purchase order number: {given.buyer.buyer_purchase_order_number}")
    wishes = given.recipient.delivery_preference if given.recipient else None
    if wishes and wishes.drop_off_location:
        notes.append(f"Leave at: {wishes.drop_off_location}")
    if wishes and wishes.address_instruction:
        notes.append(f"How to get there: {wishes.address_instruction}")
    for item in given.order_items:
        notes += _wishes(item)
    return "\n".join(notes) or None


def _wishes(item: wire.Item) -> Iterator[str]:
    what = item.product.seller_sku or item.product.asin or item.order_item_id
    packing = item.fulfillment.packing if item.fulfillment else None
    gift = packing.gift_option if packing else None
    if gift and gift.gift_wrap_level:
        yield f"Gift wrap for {what}: {gift.gift_wrap_level}"
    if gift and gift.gift_message:
        yield f"Gift note for {what}: {gift.gift_message}"
    if item.product.customization and item.product.customization.customized_url:
        yield f"Customised {what}: {item.product.customization.customized_url}"
    request = item.cancellation.cancellation_request if item.cancellation else None
    if request and request.requester == "BUYER":
        yield f"The buyer asks to cancel {what}" + (f": {request.cancel_reason}" if request.cancel_reason else "")


def _parcels(packages: Iterable[wire.Package]) -> Iterator[Parcel]:
    for one in packages:
        number = (one.tracking_number or "").strip()
        if 0 < len(number) <= 64:
            yield Parcel(carrier=one.carrier or "", number=number)


def _site(given: wire.Order) -> str | None:
    marketplace = BY_ID.get(given.sales_channel.marketplace_id or "")
    return marketplace.name if marketplace else given.sales_channel.marketplace_id


def _utc(moment: datetime, path: str) -> datetime:
    if moment.tzinfo is None:
        raise Malformed(f"{path} has no time zone")
    return moment.astimezone(UTC)


def decoded(raw: bytes) -> wire.Order:
    """The order in Amazon's own shape; raises `Malformed`."""
    try:
        return _ORDER.decode(raw)
    except msgspec.ValidationError as error:
        raise Malformed(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Malformed("the order is no readable JSON") from None


def order_id(raw: bytes) -> str | None:
    """An order's id, however odd the rest is; None where it can't be read."""
    try:
        found = _TEXT.decode(_PEEK.decode(raw).order_id or b"null")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found if found and len(found) <= _ID_LENGTH else None
