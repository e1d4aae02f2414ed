"""The parts of eBay's JSON that are read, in eBay's own names; what is not declared here is never kept.

What does not apply eBay leaves out, so nearly everything may be missing. Texts of closed lists are plain text, so that
a new value in one that does not matter harms nothing.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Raw, Struct


class Wire(Struct, frozen=True, rename="camel", kw_only=True):
    """Base of all: names are camelCase in JSON."""


class Amount(Wire, frozen=True, kw_only=True):
    """An amount is text there, to avoid rounding."""

    value: str
    currency: str


class PostalAddress(Wire, frozen=True, kw_only=True):
    address_line1: str | None = None
    address_line2: str | None = None
    city: str | None = None
    state_or_province: str | None = None
    postal_code: str | None = None
    country_code: str | None = None


class Phone(Wire, frozen=True, kw_only=True):
    phone_number: str | None = None


class Contact(Wire, frozen=True, kw_only=True):
    """A person at an address; name, phone and first line vanish 90 days after the purchase, the e-mail after 14."""

    full_name: str | None = None
    company_name: str | None = None
    contact_address: PostalAddress | None = None
    email: str | None = None
    primary_phone: Phone | None = None


class TaxIdentifier(Wire, frozen=True, kw_only=True):
    taxpayer_id: str | None = None
    tax_identifier_type: str | None = None
    issuing_country: str | None = None


class Buyer(Wire, frozen=True, kw_only=True):
    username: str | None = None
    buyer_registration_address: Contact | None = None
    tax_identifier: TaxIdentifier | None = None


class CancelStatus(Wire, frozen=True, kw_only=True):
    cancel_state: str | None = None
    cancelled_date: datetime | None = None


class PickupStep(Wire, frozen=True, kw_only=True):
    merchant_location_key: str | None = None


class ShippingStep(Wire, frozen=True, kw_only=True):
    shipping_carrier_code: str | None = None
    shipping_service_code: str | None = None
    ship_to: Contact | None = None
    ship_to_reference_id: str | None = None


class StartInstruction(Wire, frozen=True, kw_only=True):
    fulfillment_instructions_type: str | None = None
    shipping_step: ShippingStep | None = None
    pickup_step: PickupStep | None = None


class Aspect(Wire, frozen=True, kw_only=True):
    name: str | None = None
    value: str | None = None


class Tax(Wire, frozen=True, kw_only=True):
    amount: Amount | None = None


class LineItem(Wire, frozen=True, kw_only=True):
    """One line; `line_item_cost` is for the whole quantity, before discounts."""

    line_item_id: str
    legacy_item_id: str | None = None
    sku: str | None = None
    title: str
    quantity: int
    line_item_cost: Amount
    discounted_line_item_cost: Amount | None = None
    variation_aspects: tuple[Aspect, ...] | None = None
    ebay_collect_and_remit_taxes: tuple[Tax, ...] | None = None
    purchase_marketplace_id: str | None = None
    listing_marketplace_id: str | None = None


class Payment(Wire, frozen=True, kw_only=True):
    payment_method: str | None = None
    payment_status: str | None = None
    payment_date: datetime | None = None
    payment_reference_id: str | None = None


class PaymentSummary(Wire, frozen=True, kw_only=True):
    payments: tuple[Payment, ...] | None = None


class PricingSummary(Wire, frozen=True, kw_only=True):
    """The order's costs; discounts are negative."""

    delivery_cost: Amount | None = None
    delivery_discount: Amount | None = None
    fee: Amount | None = None
    tax: Amount | None = None
    total: Amount


class FulfillmentProgram(Wire, frozen=True, kw_only=True):
    fulfilled_by: str | None = None


class Program(Wire, frozen=True, kw_only=True):
    fulfillment_program: FulfillmentProgram | None = None


class Order(Wire, frozen=True, kw_only=True):
    """One purchase."""

    order_id: str
    creation_date: datetime
    last_modified_date: datetime
    order_fulfillment_status: str | None = None
    order_payment_status: str
    buyer: Buyer
    buyer_checkout_notes: str | None = None
    cancel_status: CancelStatus | None = None
    fulfillment_start_instructions: tuple[StartInstruction, ...] | None = None
    line_items: tuple[LineItem, ...]
    payment_summary: PaymentSummary | None = None
    pricing_summary: PricingSummary
    program: Program | None = None


class PeekLine(Wire, frozen=True, kw_only=True):
    purchase_marketplace_id: str | None = None


class Peek(Wire, frozen=True, kw_only=True):
    """What says whether an order of the list has to be read by itself, however odd the rest of it is."""

    order_id: Raw = Raw()
    last_modified_date: Raw = Raw()
    cancel_status: Raw = Raw()
    line_items: Raw = Raw()


class OrderPage(Wire, frozen=True, kw_only=True):
    """A page of GET /order; each order stays as it came."""

    total: int
    orders: tuple[Raw, ...] | None = None


class ShippedLine(Wire, frozen=True, kw_only=True):
    line_item_id: str
    quantity: int


class OrderLines(Wire, frozen=True, kw_only=True):
    """Of an order, what a shipping fulfilment has to name."""

    line_items: tuple[ShippedLine, ...]


class Fulfillment(Wire, frozen=True, kw_only=True):
    shipment_tracking_number: str | None = None
    shipping_carrier_code: str | None = None


class FulfillmentList(Wire, frozen=True, kw_only=True):
    fulfillments: tuple[Fulfillment, ...] | None = None


class ErrorEntry(Wire, frozen=True, kw_only=True):
    error_id: int | None = None
    message: str | None = None
    long_message: str | None = None


class ErrorList(Struct, frozen=True, kw_only=True):
    """The body of every refusal: the API's, or the token endpoint's."""

    errors: tuple[ErrorEntry, ...] | None = None
    error: str | None = None
    error_description: str | None = None
