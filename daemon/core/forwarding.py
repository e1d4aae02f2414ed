"""Hub order + settings + maps -> exactly what the shop may be told."""

from __future__ import annotations

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


def reference(prefix: str, number: int) -> str:
    """The marker of a hub order: the installation's prefix and the order's number, letters and digits only."""
    return f"{prefix}{number}"


def prefix(installation: str) -> str:
    """What begins every reference of this installation; the closing letter keeps numbers from running into it."""
    return f"ferry{installation}n"


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
