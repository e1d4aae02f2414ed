"""docs/reference/platforms.md, made of what the platforms' classes declare.

    .venv/bin/python -m tests.docs.platforms_page

writes it anew. The reasons for what a platform can't do stand in its class, in `why_not`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.metadata import entry_points
from pathlib import Path

from orderferry import Capability, Role
from orderferry.capability import OPERATIONS, names
from orderferry.platform import AnyPlatform

FILE = Path(__file__).parents[2] / "docs" / "reference" / "platforms.md"
C = Capability

MARKETPLACE_FUNCTIONS = {
    C.FETCH_ORDERS: "orders are fetched",
    C.SHIPS_ITSELF: "orders that it ships from its own stock are told apart",
    C.MERGES_ORDERS: "purchases that it merges are recognised",
    C.SET_STATUS: "takes the order's status",
    C.SET_TRACKING: "takes tracking numbers",
    C.PARCELS_MANY: "several parcels for one order",
    C.LOGIN: "logs in with `orderferry login`",
    C.LIST_STATUSES: "lists its statuses",
    C.LIST_PAYMENTS: "lists its payment methods",
    C.LIST_DELIVERIES: "lists its delivery methods",
    C.LIST_CARRIERS: "lists its carriers",
}
SHOP_FUNCTIONS = {
    C.ADD_ORDER: "orders are added",
    C.KEEPS_PRICES: "the marketplace's prices are kept as they are",
    C.STOCK_ON_ADD: "its stock falls when an order is added",
    C.MAILS_ON_ADD: "mails the buyer when an order is added, and its API can't stop it",
    C.FIND_PRODUCTS: "products are found by SKU or EAN",
    C.FIND_ORDER: "an order is found again after a lost answer",
    C.REF_UNIQUE: "refuses a second order with the same reference",
    C.REF_EXACT: "can be searched for the very reference",
    C.REF_WINDOW: "its newest orders are looked through for the reference",
    C.FIND_PURCHASE: "an order that another tool added for the same purchase is found",
    C.CARRIES_LOGIN: "the buyer's login gets there",
    C.CARRIES_OFFER_NUMBER: "the offer's number gets there",
    C.CARRIES_COMMENT: "the buyer's comment gets there",
    C.CARRIES_INVOICE: "invoice address and tax number get there",
    C.CARRIES_PICKUP_POINT: "the pickup point gets there",
    C.CARRIES_PAYMENT: "the payment gets there",
    C.CARRIES_DELIVERY_METHOD: "the delivery method gets there",
    C.SET_STATUS: "takes the order's status",
    C.STATUS_CUSTOM: "the seller can add statuses of his own there",
    C.SET_PAYMENT: "takes that an order is paid",
    C.SET_TRACKING: "takes tracking numbers",
    C.TRACKING_NEEDS_EXTENSION: "needs an extension for tracking numbers",
    C.PARCELS_MANY: "several parcels for one order",
    C.FETCH_ORDERS: "its own orders are fetched",
    C.PAYMENT_READ: "tells whether an order is paid",
    C.LOGIN: "logs in with `orderferry login`",
    C.LIST_STATUSES: "lists its statuses",
    C.LIST_PAYMENTS: "lists its payment methods",
    C.LIST_DELIVERIES: "lists its delivery methods",
    C.LIST_CARRIERS: "lists its carriers",
    C.PROBE: "`orderferry probe` tries what it promises, as shops of it differ",
}
FUNCTIONS = {
    Role.MARKETPLACE: MARKETPLACE_FUNCTIONS,
    Role.SHOP: SHOP_FUNCTIONS,
    Role.IMPORT: {C.FETCH_ORDERS: "orders are fetched"},
    Role.MAIL: {C.SEND_MAIL: "mails are sent"},
}
HEADINGS = {
    Role.MARKETPLACE: "Marketplaces",
    Role.SHOP: "Shops",
    Role.IMPORT: "Imports",
    Role.MAIL: "Mail servers",
}


def built_in() -> list[type[AnyPlatform]]:
    """The platforms of this distribution, by their titles."""
    found: list[type[AnyPlatform]] = []
    for offer in entry_points(group="orderferry"):
        if offer.value.startswith("plugins."):
            offer.load().register_platforms(found.append)
    return sorted(found, key=lambda platform: platform.title.casefold())


def lacking(platform: type[AnyPlatform]) -> Capability:
    """The operations that platforms of its role may have and this one has not.

    Nobody misses a probe where every installation is the same.
    """
    wanted = C.NONE
    for flag in FUNCTIONS[platform.role]:
        wanted |= flag & OPERATIONS
    return wanted & ~platform.capabilities & ~C.PROBE


def page(platforms: Iterable[type[AnyPlatform]]) -> str:
    """The whole page."""
    return "\n".join(_lines(list(platforms))) + "\n"


INTRODUCTION = """\
# Platforms: what each can do, and why not

This page is made of the platforms' own [capabilities](capabilities.md), by `python -m tests.docs.platforms_page`. An
account may have less than its platform: `orderferry check` says so."""


def _lines(platforms: list[type[AnyPlatform]]) -> Iterator[str]:
    yield INTRODUCTION
    for role, functions in FUNCTIONS.items():
        of_role = [platform for platform in platforms if platform.role is role]
        if not of_role:
            continue
        yield from ("", f"## {HEADINGS[role]}", "")
        yield "| | " + " | ".join(platform.title for platform in of_role) + " |"
        yield "|---" * (len(of_role) + 1) + "|"
        for flag, says in functions.items():
            cells = ("yes" if flag in platform.capabilities else "no" for platform in of_role)
            yield f"| {says} | " + " | ".join(cells) + " |"
        for platform in of_role:
            reasons = [(says, platform.why_not.get(*names(flag))) for flag, says in functions.items()]
            given = [f"| {says} | {why} |" for says, why in reasons if why]
            if given:
                yield from ("", f"### {platform.title}: why not", "", "| not here | because |", "|---|---|", *given)


if __name__ == "__main__":
    FILE.write_text(page(built_in()), encoding="utf-8")
