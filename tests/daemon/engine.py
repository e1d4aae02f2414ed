"""An engine around fake platforms: the real store, rounds, dispatcher and pollers, on a clock that the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import msgspec
from msgspec.structs import replace

from daemon import acts
from daemon.account_settings import AccountSettings, ForwardSettings
from daemon.accounts import Accounts, AccountState
from daemon.core import forwarding
from daemon.core.journal import Entry
from daemon.core.routing import Sync
from daemon.core.thanking import LANGUAGES, Letters
from daemon.core.ticking import IMMEDIATE
from daemon.dispatcher import Dispatcher
from daemon.hooks import Hooks
from daemon.poller import Poller
from daemon.receive import unpack
from daemon.recovery import recover
from daemon.round import RETRY_WRITE, Rounds
from daemon.store.case import when
from daemon.store.store import Seal, Store
from daemon.thank_you import supplied
from daemon.vault import Vault
from orderferry import (
    Account,
    Address,
    Buyer,
    Delivery,
    Duration,
    Line,
    Money,
    Order,
    Page,
    Payment,
    PaymentKind,
    Role,
    Settings,
    Stage,
)
from orderferry.platform import AnyPlatform
from orderferry.testing.clock import START, VirtualClock
from orderferry.testing.memory import MemoryLog, MemoryTokens
from tests.daemon.engine_platforms import MailServer, MailWorld, Market, MarketWorld, Shop, ShopWorld, World

VAULT = Vault(b"k" * 32)
BUYER = "Canaria-Żółtobrzuch"
STATUSES = {"new": "processing", "sent": "completed", "cancelled": "cancelled"}
LETTERS = Letters(templates={language: supplied(language) for language in LANGUAGES})
DEADLINE = 20.0


def pln(amount: str) -> Money:
    return Money(Decimal(amount), "PLN")


def order(number: int = 1, *, at: datetime = START, **changes: Any) -> Order:  # any field of an order
    """A paid order whose form is complete; its id is `o-<number>`."""
    whole = Order(
        external_id=f"o-{number}",
        revision="r1",
        stage=Stage.READY,
        ordered_at=at,
        updated_at=at,
        buyer=Buyer(login="anna", email="canary@example.org", last_name=BUYER),
        lines=(
            Line(id=f"l-{number}", name="Mug", quantity=1, unit_price=pln("20.00"), total=pln("20.00"), sku="MUG-1"),
        ),
        delivery=Delivery(
            method="Courier",
            cost=pln("9.99"),
            address=Address(last_name=BUYER, street="Solna 1", city="Poznań", postcode="60-166", country="PL"),
        ),
        payment=Payment(kind=PaymentKind.ONLINE, paid=pln("29.99")),
        total=pln("29.99"),
    )
    return replace(whole, **changes)


def page(*orders: Order, cursor: str = "c1", **more: Any) -> Page:  # any field of a page
    return Page(orders=orders, cursor=cursor, **more)


def settings(name: str, role: Role, **changes: Any) -> AccountSettings:  # any of its fields
    whole = AccountSettings(
        name=name,
        role=role,
        platform=f"fake-{role.value}",
        poll_every=Duration(hours=1),
        settings=Settings(),
        statuses=STATUSES if role is Role.SHOP else {},
        sync=Sync(status=IMMEDIATE, payment=IMMEDIATE),
        forward=ForwardSettings(enabled=role is Role.SHOP),
    )
    return replace(whole, **changes)


class KilledError(Exception):
    """The process of this engine is dead: nothing more of it reaches the disk."""


class MortalStore(Store):
    """A store whose process can be killed: at operation number `dies_at`, before it begins."""

    dead = False
    operations = 0
    dies_at: int | None = None

    def __init__(self, *given: Any) -> None:  # what a store is made of
        super().__init__(*given)
        self.died = asyncio.Event()

    def _live(self) -> None:
        self.operations += 1
        if self.dies_at is not None and self.operations >= self.dies_at:
            self.dead = True
        if self.dead:
            self.died.set()
            raise KilledError

    async def fetch(self, sql: str, parameters: Any = ()) -> list[Any]:  # sqlite cells
        self._live()
        return await super().fetch(sql, parameters)

    async def begin(self) -> None:
        self._live()
        await super().begin()

    async def write(self, batch: Any) -> None:  # a batch
        self._live()
        await super().write(batch)

    async def commit(self) -> None:
        self._live()
        await super().commit()

    async def rollback(self) -> None:
        if not self.dead:
            await super().rollback()


class EngineClock(VirtualClock):
    """Knows whether a round waits to try its writing again."""

    retrying = 0

    def set_wall(self, by: timedelta) -> None:
        """Somebody sets the machine's clock; the time that passes is as before."""
        self._start += by

    async def sleep(self, seconds: float) -> None:
        self.retrying += seconds == RETRY_WRITE
        try:
            await super().sleep(seconds)
        finally:
            self.retrying -= seconds == RETRY_WRITE


Make = Callable[[Account[Any]], AnyPlatform]


class Engine:
    """What `daemon.app` builds, without the control API; `async with` it, or `kill` it."""

    def __init__(self, store: MortalStore, clock: EngineClock) -> None:
        self._others = asyncio.all_tasks()
        self.store = store
        self.clock = clock
        self.draw: Callable[[], float] = lambda: 0.5
        self.published: list[Entry] = []
        self.hooks = Hooks()
        self.accounts = Accounts(clock, self.hooks, self._throw)
        self.prefix = forwarding.prefix(store.installation)
        self.rounds = Rounds(
            store,
            clock,
            targets=self.accounts.targets,
            ladder=lambda: self.accounts.ladder,
            publish=self.published.extend,
        )
        self.dispatcher = Dispatcher(self.accounts, self.rounds, clock, self.prefix, self._throw)
        self.pollers: dict[str, Poller] = {}
        self.polling: dict[str, asyncio.Task[None]] = {}
        self.worlds: list[World] = []
        self.running = asyncio.create_task(self.rounds.run(self.dispatcher))

    @classmethod
    async def open(cls, data_dir: Path, clock: EngineClock | None = None, *, seal: Seal = VAULT) -> Self:
        """Opens the store and begins its rounds; accounts are added by `shop` and `market`."""
        return cls(await MortalStore.open(data_dir, seal), clock or EngineClock())

    @classmethod
    async def between(
        cls,
        data_dir: Path,
        world: ShopWorld,
        kind: type[Shop] = Shop,
        *,
        clock: EngineClock,
        market: MarketWorld | None = None,
        **changes: Any,  # any field of the shop's settings
    ) -> Self:
        """An engine between a marketplace "market" and a shop "shop"; what was left behind is not recovered yet."""
        engine = await cls.open(data_dir, clock)
        await engine.market(market or MarketWorld())
        await engine.shop(world, kind=kind, **changes)
        return engine

    async def shop(self, world: ShopWorld, name: str = "shop", kind: type[Shop] = Shop, **changes: Any) -> AccountState:
        """Adds an account on this shop, as the daemon does at its start."""
        return await self._add(settings(name, Role.SHOP, **changes), lambda account: kind(account, world, self), world)

    async def market(self, world: MarketWorld, name: str = "market", **changes: Any) -> AccountState:
        """The same for a marketplace; `poll` starts its poller."""
        return await self._add(
            settings(name, Role.MARKETPLACE, **changes), lambda account: Market(account, world), world
        )

    async def mail(self, world: MailWorld, **changes: Any) -> AccountState:  # any field of its settings
        """The same for the mail server."""
        given = settings("mail", Role.MAIL, letters=LETTERS, **changes)
        return await self._add(given, lambda account: MailServer(account, world, self), world)

    async def _add(self, given: AccountSettings, make: Make, world: World) -> AccountState:
        name = given.name
        state = AccountState(name=name, settings=given, added_at=self.clock.now())
        self.accounts.add(state)
        account: Account[Any] = Account(
            name=name,
            role=given.role,
            settings=given.settings,
            http=_no_http,
            clock=self.clock,
            log=MemoryLog(),
            tokens=MemoryTokens(),
            reference_prefix=self.prefix,
        )
        self.hooks.open(name, lambda: make(account))
        self.worlds.append(world)
        await self.rounds.act(acts.add_account(name, given.platform, given.role.value))
        rows = await self.store.fetch("select added_at, cursor from account where name = ?", (name,))
        state.added_at = when(rows[0][0]) - timedelta(days=1)
        state.thanks_since = state.added_at if given.thank_you else None
        state.cursor = rows[0][1]
        self.pollers[name] = Poller(self.accounts, state, self.rounds, self.clock, self._throw)
        return state

    def reference(self, number: int, account: str = "market") -> str:
        """By what the order `o-<number>` is known in every shop."""
        return forwarding.reference(self.prefix, account, f"o-{number}")

    def poll(self, name: str = "market") -> None:
        """Starts the account's poller."""
        self.polling[name] = asyncio.create_task(self.pollers[name].run())

    async def recover(self) -> tuple[int, ...]:
        """What a start does with the jobs that the last process left behind."""
        rows = await self.store.fetch("select distinct order_id from job where state = 'sending'")
        numbers = [row[0] for row in rows]
        return (await self.rounds.act(recover(numbers, self.accounts), numbers)).jobs if numbers else ()

    def _throw(self) -> float:
        """What a test has put into `draw`, however late it did."""
        return self.draw()

    async def receive(
        self,
        given: Page,
        account: str = "market",
        *,
        merges: bool = False,
        **more: Any,  # when the feed was last read to its end
    ) -> Any:  # Counts
        """Puts a page in as a poller would."""
        return await self.rounds.receive(unpack(account, given, merges=merges, caught_up=more.get("caught_up")))

    @property
    def idle(self) -> bool:
        """Whether nothing happens any more until time moves, somebody submits, or a gate is opened."""
        wake = self.rounds._wake
        stuck = self.running.done() or (self.rounds.degraded is not None and self.clock.retrying > 0)
        rounds = stuck or (not wake.is_set() and bool(wake._waiters))  # the one sign that the loop of rounds waits
        carrying = sum(len(lane.running) for lane in self.dispatcher._lanes.values())
        gated = sum(world.gated for world in self.worlds)
        inbox = not self.rounds._inbox or stuck
        reports = not self.dispatcher._reports or stuck
        polling = all(task.done() or poller_rests(task) or gated or stuck for task in self.polling.values())
        return bool(rounds) and inbox and reports and carrying <= gated and polling

    async def settle(self) -> None:
        """Lets everything happen that can happen without time moving."""
        calm = 0
        async with asyncio.timeout(DEADLINE):
            while calm < 6:
                if self.idle:
                    await asyncio.sleep(0)
                    calm += 1
                else:
                    calm = 0
                    await self._wait_for_the_disk()

    async def _wait_for_the_disk(self) -> None:
        """Returns when the store's thread has done all that it was given: nobody has to look again and again."""
        if self.store.dead:
            await asyncio.Event().wait()
        await self.store._db._execute(lambda: None)  # type: ignore[no-untyped-call] # aiosqlite's own queue
        await asyncio.sleep(0)

    async def pass_time(self, seconds: float) -> None:
        """Moves time on, and lets everything settle at each moment at which somebody wakes."""
        until = self.clock.now() + timedelta(seconds=seconds)
        await self.settle()
        while (at := self.clock.next_at) is not None and at <= until:
            await self.clock.advance(self.clock._sleepers[0][0] - self.clock.monotonic())  # moments are rounded
            await self.settle()
        await self.clock.advance((until - self.clock.now()).total_seconds())
        await self.settle()

    async def jobs(self, **where: object) -> list[tuple[Any, ...]]:
        """(id, order, account, kind, state, attempt, reason) of all jobs, in the order in which they were made."""
        rows = await self.store.fetch("select id, order_id, account, kind, state, attempt, reason from job order by id")
        names = ("id", "order", "account", "kind", "state", "attempt", "reason")
        return [row for row in rows if all(row[names.index(key)] == value for key, value in where.items())]

    async def states(self) -> list[str]:
        """The jobs' states, in the order in which they were made."""
        return [row[4] for row in await self.jobs()]

    async def links(self) -> dict[int, str]:
        """Which order stands in the shop as which."""
        return dict(await self.store.fetch("select order_id, shop_order from link where reference != ''"))

    async def kinds(self) -> list[str]:
        """The kinds of the journal's rows, in order."""
        return [row[0] for row in await self.store.fetch("select kind from journal order by id")]

    async def entries(self, kind: str) -> list[Any]:
        """The data of the journal's rows of this kind."""
        rows = await self.store.fetch("select data from journal where kind = ? order by id", (kind,))
        return [msgspec.json.decode(row[0]) for row in rows]

    async def kill(self) -> None:
        """Ends the engine as a killed process ends: nothing is finished, nothing is closed in order."""
        self.store.dead = True
        await self._cancel_all()
        await asyncio.gather(self.running, return_exceptions=True)
        await self.store._db.close()
        self.store._lock.release()

    async def _cancel_all(self) -> None:
        while ours := asyncio.all_tasks() - self._others - {asyncio.current_task()}:
            for task in ours:
                task.cancel()
            await asyncio.gather(*ours, return_exceptions=True)

    async def close(self) -> None:
        """Stops as the daemon does."""
        if self.store.dead:
            return
        for task in self.polling.values():
            task.cancel()
        await asyncio.gather(*self.polling.values(), return_exceptions=True)
        for world in self.worlds:
            world.open_gate()
        if not self.running.done():
            await self.dispatcher.drain()
            self.rounds.stop()
        try:
            await self.running
        finally:
            await self.store.close()
            self.store.dead = True
            await self._cancel_all()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def poller_rests(task: asyncio.Task[None]) -> bool:
    """Whether a poller waits for its time or its bell."""
    coroutine: Any = task.get_coro()
    while (inner := getattr(coroutine, "cr_await", None)) is not None:
        if getattr(coroutine, "__name__", "") == "_rest":
            return True
        coroutine = inner
    return False


def _no_http(*_: object, **__: object) -> Any:
    raise AssertionError("a fake platform asks nobody")
