"""What Shopify's GraphQL API answers: only the fields that are asked for.

Source: the schema of https://shopify.dev/docs/api/admin-graphql, version 2026-10.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from orderferry import Money, NeedsLogin, RateLimited, Rejected, Unsure

T = TypeVar("T")


class Wire(Struct, rename="camel"):
    """What all answers share: their fields' names are written as JavaScript does."""


class PageInfo(Wire):
    """Where a list goes on."""

    has_next_page: bool
    end_cursor: str | None = None


class Connection(Wire, Generic[T]):
    """A page of a list."""

    nodes: list[T]
    page_info: PageInfo | None = None


class ShopMoney(Wire):
    """An amount in the shop's currency."""

    amount: str
    currency_code: str


class MoneyBag(Wire):
    """An amount; the buyer's own currency is not asked for."""

    shop_money: ShopMoney

    def money(self) -> Money:
        """In the contract's words; raises `Malformed`."""
        return Money.of(self.shop_money.amount, self.shop_money.currency_code)


class UserError(Wire):
    """Why Shopify did not do it."""

    message: str
    field: list[str] | None = None
    code: str | None = None


class Metafield(Wire):
    """Our reference on an order."""

    value: str


class InventoryItem(Wire):
    """Whether Shopify counts the stock."""

    tracked: bool


class ProductRef(Wire):
    """The product that a variant belongs to."""

    id: str


class Variant(Wire):
    """What is sold: a variant of a product."""

    id: str
    product: ProductRef
    display_name: str
    inventory_item: InventoryItem
    sku: str | None = None
    barcode: str | None = None
    inventory_quantity: int | None = None


class SoldVariant(Wire):
    """The variant that a line of an order is bound to."""

    id: str
    inventory_item: InventoryItem


class SoldLine(Wire):
    """A line of an order that was just added."""

    quantity: int
    variant: SoldVariant | None = None


class State(Wire):
    """How an order stands."""

    id: str
    name: str
    closed: bool
    tags: list[str]
    display_fulfillment_status: str
    total_price_set: MoneyBag
    can_mark_as_paid: bool
    display_financial_status: str | None = None
    cancelled_at: str | None = None


class Added(State, kw_only=True):
    """An order just after it was added."""

    line_items: Connection[SoldLine]


class Referenced(Wire):
    """An order with the reference that it carries."""

    id: str
    metafield: Metafield | None = None


class Attribute(Wire):
    """One of an order's additional details."""

    key: str
    value: str | None = None


class Transaction(Wire):
    """A payment of an order."""

    payment_id: str | None = None


class Purchase(State, kw_only=True):
    """An order with everything that may name the purchase it was made for."""

    custom_attributes: list[Attribute]
    transactions: list[Transaction]
    metafield: Metafield | None = None
    source_identifier: str | None = None
    po_number: str | None = None
    note: str | None = None


class TrackingInfo(Wire):
    """A parcel of a fulfilment."""

    company: str | None = None
    number: str | None = None


class Fulfillment(Wire):
    """What was handed to a carrier."""

    id: str
    status: str
    tracking_info: list[TrackingInfo]


class FulfillmentOrder(Wire):
    """What is to be sent from one place."""

    id: str
    status: str


class Shipping(Wire):
    """An order's fulfilments, done and to be done."""

    id: str
    fulfillments: list[Fulfillment]
    fulfillment_orders: Connection[FulfillmentOrder]
    cancelled_at: str | None = None


class AddressAnswer(Wire):
    """A postal address; any part may be missing."""

    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    address1: str | None = None
    address2: str | None = None
    city: str | None = None
    zip: str | None = None
    province_code: str | None = None
    country_code_v2: str | None = msgspec.field(name="countryCodeV2", default=None)
    phone: str | None = None


class TaxLine(Wire):
    """A tax of a line."""

    price_set: MoneyBag
    rate_percentage: float | None = None


class Barcode(Wire):
    """A variant's EAN."""

    barcode: str | None = None


class Line(Wire):
    """A line of an order; the total is after discounts, with tax only where the order's prices include it."""

    id: str
    name: str
    quantity: int
    discounted_total_set: MoneyBag
    tax_lines: list[TaxLine]
    requires_shipping: bool
    sku: str | None = None
    variant: Barcode | None = None


class ShippingLine(Wire):
    """The delivery and its price."""

    title: str
    discounted_price_set: MoneyBag
    tax_lines: list[TaxLine]
    code: str | None = None


class CustomerRef(Wire):
    """The customer's account in the shop."""

    id: str


class ShopOrderAnswer(Wire):
    """An order with all that makes an `Order` of it."""

    id: str
    created_at: str
    updated_at: str
    taxes_included: bool
    display_fulfillment_status: str
    total_price_set: MoneyBag
    payment_gateway_names: list[str]
    custom_attributes: list[Attribute]
    line_items: Connection[Line]
    shipping_lines: Connection[ShippingLine]
    tags: list[str]
    closed: bool
    display_financial_status: str | None = None
    cancelled_at: str | None = None
    email: str | None = None
    phone: str | None = None
    note: str | None = None
    customer: CustomerRef | None = None
    billing_address: AddressAnswer | None = None
    shipping_address: AddressAnswer | None = None
    metafield: Metafield | None = None

    def attribute(self, keys: Sequence[str]) -> str | None:
        """The first of these details that is there."""
        held = {entry.key: entry.value for entry in self.custom_attributes}
        return next((value for key in keys if (value := held.get(key))), None)


class Shop(Wire):
    """The shop itself."""

    name: str
    currency_code: str
    taxes_included: bool


class Handle(Wire):
    """Names a scope, or a version of the API."""

    handle: str


class Version(Wire):
    """A version of the API."""

    handle: str
    supported: bool


class Installation(Wire):
    """Our app in the shop."""

    access_scopes: list[Handle]


class Standing(Wire):
    """What `check` asks for."""

    shop: Shop
    current_app_installation: Installation
    public_api_versions: list[Version]


class Failure(Struct):
    """An error below GraphQL: text, or a list as in a GraphQL answer."""

    errors: Any


def explain(body: bytes) -> str | None:
    """Shopify's own words out of an answer that is no 200; None where something else answered."""
    if len(body) > 1_000_000:
        return None
    try:
        said = msgspec.json.decode(body, type=Failure).errors
    except msgspec.MsgspecError:
        return None
    return (said if isinstance(said, str) else msgspec.json.encode(said).decode())[:200]


def accept(what: str, errors: Sequence[UserError]) -> None:
    """Raises what an operation's `userErrors` stand for; nothing was done there where there is one."""
    if not errors:
        return
    said = "; ".join(_sentence(error) for error in errors[:3])
    if any(error.code == "SHOP_DORMANT" for error in errors):
        raise NeedsLogin(f"the shop is dormant, so {what} was refused: {said}")
    if any(error.message.startswith("Too many attempts") for error in errors):  # trial shops: five orders a minute
        raise RateLimited(f"{what} was put off: {said}", retry_after=60)
    raise Rejected(f"{what} was refused: {said}")


def present(order: Added | None) -> Added:
    """The order that was added; without a word of refusal it must be there, else nobody knows."""
    if order is None:
        raise Unsure("Shopify neither refused the order nor showed it")
    return order


def _sentence(error: UserError) -> str:
    place = ".".join(error.field) if error.field else ""
    return f"{error.message[:200]}{f' ({place})' if place else ''}"


def gid(kind: str, number: str) -> str:
    """Shopify's own id of an order and the like, from the number in it; raises `Rejected` where it is none."""
    if not (number.isascii() and number.isdigit()):
        raise Rejected(f"{number[:40]!r} is not the number of a Shopify {kind.lower()}")
    return f"gid://shopify/{kind}/{number}"


def number_of(gid_text: str) -> str:
    """The number in one of Shopify's ids."""
    return gid_text.rpartition("/")[2]
