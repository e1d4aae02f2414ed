"""A shop and a marketplace in memory, whose answers a test decides; their worlds outlive the engines that ask them."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, ClassVar, Protocol, TypeAlias

from msgspec import Struct

from orderferry import (
    Account,
    Capability,
    CheckReport,
    Choice,
    ChoiceKind,
    Clock,
    ForwardOrder,
    Mail,
    OrderRef,
    Page,
    Parcel,
    PaymentState,
    Platform,
    Progress,
    Role,
    Settings,
    ShopOrder,
    Unsure,
    hookimpl,
)


class Applied(Struct):
    """The shop does it, and then this goes wrong."""

    error: BaseException


class Late(Struct):
    """The answer is lost, and the shop does it only so many seconds later."""

    seconds: float


class Answer(Struct):
    """The shop does it, and the plugin answers this, whatever it is."""

    value: Any  # a plugin may answer anything


GOOD = None
HANG = "hang"
Fate: TypeAlias = BaseException | Applied | Late | Answer | str | None


class Mortal(Protocol):
    """Whatever can be dead while its requests are still on their way."""

    @property
    def store(self) -> Any: ...  # a store that can be killed


class World:
    """What happens to calls: by `script`, a queue of fates for each hook, else good; `gate` holds them all up."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []  # the hook and what it was asked about
        self.told: list[tuple[str, str, Any]] = []  # hook, the order's id there, what was told
        self.script: dict[str, deque[Fate]] = {}
        self.always: dict[str, Fate] = {}
        self.gated = 0
        self.at_once: Counter[str] = Counter()
        self.most_at_once = 0
        self.on_call: Callable[[str, Any], Awaitable[None]] | None = None
        self._gate: asyncio.Event | None = None

    def then(self, hook: str, *fates: Fate) -> None:
        """How the hook's very next calls end."""
        self.script.setdefault(hook, deque()).extend(fates)

    def close_gate(self) -> None:
        """From now on every call waits until the gate is opened."""
        self._gate = asyncio.Event()

    def open_gate(self) -> None:
        """Lets all calls go on."""
        if self._gate is not None:
            self._gate.set()
            self._gate = None

    def asked(self, hook: str) -> list[Any]:
        """What the hook was asked about, in order."""
        return [about for name, about in self.calls if name == hook]

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self.at_once["all"] += 1
        self.most_at_once = max(self.most_at_once, self.at_once["all"])
        try:
            yield
        finally:
            self.at_once["all"] -= 1

    async def meet(self, hook: str, about: Any) -> Fate:  # whatever the hook is asked about
        """Notes the call, waits at the gate, and answers its fate."""
        self.calls.append((hook, about))
        if self.on_call is not None:
            await self.on_call(hook, about)
        if self._gate is not None:
            self.gated += 1
            try:
                await self._gate.wait()
            finally:
                self.gated -= 1
        queue = self.script.get(hook)
        fate = queue.popleft() if queue else self.always.get(hook)
        if fate == HANG:
            await asyncio.Event().wait()
        return fate


class ShopWorld(World):
    """`applied` has every order that the shop made, by reference, as often as it made it."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.applied: list[tuple[str, str]] = []  # reference, the shop's id
        self.late: list[tuple[datetime, str]] = []
        self.report = CheckReport(summary="fine")
        self.pages: deque[Page] = deque()
        self.foreign: dict[str, ShopOrder] = {}
        self.lists: dict[ChoiceKind, tuple[Choice, ...]] = dict.fromkeys(ChoiceKind, ())
        self._clock = clock

    def apply(self, reference: str) -> str:
        """Makes one more order with this reference."""
        number = str(1000 + len(self.applied))
        self.applied.append((reference, number))
        return number

    def catch_up(self) -> None:
        """Makes the orders whose late time has come."""
        due = [entry for entry in self.late if entry[0] <= self._clock.now()]
        self.late = [entry for entry in self.late if entry not in due]
        for _, reference in due:
            self.apply(reference)

    def applied_later(self, reference: str, seconds: float) -> None:
        """The request is still on its way."""
        self.late.append((self._clock.now() + timedelta(seconds=seconds), reference))

    def number(self, reference: str) -> str | None:
        """The shop's id of the order with this reference."""
        self.catch_up()
        return next((number for mark, number in self.applied if mark == reference), None)


class MarketWorld(World):
    """Hands out `pages` by cursor: the page behind None, behind "c1" and so on; beyond the last, an empty one."""

    def __init__(self) -> None:
        super().__init__()
        self.pages: dict[str | datetime | None, Page] = {}
        self.report = CheckReport(summary="fine")


class MailWorld(World):
    """`sent` has every mail that went out, as often as it did."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Mail] = []


class MailServer(Platform[Settings]):
    """A mail server in memory."""

    id = "fake-mail"
    title = "A mail server in memory"
    role = Role.MAIL
    Settings: ClassVar[type[Settings]] = Settings
    capabilities = Capability.SEND_MAIL

    def __init__(self, account: Account[Any], world: MailWorld, asker: Mortal) -> None:
        super().__init__(account)
        self.world = world
        self._asker = asker

    @hookimpl
    async def check(self) -> CheckReport:
        return CheckReport(summary="fine")

    @hookimpl
    async def send_mail(self, mail: Mail) -> None:
        fate = await self.world.meet("send_mail", mail)
        if isinstance(fate, BaseException):
            raise fate
        if self._asker.store.dead:
            raise Unsure("this process is dead: its mail never left")
        self.world.sent.append(mail)
        if isinstance(fate, Applied):
            raise fate.error


class Shop(Platform[Settings]):
    """Class B: an order can be found by its reference."""

    id = "fake-shop"
    title = "A shop in memory"
    role = Role.SHOP
    Settings: ClassVar[type[Settings]] = Settings
    capabilities = (
        Capability.FETCH_ORDERS
        | Capability.ADD_ORDER
        | Capability.FIND_ORDER
        | Capability.REF_EXACT
        | Capability.SET_STATUS
        | Capability.SET_PAYMENT
        | Capability.SET_TRACKING
    )
    concurrency = 4

    def __init__(self, account: Account[Any], world: ShopWorld, asker: Mortal) -> None:
        super().__init__(account)
        self.world = world
        self._asker = asker

    def _apply(self, reference: str) -> str:
        if self._asker.store.dead:
            raise Unsure("this process is dead: its request never left")
        return self.world.apply(reference)

    @hookimpl
    async def check(self) -> CheckReport:
        fate = await self.world.meet("check", None)
        if isinstance(fate, Answer):
            return fate.value  # type: ignore[no-any-return] # a plugin may answer anything
        if isinstance(fate, BaseException):
            raise fate
        return self.world.report

    @hookimpl
    async def fetch_orders(self, cursor: str | None, since: datetime | None) -> Page:
        fate = await self.world.meet("fetch_orders", since or cursor)
        if isinstance(fate, BaseException):
            raise fate
        return self.world.pages.popleft() if self.world.pages else Page(cursor=cursor or "none")

    @hookimpl
    async def add_order(self, order: ForwardOrder, progress: Progress) -> ShopOrder:  # noqa: ARG002 - the contract's own
        reference = order.reference
        with self.world._counted():
            fate = await self.world.meet("add_order", order)
            if isinstance(fate, BaseException):
                raise fate
            if isinstance(fate, Late):
                if not self._asker.store.dead:
                    self.world.applied_later(reference, fate.seconds)
                raise Unsure("the answer is late")
            number = self._apply(reference)
            if isinstance(fate, Applied):
                raise fate.error
            if isinstance(fate, Answer):
                return fate.value  # type: ignore[no-any-return] # a plugin may answer anything
            return ShopOrder(id=number, number=number, total=order.total, status=order.status)

    @hookimpl
    async def find_order(self, reference: str, since: datetime) -> ShopOrder | None:  # noqa: ARG002 - the contract's own
        fate = await self.world.meet("find_order", reference)
        if isinstance(fate, BaseException):
            raise fate
        if isinstance(fate, Answer):
            return fate.value  # type: ignore[no-any-return] # a plugin may answer anything
        number = self.world.number(reference)
        return None if number is None else ShopOrder(id=number, number=number)

    async def _tell(self, hook: str, ref: OrderRef, value: Any) -> None:  # what the hook tells
        fate = await self.world.meet(hook, (ref.id, value))
        if isinstance(fate, BaseException):
            raise fate
        self.world.told.append((hook, ref.id, value))
        if isinstance(fate, Applied):
            raise fate.error

    @hookimpl
    async def set_status(self, ref: OrderRef, status: str) -> None:
        await self._tell("set_status", ref, status)

    @hookimpl
    async def set_payment(self, ref: OrderRef, payment: PaymentState) -> None:
        await self._tell("set_payment", ref, payment.paid)

    @hookimpl
    async def set_tracking(self, ref: OrderRef, parcels: Sequence[Parcel]) -> None:
        await self._tell("set_tracking", ref, tuple(parcel.number for parcel in parcels))


class QuickShop(Shop):
    """Gives a hook call up very soon."""

    call_limit = 0.02


class BlindShop(Shop):
    """Class C: what became of an order can't be looked up; its find_order must never be asked."""

    capabilities = Shop.capabilities & ~(Capability.FIND_ORDER | Capability.REF_EXACT)
    call_limit = 0.02

    @hookimpl
    async def find_order(self, reference: str, since: datetime) -> ShopOrder | None:  # noqa: ARG002 - the contract's own
        raise AssertionError("this shop can't be searched")


class WideShop(Shop):
    """Takes many orders at once."""

    concurrency = 32


class NarrowShop(Shop):
    """Takes one order at a time."""

    concurrency = 1


class SteppingShop(Shop):
    """Adds an order in two steps, and remembers the first."""

    capabilities = Shop.capabilities | Capability.ADD_IS_MULTI_STEP

    @hookimpl
    async def add_order(self, order: ForwardOrder, progress: Progress) -> ShopOrder:
        if progress.value is None:
            await progress.save(f"cart-of-{order.reference}")
        await self.world.meet("saved", progress.value)
        return await super().add_order(order=order, progress=progress)


class MovingShop(Shop):
    """Telling of a parcel or a payment moves the order's status there."""

    capabilities = Shop.capabilities | Capability.STATUS_MOVES_ON_TRACKING


class NoFeedShop(Shop):
    """Has no orders of its own to be fetched."""

    capabilities = Shop.capabilities & ~Capability.FETCH_ORDERS


class Market(Platform[Settings]):
    """A marketplace that hands out the pages of its world."""

    id = "fake-marketplace"
    title = "A marketplace in memory"
    role = Role.MARKETPLACE
    Settings: ClassVar[type[Settings]] = Settings
    capabilities = Capability.FETCH_ORDERS | Capability.SET_TRACKING

    def __init__(self, account: Account[Any], world: MarketWorld) -> None:
        super().__init__(account)
        self.world = world

    @hookimpl
    async def check(self) -> CheckReport:
        fate = await self.world.meet("check", None)
        if isinstance(fate, Answer):
            return fate.value  # type: ignore[no-any-return] # a plugin may answer anything
        if isinstance(fate, BaseException):
            raise fate
        return self.world.report

    @hookimpl
    async def fetch_orders(self, cursor: str | None, since: datetime | None) -> Page:
        fate = await self.world.meet("fetch_orders", since or cursor)
        if isinstance(fate, BaseException):
            raise fate
        if isinstance(fate, Answer):
            return fate.value  # type: ignore[no-any-return] # a plugin may answer anything
        return self.world.pages.get(since or cursor) or Page(cursor=cursor or "none")

    @hookimpl
    async def set_tracking(self, ref: OrderRef, parcels: Sequence[Parcel]) -> None:
        fate = await self.world.meet("set_tracking", (ref.id, parcels))
        if isinstance(fate, BaseException):
            raise fate
        self.world.told.append(("set_tracking", ref.id, tuple(parcel.number for parcel in parcels)))


class PickyShop(Shop):
    """Knows what it has: its lists are `world.lists`, and `world.foreign` are orders that something else put in."""

    id = "picky-shop"
    capabilities = (
        Shop.capabilities
        | Capability.FIND_PURCHASE
        | Capability.LIST_STATUSES
        | Capability.LIST_PAYMENTS
        | Capability.LIST_DELIVERIES
        | Capability.PAYMENT_READ
        | Capability.STATUS_MOVES_ON_TRACKING
    )

    @hookimpl
    async def find_purchase(self, order: ForwardOrder) -> ShopOrder | None:
        fate = await self.world.meet("find_purchase", order.external_id)
        if isinstance(fate, BaseException):
            raise fate
        return self.world.foreign.get(order.external_id)

    @hookimpl
    async def list_choices(self, kind: ChoiceKind) -> tuple[Choice, ...]:
        fate = await self.world.meet("list_choices", kind)
        if isinstance(fate, BaseException):
            raise fate
        return self.world.lists[kind]
