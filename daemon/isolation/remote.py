"""An account's platform as the daemon sees it while the plugin's own code runs in a child process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeAlias

import msgspec
from msgspec import Raw

from daemon.isolation.peer import NOTHING
from daemon.isolation.values import Asked, Line, Said, Waited, decode, encode
from orderferry import (
    CheckReport,
    Choice,
    ChoiceKind,
    ForwardOrder,
    Mail,
    OrderRef,
    Page,
    Parcel,
    PaymentState,
    ProbeReport,
    Product,
    ProductKey,
    Progress,
    ShopOrder,
    Unavailable,
    hookimpl,
)
from orderferry.loading import HOOKS, implements
from orderferry.meter import UNMEASURED, Meter
from orderferry.oauth import AskOwner, Tokens, TokenStore
from orderferry.platform import AnyPlatform, Platform
from orderferry.surroundings import Log

_SAID_OF_A_CLASS = (
    "id", "title", "role", "Settings", "capabilities", "why_not", "poll_every", "statuses", "concurrency", "call_limit",
)  # fmt: skip
_LEVELS = frozenset({"debug", "info", "warning"})
_LONGEST_EVENT = 200

Callbacks: TypeAlias = Mapping[str, Any]  # what a call may be asked back for: its Progress, `show`, `ask`


class Asks(Protocol):
    """Asks the child for a hook; see `Keeper.ask`."""

    async def __call__(
        self, hook: str, arguments: Mapping[str, Any], begins: Callable[[int], None] = ...
    ) -> Any: ...  # as the hook answers


class Surroundings:
    """What the child is given of the daemon: it asks back for it, and so never has the vault's key.

    `calls` are the calls under way that may be asked back for something.
    """

    def __init__(self, tokens: TokenStore, log: Log, meter: Meter = UNMEASURED) -> None:
        self.calls: dict[int, Callbacks] = {}
        self._tokens = tokens
        self._log = log
        self._meter = meter
        self._locks: dict[str, asyncio.Task[None]] = {}

    async def serve(self, number: int, name: str, body: Raw) -> bytes:  # noqa: ARG002 - calls back carry their own
        """Answers what the child calls back for."""
        match name:
            case "tokens.load":
                return encode(await self._tokens.load())
            case "tokens.save":
                await self._tokens.save(decode(body, Tokens))
            case "tokens.lock":
                await self._lock(decode(body, str))
            case "progress.save":
                said = decode(body, Said)
                await self._call(said, "progress").save(said.text)
            case "ask":
                said = decode(body, Said)
                return encode(await self._call(said, "ask")(said.text))
            case _:
                raise LookupError(name)
        return NOTHING

    def hear(self, name: str, body: Raw) -> None:
        """Takes what the child says; what can't be read is left out."""
        try:
            match name:
                case "log":
                    self._write(decode(body, Line))
                case "tokens.unlock":
                    if (holder := self._locks.pop(decode(body, str), None)) is not None:
                        holder.cancel()
                case "asked":
                    asked = decode(body, Asked)
                    self._meter.asked(asked.ending, asked.seconds)
                case "waited":
                    waited = decode(body, Waited)
                    self._meter.waited(waited.why, waited.seconds)
                case "show":
                    said = decode(body, Said)
                    self._call(said, "show")(said.text)
                case _:
                    pass  # a pong: that it came was all
        except (msgspec.MsgspecError, LookupError):
            self._log.warning("plugin_said_nonsense", what=name[:_LONGEST_EVENT])

    def drop(self) -> None:
        """The child is gone: nobody holds its locks any more."""
        for holder in self._locks.values():
            holder.cancel()
        self._locks.clear()

    def _call(self, said: Said, name: str) -> Any:  # a callback, or a Progress
        try:
            return self.calls[said.call][name]
        except KeyError:
            raise Unavailable("the call that this belongs to is over") from None

    def _write(self, line: Line) -> None:
        if line.level in _LEVELS:
            values = {str(key): value for key, value in line.values.items() if key != "event"}
            getattr(self._log, line.level)(line.event[:_LONGEST_EVENT], **values)

    async def _lock(self, key: str) -> None:
        """Takes the tokens' lock and keeps it until it is unlocked by this key."""
        held = asyncio.Event()
        holder = self._locks[key] = asyncio.create_task(self._hold(held))
        holding = asyncio.create_task(held.wait())
        try:
            await asyncio.wait({holder, holding}, return_when=asyncio.FIRST_COMPLETED)
            if not held.is_set():
                await holder  # which raises why
        finally:
            holding.cancel()

    async def _hold(self, held: asyncio.Event) -> None:
        async with self._tokens.lock():
            held.set()
            await asyncio.Event().wait()


def remote(kind: type[AnyPlatform], asks: Asks, surroundings: Surroundings) -> AnyPlatform:
    """A platform that says of itself what `kind` says, and has its hooks; each is asked in the child."""
    members: dict[str, Any] = {name: getattr(kind, name) for name in _SAID_OF_A_CLASS}
    members |= {hook: getattr(_EveryHook, hook) for hook in HOOKS if implements(kind, hook)}
    platform: AnyPlatform = type(f"Remote{kind.__name__}", (Remote,), members)(asks, surroundings)
    return platform


class Remote(Platform[Any]):
    """A platform whose answers were checked in its child, and whose calls can't harm the daemon."""

    def __init__(self, asks: Asks, surroundings: Surroundings) -> None:
        self._asks = asks
        self._surroundings = surroundings

    async def _ask(self, hook: str, **arguments: Any) -> Any:  # as the hook has it
        return await self._asks(hook, arguments)

    async def _ask_with(self, hook: str, callbacks: Callbacks, **arguments: Any) -> Any:  # as the hook has it
        """Asks for a hook that may call back."""
        calls = self._surroundings.calls
        number = 0

        def begins(given: int) -> None:
            nonlocal number
            number = given
            calls[number] = callbacks

        try:
            return await self._asks(hook, {**arguments, **callbacks}, begins)
        finally:
            calls.pop(number, None)


class _EveryHook(Remote):
    """Every hook of the contract; a remote platform gets those that its plugin implements."""

    @hookimpl
    async def fetch_orders(self, cursor: str | None, since: datetime | None) -> Page:
        answer: Page = await self._ask("fetch_orders", cursor=cursor, since=since)
        return answer

    @hookimpl
    async def add_order(self, order: ForwardOrder, progress: Progress) -> ShopOrder:
        answer: ShopOrder = await self._ask_with("add_order", {"progress": progress}, order=order)
        return answer

    @hookimpl
    async def find_order(self, reference: str, since: datetime) -> ShopOrder | None:
        answer: ShopOrder | None = await self._ask("find_order", reference=reference, since=since)
        return answer

    @hookimpl
    async def find_purchase(self, order: ForwardOrder) -> ShopOrder | None:
        answer: ShopOrder | None = await self._ask("find_purchase", order=order)
        return answer

    @hookimpl
    async def set_status(self, ref: OrderRef, status: str) -> None:
        await self._ask("set_status", ref=ref, status=status)

    @hookimpl
    async def set_payment(self, ref: OrderRef, payment: PaymentState) -> None:
        await self._ask("set_payment", ref=ref, payment=payment)

    @hookimpl
    async def set_tracking(self, ref: OrderRef, parcels: Sequence[Parcel]) -> None:
        await self._ask("set_tracking", ref=ref, parcels=parcels)

    @hookimpl
    async def list_choices(self, kind: ChoiceKind) -> tuple[Choice, ...]:
        answer: tuple[Choice, ...] = await self._ask("list_choices", kind=kind)
        return answer

    @hookimpl
    async def find_products(self, keys: Sequence[ProductKey]) -> tuple[Product | None, ...]:
        answer: tuple[Product | None, ...] = await self._ask("find_products", keys=keys)
        return answer

    @hookimpl
    async def send_mail(self, mail: Mail) -> None:
        await self._ask("send_mail", mail=mail)

    @hookimpl
    async def login(self, show: Callable[[str], None], ask: AskOwner, refresh_token: str | None) -> str:
        answer: str = await self._ask_with("login", {"show": show, "ask": ask}, refresh_token=refresh_token)
        return answer

    @hookimpl
    async def probe(self) -> ProbeReport:
        answer: ProbeReport = await self._ask("probe")
        return answer

    @hookimpl
    async def check(self) -> CheckReport:
        answer: CheckReport = await self._ask("check")
        return answer
