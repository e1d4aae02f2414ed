"""What a hub order becomes in WooCommerce, and what WooCommerce's answer says: values in, values out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

from msgspec import Struct

from orderferry import Address, ForwardOrder, Line, Malformed, Money, PaymentKind, Rejected, ShopOrder
from plugins.shops.woocommerce.knowledge import Match
from plugins.shops.woocommerce.prices import Goods, Place, TaxRules, class_of_percent, place_of, price
from plugins.shops.woocommerce.settings import WooSettings
from plugins.shops.woocommerce.wire import LineAnswer, OrderAnswer, ProductAnswer

JsonObject: TypeAlias = dict[str, Any]  # a part of a request's body

CORE = frozenset(
    {"pending", "processing", "on-hold", "completed", "cancelled", "refunded", "failed", "checkout-draft", "auto-draft"}
)
STOCK_FALLS = frozenset({"processing", "on-hold", "completed"})  # recording 10; no other status lowers it on add
CLAIMS_PAID = frozenset({"processing", "completed"})  # WooCommerce dates the payment in these (recording 10)
LONGEST_SHORT = 100  # what WooCommerce's tables hold of ids and phone numbers
_EMAIL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z0-9-]{2,}")


class Marks:
    """What our note "payment" on an order says: how a payment date that the shop shows is to be read."""

    PAID = "paid"
    UNPAID = "unpaid"
    UNKNOWN = "unknown"  # nobody told us, and WooCommerce dates the payment all the same
    CASH_ON_DELIVERY = "cash_on_delivery"  # likewise
    STATUS = "status"  # unpaid, and it was our own change of the status that made WooCommerce date it


class Draft(Struct, frozen=True, kw_only=True):
    """An order ready to be sent: the body, the status to be set afterwards, and what is known of its lines.

    `products` holds the bound product of each line of the body, None where the line is bound to none.
    """

    body: JsonObject
    then: str | None
    products: tuple[ProductAnswer | None, ...]
    warnings: tuple[str, ...]


def draft(order: ForwardOrder, matches: Sequence[Match], rules: TaxRules, settings: WooSettings) -> Draft:
    """The order as WooCommerce takes it; `matches` are the products of its lines, in their order."""
    if not (order.reference.isascii() and 0 < len(order.reference) <= LONGEST_SHORT):
        raise Rejected(f"the reference must be 1 to {LONGEST_SHORT} ASCII characters for WooCommerce to keep it")
    status, then = statuses_of(order)
    warnings: list[str] = []
    shipping = shipping_address(order)
    billing = billing_address(order, settings, warnings)
    method = _delivery_ids(order, settings)
    place = place_of(_place(billing), _place(shipping), method["method_id"], rules)
    goods = [_goods(line, match, rules, place) for line, match in zip(order.lines, matches, strict=True)]
    priced = price(goods, order.delivery.cost.amount, order.total.amount, rules, place)
    body: JsonObject = {
        "status": status,
        "currency": order.total.currency,
        "created_via": order.reference,
        "billing": billing,
        "shipping": shipping,
        "customer_note": order.comment or "",
        "line_items": [
            _line(line, match.product, net, priceable.tax_class, settings)
            | ({} if match.product else _nobodys_sku(order, place_number))
            for place_number, (line, match, net, priceable) in enumerate(
                zip(order.lines, matches, priced.lines, goods, strict=True), start=1
            )
        ],
        "shipping_lines": [
            {
                **method,
                "method_title": order.delivery.method or settings.delivery_name,
                "total": _text(priced.delivery),
            }
        ],
        "meta_data": _notes(_meta(order, settings)),
        **_payment(order, settings),
    }
    if priced.fee:
        body["fee_lines"] = [{"name": settings.rounding_name, "total": f"{priced.fee:f}", "tax_status": "none"}]
    warnings += [_unbound(line, match) for line, match in zip(order.lines, matches, strict=True) if _lost(line, match)]
    products = tuple(match.product for match in matches)
    return Draft(body=body, then=then, products=products, warnings=tuple(warnings))


def statuses_of(order: ForwardOrder) -> tuple[str, str | None]:
    """The status to add the order with, and the one to set afterwards: stock must fall, and nothing claim a payment.

    Custom statuses don't lower the stock by themselves, and an order put into one after it fell keeps it so.
    """
    wanted = plain_status(order.status or "processing")
    if wanted in CORE - STOCK_FALLS:
        raise Rejected(f"an order added to WooCommerce as {wanted!r} takes nothing from the stock; map another status")
    payment = order.payment
    unpaid = payment is not None and not payment.paid and payment.kind is not PaymentKind.CASH_ON_DELIVERY
    if wanted in CORE:
        return ("on-hold" if unpaid else wanted), None
    return ("on-hold" if unpaid else "processing"), wanted


def plain_status(status: str) -> str:
    """A status as the API takes it: without the prefix that the database and many plugins show."""
    return status.removeprefix("wc-")


def added(answer: OrderAnswer, sent: Draft) -> ShopOrder:
    """What the shop made of the order, with a warning for everything that is not as it should be."""
    warnings = [*sent.warnings, *_total_warning(answer)]
    fell: bool | None = None
    lines = answer.line_items
    if len(lines) != len(sent.products):
        warnings.append(f"The shop's order has {len(lines)} lines, not {len(sent.products)}.")
        fell = False
    else:
        for line, product in zip(lines, sent.products, strict=True):
            if product is None:
                continue
            wrong = _wrong_product(line, product)
            if wrong:
                warnings.append(wrong)
                fell = False
            elif product.manage_stock:
                fell = reduced(line) and fell is not False
        if fell is False:
            warnings.append("The shop's stock did not fall for every line.")
    return shop_order(answer, fell, warnings)


def stale(answer: OrderAnswer, sent: Draft) -> list[ProductAnswer]:
    """The products that the answer shows to be others than we believed."""
    return [
        product
        for line, product in zip(answer.line_items, sent.products, strict=False)
        if product is not None and _wrong_product(line, product)
    ]


def shop_order(answer: OrderAnswer, stock_fell: bool | None, warnings: Sequence[str] = ()) -> ShopOrder:
    """An answer in the contract's words."""
    return ShopOrder(
        id=str(answer.id),
        number=str(answer.number or answer.id),
        total=Money.of(answer.total, answer.currency) if answer.currency else None,
        status=answer.status,
        stock_fell=stock_fell,
        warnings=tuple(warnings),
    )


def reduced(line: LineAnswer) -> bool:
    """Whether the stock fell for this line: WooCommerce notes by how much."""
    return any(entry.key == "_reduced_stock" and entry.value not in {"", None, 0, "0"} for entry in line.meta_data)


def unreduced(answer: OrderAnswer) -> list[LineAnswer]:
    """The lines that are bound to a product and took nothing from its stock."""
    return [line for line in answer.line_items if line.product_id and not reduced(line)]


def carries_reference(answer: OrderAnswer, reference: str, settings: WooSettings) -> bool:
    """Whether the order is the one with exactly this reference."""
    return reference in {answer.created_via, answer.meta(f"{settings.meta_prefix}reference")}


def shipping_address(order: ForwardOrder) -> dict[str, str]:
    """Where the parcel goes; for a pickup point without the buyer's address, the point's own."""
    point = order.delivery.pickup_point
    address = order.delivery.address or (point.address if point else None)
    return _address(address, order) if address else {}


def billing_address(order: ForwardOrder, settings: WooSettings, warnings: list[str]) -> dict[str, str]:
    """To whom the bill goes: the invoice's address, else the delivery's; with the buyer's e-mail unless withheld."""
    address = order.invoice.address if order.invoice else order.delivery.address
    billing = _address(address, order) if address else {}
    if not billing:
        billing = _filled({"first_name": order.buyer.first_name, "last_name": order.buyer.last_name})
    if not billing.get("phone") and order.buyer.phone:
        billing["phone"] = order.buyer.phone[:LONGEST_SHORT]
    email = order.buyer.email
    if email and settings.send_email:
        if _EMAIL.fullmatch(email):
            billing["email"] = email  # left out when missing: WooCommerce refuses an empty one (recording 22)
        else:
            warnings.append("The buyer's e-mail address was left out, as WooCommerce would refuse it.")
    return billing


def _address(address: Address, order: ForwardOrder) -> dict[str, str]:
    named = address.first_name or address.last_name or address.company
    return _filled(
        {
            "first_name": address.first_name if named else order.buyer.first_name,
            "last_name": address.last_name if named else order.buyer.last_name,
            "company": address.company,
            "address_1": address.street,
            "address_2": address.street2,
            "city": address.city,
            "state": address.state,
            "postcode": address.postcode,
            "country": address.country,
            "phone": address.phone[:LONGEST_SHORT] if address.phone else None,
        }
    )


def _filled(parts: dict[str, str | None]) -> dict[str, str]:
    return {key: value for key, value in parts.items() if value}


def _place(address: dict[str, str]) -> Place:
    return Place(*(address.get(part, "") for part in ("country", "state", "postcode", "city")))


def _goods(line: Line, match: Match, rules: TaxRules, place: Place) -> Goods:
    product = match.product
    if product is None:
        return Goods(line.total.amount, class_of_percent(line.tax_rate, rules, place))
    tax_class = "" if product.tax_class in {"parent", "standard"} else product.tax_class
    return Goods(line.total.amount, tax_class, product.tax_status)


def _line(line: Line, product: ProductAnswer | None, net: Decimal, tax_class: str, settings: WooSettings) -> JsonObject:
    body: JsonObject = {"quantity": line.quantity, "subtotal": _text(net), "total": _text(net)}
    notes = {f"{settings.meta_prefix}offer": line.offer_id}
    if product is None:
        body |= {"name": line.name, "tax_class": tax_class}
        notes |= {"SKU": line.sku, "EAN": line.ean}
    elif product.variation:
        body |= {"product_id": product.parent_id, "variation_id": product.id}
    else:
        body["product_id"] = product.id
    if filled := _filled(notes):
        body["meta_data"] = _notes(filled)
    return body


def _nobodys_sku(order: ForwardOrder, place: int) -> JsonObject:
    # A line of no product must name a SKU (recording 11), and one that exists would bind it: so one that nobody has.
    return {"sku": f"{order.reference}:{place}"}


def _notes(notes: Mapping[str, str]) -> list[JsonObject]:
    return [{"key": key, "value": value} for key, value in notes.items()]


def _delivery_ids(order: ForwardOrder, settings: WooSettings) -> dict[str, str]:
    method_id, _, instance = (order.delivery.shop_method or settings.delivery_method).partition(":")
    return {"method_id": method_id, "instance_id": instance} if instance else {"method_id": method_id}


def _payment(order: ForwardOrder, settings: WooSettings) -> dict[str, str]:
    payment = order.payment
    if payment is None:
        return {}
    usual = "cod" if payment.kind is PaymentKind.CASH_ON_DELIVERY else settings.payment_method
    body = {
        "payment_method": (payment.shop_method or usual)[:LONGEST_SHORT],
        "payment_method_title": payment.provider or _KINDS[payment.kind],
    }
    if payment.id:
        body["transaction_id"] = payment.id[:LONGEST_SHORT]
    return body


_KINDS = {
    PaymentKind.ONLINE: "Online payment",
    PaymentKind.CASH_ON_DELIVERY: "Cash on delivery",
    PaymentKind.TRANSFER: "Bank transfer",
    PaymentKind.DEFERRED: "Deferred payment",
    PaymentKind.OTHER: "Other",
}


def _meta(order: ForwardOrder, settings: WooSettings) -> dict[str, str]:
    prefix = settings.meta_prefix
    notes = {
        "reference": order.reference,
        "order": order.external_id,
        "source": order.source,
        "platform": order.source_platform,
        "number": str(order.number),
        "payment": _mark(order),
        "login": order.buyer.login,
    }
    point = order.delivery.pickup_point
    if point is not None:
        notes |= {"pickup_point": point.id, "pickup_point_name": point.name}
    meta = {f"{prefix}{key}": value for key, value in notes.items() if value}
    if point is not None:
        meta |= dict.fromkeys(settings.pickup_point_keys, point.id)
    if order.invoice is not None and order.invoice.tax_id:
        meta |= dict.fromkeys(settings.tax_id_keys, order.invoice.tax_id)
    return meta | dict(order.fields)


def _mark(order: ForwardOrder) -> str:
    payment = order.payment
    if payment is None:
        return Marks.UNKNOWN
    if payment.paid:
        return Marks.PAID
    return Marks.CASH_ON_DELIVERY if payment.kind is PaymentKind.CASH_ON_DELIVERY else Marks.UNPAID


def _lost(line: Line, match: Match) -> bool:
    return line.goods and match.product is None


def _unbound(line: Line, match: Match) -> str:
    keys = [f"SKU {line.sku}" if line.sku else "", f"offer {line.offer_id}" if line.offer_id else ""]
    what = ", ".join(key for key in keys if key) or f"line {line.id}"
    return f"{what}: {match.why}, so the line was added without a product and its stock did not fall."


def _wrong_product(line: LineAnswer, product: ProductAnswer) -> str | None:
    if product.id in {line.product_id, line.variation_id}:
        return None
    if not line.product_id:
        return f"Product {product.id} is no longer in the shop, so its line was added without a product."
    return f"The shop bound a line to product {line.variation_id or line.product_id}, not to {product.id}."


def _total_warning(answer: OrderAnswer) -> list[str]:
    """A total that can't be read; whether it is the marketplace's, the daemon itself compares."""
    try:
        Money.of(answer.total, answer.currency)
    except Malformed:
        return ["The shop did not tell the order's total."]
    return []


def _text(amount: Decimal) -> str:
    return f"{amount:f}"
