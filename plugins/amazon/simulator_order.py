"""The documents of the simulated Amazon: offers, buyers and orders as JSON objects in Amazon's own shape."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from msgspec import Struct

from plugins.amazon.cursor import stamp
from plugins.amazon.marketplaces import Marketplace

Json = dict[str, Any]  # a JSON object: the simulator keeps documents as they go over the wire

VAT: Final = MappingProxyType(
    {"PL": 23, "DE": 19, "FR": 20, "IT": 22, "ES": 21, "NL": 21, "BE": 21, "SE": 25, "IE": 23, "GB": 20, "TR": 20}
)


class Offer(Struct, kw_only=True):
    """What is sold; `price` is gross. As JSON {sku, ean, name, price as text, stock} shop simulators share it."""

    sku: str
    ean: str | None = None
    name: str
    price: Decimal
    stock: int = 1000
    asin: str = ""


_GOODS: Final = (
    ("Kubek emaliowany 400 ml", "29.90"),
    ("Deska do krojenia dębowa", "74.00"),
    ("Handtuch 70x140", "39.99"),
    ("Schreibtischlampe LED", "119.00"),
    ("Verre, lot de 6", "54.50"),
    ("Zaino da città 25 l", "149.90"),
)
_NAMES: Final = (
    ("Anna Kowalska", "ul. Polna 3/7"),
    ("Jürgen Groß", "Hauptstraße 12a"),
    ("Zoé Lefèvre", "8 rue de l'Église"),
    ("María José García", "Calle Mayor 5, 2º"),
    ("Åsa Lindström", "Storgatan 1"),
)
_CITIES: Final = MappingProxyType(
    {
        "PL": ("Warszawa", "00-950"),
        "DE": ("München", "80331"),
        "FR": ("Lyon", "69001"),
        "IT": ("Milano", "20121"),
        "ES": ("Madrid", "28013"),
        "NL": ("Utrecht", "3511 AB"),
        "BE": ("Gent", "9000"),
        "SE": ("Malmö", "211 20"),
        "IE": ("Dublin", "D02 X285"),
        "GB": ("Leeds", "LS1 1UR"),
        "TR": ("Ankara", "06100"),
    }
)


def catalogue(offers: Iterable[Offer] | None) -> dict[str, Offer]:
    """The offers by SKU, each with an ASIN; a few of our own where none are given."""
    own = (
        Offer(sku=f"SKU-{n:03d}", ean=f"590000000{n:04d}", name=name, price=Decimal(price))
        for n, (name, price) in enumerate(_GOODS, start=1)
    )
    found = {}
    for n, offer in enumerate(own if offers is None else offers, start=1):
        offer.asin = offer.asin or f"B0SIM{n:05d}"
        found[offer.sku] = offer
    return found


def new_order_id(chance: random.Random) -> str:
    """An order's number: three, seven and seven digits."""
    return f"{chance.randrange(300, 310)}-{chance.randrange(10**7):07d}-{chance.randrange(10**7):07d}"


def money(amount: Decimal, currency: str) -> Json:
    """An amount with its currency."""
    return {"amount": f"{amount:.2f}", "currencyCode": currency}


def address(chance: random.Random, country: str) -> Json:
    """Where a buyer lives."""
    name, street = chance.choice(_NAMES)
    city, postcode = _CITIES[country]
    return {
        "name": name,
        "addressLine1": street,
        "addressLine2": "",
        "city": city,
        "postalCode": postcode,
        "countryCode": country,
        "phone": f"+48 {chance.randrange(10**9):09d}",
        "addressType": "RESIDENTIAL",
    }


class Wishes(Struct, frozen=True, kw_only=True):
    """What a buyer chooses besides the goods; `discount` is taken off the goods, `tax` is told as a part of prices."""

    shipping: Decimal = Decimal("9.99")
    free_shipping: bool = False
    discount: Decimal = Decimal(0)
    wrap: Decimal = Decimal(0)
    gift_note: str | None = None
    company: bool = False
    cash_on_delivery: bool = False
    tip: Decimal = Decimal(0)
    level: str = "STANDARD"
    tax: bool = False


def order(
    order_id: str,
    marketplace: Marketplace,
    items: Sequence[Json],
    wishes: Wishes,
    *,
    at: datetime,
    fulfilled_by: str,
    where: Json,
) -> Json:
    """A whole order as it is shown once it may be shipped."""
    total = sum((Decimal(item["proceeds"]["proceedsTotal"]["amount"]) for item in items), wishes.tip)
    document: Json = {
        "orderId": order_id,
        "createdTime": stamp(at),
        "lastUpdatedTime": stamp(at),
        "programs": ["AMAZON_BUSINESS"] if wishes.company else [],
        "salesChannel": {
            "channelName": "AMAZON",
            "marketplaceId": marketplace.id,
            "marketplaceName": marketplace.name,
        },
        "buyer": {
            "buyerName": where["name"],
            "buyerEmail": f"{order_id.replace('-', '')}@marketplace.example.invalid",
        },
        "recipient": {"deliveryAddress": where},
        "proceeds": {"grandTotal": money(total, marketplace.currency)},
        "fulfillment": {
            "fulfillmentStatus": "UNSHIPPED",
            "fulfilledBy": fulfilled_by,
            "fulfillmentServiceLevel": wishes.level,
            "shipByWindow": {"earliestDateTime": stamp(at), "latestDateTime": stamp(at + timedelta(days=2))},
        },
        "payment": {
            "paymentExecutions": [{"paymentMethod": "CashOnDelivery" if wishes.cash_on_delivery else "CreditCard"}]
        },
        "orderItems": list(items),
    }
    if wishes.tip:
        tip = {"type": "DELIVERY_TIP", "status": "FINALIZED", "subtotal": money(wishes.tip, marketplace.currency)}
        document["proceeds"]["breakdowns"] = [tip]
    if wishes.company:
        document["buyer"] |= {"buyerCompanyName": "Przykład Sp. z o.o.", "buyerPurchaseOrderNumber": "PO-77"}
        document["tax"] = {
            "taxRegistrations": [
                {
                    "entityType": "BUYER",
                    "legalName": "Przykład Sp. z o.o.",
                    "taxRegistrationType": "VAT",
                    "taxRegistrationNumber": "PL5252248481",
                }
            ]
        }
    return document


def item(item_id: str, offer: Offer, quantity: int, wishes: Wishes, marketplace: Marketplace, *, first: bool) -> Json:
    """A line; what the buyer chose for the whole order is charged with the first."""
    charged = {"ITEM": offer.price * quantity}
    discounts: dict[str, Decimal] = {}
    if first:
        charged |= {"SHIPPING": wishes.shipping, "GIFT_WRAP": wishes.wrap}
        discounts = {"ITEM": wishes.discount, "SHIPPING": wishes.shipping if wishes.free_shipping else Decimal(0)}
    total = sum(charged.values(), Decimal(0)) - sum(discounts.values(), Decimal(0))
    document: Json = {
        "orderItemId": item_id,
        "quantityOrdered": quantity,
        "product": {
            "asin": offer.asin,
            "title": offer.name,
            "sellerSku": offer.sku,
            "condition": {"conditionType": "NEW"},
            "price": {"unitPrice": money(offer.price, marketplace.currency)},
        },
        "proceeds": {
            "proceedsTotal": money(total, marketplace.currency),
            "breakdowns": _breakdowns(charged, discounts, wishes, marketplace),
        },
        "fulfillment": {"quantityFulfilled": 0, "quantityUnfulfilled": quantity},
    }
    if first and (wishes.wrap or wishes.gift_note):
        gift = {"giftWrapLevel": "STANDARD"} | ({"giftMessage": wishes.gift_note} if wishes.gift_note else {})
        document["fulfillment"]["packing"] = {"giftOption": gift}
    if discounts.get("ITEM"):
        document["promotion"] = {"breakdowns": [{"promotionId": "PROMO-10"}]}
    return document


def _breakdowns(
    charged: Mapping[str, Decimal], discounts: Mapping[str, Decimal], wishes: Wishes, marketplace: Marketplace
) -> list[Json]:
    currency = marketplace.currency
    found: list[Json] = [
        {"type": kind, "subtotal": money(amount, currency)} for kind, amount in charged.items() if amount
    ]
    given = {kind: amount for kind, amount in discounts.items() if amount}
    if given:
        found.append(
            {
                "type": "DISCOUNT",
                "subtotal": money(sum(given.values(), Decimal(0)), currency),
                "detailedBreakdowns": [
                    {"subtype": kind, "value": money(amount, currency)} for kind, amount in given.items()
                ],
            }
        )
    if wishes.tax:
        percent = VAT[marketplace.country]
        taxes = {
            kind: ((amount - discounts.get(kind, Decimal(0))) * percent / (100 + percent)).quantize(Decimal("0.01"))
            for kind, amount in charged.items()
            if amount
        }
        details = [{"subtype": kind, "value": money(amount, currency)} for kind, amount in taxes.items()]
        total = money(sum(taxes.values(), Decimal(0)), currency)
        found.append({"type": "TAX", "subtotal": total, "detailedBreakdowns": details})
    return found
