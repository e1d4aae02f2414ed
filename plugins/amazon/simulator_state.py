"""The simulated Amazon's memory: offers, orders with their life, and packages.

An order is pending first, and then tells neither buyer nor price; once its payment has been authorised it can be
shipped. Orders may appear in searches later than the time of their change says, as at the real Amazon.
"""

from __future__ import annotations

import copy
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
from msgspec import Struct

from orderferry.testing.marketplace import Refusal
from plugins.amazon import simulator_order as make
from plugins.amazon.cursor import stamp
from plugins.amazon.marketplaces import named
from plugins.amazon.simulator_order import Json, Offer, Wishes

STEERED: Final = frozenset(
    {"buy", "authorise", "purchase", "cancel", "request_cancel", "change_address", "add_malformed", "hide"}
)
"""What of a `Market` may be asked from outside."""


class Quirks(Struct, kw_only=True):
    """What the real Amazon was seen to do: `late` is how often, from 0 to 1, a change appears `lag` seconds late.

    `circle` lets every page but the first be the same one under ever new tokens (selling-partner-api-models 2297).
    """

    late: float = 0.0
    lag: float = 1800.0
    circle: bool = False


class Kept(Struct):
    """An order as it is shown once it can be shipped, what it shows before, and from when searches find it."""

    document: Json
    hidden: Json
    visible_at: datetime
    was_ready: bool = False
    raw: bytes | None = None


class Refused(Refusal):
    """What Amazon says no to: HTTP status, error code, message."""

    def __init__(self, status: int, code: str, message: str, details: str = "") -> None:
        super().__init__(status, message, {"errors": [{"code": code, "message": message, "details": details}]})


class Market:
    """One seller's side of Amazon; `withhold` keeps the buyers' data back, as from an application without the role."""

    def __init__(
        self, chance: random.Random, now: Callable[[], datetime], *, offers: Iterable[Offer] | None = None
    ) -> None:
        self.random = chance
        self.now = now
        self.offers = make.catalogue(offers)
        self.quirks = Quirks()
        self.withhold = False
        self.orders: dict[str, Kept] = {}

    # what buyers do

    def buy(
        self,
        skus: Mapping[str, int] | None = None,
        *,
        country: str = "PL",
        fulfilled_by: str = "MERCHANT",
        wishes: Json | None = None,
    ) -> str:
        """A purchase of so many pieces of each SKU (one random piece by default); answers the order's id."""
        (marketplace,) = named([country])
        given = msgspec.convert(wishes or {}, Wishes, strict=False)
        wanted = dict(skus or {self.random.choice(sorted(self.offers)): 1})
        items: list[Json] = []
        for sku, quantity in wanted.items():
            offer = self.offers[sku]
            offer.stock -= quantity
            item_id = f"{self.random.randrange(10**13, 10**14)}"
            items.append(make.item(item_id, offer, quantity, given, marketplace, first=not items))
        order_id = make.new_order_id(self.random)
        where = make.address(self.random, country)
        at = self.now()
        document = make.order(order_id, marketplace, items, given, at=at, fulfilled_by=fulfilled_by, where=where)
        self.orders[order_id] = Kept(document=_pending(document), hidden=document, visible_at=at)
        self._changed(order_id)
        return order_id

    def authorise(self, order_id: str) -> None:
        """The payment is authorised: the order can be shipped."""
        kept = self.kept(order_id)
        kept.document, kept.was_ready = copy.deepcopy(kept.hidden), True
        self._changed(order_id)

    def purchase(self, skus: Mapping[str, int] | None = None, **details: object) -> str:
        """A purchase that can be shipped at once."""
        order_id = self.buy(skus, **details)  # type: ignore[arg-type] # handed on as they came
        self.authorise(order_id)
        return order_id

    def cancel(self, order_id: str) -> None:
        """The order is called off: quantities fall to 0 and the amounts vanish."""
        document = self.kept(order_id).document
        document["fulfillment"]["fulfillmentStatus"] = "CANCELLED"
        document.pop("proceeds", None)
        for item in document["orderItems"]:
            self.offers[item["product"]["sellerSku"]].stock += item["quantityOrdered"]
            item["quantityOrdered"] = 0
            item.pop("proceeds", None)
            item["fulfillment"] = {"quantityFulfilled": 0, "quantityUnfulfilled": 0}
        self._changed(order_id)

    def request_cancel(self, order_id: str, reason: str = "Changed my mind") -> None:
        """The buyer asks the seller to call the order off."""
        for item in self.kept(order_id).document["orderItems"]:
            item["cancellation"] = {"cancellationRequest": {"requester": "BUYER", "cancelReason": reason}}
        self._changed(order_id)

    def change_address(self, order_id: str, street: str) -> None:
        """Buyer and seller have agreed on another street."""
        self.kept(order_id).document["recipient"]["deliveryAddress"]["addressLine1"] = street
        self._changed(order_id)

    # what a test arranges

    def add_malformed(self, how: str = "currency") -> str:
        """An order that can't be understood; answers its id."""
        order_id = self.purchase()
        kept = self.kept(order_id)
        broken = copy.deepcopy(kept.document)
        if how == "currency":
            broken["proceeds"]["grandTotal"]["currencyCode"] = "zł"
        elif how == "status":
            broken["fulfillment"]["fulfillmentStatus"] = "ON_THE_MOON"
        elif how == "missing":
            del broken["orderItems"]
        else:
            broken["orderItems"][0]["quantityOrdered"] = "many"
        kept.raw, kept.was_ready = msgspec.json.encode(broken), False
        return order_id

    def hide(self, order_id: str, seconds: float) -> None:
        """Searches find the order only so much later."""
        self.kept(order_id).visible_at = self.now() + timedelta(seconds=seconds)

    # what the seller's application asks

    def kept(self, order_id: str) -> Kept:
        """The order of this id; refused where there is none."""
        if order_id not in self.orders:
            raise Refused(404, "NotFound", f"Could not find order {order_id}.")
        return self.orders[order_id]

    def found(self, field: str, after: datetime, before: datetime, now: datetime) -> list[str]:
        """The orders whose time lies in this window, in its order, as far as searches find them now."""
        times = {
            order_id: moment
            for order_id, kept in self.orders.items()
            if kept.visible_at <= now and after <= (moment := datetime.fromisoformat(kept.document[field])) <= before
        }
        return sorted(times, key=lambda order_id: (times[order_id], order_id))

    def shown(self, order_id: str) -> Json:
        """The order as it is told now."""
        kept = self.kept(order_id)
        if kept.raw is not None:
            broken: Json = msgspec.json.decode(kept.raw)
            return broken
        document = copy.deepcopy(kept.document)
        if self.withhold:
            document.pop("buyer", None)
            where = document.get("recipient", {}).get("deliveryAddress", {})
            for name in ("name", "addressLine1", "addressLine2", "phone"):
                where.pop(name, None)
        return document

    def confirm(self, order_id: str, body: Json) -> None:
        """Takes a package, or edits the one with the same reference."""
        document = self.kept(order_id).document
        package = _checked(document, body, self.now())
        packages = document.setdefault("packages", [])
        old = [one for one in packages if one["packageReferenceId"] == package["packageReferenceId"]]
        packages[:] = [one for one in packages if one not in old]
        left = _left(document)
        if any(one["quantity"] > left.get(one["orderItemId"], 0) for one in package["packageItems"]):
            packages += old
            why = "Failed to create package due to not finding a matching package or order already fulfilled."
            raise Refused(400, "InvalidInput", why, "PackageToUpdateNotFound")
        packages.append(package)
        left = _left(document)
        for item in document["orderItems"]:
            ordered, rest = item["quantityOrdered"], left[item["orderItemId"]]
            item["fulfillment"] |= {"quantityFulfilled": ordered - rest, "quantityUnfulfilled": rest}
        document["fulfillment"]["fulfillmentStatus"] = "PARTIALLY_SHIPPED" if any(left.values()) else "SHIPPED"
        self._changed(order_id)

    # what a test asks

    def summary(self) -> Json:
        """What a shop must have exactly once (ready now), may have (was ready once), and must not have; pieces sold."""
        must = [order_id for order_id, kept in self.orders.items() if _must(kept)]
        may = [order_id for order_id, kept in self.orders.items() if kept.was_ready and not _must(kept)]
        sold: Counter[str] = Counter()
        for order_id in must:
            for item in self.orders[order_id].document["orderItems"]:
                sold[item["product"]["sellerSku"]] += item["quantityOrdered"]
        return {
            "forms": dict(Counter(_status(kept) for kept in self.orders.values())),
            "merged": {},
            "must": sorted(must),
            "may": sorted(may),
            "must_not": sorted(set(self.orders) - {*must, *may}),
            "sold": dict(sorted(sold.items())),
            "shipments": {order_id: self.numbers(order_id) for order_id in self.orders if self.numbers(order_id)},
        }

    def numbers(self, order_id: str) -> list[str]:
        """The tracking numbers of an order's packages."""
        return [one["trackingNumber"] for one in self.kept(order_id).document.get("packages", [])]

    def _changed(self, order_id: str) -> None:
        kept, now = self.orders[order_id], self.now()
        kept.document["lastUpdatedTime"] = kept.hidden["lastUpdatedTime"] = stamp(now)
        late = self.quirks.late > 0 and self.random.random() < self.quirks.late
        kept.visible_at = max(kept.visible_at, now + timedelta(seconds=self.quirks.lag if late else 0))


def _pending(document: Json) -> Json:
    """What is told of an order before its payment is authorised."""
    shown = copy.deepcopy(document)
    shown["fulfillment"]["fulfillmentStatus"] = "PENDING"
    for name in ("buyer", "recipient", "proceeds", "payment", "tax"):
        shown.pop(name, None)
    for item in shown["orderItems"]:
        item.pop("proceeds")
        item["product"].pop("price")
        item["fulfillment"].pop("packing", None)
    return shown


def _checked(document: Json, body: Json, now: datetime) -> Json:
    """The package that a confirmation tells; refused where it is not as the description of the call wants it."""
    given = body.get("packageDetail") or {}
    if document["fulfillment"]["fulfilledBy"] != "MERCHANT":
        raise Refused(400, "InvalidInput", "The order is fulfilled by Amazon.")
    if document["fulfillment"]["fulfillmentStatus"] not in {"UNSHIPPED", "PARTIALLY_SHIPPED", "SHIPPED"}:
        raise Refused(400, "InvalidInput", "The order can't be shipped in this status.")
    if body.get("marketplaceId") != document["salesChannel"]["marketplaceId"]:
        raise Refused(400, "InvalidInput", "Invalid marketplaceId.")
    reference = given.get("packageReferenceId")
    if not isinstance(reference, str) or not reference.isdigit() or int(reference) == 0:
        raise Refused(400, "InvalidInput", "PackageReferenceId: is invalid, must be a positive numeric value.")
    if not given.get("carrierCode") or (given["carrierCode"] == "Other" and not given.get("carrierName")):
        raise Refused(400, "InvalidInput", "CarrierCode or CarrierName is missing.")
    if not given.get("trackingNumber") or not given.get("orderItems"):
        raise Refused(400, "InvalidInput", "TrackingNumber and OrderItems are required.")
    try:
        shipped = datetime.fromisoformat(given.get("shipDate") or "")
    except ValueError:
        shipped = datetime.max.replace(tzinfo=UTC)
    created = datetime.fromisoformat(document["createdTime"])
    if shipped.tzinfo is None or not created <= shipped <= now:
        raise Refused(400, "InvalidInput", "ShipDate must be a time from the purchase until now.")
    return {
        "packageReferenceId": reference,
        "createdTime": stamp(now),
        "packageStatus": {"status": "SHIPPED"},
        "carrier": given.get("carrierName") or given["carrierCode"],
        "shipTime": given["shipDate"],
        "trackingNumber": given["trackingNumber"],
        "packageItems": [
            {"orderItemId": one["orderItemId"], "quantity": one["quantity"]} for one in given["orderItems"]
        ],
    }


def _left(document: Json) -> dict[str, int]:
    """The pieces of each item that are in no package."""
    left = {item["orderItemId"]: int(item["quantityOrdered"]) for item in document["orderItems"]}
    for package in document.get("packages", []):
        for one in package["packageItems"]:
            left[one["orderItemId"]] -= one["quantity"]
    return left


def _status(kept: Kept) -> str:
    status: str = kept.document["fulfillment"]["fulfillmentStatus"]
    return status


def _must(kept: Kept) -> bool:
    ready = kept.was_ready and _status(kept) in {"UNSHIPPED", "PARTIALLY_SHIPPED", "SHIPPED"}
    return ready and kept.document["fulfillment"]["fulfilledBy"] == "MERCHANT"
