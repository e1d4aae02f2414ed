"""The simulated shop's data, and what Shoper does with it: stock falls with each line, a parcel moves the status.

Whatever is shown is text, as in the real answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

Json = dict[str, Any]

LOCAL = timedelta(hours=1)  # Europe/Warsaw in winter: the shop's times carry no zone
CONFIG = {
    "shop_name": "Simulated shop",
    "shopping_update_stock_on_buy": "1",
    "shopping_parcel_create_status_id": "",
    "shopping_parcel_send_status_id": "7",
    "product_defaults_tax_id": "1",
    "default_currency_id": "1",
    "locale_timezone": "Etc/GMT-1",
    "warehouses_enabled": False,
}
TAXES = [("1", "23%", "23"), ("2", "8%", "8"), ("3", "5%", "5"), ("4", "zw.", "0"), ("5", "0%", "0")]
STATUSES = [("1", "Nowe", "1"), ("2", "W realizacji", "2"), ("7", "Wysłane", "3"), ("9", "Anulowane", "4")]
PAYMENTS = [("1", "Przelew"), ("2", "Pobranie")]
SHIPPINGS = [("8", "Kurier DPD", "1"), ("9", "InPost", "1")]
REQUIRED = ("email", "status_id", "payment_id", "shipping_id", "user_id", "shipping_tax_id")


class Invalid(Exception):  # noqa: N818 - the shop's own word for it, not a fault of ours
    """A field that the shop refuses, and why, in its language."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"Wartość pola '{field}' jest niepoprawna: {why}")


class SimShop:
    """Rows of each resource by their ids; `stock_falls` is the shop's setting, `pays` whether it takes `paid`."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._next = 100
        self.orders: dict[str, Json] = {}
        self.lines: dict[str, Json] = {}
        self.stocks: dict[str, Json] = {}
        self.products: dict[str, Json] = {}
        self.users: dict[str, Json] = {}
        self.parcels: dict[str, Json] = {}
        self.stock_falls = True
        self.pays = True

    def next_id(self) -> str:
        """All resources share one row of numbers here; the real ones have their own."""
        self._next += 1
        return str(self._next)

    def local(self) -> str:
        """The present moment as the shop writes it."""
        return (self._now() + LOCAL).strftime("%Y-%m-%d %H:%M:%S")

    def add_product(self, code: str, stock: int = 100, ean: str = "", tax_id: str = "1", price: str = "10.00") -> Json:
        """Adds a product with its one variant; answers the variant."""
        product_id, stock_id = self.next_id(), self.next_id()
        self.products[product_id] = {"product_id": product_id, "tax_id": tax_id, "code": code}
        row = {"stock_id": stock_id, "product_id": product_id, "code": code, "ean": ean, "stock": str(stock)}
        self.stocks[stock_id] = {**row, "price": price, "active": "1", "default": "1"}
        return self.stocks[stock_id]

    def stock(self, code: str) -> int:
        """How many pieces there are of a product."""
        return next(int(row["stock"]) for row in self.stocks.values() if row["code"] == code)

    def add_user(self, body: Mapping[str, Any]) -> str:
        """Makes a customer; an address that is taken is refused."""
        email = str(body.get("email", ""))
        if any(user["email"].casefold() == email.casefold() for user in self.users.values()):
            raise Invalid("email", f"Wartość '{email}' już istnieje")
        user_id = self.next_id()
        self.users[user_id] = {"user_id": user_id, "email": email, "firstname": body.get("firstname", "")}
        return user_id

    def add_order(self, body: Mapping[str, Any]) -> str:
        """Makes an order without lines; `code` is not kept, and two alike are two."""
        for field in REQUIRED:
            if not body.get(field) and body.get(field) != 0:
                raise Invalid(field, "Pole wymagane")
        if str(body["user_id"]) not in self.users:
            raise Invalid("user_id", f"Nie znaleziono wartości '{body['user_id']}'")
        for kind in ("billing_address", "delivery_address"):
            if not body.get(kind, {}).get("phone"):
                raise Invalid(f"{kind}.phone", "Pole wymagane")
        order_id, now = self.next_id(), self.local()
        kept = {key: value if isinstance(value, dict) else str(value) for key, value in body.items()}
        self.orders[order_id] = {
            "order_id": order_id,
            "date": now,
            "status_date": now,
            "paid": "0.00",
            "notes_priv": "",
            "auction": [],
            **kept,
            "code": "",
            "origin": "4",
        }
        return order_id

    def add_line(self, body: Mapping[str, Any]) -> str:
        """Adds a line, and lowers the stock at once."""
        order_id, stock_id = str(body.get("order_id", "")), str(body.get("stock_id") or "")
        if order_id not in self.orders:
            raise Invalid("order_id", f"Nie znaleziono wartości '{order_id}'")
        if stock_id and stock_id not in self.stocks:
            raise Invalid("stock_id", f"Nie znaleziono wartości '{stock_id}'")
        line_id = self.next_id()
        row = {key: str(value) for key, value in body.items()}
        self.lines[line_id] = {"stock_id": "", "product_id": "", "discount_perc": "0", **row, "id": line_id}
        if stock_id and self.stock_falls:
            stock = self.stocks[stock_id]
            stock["stock"] = str(int(stock["stock"]) - int(body["quantity"]))
        return line_id

    def add_parcel(self, body: Mapping[str, Any]) -> str:
        """Packs all that is not packed yet; the order's status moves by itself."""
        order = self.orders[str(body["order_id"])]
        if any(parcel["order_id"] == order["order_id"] for parcel in self.parcels.values()):
            raise Invalid("products", "All products has been already sent")
        parcel_id = self.next_id()
        row = {"parcel_id": parcel_id, "order_id": order["order_id"], "shipping_code": str(body["shipping_code"])}
        self.parcels[parcel_id] = row
        if body.get("sent"):
            self.move(order, CONFIG["shopping_parcel_send_status_id"])
        return parcel_id

    def change_order(self, order: Json, body: Mapping[str, Any]) -> None:
        """Changes fields of an order."""
        for key, value in body.items():
            if key == "status_id":
                self.move(order, value)
            elif key != "paid" or self.pays:
                order[key] = str(value)

    def move(self, order: Json, status_id: Any) -> None:  # a number or its text
        """Gives an order a status, and dates it."""
        if str(status_id) not in {row[0] for row in STATUSES}:
            raise Invalid("status_id", f"Nie znaleziono wartości '{status_id}'")
        order["status_id"] = str(status_id)
        order["status_date"] = self.local()

    def shown(self, order: Json) -> Json:
        """An order as the API shows it: the sum follows the lines and the delivery."""
        own = [line for line in self.lines.values() if line["order_id"] == order["order_id"]]
        whole = sum((Decimal(line["price"]) * int(line["quantity"]) for line in own), Decimal(0))
        whole += Decimal(order.get("shipping_cost") or 0)
        paid = Decimal(order["paid"])
        return {
            **order,
            "sum": f"{whole:.2f}",
            "is_paid": paid >= whole > 0,
            "is_cash_on_delivery": order.get("payment_id") == "2",
        }
