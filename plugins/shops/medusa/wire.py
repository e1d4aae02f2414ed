"""What Medusa's Admin API answers: only the fields that are asked for.

Source: Medusa 2.21.2, measured; https://docs.medusajs.com/api/admin
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct

from orderferry import Money


class TaxLine(Struct):
    """A tax of a line, in per cent."""

    rate: Decimal


class Detail(Struct):
    """What was done of a line."""

    fulfilled_quantity: Decimal = Decimal(0)


class Item(Struct):
    """A line of an order."""

    id: str
    title: str
    quantity: Decimal
    unit_price: Decimal
    variant_id: str | None = None
    variant_sku: str | None = None
    is_tax_inclusive: bool = False
    requires_shipping: bool = False
    tax_lines: list[TaxLine] = []
    detail: Detail = msgspec.field(default_factory=Detail)
    total: Decimal | None = None

    @property
    def left(self) -> int:
        """How many are still to be sent."""
        return int(self.quantity - self.detail.fulfilled_quantity)


class ShippingMethod(Struct):
    """The delivery of an order; `total` is with tax."""

    name: str
    is_tax_inclusive: bool = False
    shipping_option_id: str | None = None
    tax_lines: list[TaxLine] = []


class Label(Struct):
    """A parcel of a fulfilment."""

    tracking_number: str


class FulfillmentItem(Struct):
    """So many pieces of a line."""

    line_item_id: str
    quantity: Decimal


class Fulfillment(Struct):
    """What was packed, and perhaps handed to a carrier."""

    id: str
    canceled_at: str | None = None
    shipped_at: str | None = None
    labels: list[Label] = []
    items: list[FulfillmentItem] = []


class PaymentCollection(Struct):
    """A payment of an order, asked for or made."""

    id: str
    status: str
    amount: Decimal = Decimal(0)
    captured_amount: Decimal | None = None


class Address(Struct):
    """A postal address; any part may be missing."""

    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    address_1: str | None = None
    address_2: str | None = None
    city: str | None = None
    postal_code: str | None = None
    province: str | None = None
    country_code: str | None = None
    phone: str | None = None


class Order(Struct, kw_only=True):
    """An order or a draft of one; the total has more decimals than money has."""

    id: str
    status: str
    display_id: int
    currency_code: str
    total: Decimal
    metadata: dict[str, Any] | None = None
    payment_status: str | None = None
    fulfillment_status: str | None = None
    items: list[Item] = []
    shipping_methods: list[ShippingMethod] = []
    fulfillments: list[Fulfillment] = []
    payment_collections: list[PaymentCollection] = []

    def meta(self, key: str) -> str | None:
        """The text under this key of the metadata."""
        value = (self.metadata or {}).get(key)
        return value if isinstance(value, str) and value else None

    @property
    def money(self) -> Money:
        """The total in the contract's words."""
        return Money(cents(self.total), self.currency_code.upper())


class FetchedOrder(Order, kw_only=True):
    """An order with all that makes an `Order` of it."""

    created_at: str
    updated_at: str
    items: list[Item]
    shipping_methods: list[ShippingMethod]
    shipping_total: Decimal
    email: str | None = None
    customer_id: str | None = None
    shipping_address: Address | None = None
    billing_address: Address | None = None


class Referenced(Struct):
    """An order with its metadata."""

    id: str
    created_at: str
    metadata: dict[str, Any] | None = None


class VariantItem(Struct):
    """The stock that a variant takes from, and how much of it."""

    inventory_item_id: str
    required_quantity: Decimal = Decimal(1)


class ProductName(Struct):
    """The product that a variant belongs to."""

    title: str = ""


class Variant(Struct):
    """What is sold: a variant of a product."""

    id: str
    title: str = ""
    product_id: str | None = None
    product: ProductName | None = None
    sku: str | None = None
    ean: str | None = None
    barcode: str | None = None
    manage_inventory: bool = False
    inventory_quantity: Decimal | None = None
    inventory_items: list[VariantItem] = []


class Reservation(Struct):
    """Stock that is held for a line of an order."""

    line_item_id: str | None
    location_id: str


class Level(Struct):
    """How much of an inventory item lies at a location."""

    location_id: str
    available_quantity: Decimal = Decimal(0)


class Named(Struct):
    """Something that is chosen by its id."""

    id: str
    name: str = ""


class Region(Named):
    """Where orders are taxed, and in which currency."""

    currency_code: str = ""


class Failure(Struct):
    """Medusa's error."""

    message: str
    type: str = ""


_failure = msgspec.json.Decoder(Failure)


def explain(body: bytes) -> str | None:
    """Medusa's own words out of an error answer; None where something else answered."""
    try:
        failure = _failure.decode(body)
    except msgspec.MsgspecError:
        return None
    return f"{failure.message[:200]}{f' ({failure.type[:40]})' if failure.type else ''}"


def cents(amount: Decimal) -> Decimal:
    """An amount as money: Medusa keeps what a division leaves."""
    return amount.quantize(Decimal("0.01"))
