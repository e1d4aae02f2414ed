"""What a hub order becomes in PrestaShop: customer, addresses, cart, prices, order. Values in, values out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal

from msgspec import Struct

from orderferry import Address, ForwardOrder, Line, PaymentKind, Rejected
from plugins.shops.prestashop import texts
from plugins.shops.prestashop.catalogue import Item, Match
from plugins.shops.prestashop.delivering import Way, way
from plugins.shops.prestashop.knowledge import NO_TAX, Currency, Shop
from plugins.shops.prestashop.prices import ZERO, Goods, Row, foresee, price
from plugins.shops.prestashop.settings import PrestaSettings
from plugins.shops.prestashop.wire import Fields

NOWHERE = "orderferry.invalid"  # a domain that can't exist (RFC 2606)
_REFERENCE = re.compile(r"[A-Za-z0-9._-]{1,100}")
_EMAIL = re.compile(r"[A-Za-z0-9!#$&'*+/=?^_`{|}~.-]+@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z0-9-]{2,}")
_KINDS = {
    PaymentKind.ONLINE: "Online payment",
    PaymentKind.CASH_ON_DELIVERY: "Cash on delivery",
    PaymentKind.TRANSFER: "Bank transfer",
    PaymentKind.DEFERRED: "Deferred payment",
    PaymentKind.OTHER: "Other",
}


class StandIns(Struct, frozen=True):
    """The shop's products that stand in: for the delivery cost, and for goods that the shop doesn't know.

    Services of the marketplace (gift wrapping) go to the second, or where there is none to the first.
    """

    delivery: Item | None = None
    other: Item | None = None


class Parties(Struct, frozen=True, kw_only=True):
    """The shop's ids of the order's customer and addresses; without an invoice both addresses are one."""

    customer: int
    delivery: int
    invoice: int


class Draft(Struct, frozen=True, kw_only=True):
    """An order ready to be sent, as far as no id of the shop is needed."""

    rows: tuple[Row, ...]
    way: Way
    shipping: Decimal
    total: Decimal
    currency: Currency
    module: str
    payment: str
    warnings: tuple[str, ...]


class Plan(Struct, frozen=True, kw_only=True):
    """A cart that stands in the shop, and all that makes the order of it: kept on disk before the order is sent."""

    cart: int
    parties: Parties
    placing: int
    carrier: int
    currency: int
    conversion_rate: str
    language: int
    rows: tuple[Row, ...]
    shipping: Decimal
    total: Decimal
    module: str
    payment: str
    warnings: tuple[str, ...] = ()


def draft(
    order: ForwardOrder,
    matches: Sequence[Match],
    stand_ins: StandIns,
    shop: Shop,
    rates: Mapping[int, Decimal],
    *,
    settings: PrestaSettings,
) -> Draft:
    """The order's rows, prices and way of delivery; `rates` are the taxes where it is taxed."""
    if not _REFERENCE.fullmatch(order.reference):
        raise Rejected("the reference must be 1 to 100 letters, digits, dots, dashes or underscores for PrestaShop")
    warnings: list[str] = []
    goods: list[Goods] = []
    carried = ZERO  # what the product for the delivery cost carries
    for line, match in zip(order.lines, matches, strict=True):
        if not line.goods and stand_ins.other is None and stand_ins.delivery is not None:
            carried += line.total.amount
        else:
            goods.append(_goods(line, match, stand_ins.other, rates, warnings))
    cost = order.delivery.cost.amount
    wanted = order.delivery.shop_method or settings.carrier
    chosen = way(shop.carriers, wanted, cost, has_product=stand_ins.delivery is not None)
    carried += cost if chosen.by_product else ZERO
    carrying = _bound(stand_ins.delivery, carried, 1, rates) if carried and stand_ins.delivery else None
    currency = shop.currency(order.total.currency)
    rounding = shop.rounding(currency)
    shipping = ZERO if chosen.by_product else cost
    rows = price(goods, carrying, shipping, order.total.amount, rounding)
    module, payment = payment_of(order, settings)
    return Draft(
        rows=rows,
        way=chosen,
        shipping=shipping,
        total=foresee(rows, shipping, rounding),
        currency=currency,
        module=module,
        payment=payment,
        warnings=tuple(warnings),
    )


def taxed_in(order: ForwardOrder, shop: Shop) -> str:
    """The country whose taxes the order bears, by the shop's setting."""
    return _invoice(order).country if shop.taxed_by_invoice else _delivery(order).country


def payment_of(order: ForwardOrder, settings: PrestaSettings) -> tuple[str, str]:
    """The payment module and the text of the payment."""
    payment = order.payment
    if payment is None:
        return settings.payment_module, settings.payment_name
    usual = settings.cod_module if payment.kind is PaymentKind.CASH_ON_DELIVERY else settings.payment_module
    text = texts.clean(payment.provider or _KINDS[payment.kind], texts.GENERIC, 255)
    return payment.shop_method or usual, text or settings.payment_name


def state_for(order: ForwardOrder, shop: Shop, settings: PrestaSettings) -> int:
    """The state that the new order gets in the end; one that claims a payment only where there is one."""
    wanted = known_state(order.status, shop) if order.status else shop.born
    if wanted in {shop.error, shop.cancelled}:
        raise Rejected(f"an order added to PrestaShop in the state {wanted} takes nothing from the stock; map another")
    payment = order.payment
    if payment is None or payment.paid or not shop.states[wanted].paid:
        return wanted
    if payment.kind is PaymentKind.CASH_ON_DELIVERY:
        return known_state(settings.cod_status or str(shop.cod), shop)
    return known_state(settings.unpaid_status or str(shop.unpaid), shop)


def known_state(text: str, shop: Shop) -> int:
    """A state by its id; raises `Rejected` where the shop has none such."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    state = shop.states.get(number)
    if state is None or state.deleted:
        raise Rejected(
            f"{text[:40]!r} is not the id of a state of orders; see Shop Parameters > Order Settings > Statuses"
        )
    return number


def customer_fields(order: ForwardOrder, shop: Shop, settings: PrestaSettings, password: str) -> Fields:
    """A guest of the shop: a registered customer can have an e-mail address only once (recording 25)."""
    address = _delivery(order)
    first, last = _names(address, order)
    email = order.buyer.email or ""
    told = settings.send_email and _EMAIL.fullmatch(email)
    return {
        "id_default_group": shop.guest_group,
        "id_lang": shop.language,
        "firstname": first,
        "lastname": last,
        "email": email if told else f"{order.reference}@{NOWHERE}",
        "passwd": password,
        "active": 1,
        "is_guest": 1,
        "id_shop": shop.own[0],
        "id_shop_group": shop.own[1],
        "associations": {"groups": {"group": {"id": shop.guest_group}}},
    }


def delivery_fields(order: ForwardOrder, customer: int, shop: Shop) -> Fields:
    """Where the parcel goes, with the pickup point."""
    other = texts.pickup_point(order)
    return _address_fields(_delivery(order), order, customer, shop, alias="Delivery", other=other)


def invoice_fields(order: ForwardOrder, customer: int, shop: Shop) -> Fields | None:
    """To whom the bill goes; None where that is the delivery address."""
    if order.invoice is None:
        return None
    return _address_fields(
        order.invoice.address, order, customer, shop, alias="Invoice", tax_id=order.invoice.tax_id or ""
    )


def plan(drafted: Draft, cart: int, parties: Parties, shop: Shop) -> Plan:
    """What is written to disk once the cart stands in the shop."""
    return Plan(
        cart=cart,
        parties=parties,
        placing=drafted.way.placing.id,
        carrier=drafted.way.carrier.id,
        currency=drafted.currency.id,
        conversion_rate=drafted.currency.rate,
        language=shop.language,
        rows=drafted.rows,
        shipping=drafted.shipping,
        total=drafted.total,
        module=drafted.module,
        payment=drafted.payment,
        warnings=drafted.warnings,
    )


def cart_fields(drafted: Draft, reference: str, parties: Parties, shop: Shop) -> Fields:
    """The cart. Its gift message is copied into the order, and can be searched there (recording 18)."""
    carrier = drafted.way.placing.id
    return {
        "id_currency": drafted.currency.id,
        "id_lang": shop.language,
        "id_customer": parties.customer,
        "id_address_delivery": parties.delivery,
        "id_address_invoice": parties.invoice,
        "id_carrier": carrier,
        "id_shop": shop.own[0],
        "id_shop_group": shop.own[1],
        "gift": 0,
        "gift_message": reference,
        # without it the cheapest carrier is taken (recording 10)
        "delivery_option": f'{{"{parties.delivery}":"{carrier},"}}',
        "associations": {
            "cart_rows": {
                "cart_row": [
                    {
                        "id_product": row.product,
                        "id_product_attribute": row.attribute,
                        "id_address_delivery": parties.delivery,
                        "quantity": row.quantity,
                    }
                    for row in drafted.rows
                ]
            }
        },
    }


def price_fields(made: Plan, row: Row) -> Fields:
    """The price of a row's product in this cart alone; the shop drops it with the order (recording 14)."""
    return {
        "id_shop_group": 0,
        "id_shop": 0,
        "id_cart": made.cart,
        "id_product": row.product,
        "id_product_attribute": row.attribute,
        "id_currency": made.currency,
        "id_country": 0,
        "id_group": 0,
        "id_customer": made.parties.customer,
        "price": row.net,
        "from_quantity": 1,
        "reduction": 0,
        "reduction_tax": 1,
        "reduction_type": "amount",
        "from": "0000-00-00 00:00:00",
        "to": "0000-00-00 00:00:00",
    }


def message_fields(made: Plan, comment: str) -> Fields:
    """The buyer's comment on the cart, which the shop makes a message of the order."""
    return {
        "id_cart": made.cart,
        "id_customer": made.parties.customer,
        "message": texts.html(texts.MESSAGE.sub(" ", comment), texts.LONGEST_MESSAGE),
        "private": 0,
    }


def order_fields(made: Plan) -> Fields:
    """The order. PrestaShop takes everything from the cart, but wants these fields, and compares `total_paid`."""
    cents = Decimal("0.01")
    gross = made.total - made.shipping
    net = sum((row.net * row.quantity for row in made.rows), ZERO).quantize(cents, ROUND_HALF_UP)
    return {
        "id_address_delivery": made.parties.delivery,
        "id_address_invoice": made.parties.invoice,
        "id_cart": made.cart,
        "id_currency": made.currency,
        "id_lang": made.language,
        "id_customer": made.parties.customer,
        "id_carrier": made.placing,
        "module": made.module,
        "payment": made.payment,
        "total_paid": made.total,
        "total_paid_real": made.total,
        "total_products": net,
        "total_products_wt": gross,
        "conversion_rate": made.conversion_rate,
    }


def mended(total_products: Decimal, products_with_tax: Decimal, carrier_tax: Decimal, cost: Decimal) -> Fields:
    """An order's totals with the marketplace's delivery cost instead of the carrier's."""
    net = (cost / (1 + carrier_tax / 100)).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return {
        "total_shipping": cost,
        "total_shipping_tax_incl": cost,
        "total_shipping_tax_excl": net,
        "total_paid": products_with_tax + cost,
        "total_paid_tax_incl": products_with_tax + cost,
        "total_paid_tax_excl": total_products + net,
    }


def _goods(line: Line, match: Match, other: Item | None, rates: Mapping[int, Decimal], warnings: list[str]) -> Goods:
    if match.item is not None:
        return _bound(match.item, line.total.amount, line.quantity, rates)
    keys = [f"SKU {line.sku}" if line.sku else "", f"offer {line.offer_id}" if line.offer_id else ""]
    which = ", ".join(key for key in keys if key) or f"line {line.id}"
    if other is None:
        raise Rejected(
            f"{which}: {match.why}; make it there, or name an `other_product` in config.toml to stand in for such goods"
        )
    if line.goods:
        warnings.append(
            f"{which}: {match.why}, so product {other.reference} stands in and the goods' stock did not fall."
        )
    return _bound(other, line.total.amount, 1, rates, sums=True)


def _bound(item: Item, gross: Decimal, quantity: int, rates: Mapping[int, Decimal], *, sums: bool = False) -> Goods:
    return Goods(
        product=item.product,
        attribute=item.attribute,
        quantity=quantity,
        gross=gross,
        percent=rates.get(item.tax_group, NO_TAX),
        sums=sums,
    )


def _delivery(order: ForwardOrder) -> Address:
    point = order.delivery.pickup_point
    invoice = order.invoice.address if order.invoice else None
    found = order.delivery.address or (point.address if point else None) or invoice
    if found is None:
        raise Rejected("the order has no address at all, and PrestaShop takes none without one")
    return found


def _invoice(order: ForwardOrder) -> Address:
    return order.invoice.address if order.invoice else _delivery(order)


def _names(address: Address, order: ForwardOrder) -> tuple[str, str]:
    named = address.first_name or address.last_name
    first = address.first_name if named else order.buyer.first_name
    last = address.last_name if named else order.buyer.last_name
    return texts.name(first), texts.name(last)


def _address_fields(
    address: Address, order: ForwardOrder, customer: int, shop: Shop, *, alias: str, other: str = "", tax_id: str = ""
) -> Fields:
    country = shop.country(address.country)
    first, last = _names(address, order)
    line, second = texts.street(address.street, address.street2)
    if address.state:
        other = f"{address.state}; {other}" if other else address.state
    return {
        "id_customer": customer,
        "id_country": country.id,
        "alias": alias,
        "company": texts.clean(address.company, texts.GENERIC, 255),
        "lastname": last,
        "firstname": first,
        "vat_number": texts.clean(tax_id, texts.GENERIC, 32),
        "dni": texts.clean(tax_id, texts.DNI, 16) if country.needs_dni else "",
        "address1": line,
        "address2": second,
        "postcode": texts.clean(address.postcode, texts.POSTCODE, 12),
        "city": texts.clean(address.city, texts.CITY, 64) or "-",
        "phone": texts.clean(address.phone or order.buyer.phone, texts.PHONE, 32),
        "other": texts.clean(other, texts.MESSAGE, 300),
    }
