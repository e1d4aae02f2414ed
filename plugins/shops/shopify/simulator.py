"""A Shopify shop that runs on loopback and misbehaves on purpose: for tests, the demo and the benchmark.

`python -m plugins.shops.shopify.simulator --port 0 --seed 7 --faults 0.05` prints one line of JSON with its address and
token, and serves until SIGTERM. It executes the GraphQL that it is sent: what its part of Shopify's schema does not
have is refused, points are counted and taken from a bucket, and the search learns of an order with delay.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from aiohttp import web

from orderferry.testing import serving
from orderferry.testing.graphql import InvalidDocument, parse
from orderferry.testing.simulator import Faults, Simulator
from plugins.shops.shopify.auth import HEADER
from plugins.shops.shopify.client import VERSION
from plugins.shops.shopify.mapping import PURCHASE
from plugins.shops.shopify.simulator_schema import MOST_POINTS, SCHEMA, points
from plugins.shops.shopify.simulator_state import Json, Refused, SimShop, SimVariant, page_of, words

TOKEN = "shpat_1111111111111111111111111111111111"  # noqa: S105 - a made-up token of a simulator
FETCHED = "shpat_fetched"
CLIENT_ID = "c1111111111111111111111111111111"
CLIENT_SECRET = "shpss_11111111111111111111111111111111"  # noqa: S105 - likewise
SCOPES = (
    "read_products",
    "write_orders",
    "read_all_orders",
    "write_merchant_managed_fulfillment_orders",
)
BUCKET = 2000.0
PATH = f"/admin/api/{VERSION}/graphql.json"


class ShopifySimulator(Simulator):
    """The shop; `shop` is its data. `late` is how many searches an order is not seen in.

    `scopes` are the app's, `hides_buyers` makes it a shop whose app may not read protected data, `restore` is how many
    points come back a second: 0 for a bucket that never empties. `hiccups` are GraphQL error codes that the very next
    operations end with: INTERNAL_SERVER_ERROR after the change was made, THROTTLED before.
    """

    def __init__(self, *, seed: int = 0, faults: Faults | None = None, samples: bool = True) -> None:
        super().__init__(seed=seed, faults=faults)
        self.shop = SimShop(self.now)
        self.late = 0
        self.scopes = list(SCOPES)
        self.hides_buyers = False
        self.restore = 0.0
        self.left = BUCKET
        self._filled = time.monotonic()
        self.hiccups: list[tuple[str, str]] = []
        self.tokens = {TOKEN}
        self.asked: list[str] = []
        self._unseen: dict[str, int] = {}
        if samples:
            self.shop.add_variant("KUB-330", name="Kubek ceramiczny 330 ml", ean="5901234123457", price="49.99")
            self.shop.add_variant("KOSZ-M", name="Koszulka bawełniana - M", ean="5901234123464", price="79.90")
            self.shop.add_variant("KOSZ-L", name="Koszulka bawełniana - L", ean="5901234123471", price="79.90")

    def routes(self) -> list[web.RouteDef]:
        """The two endpoints, and the handles for tests."""
        return [
            web.post("/admin/oauth/access_token", self._grant),
            web.post(PATH, self._graphql),
            web.post("/_sim/products", self._sim_products),
            web.post("/_sim/order", self._sim_order),
            web.get("/_sim/summary", self._sim_summary),
        ]

    def busy_answer(self) -> web.Response:
        """Shopify's 429."""
        return web.json_response({"errors": "Exceeded calls per second. Slow down."}, status=429)

    async def _grant(self, request: web.Request) -> web.Response:
        form = await request.post()
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return web.json_response({"error": "application_cannot_be_found"}, status=400)
        token = f"{FETCHED}_{len(self.tokens)}"
        self.tokens.add(token)
        return web.json_response({"access_token": token, "scope": ",".join(self.scopes), "expires_in": 86_399})

    async def _graphql(self, request: web.Request) -> web.Response:
        if request.headers.get(HEADER) not in self.tokens:
            said = "[API] Invalid API key or access token (unrecognized login or wrong password)"
            return web.json_response({"errors": said}, status=401)
        asked = await request.json()
        try:
            document = parse(asked["query"])
            cost = points(document.selections, SCHEMA.roots[document.kind]) + (10 if document.kind == "mutation" else 0)
        except (InvalidDocument, KeyError) as error:
            return _failed(str(error), getattr(error, "code", "undefinedField"))
        self.asked.append(document.name)
        if cost > MOST_POINTS:
            return _failed(f"Query cost is {cost:.0f}, which exceeds the single query max cost", "MAX_COST_EXCEEDED")
        self._fill()
        hiccup = next((entry for entry in self.hiccups if entry[0] in {"*", document.name}), None)
        if hiccup is not None:
            self.hiccups.remove(hiccup)
        if self.left < cost or (hiccup and hiccup[1] == "THROTTLED"):
            return _failed("Throttled", "THROTTLED", self._cost(cost, 0))
        if hiccup and hiccup[1] == "ACCESS_DENIED":
            return _failed("Access denied", "ACCESS_DENIED", self._cost(cost, 0))
        if self.hides_buyers and "shippingAddress" in asked["query"]:
            said = "This app is not approved to access the Order object's shippingAddress"
            return _failed(said, "ACCESS_DENIED", self._cost(cost, 0), data={"orders": None})
        self.left -= cost if self.restore else 0
        try:
            data = SCHEMA.execute(asked["query"], asked.get("variables") or {}, self._resolvers())
        except InvalidDocument as error:
            return _failed(str(error), error.code)
        if hiccup:
            return _failed("Internal error. Looks like something went wrong on our end.", hiccup[1])
        return web.json_response({"data": data, "extensions": {"cost": self._cost(cost, cost)}})

    def _fill(self) -> None:
        now = time.monotonic()
        self.left = min(self.left + (now - self._filled) * self.restore, BUCKET)
        self._filled = now

    def _cost(self, requested: float, actual: float) -> Json:
        return {
            "requestedQueryCost": requested,
            "actualQueryCost": actual,
            "throttleStatus": {
                "maximumAvailable": BUCKET,
                "currentlyAvailable": self.left,
                "restoreRate": self.restore or 100.0,
            },
        }

    def _resolvers(self) -> dict[str, Callable[..., Any]]:
        shop = self.shop
        return {
            "order": lambda id, **_: shop.orders.get(id),  # noqa: A006 - Shopify's name
            "orderByIdentifier": self._by_identifier,
            "orders": self._orders,
            "productVariants": self._variants,
            "metafieldDefinitions": lambda **_: {
                "nodes": [{"id": "gid://shopify/MetafieldDefinition/1"}][: shop.defined]
            },
            "shop": lambda: {"name": "Simulated shop", "currencyCode": shop.currency, "taxesIncluded": True},
            "currentAppInstallation": lambda: {"accessScopes": [{"handle": scope} for scope in self.scopes]},
            "publicApiVersions": lambda: [{"handle": VERSION, "supported": True}],
            "orderCreate": self._create,
            "orderCancel": self._cancel,
            "orderClose": lambda input: self._changed(input["id"], lambda order: order.update(closed=True)),  # noqa: A006 - Shopify's name
            "orderOpen": lambda input: self._changed(input["id"], lambda order: order.update(closed=False)),  # noqa: A006 - likewise
            "orderMarkAsPaid": lambda input: self._changed(input["id"], shop.pay),  # noqa: A006 - likewise
            "tagsAdd": lambda id, tags: self._changed(id, lambda order: _tag(order, {*order["tags"], *tags})),  # noqa: A006 - likewise
            "tagsRemove": lambda id, tags: self._changed(id, lambda order: _tag(order, {*order["tags"]} - {*tags})),  # noqa: A006 - likewise
            "fulfillmentCreate": self._fulfil,
            "fulfillmentTrackingInfoUpdate": lambda fulfillmentId, trackingInfoInput, **_: _done(  # noqa: N803 - likewise
                lambda: shop.track(fulfillmentId, trackingInfoInput)
            ),
            "metafieldDefinitionCreate": self._define,
        }

    def _create(self, order: Json, options: Json | None = None) -> Json:
        try:
            made = self.shop.create(order, options or {})
        except Refused as refused:
            return {"order": None, "userErrors": [refused.entry]}
        self._unseen[made["id"]] = self.late
        return {"order": made, "userErrors": []}

    def _by_identifier(self, identifier: Json) -> Json | None:
        custom = identifier["customId"]
        if not self.shop.defined:
            raise InvalidDocument("Metafield definition of type 'id' is required when using custom ids.", "NOT_FOUND")
        wanted = ((custom["namespace"], custom["key"]), custom["value"])
        return next((one for one in self.shop.orders.values() if wanted in one["_metafields"].items()), None)

    def _orders(
        self,
        first: int = 50,
        after: str | None = None,
        query: str | None = None,
        sortKey: str = "PROCESSED_AT",  # noqa: N803 - Shopify's name
        reverse: bool = False,
    ) -> Json:
        moment = "updatedAt" if sortKey == "UPDATED_AT" else "createdAt"

        def key(order: Json) -> str:
            return f"{order[moment]} {order['id']}"

        seen = [order for order in self.shop.orders.values() if not self._unseen.get(order["id"])]
        self._unseen = {gid: left - 1 for gid, left in self._unseen.items() if left > 1}
        found = sorted((order for order in seen if _matches(order, query or "")), key=key)
        if reverse:
            return page_of(found[::-1], first, None)
        return page_of(found, first, after, key)

    def _variants(self, first: int = 50, after: str | None = None, query: str | None = None) -> Json:
        terms = list(words(query or ""))
        found = [
            variant.shown()
            for variant in self.shop.variants.values()
            if any((getattr(variant, field) or "").casefold().startswith(value.casefold()) for field, value in terms)
        ]
        return page_of(found, first, after)

    def _cancel(self, orderId: str, restock: bool, **_: Any) -> Json:  # noqa: N803 - Shopify's name
        done = self._changed(orderId, lambda order: self.shop.cancel(order, restock=restock))
        return {"orderCancelUserErrors": done["userErrors"]}

    def _fulfil(self, fulfillment: Json) -> Json:
        (place,) = fulfillment["lineItemsByFulfillmentOrder"]
        return _done(lambda: self.shop.fulfil(place["fulfillmentOrderId"], fulfillment.get("trackingInfo") or {}))

    def _define(self, definition: Json) -> Json:
        if definition["type"] != "id" or self.shop.defined:
            return {"userErrors": [Refused("Key is in use for Order metafields", "definition.key", "TAKEN").entry]}
        self.shop.defined = True
        return {"userErrors": []}

    def _changed(self, gid: str, change: Callable[[Json], object]) -> Json:
        def act() -> None:
            order = self.shop.order(gid)
            change(order)
            self.shop.touch(order)

        return _done(act)

    # --- handles for tests and the demo

    def load(self, products: list[Json]) -> list[SimVariant]:
        """Adds products: each has `sku`, and may have `ean`, `name`, `price` (gross text), `stock`."""
        allowed = {"sku", "ean", "name", "price", "stock"}
        return [
            self.shop.add_variant(**{key: value for key, value in one.items() if key in allowed}) for one in products
        ]

    def place_order(self, order: Json | None = None) -> Json:
        """A buyer's own order in the shop: one piece of the first product, paid by card, unless `order` says else."""
        variant = next(iter(self.shop.variants.values()))
        bag = {"shopMoney": {"amount": str(variant.price), "currencyCode": self.shop.currency}}
        address = {
            "firstName": "Ola",
            "lastName": "Testowa",
            "address1": "Próżna 9",
            "city": "Warszawa",
            "zip": "00-107",
            "countryCode": "PL",
            "phone": "+48500600700",
        }
        usual: Json = {
            "currency": self.shop.currency,
            "taxesIncluded": True,
            "email": "ola@example.com",
            "billingAddress": address,
            "shippingAddress": address,
            "lineItems": [{"variantId": variant.gid, "quantity": 1, "requiresShipping": True}],
            "shippingLines": [{"title": "Kurier", "priceSet": {"shopMoney": {**bag["shopMoney"], "amount": "12.20"}}}],
            "transactions": [{"kind": "SALE", "status": "SUCCESS", "gateway": "shopify_payments", "amountSet": bag}],
            "financialStatus": "PAID",
        }
        return self.shop.create(usual | (order or {}), {"inventoryBehaviour": "DECREMENT_IGNORING_POLICY"})

    def references(self) -> Counter[str]:
        """How many orders carry each reference."""
        return Counter(value for order in self.shop.orders.values() for value in order["_metafields"].values())

    def summary(self) -> Json:
        """Orders in all, and by reference and by marketplace order; references seen twice; stock by SKU; fates."""
        references = self.references()
        sources = (
            entry["value"]
            for order in self.shop.orders.values()
            for entry in order["customAttributes"]
            if entry["key"] == PURCHASE
        )
        return {
            "orders": len(self.shop.orders),
            "references": dict(references),
            "sources": dict(Counter(sources)),
            "fates": {fate.value: count for fate, count in self.counts.items()},
            "twice": sorted(reference for reference, count in references.items() if count > 1),
            "stock": {variant.sku: variant.stock for variant in self.shop.variants.values()},
        }

    async def _sim_products(self, request: web.Request) -> web.Response:
        return web.json_response([variant.gid for variant in self.load(await request.json())], status=201)

    async def _sim_order(self, request: web.Request) -> web.Response:
        order = await request.json() if request.can_read_body else None
        return web.json_response({"id": self.place_order(order)["id"]}, status=201)

    async def _sim_summary(self, request: web.Request) -> web.Response:  # noqa: ARG002 - aiohttp hands it in
        return web.json_response(self.summary())


def _failed(message: str, code: str, cost: Json | None = None, data: Json | None = None) -> web.Response:
    body: Json = {"errors": [{"message": message, "extensions": {"code": code}}]}
    if data is not None:
        body["data"] = data
    if cost is not None:
        body["extensions"] = {"cost": cost}
    return web.json_response(body)


def _done(act: Callable[[], object]) -> Json:
    try:
        act()
    except Refused as refused:
        return {"userErrors": [refused.entry]}
    return {"userErrors": []}


def _tag(order: Json, tags: set[str]) -> None:
    order["tags"] = sorted(tags)


def _matches(order: Json, query: str) -> bool:
    """Whether Shopify's search finds it: a moment from which on, or any of the terms in its own field or in any."""
    if not query:
        return True
    for field, value in words(query):
        if field in {"created_at", "updated_at"}:
            moment = order["createdAt" if field == "created_at" else "updatedAt"]
            return bool(moment >= value.removeprefix(">=").strip("'").replace("Z", "+00:00"))
        texts = {
            "source_identifier": [order["sourceIdentifier"]],
            "po_number": [order["poNumber"]],
            "tag": order["tags"],
            "name": [order["name"]],
            "": [order["note"], order["email"], *(entry["value"] for entry in order["customAttributes"])],
        }[field]
        if any(value.casefold() in (text or "").casefold() for text in texts):
            return True
    return False


def main() -> None:
    """The command line."""
    options = serving.arguments("A simulated Shopify shop on loopback.").parse_args()
    simulator = ShopifySimulator(seed=options.seed, faults=serving.struck(options.faults))
    told = {"access_token": TOKEN, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    serving.run(simulator, options.port, lambda: told)


if __name__ == "__main__":
    main()
