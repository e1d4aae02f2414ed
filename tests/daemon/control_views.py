"""What the scripted hub of these tests knows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from msgspec import structs

from daemon.core.journal import Data, Entry, Kind
from daemon.core.routing import Function
from daemon.views import (
    AccountView,
    JobView,
    OrderRow,
    PlannedLine,
    PlanView,
    StatusView,
    UnmappedView,
    Withheld,
)
from orderferry import (
    Address,
    Buyer,
    Delivery,
    ForwardOrder,
    Line,
    Money,
    Order,
    Payment,
    PaymentKind,
    PickupPoint,
    Stage,
)
from orderferry.forward import ForwardDelivery, ForwardPayment

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ALLEGRO_ID = "29738e61-7f6a-11e8-ac45-09db60ede9d6"
ODD_ID = "a/b c?ü"


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


FUNCTIONS = {
    "shop": (
        Function(name="orders are fetched", when="every 1h"),
        Function(name="orders are put in", when="at once"),
        Function(name="paid or not is told", why_not="my-shop can't do this: WooCommerce has no partial payments"),
    ),
    "marketplace": (Function(name="orders are fetched", when="every 30s"),),
}
UNMAPPED = (
    UnmappedView(
        kind="deliveries", account="allegro-main", method="Kurier", became="flat:9", order=12, last_seen=ago(hours=1)
    ),
)


def account(name: str, **changes: Any) -> AccountView:
    role = "shop" if name == "my-shop" else "marketplace"
    values: dict[str, Any] = {
        "name": name,
        "platform": "woocommerce" if role == "shop" else "allegro",
        "role": role,
        "health": "ok",
        "capabilities": ("add_order", "find_order") if role == "shop" else ("fetch_orders",),
        "missing": {"set_payment": "WooCommerce has no partial payments"} if role == "shop" else {},
        "poll_every": "30s",
        "last_fetch": ago(seconds=12),
        "next_fetch": NOW + timedelta(seconds=18),
        "forwards": role == "shop",
        "functions": FUNCTIONS[role],
        "faults": ("statuses.sent = 'complete' is not known there; there are completed",) if role == "shop" else (),
        "orders": 0 if role == "shop" else 3,
    }
    return AccountView(**values | changes)


ORDER = Order(
    external_id=ALLEGRO_ID,
    revision="819b5836",
    stage=Stage.READY,
    ordered_at=ago(minutes=30),
    updated_at=ago(minutes=12),
    buyer=Buyer(login="kupujaca_zaneta", email="zaneta@example.com"),
    lines=(
        Line(
            id="l-1",
            name="Kubek \x1b[31mred",
            quantity=2,
            unit_price=Money(Decimal("12.34"), "PLN"),
            total=Money(Decimal("24.68"), "PLN"),
            sku="KUB-1",
        ),
    ),
    delivery=Delivery(
        method="Paczkomat",
        cost=Money(Decimal("9.99"), "PLN"),
        address=Address(first_name="Żaneta", street="Rynek 1", city="Wrocław", postcode="50-101", country="PL"),
        pickup_point=PickupPoint(id="WRO117M"),
    ),
    payment=Payment(kind=PaymentKind.ONLINE, paid=Money(Decimal("34.67"), "PLN"), paid_at=ago(minutes=12)),
    total=Money(Decimal("34.67"), "PLN"),
    comment="please ring twice",
)

PARKED = JobView(
    id=17,
    order=12,
    external_id=ALLEGRO_ID,
    account="my-shop",
    kind="add_order",
    state="parked",
    due=ago(minutes=5),
    attempt=1,
    made_at=ago(minutes=12),
    sent_at=ago(minutes=11),
    reason="nobody knows whether the shop has the order",
    remedy="orderferry resolve 17 --shop-order N | --send-again",
)

ROWS = (
    OrderRow(
        id=12,
        account="allegro-main",
        external_id=ALLEGRO_ID,
        stage="ready",
        status="new",
        ordered_at=ago(minutes=30),
        updated_at=ago(minutes=12),
        total="34.67 PLN",
        paid=True,
        shops={},
        finished=False,
        warnings=("line l-1 has no product in the shop",),
    ),
    OrderRow(
        id=11,
        account="allegro-main",
        external_id=ODD_ID,
        stage="placed",
        status="packing",
        ordered_at=ago(days=2),
        updated_at=ago(days=2),
        total="5.00 PLN",
        paid=False,
        shops={"my-shop": "1044"},
        finished=True,
    ),
)

_TOLD: tuple[tuple[int, Kind, Data], ...] = (
    (1, Kind.ORDER_NEW, {"external_id": ALLEGRO_ID, "stage": "placed", "total": "34.67 PLN"}),
    (2, Kind.ORDER_CHANGED, {"fields": ["stage", "delivery"], "stage": "ready", "was_stage": "placed"}),
    (3, Kind.JOB_PARKED, {"what": "add_order", "reason": "nobody knows"}),
)
ENTRIES = tuple(
    Entry(id=number, at=ago(minutes=13 - number), kind=kind, order=12, account="allegro-main", data=data)
    for number, kind, data in _TOLD
)

STATUS = StatusView(
    version="0.1.0",
    health="degraded",
    problems=("my-shop can't be reached; it is tried again by itself",),
    started_at=ago(hours=2),
    data_dir="/var/lib/orderferry",
    sqlite="3.40.1",
    installation="k3v9",
    epoch=1,
    accounts={"allegro-main": "ok", "my-shop": "down"},
    orders={"ready": 1, "placed": 1},
    jobs={"parked": 1},
    malformed=1,
    oldest_unfinished=ago(minutes=12),
    statuses={"new": "New", "packing": "Packing"},
)


PLAN = PlanView(
    order=12,
    shop="my-shop",
    why_not="my-shop has it already, as order 1044",
    told=ForwardOrder(
        number=12,
        reference="ferryk3v912",
        source="allegro-main",
        source_platform="allegro",
        external_id=ALLEGRO_ID,
        ordered_at=ORDER.ordered_at,
        total=ORDER.total,
        lines=tuple(structs.replace(line, offer_id=None) for line in ORDER.lines),
        delivery=ForwardDelivery(
            cost=ORDER.delivery.cost, address=ORDER.delivery.address, method="Kurier", shop_method="flat:9"
        ),
        buyer=structs.replace(ORDER.buyer, login=None),
        payment=ForwardPayment(kind=PaymentKind.ONLINE, paid=True, provider="PayU", shop_method="payu"),
        status="processing",
        fields={"_billing_nip": "5252248481"},
    ),
    withheld=(Withheld(what="login", why="it is not in [shops.my-shop.forward] pass"),),
    lines=tuple(
        PlannedLine(name=line.name, quantity=line.quantity, product="41", stock=7, looked_up=True)
        for line in ORDER.lines
    ),
    unmapped=(UnmappedView(kind="deliveries", account="allegro-main", method="Kurier", became="flat:9"),),
)
