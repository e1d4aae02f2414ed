"""The parts of Amazon's JSON that are read, in Amazon's own names; what is not declared here is never kept.

Source: the models orders_2026-01-01 and sellers of github.com/amzn/selling-partner-api-models. What the models don't
require may be missing or null.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Raw, Struct


class Wire(Struct, frozen=True, rename="camel", kw_only=True):
    """Base of all: names are camelCase in JSON."""


class Money(Wire, frozen=True, kw_only=True):
    """An amount is text there, to avoid rounding."""

    amount: str
    currency_code: str


class SalesChannel(Wire, frozen=True, kw_only=True):
    channel_name: str
    marketplace_id: str | None = None
    marketplace_name: str | None = None


class Buyer(Wire, frozen=True, kw_only=True):
    buyer_name: str | None = None
    buyer_email: str | None = None
    buyer_company_name: str | None = None
    buyer_purchase_order_number: str | None = None


class Address(Wire, frozen=True, kw_only=True):
    name: str | None = None
    company_name: str | None = None
    address_line1: str | None = None
    address_line2: str | None = None
    address_line3: str | None = None
    city: str | None = None
    state_or_region: str | None = None
    postal_code: str | None = None
    country_code: str | None = None
    phone: str | None = None


class DeliveryPreference(Wire, frozen=True, kw_only=True):
    drop_off_location: str | None = None
    address_instruction: str | None = None


class Recipient(Wire, frozen=True, kw_only=True):
    delivery_address: Address | None = None
    delivery_preference: DeliveryPreference | None = None


class Detail(Wire, frozen=True, kw_only=True):
    """A part of a TAX or a DISCOUNT: on what it falls."""

    subtype: str | None = None
    value: Money | None = None


class Breakdown(Wire, frozen=True, kw_only=True):
    type: str
    subtotal: Money
    detailed_breakdowns: tuple[Detail, ...] | None = None


class OrderProceeds(Wire, frozen=True, kw_only=True):
    grand_total: Money | None = None
    breakdowns: tuple[Breakdown, ...] | None = None


class ItemProceeds(Wire, frozen=True, kw_only=True):
    proceeds_total: Money | None = None
    breakdowns: tuple[Breakdown, ...] | None = None


class PaymentExecution(Wire, frozen=True, kw_only=True):
    payment_method: str | None = None


class Payment(Wire, frozen=True, kw_only=True):
    payment_executions: tuple[PaymentExecution, ...] | None = None


class TaxRegistration(Wire, frozen=True, kw_only=True):
    entity_type: str | None = None
    legal_name: str | None = None
    tax_registration_type: str | None = None
    tax_registration_number: str | None = None
    tax_registration_address: Address | None = None


class Tax(Wire, frozen=True, kw_only=True):
    tax_registrations: tuple[TaxRegistration, ...] | None = None


class Fulfillment(Wire, frozen=True, kw_only=True):
    fulfillment_status: str
    fulfilled_by: str | None = None
    fulfillment_service_level: str | None = None


class Price(Wire, frozen=True, kw_only=True):
    unit_price: Money | None = None


class Customization(Wire, frozen=True, kw_only=True):
    customized_url: str | None = None


class Product(Wire, frozen=True, kw_only=True):
    asin: str | None = None
    title: str | None = None
    seller_sku: str | None = None
    price: Price | None = None
    customization: Customization | None = None


class GiftOption(Wire, frozen=True, kw_only=True):
    gift_message: str | None = None
    gift_wrap_level: str | None = None


class Packing(Wire, frozen=True, kw_only=True):
    gift_option: GiftOption | None = None


class ShippingConstraints(Wire, frozen=True, kw_only=True):
    cash_on_delivery: str | None = None


class Shipping(Wire, frozen=True, kw_only=True):
    shipping_constraints: ShippingConstraints | None = None


class ItemFulfillment(Wire, frozen=True, kw_only=True):
    quantity_fulfilled: int | None = None
    quantity_unfulfilled: int | None = None
    packing: Packing | None = None
    shipping: Shipping | None = None


class CancellationRequest(Wire, frozen=True, kw_only=True):
    requester: str | None = None
    cancel_reason: str | None = None


class Cancellation(Wire, frozen=True, kw_only=True):
    cancellation_request: CancellationRequest | None = None


class Item(Wire, frozen=True, kw_only=True):
    """One line of an order."""

    order_item_id: str
    quantity_ordered: int
    product: Product
    proceeds: ItemProceeds | None = None
    cancellation: Cancellation | None = None
    fulfillment: ItemFulfillment | None = None


class PackageItem(Wire, frozen=True, kw_only=True):
    order_item_id: str
    quantity: int


class Package(Wire, frozen=True, kw_only=True):
    package_reference_id: str
    carrier: str | None = None
    tracking_number: str | None = None
    ship_time: datetime | None = None
    package_items: tuple[PackageItem, ...] | None = None


class AssociatedOrder(Wire, frozen=True, kw_only=True):
    order_id: str | None = None
    association_type: str | None = None


class Order(Wire, frozen=True, kw_only=True):
    """One purchase."""

    order_id: str
    created_time: datetime
    last_updated_time: datetime
    sales_channel: SalesChannel
    order_items: tuple[Item, ...]
    associated_orders: tuple[AssociatedOrder, ...] | None = None
    buyer: Buyer | None = None
    recipient: Recipient | None = None
    proceeds: OrderProceeds | None = None
    payment: Payment | None = None
    tax: Tax | None = None
    fulfillment: Fulfillment | None = None
    packages: tuple[Package, ...] | None = None


class Peek(Wire, frozen=True, kw_only=True):
    """The field that names an order even where the rest is malformed."""

    order_id: Raw = Raw()


class Pagination(Wire, frozen=True, kw_only=True):
    next_token: str | None = None


class OrderList(Wire, frozen=True, kw_only=True):
    """A page of searchOrders; each order stays as it came."""

    orders: tuple[Raw, ...]
    pagination: Pagination | None = None
    last_updated_before: datetime | None = None


class OrderAnswer(Wire, frozen=True, kw_only=True):
    """The answer of getOrder."""

    order: Order


class Marketplace(Wire, frozen=True, kw_only=True):
    id: str
    name: str | None = None


class Participation(Wire, frozen=True, kw_only=True):
    is_participating: bool


class MarketplaceParticipation(Wire, frozen=True, kw_only=True):
    marketplace: Marketplace
    participation: Participation
    store_name: str | None = None


class ParticipationList(Wire, frozen=True, kw_only=True):
    """The answer of getMarketplaceParticipations."""

    payload: tuple[MarketplaceParticipation, ...] | None = None


class ErrorEntry(Wire, frozen=True, kw_only=True):
    code: str | None = None
    message: str | None = None
    details: str | None = None


class ErrorList(Wire, frozen=True, kw_only=True):
    """The body of every refusal of the API."""

    errors: tuple[ErrorEntry, ...]
