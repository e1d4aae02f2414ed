"""The simulated Etsy's memory: offers, receipts with their life, parcels and the mails about them.

It misbehaves as the real one does: cancelled receipts are in no list that does not ask for them, refunds move no time,
spelling varies, and an unknown carrier loses the tracking number.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import Struct

from orderferry.testing.marketplace import Refusal
from plugins.etsy import simulator_form as make
from plugins.etsy.simulator_form import Json, Offer

STEERED: Final = frozenset({"buy", "pay", "purchase", "cancel", "refund", "change_address", "add_malformed", "settle"})
"""What of a `Market` may be asked from outside."""


class Kept(Struct):
    """A receipt, and what it once was."""

    receipt: Json
    was_ready: bool = False
    raw: bytes | None = None


class Refused(Refusal):
    """What Etsy says no to: HTTP status and message."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(status, error, {"error": error})


class Market:
    """One seller's shop at Etsy; `mails` counts what buyers were told of each receipt's parcels."""

    def __init__(
        self, chance: random.Random, now: Callable[[], datetime], *, offers: Iterable[Offer] | None = None
    ) -> None:
        self.random = chance
        self.now = now
        self.offers = make.offer_catalogue(make.default_offers() if offers is None else offers)
        self.receipts: dict[str, Kept] = {}
        self.mails: Counter[str] = Counter()
        self._numbers = 3_000_000_000

    # what buyers do

    def buy(
        self,
        skus: Mapping[str, int] | None = None,
        *,
        message: str | None = None,
        gift: str | None = None,
        variation: str | None = None,
        **amounts: str,
    ) -> str:
        """A checkout of so many pieces of each SKU (one random piece by default); answers the receipt's number."""
        wanted = dict(skus or {self.random.choice(sorted(self.offers)): 1})
        receipt_id, lines = self._number(), []
        for sku, quantity in wanted.items():
            self.offers[sku].stock -= quantity
            lines.append(make.transaction(self._number(), receipt_id, self.offers[sku], quantity, self.now()))
        if variation:
            chosen = {"property_id": 513, "value_id": None, "formatted_name": "Engraving", "formatted_value": variation}
            lines[0]["variations"] = [chosen]
        receipt = make.receipt(receipt_id, lines, self.random, self.now())
        receipt["message_from_buyer"] = message
        if gift is not None:
            receipt |= {"is_gift": True, "gift_message": gift, "gift_sender": "Anna"}
        make.with_total(receipt, **amounts)
        self.receipts[str(receipt_id)] = Kept(receipt=receipt)
        return str(receipt_id)

    def pay(self, receipt_id: str) -> None:
        """The payment has come in."""
        kept = self._changing(receipt_id)
        kept.receipt |= {"is_paid": True, "status": self.random.choice(("Paid", "paid"))}
        for line in kept.receipt["transactions"]:
            line["paid_timestamp"] = make.second(self.now())
        kept.was_ready = True

    def purchase(self, skus: Mapping[str, int] | None = None, **details: Any) -> str:
        """Buys (`details` as there) and pays, all at once."""
        receipt_id = self.buy(skus, **details)
        self.pay(receipt_id)
        return receipt_id

    def cancel(self, receipt_id: str) -> None:
        """The order is called off; what was bought is for sale again."""
        receipt = self._changing(receipt_id).receipt
        receipt["status"] = "Canceled"
        for line in receipt["transactions"]:
            self.offers[line["sku"]].stock += line["quantity"]

    def refund(self, receipt_id: str, amount: str | None = None) -> None:
        """The seller pays back a part, or all; no time of the receipt moves."""
        receipt = self.kept(receipt_id).receipt
        whole = receipt["grandtotal"] if amount is None else make.money(Decimal(amount))
        receipt["status"] = "Fully Refunded" if amount is None else "Partially Refunded"
        refund = {"amount": whole, "created_timestamp": make.second(self.now()), "reason": None, "status": "success"}
        receipt["refunds"].append({**refund, "note_from_issuer": None})

    def change_address(self, receipt_id: str, street: str) -> None:
        """The parcel is to go to another street."""
        self._changing(receipt_id).receipt["first_line"] = street

    def add_malformed(self, how: str = "price") -> str:
        """A paid receipt with something wrong in it: "price", "quantity", "status", "missing" or "huge"."""
        receipt_id = self.purchase()
        kept = self.receipts[receipt_id]
        kinds: dict[str, Json] = {
            "price": {"grandtotal": {"amount": "much", "divisor": 100, "currency_code": "PLN"}},
            "quantity": {"transactions": [{**kept.receipt["transactions"][0], "quantity": "one"}]},
            "status": {"status": "somewhere"},
            "missing": {"transactions": None},
            "huge": {"message_from_buyer": "x" * 2_000_000},
        }
        kept.raw, kept.was_ready = msgspec.json.encode(kept.receipt | kinds[how]), False
        return receipt_id

    def settle(self) -> None:
        """Nothing is held back here; other marketplaces' simulators have something to say now."""

    # what the seller does

    def kept(self, receipt_id: str) -> Kept:
        """The receipt, or the refusal that Etsy answers."""
        found = self.receipts.get(receipt_id)
        if found is None:
            raise Refused(404, f"Could not find a Shop Receipt with receipt_id = {receipt_id}")
        return found

    def shown(self, kept: Kept) -> bytes:
        """The receipt's document."""
        return kept.raw or msgspec.json.encode(kept.receipt)

    def add_tracking(self, receipt_id: str, number: str, carrier: str) -> bytes:
        """A parcel, of which the buyer gets a mail; the same one twice is there twice."""
        kept = self._changing(receipt_id)
        if bool(number) != bool(carrier):
            raise Refused(400, "A carrier name and a tracking number are required")
        known = carrier in make.CARRIERS or carrier == "other"
        parcel = {
            "receipt_shipping_id": self._number(),
            "shipment_notification_timestamp": make.second(self.now()),
            "carrier_name": carrier if known else "",
            "tracking_code": number if known else "",
        }
        kept.receipt["shipments"].append(parcel)
        kept.receipt |= {"is_shipped": True, "status": "Completed"}
        self.mails[receipt_id] += 1
        return self.shown(kept)

    def parcels(self, receipt_id: str) -> list[str]:
        """The receipt's tracking numbers."""
        return [one["tracking_code"] for one in self.kept(receipt_id).receipt["shipments"]]

    # what a test asks

    def summary(self) -> Json:
        """What a shop must have exactly once (ready now), may have (was ready once), and must not have; pieces sold."""
        must = [number for number, kept in self.receipts.items() if _must(kept)]
        may = [number for number, kept in self.receipts.items() if kept.was_ready and not _must(kept)]
        sold: Counter[str] = Counter()
        for number in must:
            for line in self.receipts[number].receipt["transactions"]:
                sold[line["sku"]] += line["quantity"]
        return {
            "forms": dict(Counter(kept.receipt["status"].casefold() for kept in self.receipts.values())),
            "merged": {},
            "must": sorted(must),
            "may": sorted(may),
            "must_not": sorted(number for number in self.receipts if number not in {*must, *may}),
            "sold": dict(sorted(sold.items())),
            "shipments": {number: self.parcels(number) for number in self.receipts if self.parcels(number)},
            "mails": dict(self.mails),
        }

    def _number(self) -> int:
        self._numbers += self.random.randrange(1, 1000)
        return self._numbers

    def _changing(self, receipt_id: str) -> Kept:
        kept = self.kept(receipt_id)
        kept.receipt |= dict.fromkeys(("update_timestamp", "updated_timestamp"), make.second(self.now()))
        return kept


def _must(kept: Kept) -> bool:
    gone = kept.receipt["status"].casefold() in {"canceled", "fully refunded"}
    return kept.was_ready and (not gone or (kept.receipt["is_shipped"] and kept.receipt["status"] != "Canceled"))
