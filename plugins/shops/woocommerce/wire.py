"""The answers of WooCommerce, as far as we read them, and how a body becomes one.

Source of the fields: https://woocommerce.github.io/woocommerce-rest-api-docs/
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from orderferry.php import without_notices

T = TypeVar("T")


class Meta(Struct):
    """One note on an order or a line; the value is whatever some plugin put there."""

    key: str = ""
    value: Any = None


class LineTax(Struct):
    """What one rate makes of a line."""

    id: int = 0
    total: str = ""


class LineAnswer(Struct):
    """A line of an order; `total` is net and for the whole quantity."""

    id: int = 0
    name: str | None = None
    product_id: int = 0
    variation_id: int = 0
    quantity: int | float = 0
    total: str = "0"
    total_tax: str = "0"
    sku: str | None = None
    taxes: list[LineTax] = []
    meta_data: list[Meta] = []


class ShippingAnswer(Struct):
    """A delivery line."""

    method_id: str | None = None
    instance_id: str | int | None = None
    method_title: str | None = None
    total: str = "0"
    total_tax: str = "0"


class FeeAnswer(Struct):
    """A fee line."""

    id: int = 0
    name: str | None = None
    total: str = "0"
    total_tax: str = "0"


class TaxAnswer(Struct):
    """A tax of an order."""

    rate_id: int = 0
    rate_percent: float | int | None = None


class AddressAnswer(Struct):
    """A billing or shipping address; a missing part is an empty text."""

    first_name: str = ""
    last_name: str = ""
    company: str = ""
    address_1: str = ""
    address_2: str = ""
    city: str = ""
    state: str = ""
    postcode: str = ""
    country: str = ""
    email: str = ""
    phone: str = ""


class OrderAnswer(Struct):
    """An order as we need it after adding, finding or changing one."""

    id: int
    status: str
    total: str = "0"
    currency: str = ""
    number: str | int | None = None
    created_via: str = ""
    transaction_id: str = ""
    payment_method: str = ""
    date_created_gmt: str | None = None
    date_paid_gmt: str | None = None
    meta_data: list[Meta] = []
    line_items: list[LineAnswer] = []

    def meta(self, key: str) -> Any:  # a plugin may have put anything there
        """The newest value under this key, None where there is none."""
        return next((entry.value for entry in reversed(self.meta_data) if entry.key == key), None)


class NamedOrder(OrderAnswer, kw_only=True):
    """An order with all that may say for which purchase it is."""

    customer_note: str = ""


class ShopOrderAnswer(OrderAnswer, kw_only=True):
    """An order with all that makes an `Order` of it."""

    date_modified_gmt: str | None = None
    shipping_total: str = "0"
    shipping_tax: str = "0"
    customer_id: int = 0
    customer_note: str = ""
    payment_method_title: str = ""
    billing: AddressAnswer
    shipping: AddressAnswer
    shipping_lines: list[ShippingAnswer] = []
    fee_lines: list[FeeAnswer] = []
    tax_lines: list[TaxAnswer] = []


class ProductAnswer(Struct):
    """A product or a variation; `manage_stock` is "parent" where a variation's stock is its parent's."""

    id: int
    parent_id: int = 0
    type: str = "simple"
    name: str = ""
    sku: str = ""
    global_unique_id: str = ""
    manage_stock: bool | str = False
    stock_quantity: int | float | None = None
    tax_class: str = ""
    tax_status: str = "taxable"

    @property
    def bindable(self) -> bool:
        """Whether an order's line may be bound to it: the parent of variations has no stock of theirs."""
        return self.type != "grouped" and not self.type.startswith("variable")

    @property
    def variation(self) -> bool:
        """Whether it is one of a product's variations (of a subscription, too)."""
        return self.type.endswith("variation")


class TaxRateAnswer(Struct):
    """A tax rate of the shop."""

    id: int
    country: str = ""
    state: str = ""
    postcode: str = ""
    city: str = ""
    postcodes: list[str] = []
    cities: list[str] = []
    rate: str = "0"
    priority: int = 1
    compound: bool = False
    shipping: bool = True
    order: int = 0
    class_: str = msgspec.field(name="class", default="standard")


class SettingAnswer(Struct):
    """One of the shop's settings."""

    id: str
    value: Any = None


class Slug(Struct):
    """An entry of the lists that have a slug and a name."""

    slug: str
    name: str = ""


class Titled(Struct):
    """A payment gateway."""

    id: str
    title: str | None = None
    method_title: str | None = None
    enabled: bool = True


class Zone(Struct):
    """A delivery zone."""

    id: int
    name: str = ""


class ZoneMethod(Struct):
    """A delivery method of a zone."""

    instance_id: int
    method_id: str
    title: str = ""
    enabled: bool = True


class Index(Struct):
    """The root of the REST API."""

    namespaces: list[str] = []
    name: str = ""


class Environment(Struct):
    """Which versions run."""

    version: str = ""
    wp_version: str = ""


class StatusSettings(Struct):
    """The part of the system status that says how orders are kept."""

    HPOS_enabled: bool | None = None


class SystemStatus(Struct):
    """The system status."""

    environment: Environment = msgspec.field(default_factory=Environment)
    settings: StatusSettings = msgspec.field(default_factory=StatusSettings)


class Note(Struct):
    """A note on an order."""

    note: str = ""


class Shipment(Struct):
    """A parcel as a tracking extension holds it."""

    tracking_number: str = ""


class Failure(Struct):
    """An error of WordPress."""

    code: str
    message: str


def reader(shape: type[T]) -> Callable[[bytes], T]:
    """A `decode` for `orderferry.http`: reads such an answer, also where PHP notices stand before it."""
    decoder = msgspec.json.Decoder(shape)

    def read(body: bytes) -> T:
        return decoder.decode(without_notices(body))

    return read


_failure = msgspec.json.Decoder(Failure)


def explain(body: bytes) -> str | None:
    """WordPress's own words out of an error answer; None where something else answered."""
    if len(body) > 1_000_000:
        return None
    try:
        failure = _failure.decode(without_notices(body))
    except msgspec.MsgspecError:
        return None
    return f"{failure.message[:200]} ({failure.code[:80]})"
