"""The simulated shop's data, and what PrestaShop does with it: making an order of a cart, states, stock, payments.

Measured against the recordings of PrestaShop 8.2.1.
"""

from __future__ import annotations

import hashlib
import random
import re
import string
from collections.abc import Callable
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from plugins.shops.prestashop.simulator_tables import ELEMENTS, FIELDS, Row, abroad, beginning
from plugins.shops.prestashop.simulator_xml import PsError

CENT = Decimal("0.01")
SIX = Decimal("0.000001")
NEVER = "0000-00-00 00:00:00"
TAKEN = "Cart cannot be loaded or an order has already been placed using this cart"
BORN, ERROR, CANCELLED = "11", "8", "6"
WITHOUT_STOCK = frozenset({ERROR, CANCELLED})


class PsShop:
    """The data. `modules` are the active payment modules, `delivery` the carriers' gross prices.

    `taken` are the orders whose goods are taken from the stock.
    """

    def __init__(self, now: Callable[[], datetime], seed: int = 0) -> None:
        self._now = now
        self._random = random.Random(seed)  # noqa: S311 - a simulator must be repeatable
        self.zone = ZoneInfo("Europe/Warsaw")
        self.rows: dict[str, dict[int, Row]] = {resource: {} for resource in ELEMENTS}
        self.cart_rows: dict[int, list[Row]] = {}
        self.order_rows: dict[int, list[Row]] = {}
        self.modules = {"ps_wirepayment", "ps_checkpayment", "ps_cashondelivery"}
        self.delivery = {2: Decimal("7.00"), 5: Decimal("9.99"), 6: Decimal("14.99")}
        self.taken: set[int] = set()
        self._linked: dict[int, set[int]] = {}
        self._next = dict.fromkeys(ELEMENTS, 1)
        self._rows_made = 0
        self._hold(beginning())

    def sell_abroad(self) -> None:
        """Sells for euros too, and to France and Italy."""
        self._hold(abroad())

    def _hold(self, told: dict[str, list[Row]]) -> None:
        for resource, rows in told.items():
            for row in rows:
                self.rows[resource][int(row["id"])] = row

    def local(self) -> str:
        """The present moment as the shop writes it down."""
        return self._now().astimezone(self.zone).strftime("%Y-%m-%d %H:%M:%S")

    def insert(self, resource: str, fields: Row) -> Row:
        """Adds a row under the next id."""
        number = max(self._next[resource], max(self.rows[resource], default=0) + 1)
        self._next[resource] = number + 1
        row = {"id": str(number), **{name: fields.get(name, "") for name in FIELDS[resource]}}
        for name in ("date_add", "date_upd"):
            if name in row:
                row[name] = fields.get(name) or self.local()
        self.rows[resource][number] = row
        return row

    # --- products

    def add_product(self, reference: str, stock: int = 100, *, price: str = "49.99", **told: str) -> int:
        """A product at a gross price for Poland; `ean`, `name`, `tax_group` and `type` may be told."""
        group = told.get("tax_group", "1")
        net = (Decimal(price) / (1 + self.percent(group, 14) / 100)).quantize(SIX, ROUND_HALF_UP)
        product = self.insert(
            "products",
            {
                "reference": reference,
                "ean13": told.get("ean", ""),
                "name": told.get("name", reference),
                "id_tax_rules_group": group,
                "type": told.get("type", "simple"),
                "cache_default_attribute": "0",
                "price": str(net),
                "state": "1",
                "active": "1",
                "available_for_order": "1",
            },
        )
        self._stocked(int(product["id"]), 0, stock)
        return int(product["id"])

    def add_combination(self, product: int, reference: str, stock: int = 100, *, ean: str = "", name: str = "") -> int:
        """A combination of a product, at the product's price."""
        fields = {"id_product": str(product), "reference": reference, "ean13": ean, "price": "0.000000"}
        combination = int(self.insert("combinations", fields)["id"])
        self.rows["combinations"][combination]["title"] = name or reference
        if self.rows["products"][product]["cache_default_attribute"] == "0":
            self.rows["products"][product]["cache_default_attribute"] = str(combination)
        self._stocked(product, combination, stock)
        return combination

    def stock_of(self, reference: str) -> int:
        """How many pieces of a product or combination are there."""
        for combination in self.rows["combinations"].values():
            if combination["reference"] == reference:
                return int(self._stock(combination["id_product"], combination["id"])["quantity"])
        product = next(row for row in self.rows["products"].values() if row["reference"] == reference)
        return int(self._stock(product["id"], "0")["quantity"])

    def percent(self, group: str, country: int) -> Decimal:
        """The tax of a group of rules in a country."""
        for rule in self.rows["tax_rules"].values():
            if rule["id_tax_rules_group"] == group and rule["id_country"] == str(country):
                return Decimal(self.rows["taxes"][int(rule["id_tax"])]["rate"])
        return Decimal(0)

    def configured(self, name: str) -> str:
        """A value of the configuration."""
        return next((row["value"] for row in self.rows["configurations"].values() if row["name"] == name), "")

    def configure(self, name: str, value: str) -> None:
        """Changes it."""
        next(row for row in self.rows["configurations"].values() if row["name"] == name)["value"] = value

    # --- orders

    def place(self, fields: Row) -> Row:
        """Makes an order of a cart, as PaymentModule::validateOrder does: everything comes from the cart."""
        cart = self.rows["carts"].get(int(fields["id_cart"]))
        if cart is None or any(order["id_cart"] == cart["id"] for order in self.rows["orders"].values()):
            raise PsError(500, text=TAKEN)
        rows = self.cart_rows[int(cart["id"])]
        if fields["module"] not in self.modules or any(
            int(row["id_product"]) not in self.rows["products"] for row in rows
        ):
            raise PsError(500)
        carrier = self._carrier(cart)
        country = self._country(cart)
        priced = [self._priced(cart, row, country) for row in rows]
        net = sum((each[0] for each in priced), Decimal(0))
        gross = sum((each[1] for each in priced), Decimal(0))
        rate = self.percent("1", country)
        shipping = self._shipping(carrier)
        shipping_net = (shipping / (1 + rate / 100)).quantize(CENT, ROUND_HALF_UP)
        total = gross + shipping
        state = BORN if total == Decimal(fields["total_paid"]).quantize(CENT, ROUND_HALF_UP) else ERROR
        zero = six(Decimal(0))
        order = self.insert(
            "orders",
            {
                **{name: cart[name] for name in _FROM_CART},
                "secure_key": self.rows["customers"][int(cart["id_customer"])]["secure_key"],
                "id_cart": cart["id"],
                "id_carrier": carrier["id"],
                "module": fields["module"],
                "payment": fields["payment"],
                "invoice_number": "0",
                "invoice_date": NEVER,
                "delivery_number": "0",
                "delivery_date": NEVER,
                "valid": "0",
                "recyclable": "0",
                "gift": cart["gift"] or "0",
                "mobile_theme": "0",
                **dict.fromkeys(_ZEROES, zero),
                "total_paid": six(total),
                "total_paid_tax_incl": six(total),
                "total_paid_tax_excl": six(net + shipping_net),
                "total_paid_real": six(Decimal(fields["total_paid"])),
                "total_products": six(net),
                "total_products_wt": six(gross),
                "total_shipping": six(shipping),
                "total_shipping_tax_incl": six(shipping),
                "total_shipping_tax_excl": six(shipping_net),
                "carrier_tax_rate": f"{rate:.3f}",
                "round_mode": self.configured("PS_PRICE_ROUND_MODE"),
                "round_type": self.configured("PS_ROUND_TYPE"),
                "conversion_rate": "1.000000",
                "reference": "".join(self._random.choices(string.ascii_uppercase, k=9)),
            },
        )
        number = int(order["id"])
        self.order_rows[number] = [each[2] for each in priced]
        paid = self.pay(order, Decimal(fields["total_paid"]))
        self._linked[number] = {int(paid["id"])} if state == BORN else set()
        self._history(order, state)
        self.insert(
            "order_carriers",
            {
                "id_order": order["id"],
                "id_carrier": carrier["id"],
                "id_order_invoice": order["invoice_number"],
                "weight": "0.000000",
                "shipping_cost_tax_excl": six(shipping_net),
                "shipping_cost_tax_incl": six(shipping),
            },
        )
        for price in [row for row in self.rows["specific_prices"].values() if row["id_cart"] == cart["id"]]:
            del self.rows["specific_prices"][int(price["id"])]
        for message in self.rows["messages"].values():
            if message["id_cart"] == cart["id"] and message["private"] != "1":
                message["id_order"] = order["id"]
        return order

    def total_of(self, cart: Row) -> Decimal:
        """What the cart comes to."""
        rows = self.cart_rows[int(cart["id"])]
        priced = [self._priced(cart, row, self._country(cart)) for row in rows]
        return sum((each[1] for each in priced), self._shipping(self._carrier(cart)))

    def _country(self, cart: Row) -> int:
        return int(self.rows["addresses"][int(cart["id_address_delivery"])]["id_country"])

    def _shipping(self, carrier: Row) -> Decimal:
        return self.delivery.get(int(carrier["id"]), Decimal(0)) if carrier["is_free"] != "1" else Decimal(0)

    def pay(self, order: Row, amount: Decimal) -> Row:
        """Books a payment."""
        fields = {
            "order_reference": order["reference"],
            "id_currency": order["id_currency"],
            "amount": six(amount),
            "payment_method": order["payment"],
            "conversion_rate": "1.000000",
        }
        return self.insert("order_payments", fields)

    def move(self, order: Row, state: str) -> Row:
        """A new state by order_histories, as OrderHistory::changeIdOrderState does it (recording 19)."""
        return self._history(order, state)

    def touch(self, order: Row) -> None:
        """Notes the moment of a change."""
        order["date_upd"] = self.local()

    def _history(self, order: Row, state: str) -> Row:
        number = int(order["id"])
        told = self.rows["order_states"][int(state)]
        was_taken = number in self.taken
        if state in WITHOUT_STOCK:
            self.taken.discard(number)
        elif told["logable"] == "1":
            self.taken.add(number)
        if self.configured("PS_STOCK_MANAGEMENT") == "1" and was_taken != (number in self.taken):
            for row in self.order_rows[number]:
                stock = self._stock(row["product_id"], row["product_attribute_id"])
                pieces = int(row["product_quantity"])
                stock["quantity"] = str(int(stock["quantity"]) + (pieces if was_taken else -pieces))
        if told["invoice"] == "1" and order["invoice_number"] == "0":
            invoices = [int(each["invoice_number"]) for each in self.rows["orders"].values()]
            order["invoice_number"], order["invoice_date"] = str(max(invoices) + 1), self.local()
        if told["paid"] == "1":
            self._settle_invoice(order)
        order["valid"] = told["logable"]
        order["current_state"] = state
        self.touch(order)
        return self.insert("order_histories", {"id_order": order["id"], "id_order_state": state, "id_employee": "0"})

    def _settle_invoice(self, order: Row) -> None:
        """Books what the invoice's own payments leave open; a payment of before the invoice is not one of them."""
        linked = self._linked[int(order["id"])]
        payments = self.rows["order_payments"]
        booked = sum((Decimal(payments[number]["amount"]) for number in linked if number in payments), Decimal(0))
        rest = Decimal(order["total_paid_tax_incl"]) - booked
        if rest > 0:
            linked.add(int(self.pay(order, rest)["id"]))
            order["total_paid_real"] = six(Decimal(order["total_paid_real"]) + rest)

    def _carrier(self, cart: Row) -> Row:
        """The carrier of the delivery option; the cheapest one where that names none (recording 10)."""
        usable = {
            row["id"]: row for row in self.rows["carriers"].values() if row["active"] == "1" and row["deleted"] == "0"
        }
        option = re.fullmatch(r'\{"(\d+)":"(\d+),"\}', cart["delivery_option"])
        if option and option[1] == cart["id_address_delivery"] and option[2] in usable:
            return usable[option[2]]
        return min(usable.values(), key=lambda row: self.delivery.get(int(row["id"]), Decimal(0)))

    def _priced(self, cart: Row, row: Row, country: int) -> tuple[Decimal, Decimal, Row]:
        """A row's net and gross totals, and the row of the order that becomes of it."""
        product = self.rows["products"][int(row["id_product"])]
        combination = self.rows["combinations"].get(int(row["id_product_attribute"]))
        shown = combination or product
        unit = Decimal(product["price"])
        for price in self.rows["specific_prices"].values():
            bound = (price["id_cart"], price["id_product"], price["id_product_attribute"])
            if bound == (cart["id"], row["id_product"], row["id_product_attribute"]):
                unit = Decimal(price["price"])
        with_tax = unit * (1 + self.percent(product["id_tax_rules_group"], country) / 100)
        quantity = int(row["quantity"])
        self._rows_made += 1
        name = f"{product['name']} ({combination['title']})" if combination else product["name"]
        made = {
            "id": str(self._rows_made),
            "product_id": product["id"],
            "product_attribute_id": row["id_product_attribute"],
            "product_quantity": row["quantity"],
            "product_name": name,
            "product_reference": shown["reference"],
            "product_ean13": shown["ean13"],
            "product_isbn": "",
            "product_upc": "",
            "product_price": six(unit),
            "id_customization": "0",
            "unit_price_tax_incl": six(with_tax),
            "unit_price_tax_excl": six(unit),
        }
        return self._rounded(unit, quantity), self._rounded(with_tax, quantity), made

    def _rounded(self, unit: Decimal, quantity: int) -> Decimal:
        if self.configured("PS_ROUND_TYPE") == "1":
            return unit.quantize(CENT, ROUND_HALF_UP) * quantity
        return (unit * quantity).quantize(CENT, ROUND_HALF_UP)

    def _stock(self, product: str, attribute: str) -> Row:
        for row in self.rows["stock_availables"].values():
            if (row["id_product"], row["id_product_attribute"]) == (product, attribute):
                return row
        raise PsError(500)

    def _stocked(self, product: int, attribute: int, stock: int) -> None:
        fields = {"id_product": str(product), "id_product_attribute": str(attribute), "quantity": str(stock)}
        self.insert(
            "stock_availables",
            {**fields, "id_shop": "1", "id_shop_group": "0", "depends_on_stock": "0", "out_of_stock": "2"},
        )


_FROM_CART = (
    "id_address_delivery",
    "id_address_invoice",
    "id_currency",
    "id_lang",
    "id_customer",
    "id_shop_group",
    "id_shop",
    "gift_message",
)
_ZEROES = (
    "total_discounts",
    "total_discounts_tax_incl",
    "total_discounts_tax_excl",
    "total_wrapping",
    "total_wrapping_tax_incl",
    "total_wrapping_tax_excl",
)


def secure_key(text: str) -> str:
    """A key as a customer gets one."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def six(amount: Decimal) -> str:
    """An amount as the shop keeps it."""
    return f"{amount.quantize(SIX, ROUND_HALF_UP):f}"
