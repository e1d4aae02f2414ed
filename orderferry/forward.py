"""The values of the operations: what a shop is told of an order, what it answers, and the lists for the maps."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from orderferry.model import Address, Buyer, Invoice, Line, Money, PaymentKind, PickupPoint, Value


class ForwardDelivery(Value, frozen=True, kw_only=True):
    """What the shop is told of the delivery; `method` is None where the settings withhold it.

    `shop_method` is the shop's own delivery method by the seller's map, where there is an entry.
    """

    cost: Money
    address: Address | None = None
    pickup_point: PickupPoint | None = None
    method: str | None = None
    shop_method: str | None = None


class ForwardPayment(Value, frozen=True, kw_only=True):
    """What the shop is told of the payment; `shop_method` is the shop's own payment method by the seller's map."""

    kind: PaymentKind
    paid: bool
    id: str | None = None
    provider: str | None = None
    paid_at: datetime | None = None
    shop_method: str | None = None


class ForwardOrder(Value, frozen=True, kw_only=True):
    """Exactly what a shop may be told of an order: what the settings withhold is not in it.

    `number` is the hub's own number, `reference` the marker to be put into the shop's order, `status` the shop's status
    that the new order takes. `fields` are the seller's free fields: the shop's key -> its value.
    """

    number: int
    reference: str
    source: str
    source_platform: str
    external_id: str
    ordered_at: datetime
    total: Money
    lines: tuple[Line, ...]
    delivery: ForwardDelivery
    buyer: Buyer
    invoice: Invoice | None = None
    payment: ForwardPayment | None = None
    comment: str | None = None
    status: str | None = None
    fields: Mapping[str, str] = {}


class ShopOrder(Value, frozen=True, kw_only=True):
    """An order as the shop holds it.

    `id` finds it by API, `number` is what people see. `total` is the shop's own figure, to be compared with the
    marketplace's. `stock_fell` is None where the shop does not tell. Each warning is one plain sentence without
    buyer data.
    """

    id: str
    number: str
    total: Money | None = None
    status: str | None = None
    stock_fell: bool | None = None
    warnings: tuple[str, ...] = ()


class OrderRef(Value, frozen=True, kw_only=True):
    """Names an order on the account that is asked: there its id, and our reference where it has one."""

    id: str
    reference: str | None = None


class PaymentState(Value, frozen=True, kw_only=True):
    """What `set_payment` tells the shop."""

    paid: bool
    amount: Money | None = None
    id: str | None = None


class ProductKey(Value, frozen=True, kw_only=True):
    """By what a shop's product is looked for: its SKU first, then its EAN."""

    sku: str | None = None
    ean: str | None = None


class Product(Value, frozen=True, kw_only=True):
    """A shop's product or variation; `stock` is None where the shop does not count it."""

    id: str
    parent_id: str | None = None
    sku: str | None = None
    ean: str | None = None
    name: str | None = None
    stock: int | None = None


class ChoiceKind(StrEnum):
    """The lists that a platform can give for the mapping tables."""

    STATUSES = "statuses"
    PAYMENTS = "payments"
    DELIVERIES = "deliveries"
    CARRIERS = "carriers"


class Choice(Value, frozen=True, kw_only=True):
    """One entry of such a list.

    For statuses: `never` says why none of our orders may be given it, `not_new` why none may be added with it; a map
    that does so is refused with these words. None where nothing speaks against it.
    """

    id: str
    title: str
    never: str | None = None
    not_new: str | None = None


class Mail(Value, frozen=True, kw_only=True):
    """A mail to a buyer; `id` goes into its Message-ID, so that a second one would be known as the same."""

    id: str
    to: str
    subject: str
    text: str
    html: str | None = None

    def __post_init__(self) -> None:
        """Its texts may be of any length."""


class Finding(Value, frozen=True, kw_only=True):
    """One thing that a platform promises or does; `says` is one plain sentence without buyer data.

    `promised` is None where the platform has no way to promise it, `real` where it could not be tried without changing
    anything.
    """

    what: str
    promised: bool | None = None
    real: bool | None = None
    says: str

    @property
    def broken(self) -> bool:
        """Whether it is promised and not kept."""
        return self.promised is True and self.real is False


class ProbeReport(Value, frozen=True, kw_only=True):
    """What `probe` found: a sentence about the platform, and each thing that was tried."""

    summary: str
    findings: tuple[Finding, ...] = ()


class CheckReport(Value, frozen=True, kw_only=True):
    """What `check` found: a sentence of success, sentences worth the seller's attention, capabilities missing here.

    `missing` holds names of `Capability` flags in lower case, each with the reason.
    """

    summary: str
    notes: tuple[str, ...] = ()
    missing: Mapping[str, str] = {}
