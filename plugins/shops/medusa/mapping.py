"""What a hub order becomes in Medusa, and what Medusa's answer says: values in, values out."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, TypeAlias

from orderferry import Address, ForwardOrder, Line, PaymentKind, Rejected, ShopOrder
from plugins.shops.medusa.knowledge import DELIVERY, Match, Taxes
from plugins.shops.medusa.settings import MedusaSettings
from plugins.shops.medusa.wire import Order

JsonObject: TypeAlias = dict[str, Any]  # a part of a request's body

FINE = Decimal("0.0000000001")  # Medusa keeps amounts exactly, so a price may be as fine as the total needs it
KINDS = {
    PaymentKind.ONLINE: "online",
    PaymentKind.CASH_ON_DELIVERY: "cash on delivery",
    PaymentKind.TRANSFER: "bank transfer",
    PaymentKind.DEFERRED: "deferred",
    PaymentKind.OTHER: "other",
}


def draft(order: ForwardOrder, matches: Sequence[Match], taxes: Taxes, settings: MedusaSettings) -> JsonObject:
    """The order as a draft; `matches` are the variants of its lines, in their order.

    Medusa adds its taxes to prices that it takes for net ones: from these the tax that is known is taken out before.
    """
    if order.status not in {None, "pending"}:
        raise Rejected(f"an order can't be added to Medusa as {order.status!r}; map 'pending' for new orders")
    country = country_of(order)
    shipping = shipping_address(order)
    billing = address_of(order.invoice.address, order) if order.invoice else shipping
    body: JsonObject = {
        "region_id": settings.region,
        "sales_channel_id": settings.sales_channel,
        "currency_code": order.total.currency.lower(),
        "no_notification_order": not settings.notify,
        "items": [_item(line, match, taxes, country) for line, match in zip(order.lines, matches, strict=True)],
        "shipping_methods": [
            {
                "shipping_option_id": order.delivery.shop_method or settings.shipping_option,
                "name": order.delivery.method or settings.delivery_name,
                "amount": net(order.delivery.cost.amount, taxes.on(country, DELIVERY)),
            }
        ],
        "metadata": metadata(order, settings),
    }
    if shipping:
        body["shipping_address"] = shipping
    if billing:
        body["billing_address"] = billing
    if order.buyer.email and settings.send_email:
        body["email"] = order.buyer.email
    return body


def net(gross: Decimal, percent: Decimal, quantity: int = 1) -> str:
    """The price of one piece before tax, as text; fine enough for the sum of all pieces to be right to the cent."""
    return f"{(gross / quantity / (1 + percent / 100)).quantize(FINE).normalize():f}"


def reference_key(settings: MedusaSettings) -> str:
    """The key of the metadata that holds our reference."""
    return f"{settings.meta_prefix}reference"


def metadata(order: ForwardOrder, settings: MedusaSettings) -> dict[str, str]:
    """Our notes on the order, and the seller's own fields."""
    payment, point = order.payment, order.delivery.pickup_point
    notes = {
        "reference": order.reference,
        "order": order.external_id,
        "source": order.source,
        "platform": order.source_platform,
        "login": order.buyer.login,
        "comment": order.comment,
        "payment": KINDS[payment.kind] if payment else None,
        "payment_id": payment.id if payment else None,
        "pickup_point_name": point.name if point else None,
    }
    found = {f"{settings.meta_prefix}{key}": value for key, value in notes.items() if value}
    if point is not None:
        found |= dict.fromkeys(settings.pickup_point_keys, point.id)
    if order.invoice is not None and order.invoice.tax_id:
        found |= dict.fromkeys(settings.tax_id_keys, order.invoice.tax_id)
    return found | dict(order.fields)


def country_of(order: ForwardOrder) -> str:
    """The country by which Medusa taxes the order, in small letters as it writes them."""
    return str(shipping_address(order).get("country_code", ""))


def shipping_address(order: ForwardOrder) -> JsonObject:
    """Where the parcel goes; for a pickup point without the buyer's address, the point's own."""
    point = order.delivery.pickup_point
    address = order.delivery.address or (point.address if point else None)
    return address_of(address, order) if address else {}


def address_of(address: Address, order: ForwardOrder) -> JsonObject:
    """An address as Medusa takes it."""
    named = address.first_name or address.last_name or address.company
    parts = {
        "first_name": address.first_name if named else order.buyer.first_name,
        "last_name": address.last_name if named else order.buyer.last_name,
        "company": address.company,
        "address_1": address.street,
        "address_2": address.street2,
        "city": address.city,
        "postal_code": address.postcode,
        "province": address.state,
        "country_code": address.country.lower(),
        "phone": address.phone or order.buyer.phone,
    }
    return {key: value for key, value in parts.items() if value}


def warnings_of(order: ForwardOrder, matches: Sequence[Match]) -> list[str]:
    """A sentence for each line of goods that no variant was found for."""
    return [_unbound(line, match) for line, match in zip(order.lines, matches, strict=True) if _lost(line, match)]


def shop_order(answer: Order, *, stock_fell: bool | None = None, warnings: Sequence[str] = ()) -> ShopOrder:
    """An answer in the contract's words."""
    return ShopOrder(
        id=answer.id,
        number=str(answer.display_id),
        total=answer.money,
        status=answer.status,
        stock_fell=stock_fell,
        warnings=tuple(warnings),
    )


def _item(line: Line, match: Match, taxes: Taxes, country: str) -> JsonObject:
    variant = match.variant
    price = net(line.total.amount, taxes.on(country, variant.id if variant else ""), line.quantity)
    item: JsonObject = {"quantity": line.quantity, "unit_price": price}
    if variant is not None:
        item["variant_id"] = variant.id
    else:
        item |= {"title": line.name} | ({"variant_sku": line.sku} if line.sku else {})
    if line.offer_id:
        item["metadata"] = {"offer": line.offer_id}
    return item


def _lost(line: Line, match: Match) -> bool:
    return line.goods and match.variant is None


def _unbound(line: Line, match: Match) -> str:
    keys = {"SKU": line.sku, "offer": line.offer_id}
    what = ", ".join(f"{name} {value}" for name, value in keys.items() if value) or f"line {line.id}"
    return f"{what}: {match.why}, so the line was added without a product and its stock did not fall."
