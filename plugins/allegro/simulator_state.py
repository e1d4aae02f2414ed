"""The simulated Allegro's memory: offers, checkout forms with their life, the event journal, shipments.

A form's address and invoice data are drawn when the buyer fills the form, and shown only once it is ready, as at the
real Allegro (github.com/allegro/allegro-api issue 2608). Quirks spoil the journal and the reads, drawn from the seed.
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
from plugins.allegro import simulator_form as make
from plugins.allegro.cursor import stamp
from plugins.allegro.simulator_form import Json, Offer

SELLER_STATUSES: Final = frozenset(
    {"NEW", "PROCESSING", "READY_FOR_SHIPMENT", "READY_FOR_PICKUP", "SENT", "PICKED_UP", "CANCELLED", "SUSPENDED"}
)
CLOSES_ADDRESS: Final = frozenset({"PROCESSING", "READY_FOR_SHIPMENT", "SENT"})


STEERED: Final = frozenset(
    {
        *("buy", "fill", "ready", "purchase", "cancel", "merge", "change_address"),
        *("add_malformed", "forget_events", "settle"),
    }
)
"""What of a `Market` may be asked from outside."""


class Quirks(Struct, kw_only=True):
    """How often, from 0 to 1, the journal does what the real one was seen to do; `lag` is in seconds."""

    repeated: float = 0.0  # an event comes twice, with ids of its own
    missing: float = 0.0  # an event never comes: only the sweep finds the change
    unordered: float = 0.0  # an event comes after the one that followed it
    ready_again: float = 0.0  # READY_FOR_PROCESSING comes a second time, with nothing changed
    filled_after_ready: float = 0.0  # FILLED_IN comes after READY_FOR_PROCESSING
    lag: float = 0.0  # so long after a change reads still show the state before it


def spoiled(rate: float) -> Quirks:
    """Every quirk at the same rate; reads do not lag."""
    return Quirks(repeated=rate, missing=rate, unordered=rate, ready_again=rate, filled_after_ready=rate)


class Kept(Struct):
    """A form and what isn't shown of it: the address before it is ready, the state before the last change."""

    form: Json
    address: Json | None = None
    invoice_address: Json | None = None
    was_ready: bool = False
    before: Json | None = None
    changed_at: datetime = datetime.min.replace(tzinfo=UTC)
    raw: bytes | None = None
    status_changes: int = 0


class Refused(Refusal):
    """What Allegro says no to: HTTP status, error code, message."""

    def __init__(self, status: int, code: str, message: str, path: str | None = None) -> None:
        super().__init__(status, message, make.refusal(code, message, path=path))


class Market:
    """One seller's side of Allegro."""

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
        self.forms: dict[str, Kept] = {}
        self.merged: dict[str, str] = {}  # old form -> the one that took its lines
        self.shipments: dict[str, list[Json]] = {}
        self.events: list[Json] = []
        self.oldest_event = 0  # the journal refuses to begin before it
        self.status_cap = 100
        self.auto_sent = False  # the seller's setting: a tracking number sets SENT
        self._held: tuple[str, Json, datetime] | None = None

    # what buyers do

    def buy(
        self,
        skus: Mapping[str, int] | None = None,
        *,
        login: str | None = None,
        provider: str = "SELLER",
        site: str = "allegro-pl",
    ) -> str:
        """A purchase of so many pieces of each SKU (one random piece by default); answers the form's id."""
        wanted = dict(skus or {self.random.choice(sorted(self.offers)): 1})
        now, items = self.now(), []
        for sku, quantity in wanted.items():
            offer = self.offers[sku]
            offer.stock -= quantity
            items.append(make.line_item(make.new_id(self.random), offer, quantity, now))
        form_id = make.new_id(self.random)
        buyer = make.a_buyer(self.random, login)
        self._add(make.bought(form_id, buyer, items, provider=provider, site=site))
        self._tell("BOUGHT", form_id)
        return form_id

    def fill(
        self,
        form_id: str,
        *,
        method: str = "courier",
        invoice: str | None = None,
        comment: str | None = None,
        service: bool = False,
        deposit: bool = False,
    ) -> None:
        """The buyer fills the delivery form; `invoice` is "company" or "person"."""
        kept = self._changing(form_id)
        form, chosen = kept.form, make.METHODS[method]
        kept.address = make.an_address(self.random, form["buyer"])
        form["status"] = "FILLED_IN"
        form["messageToSeller"] = comment
        form["delivery"] = {
            "address": None,
            "method": {"id": chosen.id, "name": chosen.name},
            "pickupPoint": make.a_point(self.random) if chosen.point else None,
            "cost": make.money(chosen.cost),
            "time": None,
            "smart": chosen.cost == 0,
            "calculatedNumberOfPackages": 1,
            "cancellation": None,
        }
        if service:
            fee = make.money(Decimal("15.00"))
            chosen_service = {"definitionId": "GIFT_WRAP", "name": "Pakowanie na prezent", "price": fee, "quantity": 1}
            form["lineItems"][0]["selectedAdditionalServices"] = [chosen_service]
        if deposit:
            fee = make.money(Decimal("0.50"))
            form["lineItems"][0]["deposit"] = {"id": make.new_id(self.random), "name": "Kaucja", "price": fee}
        if invoice is not None:
            form["invoice"]["required"] = True
            company = invoice == "company"
            kept.invoice_address = make.an_invoice_address(self.random, form["buyer"], company=company)
        kind = "CASH_ON_DELIVERY" if chosen.policy == "CASH_ON_DELIVERY" else "ONLINE"
        form["payment"] = {
            "id": make.new_id(self.random),
            "type": kind,
            "provider": "P24" if kind == "ONLINE" else None,
            "finishedAt": None,
            "paidAmount": None,
            "reconciliation": None,
            "features": [],
        }
        make.with_total(form)
        self._tell("FILLED_IN", form_id)

    def ready(self, form_id: str) -> None:
        """The payment has come, or none is needed: the form is complete and shows the address."""
        kept = self._changing(form_id)
        if kept.form["delivery"] is None:
            raise ValueError("a form must be filled before it is ready")
        form, now = kept.form, stamp(self.now())
        form["status"] = "READY_FOR_PROCESSING"
        form["delivery"]["address"] = kept.address
        form["delivery"]["time"] = {"from": now, "to": now, "guaranteed": None, "dispatch": {"from": now, "to": now}}
        form["invoice"]["address"] = kept.invoice_address
        if form["payment"]["type"] == "ONLINE":
            form["payment"]["finishedAt"] = now
            form["payment"]["paidAmount"] = dict(form["summary"]["totalToPay"])
        kept.was_ready = True
        self._tell("READY_FOR_PROCESSING", form_id)
        if self._happens(self.quirks.ready_again):
            self._tell("READY_FOR_PROCESSING", form_id)
        if self._happens(self.quirks.filled_after_ready):
            self._tell("FILLED_IN", form_id)

    def purchase(self, **details: Any) -> str:
        """A purchase of one piece, filled (`details` as `fill` takes them) and ready, all at once."""
        form_id = self.buy()
        self.fill(form_id, **details)
        self.ready(form_id)
        return form_id

    def cancel(self, form_id: str, *, by: str = "BUYER_CANCELLED") -> None:
        """The buyer or Allegro (AUTO_CANCELLED) cancels; what was bought is for sale again."""
        kept = self._changing(form_id)
        kept.form["status"] = "CANCELLED"
        for item in kept.form["lineItems"]:
            self.offers[item["offer"]["external"]["id"]].stock += item["quantity"]
        self._tell(by, form_id)

    def merge(self, form_ids: Sequence[str]) -> str:
        """The buyer pays several purchases together: a new form takes their lines, the old ones vanish silently."""
        kept = [self.forms.pop(form_id) for form_id in form_ids]
        first = kept[0].form
        items = [item for one in kept for item in one.form["lineItems"]]
        form_id = make.new_id(self.random)
        provider, site = first["fulfillment"]["provider"]["id"], first["marketplace"]["id"]
        self._add(make.bought(form_id, first["buyer"], items, provider=provider, site=site))
        self.merged |= dict.fromkeys(form_ids, form_id)
        self._tell("BOUGHT", form_id)
        return form_id

    def change_address(self, form_id: str, street: str) -> None:
        """The buyer moves the parcel elsewhere, which he may until the seller has begun to work."""
        kept = self.kept(form_id)
        begun = kept.form["fulfillment"]["status"] in CLOSES_ADDRESS or self.shipments.get(form_id)
        if not kept.was_ready or begun:
            raise Refused(422, "AddressCannotBeChanged", "The address can't be changed any more")
        self._changing(form_id)
        kept.form["delivery"]["address"] |= {"street": street, "modifiedAt": stamp(self.now())}
        self._tell("BUYER_MODIFIED", form_id)

    def add_malformed(self, how: str = "status") -> str:
        """A form that is ready, with something wrong in it: "status", "price", "quantity", "missing" or "huge"."""
        form_id = self.buy()
        self.fill(form_id)
        kept = self._changing(form_id)
        form = kept.form
        form["status"] = "READY_FOR_PROCESSING"
        form["delivery"]["address"] = kept.address
        if how == "status":
            form["status"] = "SOMETHING_NEW"
        elif how == "price":
            form["lineItems"][0]["price"] = {"amount": "a lot", "currency": "PLN"}
        elif how == "quantity":
            form["lineItems"][0]["quantity"] = "one"
        elif how == "missing":
            del form["summary"]
        elif how == "huge":
            form["messageToSeller"] = "x" * 2_000_000
        else:
            raise ValueError(f"no such damage: {how}")
        kept.raw = msgspec.json.encode(form)
        self._tell("READY_FOR_PROCESSING", form_id)
        return form_id

    # what the seller does

    def kept(self, form_id: str) -> Kept:
        """The form, or the refusal that Allegro answers."""
        found = self.forms.get(form_id)
        if found is None:
            raise Refused(404, "CheckoutFormNotFoundException", f"Checkout form {form_id} not found")
        return found

    def shown(self, form_id: str) -> bytes:
        """The form as a read shows it now, which may be its state before the last change."""
        kept = self.kept(form_id)
        lagging = self.now() - kept.changed_at < timedelta(seconds=self.quirks.lag)
        if not lagging:
            return kept.raw or msgspec.json.encode(kept.form)
        if kept.before is None:
            raise Refused(404, "CheckoutFormNotFoundException", f"Checkout form {form_id} not found")
        return msgspec.json.encode(kept.before)

    def set_fulfillment(self, form_id: str, status: object, revision: str | None) -> None:
        """The seller's status; does not move `updatedAt` (issue 9873)."""
        kept = self.kept(form_id)
        if status not in SELLER_STATUSES:
            raise Refused(422, "VALIDATION_ERROR", "Unrecognized status value", "status")
        if revision is not None and revision != kept.form["revision"]:
            raise Refused(409, "CheckoutFormRevisionConflictException", "Provided revision is outdated")
        if kept.status_changes >= self.status_cap:
            raise Refused(422, "SellerOrdersStoreUnprocessableEntityException", "Too many operations")
        self._changing(form_id, moves=False)
        kept.status_changes += 1
        kept.form["fulfillment"]["status"] = status
        self._tell("FULFILLMENT_STATUS_CHANGED", form_id)

    def add_shipment(self, form_id: str, shipment: Json) -> None:
        """A tracking number; the same one twice is there twice."""
        kept = self.kept(form_id)
        self.shipments.setdefault(form_id, []).append(shipment)
        covered = {line["id"] for one in self.shipments[form_id] for line in one["lineItems"]}
        everything = all(item["id"] in covered for item in kept.form["lineItems"])
        kept.form["fulfillment"]["shipmentSummary"]["lineItemsSent"] = "ALL" if everything else "SOME"
        if self.auto_sent and kept.form["fulfillment"]["status"] != "SENT":
            self.set_fulfillment(form_id, "SENT", None)

    # the journal

    def events_after(self, event_id: str | None, limit: int) -> list[Json]:
        """The journal after an event, oldest first."""
        if event_id is not None and (not event_id.isdigit() or int(event_id) < self.oldest_event):
            raise Refused(422, "InvalidEventId", "Event with given id does not exist", "from")
        after = int(event_id) if event_id is not None else 0
        return [event for event in self.events if int(event["id"]) > after][:limit]

    def forget_events(self) -> None:
        """The journal loses all that it has, and refuses to begin from any of it."""
        self.oldest_event = int(self.events[-1]["id"]) + 1 if self.events else 0
        self.events.clear()

    def settle(self) -> None:
        """Tells the event that was held back, if any."""
        if self._held is not None:
            held, self._held = self._held, None
            self._publish(*held)

    def _tell(self, kind: str, form_id: str) -> None:
        if self._happens(self.quirks.missing):
            return
        form = copy.deepcopy(self.forms[form_id].form)
        if self._held is None and self._happens(self.quirks.unordered):
            self._held = kind, form, self.now()
            return
        self._publish(kind, form, self.now())
        self.settle()
        if self._happens(self.quirks.repeated):
            self._publish(kind, form, self.now())

    def _publish(self, kind: str, form: Json, at: datetime) -> None:
        newest = int(self.events[-1]["id"]) if self.events else 0
        number = max(newest + 1, self.oldest_event, round(self.now().timestamp() * 1_000_000))
        self.events.append(make.event(number, kind, form, at))

    # what a test asks

    def summary(self) -> Json:
        """What a shop must have exactly once (ready now), may have (was ready once), and must not have; pieces sold."""
        must = [form_id for form_id, kept in self.forms.items() if _must(kept)]
        may = [form_id for form_id, kept in self.forms.items() if kept.was_ready and not _must(kept)]
        rest = [form_id for form_id in (*self.forms, *self.merged) if form_id not in {*must, *may}]
        sold: Counter[str] = Counter()
        for form_id in must:
            for item in self.forms[form_id].form["lineItems"]:
                sold[item["offer"]["external"]["id"]] += item["quantity"]
        return {
            "forms": dict(Counter(kept.form["status"] for kept in self.forms.values())),
            "merged": self.merged,
            "must": sorted(must),
            "may": sorted(may),
            "must_not": sorted(rest),
            "sold": dict(sorted(sold.items())),
            "events": len(self.events),
            "shipments": {form_id: [one["waybill"] for one in found] for form_id, found in self.shipments.items()},
            "fulfillment": {form_id: kept.form["fulfillment"]["status"] for form_id, kept in self.forms.items()},
        }

    def _add(self, form: Json) -> None:
        form |= {"updatedAt": stamp(self.now()), "revision": make.new_revision(self.random)}
        self.forms[form["id"]] = Kept(form=form, changed_at=self.now())

    def _changing(self, form_id: str, *, moves: bool = True) -> Kept:
        kept = self.kept(form_id)
        kept.before = copy.deepcopy(kept.form)
        kept.changed_at = self.now()
        kept.form["revision"] = make.new_revision(self.random)
        if moves:
            kept.form["updatedAt"] = stamp(self.now())
        return kept

    def _happens(self, rate: float) -> bool:
        return rate > 0 and self.random.random() < rate


def _must(kept: Kept) -> bool:
    ready = kept.was_ready and kept.form["status"] == "READY_FOR_PROCESSING"
    return ready and bool(kept.form["fulfillment"]["provider"]["id"] == "SELLER")
