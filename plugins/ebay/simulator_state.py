"""The simulated eBay's memory: offers, orders with their life, shipping fulfilments.

It misbehaves as the real one does: the list hides tax numbers and cancellation requests, a cancellation may leave the
time of the last change alone, orders that are paid together become one, and old orders lose their addresses.
"""

from __future__ import annotations

import copy
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import Struct

from orderferry.testing.marketplace import Refusal
from plugins.ebay import simulator_form as make
from plugins.ebay.cursor import stamp
from plugins.ebay.simulator_form import Json, Offer

STEERED: Final = frozenset(
    {
        *("buy", "check_out", "pay", "purchase", "cancel", "ask_to_cancel", "combine", "change_address", "refund"),
        *("add_malformed", "settle"),
    }
)
"""What of a `Market` may be asked from outside."""

MOST_NUMBERS: Final = 20


class Quirks(Struct, kw_only=True):
    """How often, from 0 to 1, eBay does what the real one was seen to do; `lag` is in seconds."""

    silent_cancel: float = 0.0  # a cancellation shows in the single order alone, and moves no time
    lag: float = 0.0  # so long after a change the list still shows the state before it


def spoiled(rate: float) -> Quirks:
    """Silent cancellations at this rate; reads do not lag."""
    return Quirks(silent_cancel=rate)


class Kept(Struct):
    """An order, and what not every read shows of it."""

    order: Json
    was_ready: bool = False
    tax_identifier: Json | None = None
    listed_as: Json | None = None  # what the list goes on to show after a silent cancellation
    before: Json | None = None
    changed_at: datetime = datetime.min.replace(tzinfo=UTC)
    raw: bytes | None = None


class Refused(Refusal):
    """What eBay says no to: HTTP status, error number, message."""

    def __init__(self, status: int, error_id: int, message: str) -> None:
        super().__init__(status, message, make.refusal(error_id, message))


class Market:
    """One seller's side of eBay."""

    def __init__(
        self,
        chance: random.Random,
        now: Callable[[], datetime],
        *,
        offers: Iterable[Offer] | None = None,
        quirks: Quirks | None = None,
    ) -> None:
        self.random = chance
        self.now = now
        self.offers = make.offer_catalogue(make.default_offers() if offers is None else offers)
        self.quirks = quirks or Quirks()
        self.orders: dict[str, Kept] = {}
        self.combined: dict[str, str] = {}  # old order -> the one that took its lines
        self.fulfillments: dict[str, list[Json]] = {}

    # what buyers do

    def buy(self, skus: Mapping[str, int] | None = None, *, username: str | None = None, site: str = "EBAY_DE") -> str:
        """Commits to so many pieces of each SKU (one random piece by default); answers the order's id."""
        wanted = dict(skus or {self.random.choice(sorted(self.offers)): 1})
        items = []
        for sku, quantity in wanted.items():
            self.offers[sku].stock -= quantity
            line_id = str(self.random.randrange(10_000_000_000, 99_999_999_999))
            items.append(make.line_item(line_id, self.offers[sku], quantity, self.now(), site))
        return self._add(
            make.bought(self._new_id(), username or f"buyer_{self.random.randrange(10**6)}", items, self.now())
        )

    def check_out(
        self,
        order_id: str,
        *,
        service: str = "parcel",
        method: str = "EBAY",
        note: str | None = None,
        hub: bool = False,
        pickup: bool = False,
        tax_id: str | None = None,
        discount: str | None = None,
    ) -> None:
        """The buyer chooses address, shipping and payment; `hub` sends it abroad by way of eBay's provider."""
        order = self._changing(order_id).order
        site = order["lineItems"][0]["purchaseMarketplaceId"]
        chosen = make.SERVICES[service]
        email = f"{self.random.getrandbits(40):010x}@members.ebay.example"
        home = make.a_contact(self.random, make.SITES[site], email=email)
        order["buyer"]["buyerRegistrationAddress"] = home
        order["buyer"]["taxAddress"] = {"countryCode": make.SITES[site]}
        if discount is not None:
            first = order["lineItems"][0]
            first["discountedLineItemCost"] = make.money(Decimal(first["lineItemCost"]["value"]) - Decimal(discount))
        make.with_total(order, chosen.cost)
        order["fulfillmentStartInstructions"] = [self._instruction(chosen, home, hub=hub, pickup=pickup)]
        if note:
            order["buyerCheckoutNotes"] = note
        if tax_id:
            kind = {"taxpayerId": tax_id, "taxIdentifierType": "CODICE_FISCALE", "issuingCountry": make.SITES[site]}
            self.orders[order_id].tax_identifier = kind
        order["paymentSummary"]["payments"] = [
            {"paymentMethod": method, "paymentStatus": "PENDING", "amount": dict(order["pricingSummary"]["total"])}
        ]
        if method.startswith("CASH_ON"):
            self.orders[order_id].was_ready = True

    def _instruction(self, service: make.Service, home: Json, *, hub: bool, pickup: bool) -> Json:
        if pickup:
            return {
                "fulfillmentInstructionsType": "PREPARE_FOR_PICKUP",
                "pickupStep": {"merchantLocationKey": "store-7"},
            }
        ship_to = make.a_hub() if hub else copy.deepcopy(home)
        ship_to["email"] = home["email"]
        step: Json = {"shipTo": ship_to, "shippingCarrierCode": service.carrier, "shippingServiceCode": service.code}
        instruction: Json = {
            "fulfillmentInstructionsType": "SHIP_TO",
            "minEstimatedDeliveryDate": stamp(self.now()),
            "maxEstimatedDeliveryDate": stamp(self.now()),
            "shippingStep": step,
        }
        if hub:
            step["shipToReferenceId"] = "1234567890123456"
            instruction |= {"ebaySupportedFulfillment": True, "finalDestinationAddress": dict(home["contactAddress"])}
        return instruction

    def pay(self, order_id: str) -> None:
        """The payment has come in."""
        kept = self._changing(order_id)
        order = kept.order
        if not order["fulfillmentStartInstructions"]:
            raise ValueError("an order must be checked out before it is paid")
        order["orderPaymentStatus"] = "PAID"
        for payment in order["paymentSummary"]["payments"]:
            payment |= {"paymentStatus": "PAID", "paymentDate": stamp(self.now())}
        kept.was_ready = True

    def purchase(self, skus: Mapping[str, int] | None = None, *, site: str = "EBAY_DE", **details: Any) -> str:
        """Buys, checks out (`details` as there) and pays, all at once."""
        order_id = self.buy(skus, site=site)
        self.check_out(order_id, **details)
        self.pay(order_id)
        return order_id

    def ask_to_cancel(self, order_id: str) -> None:
        """The buyer asks the seller to cancel; only the single order shows the request."""
        order = self._changing(order_id).order
        request = {"cancelRequestId": "5000000001", "cancelInitiator": "Buyer", "cancelRequestState": "REQUESTED"}
        order["cancelStatus"] = {"cancelState": "IN_PROGRESS", "cancelRequests": [request]}

    def cancel(self, order_id: str) -> None:
        """The order is cancelled, and paid back where it was paid; what was bought is for sale again."""
        kept = self.kept(order_id)
        if self._happens(self.quirks.silent_cancel):
            kept.listed_as = copy.deepcopy(kept.order)
        else:
            self._changing(order_id)
        order = kept.order
        order["cancelStatus"] = {
            "cancelState": "CANCELED",
            "cancelledDate": stamp(self.now()),
            "cancelRequests": [{"cancelRequestId": "5000000001", "cancelRequestState": "COMPLETED"}],
        }
        if order["orderPaymentStatus"] == "PAID":
            order["orderPaymentStatus"] = "FULLY_REFUNDED"
        for item in order["lineItems"]:
            self.offers[item["sku"]].stock += item["quantity"]

    def refund(self, order_id: str, amount: str) -> None:
        """The seller pays back a part."""
        order = self._changing(order_id).order
        order["orderPaymentStatus"] = "PARTIALLY_REFUNDED"
        refund = {"amount": make.money(Decimal(amount)), "refundStatus": "REFUNDED", "refundDate": stamp(self.now())}
        order["paymentSummary"]["refunds"].append(refund)

    def combine(self, order_ids: Sequence[str]) -> str:
        """The buyer pays several orders together: a new one takes their lines, the old ones vanish silently."""
        old = [self.orders.pop(order_id).order for order_id in order_ids]
        items = [item for order in old for item in order["lineItems"]]
        combined = self._add(make.bought(self._new_id(), old[0]["buyer"]["username"], items, self.now()))
        self.combined |= dict.fromkeys(order_ids, combined)
        return combined

    def change_address(self, order_id: str, street: str) -> None:
        """The parcel is to go to another street."""
        order = self._changing(order_id).order
        order["fulfillmentStartInstructions"][0]["shippingStep"]["shipTo"]["contactAddress"]["addressLine1"] = street

    def add_malformed(self, how: str = "price") -> str:
        """A paid order with something wrong in it: "price", "quantity", "missing" or "huge"."""
        order_id = self.purchase()
        kept = self.orders[order_id]
        order = copy.deepcopy(kept.order)
        if how == "price":
            order["lineItems"][0]["lineItemCost"] = {"value": "a lot", "currency": "EUR"}
        elif how == "quantity":
            order["lineItems"][0]["quantity"] = "one"
        elif how == "missing":
            del order["pricingSummary"]
        elif how == "huge":
            order["buyerCheckoutNotes"] = "x" * 2_000_000
        else:
            raise ValueError(f"no such damage: {how}")
        kept.raw, kept.was_ready = msgspec.json.encode(order), False
        return order_id

    def settle(self) -> None:
        """Nothing is held back here; other marketplaces' simulators have something to say now."""

    # what the seller does

    def kept(self, order_id: str) -> Kept:
        """The order, or the refusal that eBay answers."""
        found = self.orders.get(order_id)
        if found is None:
            raise Refused(400, 32100, f"Invalid order ID: {order_id}")
        return found

    def single(self, order_id: str) -> bytes:
        """The order as a read of it alone shows it: with the tax number and the cancellation requests."""
        kept = self.kept(order_id)
        if kept.raw is not None:
            return kept.raw
        order = make.aged(copy.deepcopy(kept.order), self.now())
        if kept.tax_identifier is not None:
            order["buyer"]["taxIdentifier"] = kept.tax_identifier
        return msgspec.json.encode(order)

    def in_list(self) -> list[tuple[Json, Kept]]:
        """Each order in the state that the list shows now, in no sequence that means anything."""
        now, lag = self.now(), timedelta(seconds=self.quirks.lag)
        shown = []
        for _, kept in sorted(self.orders.items(), key=lambda item: item[0][::-1]):
            lagging = now - kept.changed_at < lag
            if now - datetime.fromisoformat(kept.order["creationDate"]) >= lag:
                shown.append(((kept.before if lagging else kept.listed_as) or kept.order, kept))
        return shown

    def listed(self, order: Json, kept: Kept) -> bytes:
        """The document of such an order: without tax number and cancellation requests."""
        if kept.raw is not None:
            return kept.raw
        order = copy.deepcopy(order)
        order["cancelStatus"]["cancelRequests"] = []
        return msgspec.json.encode(make.aged(order, self.now()))

    def add_fulfillment(self, order_id: str, body: Json) -> str:
        """A parcel; answers the fulfilment's id, which is its number."""
        order = self.kept(order_id).order
        own = {item["lineItemId"]: item["quantity"] for item in order["lineItems"]}
        lines, number, carrier = body.get("lineItems"), body.get("trackingNumber"), body.get("shippingCarrierCode")
        there = self.fulfillments.setdefault(order_id, [])
        if not lines or any(line.get("lineItemId") not in own for line in lines):
            raise Refused(400, 32200, "Invalid line item id")
        if bool(number) != bool(carrier) or (number and not (number.isascii() and number.isalnum())):
            raise Refused(400, 32300, "Invalid shipment tracking number or carrier")
        if any(one["shipmentTrackingNumber"] == number for one in there):
            raise Refused(409, 34500, "Please use PUT operation for updating shipping fulfillment")
        if len(there) >= MOST_NUMBERS:
            raise Refused(400, 34100, "Maximum tracking number for order is exceeded")
        now = stamp(self.now())
        there.append(
            {
                "fulfillmentId": number,
                "shipmentTrackingNumber": number,
                "shippingCarrierCode": carrier,
                "shippedDate": body.get("shippedDate", now),
                "lineItems": [
                    {"lineItemId": line["lineItemId"], "quantity": line.get("quantity", 1)} for line in lines
                ],
            }
        )
        self._changing(order_id).order["orderFulfillmentStatus"] = "FULFILLED"
        return str(number)

    # what a test asks

    def summary(self) -> Json:
        """What a shop must have exactly once (ready now), may have (was ready once), and must not have; pieces sold."""
        must = [order_id for order_id, kept in self.orders.items() if _must(kept)]
        may = [order_id for order_id, kept in self.orders.items() if kept.was_ready and not _must(kept)]
        rest = [order_id for order_id in (*self.orders, *self.combined) if order_id not in {*must, *may}]
        sold: Counter[str] = Counter()
        for order_id in must:
            for item in self.orders[order_id].order["lineItems"]:
                sold[item["sku"]] += item["quantity"]
        return {
            "forms": dict(Counter(kept.order["orderPaymentStatus"] for kept in self.orders.values())),
            "merged": self.combined,
            "must": sorted(must),
            "may": sorted(may),
            "must_not": sorted(rest),
            "sold": dict(sorted(sold.items())),
            "shipments": {
                order_id: [one["shipmentTrackingNumber"] for one in found]
                for order_id, found in self.fulfillments.items()
            },
        }

    def _new_id(self) -> str:
        while True:
            number = make.order_id(self.random)
            if number not in self.orders and number not in self.combined:
                return number

    def _add(self, order: Json) -> str:
        self.orders[order["orderId"]] = Kept(order=order, changed_at=self.now())
        return str(order["orderId"])

    def _changing(self, order_id: str) -> Kept:
        kept = self.kept(order_id)
        kept.before, kept.listed_as = copy.deepcopy(kept.order), None
        kept.changed_at = self.now()
        kept.order["lastModifiedDate"] = stamp(self.now())
        return kept

    def _happens(self, rate: float) -> bool:
        return rate > 0 and self.random.random() < rate


def _must(kept: Kept) -> bool:
    return kept.was_ready and kept.order["cancelStatus"]["cancelState"] == "NONE_REQUESTED"
