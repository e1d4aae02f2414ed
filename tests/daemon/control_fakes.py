"""A hub that answers from a script, and a control server in front of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Thread
from typing import Any

import msgspec

from daemon.control.guard import Limits
from daemon.control.hub import Hub
from daemon.control.server import ControlServer
from daemon.core.journal import Data, Entry, Kind
from daemon.views import (
    AccountView,
    ChoiceView,
    CommandError,
    Done,
    FetchProgress,
    JobsView,
    JobView,
    JournalView,
    LinkView,
    MalformedView,
    OrderRow,
    OrdersView,
    OrderView,
    Problem,
    Sentence,
    StatusView,
    StoryView,
)
from orderferry import (
    Address,
    Buyer,
    Delivery,
    Line,
    Money,
    Order,
    Parcel,
    Payment,
    PaymentKind,
    PickupPoint,
    Stage,
)

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ALLEGRO_ID = "29738e61-7f6a-11e8-ac45-09db60ede9d6"
ODD_ID = "a/b c?ü"


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


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
)


class FakeHub:
    """Satisfies `Hub`; notes the commands, and raises what `fails` holds for a method's name."""

    def __init__(self) -> None:
        self.commands: list[tuple[object, ...]] = []
        self.fails: dict[str, BaseException] = {}
        self.asked_orders: list[dict[str, object]] = []
        self.page = OrdersView(orders=ROWS, next=11)
        self.gate: asyncio.Event | None = None
        self.news: asyncio.Queue[Entry | BaseException] = asyncio.Queue()
        self.followed_after: list[int | None] = []
        self.closed_streams = 0
        self.progress: tuple[FetchProgress | BaseException, ...] = (
            FetchProgress(account="allegro-main", pages=1, new=2, changed=1, malformed=0),
            FetchProgress(account="allegro-main", pages=2, new=3, changed=1, malformed=1, done=True),
        )

    def _check(self, name: str) -> None:
        error = self.fails.get(name)
        if error is not None:
            raise error

    def _order(self, order: str) -> None:
        if order not in {"11", "12", ALLEGRO_ID, ODD_ID}:
            raise CommandError("not_found", f"there is no order {order}", ("11", "12"))

    def _account(self, name: str) -> None:
        if name not in {"allegro-main", "my-shop"}:
            raise CommandError("not_found", f"there is no account {name}", ("my-shop",))

    async def status(self) -> StatusView:
        self._check("status")
        return STATUS

    async def accounts(self) -> tuple[AccountView, ...]:
        self._check("accounts")
        problem = "connection refused"
        return (account("allegro-main"), account("my-shop", health="down", problem=problem, parked_jobs=1))

    async def account(self, name: str) -> AccountView:
        self._account(name)
        return account(name)

    async def choices(self, name: str, kind: str) -> tuple[ChoiceView, ...]:
        self._account(name)
        return (ChoiceView(id=f"{kind}-1", title="Packing"),)

    async def orders(
        self,
        *,
        account: str | None = None,
        stage: str | None = None,
        status: str | None = None,
        since: datetime | None = None,
        unfinished: bool = False,
        warnings: bool = False,
        before: int | None = None,
        limit: int = 50,
    ) -> OrdersView:
        self._check("orders")
        filters = {"account": account, "stage": stage, "status": status, "since": since, "before": before}
        filters |= {"unfinished": unfinished or None, "warnings": warnings or None, "limit": limit}
        self.asked_orders.append({name: value for name, value in filters.items() if value is not None})
        return self.page

    async def order(self, order: str) -> OrderView:
        self._order(order)
        link = LinkView(
            account="my-shop",
            shop_order="88",
            number="1044",
            reference="k3v9-12",
            since=ago(minutes=2),
            total="34.67 PLN",
        )
        return OrderView(
            id=12,
            account="allegro-main",
            platform="allegro",
            stage="ready",
            status="new",
            first_seen=ago(minutes=12),
            held=None,
            merged_into=None,
            paid=True,
            order=ORDER,
            links=(link,),
            jobs=(PARKED,),
            parcels=(Parcel(carrier="INPOST", number="620001"),),
            warnings=("line l-1 has no product in the shop",),
        )

    async def explain(self, order: str) -> StoryView:
        self._order(order)
        return StoryView(
            id=12,
            account="allegro-main",
            external_id=ALLEGRO_ID,
            summary="The order is ready, and waits for you.",
            story=(Sentence(at=ago(minutes=12), text="The order came from allegro-main."),),
            next=("Nothing happens by itself.",),
            commands=("orderferry resolve 17 --shop-order N", "orderferry resolve 17 --send-again"),
        )

    async def jobs(self, *, state: str | None = None, account: str | None = None, limit: int = 100) -> JobsView:
        self._check("jobs")
        malformed = MalformedView(
            id=3,
            account="allegro-main",
            external_id=None,
            reason="Order.total is missing",
            first_seen=ago(hours=1),
            last_seen=ago(minutes=1),
            times=4,
            remedy="orderferry fetch allegro-main",
        )
        jobs = (PARKED,) if state in {None, "parked"} and account != "allegro-main" else ()
        return JobsView(jobs=jobs[:limit], malformed=(malformed,) if state in {None, "parked"} else ())

    async def journal(self, *, after: int = 0, order: str | None = None, limit: int = 100) -> JournalView:
        if order is not None:
            self._order(order)
        entries = tuple(entry for entry in ENTRIES if entry.id > after)[:limit]
        return JournalView(entries=entries, last=entries[-1].id if entries else after)

    async def follow(self, after: int | None) -> AsyncIterator[Entry]:
        self.followed_after.append(after)
        try:
            for entry in ENTRIES if after is not None else ():
                if after is not None and entry.id > after:
                    yield entry
            while True:
                item = await self.news.get()
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            self.closed_streams += 1

    async def fetch(self, names: Sequence[str], uid: int) -> AsyncIterator[FetchProgress]:
        try:
            for name in names:
                self._account(name)
            self.commands.append(("fetch", tuple(names), uid))
            for item in self.progress:
                if isinstance(item, BaseException):
                    raise item
                yield item
                if self.gate is not None:
                    await self.gate.wait()
        finally:
            self.closed_streams += 1

    async def _done(self, name: str, *values: object) -> Done:
        self.commands.append((name, *values))
        self._check(name)
        if self.gate is not None:
            await self.gate.wait()
        return Done(text=f"{name} was done", order=12, jobs=(18,))

    async def forward(self, order: str, shop: str | None, uid: int) -> Done:
        self._order(order)
        return await self._done("forward", order, shop, uid)

    async def retry(self, job: int, uid: int) -> Done:
        if job != 17:
            raise CommandError("not_found", f"there is no job {job}")
        return await self._done("retry", job, uid)

    async def resolve(self, job: int, *, shop_order: str | None, send_again: bool, uid: int) -> Done:
        return await self._done("resolve", job, shop_order, send_again, uid)

    async def set_status(self, order: str, status: str, uid: int) -> Done:
        self._order(order)
        if status not in {"new", "packing", "sent"}:
            raise CommandError("invalid", f"there is no status {status}", ("sent",))
        return await self._done("set_status", order, status, uid)

    async def set_payment(self, order: str, *, paid: bool, amount: Decimal | None, uid: int) -> Done:
        return await self._done("set_payment", order, paid, amount, uid)

    async def add_parcel(self, order: str, carrier: str, number: str, uid: int) -> Done:
        return await self._done("add_parcel", order, carrier, number, uid)

    async def pause(self, name: str, uid: int) -> Done:
        self._account(name)
        return await self._done("pause", name, uid)

    async def resume(self, name: str, uid: int) -> Done:
        return await self._done("resume", name, uid)


class FakeLog:
    """Notes events with their values."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, object]]] = []

    def debug(self, event: str, **values: object) -> None:
        self.events.append((event, values))

    def info(self, event: str, **values: object) -> None:
        self.events.append((event, values))

    def warning(self, event: str, **values: object) -> None:
        self.events.append((event, values))

    def of(self, event: str) -> list[dict[str, object]]:
        return [values for name, values in self.events if name == event]


QUICK = Limits(read=5.0, write=5.0, pulse=5.0, grace=1.0)


@asynccontextmanager
async def serving(
    hub: Hub,
    path: Path,
    *,
    limits: Limits = QUICK,
    log: FakeLog | None = None,
    actors: frozenset[int] | None = None,
    **given: Any,
) -> AsyncIterator[ControlServer]:
    """A started server; `actors` replaces those who may act, since the tests' own user always may."""
    server = ControlServer(hub, path, log=log or FakeLog(), limits=limits, **given)
    if actors is not None:
        server._actors = actors
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@contextmanager
def daemon_thread(hub: FakeHub, path: Path, **given: Any) -> Iterator[Callable[[], None]]:
    """The same in a thread of its own, for clients that block; yields what stops it."""
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        leave = asyncio.Event()
        async with serving(hub, path, **given):
            started.set_result((asyncio.get_running_loop(), leave))
            await leave.wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:
            if not started.done():
                started.set_exception(error)
            raise

    thread = Thread(target=run)
    thread.start()
    loop, leave = started.result(timeout=20)

    def stop() -> None:
        with suppress(RuntimeError):  # it is closed already
            loop.call_soon_threadsafe(leave.set)

    try:
        yield stop
    finally:
        stop()
        thread.join(timeout=20)
        assert not thread.is_alive()


async def until(condition: Callable[[], bool]) -> None:
    """Lets the loop go on until the condition is true."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - the condition is the loop's own state, which has no event
            await asyncio.sleep(0)


async def raw(path: Path, sent: bytes, *, end: bool = False) -> bytes:
    """What the socket answers to these bytes until it closes."""
    reader, writer = await asyncio.open_unix_connection(str(path))
    try:
        with suppress(ConnectionError):
            writer.write(sent)
            await writer.drain()
            if end:
                writer.write_eof()
        received = b""
        with suppress(ConnectionError):
            while chunk := await reader.read(65536):
                received += chunk
        return received
    finally:
        writer.close()


def request(
    method: str = "GET", target: str = "/v1/status", *headers: str, body: bytes = b"", host: str | None = "localhost"
) -> bytes:
    """A request as bytes, which asks for the connection to end behind it."""
    lines = [f"{method} {target} HTTP/1.1", *headers, "Connection: close"]
    if host is not None:
        lines.append(f"Host: {host}")
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def status_of(received: bytes) -> int:
    return int(received.split(b" ", 2)[1])


def problem_of(received: bytes) -> Problem:
    """The problem of an answer, which must be one."""
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"application/json" in head
    return msgspec.json.decode(body, type=Problem)
