"""The parts of Etsy's JSON that are read, in Etsy's own names; what is not declared here is never kept.

The official description requires nothing, so nearly everything may be missing or null.
"""

from __future__ import annotations

from msgspec import Raw, Struct


class Wire(Struct, frozen=True, kw_only=True):
    """Base of all: names are snake_case in JSON."""


class Amount(Wire, frozen=True, kw_only=True):
    """`amount` divided by `divisor`, which need not be 100."""

    amount: int
    divisor: int
    currency_code: str


class Variation(Wire, frozen=True, kw_only=True):
    """What the buyer chose, or had written on it."""

    formatted_name: str | None = None
    formatted_value: str | None = None


class Transaction(Wire, frozen=True, kw_only=True):
    """One line of a receipt; `price` is for one piece."""

    transaction_id: int
    title: str | None = None
    quantity: int
    listing_id: int | None = None
    sku: str | None = None
    price: Amount
    is_digital: bool | None = None
    variations: tuple[Variation, ...] | None = None
    shipping_method: str | None = None
    shipping_upgrade: str | None = None
    paid_timestamp: int | None = None


class Shipment(Wire, frozen=True, kw_only=True):
    carrier_name: str | None = None
    tracking_code: str | None = None


class Refund(Wire, frozen=True, kw_only=True):
    created_timestamp: int | None = None


class Receipt(Wire, frozen=True, kw_only=True):
    """One purchase; times are seconds since 1970, and there are two names for each."""

    receipt_id: int
    receipt_type: int | None = None
    status: str
    buyer_user_id: int | None = None
    buyer_email: str | None = None
    name: str | None = None
    first_line: str | None = None
    second_line: str | None = None
    city: str | None = None
    state: str | None = None
    zip: str | None = None
    country_iso: str | None = None
    payment_method: str | None = None
    message_from_buyer: str | None = None
    is_paid: bool | None = None
    is_shipped: bool | None = None
    created_timestamp: int | None = None
    create_timestamp: int | None = None
    updated_timestamp: int | None = None
    update_timestamp: int | None = None
    is_gift: bool | None = None
    gift_message: str | None = None
    gift_sender: str | None = None
    grandtotal: Amount
    total_shipping_cost: Amount | None = None
    total_tax_cost: Amount | None = None
    total_vat_cost: Amount | None = None
    discount_amt: Amount | None = None
    gift_wrap_price: Amount | None = None
    shipments: tuple[Shipment, ...] | None = None
    transactions: tuple[Transaction, ...]
    refunds: tuple[Refund, ...] | None = None


class Peek(Wire, frozen=True, kw_only=True):
    """The fields of a receipt that are needed even where the rest is malformed."""

    receipt_id: Raw = Raw()
    created_timestamp: Raw = Raw()
    updated_timestamp: Raw = Raw()


class ReceiptList(Wire, frozen=True, kw_only=True):
    """A page of the list of receipts; each stays as it came."""

    count: int
    results: tuple[Raw, ...]


class Shipments(Wire, frozen=True, kw_only=True):
    """Of a receipt, what was told of its parcels."""

    shipments: tuple[Shipment, ...] | None = None


class Me(Wire, frozen=True, kw_only=True):
    user_id: int
    shop_id: int


class Carrier(Wire, frozen=True, kw_only=True):
    name: str


class CarrierList(Wire, frozen=True, kw_only=True):
    results: tuple[Carrier, ...]


class Refusal(Wire, frozen=True, kw_only=True):
    """The body of every refusal."""

    error: str
    error_description: str | None = None
