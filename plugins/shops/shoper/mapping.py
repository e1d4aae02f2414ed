"""What a hub order becomes in Shoper: its header, its lines, its note. Values in, values out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

from orderferry import Address, ForwardOrder, Line, Rejected
from orderferry.php import text
from orderferry.pieces import by_unit_price
from orderferry.references import carries
from orderferry.tax_ids import read as read_tax_id
from plugins.shops.shoper.catalogue import Match
from plugins.shops.shoper.knowledge import NEW, Facts, Tax
from plugins.shops.shoper.settings import ShoperSettings
from plugins.shops.shoper.wire import LineRow, decimal

JsonObject: TypeAlias = dict[str, Any]  # a part of a request's body
OPEN = "(being added)"  # behind the reference, for as long as lines may be missing


def header(order: ForwardOrder, facts: Facts, shipping_tax: str, user_id: str, settings: ShoperSettings) -> JsonObject:
    """The order without its lines; raises `Rejected` for what the shop could not keep."""
    currency = facts.currencies.get(order.total.currency)
    if currency is None:
        raise Rejected(f"the shop has no currency {order.total.currency}")
    point, address = order.delivery.pickup_point, order.delivery.address
    goes_to = address or (point.address if point else None)
    billed = order.invoice.address if order.invoice else goes_to
    if goes_to is None or billed is None:
        raise Rejected("the order has no address, and Shoper keeps none without")
    body: JsonObject = {
        "email": email_of(order, settings),
        "user_id": int(user_id),
        "status_id": int(status_of(order, facts, settings)),
        "payment_id": int(payment_of(order, facts, settings)),
        "shipping_id": int(delivery_of(order, facts, settings)),
        "shipping_tax_id": int(shipping_tax),
        "shipping_cost": order.delivery.cost.amount,
        "currency_id": int(currency),
        "notes": order.comment or "",
        "notes_priv": note(order, complete=False),
        "billing_address": _address(billed, order, settings) | {"tax_identification_number": _tax_id(order)},
        "delivery_address": _address(goes_to, order, settings),
    }
    if point is not None:
        body["pickup_point"] = point.id
    if order.payment is not None and order.payment.paid:
        body["paid"] = order.total.amount
    return body


def customer(order: ForwardOrder, settings: ShoperSettings) -> JsonObject:
    """The customer to whom the order belongs: Shoper has none without."""
    address = order.delivery.address
    first, last = _person(address, order) if address else (order.buyer.first_name or "-", order.buyer.last_name or "-")
    return {"email": email_of(order, settings), "firstname": first, "lastname": last, "active": True}


def lines(
    order: ForwardOrder, matches: Sequence[Match | None], product_taxes: Mapping[str, str], facts: Facts
) -> list[JsonObject]:
    """The lines, in their order; `product_taxes` are the tax ids of the bound products."""
    found = []
    for line, match in zip(order.lines, matches, strict=True):
        tax = line_tax(line, product_taxes.get(match.product_id, "") if match else "", facts)
        bound = {"product_id": int(match.product_id), "stock_id": int(match.stock_id)} if match else {}
        code = line.sku or line.ean or ""
        for quantity, price in by_unit_price(line):
            found.append(
                {
                    **bound,
                    "price": price.amount,
                    "quantity": quantity,
                    "name": line.name,
                    "code": code,
                    "tax": tax.name,
                    "tax_value": tax.percent,
                }
            )
    return found


def line_tax(line: Line, product_tax: str, facts: Facts) -> Tax:
    """By the marketplace's rate; where it tells none, the product's own, else the shop's usual one."""
    if line.tax_rate is not None:
        tax = facts.tax_of(line.tax_rate)
        if tax is None:
            raise Rejected(f"the shop has no tax of {line.tax_rate:f} % (line {line.id})")
        return tax
    tax = facts.tax(product_tax) or facts.tax(facts.default_tax)
    if tax is None:
        raise Rejected(f"neither the marketplace nor the shop tells a tax for line {line.id}")
    return tax


def missing(wanted: Sequence[JsonObject], there: Sequence[LineRow]) -> list[JsonObject]:
    """The lines that the order lacks: exactly the same ones count first, then those of one quantity and price.

    The second look keeps a line from being added twice whose product was found at one try and not at the next.
    """
    exact = Counter(_mark(row.stock_id, row.quantity, row.price) for row in there)
    left = []
    for line in wanted:
        mark = _mark(line.get("stock_id"), line["quantity"], line["price"])
        if exact[mark]:
            exact[mark] -= 1
        else:
            left.append(line)
    alike: Counter[tuple[Decimal | None, Decimal | None]] = Counter()
    for (_, quantity, price), number in exact.items():
        alike[quantity, price] += number
    lacking = []
    for line in left:
        _, quantity, price = _mark(line.get("stock_id"), line["quantity"], line["price"])
        if alike[quantity, price]:
            alike[quantity, price] -= 1
        else:
            lacking.append(line)
    return lacking


def _mark(stock_id: Any, quantity: Any, price: Any) -> tuple[str, Decimal | None, Decimal | None]:  # ours or the shop's
    bound = text(stock_id)
    return ("" if bound == "0" else bound, decimal(quantity), decimal(price))


def note(order: ForwardOrder, *, complete: bool) -> str:
    """The administrator's note: the reference, and what Shoper has no field for."""
    payment = order.payment
    told = [
        order.reference if complete else f"{order.reference} {OPEN}",
        f"{order.source_platform} ({order.source}): {order.external_id}",
        f"login: {order.buyer.login}" if order.buyer.login else "",
        f"delivery: {order.delivery.method}" if order.delivery.method else "",
        f"payment: {' '.join(filter(None, (payment.provider, payment.id)))}" if payment else "",
        *(f"{line.sku or line.name}: offer {line.offer_id}" for line in order.lines if line.offer_id),
        *(f"{key}: {value}" for key, value in order.fields.items()),
    ]
    return "\n".join(line for line in told if line)


def is_open(notes: str, reference: str) -> bool:
    """Whether the note says that the order's adding has not ended."""
    return re.search(re.escape(reference) + r"\s*" + re.escape(OPEN), notes) is not None and carries(notes, reference)


def email_of(order: ForwardOrder, settings: ShoperSettings) -> str:
    """The address that the shop gets; raises `Rejected` where there is none, as Shoper wants one."""
    email = (order.buyer.email if settings.send_email else None) or settings.neutral_email
    if not email:
        raise Rejected("Shoper takes no order without an e-mail address: set neutral_email")
    return email


def status_of(order: ForwardOrder, facts: Facts, settings: ShoperSettings) -> str:
    """The status of the new order: the mapped one, the settings', else the shop's first one for new orders."""
    wanted = order.status or settings.status
    if not wanted:
        wanted = next((entry.id for entry in facts.statuses.values() if entry.type == NEW), "")
    if wanted not in facts.statuses:
        raise Rejected(f"the shop has no status {wanted!r} for a new order: map one, or set status")
    return wanted


def payment_of(order: ForwardOrder, facts: Facts, settings: ShoperSettings) -> str:
    """The payment method: the mapped one, else the settings'."""
    wanted = (order.payment.shop_method if order.payment else None) or settings.payment_method
    if wanted not in facts.payments:
        raise Rejected(
            f"the shop has no payment method {wanted!r}: set payment_method to one of {_some(facts.payments)}"
        )
    return wanted


def delivery_of(order: ForwardOrder, facts: Facts, settings: ShoperSettings) -> str:
    """The delivery method: the mapped one, else the settings'."""
    wanted = order.delivery.shop_method or settings.delivery_method
    if wanted not in facts.deliveries:
        some = _some(facts.deliveries)
        raise Rejected(f"the shop has no delivery method {wanted!r}: set delivery_method to one of {some}")
    return wanted


def _some(entries: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} ({entry.label})" for key, entry in list(entries.items())[:12]) or "none"


def _address(address: Address, order: ForwardOrder, settings: ShoperSettings) -> JsonObject:
    delivery = order.delivery.address
    phone = address.phone or (delivery.phone if delivery else None) or order.buyer.phone or settings.neutral_phone
    if not phone:
        raise Rejected("Shoper keeps no address without a phone number, and the order has none: set neutral_phone")
    first, last = _person(address, order)
    return {
        "firstname": first,
        "lastname": last,
        "company": address.company or "",
        "street1": address.street,
        "street2": address.street2 or "",
        "city": address.city,
        "postcode": address.postcode or "",
        "state": address.state or "",
        "country": "Polska" if address.country == "PL" else address.country,
        "country_code": address.country,
        "phone": phone,
    }


def _person(address: Address, order: ForwardOrder) -> tuple[str, str]:
    """First and last name, both of which Shoper wants."""
    first, last = address.first_name, address.last_name
    if not first and not last:
        first, last = order.buyer.first_name, order.buyer.last_name
    return first or "-", last or address.company or "-"


def _tax_id(order: ForwardOrder) -> str:
    found = read_tax_id(order.invoice.tax_id, order.invoice.address.country) if order.invoice else None
    return found.within("PL") if found else ""


def unbound(line: Line) -> str:
    """The warning of a line without a product."""
    what = f"SKU {line.sku}" if line.sku else f"EAN {line.ean}" if line.ean else f"line {line.id}"
    return f"{what} was not found as one product of the shop, so its stock did not fall."
