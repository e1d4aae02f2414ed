"""What Shoper answers, as far as we read it: numbers come as texts, lists in pages.

Sources: https://developers.shoper.pl/developers/api/getting-started and the types of the official SDK.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from orderferry.php import Scalar, text

T = TypeVar("T")
NAMES = re.compile(r"'([^']*)'")
FIELD = re.compile(r"[a-z_]{2,40}_(?:id|address|cost|number)|email|phone|quantity|price|firstname|lastname|code|name")


class Listed(Struct, Generic[T]):
    """A page of a list; the number of pages comes as a number or as text."""

    rows: list[T] = msgspec.field(name="list", default_factory=list)
    pages: Scalar = None


class Address(Struct):
    """A billing or delivery address."""

    firstname: Scalar = None
    lastname: Scalar = None
    company: Scalar = None
    tax_identification_number: Scalar = None
    street1: Scalar = None
    street2: Scalar = None
    city: Scalar = None
    postcode: Scalar = None
    state: Scalar = None
    country_code: Scalar = None
    phone: Scalar = None


class OrderRow(Struct):
    """An order, without its lines; `sum` is what the buyer pays, delivery and all."""

    order_id: Scalar
    status_id: Scalar = None
    sum: Scalar = None
    paid: Scalar = None
    is_paid: Scalar = None
    is_cash_on_delivery: Scalar = None
    user_id: Scalar = None
    date: Scalar = None
    status_date: Scalar = None
    currency_id: Scalar = None
    email: Scalar = None
    notes: Scalar = None
    notes_priv: Scalar = None
    notes_pub: Scalar = None
    payment_id: Scalar = None
    shipping_id: Scalar = None
    shipping_cost: Scalar = None
    pickup_point: Scalar = None
    auction: Any = None  # whatever the marketplace module puts there
    billing_address: Address | list[Any] | None = None  # PHP writes an empty one as a list
    delivery_address: Address | list[Any] | None = None


class LineRow(Struct):
    """A line of an order; `price` is gross, for a piece."""

    id: Scalar = None
    order_id: Scalar = None
    stock_id: Scalar = None
    product_id: Scalar = None
    price: Scalar = None
    discount_perc: Scalar = None
    quantity: Scalar = None
    name: Scalar = None
    code: Scalar = None
    tax_value: Scalar = None


class StockRow(Struct):
    """A product's variant, or the product itself where it has none: the unit that has code, EAN and stock."""

    stock_id: Scalar = None
    product_id: Scalar = None
    code: Scalar = None
    ean: Scalar = None
    stock: Scalar = None


class ProductRow(Struct):
    """A product, of which only the tax matters here."""

    product_id: Scalar = None
    tax_id: Scalar = None


class TaxRow(Struct):
    """A tax of the shop."""

    tax_id: Scalar = None
    name: Scalar = None
    value: Scalar = None


class UserRow(Struct):
    """A customer."""

    user_id: Scalar = None
    email: Scalar = None


class ParcelRow(Struct):
    """A parcel; `shipping_code` is the tracking number."""

    parcel_id: Scalar = None
    order_id: Scalar = None
    shipping_code: Scalar = None


class NamedRow(Struct):
    """An entry of one of the shop's own lists, with whichever id it has."""

    status_id: Scalar = None
    payment_id: Scalar = None
    shipping_id: Scalar = None
    currency_id: Scalar = None
    tax_id: Scalar = None
    type: Scalar = None
    name: Scalar = None
    translations: Any = None  # a map of languages, a list where it is empty

    def label(self, key: str) -> str:
        """Its name, in whatever language it has one."""
        if text(self.name):
            return text(self.name)
        entries = self.translations.values() if isinstance(self.translations, dict) else ()
        for entry in entries:
            for field in ("name", "title"):
                if isinstance(entry, dict) and isinstance(entry.get(field), str) and entry[field]:
                    return str(entry[field])
        return key


class Config(Struct):
    """The shop's settings that matter here."""

    shopping_update_stock_on_buy: Scalar = None
    shopping_parcel_send_status_id: Scalar = None
    product_defaults_tax_id: Scalar = None
    default_currency_id: Scalar = None
    locale_timezone: Scalar = None
    warehouses_enabled: Scalar = None
    shop_name: Scalar = None


class Failure(Struct):
    """An error."""

    error: str
    error_description: str = ""


def reader(shape: type[T]) -> Callable[[bytes], T]:
    """A `decode` for `orderferry.http`."""
    return msgspec.json.Decoder(shape).decode


def read_id(body: bytes) -> str:
    """The id of what was made: the answer is the bare number."""
    made = text(msgspec.json.decode(body, type=int | str))
    if not (made.isascii() and made.isdigit() and int(made) > 0):
        raise ValueError("no id")
    return made


_failure = msgspec.json.Decoder(Failure)


def explain(body: bytes) -> str | None:
    """Shoper's own words out of an error answer; None where something else answered.

    It quotes names of fields and what was in them: the latter may be the buyer's, and is left out.
    """
    try:
        failure = _failure.decode(body)
    except msgspec.MsgspecError:
        return None
    said = NAMES.sub(lambda found: found[0] if FIELD.fullmatch(found[1]) else "'…'", failure.error_description)
    return f"{said[:480]} ({failure.error[:80]})"


def decimal(value: Scalar) -> Decimal | None:
    """A number; None where it is none."""
    try:
        number = Decimal(text(value))
    except ArithmeticError:
        return None
    return number if number.is_finite() else None
