"""A PrestaShop that runs on loopback and misbehaves on purpose: for tests and the demo.

`python -m plugins.shops.prestashop.simulator --port 0 --seed 7 --faults 0.05` prints one line of JSON with its address
and key, and serves until SIGTERM. What it answers is measured against the recordings of a real PrestaShop 8.2.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from aiohttp import BasicAuth, web

from orderferry.testing import serving
from orderferry.testing.simulator import Faults, Handle, Simulator
from plugins.shops.prestashop.simulator_shop import PsShop, secure_key, six
from plugins.shops.prestashop.simulator_summary import summary
from plugins.shops.prestashop.simulator_tables import ELEMENTS, Row
from plugins.shops.prestashop.simulator_xml import PsError, fields_of, one, posted, select, validate, xml

KEY = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA1"
READ_KEY = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA2"
READS = frozenset({"GET", "HEAD"})
FIXED = frozenset({"stock_availables"})  # nothing can be added there (recording 25)
BUYER = {"firstname": "Ola", "lastname": "Testowa", "address1": "Próżna 9", "city": "Warszawa", "postcode": "00-107"}


class PrestaSimulator(Simulator):
    """The shop; `shop` is its data.

    `patches` is False for a shop older than 8, `closed` are the resources that the key has no right to.
    """

    def __init__(self, *, seed: int = 0, faults: Faults | None = None, samples: bool = True) -> None:
        super().__init__(seed=seed, faults=faults)
        self.shop = PsShop(self.now, seed)
        self.patches = True
        self.closed: set[str] = set()
        if samples:
            self.shop.add_product("KUB-330", ean="5901234123457", name="Kubek ceramiczny 330 ml")
            shirt = self.shop.add_product("KOSZ", price="79.90", name="Koszulka bawełniana")
            self.shop.add_combination(shirt, "KOSZ-M", ean="5901234123464", name="Size:M")
            self.shop.add_combination(shirt, "KOSZ-L", ean="5901234123471", name="Size:L")
            self.shop.add_product("DELIVERY", 0, price="0.01", name="Delivery", type="virtual")

    def routes(self) -> list[web.RouteDef]:
        """The part of the webservice that the plugin uses, and the handles for tests."""
        item = r"/api/{resource:\w+}/{id:\d+}"
        return [
            web.get("/api/", self._signed(self._index)),
            web.get(r"/api/{resource:\w+}", self._signed(self._list)),
            web.post(r"/api/{resource:\w+}", self._signed(self._create)),
            web.get(item, self._signed(self._read)),
            web.put(item, self._signed(self._change)),
            web.patch(item, self._signed(self._change)),
            web.delete(item, self._signed(self._delete)),
            web.post("/_sim/products", self._sim_products),
            web.post("/_sim/order", self._sim_order),
            web.get("/_sim/summary", self._sim_summary),
        ]

    def _signed(self, handle: Handle) -> Handle:
        async def signed(request: web.Request) -> web.StreamResponse:
            try:
                self._admit(request)
                return await handle(request)
            except PsError as error:
                return error.answer()

        return signed

    def _admit(self, request: web.Request) -> None:
        key = request.query.get("ws_key", "")
        header = request.headers.get("Authorization")
        if header:
            try:
                key = BasicAuth.decode(header).login
            except ValueError:
                key = ""
        if not key:
            raise PsError(401, text="401 Unauthorized")
        if len(key) != len(KEY):
            raise PsError(401, (18, "Invalid authentication key format"))
        if key not in {KEY, READ_KEY}:
            inactive = (20, "Authentification key is not active")
            raise PsError(401, inactive, (21, "No permission for this authentication key"))
        resource = request.match_info.get("resource")
        if resource is None:
            return
        if resource not in ELEMENTS:
            raise PsError(400, (27, f'Resource of type "{resource}" does not exists. The full list is: "orders"'))
        if resource in self.closed:
            raise PsError(401, (26, f'Resource of type "{resource}" is not allowed with this authentication key'))
        refused = key == READ_KEY and request.method not in READS
        if refused or (request.method == "PATCH" and not self.patches):
            said = f"Method {request.method} is not allowed for the resource {resource}"
            raise PsError(405, (25, f"{said} with this authentication key"))

    # --- the webservice

    async def _index(self, request: web.Request) -> web.Response:
        methods = ["get", "head"]
        if KEY in {request.query.get("ws_key"), _login(request)}:
            methods += ["put", "post", "delete", *(["patch"] if self.patches else [])]
        rights = " ".join(f'{method}="true"' for method in methods)
        resources = "".join(f"<{name} {rights}>\n</{name}>\n" for name in ELEMENTS if name not in self.closed)
        return xml(f'<api shopName="SklepTestowy">\n{resources}</api>\n')

    async def _list(self, request: web.Request) -> web.Response:
        resource = request.match_info["resource"]
        fields = fields_of(resource, request.query)
        rows = select(resource, self.shop.rows[resource].values(), request.query)
        if fields is None:
            shown = "".join(f'<{ELEMENTS[resource]} id="{row["id"]}"/>\n' for row in rows)
        else:
            shown = "".join(one(resource, row, self._associated(resource, row), fields=fields) for row in rows)
        return xml(f"<{resource}>\n{shown}</{resource}>\n")

    async def _read(self, request: web.Request) -> web.Response:
        resource, row = self._named(request)
        return xml(one(resource, row, self._associated(resource, row)))

    async def _create(self, request: web.Request) -> web.Response:
        resource = request.match_info["resource"]
        if resource in FIXED:
            raise PsError(405, (101, f"Method POST is not allowed for the resource {resource}"))
        fields, associations = posted(resource, await request.read())
        validate(resource, fields, whole=True)
        if resource == "orders":
            order = self.shop.place(fields)
            # the answer is what was posted, with the order's id and rows (recording 09)
            return xml(one("orders", {**fields, "id": order["id"]}, self._associated("orders", order)), status=201)
        row = self._moved(fields) if resource == "order_histories" else self._inserted(resource, fields, associations)
        return xml(one(resource, row, self._associated(resource, row)), status=201)

    async def _change(self, request: web.Request) -> web.Response:
        resource, row = self._named(request)
        fields, _ = posted(resource, await request.read())
        validate(resource, fields, whole=request.method == "PUT")
        changed = {name: value for name, value in fields.items() if name in row and name != "id"}
        state = changed.pop("current_state", None)
        if resource == "orders" and "reference" in changed:
            changed["reference"] = changed["reference"][:9]
        row |= changed
        if resource == "orders":
            if state and state != row["current_state"]:
                self.shop.move(row, state)
            self.shop.touch(row)
        shown = xml(one(resource, row, self._associated(resource, row)))  # as it was sent; kept with six decimals
        row |= {name: six(Decimal(value)) for name, value in changed.items() if name.startswith("total_")}
        return shown

    async def _delete(self, request: web.Request) -> web.Response:
        resource, row = self._named(request)
        del self.shop.rows[resource][int(row["id"])]
        return web.Response(status=200)

    def _inserted(self, resource: str, fields: Row, associations: Mapping[str, list[Row]]) -> Row:
        if resource == "customers":
            registered = [row for row in self.shop.rows[resource].values() if row["is_guest"] != "1"]
            if fields.get("is_guest") != "1" and any(row["email"] == fields["email"] for row in registered):
                taken = (140, "The email is already used, please choose another one")
                raise PsError(500, taken, (46, "Unable to save resource"))
            fields = {**fields, "secure_key": secure_key(fields["email"]), "passwd": "$2y$10$simulated"}
        rows = associations.get("cart_rows", [])
        if resource == "carts" and not rows:
            raise PsError(500)
        row = self.shop.insert(resource, fields)
        if resource == "carts":
            self.shop.cart_rows[int(row["id"])] = rows
        return row

    def _moved(self, fields: Row) -> Row:
        order = self.shop.rows["orders"].get(int(fields["id_order"]))
        if order is None or int(fields["id_order_state"]) not in self.shop.rows["order_states"]:
            raise PsError(500)
        return self.shop.move(order, fields["id_order_state"])

    def _named(self, request: web.Request) -> tuple[str, Row]:
        resource = request.match_info["resource"]
        row = self.shop.rows[resource].get(int(request.match_info["id"]))
        if row is None:
            raise PsError(404)
        return resource, row

    def _associated(self, resource: str, row: Row) -> Mapping[str, list[Row]] | None:
        number = int(row["id"])
        match resource:
            case "orders":
                return {"order_rows": self.shop.order_rows[number]}
            case "carts":
                return {"cart_rows": self.shop.cart_rows[number]}
            case "customers":
                return {"groups": [{"id": row["id_default_group"]}]}
        return None

    # --- handles for tests and the demo

    def load(self, products: list[dict[str, Any]]) -> list[int]:
        """Adds products: each has `sku`, and may have `ean`, `name`, `price` (gross text), `stock`."""
        return [
            self.shop.add_product(
                product["sku"],
                int(product.get("stock", 100)),
                price=str(product.get("price", "49.99")),
                ean=product.get("ean", ""),
                name=product.get("name", product["sku"]),
            )
            for product in products
        ]

    def place_order(self, body: dict[str, Any] | None = None) -> Row:
        """A buyer's own order in the shop, sent by InPost: of one piece of the first product unless `body` says so.

        `body` may hold `reference`, `quantity`, `module` and `note`.
        """
        told = body or {}
        products = self.shop.rows["products"].values()
        wanted = told.get("reference")
        product = next(row for row in products if wanted in {None, row["reference"]})
        customer = self._inserted(
            "customers", {**BUYER, "email": "ola@example.com", "is_guest": "1", "id_lang": "1"}, {}
        )
        address = self.shop.insert(
            "addresses",
            {**BUYER, "id_customer": customer["id"], "id_country": "14", "alias": "A", "phone": "500600700"},
        )
        quantity = int(told.get("quantity", 1))
        row = {"id_product": product["id"], "id_product_attribute": "0", "quantity": str(quantity)}
        cart = self._inserted(
            "carts",
            {
                "id_currency": "1",
                "id_lang": "1",
                "id_customer": customer["id"],
                "id_address_delivery": address["id"],
                "id_address_invoice": address["id"],
                "id_shop": "1",
                "id_shop_group": "1",
                "gift_message": told.get("gift_message", ""),
                "delivery_option": f'{{"{address["id"]}":"5,"}}',
            },
            {"cart_rows": [row]},
        )
        order = self.shop.place(
            {
                "id_cart": cart["id"],
                "module": told.get("module", "ps_wirepayment"),
                "payment": "Bank transfer",
                "total_paid": str(self.shop.total_of(cart)),
            }
        )
        order["note"] = told.get("note", "")
        return order

    def summary(self) -> dict[str, Any]:
        """Its orders, by marketplace order as well; stock by SKU; fates."""
        skus = [row["reference"] for kind in ("products", "combinations") for row in self.shop.rows[kind].values()]
        return {
            **summary(self.shop.rows["orders"].values(), self.shop.rows["order_carriers"].values()),
            "fates": {fate.value: count for fate, count in self.counts.items()},
            "stock": {sku: self.shop.stock_of(sku) for sku in skus},
        }

    async def _sim_products(self, request: web.Request) -> web.Response:
        return web.json_response(self.load(await request.json()), status=201)

    async def _sim_order(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else None
        return web.json_response({"id": self.place_order(body)["id"]}, status=201)

    async def _sim_summary(self, request: web.Request) -> web.Response:  # noqa: ARG002 - aiohttp hands it in
        return web.json_response(self.summary())


def _login(request: web.Request) -> str | None:
    header = request.headers.get("Authorization")
    return BasicAuth.decode(header).login if header else None


def main() -> None:
    """The command line."""
    parser = serving.arguments("A simulated PrestaShop on loopback.")
    parser.add_argument("--abroad", action="store_true", help="sells for euros too, and to France and Italy")
    options = parser.parse_args()
    simulator = PrestaSimulator(seed=options.seed, faults=serving.struck(options.faults))
    if options.abroad:
        simulator.shop.sell_abroad()
    told = {"key": KEY}
    serving.run(simulator, options.port, lambda: told)


if __name__ == "__main__":
    main()
