"""The smallest whole platforms, and the simulator that they speak to: to be read, copied and used in tests.

`TinyShop` can do what a good shop can; `TinyMarket` is a marketplace. Both speak to `TinySimulator`, which keeps its
orders in a dictionary.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
from aiohttp import web

from orderferry.capability import Capability
from orderferry.forward import (
    CheckReport,
    Choice,
    ChoiceKind,
    ForwardOrder,
    OrderRef,
    PaymentState,
    Product,
    ProductKey,
    ShopOrder,
)
from orderferry.hooks import hookimpl
from orderferry.http import BasicAuth
from orderferry.model import (
    Address,
    Buyer,
    Delivery,
    Echo,
    Line,
    MalformedOrder,
    Money,
    Order,
    Page,
    Parcel,
    Payment,
    PaymentKind,
    Role,
    Stage,
)
from orderferry.platform import Account, Platform, Progress
from orderferry.settings import Secret, Settings, Url
from orderferry.testing.simulator import Simulator

KEY, SECRET = "tiny-key", "tiny-right-secret"
PAGE = 3
Json = dict[str, Any]


class TinySimulator(Simulator):
    """Orders in a list; every change gives an order the next serial number, by which they are fetched."""

    def __init__(self) -> None:
        super().__init__(seed=1)
        self.orders: dict[str, Json] = {}
        self.stock: Counter[str] = Counter({"S-1": 500, "S-2": 500})
        self.serial = 0

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/ping", self._ping),
            web.get("/orders", self._list),
            web.post("/orders", self._add),
            web.patch("/orders/{id}", self._change),
            web.get("/orders/{id}", self._one),
            web.post("/orders/{id}/parcels", self._ship),
        ]

    def put(self, **fields: Any) -> Json:
        order: Json = {"id": str(len(self.orders) + 1), "status": "new", "paid": False, "parcels": [], **fields}
        self.orders[order["id"]] = order
        return self.touch(order)

    def touch(self, order: Json) -> Json:
        self.serial += 1
        order["serial"] = self.serial
        return order

    async def _ping(self, request: web.Request) -> web.Response:
        wrong = request.headers.get("Authorization") != BasicAuth(KEY, SECRET).header
        return web.json_response({"message": "wrong key"} if wrong else {}, status=401 if wrong else 200)

    async def _list(self, request: web.Request) -> web.Response:
        if reference := request.query.get("reference"):
            return web.json_response([o for o in self.orders.values() if o.get("reference") == reference])
        after = int(request.query.get("after", "0"))
        changed = sorted((o for o in self.orders.values() if o["serial"] > after), key=lambda o: o["serial"])
        return web.json_response(changed[:PAGE])

    async def _add(self, request: web.Request) -> web.Response:
        told = await request.json()
        for sku, quantity in told["pieces"].items():
            self.stock[sku] -= quantity
        return web.json_response(self.put(**told), status=201)

    async def _one(self, request: web.Request) -> web.Response:
        return web.json_response(self.orders[request.match_info["id"]])

    async def _change(self, request: web.Request) -> web.Response:
        order = self.orders[request.match_info["id"]]
        order.update(await request.json())
        return web.json_response(self.touch(order))

    async def _ship(self, request: web.Request) -> web.Response:
        order = self.orders[request.match_info["id"]]
        order["parcels"].append((await request.json())["number"])
        return web.json_response(self.touch(order))


class TinySettings(Settings, frozen=True, kw_only=True):
    """Where the simulator is."""

    url: Url
    secret: Secret


def explain(body: bytes) -> str | None:
    """What the simulator itself says of an error; None where something else has answered."""
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return None


decode = msgspec.json.Decoder(dict[str, Any]).decode
decode_list = msgspec.json.Decoder(list[dict[str, Any]]).decode


class Tiny(Platform[TinySettings]):
    """What the shop and the marketplace share."""

    Settings = TinySettings

    def __init__(self, account: Account[TinySettings]) -> None:
        super().__init__(account)
        auth = BasicAuth(KEY, account.settings.secret.reveal())
        self.http = account.http(account.settings.url, auth=auth, explain=explain)

    @hookimpl
    async def check(self) -> CheckReport:
        await self.http.get("/ping", decode)
        return CheckReport(summary="the key is good")

    @hookimpl
    async def fetch_orders(self, cursor: str | None, since: datetime | None) -> Page:  # noqa: ARG002 - it has no times
        found = await self.http.get("/orders", decode_list, query={"after": cursor or "0"})
        orders, malformed, echoes = [], [], []
        for told in found:
            if reference := told.get("reference"):
                echoes.append(Echo(reference=reference, id=told["id"], paid=told["paid"]))
            elif told.get("total") is None:
                raw = json.dumps(told).encode()
                malformed.append(MalformedOrder(external_id=told["id"], reason="total is missing", raw=raw))
            else:
                orders.append(read(told))
        return Page(
            orders=tuple(orders),
            malformed=tuple(malformed),
            echoes=tuple(echoes),
            cursor=str(found[-1]["serial"]) if found else cursor or "0",
            more=len(found) == PAGE,
        )

    @hookimpl
    async def set_tracking(self, ref: OrderRef, parcels: Sequence[Parcel]) -> None:
        there = (await self.http.get(f"/orders/{ref.id}", decode))["parcels"]
        for parcel in parcels:
            if parcel.number not in there:
                await self.http.send("POST", f"/orders/{ref.id}/parcels", decode, json={"number": parcel.number})


def read(told: Json) -> Order:
    """An order of the simulator's as the contract has it."""
    price = Money.of(told["total"], "PLN")
    when = datetime(2026, 1, 5, tzinfo=UTC)
    return Order(
        external_id=told["id"],
        revision=str(told["serial"]),
        stage=Stage.CANCELLED if told["status"] == "cancelled" else Stage.READY,
        ordered_at=when,
        updated_at=when,
        buyer=Buyer(id="b-1"),
        lines=(Line(id="1", name="Thing", quantity=1, unit_price=price, total=price, offer_id="77"),),
        delivery=Delivery(cost=Money(Decimal(0), "PLN"), address=Address(street="A 1", city="B", country="PL")),
        payment=Payment(kind=PaymentKind.ONLINE),
        total=price,
    )


class TinyMarket(Tiny):
    """A marketplace."""

    id, title, role = "tiny-market", "Tiny market", Role.MARKETPLACE
    capabilities = Capability.FETCH_ORDERS | Capability.SET_TRACKING | Capability.PARCELS_MANY


class TinyShop(Tiny):
    """A shop that can do everything."""

    id, title, role = "tiny-shop", "Tiny shop", Role.SHOP
    capabilities = (
        TinyMarket.capabilities
        | Capability.ADD_ORDER
        | Capability.FIND_ORDER
        | Capability.SET_STATUS
        | Capability.SET_PAYMENT
        | Capability.FIND_PRODUCTS
        | Capability.LIST_STATUSES
        | Capability.KEEPS_PRICES
        | Capability.STOCK_ON_ADD
        | Capability.REF_EXACT
        | Capability.PAYMENT_READ
        | Capability.CARRIES_COMMENT
        | Capability.CARRIES_LOGIN
    )

    @hookimpl
    async def add_order(self, order: ForwardOrder, progress: Progress) -> ShopOrder:  # noqa: ARG002 - made in one call
        pieces: Counter[str] = Counter()
        for line in order.lines:
            pieces[line.sku or ""] += line.quantity
        told = {
            "reference": order.reference,
            "total": order.total.amount,
            "pieces": pieces,
            "paid": bool(order.payment and order.payment.paid),
            "notes": [order.comment, order.buyer.login],
        }
        return held(await self.http.send("POST", "/orders", decode, json=told))

    @hookimpl
    async def find_order(self, reference: str, since: datetime) -> ShopOrder | None:  # noqa: ARG002 - an exact search
        found = await self.http.get("/orders", decode_list, query={"reference": reference})
        return held(found[0]) if found else None

    @hookimpl
    async def set_status(self, ref: OrderRef, status: str) -> None:
        await self.http.send("PATCH", f"/orders/{ref.id}", decode, json={"status": status})

    @hookimpl
    async def set_payment(self, ref: OrderRef, payment: PaymentState) -> None:
        await self.http.send("PATCH", f"/orders/{ref.id}", decode, json={"paid": payment.paid})

    @hookimpl
    async def list_choices(self, kind: ChoiceKind) -> tuple[Choice, ...]:  # noqa: ARG002 - it has one list
        return (Choice(id="new", title="New"), Choice(id="sent", title="Sent"))

    @hookimpl
    async def find_products(self, keys: Sequence[ProductKey]) -> tuple[Product | None, ...]:
        return tuple(Product(id=key.sku, sku=key.sku) if key.sku and key.sku.startswith("S-") else None for key in keys)


def held(told: Json) -> ShopOrder:
    """An order as the shop holds it."""
    return ShopOrder(id=told["id"], number=told["id"], total=Money.of(told["total"], "PLN"), status=told["status"])
