"""A hub that answers from a script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from daemon.core.journal import Entry
from daemon.views import (
    AccountView,
    BackupProgress,
    ChoiceView,
    CommandError,
    Done,
    FetchProgress,
    HealthView,
    ImportedOrder,
    ImportView,
    JobsView,
    JournalView,
    LinkView,
    MalformedView,
    OrdersView,
    OrderView,
    PlanView,
    PlatformView,
    PluginView,
    Sentence,
    StatusView,
    StoryView,
    UnmappedView,
    UnreadableOrder,
)
from orderferry import Order, Parcel
from tests.daemon.control_privacy import ScriptedPrivacy
from tests.daemon.control_views import (
    ALLEGRO_ID,
    ENTRIES,
    ODD_ID,
    ORDER,
    PARKED,
    PLAN,
    ROWS,
    STATUS,
    UNMAPPED,
    account,
    ago,
)

PLUGINS = (
    PluginView(
        name="parcelhub",
        distribution="orderferry-parcelhub",
        version="1.2",
        built_in=False,
        state="not_enabled",
        problems=("it is not enabled",),
    ),
    PluginView(
        name="woocommerce",
        distribution="orderferry",
        version="0.1.0",
        built_in=True,
        state="runs",
        platforms=(
            PlatformView(
                id="woocommerce",
                title="WooCommerce",
                role="shop",
                capabilities=("fetch_orders", "add_order"),
                accounts=("my-shop",),
            ),
        ),
    ),
)


class FakeHub(ScriptedPrivacy):
    """Satisfies `Hub`; notes the commands, and raises what `fails` holds for a method's name."""

    def __init__(self) -> None:
        super().__init__()
        self.fails: dict[str, BaseException] = {}
        self.asked_orders: list[dict[str, object]] = []
        self.page = OrdersView(orders=ROWS, next=11)
        self.gate: asyncio.Event | None = None
        self.news: asyncio.Queue[Entry | BaseException] = asyncio.Queue()
        self.followed_after: list[int | None] = []
        self.closed_streams = 0
        self.entries = ENTRIES
        self.progress: tuple[FetchProgress | BaseException, ...] = (
            FetchProgress(account="allegro-main", pages=1, new=2, changed=1, malformed=0),
            FetchProgress(account="allegro-main", pages=2, new=3, changed=1, malformed=1, done=True),
        )

        done = {"path": "/data/backups/orders-20261126T231500Z.db", "bytes": 98304, "orders": 12, "key_id": "0a1b2c3d"}
        self.saving: tuple[BackupProgress | BaseException, ...] = (
            BackupProgress(percent=40),
            msgspec.convert({"percent": 100, "done": True, **done}, BackupProgress),
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

    async def healthz(self) -> HealthView:
        self._check("healthz")
        return HealthView(health="ok")

    async def readyz(self) -> HealthView:
        self._check("readyz")
        return HealthView(health="ok")

    async def metrics(self) -> str:
        self._check("metrics")
        return "# HELP orderferry_orders Orders in the hub.\n"

    async def accounts(self) -> tuple[AccountView, ...]:
        self._check("accounts")
        problem = "connection refused"
        return (account("allegro-main"), account("my-shop", health="down", problem=problem, parked_jobs=1))

    async def plugins(self) -> tuple[PluginView, ...]:
        return PLUGINS

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
            external_id=ORDER.external_id,
            total=str(ORDER.total),
            ordered_at=ORDER.ordered_at,
            updated_at=ORDER.updated_at,
            order=ORDER,
            links=(link,),
            jobs=(PARKED,),
            parcels=(Parcel(carrier="INPOST", number="620001"),),
            warnings=("line l-1 has no product in the shop",),
        )

    async def plan(self, order: str, *, shop: str | None = None) -> tuple[PlanView, ...]:
        self._order(order)
        if shop is not None:
            self._account(shop)
        return (PLAN,)

    async def unmapped(self, name: str) -> tuple[UnmappedView, ...]:
        self._account(name)
        return UNMAPPED if name == "my-shop" else ()

    async def backup(self, uid: int) -> AsyncIterator[BackupProgress]:
        self._check("backup")
        self.commands.append(("backup", uid))
        for line in self.saving:
            if isinstance(line, BaseException):
                raise line
            yield line

    async def reload(self, uid: int) -> Done:
        return await self._done("reload", uid)

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

    async def journal(
        self,
        *,
        after: int = 0,
        since: datetime | None = None,
        order: str | None = None,
        account: str | None = None,
        kind: str | None = None,
        newest: bool = False,
        limit: int = 100,
    ) -> JournalView:
        self._check("journal")
        if order is not None:
            self._order(order)
        entries = [
            entry
            for entry in self.entries
            if entry.id > after
            and (since is None or entry.at >= since)
            and (order is None or entry.order == (11 if order in {"11", ODD_ID} else 12))
            and account in {None, entry.account}
            and kind in {None, entry.kind}
        ]
        entries = entries[-limit:] if newest else entries[:limit]
        last = self.entries[-1].id if newest and self.entries else after
        return JournalView(entries=tuple(entries), last=max([last, *(entry.id for entry in entries)]))

    async def follow(self, after: int | None) -> AsyncIterator[Entry]:
        self.followed_after.append(after)
        try:
            for entry in self.entries if after is not None else ():
                if after is not None and entry.id > after:
                    yield entry
            while True:
                item = await self.news.get()
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            self.closed_streams += 1

    async def fetch(
        self, names: Sequence[str], uid: int, since: datetime | None = None
    ) -> AsyncIterator[FetchProgress]:
        try:
            for name in names:
                self._account(name)
            self.commands.append(("fetch", tuple(names), *([since] if since else []), uid))
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

    async def import_orders(
        self,
        name: str,
        orders: Sequence[Order],
        malformed: Sequence[UnreadableOrder],
        *,
        undated: bool,
        dry_run: bool,
        uid: int,
    ) -> ImportView:
        ids = tuple(one.external_id for one in orders)
        self.commands.append(("import_orders", name, ids, len(malformed), undated, dry_run, uid))
        self._check("import_orders")
        told = tuple(ImportedOrder(external_id=one, verdict="new") for one in ids)
        return ImportView(
            account=name,
            new=len(ids),
            changed=0,
            same=0,
            refused=0,
            malformed=len(malformed),
            dry_run=dry_run,
            orders=told,
        )

    async def forward(self, order: str, shop: str | None, uid: int) -> Done:
        self._order(order)
        return await self._done("forward", order, shop, uid)

    async def retry(self, job: int, uid: int) -> Done:
        if job != 17:
            raise CommandError("not_found", f"there is no job {job}")
        return await self._done("retry", job, uid)

    async def resolve(self, job: int, *, shop_order: str | None, sent: bool, send_again: bool, uid: int) -> Done:
        return await self._done("resolve", job, shop_order, sent, send_again, uid)

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
