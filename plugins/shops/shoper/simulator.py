"""A Shoper shop that runs on loopback and misbehaves on purpose: for tests and the demo.

`python -m plugins.shops.shoper.simulator --port 0 --seed 7 --faults 0.05` prints one line of JSON with its address and
token, and serves until SIGTERM. What it answers follows transcripts of a real shop (version 5.26) and the official SDK.
"""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from aiohttp import BasicAuth, web

from orderferry.testing import serving
from orderferry.testing.simulator import Faults, Handle, Simulator
from plugins.shops.shoper.simulator_state import (
    CONFIG,
    PAYMENTS,
    SHIPPINGS,
    STATUSES,
    TAXES,
    Invalid,
    Json,
    SimShop,
)

TOKEN = "1111111111111111111111111111111111111111"  # noqa: S105 - a made-up token of a simulator
LOGIN, PASSWORD = "webapi", "webapi-password-1"
REST = "/webapi/rest"
MOST, USUAL = 50, 10


class Refusal(Exception):  # noqa: N818 - the shop's own word for it, not a fault of ours
    """An error's answer."""

    def __init__(self, status: int, error: str, text: str) -> None:
        super().__init__(text)
        self.status, self.error, self.text = status, error, text


class ShoperSimulator(Simulator):
    """The shop; `shop` is its data.

    `closed` are resources that the token may not use, `read_only` keeps it from writing, `ignores` are fields that no
    filter knows, `deaf` operators that find nothing. `headers` say how full the leaky bucket is; with `leaks` (calls a
    second) it is a real one, in real time, and `overruns` counts what it refused.
    """

    def __init__(self, *, seed: int = 0, faults: Faults | None = None, samples: bool = True) -> None:
        super().__init__(seed=seed, faults=faults)
        self.shop = SimShop(self.now)
        self.closed: set[str] = set()
        self.ignores: set[str] = set()
        self.deaf: set[str] = set()
        self.read_only = False
        self.config: Json = dict(CONFIG)
        self.headers = {"X-Shop-Api-Calls": "1", "X-Shop-Api-Limit": "10", "X-Shop-Api-Bandwidth": "10"}
        self.leaks = 0.0
        self.overruns = 0
        self._level, self._filled_at = 0.0, time.monotonic()
        self.tokens = {TOKEN}
        self.granted = 0
        if samples:
            self.shop.add_product("KUB-330", ean="5901234123457", price="49.99")
            self.shop.add_product("KOSZ-M", ean="5901234123464", price="79.90", tax_id="2")

    def busy_answer(self) -> web.Response:
        """The leaky bucket runs over."""
        return self._answer({"error": "temporarily_unavailable", "error_description": "requests limit reached"}, 429)

    def routes(self) -> list[web.RouteDef]:
        """The part of the API that the plugin uses, and the handles for tests."""
        shop = self.shop
        own: list[tuple[str, Callable[[], Iterable[Json]]]] = [
            ("orders", lambda: [shop.shown(order) for order in shop.orders.values()]),
            ("order-products", shop.lines.values),
            ("product-stocks", shop.stocks.values),
            ("users", shop.users.values),
            ("parcels", shop.parcels.values),
            ("taxes", lambda: [{"tax_id": id_, "name": name, "value": value} for id_, name, value in TAXES]),
            ("statuses", lambda: [_named("status_id", id_, name) | {"type": kind} for id_, name, kind in STATUSES]),
            ("payments", lambda: [_named("payment_id", id_, name) for id_, name in PAYMENTS]),
            ("shippings", lambda: [_named("shipping_id", id_, name) | {"tax_id": tax} for id_, name, tax in SHIPPINGS]),
            ("currencies", lambda: [{"currency_id": "1", "name": "PLN"}, {"currency_id": "2", "name": "EUR"}]),
        ]
        return [
            web.post(f"{REST}/auth", self._auth),
            web.get(f"{REST}/application-config", self._open("application-config", self._get_config)),
            *(web.get(f"{REST}/{name}", self._open(name, self._lister(rows))) for name, rows in own),
            web.get(REST + r"/orders/{id:\d+}", self._open("orders", self._get_order)),
            web.get(REST + r"/products/{id:\d+}", self._open("products", self._get_product)),
            web.post(f"{REST}/orders", self._open("orders", self._maker(shop.add_order))),
            web.put(REST + r"/orders/{id:\d+}", self._open("orders", self._put_order)),
            web.post(f"{REST}/order-products", self._open("order-products", self._maker(shop.add_line))),
            web.post(f"{REST}/users", self._open("users", self._maker(shop.add_user))),
            web.post(f"{REST}/parcels", self._open("parcels", self._maker(shop.add_parcel))),
            web.put(REST + r"/parcels/{id:\d+}", self._open("parcels", self._put_parcel)),
            web.post("/_sim/products", self._sim_products),
            web.post("/_sim/order", self._sim_order),
            web.get("/_sim/summary", self._sim_summary),
        ]

    def _open(self, resource: str, handle: Handle) -> Handle:
        async def opened(request: web.Request) -> web.StreamResponse:
            try:
                self._fill()
                self._admit(request, resource)
                return await handle(request)
            except Refusal as refusal:
                return self._answer({"error": refusal.error, "error_description": refusal.text}, refusal.status)
            except Invalid as invalid:
                return self._answer({"error": "invalid_request", "error_description": str(invalid)}, 400)

        return opened

    def _admit(self, request: web.Request, resource: str) -> None:
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            raise Refusal(401, "unauthorized_client", "Provided access token is invalid")
        if resource in self.closed or (self.read_only and request.method != "GET"):
            said = "The request requires higher privileges than provided by the access token"
            raise Refusal(403, "insufficient_scope", said)

    def _fill(self) -> None:
        """One more call in the bucket; what runs over is refused."""
        if not self.leaks:
            return
        now = time.monotonic()
        self._level = max(0.0, self._level - (now - self._filled_at) * self.leaks)
        self._filled_at = now
        if self._level + 1 > int(self.headers["X-Shop-Api-Limit"]):
            self.overruns += 1
            raise Refusal(429, "temporarily_unavailable", "requests limit reached")
        self._level += 1
        self.headers["X-Shop-Api-Calls"] = f"{math.ceil(self._level)}"
        self.headers["X-Shop-Api-Bandwidth"] = f"{self.leaks:.0f}"

    def _answer(self, value: Any, status: int = 200) -> web.Response:  # whatever is answered
        body = msgspec.json.encode(value)
        return web.Response(status=status, body=body, content_type="application/json", headers=self.headers)

    # --- reading

    async def _auth(self, request: web.Request) -> web.Response:
        try:
            basic = BasicAuth.decode(request.headers.get("Authorization", ""))
        except ValueError:
            basic = BasicAuth("")
        if (basic.login, basic.password) != (LOGIN, PASSWORD):
            return self._answer({"error": "unauthorized_client", "error_description": "Bad credentials"}, 401)
        self.granted += 1
        token = f"granted-token-{self.granted}"
        self.tokens.add(token)
        return self._answer({"access_token": token, "expires_in": 3600, "token_type": "bearer"})

    async def _get_config(self, request: web.Request) -> web.Response:  # noqa: ARG002 - aiohttp hands it in
        return self._answer(self.config)

    def _lister(self, rows: Callable[[], Iterable[Json]]) -> Handle:
        async def handle(request: web.Request) -> web.StreamResponse:
            return self._answer(self._page(list(rows()), request.query))

        return handle

    def _page(self, rows: list[Json], query: Mapping[str, str]) -> Json:
        filters = json.loads(query.get("filters", "{}"))
        fitting = [row for row in rows if all(self._fits(row, field, told) for field, told in filters.items())]
        field, _, direction = query.get("order", "").partition(" ")
        if field:  # a bare field sorts downwards
            fitting.sort(key=lambda row: _sortable(row.get(field)), reverse=direction != "ASC")
        limit = int(query.get("limit", USUAL))
        limit = limit if limit <= MOST else USUAL
        page = int(query.get("page", 1))
        shown = fitting[(page - 1) * limit : page * limit]
        return {"count": str(len(fitting)), "pages": max(1, -(-len(fitting) // limit)), "page": page, "list": shown}

    def _fits(self, row: Json, field: str, told: Any) -> bool:  # a value, or a map of operators
        if field in self.ignores:
            return True
        value = row.get(field)
        tests = told if isinstance(told, dict) else {"=": told}
        if self.deaf & tests.keys():
            return False
        return all(_compare(value, operator, wanted) for operator, wanted in tests.items())

    async def _get_order(self, request: web.Request) -> web.Response:
        return self._answer(self.shop.shown(self._order(request)))

    async def _get_product(self, request: web.Request) -> web.Response:
        product = self.shop.products.get(request.match_info["id"])
        if product is None:
            raise Refusal(404, "invalid_request", "Resource not found")
        return self._answer(product)

    def _order(self, request: web.Request) -> Json:
        order = self.shop.orders.get(request.match_info["id"])
        if order is None:
            raise Refusal(404, "invalid_request", "Resource not found")
        return order

    # --- writing

    def _maker(self, make: Callable[[Json], str]) -> Handle:
        async def handle(request: web.Request) -> web.StreamResponse:
            return self._answer(int(make(await request.json())))

        return handle

    async def _put_order(self, request: web.Request) -> web.Response:
        order = self._order(request)
        self.shop.change_order(order, await request.json())
        return self._answer(1)

    async def _put_parcel(self, request: web.Request) -> web.Response:
        parcel = self.shop.parcels.get(request.match_info["id"])
        if parcel is None:
            raise Refusal(404, "invalid_request", "Resource not found")
        parcel |= {key: str(value) for key, value in (await request.json()).items()}
        return self._answer(1)

    # --- handles for tests and the demo

    def place_order(self, **changed: Any) -> str:
        """A buyer's own order in the shop, of one product; answers its number."""
        address = {
            "firstname": "Ola",
            "lastname": "Testowa",
            "street1": "Próżna 9",
            "city": "Warszawa",
            "postcode": "00-107",
            "country_code": "PL",
            "phone": "500600700",
        }
        user = next(iter(self.shop.users), None) or self.shop.add_user({"email": "ola@example.com"})
        usual = {
            "email": "ola@example.com",
            "user_id": user,
            "status_id": "1",
            "payment_id": "1",
            "shipping_id": "8",
            "shipping_tax_id": "1",
            "shipping_cost": "12.20",
            "currency_id": "1",
            "billing_address": address,
            "delivery_address": address,
        }
        order_id = self.shop.add_order(usual | changed)
        line = {"order_id": order_id, "price": "20.50", "quantity": 2, "name": "Kubek", "code": "X", "tax_value": "23"}
        self.shop.add_line(line)
        return order_id

    def summary(self) -> dict[str, Any]:
        """Orders in all and by reference, references seen twice, orders by the marketplace's, stock, fates."""
        notes = [order["notes_priv"].split("\n") for order in self.shop.orders.values() if order["notes_priv"]]
        references = Counter(lines[0].split(" ")[0] for lines in notes)
        return {
            "orders": len(self.shop.orders),
            "references": dict(references),
            "sources": dict(Counter(lines[1].rpartition(": ")[2] for lines in notes if len(lines) > 1)),
            "fates": {fate.value: count for fate, count in self.counts.items()},
            "overruns": self.overruns,
            "twice": sorted(reference for reference, count in references.items() if count > 1),
            "stock": {row["code"]: int(row["stock"]) for row in self.shop.stocks.values()},
        }

    async def _sim_products(self, request: web.Request) -> web.Response:
        told = await request.json()
        rows = [self.shop.add_product(one["sku"], int(one.get("stock", 100)), one.get("ean", "")) for one in told]
        return self._answer([row["stock_id"] for row in rows], 201)

    async def _sim_order(self, request: web.Request) -> web.Response:
        changed = await request.json() if request.can_read_body else {}
        return self._answer({"id": self.place_order(**changed)}, 201)

    async def _sim_summary(self, request: web.Request) -> web.Response:  # noqa: ARG002 - aiohttp hands it in
        return self._answer(self.summary())


def _named(key: str, id_: str, name: str) -> Json:
    return {key: id_, "translations": {"pl_PL": {"name": name}}}


def _sortable(value: Any) -> tuple[int, str]:  # numbers come as texts
    plain = str(value or "")
    return (int(plain), "") if plain.isdigit() else (0, plain)


def _compare(value: Any, operator: str, wanted: Any) -> bool:  # as loosely as PHP does
    if operator == "IN":
        return str(value) in {str(one) for one in wanted}
    if operator == "LIKE":
        return str(wanted).strip("%").casefold() in str(value or "").casefold()
    if operator == "=":
        return str(value).casefold() == str(wanted).casefold()
    left, right = _sortable(value), _sortable(wanted)
    return {">": left > right, ">=": left >= right, "<": left < right, "<=": left <= right}[operator]


def main() -> None:
    """The command line."""
    parser = serving.arguments("A simulated Shoper shop on loopback.")
    parser.add_argument("--leaks", type=float, default=10.0, help="calls a second that leak out of its bucket of 10")
    options = parser.parse_args()
    simulator = ShoperSimulator(seed=options.seed, faults=serving.struck(options.faults))
    simulator.leaks = options.leaks
    told = {"token": TOKEN, "delivery_method": SHIPPINGS[0][0], "payment_method": PAYMENTS[0][0]}
    serving.run(simulator, options.port, lambda: told)


if __name__ == "__main__":
    main()
