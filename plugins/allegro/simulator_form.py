"""The documents of the simulated Allegro: offers, checkout forms and events as JSON objects in Allegro's own shape."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from msgspec import Struct

from plugins.allegro.cursor import stamp

Json = dict[str, Any]  # a JSON object: the simulator keeps documents as they go over the wire

SELLER: Final = "437848322"


class Offer(Struct, kw_only=True):
    """What is sold; `price` is gross. As JSON {sku, ean, name, price as text, stock} shop simulators share it."""

    sku: str
    ean: str | None = None
    name: str
    price: Decimal
    stock: int = 1000
    id: str = ""


class Method(Struct, frozen=True):
    """A delivery method; `point` says that the parcel goes to a pickup point."""

    id: str
    name: str
    cost: Decimal
    point: bool
    policy: str = "IN_ADVANCE"


METHODS: Final = MappingProxyType(
    {
        "courier": Method("845efe05-0c96-47e8-a8cb-aa4699c158ce", "Allegro Kurier DPD", Decimal("14.99"), point=False),
        "point": Method(
            "1fa56f79-4b6a-4821-a6f2-ca9c16d5c925", "Allegro Paczkomaty InPost", Decimal("9.99"), point=True
        ),
        "cod": Method(
            "7203cb90-864c-4cda-bf08-dc883f0c78ad",
            "Allegro Kurier DPD pobranie",
            Decimal("19.99"),
            point=False,
            policy="CASH_ON_DELIVERY",
        ),
        "letter": Method(
            "758fcd59-fbfa-4453-ae07-4800d72c2ca5", "List polecony priorytetowy", Decimal("0.00"), point=False
        ),
    }
)

CARRIERS: Final = (
    ("INPOST", "InPost"),
    ("DPD", "DPD"),
    ("DHL", "DHL"),
    ("POCZTA_POLSKA", "Poczta Polska"),
    ("UPS", "UPS"),
    ("GLS", "GLS"),
    ("ALLEGRO", "Allegro"),
    ("OTHER", None),
)

_GOODS: Final = (
    ("Kubek emaliowany 400 ml", "29.90"),
    ("Deska do krojenia dębowa", "74.00"),
    ("Ręcznik kąpielowy 70x140", "39.99"),
    ("Lampka biurkowa LED", "119.00"),
    ("Zestaw 6 szklanek", "54.50"),
    ("Plecak miejski 25 l", "149.90"),
    ("Świeca sojowa lawenda", "34.90"),
    ("Notes A5 w kropki", "19.99"),
    ("Termos stalowy 1 l", "89.00"),
    ("Koc bawełniany 150x200", "99.00"),
    ("Zegar ścienny 30 cm", "64.99"),
    ("Młynek do pieprzu", "44.44"),
)
_PEOPLE: Final = (
    ("Anna", "Nowak"),
    ("Piotr", "Wiśniewski"),
    ("Katarzyna", "Wójcik"),
    ("Tomasz", "Kamiński"),
    ("Zofia", "Lewandowska"),
    ("Łukasz", "Zieliński"),
    ("Magdalena", "Szymańska"),
    ("Żaneta", "Dąbrowska"),
)
_PLACES: Final = (
    ("ul. Grunwaldzka 182", "Poznań", "60-166"),
    ("ul. Długa 3/7", "Kraków", "31-147"),
    ("al. Jerozolimskie 44", "Warszawa", "00-024"),
    ("ul. Świdnicka 12", "Wrocław", "50-068"),
    ("Kolonia 5", "Łódź", "90-001"),
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


def money(amount: Decimal, currency: str = "PLN") -> Json:
    """An amount as Allegro writes it."""
    return {"amount": f"{amount:.2f}", "currency": currency}


def new_id(chance: random.Random) -> str:
    """A UUID drawn from the seed."""
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))


def new_revision(chance: random.Random) -> str:
    """Eight hexadecimal digits."""
    return f"{chance.getrandbits(32):08x}"


def a_buyer(chance: random.Random, login: str | None = None) -> Json:
    """A made-up buyer."""
    first, last = chance.choice(_PEOPLE)
    street, city, postcode = chance.choice(_PLACES)
    number = chance.randrange(10_000_000, 99_999_999)
    return {
        "id": str(number),
        "email": f"{chance.getrandbits(40):010x}+{number}@allegromail.pl",
        "login": login or f"{first.lower()}_{number}",
        "firstName": first,
        "lastName": last,
        "companyName": None,
        "guest": False,
        "personalIdentity": None,
        "phoneNumber": f"+48 {chance.randrange(500_000_000, 799_999_999)}",
        "preferences": {"language": "pl-PL"},
        "address": {"street": street, "city": city, "postCode": postcode, "countryCode": "PL"},
    }


def an_address(chance: random.Random, buyer: Json) -> Json:
    """Where the parcel goes."""
    street, city, postcode = chance.choice(_PLACES)
    return {
        "firstName": buyer["firstName"],
        "lastName": buyer["lastName"],
        "street": street,
        "city": city,
        "zipCode": postcode,
        "countryCode": "PL",
        "companyName": None,
        "phoneNumber": buyer["phoneNumber"],
        "modifiedAt": None,
    }


def a_point(chance: random.Random) -> Json:
    """A parcel locker."""
    street, city, postcode = chance.choice(_PLACES)
    code = f"{city[:3].upper()}{chance.randrange(10, 99)}A"
    place = {"street": street, "zipCode": postcode, "city": city, "countryCode": "PL"}
    return {"id": code, "name": f"Paczkomat {code}", "description": "Obok sklepu", "address": place}


def an_invoice_address(chance: random.Random, buyer: Json, *, company: bool) -> Json:
    """To whom the invoice goes: a company with its NIP, or a person."""
    street, city, postcode = chance.choice(_PLACES)
    nip = f"{chance.randrange(1_000_000_000, 9_999_999_999)}"
    firm = {
        "name": "Udix Sp. z o.o.",
        "ids": [{"type": "PL_NIP", "value": nip}],
        "vatPayerStatus": "NOT_APPLICABLE",
        "taxId": nip,
    }
    person = {"firstName": buyer["firstName"], "lastName": buyer["lastName"]}
    return {
        "street": street,
        "city": city,
        "zipCode": postcode,
        "countryCode": "PL",
        "company": firm if company else None,
        "naturalPerson": None if company else person,
    }


def line_item(line_id: str, offer: Offer, quantity: int, now: datetime) -> Json:
    """One line of a form."""
    return {
        "id": line_id,
        "offer": {"id": offer.id, "name": offer.name, "external": {"id": offer.sku}, "productSet": None},
        "quantity": quantity,
        "originalPrice": money(offer.price),
        "price": money(offer.price),
        "reconciliation": None,
        "selectedAdditionalServices": [],
        "vouchers": [],
        "tax": {"rate": "23.00", "subject": "GOODS", "exemption": None},
        "deposit": None,
        "discounts": [],
        "serialNumbers": {"expected": False, "entries": []},
        "boughtAt": stamp(now),
    }


def bought(form_id: str, buyer: Json, items: list[Json], *, provider: str, site: str) -> Json:
    """A form as it is right after the purchase: no delivery, no payment, no address."""
    document: Json = {
        "id": form_id,
        "messageToSeller": None,
        "buyer": buyer,
        "payment": None,
        "status": "BOUGHT",
        "fulfillment": {
            "status": "NEW",
            "provider": {"id": provider},
            "shipmentSummary": {"lineItemsSent": "NONE"},
        },
        "delivery": None,
        "invoice": {"required": False, "address": None, "dueDate": None, "features": []},
        "lineItems": items,
        "surcharges": [],
        "discounts": [],
        "note": None,
        "marketplace": {"id": site},
        "codBookedPayments": [],
    }
    return with_total(document)


def with_total(form: Json) -> Json:
    """Adds up lines, services, deposits and delivery into `summary.totalToPay`."""
    total = Decimal(form["delivery"]["cost"]["amount"]) if form["delivery"] else Decimal(0)
    for item in form["lineItems"]:
        total += Decimal(item["price"]["amount"]) * item["quantity"]
        total += sum(
            (Decimal(one["price"]["amount"]) * one["quantity"] for one in item["selectedAdditionalServices"]),
            Decimal(0),
        )
        if item["deposit"]:
            total += Decimal(item["deposit"]["price"]["amount"]) * item["quantity"]
    form["summary"] = {"totalToPay": money(total)}
    return form


def event(event_id: int, kind: str, form: Json, now: datetime) -> Json:
    """A journal entry about a form as it is at this moment."""
    buyer = {key: form["buyer"][key] for key in ("id", "email", "login", "guest")}
    keys = ("id", "offer", "quantity", "originalPrice", "price", "boughtAt")
    return {
        "id": str(event_id),
        "order": {
            "seller": {"id": SELLER},
            "buyer": buyer,
            "lineItems": [{key: item[key] for key in keys} for item in form["lineItems"]],
            "checkoutForm": {"id": form["id"], "revision": form["revision"]},
            "marketplace": {"id": form["marketplace"]["id"]},
        },
        "type": kind,
        "occurredAt": stamp(now),
    }


def refusal(code: str, message: str, *, path: str | None = None) -> Json:
    """The body of an error."""
    entry = {"code": code, "message": message, "details": None, "path": path, "userMessage": message}
    return {"errors": [entry]}


def offer_catalogue(offers: Iterable[Offer]) -> dict[str, Offer]:
    """The offers by SKU, each with an offer number."""
    found: dict[str, Offer] = {}
    for number, offer in enumerate(offers, 7_000_000_001):
        offer.id = offer.id or str(number)
        found[offer.sku] = offer
    return found
