"""What a hub order becomes in the form fields of `OrderAdd`: values in, values out.

Source: https://developers.baselinker.com/shops_api/?method=OrderAdd
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from orderferry import Address, ForwardOrder, Line, PaymentKind, Rejected
from orderferry.pieces import by_unit_price
from orderferry.tax_ids import read as read_tax_id
from plugins.shops.integration_file.catalogue import Match
from plugins.shops.integration_file.settings import FileSettings

MOST_NUMBER = 2**31 - 1
RESERVED = frozenset({"bl_pass", "action"})
_encode = msgspec.json.Encoder(decimal_format="number").encode


def order_number(order: ForwardOrder, settings: FileSettings) -> int:
    """The number under which the shop knows this order: the same one whenever it is sent."""
    number = settings.number_base + order.number
    if not 0 < number <= MOST_NUMBER:
        raise Rejected(f"the order's number would be {number}, and the protocol ends at {MOST_NUMBER}: set number_base")
    return number


def fields(
    order: ForwardOrder, matches: Sequence[Match | None], settings: FileSettings, now: datetime
) -> tuple[dict[str, str], tuple[str, ...]]:
    """The form fields of the order, and a sentence for each thing that the shop can't be told as it is.

    `now` is the order's date: shops filter `OrdersGet` by it, so an order bought days ago must not be dated then.
    """
    point, address = order.delivery.pickup_point, order.delivery.address
    goes_to = address or (point.address if point else None)
    billed = order.invoice.address if order.invoice else goes_to
    payment, delivery = order.payment, order.delivery
    cod = payment is not None and payment.kind is PaymentKind.CASH_ON_DELIVERY
    form = {
        "previous_order_id": "",
        "baselinker_id": str(order_number(order, settings)),
        "service": order.source_platform,
        "service_account": order.source,
        "date_add": str(int(now.timestamp())),
        "status_id": order.status or "",
        "currency": order.total.currency,
        "change_products_quantity": "1",
        "products": _encode(_products(order.lines, matches)).decode(),
        "client_login": order.buyer.login or "",
        "email": (order.buyer.email or "") if settings.send_email else "",
        "phone": _phone(order),
        # the reference comes first: a shop that cuts long comments cuts their end
        "user_comments": "\n".join(part for part in (order.reference, order.comment) if part),
        "want_invoice": "1" if order.invoice else "0",
        "payment_method": _payment_name(order),
        "payment_method_id": (payment.shop_method if payment else None) or settings.payment_method,
        "payment_method_cod": "1" if cod else "0",
        "paid": "1" if payment is not None and payment.paid else "0",
        "transaction_id": order.external_id,
        "delivery_method": delivery.method or "",
        "delivery_method_id": delivery.shop_method or settings.delivery_method,
        "delivery_price": f"{delivery.cost.amount:f}",
        "delivery_point_id": point.id if point else "",
        "delivery_point_pni": point.id if point else "",  # what the same field is called in older files
        "delivery_point_name": (point.name or point.id) if point else "",
        **_place("delivery_point", point.address if point else None),
        **_address("delivery", goes_to, order),
        **_address("invoice", billed, order),
        "invoice_nip": _tax_id(order),
    }
    clashes = sorted(order.fields.keys() & (form.keys() | RESERVED))
    warnings = [f"The field {name!r} is the protocol's own, so yours was left out." for name in clashes]
    warnings += [_unbound(line) for line, match in zip(order.lines, matches, strict=True) if line.goods and not match]
    return {**order.fields, **form}, tuple(warnings)


def _products(lines: Sequence[Line], matches: Sequence[Match | None]) -> list[dict[str, object]]:
    return [
        {
            "id": match.product_id if match else "",
            "variant_id": match.variant_id if match else "",
            "sku": line.sku or (match.sku if match else ""),
            "name": line.name,
            "price": price.amount,
            "quantity": quantity,
            "auction_id": line.offer_id or "",
            "attributes": [],
        }
        for line, match in zip(lines, matches, strict=True)
        for quantity, price in by_unit_price(line)
    ]


def _phone(order: ForwardOrder) -> str:
    address = order.delivery.address
    return (address.phone if address else None) or order.buyer.phone or ""


def _payment_name(order: ForwardOrder) -> str:
    payment = order.payment
    return "" if payment is None else payment.provider or payment.kind.value.replace("_", " ")


def _address(prefix: str, address: Address | None, order: ForwardOrder) -> dict[str, str]:
    person = (order.buyer.first_name, order.buyer.last_name)
    if address is not None and (address.first_name or address.last_name or address.company):
        person = (address.first_name, address.last_name)
    place = _place(prefix, address)
    return place | {
        f"{prefix}_fullname": " ".join(part for part in person if part),
        f"{prefix}_company": (address.company or "") if address else "",
        f"{prefix}_state_code": (address.state or "") if address else "",
        f"{prefix}_country": address.country if address else "",
        f"{prefix}_country_code": address.country if address else "",
    }


def _place(prefix: str, address: Address | None) -> dict[str, str]:
    street = " ".join(part for part in (address.street, address.street2) if part) if address else ""
    return {
        f"{prefix}_address": street,
        f"{prefix}_postcode": (address.postcode or "") if address else "",
        f"{prefix}_city": address.city if address else "",
    }


def _tax_id(order: ForwardOrder) -> str:
    """As a Polish shop expects it: a NIP bare, other VAT numbers with their prefix."""
    found = read_tax_id(order.invoice.tax_id, order.invoice.address.country) if order.invoice else None
    return found.within("PL") if found else ""


def _unbound(line: Line) -> str:
    what = f"SKU {line.sku}" if line.sku else f"EAN {line.ean}" if line.ean else f"line {line.id}"
    return f"{what} was not found as one product of the shop: whether its stock falls is left to the shop."
