"""The values that travel between platforms and the hub: frozen, and checked once, when they are made.

Money is a `Decimal` with its currency, times are aware UTC, a missing required field raises `Malformed`. Nothing here
is ever filled with a guess: what a platform does not tell is `None`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import astuple

from orderferry.errors import Malformed

MAX_TEXT = 500
MAX_COMMENT = 10_000
MAX_LINES = 2_000
MAX_QUANTITY = 1_000_000
MAX_AMOUNT = Decimal(1_000_000_000)


class Value(Struct, frozen=True, kw_only=True, forbid_unknown_fields=False, gc=False):
    """What all values share: immutable, compared by content, text of sane length.

    None can hold itself, so the garbage collector is spared looking at them: there are a dozen for each order.
    """

    def __post_init__(self) -> None:
        for value in astuple(self):
            if value.__class__ is str and len(value) > MAX_TEXT:
                for name in self.__struct_fields__:
                    _check_text(type(self).__name__, name, getattr(self, name))


def _check_text(owner: str, name: str, value: object) -> None:
    limit = MAX_COMMENT if name in _LONG_TEXTS else MAX_TEXT
    if isinstance(value, str) and len(value) > limit:
        raise Malformed(f"{owner}.{name} has {len(value):,} characters; the longest that makes sense is {limit:,}")


_LONG_TEXTS = frozenset({"comment", "description", "message"})


def utc(moment: datetime, what: str) -> datetime:
    """The same moment, checked to be aware and in UTC; raises `Malformed` naming `what` otherwise."""
    if moment.tzinfo is None or moment.utcoffset() != timedelta(0):
        raise Malformed(f"{what} must be a time in UTC, not {moment.isoformat()}")
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


class Money(Struct, frozen=True, gc=False):
    """An amount in a currency (ISO 4217, three capital letters)."""

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        currency = self.currency
        if len(currency) != 3 or not (currency.isascii() and currency.isalpha() and currency.isupper()):
            raise Malformed(f"{currency[:20]!r} is not a currency code such as PLN")
        if not self.amount.is_finite() or abs(self.amount) >= MAX_AMOUNT:
            raise Malformed(f"{str(self.amount)[:30]} {currency} is not an amount that an order can have")

    @classmethod
    def of(cls, text: str, currency: str) -> Money:
        """Reads an amount from a platform's text such as "123.45"; raises `Malformed` if it is no number."""
        try:
            return cls(Decimal(text), currency)
        except (ArithmeticError, TypeError, ValueError) as error:
            if isinstance(error, Malformed):
                raise
            raise Malformed(f"{str(text)[:30]!r} is not an amount of money") from error

    def __add__(self, other: Money) -> Money:
        self._same_currency(other)
        return Money(self.amount + other.amount, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same_currency(other)
        return Money(self.amount - other.amount, self.currency)

    def __mul__(self, quantity: int) -> Money:
        return Money(self.amount * quantity, self.currency)

    def __ge__(self, other: Money) -> bool:
        self._same_currency(other)
        return self.amount >= other.amount

    def __str__(self) -> str:
        return f"{self.amount:.2f} {self.currency}"

    def _same_currency(self, other: Money) -> None:
        if self.currency != other.currency:
            raise ValueError(f"{self} and {other} are of different currencies")


class Role(StrEnum):
    """Which side an account stands on."""

    MARKETPLACE = "marketplace"
    SHOP = "shop"
    IMPORT = "import"  # orders come from files or through the control API; nothing can be told there
    MAIL = "mail"  # the seller's mail server


class Stage(StrEnum):
    """How far the purchase has come, by the platform that it was made on."""

    PLACED = "placed"  # bought; the delivery form isn't complete
    READY = "ready"  # the form is complete: forward now
    CANCELLED = "cancelled"
    MERGED = "merged"  # replaced by another order that carries its lines


class PaymentKind(StrEnum):
    """How the buyer pays."""

    ONLINE = "online"
    CASH_ON_DELIVERY = "cash_on_delivery"
    TRANSFER = "transfer"
    DEFERRED = "deferred"
    OTHER = "other"


class Address(Value, frozen=True, kw_only=True):
    """A postal address; `country` is ISO 3166-1 alpha-2."""

    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    street: str
    street2: str | None = None
    city: str
    postcode: str | None = None
    state: str | None = None
    country: str
    phone: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.country) != 2 or not (self.country.isalpha() and self.country.isupper()):
            raise Malformed(f"{self.country[:20]!r} is not a country code such as PL")


class Buyer(Value, frozen=True, kw_only=True):
    """Who bought; `login` is his name on the marketplace."""

    id: str | None = None
    login: str | None = None
    email: str | None = None
    phone: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    guest: bool = False
    language: str | None = None


class Invoice(Value, frozen=True, kw_only=True):
    """The buyer wants an invoice made out to this address; `tax_id` as the platform gave it (NIP, VAT-EU ...)."""

    address: Address
    tax_id: str | None = None
    tax_id_kind: str | None = None


class PickupPoint(Value, frozen=True, kw_only=True):
    """A parcel locker or a shop where the parcel waits; `id` is the carrier's code, such as POZ08A."""

    id: str
    name: str | None = None
    description: str | None = None
    address: Address | None = None


class Delivery(Value, frozen=True, kw_only=True):
    """How and where the parcel goes, and what the buyer pays for it (gross)."""

    method_id: str | None = None
    method: str | None = None
    cost: Money
    address: Address | None = None
    pickup_point: PickupPoint | None = None


class Payment(Value, frozen=True, kw_only=True):
    """How the order is paid, and how much has come in; `paid` is None while nothing is known to have come."""

    kind: PaymentKind
    id: str | None = None
    provider: str | None = None
    paid: Money | None = None
    paid_at: datetime | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.paid_at is not None:
            utc(self.paid_at, "Payment.paid_at")

    def covers(self, total: Money) -> bool:
        """Whether what has come in is the whole total; never true for another currency."""
        return self.paid is not None and self.paid.currency == total.currency and self.paid >= total


class Line(Value, frozen=True, kw_only=True):
    """One line of an order; prices are gross, `total` is for the whole quantity.

    `goods` is False for what has no stock: a service, a deposit. `tax_rate` is in per cent, where the platform tells.
    """

    id: str
    name: str
    quantity: int
    unit_price: Money
    total: Money
    offer_id: str | None = None
    sku: str | None = None
    ean: str | None = None
    tax_rate: Decimal | None = None
    goods: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.quantity <= MAX_QUANTITY:
            raise Malformed(f"line {self.id}: a quantity of {self.quantity} can't be right")
        if self.unit_price.currency != self.total.currency:
            raise Malformed(f"line {self.id}: its price and its total are of different currencies")


class Order(Value, frozen=True, kw_only=True):
    """One purchase as its platform tells it now.

    `external_id` is the platform's own id, `revision` its mark of this very state (None where it has none), and
    `updated_at` orders two states in time. `total` is what the buyer pays, carried and never recomputed. `shipped` says
    that every line has already been handed to a carrier, `ships_itself` that the marketplace ships from its own stock.
    """

    external_id: str
    revision: str | None = None
    stage: Stage
    ordered_at: datetime
    updated_at: datetime
    buyer: Buyer
    lines: tuple[Line, ...]
    delivery: Delivery
    payment: Payment
    total: Money
    invoice: Invoice | None = None
    comment: str | None = None
    site: str | None = None
    shipped: bool = False
    ships_itself: bool = False
    parcels: tuple[Parcel, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.external_id:
            raise Malformed("an order must have an id")
        if not self.lines:
            raise Malformed("an order must have a line")
        if len(self.lines) > MAX_LINES:
            raise Malformed(f"an order of {len(self.lines):,} lines is beyond the limit of {MAX_LINES:,}")
        utc(self.ordered_at, "Order.ordered_at")
        utc(self.updated_at, "Order.updated_at")
        currency = self.total.currency
        if self.delivery.cost.currency != currency or any(line.total.currency != currency for line in self.lines):
            raise Malformed(f"the order's amounts are not all in {currency}")
        if self.stage is Stage.READY and self.delivery.address is None and self.delivery.pickup_point is None:
            raise Malformed("the order is ready, but has neither an address nor a pickup point")

    @property
    def paid(self) -> bool:
        """Whether the whole total has come in."""
        return self.payment.covers(self.total)


class Parcel(Value, frozen=True, kw_only=True):
    """A parcel on its way. `carrier` is one of the account's carriers or free text; `number` the tracking number."""

    carrier: str
    number: str

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.number or len(self.number) > 64:
            raise Malformed("a tracking number has 1 to 64 characters")


class MalformedOrder(Value, frozen=True, kw_only=True):
    """An order that could not be understood: its raw text is kept, `reason` says what was wrong with which field."""

    external_id: str | None
    reason: str
    raw: bytes


class Echo(Value, frozen=True, kw_only=True):
    """One of our own forwarded orders, met again while fetching from a shop: nothing is imported from it but `paid`.

    `paid` is None where the shop's word does not count (cash on delivery in WooCommerce).
    """

    reference: str
    id: str
    paid: bool | None = None
    status: str | None = None


class Page(Value, frozen=True, kw_only=True):
    """One answer of `fetch_orders`.

    `cursor` is the plugin's own opaque text: it is stored together with the orders, and handed back with the next call.
    `more` asks to be called again at once. `sweep` marks a page of the second look that finds what the first missed.
    """

    orders: tuple[Order, ...] = ()
    malformed: tuple[MalformedOrder, ...] = ()
    echoes: tuple[Echo, ...] = ()
    cursor: str
    more: bool = False
    sweep: bool = False

    def __post_init__(self) -> None:
        """A cursor may be longer than other texts: up to 1 MiB."""
