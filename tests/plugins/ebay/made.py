"""A whole order as the single read of eBay shows it; the official description has no examples of its own."""

from __future__ import annotations

import copy
import json
from typing import Any

Json = dict[str, Any]

ORDER: Json = {
    "orderId": "01-03955-36441",
    "creationDate": "2026-01-05T08:00:00.000Z",
    "lastModifiedDate": "2026-01-05T08:10:00.500Z",
    "orderFulfillmentStatus": "NOT_STARTED",
    "orderPaymentStatus": "PAID",
    "sellerId": "seller",
    "buyer": {
        "username": "anna_s",
        "taxAddress": {"countryCode": "IT"},
        "buyerRegistrationAddress": {
            "fullName": "Anna Maria Schmidt",
            "contactAddress": {
                "addressLine1": "Heimweg 9",
                "city": "Torino",
                "postalCode": "10100",
                "countryCode": "IT",
            },
            "primaryPhone": {"phoneNumber": "+39 011 555"},
            "email": "home@members.example",
        },
        "taxIdentifier": {
            "taxpayerId": "RSSMRA80A01H501U",
            "taxIdentifierType": "CODICE_FISCALE",
            "issuingCountry": "IT",
        },
    },
    "buyerCheckoutNotes": "red please",
    "pricingSummary": {
        "priceSubtotal": {"value": "35.00", "currency": "EUR"},
        "priceDiscount": {"value": "-5.00", "currency": "EUR"},
        "deliveryCost": {"value": "6.0", "currency": "EUR"},
        "deliveryDiscount": {"value": "-1.5", "currency": "EUR"},
        "total": {"value": "34.50", "currency": "EUR"},
    },
    "cancelStatus": {"cancelState": "NONE_REQUESTED", "cancelRequests": []},
    "paymentSummary": {
        "totalDueSeller": {"value": "34.50", "currency": "EUR"},
        "refunds": [],
        "payments": [
            {
                "paymentMethod": "EBAY",
                "paymentStatus": "PAID",
                "paymentDate": "2026-01-05T08:09:00.000Z",
                "amount": {"value": "34.50", "currency": "EUR"},
                "paymentHolds": [{"holdState": "HELD"}],
            }
        ],
    },
    "fulfillmentStartInstructions": [
        {
            "fulfillmentInstructionsType": "SHIP_TO",
            "shippingStep": {
                "shippingCarrierCode": "DHL",
                "shippingServiceCode": "IT_DHL",
                "shipTo": {
                    "fullName": "Anna Schmidt",
                    "companyName": "Schmidt SRL",
                    "email": "anna@members.example",
                    "primaryPhone": {"phoneNumber": "+39 011 777"},
                    "contactAddress": {
                        "addressLine1": "Via Roma 1",
                        "addressLine2": "Scala B",
                        "city": "Milano",
                        "stateOrProvince": "MI",
                        "postalCode": "20100",
                        "countryCode": "IT",
                    },
                },
            },
        }
    ],
    "lineItems": [
        {
            "lineItemId": "10001",
            "legacyItemId": "110000000001",
            "legacyVariationId": "77",
            "sku": "MUG-R",
            "title": "Mug",
            "variationAspects": [{"name": "Colour", "value": "red"}, {"name": "Size", "value": "L"}],
            "quantity": 3,
            "lineItemCost": {"value": "30.00", "currency": "EUR"},
            "discountedLineItemCost": {"value": "25.00", "currency": "EUR"},
            "purchaseMarketplaceId": "EBAY_IT",
            "listingMarketplaceId": "EBAY_DE",
        },
        {
            "lineItemId": "10002",
            "legacyItemId": "110000000002",
            "title": "Spoon",
            "quantity": 1,
            "lineItemCost": {"value": "5.00", "currency": "EUR"},
            "purchaseMarketplaceId": "EBAY_IT",
        },
    ],
}


def an_order(**changes: Any) -> Json:
    """The order, with some of its fields replaced; None takes one away."""
    order = copy.deepcopy(ORDER)
    for name, value in changes.items():
        if value is None:
            del order[name]
        else:
            order[name] = value
    return order


def encoded(order: Json) -> bytes:
    return json.dumps(order).encode()
