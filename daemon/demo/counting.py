"""What the demo counts: the marketplaces' own records against each shop's, and nothing of what the daemon believes.

All that is taken from the program is how it names a purchase in a shop. An order counts as often as its name or its
marketplace's id stands there, whichever is more: a shop may hold one without the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from daemon.core import forwarding
from daemon.demo.cast import PRODUCTS, Part

Summary = Mapping[str, Any]  # a simulator's answer


class Sales(Struct, frozen=True, kw_only=True):
    """What the marketplaces say: purchases by marketplace, and name -> marketplace's id of the orders.

    Every shop needs the orders of `must` once, and may have those of `may`, which were called off later. `sold` are
    the pieces of the orders of `must`.
    """

    bought: Mapping[str, int]
    must: Mapping[str, str]
    may: Mapping[str, str]
    sold: int
    running: bool


class ShopCount(Struct, frozen=True, kw_only=True):
    """What stands in one shop; `unwanted` are orders that are nobody's purchase, or were never to be forwarded."""

    title: str
    orders: int
    called_off: int
    doubled: int
    lost: int
    unwanted: int
    stock_before: int
    stock_after: int
    sold: int

    @property
    def good(self) -> bool:
        """Whether every order that had to be forwarded stands here exactly once, and the stock agrees."""
        fits = self.stock_before - self.stock_after == self.sold
        return fits and not (self.doubled or self.lost or self.unwanted)


def sales(told: Mapping[Part, Summary], installation: str) -> Sales:
    """What the marketplaces' summaries say; `installation` is what the daemon's names of purchases begin with."""
    prefix = forwarding.prefix(installation)
    named: dict[str, dict[str, str]] = {"must": {}, "may": {}}
    for part, summary in told.items():
        for kind, found in named.items():
            found |= {forwarding.reference(prefix, part.account, order): order for order in summary[kind]}
    return Sales(
        bought={part.title: _bought(summary) for part, summary in told.items()},
        must=named["must"],
        may=named["may"],
        sold=sum(sum(summary["sold"].values()) for summary in told.values()),
        running=any(summary["running"] for summary in told.values()),
    )


def in_shop(title: str, shop: Summary, sold: Sales, *, before: int) -> ShopCount:
    """Holds one shop's summary against what the marketplaces say; `before` was its stock at the beginning."""
    must, may = _times(shop, sold.must), _times(shop, sold.may)
    return ShopCount(
        title=title,
        orders=shop["orders"],
        called_off=sum(count > 0 for count in may),
        doubled=sum(max(count - 1, 0) for count in (*must, *may)),
        lost=must.count(0),
        unwanted=shop["orders"] - sum(must) - sum(may),
        stock_before=before,
        stock_after=stock(shop),
        sold=sold.sold,
    )


def stock(shop: Summary) -> int:
    """The pieces of all products of the demo that a shop has."""
    return sum(shop["stock"].get(product["sku"], 0) for product in PRODUCTS)


def _bought(summary: Summary) -> int:
    """The purchases: an order that others were merged into is none of its own."""
    forms: int = sum(summary["forms"].values())
    return forms + len(summary["merged"]) - len(set(summary["merged"].values()))


def _times(shop: Summary, orders: Mapping[str, str]) -> Sequence[int]:
    return [max(shop["references"].get(name, 0), shop["sources"].get(order, 0)) for name, order in orders.items()]
