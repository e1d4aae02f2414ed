"""The simulated searchOrders: its rules for what may be asked, its pages, and which blocks of data it shows."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from plugins.amazon.cursor import stamp
from plugins.amazon.simulator_order import Json
from plugins.amazon.simulator_state import Market, Refused

YOUNGEST: Final = timedelta(minutes=2)
TOKEN_LIFE: Final = timedelta(hours=24)
STATUSES: Final = frozenset(
    {"PENDING_AVAILABILITY", "PENDING", "UNSHIPPED", "PARTIALLY_SHIPPED", "SHIPPED", "CANCELLED", "UNFULFILLABLE"}
)
WINDOWS: Final = MappingProxyType({"createdAfter": "createdBefore", "lastUpdatedAfter": "lastUpdatedBefore"})
FIELDS: Final = MappingProxyType({"createdAfter": "createdTime", "lastUpdatedAfter": "lastUpdatedTime"})
BLOCKS: Final = MappingProxyType(
    {
        "BUYER": ("buyer",),
        "RECIPIENT": ("recipient",),
        "PROCEEDS": ("proceeds",),
        "EXPENSE": ("expense",),
        "PROMOTION": ("promotion",),
        "CANCELLATION": ("cancellation",),
        "FULFILLMENT": ("fulfillment",),
        "PACKAGES": ("packages",),
        "TAX": ("tax",),
        "PAYMENT": ("payment",),
        "FULFILLMENT_ORDERS": ("fulfillmentOrders",),
    }
)
KNOWN: Final = frozenset(
    {*WINDOWS, *WINDOWS.values(), "fulfillmentStatuses", "marketplaceIds", "fulfilledBy"}
    | {"maxResultsPerPage", "paginationToken", "includedData"}
)


class Listing(Struct, frozen=True):
    """A search that has more pages: what was asked, the orders found then, and how many of them have been shown."""

    asked: Mapping[str, str]
    found: tuple[str, ...]
    shown: int
    at: datetime


class Search:
    """Answers searches; `most` is the most orders that a page may have."""

    def __init__(self, market: Market, chance: random.Random) -> None:
        self.market = market
        self.most = 100
        self._random = chance
        self._listings: dict[str, Listing] = {}

    def page(self, query: dict[str, str], now: datetime) -> Json:
        """One page, as Amazon answers it."""
        token = query.pop("paginationToken", None)
        field, after, before = _window(query, now)
        limit = min(_limit(query), self.most)
        included = _listed(query, "includedData", set(BLOCKS))
        if token is None:
            found = tuple(one for one in self.market.found(field, after, before, now) if self._wanted(one, query))
            listing = Listing(query, found, 0, now)
        else:
            listing = self._continued(token, query, now)
        part = listing.found[listing.shown : listing.shown + limit]
        answer: Json = {"orders": [strip(self.market.shown(one), included) for one in part]}
        answer["createdBefore" if field == "createdTime" else "lastUpdatedBefore"] = stamp(before)
        reached = listing.shown + len(part)
        if self.market.quirks.circle and token is not None:
            reached = listing.shown
        if reached < len(listing.found):
            answer["pagination"] = {"nextToken": self._token(Listing(query, listing.found, reached, listing.at))}
        return answer

    def _wanted(self, order_id: str, query: Mapping[str, str]) -> bool:
        document = self.market.orders[order_id].document
        fulfillment = document["fulfillment"]
        tests = {
            "marketplaceIds": document["salesChannel"]["marketplaceId"],
            "fulfillmentStatuses": fulfillment["fulfillmentStatus"],
            "fulfilledBy": fulfillment["fulfilledBy"],
        }
        return all(value in query[name].split(",") for name, value in tests.items() if query.get(name))

    def _continued(self, token: str, query: Mapping[str, str], now: datetime) -> Listing:
        listing = self._listings.get(token)
        if listing is None or now - listing.at >= TOKEN_LIFE:
            raise Refused(400, "InvalidInput", "The pagination token is invalid or has expired.")
        if listing.asked != query:
            raise Refused(400, "InvalidInput", "The parameters differ from those of the token's request.")
        return listing

    def _token(self, listing: Listing) -> str:
        token = f"{self._random.getrandbits(96):024x}"
        self._listings[token] = listing
        return token


def strip(document: Json, included: Iterable[str]) -> Json:
    """The document with only these blocks of data, in the order and in its items."""
    dropped = {name for block, names in BLOCKS.items() if block not in set(included) for name in names}
    kept = {name: value for name, value in document.items() if name not in dropped}
    if isinstance(kept.get("orderItems"), list):
        kept["orderItems"] = [
            {name: value for name, value in item.items() if name not in dropped} for item in kept["orderItems"]
        ]
    return kept


def _window(query: Mapping[str, str], now: datetime) -> tuple[str, datetime, datetime]:
    unknown = set(query) - KNOWN
    given = [name for name in WINDOWS if name in query]
    if unknown or len(given) != 1:
        raise Refused(400, "InvalidInput", "Exactly one of createdAfter and lastUpdatedAfter must be given.")
    (name,) = given
    other = next(one for one in WINDOWS if one != name)
    if WINDOWS[other] in query:
        raise Refused(400, "InvalidInput", f"{WINDOWS[other]} must not stand beside {name}.")
    after = _moment(query[name])
    before = _moment(query[WINDOWS[name]]) if WINDOWS[name] in query else now - YOUNGEST
    if before > now - YOUNGEST or after > before:
        raise Refused(400, "InvalidInput", f"{WINDOWS[name]} must lie two minutes back, and not before {name}.")
    return FIELDS[name], after, before


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Refused(400, "InvalidInput", "Invalid Input", "not a time of ISO 8601 with a time zone")
    return moment


def _limit(query: Mapping[str, str]) -> int:
    text = query.get("maxResultsPerPage", "100")
    if not text.isdigit() or not 1 <= int(text) <= 100:
        raise Refused(400, "InvalidInput", "maxResultsPerPage must be from 1 to 100.")
    if len(_listed(query, "marketplaceIds")) > 50:
        raise Refused(400, "InvalidInput", "At most 50 marketplaceIds may be given.")
    _listed(query, "fulfillmentStatuses", STATUSES)
    _listed(query, "fulfilledBy", {"AMAZON", "MERCHANT"})
    return int(text)


def _listed(query: Mapping[str, str], name: str, known: Iterable[str] | None = None) -> list[str]:
    found = [part for part in query.get(name, "").split(",") if part]
    if known is not None and not set(found) <= set(known):
        raise Refused(400, "InvalidInput", f"Invalid value for {name}.")
    return found
