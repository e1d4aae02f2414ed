"""The documents of the simulated eBay: offers and orders as JSON objects in eBay's own shape."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from msgspec import Struct

from plugins.ebay.cursor import stamp

Json = dict[str, Any]  # a JSON object: the simulator keeps documents as they go over the wire

SELLER: Final = "simulated_seller"
SITES: Final = MappingProxyType({"EBAY_DE": "DE", "EBAY_IT": "IT", "EBAY_PL": "PL", "EBAY_GB": "GB"})
OLD_ADDRESS: Final = timedelta(days=90)
OLD_EMAIL: Final = timedelta(days=14)


class Offer(Struct, kw_only=True):
    """What is sold; `price` is gross. As JSON {sku, ean, name, price as text, stock} shop simulators share it."""

    sku: str
    ean: str | None = None
    name: str
    price: Decimal
    stock: int = 1000
    id: str = ""


class Service(Struct, frozen=True):
    """A shipping service that the seller offers."""

    carrier: str
    code: str
    cost: Decimal


SERVICES: Final = MappingProxyType(
    {
        "parcel": Service("DHL", "DE_DHLPaket", Decimal("4.99")),
        "express": Service("DHL", "DE_DHLExpress", Decimal("14.90")),
        "free": Service("DPD", "DE_DPDClassic", Decimal("0.00")),
    }
)

_GOODS: Final = (
    ("Enamel mug 400 ml", "9.90"),
    ("Oak cutting board", "24.00"),
    ("Bath towel 70x140", "12.99"),
    ("LED desk lamp", "39.00"),
    ("Set of 6 glasses", "18.50"),
    ("City backpack 25 l", "49.90"),
    ("Soy candle lavender", "11.90"),
    ("Dotted notebook A5", "6.99"),
    ("Steel thermos 1 l", "29.00"),
    ("Cotton blanket 150x200", "33.00"),
    ("Wall clock 30 cm", "21.99"),
    ("Pepper mill", "14.44"),
)
_PEOPLE: Final = (
    "Anna Schmidt",
    "Peter van der Berg",
    "Katarzyna Wójcik",
    "Tom Kamiński",
    "Zoë Müller",
    "Łukasz Nowak",
)
_PLACES: Final = (
    ("Hauptstraße 182", "Berlin", "10115"),
    ("Lange Gasse 3/7", "München", "80331"),
    ("Am Markt 44", "Bremen", "28195"),
    ("Seeweg 5", "Kiel", "24103"),
)


def default_offers() -> list[Offer]:
    """Twelve products, SKU-001 to SKU-012, each with an EAN of its own."""
    return [
        Offer(sku=f"SKU-{n:03d}", ean=ean13(f"400123400{n:03d}"), name=name, price=Decimal(price))
        for n, (name, price) in enumerate(_GOODS, 1)
    ]


def ean13(twelve: str) -> str:
    """Twelve digits with their check digit."""
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(twelve))
    return twelve + str(-total % 10)


def offer_catalogue(offers: Iterable[Offer]) -> dict[str, Offer]:
    """The offers by SKU, each with an item number."""
    found: dict[str, Offer] = {}
    for number, offer in enumerate(offers, 110_000_000_001):
        offer.id = offer.id or str(number)
        found[offer.sku] = offer
    return found


def money(amount: Decimal, currency: str = "EUR") -> Json:
    """An amount as eBay writes it."""
    return {"value": str(amount), "currency": currency}


def order_id(chance: random.Random) -> str:
    """An order's number, such as 01-03955-36441."""
    return f"{chance.randrange(1, 30):02d}-{chance.randrange(100_000):05d}-{chance.randrange(100_000):05d}"


def a_contact(chance: random.Random, country: str, *, name: str | None = None, email: str | None = None) -> Json:
    """A person at an address."""
    street, city, postcode = chance.choice(_PLACES)
    contact: Json = {
        "fullName": name or chance.choice(_PEOPLE),
        "contactAddress": {
            "addressLine1": street,
            "city": city,
            "stateOrProvince": "default",
            "postalCode": postcode,
            "countryCode": country,
        },
        "primaryPhone": {"phoneNumber": f"+49 {chance.randrange(150_000_000, 179_999_999)}"},
    }
    return {**contact, "email": email} if email else contact


def a_hub() -> Json:
    """The warehouse of eBay's international shipping provider."""
    return {
        "fullName": "Global Shipping Center",
        "companyName": "Hub 7",
        "contactAddress": {
            "addressLine1": "Hubstraße 1",
            "city": "Leipzig",
            "postalCode": "04103",
            "countryCode": "DE",
        },
        "primaryPhone": {"phoneNumber": "+49 341 000000"},
    }


def line_item(line_id: str, offer: Offer, quantity: int, now: datetime, site: str) -> Json:
    """One line of an order."""
    return {
        "lineItemId": line_id,
        "legacyItemId": offer.id,
        "sku": offer.sku,
        "title": offer.name,
        "lineItemCost": money(offer.price * quantity),
        "quantity": quantity,
        "soldFormat": "FIXED_PRICE",
        "listingMarketplaceId": site,
        "purchaseMarketplaceId": site,
        "lineItemFulfillmentStatus": "NOT_STARTED",
        "total": money(offer.price * quantity),
        "deliveryCost": {"shippingCost": money(Decimal("0.0"))},
        "appliedPromotions": [],
        "taxes": [],
        "properties": {"buyerProtection": True},
        "lineItemFulfillmentInstructions": {"shipByDate": stamp(now + timedelta(days=2)), "guaranteedDelivery": False},
    }


def bought(number: str, username: str, items: list[Json], now: datetime) -> Json:
    """An order right after the purchase: committed to buy, but not yet checked out."""
    return with_total(
        {
            "orderId": number,
            "legacyOrderId": number,
            "creationDate": stamp(now),
            "lastModifiedDate": stamp(now),
            "orderFulfillmentStatus": "NOT_STARTED",
            "orderPaymentStatus": "PENDING",
            "sellerId": SELLER,
            "buyer": {"username": username},
            "pricingSummary": {},
            "cancelStatus": {"cancelState": "NONE_REQUESTED", "cancelRequests": []},
            "paymentSummary": {"totalDueSeller": {}, "refunds": [], "payments": []},
            "fulfillmentStartInstructions": [],
            "fulfillmentHrefs": [],
            "lineItems": items,
            "salesRecordReference": "100",
        }
    )


def with_total(order: Json, delivery: Decimal = Decimal("0.0")) -> Json:
    """Adds up lines and delivery into `pricingSummary`."""
    cost = sum((Decimal(item["lineItemCost"]["value"]) for item in order["lineItems"]), Decimal(0))
    net = sum(
        (Decimal((item.get("discountedLineItemCost") or item["lineItemCost"])["value"]) for item in order["lineItems"]),
        Decimal(0),
    )
    summary = {"priceSubtotal": money(cost), "deliveryCost": money(delivery), "total": money(net + delivery)}
    if net != cost:
        summary["priceDiscount"] = money(net - cost)
    order["pricingSummary"] = summary
    order["paymentSummary"]["totalDueSeller"] = dict(summary["total"])
    return order


def aged(order: Json, now: datetime) -> Json:
    """The order as eBay shows it now: e-mails are gone after 14 days, names, phones and streets after 90."""
    age = now - datetime.fromisoformat(order["creationDate"])
    contacts = [
        step["shippingStep"]["shipTo"] for step in order["fulfillmentStartInstructions"] if "shippingStep" in step
    ]
    contacts += [order["buyer"]["buyerRegistrationAddress"]] if "buyerRegistrationAddress" in order["buyer"] else []
    for contact in contacts:
        if age > OLD_EMAIL:
            contact.pop("email", None)
        if age > OLD_ADDRESS:
            for name in ("fullName", "primaryPhone"):
                contact.pop(name, None)
            contact["contactAddress"].pop("addressLine1", None)
    return order


def refusal(error_id: int, message: str, domain: str = "API_FULFILLMENT") -> Json:
    """The body of an error."""
    entry = {"errorId": error_id, "domain": domain, "category": "REQUEST", "message": message, "longMessage": message}
    return {"errors": [entry]}
