"""What the simulated shop holds: products with stock, orders in the API's own shape, notes; and how they change.

Stock and payment dates move as recorded on WooCommerce 9.9.5 (recordings 10 and 16).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from plugins.shops.woocommerce.simulator_taxes import SimTaxes, calculate, micro, plain, shown, up

LOWERS = frozenset({"processing", "on-hold", "completed"})
RETURNS = frozenset({"cancelled", "pending"})
TAKES_PAYMENT = frozenset({"pending", "failed"})
CORE = ["pending", "processing", "on-hold", "completed", "cancelled", "refunded", "failed", "checkout-draft"]
LOCAL = timedelta(hours=1)  # the shop's clock on the wall
ADDRESS = ("first_name", "last_name", "company", "address_1", "address_2", "city", "state", "postcode", "country")


class SimProduct(Struct, kw_only=True):
    """A product, or a variation where `parent_id` is set; `option` is a variation's attribute."""

    id: int
    name: str
    sku: str
    ean: str = ""
    price: str = "0"
    stock: int = 0
    manage_stock: bool | str = True
    type: str = "simple"
    parent_id: int = 0
    parent_name: str | None = None
    option: tuple[str, str, str] | None = None
    tax_class: str = ""
    tax_status: str = "taxable"


class SimShop:
    """The shop's data. `orders` are in the order of their ids; amounts to calculate with hide under keys with `_`."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.taxes = SimTaxes()
        self.statuses = {slug: slug.replace("-", " ").capitalize() for slug in CORE}
        self.products: dict[int, SimProduct] = {}
        self.skus: dict[str, list[int]] = defaultdict(list)
        self.eans: dict[str, list[int]] = defaultdict(list)
        self.orders: dict[int, dict[str, Any]] = {}
        self.created_via: dict[str, list[int]] = defaultdict(list)
        self.changed: dict[int, None] = {}  # the newest change last
        self.notes: dict[int, list[dict[str, Any]]] = defaultdict(list)
        self.shipments: dict[int, list[dict[str, Any]]] = defaultdict(list)
        self._next = 9

    def next_id(self) -> int:
        """Orders, products and all else share one row of ids, as in WordPress."""
        self._next += 1
        return self._next

    def add_product(self, sku: str, stock: int = 100, **more: Any) -> SimProduct:
        """Adds a simple product; `more` are fields of `SimProduct`."""
        product = SimProduct(id=self.next_id(), sku=sku, stock=stock, **({"name": f"Product {sku}"} | more))
        self.products[product.id] = product
        if sku:
            self.skus[sku.casefold()].append(product.id)
        if product.ean:
            self.eans[product.ean].append(product.id)
        return product

    def add_variation(self, parent: SimProduct, sku: str, option: str, stock: int = 100, **more: Any) -> SimProduct:
        """Adds a variation to a product, which becomes a variable one."""
        parent.type = "variable"
        return self.add_product(
            sku,
            stock,
            type="variation",
            parent_id=parent.id,
            parent_name=parent.name,
            name=f"{parent.name} - {option}",
            option=("rozmiar", "Rozmiar", option),
            **more,
        )

    def remove_product(self, product_id: int) -> None:
        """Deletes a product; orders that have it keep their lines."""
        product = self.products.pop(product_id)
        self.skus[product.sku.casefold()].remove(product_id)

    def by_sku(self, sku: str) -> list[SimProduct]:
        """The products with this SKU, in whatever case it is written."""
        return [self.products[product_id] for product_id in self.skus.get(sku.strip().casefold(), ())]

    def add_order(self, body: dict[str, Any]) -> dict[str, Any]:
        """Makes an order as `POST orders` does; the body has been checked."""
        order_id = self.next_id()
        moment = self.now()
        order: dict[str, Any] = {
            "id": order_id,
            "parent_id": 0,
            "status": "pending",
            "currency": body.get("currency", "PLN"),
            "version": "9.9.5",
            "prices_include_tax": self.taxes.prices_include_tax,
            "date_created": _text(moment + LOCAL),
            "date_modified": _text(moment + LOCAL),
            "discount_total": "0.00",
            "discount_tax": "0.00",
            "shipping_total": "0.00",
            "shipping_tax": "0.00",
            "cart_tax": "0.00",
            "total": "0.00",
            "total_tax": "0.00",
            "customer_id": 0,
            "order_key": f"wc_order_{order_id:013d}",
            "billing": dict.fromkeys((*ADDRESS, "email", "phone"), "") | body.get("billing", {}),
            "shipping": dict.fromkeys((*ADDRESS, "phone"), "") | body.get("shipping", {}),
            "payment_method": body.get("payment_method", ""),
            "payment_method_title": body.get("payment_method_title", ""),
            "transaction_id": body.get("transaction_id", ""),
            "customer_ip_address": "",
            "customer_user_agent": "",
            "created_via": body.get("created_via") or "rest-api",
            "customer_note": body.get("customer_note", ""),
            "date_completed": None,
            "date_paid": None,
            "cart_hash": "",
            "number": str(order_id),
            "meta_data": [],
            "line_items": [self._line(entry) for entry in body.get("line_items", [])],
            "tax_lines": [],
            "shipping_lines": [self._shipping(entry) for entry in body.get("shipping_lines", [])],
            "fee_lines": [self._fee(entry) for entry in body.get("fee_lines", [])],
            "coupon_lines": [],
            "refunds": [],
            "payment_url": f"https://shop.example/checkout/order-pay/{order_id}/",
            "is_editable": False,
            "needs_payment": False,
            "needs_processing": True,
            "date_created_gmt": _text(moment),
            "date_modified_gmt": _text(moment),
            "date_completed_gmt": None,
            "date_paid_gmt": None,
            "currency_symbol": "zł",
        }
        self.write_meta(order["meta_data"], body.get("meta_data", []))
        self.orders[order_id] = order
        self.created_via[order["created_via"]].append(order_id)
        self.calculate(order)
        self.move(order, body.get("status", "pending"))
        if body.get("set_paid") is True:
            self.complete_payment(order)
        self.touch(order)
        return order

    def calculate(self, order: dict[str, Any]) -> None:
        """Taxes and totals anew."""
        statuses = [
            product.tax_status if (product := self.product_of(line)) else "taxable" for line in order["line_items"]
        ]
        calculate(order, statuses, self.taxes)

    def product_of(self, line: dict[str, Any]) -> SimProduct | None:
        """The product or variation of a line."""
        return self.products.get(line["variation_id"] or line["product_id"])

    def move(self, order: dict[str, Any], status: str) -> None:
        """Puts an order into a status, with its effects on stock and payment date; none when it is there already."""
        if order["status"] != status or status == "pending":
            order["status"] = status
            if status in LOWERS:
                self._take_stock(order)
            elif status in RETURNS:
                self._return_stock(order)
        bound = any(line["product_id"] for line in order["line_items"])
        if order["date_paid"] is None and (status == "completed" or (status == "processing" and bound)):
            order["date_paid"] = _text(self.now() + LOCAL)
            order["date_paid_gmt"] = _text(self.now())
        if status == "completed" and order["date_completed"] is None:
            order["date_completed"] = _text(self.now() + LOCAL)
            order["date_completed_gmt"] = _text(self.now())
        order["needs_payment"] = status in TAKES_PAYMENT and micro(order["total"]) > 0
        order["is_editable"] = status in {"pending", "on-hold", "auto-draft"}

    def complete_payment(self, order: dict[str, Any]) -> None:
        """What `set_paid` does: nothing to an order that is paid for or refunded."""
        if order["status"] not in {"processing", "completed", "refunded"}:
            self.move(order, "processing" if any(line["product_id"] for line in order["line_items"]) else "completed")

    def touch(self, order: dict[str, Any]) -> None:
        """Notes that the order was changed now."""
        order["date_modified"] = _text(self.now() + LOCAL)
        order["date_modified_gmt"] = _text(self.now())
        self.changed.pop(order["id"], None)
        self.changed[order["id"]] = None

    def trash(self, order: dict[str, Any]) -> None:
        """Puts the order into the trash, which moves no stock."""
        self.write_meta(order["meta_data"], [{"key": "_wp_trash_meta_status", "value": f"wc-{order['status']}"}])
        order["status"] = "trash"
        self.touch(order)

    def delete(self, order: dict[str, Any]) -> None:
        """Deletes the order for good."""
        del self.orders[order["id"]]
        self.changed.pop(order["id"], None)
        self.created_via[order["created_via"]].remove(order["id"])

    def write_meta(self, meta: list[dict[str, Any]], entries: Iterable[dict[str, Any]]) -> None:
        """By id or by key in place, else new; a value of null deletes (recording 18)."""
        for entry in entries:
            there = next(
                (old for old in meta if (old["id"] == entry["id"] if "id" in entry else old["key"] == entry["key"])),
                None,
            )
            if there is None:
                if entry.get("value") is not None:
                    meta.append({"id": self.next_id(), "key": entry["key"], "value": entry["value"]})
            elif entry.get("value") is None:
                meta.remove(there)
            else:
                there["value"] = entry["value"]

    def add_note(self, order_id: int, text: str, *, to_customer: bool = False) -> dict[str, Any]:
        """A note on an order."""
        note = {
            "id": self.next_id(),
            "author": "WooCommerce",
            "date_created": _text(self.now() + LOCAL),
            "date_created_gmt": _text(self.now()),
            "note": text,
            "customer_note": to_customer,
        }
        self.notes[order_id].append(note)
        return note

    def set_quantity(self, line: dict[str, Any], quantity: int) -> None:
        """Changes a line's quantity: stock that fell for it moves along, the total does not (recording 19)."""
        product = self.product_of(line)
        reduced = next((entry for entry in line["meta_data"] if entry["key"] == "_reduced_stock"), None)
        if product is not None and reduced is not None:
            self._stocked(product).stock -= quantity - int(reduced["value"])
            reduced["value"] = reduced["display_value"] = str(quantity)
        line["quantity"] = quantity

    def _take_stock(self, order: dict[str, Any]) -> None:
        for line in order["line_items"]:
            product = self.product_of(line)
            taken = any(entry["key"] == "_reduced_stock" for entry in line["meta_data"])
            if product is None or not product.manage_stock or taken:
                continue
            self._stocked(product).stock -= line["quantity"]
            line["meta_data"].append(_line_meta(self.next_id(), "_reduced_stock", str(line["quantity"])))

    def _return_stock(self, order: dict[str, Any]) -> None:
        for line in order["line_items"]:
            product = self.product_of(line)
            for entry in [entry for entry in line["meta_data"] if entry["key"] == "_reduced_stock"]:
                line["meta_data"].remove(entry)
                if product is not None:
                    self._stocked(product).stock += int(entry["value"])

    def _stocked(self, product: SimProduct) -> SimProduct:
        return self.products[product.parent_id] if product.manage_stock == "parent" else product

    def _line(self, entry: dict[str, Any]) -> dict[str, Any]:
        product = self._named(entry)
        quantity = int(entry.get("quantity", 1))
        net = micro(entry["total"]) if "total" in entry else self._catalogue(product, quantity)
        subtotal = micro(entry["subtotal"]) if "subtotal" in entry else net
        variation = product is not None and product.type == "variation"
        meta = [_line_meta(self.next_id(), note["key"], note["value"]) for note in entry.get("meta_data", [])]
        if product is not None and product.option:
            key, title, value = product.option
            meta.append({**_line_meta(self.next_id(), key, value), "display_key": title})
        return {
            "id": self.next_id(),
            "name": entry.get("name", product.name if product else ""),
            "product_id": 0 if product is None else (product.parent_id or product.id),
            "variation_id": product.id if product is not None and variation else 0,
            "quantity": quantity,
            "tax_class": entry.get("tax_class", product.tax_class if product else ""),
            "subtotal": shown(subtotal, self.taxes.decimals),
            "subtotal_tax": "0.00",
            "total": shown(net, self.taxes.decimals),
            "total_tax": "0.00",
            "taxes": [],
            "meta_data": meta,
            "sku": product.sku if product else None,
            "price": float(plain(net)) / quantity,
            "image": {"id": "", "src": ""},
            "parent_name": product.parent_name if product else None,
            "_net": net,
            "_subtotal": subtotal,
        }

    def _named(self, entry: dict[str, Any]) -> SimProduct | None:
        if entry.get("sku"):
            found = self.by_sku(entry["sku"])
            return found[0] if found else None
        return self.products.get(entry.get("variation_id") or entry.get("product_id") or 0)

    def _catalogue(self, product: SimProduct | None, quantity: int) -> int:
        price = micro(product.price) * quantity if product else 0
        if product is None or not (self.taxes.enabled and self.taxes.prices_include_tax):
            return price
        here = (rate.rate for rate in self.taxes.rates if rate.tax_class == product.tax_class)
        whole = 1_000_000 + next(here, 0)
        return up(price * 1_000_000, whole) // whole

    def _shipping(self, entry: dict[str, Any]) -> dict[str, Any]:
        net = micro(entry.get("total", "0"))
        return {
            "id": self.next_id(),
            "method_title": entry.get("method_title", ""),
            "method_id": entry["method_id"],
            "instance_id": str(entry.get("instance_id", "")),
            "total": shown(net, self.taxes.decimals),
            "total_tax": "0.00",
            "taxes": [],
            "tax_status": "taxable",
            "meta_data": [],
            "_net": net,
        }

    def _fee(self, entry: dict[str, Any]) -> dict[str, Any]:
        net = micro(entry.get("total", "0"))
        return {
            "id": self.next_id(),
            "name": entry.get("name", "Fee"),
            "tax_class": entry.get("tax_class", ""),
            "tax_status": entry.get("tax_status", "taxable"),
            "amount": "",
            "total": shown(net, self.taxes.decimals),
            "total_tax": "0.00",
            "taxes": [],
            "meta_data": [],
            "_net": net,
        }


def _line_meta(meta_id: int, key: str, value: str) -> dict[str, Any]:
    return {"id": meta_id, "key": key, "value": value, "display_key": key, "display_value": value}


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S")
