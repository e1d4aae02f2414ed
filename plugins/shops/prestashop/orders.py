"""The shop's orders as the hub takes them: its own ones as `Order`, ours as `Echo`. Values in, values out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from msgspec import Struct

from orderferry import (
    Address,
    Buyer,
    Delivery,
    Echo,
    Invoice,
    Line,
    Malformed,
    MalformedOrder,
    Money,
    Order,
    Payment,
    PaymentKind,
    Stage,
)
from plugins.shops.prestashop import local_time, texts
from plugins.shops.prestashop.knowledge import Shop
from plugins.shops.prestashop.prices import PER_PIECE
from plugins.shops.prestashop.texts import Marks
from plugins.shops.prestashop.wire import Record

KINDS = {
    "cashondelivery": PaymentKind.CASH_ON_DELIVERY,
    "ps_cashondelivery": PaymentKind.CASH_ON_DELIVERY,
    "bankwire": PaymentKind.TRANSFER,
    "ps_wirepayment": PaymentKind.TRANSFER,
    "cheque": PaymentKind.TRANSFER,
    "ps_checkpayment": PaymentKind.TRANSFER,
}


class Around(Struct, frozen=True):
    """What belongs to the orders of a page: customers and addresses by their ids, and when it was read."""

    shop: Shop
    customers: Mapping[int, Record]
    addresses: Mapping[int, Record]
    now: datetime


def understand(order: Record, around: Around, prefix: str) -> Order | Echo | MalformedOrder:
    """One order of a page; what can't be understood is kept as it came."""
    try:
        reference = order.get("gift_message")
        if reference.startswith(prefix):
            return echo(order, reference, around.shop)
        return shop_order(order, around)
    except Malformed as error:
        return MalformedOrder(external_id=order.get("id") or None, reason=str(error)[:300], raw=order.xml())


def echo(order: Record, reference: str, shop: Shop) -> Echo:
    """What one of our own orders tells."""
    state = order.number("current_state")
    return Echo(reference=reference, id=str(order.id), paid=paid(order, shop), status=str(state))


def paid(order: Record, shop: Shop) -> bool | None:
    """Whether the shop knows the order as paid; None where its state says nothing.

    PrestaShop has no mark for a payment but the state, and every order begins in one that claims it (recording 13). So
    a state counts only where our note says that the order was unpaid and that we did not move it there ourselves.
    """
    mark = texts.mark_in(order.get("note"))
    if mark == Marks.PAID:
        return True
    state = shop.states.get(order.number("current_state"))
    return state.paid if mark == Marks.UNPAID and state is not None else None


def shop_order(order: Record, around: Around) -> Order:
    """An order that was made in the shop; raises `Malformed` naming what is missing."""
    shop = around.shop
    currency = shop.currency_code(order.number("id_currency"))
    if currency is None:
        raise Malformed(f"order.id_currency {order.get('id_currency')} is no currency of the shop")
    state = shop.states.get(order.number("current_state"))
    total = Money(_cents(order.amount("total_paid_tax_incl")), currency)
    customer = around.customers.get(order.number("id_customer"))
    delivered = _address(order, "id_address_delivery", around)
    billed = order.number("id_address_invoice")
    moved = order.number("current_state") in {shop.cancelled, shop.error}
    return Order(
        external_id=str(order.id),
        revision=order.text("date_upd"),
        stage=Stage.CANCELLED if moved else Stage.READY,
        ordered_at=local_time.read(order.text("date_add"), shop.zone, around.now, "order.date_add"),
        updated_at=local_time.read(order.text("date_upd"), shop.zone, around.now, "order.date_upd"),
        buyer=_buyer(customer, delivered),
        lines=_lines(order, currency),
        delivery=_delivery(order, delivered, shop, currency),
        payment=_payment(order, total, claims=state is not None and state.paid),
        total=total,
        invoice=_invoice(around.addresses.get(billed), order, around),
        shipped=state is not None and state.shipped,
    )


def _lines(order: Record, currency: str) -> tuple[Line, ...]:
    per_piece = order.number("round_type") == PER_PIECE
    lines = []
    for row in order.rows("order_rows"):
        quantity = row.number("product_quantity")
        unit = row.amount("unit_price_tax_incl")
        total = _cents(unit) * quantity if per_piece else _cents(unit * quantity)
        lines.append(
            Line(
                id=str(row.id),
                name=row.text("product_name")[:500],
                quantity=quantity,
                unit_price=Money(_cents(unit), currency),
                total=Money(total, currency),
                sku=row.get("product_reference") or None,
                ean=row.get("product_ean13") or None,
            )
        )
    for field, title, sign in (
        ("total_wrapping_tax_incl", "Wrapping", 1),
        ("total_discounts_tax_incl", "Discount", -1),
    ):
        amount = Money(_cents(order.amount(field)) * sign, currency)
        if amount.amount:
            lines.append(Line(id=field, name=title, quantity=1, unit_price=amount, total=amount, goods=False))
    return tuple(lines)


def _delivery(order: Record, address: Address, shop: Shop, currency: str) -> Delivery:
    carrier = next((each for each in shop.carriers if each.id == order.number("id_carrier")), None)
    return Delivery(
        method_id=carrier.reference if carrier else None,
        method=(carrier.name or None) if carrier else None,
        cost=Money(_cents(order.amount("total_shipping_tax_incl")), currency),
        address=address,
    )


def _payment(order: Record, total: Money, *, claims: bool) -> Payment:
    kind = KINDS.get(order.get("module"), PaymentKind.ONLINE)
    counts = claims and kind is not PaymentKind.CASH_ON_DELIVERY  # a cash order that was sent claims it too
    return Payment(kind=kind, provider=order.get("payment") or None, paid=total if counts else None)


def _buyer(customer: Record | None, address: Address) -> Buyer:
    return Buyer(
        id=str(customer.id) if customer else None,
        email=(customer.get("email") or None) if customer else None,
        phone=address.phone,
        first_name=((customer.get("firstname") or None) if customer else None) or address.first_name,
        last_name=((customer.get("lastname") or None) if customer else None) or address.last_name,
        company=(customer.get("company") or None) if customer else None,
        guest=customer is None or customer.flag("is_guest"),
    )


def _invoice(billed: Record | None, order: Record, around: Around) -> Invoice | None:
    tax_id = (billed.get("vat_number") or billed.get("dni")) if billed else ""
    return Invoice(address=_address(order, "id_address_invoice", around), tax_id=tax_id) if tax_id else None


def _address(order: Record, field: str, around: Around) -> Address:
    address = around.addresses.get(order.number(field))
    if address is None:
        raise Malformed(f"order.{field} {order.get(field)} is no address of the shop")
    country = around.shop.country_code(address.number("id_country"))
    if country is None:
        raise Malformed(f"address.id_country {address.get('id_country')} is no country of the shop")
    return Address(
        first_name=address.get("firstname") or None,
        last_name=address.get("lastname") or None,
        company=address.get("company") or None,
        street=address.get("address1"),
        street2=address.get("address2") or None,
        city=address.get("city"),
        postcode=address.get("postcode") or None,
        country=country,
        phone=address.get("phone_mobile") or address.get("phone") or None,
    )


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)
