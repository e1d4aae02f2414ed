"""What the POSTs of the control API carry: the rule of `routes.py` holds for their fields as well."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Struct

from daemon.views import UnreadableOrder
from orderferry import Order


class Body(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a POST carries; an empty body counts as an empty object."""


class NoBody(Body, frozen=True, kw_only=True):
    """Nothing is asked for."""


Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class SinceBody(Body, frozen=True, kw_only=True):
    """`since`: what was changed there since then is fetched again."""

    since: Moment | None = None


class FetchBody(Body, frozen=True, kw_only=True):
    """The accounts to fetch from; none means all. `since`: what was changed there since then is fetched again."""

    names: tuple[str, ...] = msgspec.field(default=(), name="accounts")
    since: Moment | None = None


class ForwardBody(Body, frozen=True, kw_only=True):
    """The shop to put the order into; without it every shop that forwards."""

    shop: str | None = None


class StatusBody(Body, frozen=True, kw_only=True):
    """One of the hub's statuses, by its key in config.toml."""

    status: str


class PaymentBody(Body, frozen=True, kw_only=True):
    """Whether the order is paid, and how much came in (in the order's currency; a decimal number as text)."""

    paid: bool
    amount: Decimal | None = None

    def __post_init__(self) -> None:
        if self.amount is not None and not (self.amount.is_finite() and self.amount >= 0):
            raise ValueError("`amount` must be a number such as 12.34")
        if self.amount is not None and not self.paid:
            raise ValueError("`amount` says how much came in, so it goes with `paid`: true")


class ParcelBody(Body, frozen=True, kw_only=True):
    """A parcel on its way."""

    carrier: str
    number: str


class ResolveBody(Body, frozen=True, kw_only=True):
    """What the person found: the shop's order, that the mail went out, or neither, so that it may be sent again."""

    shop_order: str | None = None
    sent: bool = False
    send_again: bool = False

    def __post_init__(self) -> None:
        if [self.shop_order is not None, self.sent, self.send_again].count(True) != 1:
            raise ValueError(
                "give one: `shop_order`, the shop's order that was found; `sent`: true, for a mail; `send_again`: true"
            )


class BuyerBody(Body, frozen=True, kw_only=True):
    """Whose data: `buyer` is an e-mail address, a login, a telephone number or an order; `login` is a login alone.

    `account`: on this account alone.
    """

    buyer: str | None = None
    login: str | None = None
    account: str | None = None

    def __post_init__(self) -> None:
        if (self.buyer is None) == (self.login is None):
            raise ValueError("give one: `buyer` or `login`")


class ErasureBody(Body, frozen=True, kw_only=True):
    """Whose data, or which orders, each as `buyer` of an export; or a `login`, on this `account` alone.

    `even_unfinished`: also orders that are not over. `dry_run`: only say what would be erased.
    """

    buyers: tuple[str, ...] = ()
    login: str | None = None
    account: str | None = None
    even_unfinished: bool = False
    dry_run: bool = False

    def __post_init__(self) -> None:
        if bool(self.buyers) == (self.login is not None):
            raise ValueError("give one: `buyers` or `login`")


class ImportBody(Body, frozen=True, kw_only=True):
    """Orders to be taken in, whole and as they stand now, and those of the source that could not be read.

    `undated`: the source knows no dates, so an order's first `ordered_at` stays. `dry_run`: only say what would happen.
    """

    orders: tuple[Order, ...] = ()
    malformed: tuple[UnreadableOrder, ...] = ()
    undated: bool = False
    dry_run: bool = False
