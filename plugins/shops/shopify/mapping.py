"""What a hub order becomes in Shopify, and what Shopify's answer says: values in, values out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC
from decimal import Decimal
from typing import Any, TypeAlias

from msgspec import Struct

from orderferry import Address, ForwardOrder, Line, Money, PaymentKind, Rejected, ShopOrder
from plugins.shops.shopify import amounts
from plugins.shops.shopify.documents import KEY, NAMESPACE
from plugins.shops.shopify.knowledge import Match
from plugins.shops.shopify.settings import ShopifySettings
from plugins.shops.shopify.wire import Added, State, UserError, Variant, number_of

JsonObject: TypeAlias = dict[str, Any]  # a part of a request's variables

LONGEST_TAG = 40
LONGEST_NOTE = 5_000
TAG = "tag:"
NEW = frozenset({"open"})  # what an order may be added as, beside a tag
MARKETPLACE, PURCHASE, LOGIN, PAYMENT, PHONE = "Marketplace", "Marketplace order", "Login", "Payment", "Phone"
PAYMENT_ID = "Payment ID"
COD = "cash on delivery"
KINDS = {
    PaymentKind.ONLINE: "online",
    PaymentKind.CASH_ON_DELIVERY: COD,
    PaymentKind.TRANSFER: "bank transfer",
    PaymentKind.DEFERRED: "deferred",
    PaymentKind.OTHER: "other",
}
_DIAL = (
    "AT43 BE32 BG359 CH41 CY357 CZ420 DE49 DK45 EE372 ES34 FI358 FR33 GB44 GR30 HR385 HU36 IE353 LT370 LU352 LV371 "
    "MT356 NL31 NO47 PL48 PT351 RO40 SE46 SI386 SK421 UA380 US1"
)
DIAL: dict[str, str] = dict(re.findall(r"([A-Z]{2})(\d+)", _DIAL))
_E164 = re.compile(r"\+[1-9]\d{6,14}")
_PROVINCE = re.compile(r"[A-Z0-9]{1,3}")


class Draft(Struct, frozen=True, kw_only=True):
    """An order ready to be sent. `variants` are those of the order's lines that are bound to one."""

    order: JsonObject
    options: JsonObject
    variants: tuple[Variant, ...]
    warnings: tuple[str, ...]


def draft(order: ForwardOrder, matches: Sequence[Match], settings: ShopifySettings) -> Draft:
    """The order as Shopify takes it; `matches` are the variants of its lines, in their order."""
    shipping = shipping_address(order)
    billing = address_of(order.invoice.address, order) if order.invoice else shipping
    body: JsonObject = {
        "currency": order.total.currency,
        "processedAt": order.ordered_at.astimezone(UTC).isoformat(),
        "sourceIdentifier": order.external_id,
        "taxesIncluded": True,
        "lineItems": [
            part
            for line, match in zip(order.lines, matches, strict=True)
            for part in _parts(line, match.variant, settings)
        ],
        "shippingLines": [_shipping_line(order, settings)],
        "customAttributes": [{"key": key, "value": value} for key, value in attributes(order, settings).items()],
        "metafields": [{"namespace": NAMESPACE, "key": KEY, "type": "id", "value": order.reference}],
        "tags": [*settings.tags, *_status_tags(order.status, settings)],
        **_payment(order),
    }
    if shipping:
        body["shippingAddress"] = shipping
    if billing:
        body["billingAddress"] = billing
    if order.comment:
        body["note"] = order.comment[:LONGEST_NOTE]
    if order.buyer.email and settings.send_email:
        body["email"] = order.buyer.email
    pairs = list(zip(order.lines, matches, strict=True))
    return Draft(
        order=body,
        options={
            "inventoryBehaviour": "DECREMENT_IGNORING_POLICY" if settings.oversell else "DECREMENT_OBEYING_POLICY",
            "sendReceipt": settings.send_receipt,
            "sendFulfillmentReceipt": False,
        },
        variants=tuple(match.variant for _, match in pairs if match.variant is not None),
        warnings=tuple(_unbound(line, match) for line, match in pairs if line.goods and match.variant is None),
    )


def softened(sent: Draft, errors: Sequence[UserError]) -> Draft | None:
    """The order without what Shopify has just refused, if that can be spared: phones, province codes, the e-mail.

    Phones are kept as an additional detail. None where the refusal is about anything else.
    """
    places = [".".join(error.field or ()).casefold() + " " + error.message.casefold() for error in errors]
    spared = {
        word: key
        for word, key in {"phone": "phone", "province": "provinceCode", "email": "email"}.items()
        if any(word in place for place in places)
    }
    if not spared or not all(any(word in place for word in spared) for place in places):
        return None
    order = dict(sent.order)
    phone: str | None = None
    for name in ("shippingAddress", "billingAddress"):
        if name in order:
            phone = phone or (order[name].get("phone") if "phone" in spared else None)
            order[name] = {key: value for key, value in order[name].items() if key not in spared.values()}
    if "email" in spared:
        order.pop("email", None)
    if phone:
        order["customAttributes"] = [*order["customAttributes"], {"key": PHONE, "value": phone}]
    if order == sent.order:
        return None
    warning = f"Shopify refused the order's {' and '.join(spared)}, so it was added without."
    return Draft(order=order, options=sent.options, variants=sent.variants, warnings=(*sent.warnings, warning))


def added(answer: Added, sent: Draft, settings: ShopifySettings) -> ShopOrder:
    """What the shop made of the order, with a warning for everything that is not as it should be."""
    bound = {line.variant.id for line in answer.line_items.nodes if line.variant is not None}
    warnings = list(sent.warnings)
    whole = len(sent.order["lineItems"]) <= len(answer.line_items.nodes)  # a very long order is not answered whole
    lost = missing(answer, sent)
    if lost:
        numbers = ", ".join(number_of(variant.id) for variant in lost)
        warnings.append(f"The shop did not bind its lines to the variants {numbers}, so their stock did not fall.")
    fell: bool | None = None
    if lost:
        fell = False
    elif whole and any(variant.id in bound and variant.inventory_item.tracked for variant in sent.variants):
        fell = True
    return shop_order(answer, settings, stock_fell=fell, warnings=warnings)


def missing(answer: Added, sent: Draft) -> list[Variant]:
    """The variants that the order's lines were to be bound to, and are not."""
    if len(sent.order["lineItems"]) > len(answer.line_items.nodes):
        return []
    bound = {line.variant.id for line in answer.line_items.nodes if line.variant is not None}
    return [variant for variant in sent.variants if variant.id not in bound]


def shop_order(
    answer: State, settings: ShopifySettings, *, stock_fell: bool | None = None, warnings: Sequence[str] = ()
) -> ShopOrder:
    """An answer in the contract's words."""
    return ShopOrder(
        id=number_of(answer.id),
        number=answer.name,
        total=answer.total_price_set.money(),
        status=status_of(answer, settings),
        stock_fell=stock_fell,
        warnings=tuple(warnings),
    )


def status_of(answer: State, settings: ShopifySettings) -> str:
    """The order's status in the words of our list: what is final comes first, then the seller's own tag."""
    if answer.cancelled_at is not None:
        return "cancelled"
    for tag in answer.tags:
        if tag.startswith(settings.status_tag):
            return TAG + tag.removeprefix(settings.status_tag)
    if answer.closed:
        return "closed"
    return "fulfilled" if answer.display_fulfillment_status == "FULFILLED" else "open"


def tag_of(status: str, settings: ShopifySettings) -> str:
    """The tag that a status such as `tag:packing` stands for."""
    tag = settings.status_tag + status.removeprefix(TAG)
    if not status.removeprefix(TAG).strip() or len(tag) > LONGEST_TAG or "," in tag:
        raise Rejected(f"{status!r} makes no tag: after {TAG!r} comes a word without commas, at most 40 letters in all")
    return tag


def attributes(order: ForwardOrder, settings: ShopifySettings) -> dict[str, str]:
    """The order's additional details, as the shop's panel shows them."""
    details: dict[str, str | None] = {
        MARKETPLACE: order.source,
        PURCHASE: order.external_id,
        LOGIN: order.buyer.login,
        PHONE: _unsendable_phone(order),
    }
    if order.payment is not None:
        details |= {PAYMENT: KINDS[order.payment.kind], PAYMENT_ID: order.payment.id}
    point = order.delivery.pickup_point
    if point is not None:
        details |= dict.fromkeys(settings.pickup_point_keys, point.id)
        details["Pickup point name"] = point.name
    if order.invoice is not None:
        details |= dict.fromkeys(settings.tax_id_keys, order.invoice.tax_id)
    return {key: value for key, value in details.items() if value} | dict(order.fields)


def shipping_address(order: ForwardOrder) -> JsonObject:
    """Where the parcel goes; for a pickup point without the buyer's address, the point's own."""
    point = order.delivery.pickup_point
    address = order.delivery.address or (point.address if point else None)
    return address_of(address, order) if address else {}


def address_of(address: Address, order: ForwardOrder) -> JsonObject:
    """An address as Shopify takes it: the phone only where it is surely one, the province only as a code."""
    named = address.first_name or address.last_name or address.company
    parts = {
        "firstName": address.first_name if named else order.buyer.first_name,
        "lastName": address.last_name if named else order.buyer.last_name,
        "company": address.company,
        "address1": address.street,
        "address2": address.street2,
        "city": address.city,
        "zip": address.postcode,
        "provinceCode": address.state if address.state and _PROVINCE.fullmatch(address.state) else None,
        "countryCode": address.country,
        "phone": e164(address.phone or order.buyer.phone, address.country),
    }
    return {key: value for key, value in parts.items() if value}


def e164(phone: str | None, country: str) -> str | None:
    """A phone number as Shopify takes it, +48600700800; None where it can't be told that it is one."""
    plain = re.sub(r"[\s()./-]", "", phone or "")
    if plain.startswith("00"):
        plain = "+" + plain[2:]
    if plain and plain[0] != "+" and country in DIAL:
        plain = f"+{DIAL[country]}{plain.lstrip('0')}"
    return plain if _E164.fullmatch(plain) else None


def _unsendable_phone(order: ForwardOrder) -> str | None:
    address = order.delivery.address
    phone = (address.phone if address else None) or order.buyer.phone
    if phone and address and e164(phone, address.country):
        return None
    return phone


def _parts(line: Line, variant: Variant | None, settings: ShopifySettings) -> list[JsonObject]:
    percent = amounts.percent_of(line, settings.tax_percent)
    parts = []
    for priced in amounts.split(line.total, line.quantity):
        part: JsonObject = {
            "quantity": priced.quantity,
            "priceSet": _bag(priced.unit),
            "requiresShipping": line.goods,  # without it there would be nothing to fulfil
            "taxable": percent is not None,
            "taxLines": _tax_lines(priced.unit * priced.quantity, percent, settings),
        }
        if variant is not None:
            part["variantId"] = variant.id
        else:
            part |= {"title": line.name} | ({"sku": line.sku} if line.sku else {})
        if line.offer_id:
            part["properties"] = [{"name": "Offer", "value": line.offer_id}]
        parts.append(part)
    return parts


def _shipping_line(order: ForwardOrder, settings: ShopifySettings) -> JsonObject:
    delivery = order.delivery
    line: JsonObject = {
        "title": delivery.method or settings.delivery_name,
        "priceSet": _bag(delivery.cost),
        "taxLines": _tax_lines(delivery.cost, amounts.percent_of_delivery(order.lines, settings.tax_percent), settings),
    }
    if delivery.shop_method:
        line["code"] = delivery.shop_method
    return line


def _tax_lines(gross: Money, percent: Decimal | None, settings: ShopifySettings) -> list[JsonObject]:
    if percent is None:
        return []
    tax = amounts.tax_within(gross, percent)
    return [{"title": settings.tax_title, "rate": f"{percent / 100:f}", "priceSet": _bag(tax)}]


def _bag(money: Money) -> JsonObject:
    return {"shopMoney": {"amount": f"{money.amount:f}", "currencyCode": money.currency}}


def _payment(order: ForwardOrder) -> JsonObject:
    """A payment that has come in as a transaction; else nothing claims one."""
    payment = order.payment
    if payment is None or not payment.paid:
        return {"financialStatus": "PENDING"}
    transaction: JsonObject = {
        "kind": "SALE",
        "status": "SUCCESS",
        "gateway": payment.shop_method or payment.provider or order.source,
        "amountSet": _bag(order.total),
    }
    if payment.paid_at is not None:
        transaction["processedAt"] = payment.paid_at.astimezone(UTC).isoformat()
    return {"transactions": [transaction]}


def _status_tags(status: str | None, settings: ShopifySettings) -> list[str]:
    if status is None or status in NEW:
        return []
    if status.startswith(TAG):
        return [tag_of(status, settings)]
    raise Rejected(f"an order can't be added to Shopify as {status!r}; map 'open' or 'tag:...' for new orders")


def _unbound(line: Line, match: Match) -> str:
    keys: Mapping[str, str | None] = {"SKU": line.sku, "offer": line.offer_id}
    what = ", ".join(f"{name} {value}" for name, value in keys.items() if value) or f"line {line.id}"
    return f"{what}: {match.why}, so the line was added without a product and its stock did not fall."
