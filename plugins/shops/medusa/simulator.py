"""A Medusa shop that runs on loopback and misbehaves on purpose: for tests and the demo.

`python -m plugins.shops.medusa.simulator --port 0 --seed 7 --faults 0.05` prints one line of JSON with its address, key
and ids, and serves until SIGTERM. What it answers was measured on a real Medusa 2.21.2, against which the plugin is
tested as well (tests/real/medusa).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from aiohttp import BasicAuth, web

from orderferry.testing import serving
from orderferry.testing.simulator import Faults, Handle, Simulator
from plugins.shops.medusa.simulator_state import Json, MedusaError, SimShop, SimVariant

KEY = "sk_1111111111111111111111111111111111111111111111111111111111111111"
REGION, CHANNEL, OPTION, LOCATION = "reg_PL", "sc_MARKETPLACES", "so_DELIVERY", "sloc_SHELF"


class MedusaSimulator(Simulator):
    """The shop; `shop` is its data."""

    def __init__(self, *, seed: int = 0, faults: Faults | None = None, samples: bool = True) -> None:
        super().__init__(seed=seed, faults=faults)
        self.shop = SimShop(self.now)
        if samples:
            self.shop.add_variant("KUB-330", name="Kubek ceramiczny 330 ml", ean="5901234123457")
            self.shop.add_variant("KOSZ-M", name="Koszulka bawełniana", ean="5901234123464")

    def routes(self) -> list[web.RouteDef]:
        """The part of the API that the plugin uses, and the handles for tests."""
        routes = [
            web.post("/admin/draft-orders", self._make_draft),
            web.get("/admin/draft-orders", self._list_drafts),
            web.delete("/admin/draft-orders/{id}", self._delete_draft),
            web.post("/admin/draft-orders/{id}/convert-to-order", self._convert),
            web.get("/admin/orders", self._list_orders),
            web.get("/admin/orders/{id}", self._get_order),
            web.post("/admin/orders/{id}", self._note),
            web.post(r"/admin/orders/{id}/{action:complete|archive|cancel}", self._act),
            web.post("/admin/orders/{id}/fulfillments", self._fulfil),
            web.post("/admin/orders/{id}/fulfillments/{fulfillment}/shipments", self._ship),
            web.post("/admin/payment-collections", self._ask_payment),
            web.post("/admin/payment-collections/{id}/mark-as-paid", self._mark_paid),
            web.get("/admin/reservations", self._list_reservations),
            web.post("/admin/reservations", self._reserve),
            web.get("/admin/inventory-items/{id}/location-levels", self._levels),
            web.get("/admin/product-variants", self._list_variants),
            web.get("/admin/regions/{id}", self._region),
            web.get("/admin/sales-channels/{id}", self._channel),
            web.get("/admin/shipping-options", self._options),
            web.get("/admin/payments/payment-providers", self._providers),
        ]
        return [
            *(web.route(one.method, one.path, self._signed(one.handler)) for one in routes),
            web.post("/_sim/products", self._sim_products),
            web.post("/_sim/order", self._sim_order),
            web.get("/_sim/summary", self._sim_summary),
        ]

    def _signed(self, handle: Handle) -> Handle:
        async def signed(request: web.Request) -> web.StreamResponse:
            try:
                name = BasicAuth.decode(request.headers.get("Authorization", "")).login
            except ValueError:
                name = ""
            if name != KEY:
                return web.json_response({"message": "Unauthorized"}, status=401)
            try:
                return await handle(request)
            except MedusaError as error:
                return web.json_response({"type": error.kind, "message": str(error)}, status=error.status)

        return signed

    # --- orders

    async def _make_draft(self, request: web.Request) -> web.Response:
        return web.json_response({"draft_order": self.shop.shown(self.shop.make_draft(await request.json()))})

    async def _list_drafts(self, request: web.Request) -> web.Response:
        drafts = [order for order in self.shop.orders.values() if order["status"] == "draft"]
        return web.json_response({"draft_orders": self._page(request, drafts)})

    async def _delete_draft(self, request: web.Request) -> web.Response:
        draft = self.shop.draft(request.match_info["id"])
        del self.shop.orders[draft["id"]]
        return web.json_response({"id": draft["id"], "object": "draft-order", "deleted": True})

    async def _convert(self, request: web.Request) -> web.Response:
        order = self.shop.convert(request.match_info["id"])
        return web.json_response({"order": self.shop.shown(order)})

    async def _list_orders(self, request: web.Request) -> web.Response:
        orders = [order for order in self.shop.orders.values() if order["status"] != "draft"]
        return web.json_response({"orders": self._page(request, orders)})

    def _page(self, request: web.Request, orders: list[Json]) -> list[Json]:
        query = request.query
        for field in ("created_at", "updated_at"):
            since = query.get(f"{field}[$gte]", "").replace("+00:00", "Z")
            orders = [order for order in orders if order[field] >= since]
        orders.sort(key=lambda order: (order[query.get("order", "created_at")], order["id"]))
        offset, limit = int(query.get("offset", 0)), int(query.get("limit", 20))
        return [self.shop.shown(order) for order in orders[offset : offset + limit]]

    async def _get_order(self, request: web.Request) -> web.Response:
        return web.json_response({"order": self.shop.shown(self._order(request))})

    async def _note(self, request: web.Request) -> web.Response:
        order = self._order(request)
        order["metadata"] |= (await request.json())["metadata"]
        self.shop.touch(order)
        return web.json_response({"order": self.shop.shown(order)})

    async def _act(self, request: web.Request) -> web.Response:
        order = self._order(request)
        self.shop.act(order, request.match_info["action"])
        return web.json_response({"order": self.shop.shown(order)})

    async def _fulfil(self, request: web.Request) -> web.Response:
        order = self._order(request)
        self.shop.fulfil(order, await request.json())
        return web.json_response({"order": self.shop.shown(order)})

    async def _ship(self, request: web.Request) -> web.Response:
        order = self._order(request)
        self.shop.ship(order, request.match_info["fulfillment"], await request.json())
        return web.json_response({"order": self.shop.shown(order)})

    async def _ask_payment(self, request: web.Request) -> web.Response:
        body = await request.json()
        return web.json_response({"payment_collection": self.shop.ask_payment(body["order_id"], body["amount"])})

    async def _mark_paid(self, request: web.Request) -> web.Response:
        body = await request.json()
        paid = self.shop.mark_paid(request.match_info["id"], body["order_id"])
        return web.json_response({"payment_collection": paid})

    def _order(self, request: web.Request) -> Json:
        return self.shop.order(request.match_info["id"])

    # --- stock and lists

    async def _list_reservations(self, request: web.Request) -> web.Response:
        wanted = request.query.getall("line_item_id[]", [])
        held = [one for one in self.shop.reservations.values() if one["line_item_id"] in wanted]
        return web.json_response({"reservations": held})

    async def _reserve(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.shop.reserve(body["line_item_id"], body["inventory_item_id"], body["quantity"])
        return web.json_response({"reservation": body})

    async def _levels(self, request: web.Request) -> web.Response:
        variant = self.shop.variant_of(request.match_info["id"])
        level = {"location_id": LOCATION, "available_quantity": self.shop.available(variant)}
        return web.json_response({"inventory_levels": [level]})

    async def _list_variants(self, request: web.Request) -> web.Response:
        found = list(self.shop.variants.values())
        for field in ("id", "sku", "ean", "barcode"):
            if wanted := request.query.getall(f"{field}[]", []):
                found = [variant for variant in found if getattr(variant, field) in wanted]
        return web.json_response({"variants": [self.shop.shown_variant(variant) for variant in found]})

    async def _region(self, request: web.Request) -> web.Response:
        if request.match_info["id"] != REGION:
            raise MedusaError(404, "not_found", "Region was not found")
        return web.json_response({"region": {"id": REGION, "name": "Poland", "currency_code": "pln"}})

    async def _channel(self, request: web.Request) -> web.Response:
        if request.match_info["id"] != CHANNEL:
            raise MedusaError(404, "not_found", "Sales channel was not found")
        return web.json_response({"sales_channel": {"id": CHANNEL, "name": "Marketplaces"}})

    async def _options(self, request: web.Request) -> web.Response:  # noqa: ARG002 - aiohttp hands it in
        return web.json_response({"shipping_options": [{"id": OPTION, "name": "Marketplace delivery"}]})

    async def _providers(self, request: web.Request) -> web.Response:  # noqa: ARG002 - aiohttp hands it in
        return web.json_response({"payment_providers": [{"id": "pp_system_default", "is_enabled": True}]})

    # --- handles for tests and the demo

    def load(self, products: list[Json]) -> list[SimVariant]:
        """Adds products: each has `sku`, and may have `ean`, `name`, `stock`."""
        allowed = {"sku", "ean", "name", "stock"}
        return [
            self.shop.add_variant(**{key: value for key, value in one.items() if key in allowed}) for one in products
        ]

    def place_order(self) -> Json:
        """A buyer's own order in the shop: one piece of the first product."""
        address = {"first_name": "Ola", "last_name": "Testowa", "address_1": "Próżna 9", "city": "Warszawa"}
        address |= {"postal_code": "00-107", "country_code": "pl", "phone": "500600700"}
        body = {
            "region_id": REGION,
            "currency_code": "pln",
            "email": "ola@example.com",
            "items": [{"variant_id": next(iter(self.shop.variants)), "quantity": 1, "unit_price": "49.99"}],
            "shipping_methods": [{"shipping_option_id": OPTION, "name": "Kurier", "amount": "12.20"}],
            "shipping_address": address,
            "billing_address": address,
            "metadata": {},
        }
        return self.shop.convert(self.shop.make_draft(body)["id"])

    def summary(self) -> Json:
        """Orders in all, and by reference and by marketplace order; references seen twice; stock by SKU; fates."""
        orders = [order for order in self.shop.orders.values() if order["status"] != "draft"]
        references = Counter(_noted(orders, "orderferry_reference"))
        return {
            "orders": len(orders),
            "references": dict(references),
            "sources": dict(Counter(_noted(orders, "orderferry_order"))),
            "fates": {fate.value: count for fate, count in self.counts.items()},
            "twice": sorted(reference for reference, count in references.items() if count > 1),
            "stock": {variant.sku: self.shop.available(variant) for variant in self.shop.variants.values()},
        }

    async def _sim_products(self, request: web.Request) -> web.Response:
        return web.json_response([variant.id for variant in self.load(await request.json())], status=201)

    async def _sim_order(self, request: web.Request) -> web.Response:  # noqa: ARG002 - aiohttp hands it in
        return web.json_response({"id": self.place_order()["id"]}, status=201)

    async def _sim_summary(self, request: web.Request) -> web.Response:  # noqa: ARG002 - aiohttp hands it in
        return web.json_response(self.summary())


def _noted(orders: list[Json], key: str) -> list[Any]:
    return [order["metadata"][key] for order in orders if key in order["metadata"]]


def main() -> None:
    """The command line."""
    options = serving.arguments("A simulated Medusa shop on loopback.").parse_args()
    simulator = MedusaSimulator(seed=options.seed, faults=serving.struck(options.faults))
    told = {"api_key": KEY, "region": REGION, "sales_channel": CHANNEL, "shipping_option": OPTION}
    serving.run(simulator, options.port, lambda: told)


if __name__ == "__main__":
    main()
