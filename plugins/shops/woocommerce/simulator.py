"""A WooCommerce shop that runs on loopback and misbehaves on purpose: for tests, the demo and the benchmark.

`python -m plugins.shops.woocommerce.simulator --port 0 --seed 7 --faults 0.05` prints one line of JSON with its address
and keys, and serves until SIGTERM. What it answers is measured against the recordings of a real WooCommerce 9.9.5.
Unlike a real shop it takes Basic authentication over plain http.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import BasicAuth, web

from orderferry.testing import serving
from orderferry.testing.simulator import Fate, Faults, Handle, Simulator
from plugins.shops.woocommerce import simulator_lists as lists
from plugins.shops.woocommerce.simulator_answers import (
    WpError,
    answer,
    check_order,
    chosen,
    fields_of,
    page_of,
    select_orders,
    shown_order,
    shown_product,
)
from plugins.shops.woocommerce.simulator_state import SimProduct, SimShop
from plugins.shops.woocommerce.simulator_summary import summary

KEY = "ck_1111111111111111111111111111111111111111"
SECRET = "cs_1111111111111111111111111111111111111111"  # noqa: S105 - a made-up key of a simulator
READ_KEY = "ck_2222222222222222222222222222222222222222"
V3 = "/wp-json/wc/v3"
READS = frozenset({"GET", "HEAD", "OPTIONS"})
NO_ORDER = "woocommerce_rest_shop_order_invalid_id"
NOTE_OF_NONE = "woocommerce_rest_order_invalid_id"
LATE = frozenset({Fate.LOST, Fate.CUT, Fate.FAILED_AFTER})


class WooSimulator(Simulator):
    """The shop; `shop` is its data. `late` is how many lists an order is not seen in whose answer was lost.

    `namespaces` may be given a tracking extension's, `ignores_created_via` makes it a shop that does not know the
    filter, `ignores_eans` one older than 9.2, `manages_stock` is its setting for stock management.
    """

    def __init__(self, *, seed: int = 0, faults: Faults | None = None, samples: bool = True) -> None:
        super().__init__(seed=seed, faults=faults)
        self.shop = SimShop(self.now)
        self.late = 0
        self.ignores_created_via = False
        self.ignores_eans = False
        self.manages_stock = True
        self.namespaces = ["oembed/1.0", "wc/v1", "wc/v2", "wc/v3", "wp/v2"]
        self._hidden: dict[int, int] = {}
        self._losing: set[int] = set()
        if samples:
            self._add_samples()

    def _add_samples(self) -> None:
        self.shop.add_product("KUB-330", name="Kubek ceramiczny 330 ml", ean="5901234123457", price="49.99")
        parent = self.shop.add_product("KOSZ", name="Koszulka bawełniana", manage_stock=False)
        self.shop.add_variation(parent, "KOSZ-M", "M", ean="5901234123464", price="79.90")
        self.shop.add_variation(parent, "KOSZ-L", "L", ean="5901234123471", price="79.90")

    def routes(self) -> list[web.RouteDef]:
        """The part of the API that the plugin uses, and the handles for tests."""
        order = V3 + r"/orders/{id:\d+}"
        tracked = r"/wp-json/{plugin:wc-shipment-tracking|wc-ast}/v3/orders/{id:\d+}/shipment-trackings"
        return [
            web.get("/wp-json/", self._index),
            web.get(f"{V3}/orders", self._signed(self._list_orders)),
            web.post(f"{V3}/orders", self._signed(self._create)),
            web.get(order, self._signed(self._get_order)),
            web.put(order, self._signed(self._put_order)),
            web.delete(order, self._signed(self._delete_order)),
            web.get(f"{order}/notes", self._signed(self._list_notes)),
            web.post(f"{order}/notes", self._signed(self._add_note)),
            web.get(f"{V3}/products", self._signed(self._list_products)),
            web.get(f"{V3}/settings/{{group}}", self._signed(self._settings)),
            web.get(f"{V3}/taxes", self._signed(self._list_rates)),
            web.get(f"{V3}/taxes/classes", self._signed(self._list_classes)),
            web.get(f"{V3}/reports/orders/totals", self._signed(self._list_statuses)),
            web.get(f"{V3}/payment_gateways", self._signed(self._list_gateways)),
            web.get(f"{V3}/shipping/zones", self._signed(self._list_zones)),
            web.get(V3 + r"/shipping/zones/{id:\d+}/methods", self._signed(self._list_methods)),
            web.get(f"{V3}/system_status", self._signed(self._system)),
            web.get(f"{tracked}/providers", self._signed(self._providers)),
            web.get(tracked, self._signed(self._list_shipments)),
            web.post(tracked, self._signed(self._add_shipment)),
            web.post("/_sim/products", self._sim_products),
            web.post("/_sim/order", self._sim_order),
            web.get("/_sim/summary", self._sim_summary),
            web.route("*", "/wp-json/{rest:.*}", self._no_route),
        ]

    def _signed(self, handle: Handle) -> Handle:
        async def signed(request: web.Request) -> web.StreamResponse:
            try:
                self._admit(request)
                return await handle(request)
            except WpError as error:
                return error.answer()

        return signed

    def _admit(self, request: web.Request) -> None:
        key, secret = request.query.get("consumer_key"), request.query.get("consumer_secret")
        header = request.headers.get("Authorization")
        if header:
            try:
                basic = BasicAuth.decode(header)
            except ValueError:
                basic = BasicAuth("")
            key, secret = basic.login, basic.password
        if key not in {KEY, READ_KEY}:
            raise WpError(401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.")
        wrong = "woocommerce_rest_authentication_error"
        if secret != SECRET:
            raise WpError(401, wrong, "Consumer secret is invalid.")
        if key == READ_KEY and request.method not in READS:
            raise WpError(401, wrong, "The API key provided does not have write permissions.")

    async def _end(self, request: web.Request, handle: Handle, fate: Fate) -> web.StreamResponse:
        if fate not in LATE:
            return await super()._end(request, handle, fate)
        self._losing.add(id(request))
        try:
            return await super()._end(request, handle, fate)
        finally:
            self._losing.discard(id(request))

    # --- orders

    async def _create(self, request: web.Request) -> web.Response:
        body = await _json(request)
        check_order(body, self.shop, creating=True)
        order = self.shop.add_order(body)
        if self.late and id(request) in self._losing:
            self._hidden[order["id"]] = self.late
        shown = shown_order(order, fields_of(request.query))
        return answer(shown, status=201, headers={"Location": f"{self.url}{V3}/orders/{order['id']}"})

    async def _get_order(self, request: web.Request) -> web.Response:
        return answer(shown_order(self._order(request, 404), fields_of(request.query)))

    async def _put_order(self, request: web.Request) -> web.Response:
        order = self._order(request, 400)
        body = await _json(request)
        check_order(body, self.shop, creating=False)
        for key in ("transaction_id", "customer_note", "payment_method", "payment_method_title"):
            order[key] = body.get(key, order[key])
        for key in ("billing", "shipping"):
            order[key] = {**order[key], **body.get(key, {})}
        self.shop.write_meta(order["meta_data"], body.get("meta_data", []))
        for entry in body.get("line_items", []):
            line = next(line for line in order["line_items"] if line["id"] == entry["id"])
            if "quantity" in entry:
                self.shop.set_quantity(line, entry["quantity"])
            if "product_id" in entry and entry["product_id"] is None:
                self.shop.set_quantity(line, 0)
                order["line_items"].remove(line)
        if {"billing", "shipping", "line_items"} & body.keys():
            self.shop.calculate(order)
        if "status" in body:
            self.shop.move(order, body["status"])
        if body.get("set_paid") is True and order["needs_payment"]:
            self.shop.complete_payment(order)
        self.shop.touch(order)
        return answer(shown_order(order, fields_of(request.query)))

    async def _delete_order(self, request: web.Request) -> web.Response:
        order = self._order(request, 404)
        shown = shown_order(order, None)
        if request.query.get("force") == "true":
            self.shop.delete(order)
        else:
            self.shop.trash(order)
        return answer(shown)

    async def _list_orders(self, request: web.Request) -> web.Response:
        query: Mapping[str, str] = request.query
        if self.ignores_created_via:
            query = {key: value for key, value in query.items() if key != "created_via"}
        orders = [order for order in select_orders(self.shop, query) if order["id"] not in self._hidden]
        self._hidden = {order_id: left - 1 for order_id, left in self._hidden.items() if left > 1}
        page, headers = page_of(orders, query, f"{self.url}{V3}/orders")
        fields = fields_of(query)
        return answer([shown_order(order, fields) for order in page], headers=headers)

    async def _list_notes(self, request: web.Request) -> web.Response:
        return answer(self.shop.notes[self._order(request, 404, NOTE_OF_NONE)["id"]])

    async def _add_note(self, request: web.Request) -> web.Response:
        body = await _json(request)
        order = self._order(request, 404, NOTE_OF_NONE)
        note = self.shop.add_note(order["id"], body["note"], to_customer=bool(body.get("customer_note")))
        return answer(note, status=201)

    def _order(self, request: web.Request, status: int, code: str = NO_ORDER) -> dict[str, Any]:
        order = self.shop.orders.get(int(request.match_info["id"]))
        if order is None:
            raise WpError(status, code, "Invalid ID.")
        return order

    # --- what else the shop tells

    async def _list_products(self, request: web.Request) -> web.Response:
        query = request.query
        products = list(self.shop.products.values())
        if "sku" in query:
            found = [product for sku in query["sku"].split(",") for product in self.shop.by_sku(sku)]
            products = list({product.id: product for product in found}.values())
        elif "global_unique_id" in query and not self.ignores_eans:
            ids = [number for ean in query["global_unique_id"].split(",") for number in self.shop.eans.get(ean, ())]
            products = [self.shop.products[number] for number in ids if number in self.shop.products]
        page, headers = page_of(products, query, f"{self.url}{V3}/products")
        fields = fields_of(query)
        return answer([chosen(shown_product(product), fields) for product in page], headers=headers)

    async def _settings(self, request: web.Request) -> web.Response:
        entries = lists.settings(request.match_info["group"], self.shop.taxes, manages_stock=self.manages_stock)
        fields = fields_of(request.query)
        return answer([chosen(entry, fields) for entry in entries])

    async def _list_rates(self, request: web.Request) -> web.Response:
        page, headers = page_of(lists.tax_rates(self.shop.taxes), request.query, f"{self.url}{V3}/taxes")
        return answer(page, headers=headers)

    async def _list_classes(self, request: web.Request) -> web.Response:  # noqa: ARG002 - aiohttp hands it in
        return answer(lists.tax_classes(self.shop.taxes))

    async def _list_statuses(self, request: web.Request) -> web.Response:  # noqa: ARG002 - aiohttp hands it in
        return answer(lists.statuses(self.shop))

    async def _list_gateways(self, request: web.Request) -> web.Response:
        return answer([chosen(gateway, fields_of(request.query)) for gateway in lists.gateways()])

    async def _list_zones(self, request: web.Request) -> web.Response:  # noqa: ARG002 - aiohttp hands it in
        return answer(lists.zones())

    async def _list_methods(self, request: web.Request) -> web.Response:
        return answer(lists.zone_methods(int(request.match_info["id"])))

    async def _system(self, request: web.Request) -> web.Response:
        return answer(chosen(lists.system_status(self.shop.taxes), fields_of(request.query)))

    async def _index(self, request: web.Request) -> web.Response:
        index = {"name": "Simulated shop", "url": self.url, "namespaces": self.namespaces, "routes": {}}
        return answer(chosen(index, fields_of(request.query)))

    # --- tracking extensions

    async def _providers(self, request: web.Request) -> web.Response:  # noqa: ARG002 - aiohttp hands it in
        return answer({"Poland": {"InPost": "https://inpost.pl/?number=%1$s", "DPD PL": "https://dpd.example/%1$s"}})

    async def _list_shipments(self, request: web.Request) -> web.Response:
        self._installed(request)
        return answer(self.shop.shipments[self._order(request, 404)["id"]])

    async def _add_shipment(self, request: web.Request) -> web.Response:
        self._installed(request)
        body = await _json(request)
        shipments = self.shop.shipments[self._order(request, 404)["id"]]
        shipments.append({"tracking_id": f"{self.shop.next_id():x}", **body})
        return answer(shipments[-1], status=201)

    def _installed(self, request: web.Request) -> None:
        if f"{request.match_info['plugin']}/v3" not in self.namespaces:
            raise _unrouted()

    async def _no_route(self, request: web.Request) -> web.Response:  # noqa: ARG002 - aiohttp hands it in
        return _unrouted().answer()

    # --- handles for tests and the demo

    def load(self, products: list[dict[str, Any]]) -> list[SimProduct]:
        """Adds products: each has `sku`, and may have `ean`, `name`, `price` (gross text), `stock`."""
        allowed = {"sku", "ean", "name", "price", "stock"}
        return [
            self.shop.add_product(**{key: value for key, value in product.items() if key in allowed})
            for product in products
        ]

    def place_order(self, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """A buyer's own order in the shop: of one mug, paid by bank transfer, unless `body` says otherwise."""
        buyer = {
            "first_name": "Ola",
            "last_name": "Testowa",
            "address_1": "Próżna 9",
            "city": "Warszawa",
            "postcode": "00-107",
            "country": "PL",
        }
        usual: dict[str, Any] = {
            "status": "processing",
            "created_via": "checkout",
            "payment_method": "bacs",
            "payment_method_title": "Direct bank transfer",
            "billing": {**buyer, "email": "ola@example.com", "phone": "500600700"},
            "shipping": buyer,
            "line_items": [{"sku": next(iter(self.shop.skus)), "quantity": 1}],
            "shipping_lines": [{"method_id": "flat_rate", "method_title": "Kurier", "total": "12.20"}],
        }
        return self.shop.add_order(usual | (body or {}))

    def summary(self) -> dict[str, Any]:
        """Its orders, by marketplace order as well; stock by SKU; fates."""
        return {
            **summary(self.shop.orders.values()),
            "fates": {fate.value: count for fate, count in self.counts.items()},
            "stock": {product.sku: product.stock for product in self.shop.products.values()},
        }

    async def _sim_products(self, request: web.Request) -> web.Response:
        return answer([product.id for product in self.load(await request.json())], status=201)

    async def _sim_order(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else None
        return answer({"id": self.place_order(body)["id"]}, status=201)

    async def _sim_summary(self, request: web.Request) -> web.Response:  # noqa: ARG002 - aiohttp hands it in
        return answer(self.summary())


async def _json(request: web.Request) -> Any:
    if request.content_type != "application/json":
        return {}  # recorded: without a Content-Type the body is not looked at
    body = await request.read()
    try:
        return msgspec.json.decode(body) if body else {}
    except msgspec.DecodeError:
        raise WpError(400, "rest_invalid_json", "Invalid JSON body passed.") from None


def _unrouted() -> WpError:
    return WpError(404, "rest_no_route", "No route was found matching the URL and request method.")


def main() -> None:
    """The command line."""
    options = serving.arguments("A simulated WooCommerce shop on loopback.").parse_args()
    simulator = WooSimulator(seed=options.seed, faults=serving.struck(options.faults))
    told = {"consumer_key": KEY, "consumer_secret": SECRET}
    serving.run(simulator, options.port, lambda: told)


if __name__ == "__main__":
    main()
