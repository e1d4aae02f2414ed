"""The seller's free fields: what a shop's own plugins expect under keys of their own, made from the order.

A field is a text with places such as {tax_id} in it, or a choice by whether such a place has anything to say. A field
whose every place is empty is not sent at all.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from types import MappingProxyType

import msgspec
from msgspec import Struct

from orderferry import ForwardOrder


class Choose(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of two texts: `then` where the place named by `if` has anything to say, else `else`, or nothing."""

    place: str = msgspec.field(name="if")
    then: str
    otherwise: str | None = msgspec.field(name="else", default=None)


PLACES: Mapping[str, str] = MappingProxyType(
    {
        "tax_id": "the tax number on the invoice",
        "wants_invoice": "yes, where the buyer wants an invoice",
        "invoice_company": "the company on the invoice",
        "pickup_point": "the code of the parcel locker or pickup point",
        "pickup_point_name": "its name",
        "delivery_method": "the marketplace's delivery method (where it is passed)",
        "login": "the buyer's login (where it is passed)",
        "email": "the buyer's e-mail address",
        "phone": "the buyer's telephone number",
        "comment": "the buyer's comment (where it is passed)",
        "payment": "online, cash_on_delivery, transfer, deferred or other (where it is passed)",
        "payment_id": "the payment's number (where it is passed)",
        "account": "the account that the order came from",
        "platform": "its platform",
        "order_id": "the marketplace's number of the order",
        "number": "the hub's number of the order",
    }
)
"""What can stand in a field, and what it is."""


def unknown_places(text: str) -> tuple[str, ...]:
    """The places in a field's text that are not there; raises ValueError where the braces don't close."""
    return tuple(
        name
        for _, name, form, conversion in string.Formatter().parse(text)
        if name is not None and (name not in PLACES or form or conversion)
    )


def filled(rules: Mapping[str, str | Choose], order: ForwardOrder) -> dict[str, str]:
    """The fields of an order, the shop's key -> its value; what the order does not carry is not there."""
    places = _places(order)
    found = {key: _value(rule, places) for key, rule in rules.items()}
    return {key: value for key, value in found.items() if value}


def _value(rule: str | Choose, places: Mapping[str, str]) -> str | None:
    if isinstance(rule, Choose):
        return rule.then if places.get(rule.place) else rule.otherwise
    named = [name for _, name, _, _ in string.Formatter().parse(rule) if name is not None]
    if named and not any(places.get(name) for name in named):
        return None
    return rule.format_map({name: places.get(name, "") for name in named})


def _places(order: ForwardOrder) -> dict[str, str]:
    invoice, point, payment = order.invoice, order.delivery.pickup_point, order.payment
    found = {
        "tax_id": invoice.tax_id if invoice else None,
        "wants_invoice": "yes" if invoice else None,
        "invoice_company": invoice.address.company if invoice else None,
        "pickup_point": point.id if point else None,
        "pickup_point_name": point.name if point else None,
        "delivery_method": order.delivery.method,
        "login": order.buyer.login,
        "email": order.buyer.email,
        "phone": order.buyer.phone,
        "comment": order.comment,
        "payment": payment.kind.value if payment else None,
        "payment_id": payment.id if payment else None,
        "account": order.source,
        "platform": order.source_platform,
        "order_id": order.external_id,
        "number": str(order.number),
    }
    return {name: value for name, value in found.items() if value}
