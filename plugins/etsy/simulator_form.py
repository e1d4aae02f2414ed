"""The documents of the simulated Etsy: offers and receipts as JSON objects in Etsy's own shape."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from msgspec import Struct

Json = dict[str, Any]  # a JSON object: the simulator keeps documents as they go over the wire

USER_ID: Final = 7_654_321
SHOP_ID: Final = 12_345_678
CARRIERS: Final = ("InPost", "DPD", "DHL Express", "Poczta Polska", "UPS", "GLS")


class Offer(Struct, kw_only=True):
    """What is sold; `price` is gross. As JSON {sku, ean, name, price as text, stock} shop simulators share it."""

    sku: str
    ean: str | None = None
    name: str
    price: Decimal
    stock: int = 1000
    id: int = 0


_GOODS: Final = (
    ("Hand-thrown mug", "39.90"),
    ("Walnut cutting board", "124.00"),
    ("Linen towel", "49.99"),
    ("Brass desk lamp", "319.00"),
    ("Set of 6 blown glasses", "154.50"),
    ("Waxed canvas backpack", "449.90"),
    ("Soy candle lavender", "44.90"),
    ("Letterpress notebook A5", "29.99"),
    ("Engraved flask", "89.00"),
    ("Hand-woven blanket", "399.00"),
    ("Oak wall clock", "164.99"),
    ("Turned pepper mill", "84.44"),
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
    ("ul. Grunwaldzka 182", "Poznań", "60-166", "PL"),
    ("Lange Gasse 3/7", "München", "80331", "DE"),
    ("12 Market Row", "London", "E8 1AA", "GB"),
)


def default_offers() -> list[Offer]:
    """Twelve products, SKU-001 to SKU-012, each with an EAN of its own."""
    return [
        Offer(sku=f"SKU-{n:03d}", ean=ean13(f"590123400{n:03d}"), name=name, price=Decimal(price))
        for n, (name, price) in enumerate(_GOODS, 1)
    ]


def ean13(twelve: str) -> str:
    """Twelve digits with their check digit."""
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(twelve))
    return twelve + str(-total % 10)


def offer_catalogue(offers: Iterable[Offer]) -> dict[str, Offer]:
    """The offers by SKU, each with a listing's number."""
    found: dict[str, Offer] = {}
    for number, offer in enumerate(offers, 1_100_000_001):
        offer.id = offer.id or number
        found[offer.sku] = offer
    return found


def money(amount: Decimal, divisor: int = 100) -> Json:
    """An amount as Etsy writes it."""
    return {"amount": int(amount * divisor), "divisor": divisor, "currency_code": "PLN"}


def value(amount: Json) -> Decimal:
    """The amount again."""
    return Decimal(amount["amount"]) / int(amount["divisor"])


def second(moment: datetime) -> int:
    """A moment as Etsy writes it."""
    return int(moment.timestamp())


def transaction(number: int, receipt_id: int, offer: Offer, quantity: int, now: datetime) -> Json:
    """One line of a receipt."""
    return {
        "transaction_id": number,
        "title": offer.name,
        "description": None,
        "seller_user_id": USER_ID,
        "buyer_user_id": 1,
        "create_timestamp": second(now),
        "created_timestamp": second(now),
        "paid_timestamp": None,
        "shipped_timestamp": None,
        "quantity": quantity,
        "listing_image_id": None,
        "receipt_id": receipt_id,
        "is_digital": False,
        "file_data": "",
        "listing_id": offer.id,
        "transaction_type": "listing",
        "product_id": offer.id + 5,
        "sku": offer.sku,
        "price": money(offer.price),
        "shipping_cost": money(Decimal(0)),
        "variations": [],
        "product_data": [],
        "shipping_profile_id": None,
        "min_processing_days": 1,
        "max_processing_days": 2,
        "shipping_method": "Standard",
        "shipping_upgrade": None,
        "expected_ship_date": second(now) + 172_800,
        "buyer_coupon": 0,
        "shop_coupon": 0,
    }


def receipt(receipt_id: int, transactions: list[Json], chance: random.Random, now: datetime) -> Json:
    """A receipt right after the checkout, while the payment is processed."""
    street, city, postcode, country = chance.choice(_PLACES)
    document: Json = {
        "receipt_id": receipt_id,
        "receipt_type": 0,
        "seller_user_id": USER_ID,
        "seller_email": "seller@example.invalid",
        "buyer_user_id": chance.randrange(10**6, 10**8),
        "buyer_email": None,
        "name": chance.choice(_PEOPLE),
        "first_line": street,
        "second_line": None,
        "city": city,
        "state": None,
        "zip": postcode,
        "status": "Payment Processing",
        "formatted_address": f"{street}\n{postcode} {city}",
        "country_iso": country,
        "payment_method": "cc",
        "payment_email": None,
        "message_from_seller": None,
        "message_from_buyer": None,
        "message_from_payment": None,
        "is_paid": False,
        "is_shipped": False,
        "create_timestamp": second(now),
        "created_timestamp": second(now),
        "update_timestamp": second(now),
        "updated_timestamp": second(now),
        "is_gift": False,
        "gift_message": "",
        "gift_sender": "",
        "shipments": [],
        "transactions": transactions,
        "refunds": [],
    }
    return with_total(document)


def with_total(
    document: Json, *, shipping: str = "14.99", discount: str = "0", tax: str = "0", wrap: str = "0", vat: str = "0"
) -> Json:
    """Adds up the receipt; `vat` is kept by Etsy and not in the total."""
    goods = sum((value(one["price"]) * one["quantity"] for one in document["transactions"]), Decimal(0))
    document["total_price"] = money(goods)
    document["subtotal"] = money(goods - Decimal(discount))
    document["total_shipping_cost"] = money(Decimal(shipping))
    document["total_tax_cost"] = money(Decimal(tax))
    document["total_vat_cost"] = money(Decimal(vat))
    document["discount_amt"] = money(Decimal(discount))
    document["gift_wrap_price"] = money(Decimal(wrap))
    total = goods - Decimal(discount) + Decimal(shipping) + Decimal(tax) + Decimal(wrap)
    document["grandtotal"] = money(total)
    return document
