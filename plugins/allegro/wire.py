"""The parts of Allegro's JSON that are read, in Allegro's own names; what is not declared here is never kept.

A field of which the program can do without may be missing or null. Texts of closed lists are plain text, so that a new
value in one that does not matter harms nothing.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Raw, Struct


class Wire(Struct, frozen=True, rename="camel", kw_only=True):
    """Base of all: names are camelCase in JSON."""


class Price(Wire, frozen=True, kw_only=True):
    """An amount is text there, to avoid rounding."""

    amount: str
    currency: str


class Named(Wire, frozen=True, kw_only=True):
    """Something of which the id matters."""

    id: str | None = None


class Preferences(Wire, frozen=True, kw_only=True):
    language: str | None = None


class Buyer(Wire, frozen=True, kw_only=True):
    id: str | None = None
    login: str | None = None
    email: str | None = None
    guest: bool | None = None
    first_name: str | None = None
    last_name: str | None = None
    company_name: str | None = None
    phone_number: str | None = None
    preferences: Preferences | None = None


class Offer(Wire, frozen=True, kw_only=True):
    id: str
    name: str
    external: Named | None = None


class Tax(Wire, frozen=True, kw_only=True):
    rate: str | int | float | None = None


class Deposit(Wire, frozen=True, kw_only=True):
    name: str | None = None
    price: Price


class AdditionalService(Wire, frozen=True, kw_only=True):
    definition_id: str | None = None
    name: str
    price: Price
    quantity: int


class LineItem(Wire, frozen=True, kw_only=True):
    id: str
    offer: Offer
    quantity: int
    price: Price
    bought_at: datetime | None = None
    tax: Tax | None = None
    deposit: Deposit | None = None
    selected_additional_services: tuple[AdditionalService, ...] | None = None


class Method(Wire, frozen=True, kw_only=True):
    id: str | None = None
    name: str | None = None


class DeliveryAddress(Wire, frozen=True, kw_only=True):
    first_name: str | None = None
    last_name: str | None = None
    company_name: str | None = None
    street: str
    city: str
    zip_code: str | None = None
    country_code: str
    phone_number: str | None = None


class PointAddress(Wire, frozen=True, kw_only=True):
    street: str | None = None
    city: str | None = None
    zip_code: str | None = None
    country_code: str | None = None


class PickupPoint(Wire, frozen=True, kw_only=True):
    id: str | None = None
    name: str | None = None
    description: str | None = None
    address: PointAddress | None = None


class Delivery(Wire, frozen=True, kw_only=True):
    method: Method | None = None
    cost: Price | None = None
    address: DeliveryAddress | None = None
    pickup_point: PickupPoint | None = None


class Payment(Wire, frozen=True, kw_only=True):
    id: str | None = None
    type: str | None = None
    provider: str | None = None
    finished_at: datetime | None = None
    paid_amount: Price | None = None


class TaxId(Wire, frozen=True, kw_only=True):
    type: str | None = None
    value: str | None = None


class Company(Wire, frozen=True, kw_only=True):
    name: str
    ids: tuple[TaxId, ...] | None = None
    tax_id: str | None = None


class Person(Wire, frozen=True, kw_only=True):
    first_name: str | None = None
    last_name: str | None = None


class InvoiceAddress(Wire, frozen=True, kw_only=True):
    street: str
    city: str
    zip_code: str | None = None
    country_code: str
    company: Company | None = None
    natural_person: Person | None = None


class Invoice(Wire, frozen=True, kw_only=True):
    required: bool | None = None
    address: InvoiceAddress | None = None


class ShipmentSummary(Wire, frozen=True, kw_only=True):
    line_items_sent: str | None = None


class Fulfillment(Wire, frozen=True, kw_only=True):
    status: str | None = None
    provider: Named | None = None
    shipment_summary: ShipmentSummary | None = None


class Summary(Wire, frozen=True, kw_only=True):
    total_to_pay: Price


class Form(Wire, frozen=True, kw_only=True):
    """A checkout form: one purchase."""

    id: str
    status: str
    revision: str | None = None
    updated_at: datetime | None = None
    marketplace: Named | None = None
    message_to_seller: str | None = None
    buyer: Buyer
    payment: Payment | None = None
    surcharges: tuple[Payment, ...] | None = None
    delivery: Delivery | None = None
    invoice: Invoice | None = None
    fulfillment: Fulfillment | None = None
    line_items: tuple[LineItem, ...]
    summary: Summary


class Peek(Wire, frozen=True, kw_only=True):
    """The two fields of a form that are needed even where the rest is malformed."""

    id: Raw = Raw()
    updated_at: Raw = Raw()


class FulfillmentNow(Wire, frozen=True, kw_only=True):
    """Of a form, what a change of its fulfilment status has to know."""

    revision: str | None = None
    fulfillment: Fulfillment | None = None


class FormList(Wire, frozen=True, kw_only=True):
    """A page of GET /order/checkout-forms; each form stays as it came."""

    checkout_forms: tuple[Raw, ...]


class FormReference(Wire, frozen=True, kw_only=True):
    id: str | None = None
    revision: str | None = None


class EventOrder(Wire, frozen=True, kw_only=True):
    checkout_form: FormReference | None = None


class Event(Wire, frozen=True, kw_only=True):
    """An entry of the journal: a hint to read a form again, never a fact in itself."""

    id: str
    occurred_at: datetime | None = None
    order: EventOrder | None = None


class RawEventList(Wire, frozen=True, kw_only=True):
    events: tuple[Raw, ...]


class LatestEvent(Wire, frozen=True, kw_only=True):
    id: str
    occurred_at: datetime | None = None


class EventStats(Wire, frozen=True, kw_only=True):
    latest_event: LatestEvent | None = None


class Shipment(Wire, frozen=True, kw_only=True):
    carrier_id: str | None = None
    carrier_name: str | None = None
    waybill: str | None = None


class ShipmentList(Wire, frozen=True, kw_only=True):
    shipments: tuple[Shipment, ...] | None = None


class Carrier(Wire, frozen=True, kw_only=True):
    id: str
    name: str | None = None


class CarrierList(Wire, frozen=True, kw_only=True):
    carriers: tuple[Carrier, ...]


class DeliveryMethod(Wire, frozen=True, kw_only=True):
    id: str
    name: str


class DeliveryMethodList(Wire, frozen=True, kw_only=True):
    delivery_methods: tuple[DeliveryMethod, ...]


class Me(Wire, frozen=True, kw_only=True):
    login: str | None = None


class ErrorEntry(Wire, frozen=True, kw_only=True):
    code: str | None = None
    message: str | None = None
    path: str | None = None
    user_message: str | None = None


class ErrorList(Wire, frozen=True, kw_only=True):
    """The body of every refusal."""

    errors: tuple[ErrorEntry, ...] | None = None
    error: str | None = None
    error_description: str | None = None
