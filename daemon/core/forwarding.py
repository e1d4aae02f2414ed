"""Hub order + settings + maps -> exactly what the shop may be told."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from orderferry import Buyer, ForwardOrder, Line, Order
from orderferry.forward import ForwardDelivery, ForwardPayment


class Passing(Struct, frozen=True, kw_only=True):
    """What a shop is passed beyond products, prices, delivery and invoice data, and its maps."""

    login: bool = True
    offer_number: bool = True
    comment: bool = True
    payment: bool = True
    delivery_method: bool = True
    statuses: Mapping[str, str] = {}


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
) -> ForwardOrder:
    """What `add_order` is given. Nothing is recomputed: prices, delivery cost and total are the marketplace's."""
    payment = order.payment
    return ForwardOrder(
        number=number,
        reference=mark,
        source=source,
        source_platform=source_platform,
        external_id=order.external_id,
        ordered_at=order.ordered_at,
        total=order.total,
        lines=order.lines if passing.offer_number else tuple(_without_offer(line) for line in order.lines),
        delivery=ForwardDelivery(
            cost=order.delivery.cost,
            address=order.delivery.address,
            pickup_point=order.delivery.pickup_point,
            method=order.delivery.method if passing.delivery_method else None,
        ),
        buyer=order.buyer if passing.login else _without_login(order),
        invoice=order.invoice,
        payment=(
            ForwardPayment(
                kind=payment.kind,
                paid=paid,
                id=payment.id,
                provider=payment.provider,
                paid_at=payment.paid_at,
            )
            if passing.payment
            else None
        ),
        comment=order.comment if passing.comment else None,
        status=passing.statuses.get(status),
    )


def _without_offer(line: Line) -> Line:
    return replace(line, offer_id=None)


def _without_login(order: Order) -> Buyer:
    return replace(order.buyer, login=None)
