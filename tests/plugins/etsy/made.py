"""A whole receipt as Etsy shows it; the official description has no examples of its own."""

from __future__ import annotations

import copy
import json
from typing import Any

Json = dict[str, Any]


def money(amount: int, divisor: int = 100, currency: str = "EUR") -> Json:
    return {"amount": amount, "divisor": divisor, "currency_code": currency}


RECEIPT: Json = {
    "receipt_id": 3_000_000_001,
    "receipt_type": 0,
    "seller_user_id": 7,
    "seller_email": "seller@shop.example",
    "buyer_user_id": 4711,
    "buyer_email": "anna@mail.example",
    "name": "Anna Maria Schmidt",
    "first_line": "Via Roma 1",
    "second_line": "Scala B",
    "city": "Milano",
    "state": "MI",
    "zip": "20100",
    "status": "Paid",
    "formatted_address": "Anna Maria Schmidt\nVia Roma 1",
    "country_iso": "IT",
    "payment_method": "cc",
    "payment_email": "anna@mail.example",
    "message_from_seller": None,
    "message_from_buyer": "red please",
    "message_from_payment": None,
    "is_paid": True,
    "is_shipped": False,
    "create_timestamp": 1_767_600_000,
    "created_timestamp": 1_767_600_000,
    "update_timestamp": 1_767_600_600,
    "updated_timestamp": 1_767_600_600,
    "is_gift": False,
    "gift_message": "",
    "gift_sender": "",
    "grandtotal": money(3450),
    "subtotal": money(3000),
    "total_price": money(3500),
    "total_shipping_cost": money(450),
    "total_tax_cost": money(0),
    "total_vat_cost": money(0),
    "discount_amt": money(500),
    "gift_wrap_price": money(0),
    "shipments": [],
    "transactions": [
        {
            "transaction_id": 10_001,
            "title": "Mug",
            "quantity": 3,
            "listing_id": 1_100_000_001,
            "sku": "MUG-R",
            "price": money(1000),
            "is_digital": False,
            "variations": [
                {"property_id": 1, "value_id": 2, "formatted_name": "Colour", "formatted_value": "red"},
                {"property_id": 54, "value_id": None, "formatted_name": "Engraving", "formatted_value": "For Ola"},
            ],
            "shipping_method": "Standard",
            "shipping_upgrade": None,
            "paid_timestamp": 1_767_600_540,
        },
        {
            "transaction_id": 10_002,
            "title": "Pattern (PDF)",
            "quantity": 1,
            "listing_id": 1_100_000_002,
            "sku": None,
            "price": money(5000, 1000),
            "is_digital": True,
            "variations": [],
            "shipping_method": None,
            "shipping_upgrade": "Express",
            "paid_timestamp": 1_767_600_550,
        },
    ],
    "refunds": [],
}


def a_receipt(**changes: Any) -> Json:
    """The receipt, with some of its fields replaced."""
    return copy.deepcopy(RECEIPT) | changes


def encoded(receipt: Json) -> bytes:
    return json.dumps(receipt).encode()
