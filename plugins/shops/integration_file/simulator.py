"""A shop with an integration file that runs on loopback and misbehaves on purpose: for tests and the demo.

`python -m plugins.shops.integration_file.simulator --port 0 --seed 7 --faults 0.05 --like sylius` prints one line of
JSON with its address and key, and serves until SIGTERM. Besides the protocol as it is written, it plays two published
files: `sylius` (spinbits) knows its numbers, does half of the updates and has no list of orders; `shopware` (Crehler)
swallows its own errors.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from orderferry.testing import serving
from orderferry.testing.simulator import Faults, Simulator
from plugins.shops.integration_file.simulator_state import (
    DELIVERIES,
    PAYMENTS,
    STATUSES,
    Json,
    SimShop,
    shown_goods,
    shown_order,
)

KEY = "file-key-1111111111111111"
PATH = "/baselinker.php"
NUMBER = "baselinker_id"

METHODS = (
    *("FileVersion", "SupportedMethods", "OrderAdd", "OrderUpdate", "OrdersGet", "StatusesList", "PaymentMethodsList"),
    *("DeliveryMethodsList", "ProductsList", "ProductsData", "ProductsQuantity", "ProductsPrices"),
)
SYLIUS = tuple(name for name in METHODS if name not in {"OrdersGet", "PaymentMethodsList", "DeliveryMethodsList"})


class Refusal(Exception):  # noqa: N818 - the file's own word for it, not a fault of ours
    """An answer with `error`; `status` is what files that know HTTP send with it."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status, self.code, self.text = status, code, text


class FileSimulator(Simulator):
    """The shop; `shop` is its data, `methods` what the file offers.

    What files get wrong: `lies` are kinds of update that are answered and not made, `swallows` answers failures with
    nothing, `broken` are actions that fail inside, `knows_numbers` answers the old order for a number that it has,
    `real_statuses` sends HTTP statuses with errors, `page_size` cuts lists and `tells_pages` says so, `ignores` are
    filters, `ignores_key` lets everybody in.
    """

    def __init__(self, *, seed: int = 0, faults: Faults | None = None, samples: bool = True) -> None:
        super().__init__(seed=seed, faults=faults)
        self.shop = SimShop(self.now)
        self.methods: tuple[str, ...] = METHODS
        self.platform = "Simulated file"
        self.lies: frozenset[str] = frozenset()
        self.broken: set[str] = set()
        self.ignores: set[str] = set()
        self.swallows = False
        self.knows_numbers = False
        self.real_statuses = False
        self.ignores_key = False
        self.page_size = 1000
        self.tells_pages = True
        self.asked: Counter[str] = Counter()
        if samples:
            self.shop.add_product("KUB-330", name="Kubek ceramiczny 330 ml", ean="5901234123457", price="49.99")
            parent = self.shop.add_product("KOSZ", name="Koszulka bawełniana")
            self.shop.add_product("KOSZ-M", parent=parent, name="Koszulka M", ean="5901234123464")

    def like(self, file: str) -> None:
        """Makes it behave like a published file: "plain", "sylius" or "shopware"."""
        if file == "sylius":
            self.platform, self.methods = "Sylius by spinbits", SYLIUS
            self.lies, self.knows_numbers, self.real_statuses = frozenset({"status", "delivery_number"}), True, True
            self.shop.whole_prices, self.shop.keeps_postcodes = True, False
        elif file == "shopware":
            self.platform, self.swallows, self.tells_pages = "Shopware 6 by Crehler", True, False

    def routes(self) -> list[web.RouteDef]:
        """The file itself, and the handles for tests."""
        return [
            web.route("*", PATH, self._serve),
            web.post("/_sim/products", self._sim_products),
            web.post("/_sim/order", self._sim_order),
            web.get("/_sim/summary", self._sim_summary),
        ]

    async def _serve(self, request: web.Request) -> web.Response:
        form = {key: str(value) for key, value in (await request.post()).items()}
        action = form.get("action", "")
        try:
            self._admit(form)
            self.asked[action] += 1
            return _json(self._act(action, form))
        except Refusal as error:
            code: str | int = error.status if self.real_statuses else error.code
            body = {"error": True, "error_code": code, "error_text": error.text}
            return _json(body, status=error.status if self.real_statuses else 200)

    def _admit(self, form: Mapping[str, str]) -> None:
        if "bl_pass" not in form:
            raise Refusal(401, "no_password", "Odwołanie do pliku bez podania hasła")
        if form["bl_pass"] != KEY and not self.ignores_key:
            raise Refusal(401, "incorrect_password", "Nieprawidłowe hasło komunikacji")

    def _act(self, action: str, form: Mapping[str, str]) -> Any:  # whatever the action answers
        if action not in self.methods:
            raise Refusal(422, "unsupported_action", f"No action: {action}")
        if action in self.broken:
            if not self.swallows:
                raise Refusal(422, "db_error", "SQLSTATE[HY000]")
            return {"order_id": None} if action == "OrderAdd" else []
        match action:
            case "FileVersion":
                return {"platform": self.platform, "version": "4.0.0", "standard": 4}
            case "SupportedMethods":
                return list(self.methods)
            case "StatusesList":
                return STATUSES
            case "PaymentMethodsList":
                return PAYMENTS
            case "DeliveryMethodsList":
                return DELIVERIES
            case "OrderAdd":
                return {"order_id": self._add(form)}
            case "OrderUpdate":
                return {"counter": self._update(form)}
            case "OrdersGet":
                return self._orders(form)
            case _:
                return self._products(action, form)

    def _add(self, form: Mapping[str, str]) -> int:
        if form.get("previous_order_id"):
            return int(form["previous_order_id"])  # written once, and only echoed after that
        if self.knows_numbers:
            for order_id, order in self.shop.orders.items():
                if order["_number"] and order["_number"] == form.get(NUMBER):
                    order["paid"] = form.get("paid", "0")
                    return int(order_id)
        return int(self.shop.add_order(form))

    def _update(self, form: Mapping[str, str]) -> int:
        ids = [part for part in form.get("orders_ids", "").split(",") if part]
        kind, value = form.get("update_type", ""), form.get("update_value", "")
        if kind in self.lies:
            return len(ids)
        field = {"status": "status_id", "paid": "paid", "delivery_number": "_parcel"}[kind]
        there = [self.shop.orders[order_id] for order_id in ids if order_id in self.shop.orders]
        for order in there:
            order[field] = value
        return len(there)

    def _orders(self, form: Mapping[str, str]) -> Json | list[Json]:
        if not form.get("time_from") and not form.get("id_from"):
            raise Refusal(422, "no_date", "time_from or id_from")
        time_from = 0 if "time_from" in self.ignores else int(form.get("time_from") or 0)
        id_from = int(form.get("id_from") or 0)
        chosen = {
            order_id: shown_order(order)
            for order_id, order in sorted(self.shop.orders.items(), key=lambda item: int(item[0]))
            if order["date_add"] >= time_from
            and int(order_id) >= id_from
            and form.get("order_id") in {None, "", order_id}
        }
        return self._page(chosen, form)

    def _page(self, entries: Json, form: Mapping[str, str]) -> Json | list[Json]:
        pages = -(-len(entries) // self.page_size)
        begin = (int(form.get("page") or 1) - 1) * self.page_size if self.tells_pages else 0
        page = dict(list(entries.items())[begin : begin + self.page_size])
        if not page:
            return []  # as PHP writes an empty array
        return {**page, "pages": pages} if self.tells_pages else page

    def _products(self, action: str, form: Mapping[str, str]) -> Json | list[Json]:
        products = self.shop.products
        if action == "ProductsData":
            wanted = form.get("products_id", "").split(",")
            return {key: shown_goods(products[key], whole=True) for key in wanted if key in products} or []
        if action == "ProductsQuantity":
            return {key: {"0": str(one.stock)} for key, one in products.items()} | {"pages": 1}
        if action == "ProductsPrices":
            return {key: {"0": one.price} for key, one in products.items()} | {"pages": 1}
        chosen = {}
        for key, one in products.items():
            family = (one, *one.variants.values())  # a variant's code finds its parent
            sku, ean = form.get("filter_sku"), form.get("filter_ean")
            if sku and "filter_sku" not in self.ignores and sku not in {goods.sku for goods in family}:
                continue
            if ean and ean not in {goods.ean for goods in family}:
                continue
            chosen[key] = shown_goods(one, whole=False)
        return self._page(chosen, form)

    # --- handles for tests and the demo

    def place_order(self, **changed: str) -> str:
        """A buyer's own order in the shop; answers its number."""
        usual = {
            "email": "ola@example.com",
            "phone": "500600700",
            "currency": "PLN",
            "payment_method": "Przelewy24",
            "payment_method_cod": "0",
            "delivery_method": "Kurier",
            "delivery_price": "12.20",
            "delivery_fullname": "Ola Testowa",
            "delivery_address": "Próżna 9",
            "delivery_postcode": "00-107",
            "delivery_city": "Warszawa",
            "delivery_country_code": "PL",
            "paid": "1",
            "products": '[{"id": "", "sku": "X", "name": "Kubek", "price": 20.5, "quantity": 2}]',
        }
        return self.shop.add_order(usual | changed)

    def summary(self) -> dict[str, Any]:
        """Orders in all, by reference and by the marketplace's; references seen twice; stock by SKU; fates."""
        ours = [order for order in self.shop.orders.values() if order["_number"]]
        references = Counter(order["_form"]["user_comments"].partition("\n")[0] for order in ours)
        return {
            "orders": len(self.shop.orders),
            "references": dict(references),
            "sources": dict(Counter(order["_form"]["transaction_id"] for order in ours)),
            "fates": {fate.value: count for fate, count in self.counts.items()},
            "twice": sorted(reference for reference, count in references.items() if count > 1),
            "stock": {product.sku: product.stock for product in self.shop.products.values()},
        }

    async def _sim_products(self, request: web.Request) -> web.Response:
        allowed = {"sku", "ean", "name", "price", "stock"}
        told = [{key: one[key] for key in one if key in allowed} for one in await request.json()]
        return _json([self.shop.add_product(**one).id for one in told], status=201)

    async def _sim_order(self, request: web.Request) -> web.Response:
        changed = await request.json() if request.can_read_body else {}
        return _json({"id": self.place_order(**changed)}, status=201)

    async def _sim_summary(self, request: web.Request) -> web.Response:  # noqa: ARG002 - aiohttp hands it in
        return _json(self.summary())


def _json(value: Any, status: int = 200) -> web.Response:  # whatever is answered
    return web.Response(status=status, body=msgspec.json.encode(value), content_type="application/json")


def main() -> None:
    """The command line."""
    parser = serving.arguments("A simulated shop with an integration file on loopback.")
    parser.add_argument("--like", choices=("plain", "sylius", "shopware"), default="plain", help="which file it plays")
    options = parser.parse_args()
    simulator = FileSimulator(seed=options.seed, faults=serving.struck(options.faults))
    simulator.like(options.like)
    told = {"path": PATH, "key": KEY}
    serving.run(simulator, options.port, lambda: told)


if __name__ == "__main__":
    main()
