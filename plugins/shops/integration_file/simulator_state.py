"""The simulated shop's data: products, orders, and how an integration file shows them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

Json = dict[str, Any]

STATUSES = {"1": "Nowe", "2": "W realizacji", "3": "Wysłane", "4": "Anulowane"}
PAYMENTS = {"10": "Przelewy24", "11": "Pobranie"}
DELIVERIES = {"20": "Kurier", "21": "Paczkomat"}

SHOWN = (
    *("email", "phone", "user_comments", "currency", "want_invoice", "client_login"),
    *("payment_method", "payment_method_cod", "delivery_method", "delivery_method_id", "delivery_price"),
    *(f"delivery_{part}" for part in ("fullname", "company", "address", "postcode", "city", "country_code")),
    *(f"delivery_point_{part}" for part in ("id", "name", "address", "postcode", "city")),
    *(f"invoice_{part}" for part in ("fullname", "company", "nip", "address", "postcode", "city", "country_code")),
)


class SimGoods(Struct):
    """A product, or one of its variants."""

    id: str
    sku: str
    name: str
    ean: str = ""
    price: str = "10.00"
    stock: int = 100
    variants: dict[str, SimGoods] = {}


class SimShop:
    """Products and orders; `keeps_comments`, `keeps_postcodes` and `whole_prices` are what files get wrong."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._next = 100
        self.products: dict[str, SimGoods] = {}
        self.orders: dict[str, Json] = {}
        self.keeps_comments = True
        self.keeps_postcodes = True
        self.whole_prices = False

    def next_id(self) -> str:
        """Orders and products share one row of numbers."""
        self._next += 1
        return str(self._next)

    def add_product(self, sku: str, stock: int = 100, *, parent: SimGoods | None = None, **more: Any) -> SimGoods:
        """Adds a product, or a variant to `parent`; `more` are fields of `SimGoods`."""
        goods = SimGoods(id=self.next_id(), sku=sku, stock=stock, **({"name": f"Product {sku}"} | more))
        (self.products if parent is None else parent.variants)[goods.id] = goods
        return goods

    def goods(self, sku: str) -> SimGoods:
        """The product or variant with this SKU."""
        every = [one for product in self.products.values() for one in (product, *product.variants.values())]
        return next(one for one in every if one.sku == sku)

    def add_order(self, form: Mapping[str, str]) -> str:
        """Makes an order as `OrderAdd` does, and lowers the stock where it is told to."""
        order: Json = {key: form.get(key, "") for key in SHOWN}
        order |= {
            "date_add": int(self._now().timestamp()),
            "status_id": form.get("status_id") or "1",
            "paid": form.get("paid", "0"),
            "products": [self._line(line) for line in json.loads(form["products"])],
            "_number": form.get("baselinker_id", ""),
            "_form": dict(form),
            "_parcel": "",
        }
        if not self.keeps_comments:
            order["user_comments"] = ""
        if not self.keeps_postcodes:
            order["delivery_postcode"] = order["invoice_postcode"] = ""
        if form.get("change_products_quantity") == "1":
            for line in order["products"]:
                goods = self._named(line)
                if goods is not None:
                    goods.stock -= int(line["quantity"])
        order_id = self.next_id()
        self.orders[order_id] = order
        return order_id

    def _line(self, line: Json) -> Json:
        price = str(line["price"])
        return {
            "id": line.get("id", ""),
            "variant_id": line.get("variant_id") or "0",
            "sku": line.get("sku", ""),
            "name": line["name"],
            "price": str(int(float(price))) if self.whole_prices else price,
            "quantity": str(line["quantity"]),
            "tax": "23",
        }

    def _named(self, line: Json) -> SimGoods | None:
        product = self.products.get(str(line["id"]))
        if product is None:
            return None
        return product.variants.get(str(line["variant_id"]), product)


def shown_order(order: Json) -> Json:
    """An order as `OrdersGet` shows it."""
    return {key: value for key, value in order.items() if not key.startswith("_")}


def shown_goods(goods: SimGoods, *, whole: bool) -> Json:
    """A product as `ProductsList` shows it, or with its variants as `ProductsData` does."""
    shown: Json = {
        "name": goods.name,
        "sku": goods.sku,
        "ean": goods.ean,
        "quantity": str(goods.stock),
        "price": goods.price,
    }
    if whole:
        shown["tax"] = "23"
        shown["variants"] = {key: shown_goods(one, whole=False) for key, one in goods.variants.items()} or []
    return shown
