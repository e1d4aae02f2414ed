"""What a simulated Medusa shop holds, in the shape of the API: orders and drafts, variants, reservations."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct

Json = dict[str, Any]

LOCATION = "sloc_SHELF"


class MedusaError(Exception):
    """An error answer."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind


class SimVariant(Struct):
    """A variant; `stocked` is what lies there, reserved or not."""

    id: str
    inventory_item: str
    sku: str
    ean: str | None
    name: str
    stocked: int
    barcode: str | None = None
    manage_inventory: bool = True


class SimShop:
    """Orders, variants, reservations.

    `percent` is the tax that the region adds, and `inclusive` whether prices of variants include it already, as
    Medusa's price preferences say; prices of other lines and of the delivery never do. `reserves` is False for a
    version whose drafts become orders without taking any stock.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._serial = 0
        self.percent = Decimal(0)
        self.inclusive = False
        self.reserves = True
        self.variants: dict[str, SimVariant] = {}
        self.orders: dict[str, Json] = {}
        self.reservations: dict[str, Json] = {}

    def next_id(self, kind: str) -> str:
        """A new id; they sort by age."""
        self._serial += 1
        return f"{kind}_{self._serial:010}"

    def now(self) -> str:
        """The present moment as the API writes it."""
        return self._now().isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def add_variant(
        self, sku: str, stock: int = 100, *, ean: str | None = None, name: str | None = None, managed: bool = True
    ) -> SimVariant:
        """A product with this one variant."""
        variant = SimVariant(self.next_id("variant"), self.next_id("iitem"), sku, ean, name or sku, stock)
        variant.manage_inventory = managed
        self.variants[variant.id] = variant
        return variant

    def by_sku(self, sku: str) -> SimVariant:
        """The variant with this SKU."""
        return next(variant for variant in self.variants.values() if variant.sku == sku)

    def variant_of(self, inventory_item: str) -> SimVariant:
        """The variant that takes from this inventory item."""
        return next(variant for variant in self.variants.values() if variant.inventory_item == inventory_item)

    def available(self, variant: SimVariant) -> int:
        """What is there and not reserved."""
        held = [int(one["quantity"]) for one in self.reservations.values() if one["variant"] == variant.id]
        return variant.stocked - sum(held)

    def shown_variant(self, variant: SimVariant) -> Json:
        """As the API shows it."""
        return {
            "id": variant.id,
            "title": variant.name,
            "product_id": f"prod_{variant.id}",
            "product": {"title": ""},
            "sku": variant.sku,
            "ean": variant.ean,
            "barcode": variant.barcode,
            "manage_inventory": variant.manage_inventory,
            "inventory_quantity": self.available(variant),
            "inventory_items": [{"inventory_item_id": variant.inventory_item, "required_quantity": 1}],
        }

    # --- drafts and orders

    def make_draft(self, body: Json) -> Json:
        """A draft; it takes no stock, but must find enough."""
        items = [self._item(item) for item in body["items"]]
        for item in items:
            variant = self.variants.get(item["variant_id"] or "")
            if variant is not None and variant.manage_inventory and self.available(variant) < item["quantity"]:
                raise MedusaError(400, "not_allowed", "Some variant does not have the required inventory")
        moment = self.now()
        draft: Json = {
            "id": self.next_id("order"),
            "display_id": len(self.orders) + 1,
            "status": "draft",
            "currency_code": body["currency_code"],
            "email": body.get("email"),
            "customer_id": None,
            "metadata": dict(body["metadata"]),
            "created_at": moment,
            "updated_at": moment,
            "items": items,
            "shipping_methods": [self._method(method) for method in body["shipping_methods"]],
            "shipping_address": body.get("shipping_address"),
            "billing_address": body.get("billing_address"),
            "fulfillments": [],
            "payment_collections": [],
            "_quiet": body.get("no_notification_order"),
        }
        self.orders[draft["id"]] = draft
        return draft

    def _item(self, body: Json) -> Json:
        variant = self.variants.get(body.get("variant_id") or "")
        if body.get("variant_id") and variant is None:
            raise MedusaError(400, "invalid_data", "Items do not exist or are not published")
        return {
            "id": self.next_id("ordli"),
            "title": body.get("title") or (variant.name if variant else ""),
            "quantity": body["quantity"],
            "unit_price": Decimal(body["unit_price"]),
            "variant_id": variant.id if variant else None,
            "variant_sku": variant.sku if variant else body.get("variant_sku"),
            "is_tax_inclusive": variant is not None and self.inclusive,
            "requires_shipping": variant is not None,
            "metadata": body.get("metadata", {}),
            "tax_lines": self._tax_lines(),
            "detail": {"fulfilled_quantity": 0},
        }

    def _method(self, body: Json) -> Json:
        return {**body, "amount": Decimal(body["amount"]), "is_tax_inclusive": False, "tax_lines": self._tax_lines()}

    def _tax_lines(self) -> list[Json]:
        return [{"rate": float(self.percent)}] if self.percent else []

    def total(self, order: Json) -> Decimal:
        """What the buyer pays, with all the decimals that it comes to."""
        if order["status"] == "canceled":
            return Decimal(0)
        goods = sum((item["unit_price"] * item["quantity"] * self._factor(item) for item in order["items"]), Decimal(0))
        return goods + sum((one["amount"] * self._factor(one) for one in order["shipping_methods"]), Decimal(0))

    def _factor(self, line: Json) -> Decimal:
        return Decimal(1) if line["is_tax_inclusive"] else 1 + self.percent / 100

    def shown(self, order: Json) -> Json:
        """As the API shows it."""
        shown = {key: value for key, value in order.items() if not key.startswith("_")}
        shown["total"] = float(self.total(order))
        delivery = sum((one["amount"] * self._factor(one) for one in order["shipping_methods"]), Decimal(0))
        shown["shipping_total"] = float(delivery)
        shown["items"] = [
            {
                **item,
                "unit_price": float(item["unit_price"]),
                "total": float(item["unit_price"] * item["quantity"] * self._factor(item)),
            }
            for item in order["items"]
        ]
        shown["shipping_methods"] = [{**one, "amount": float(one["amount"])} for one in order["shipping_methods"]]
        captured = sum(payment["captured_amount"] or 0 for payment in order["payment_collections"])
        shown["payment_status"] = "captured" if captured and captured >= shown["total"] else "not_paid"
        sent = [one for one in order["fulfillments"] if not one["canceled_at"]]
        packed = "fulfilled" if sent else "not_fulfilled"
        shown["fulfillment_status"] = "shipped" if sent and all(one["shipped_at"] for one in sent) else packed
        return shown

    def order(self, order_id: str) -> Json:
        """An order or a draft."""
        if order_id not in self.orders:
            raise MedusaError(404, "not_found", f"Order id not found: {order_id}")
        return self.orders[order_id]

    def draft(self, order_id: str) -> Json:
        """A draft."""
        order = self.order(order_id)
        if order["status"] != "draft":
            raise MedusaError(400, "invalid_data", f"Order {order_id} is not a draft order")
        return order

    def convert(self, order_id: str) -> Json:
        """Makes an order of a draft, and reserves its stock."""
        order = self.draft(order_id)
        if self.reserves:
            for item in order["items"]:
                variant = self.variants.get(item["variant_id"] or "")
                if variant is not None and variant.manage_inventory:
                    self.reserve(item["id"], variant.inventory_item, item["quantity"])
        order["status"] = "pending"
        self.touch(order)
        return order

    def reserve(self, line_item: str, inventory_item: str, quantity: int) -> None:
        """Holds stock for a line."""
        variant = self.variant_of(inventory_item)
        if self.available(variant) < quantity:
            raise MedusaError(400, "not_allowed", f"Not enough stock available for item {inventory_item}")
        self.reservations[self.next_id("resitem")] = {
            "line_item_id": line_item,
            "location_id": LOCATION,
            "quantity": quantity,
            "variant": variant.id,
        }

    def touch(self, order: Json) -> None:
        """Notes a change of the order itself; payments change it not, as in Medusa."""
        order["updated_at"] = self.now()

    def ask_payment(self, order_id: str, amount: float) -> Json:
        """A payment to be paid."""
        made = {"id": self.next_id("pay_col"), "status": "not_paid", "amount": amount, "captured_amount": None}
        self.order(order_id)["payment_collections"].append(made)
        return made

    def mark_paid(self, collection_id: str, order_id: str) -> Json:
        """Marks a payment as paid."""
        for payment in self.order(order_id)["payment_collections"]:
            if payment["id"] == collection_id:
                if payment["status"] != "not_paid":
                    raise MedusaError(400, "not_allowed", "Can only mark 'not_paid' payment collection as paid")
                payment |= {"status": "completed", "captured_amount": payment["amount"]}
                return dict(payment)
        raise MedusaError(404, "not_found", "PaymentCollection was not found")

    def act(self, order: Json, action: str) -> None:
        """Completes, archives or cancels."""
        if order["status"] == "canceled":
            raise MedusaError(400, "invalid_data", f"Order with id {order['id']} has been canceled.")
        if action == "cancel":
            if any(not one["canceled_at"] for one in order["fulfillments"]):
                message = "All fulfillments must be canceled before canceling an order"
                raise MedusaError(400, "not_allowed", message)
            self._free(order, {item["id"] for item in order["items"]})
        order["status"] = {"cancel": "canceled", "complete": "completed", "archive": "archived"}[action]
        self.touch(order)

    def _free(self, order: Json, items: set[str], *, taken: bool = False) -> None:
        for key, held in list(self.reservations.items()):
            if held["line_item_id"] in items:
                if taken:
                    self.variants[held["variant"]].stocked -= held["quantity"]
                del self.reservations[key]
        self.touch(order)

    def fulfil(self, order: Json, body: Json) -> None:
        """Packs lines: what was reserved is taken from the stock."""
        items = {item["id"]: item for item in order["items"]}
        wanted = {entry["id"]: entry["quantity"] for entry in body["items"]}
        if len({items[item]["requires_shipping"] for item in wanted}) > 1:
            message = "Fulfillment can only be created entirely with items with shipping or items without shipping"
            raise MedusaError(400, "invalid_data", message)
        held = {one["line_item_id"] for one in self.reservations.values()}
        for item, quantity in wanted.items():
            variant = self.variants.get(items[item]["variant_id"] or "")
            if variant is not None and variant.manage_inventory and item not in held:
                raise MedusaError(400, "invalid_data", f"No stock reservation found for item {item}")
            items[item]["detail"]["fulfilled_quantity"] += quantity
        self._free(order, set(wanted), taken=True)
        packed = [{"line_item_id": item, "quantity": quantity} for item, quantity in wanted.items()]
        order["fulfillments"].append(
            {"id": self.next_id("ful"), "canceled_at": None, "shipped_at": None, "labels": [], "items": packed}
        )

    def ship(self, order: Json, fulfillment_id: str, body: Json) -> None:
        """Hands a fulfilment to its carrier, once."""
        fulfillment = next(one for one in order["fulfillments"] if one["id"] == fulfillment_id)
        if fulfillment["shipped_at"]:
            raise MedusaError(400, "not_allowed", "Shipment has already been created")
        fulfillment["shipped_at"] = self.now()
        fulfillment["labels"] = [dict(label) for label in body.get("labels", [])]
        fulfillment["_metadata"] = body.get("metadata")
        self.touch(order)
