"""Hub order + settings + maps -> exactly what the shop may be told."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from daemon.core.fields import Choose, filled
from daemon.core.maps import Maps, Unmapped, delivery_names, payment_names
from orderferry import ChoiceKind, ForwardOrder, Line, Order
from orderferry.forward import ForwardDelivery, ForwardPayment


class Passed(StrEnum):
    """What a shop is told of an order only where the seller wants it; all else is told always."""

    LOGIN = "login"
    OFFER_NUMBER = "offer_number"
    COMMENT = "comment"
    PAYMENT = "payment"
    DELIVERY_METHOD = "delivery_method"


EVERYTHING: frozenset[Passed] = frozenset(Passed)


class Passing(Struct, frozen=True, kw_only=True):
    """What a shop is passed beyond products, prices, delivery cost, delivery and invoice data; its maps and fields."""

    passed: frozenset[Passed] = EVERYTHING
    maps: Maps = Maps()
    fields: Mapping[str, str | Choose] = MappingProxyType({})


def reference(prefix: str, account: str, external_id: str) -> str:
    """The marker of a hub order in a shop: the installation's prefix, and 80 bits that name the purchase itself.

    It is made of the purchase and not of the hub's number, so that a store that was put back from a backup finds again
    what it has forgotten, and never takes another order's reference. Letters and digits only, 29 in all: some shops
    search nothing else.
    """
    digest = hashlib.blake2b(f"{account}\n{external_id}".encode(), digest_size=10).digest()
    return prefix + base64.b32encode(digest).decode().lower()


def prefix(installation: str) -> str:
    """What begins every reference of this installation."""
    return f"ferry{installation}"


def build(
    order: Order,
    *,
    number: int,
    status: str,
    paid: bool,
    source: str,
    source_platform: str,
    mark: str,
    passing: Passing,
    begun_as: str | None = None,
) -> ForwardOrder:
    """What `add_order` is given. Nothing is recomputed: prices, delivery cost and total are the marketplace's.

    `begun_as` is the shop's status with which an earlier try has begun to add it ("" for none); it stays the same.
    """
    passed, payment, maps = passing.passed, order.payment, passing.maps
    told = ForwardOrder(
        number=number,
        reference=mark,
        source=source,
        source_platform=source_platform,
        external_id=order.external_id,
        ordered_at=order.ordered_at,
        total=order.total,
        lines=order.lines if Passed.OFFER_NUMBER in passed else tuple(map(_without_offer, order.lines)),
        delivery=ForwardDelivery(
            cost=order.delivery.cost,
            address=order.delivery.address,
            pickup_point=order.delivery.pickup_point,
            method=order.delivery.method if Passed.DELIVERY_METHOD in passed else None,
            shop_method=_delivery_method(order, source, passing),
        ),
        buyer=order.buyer if Passed.LOGIN in passed else replace(order.buyer, login=None),
        invoice=order.invoice,
        payment=(
            ForwardPayment(
                kind=payment.kind,
                paid=paid,
                id=payment.id,
                provider=payment.provider,
                paid_at=payment.paid_at,
                shop_method=maps.payments.find(payment_names(payment), source) or maps.payments.otherwise(source),
            )
            if Passed.PAYMENT in passed
            else None
        ),
        comment=order.comment if Passed.COMMENT in passed else None,
        status=maps.statuses.get(status) if begun_as is None else begun_as or None,
    )
    return replace(told, fields=filled(passing.fields, told)) if passing.fields else told


def unmapped(order: Order, source: str, passing: Passing) -> tuple[Unmapped, ...]:
    """The order's methods that have no entry in the shop's maps, of those that the shop is told."""
    found = []
    payments, deliveries = passing.maps.payments, passing.maps.deliveries
    if Passed.PAYMENT in passing.passed and payments.find(payment_names(order.payment), source) is None:
        name = order.payment.provider or order.payment.kind.value
        became = payments.otherwise(source)
        found.append(Unmapped(kind=ChoiceKind.PAYMENTS, account=source, method=name, became=became))
    method = order.delivery.method or order.delivery.method_id
    passed = Passed.DELIVERY_METHOD in passing.passed
    if method and passed and deliveries.find(delivery_names(order.delivery), source) is None:
        became = deliveries.otherwise(source)
        found.append(Unmapped(kind=ChoiceKind.DELIVERIES, account=source, method=method, became=became))
    return tuple(found)


def _delivery_method(order: Order, source: str, passing: Passing) -> str | None:
    deliveries = passing.maps.deliveries
    known = None
    if Passed.DELIVERY_METHOD in passing.passed:  # else the shop's own method would tell it all the same
        known = deliveries.find(delivery_names(order.delivery), source)
    return known or deliveries.otherwise(source)


def _without_offer(line: Line) -> Line:
    return replace(line, offer_id=None)
