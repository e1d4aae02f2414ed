"""Takes claimed jobs, asks the target account's hook, and hands what came of it to the round.

A job reaches this module only after its intent is on disk. Each account has its own queue and its own number of calls
at once, so that a slow one delays nobody else.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections import deque
from collections.abc import Callable, Sequence
from datetime import timedelta

import structlog
from msgspec import Struct, field
from msgspec.structs import replace

from daemon.accounts import Accounts, AccountState, Turn, tell_turn
from daemon.core import forwarding, thanking
from daemon.core.job import JobKind, JobState
from daemon.core.maps import Unmapped
from daemon.core.retry import AlreadyThereError, Cause, Failure, classify, told
from daemon.outcomes import Outcome, Said
from daemon.round import Claimed, FatalStoreError, Room, Rounds
from orderferry import (
    Capability,
    Clock,
    ForwardOrder,
    Mail,
    Malformed,
    Order,
    OrderRef,
    Parcel,
    PaymentState,
    Rejected,
    ShopOrder,
)

log = structlog.get_logger("orderferry.dispatcher")

LEASE = timedelta(seconds=60)
SEARCH_BACK = timedelta(minutes=15)
DRAIN = 25.0
LAST_REPORTS = 1.0
MOST_AHEAD = 7
NOTED_AGAIN = 3600.0

_MOVES = {
    JobKind.SET_PAYMENT: Capability.STATUS_MOVES_ON_PAYMENT,
    JobKind.SET_TRACKING: Capability.STATUS_MOVES_ON_TRACKING,
}


class Lane(Struct):
    """One account's work in hand."""

    waiting: deque[Claimed] = field(default_factory=deque)
    running: dict[asyncio.Task[None], Claimed] = {}
    call_seconds: float = 0.1
    alarm: asyncio.Task[None] | None = None

    def looking(self) -> frozenset[int]:
        """The doubts that are in hand."""
        in_hand = [*self.waiting, *self.running.values()]
        return frozenset(claimed.job.id for claimed in in_hand if claimed.job.state is JobState.UNSURE)


class _Progress:
    """How far a job of several steps has come, kept in the store."""

    def __init__(self, rounds: Rounds, job: int, value: str | None) -> None:
        self._rounds = rounds
        self._job = job
        self.value = value

    async def save(self, text: str) -> None:
        """Returns when the text is on disk."""
        await self._rounds.save_progress(self._job, text)
        self.value = text


class Dispatcher:
    """Carries jobs out; the round asks it for `rooms` and gives it what fits."""

    def __init__(
        self,
        accounts: Accounts,
        rounds: Rounds,
        clock: Clock,
        prefix: str,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._accounts = accounts
        self._rounds = rounds
        self._clock = clock
        self._prefix = prefix
        self._draw = draw
        self._lanes: dict[str, Lane] = {}
        self._reports: set[asyncio.Task[None]] = set()
        self._open = True
        self._noted: dict[tuple[str, Unmapped], float] = {}

    def rooms(self) -> Sequence[Room]:
        """How many jobs each account can take now; some more than it has hands, where calls outrun the disk."""
        if not self._open:
            return []
        found = []
        for state in self._accounts:
            if not self._accounts.may_ask(state):
                continue
            lane = self._lane(state.name)
            hands = self._accounts.hooks.platform(state.name).concurrency
            in_hand = len(lane.waiting) + len(lane.running)
            if state.held_until is not None:
                free = 0 if in_hand else 1
            else:
                ahead = math.ceil(hands * self._rounds.seconds / max(lane.call_seconds, 1e-4))
                free = hands + min(ahead, hands * MOST_AHEAD) - in_hand
            found.append(Room(account=state.name, jobs=max(free, 0), looking=lane.looking()))
        return found

    def take(self, claimed: Claimed) -> None:
        """Takes a job whose intent is on disk."""
        name = claimed.job.account
        if name not in self._accounts or self._accounts[name].paused:  # a reload closes it, since the round claimed
            self._release(claimed)
            return
        self._lane(name).waiting.append(claimed)
        self._fill(name)

    def hold(self) -> None:
        """Begins nothing more, until `begin`; what is under way goes on."""
        self._open = False

    def begin(self) -> None:
        """Begins what is due; the round has to be woken for it."""
        self._open = True

    async def drain(self) -> int:
        """Begins nothing more, waits for what is under way, and answers how many calls had to be left in doubt."""
        self.hold()
        for lane in self._lanes.values():
            while lane.waiting:
                self._release(lane.waiting.popleft())
        for lane in self._lanes.values():
            if lane.alarm is not None:
                lane.alarm.cancel()
        left = await self._end([task for lane in self._lanes.values() for task in lane.running])
        # on a full disk they can't be written: the jobs stay SENDING there, and the next start looks them up
        if self._reports:
            await asyncio.wait(self._reports, timeout=LAST_REPORTS)
        return left

    async def finish(self, name: str) -> None:
        """Waits for one account's calls that are under way; the account must not be asked any more."""
        lane = self._lanes.pop(name, Lane())
        while lane.waiting:
            self._release(lane.waiting.popleft())
        if lane.alarm is not None:
            lane.alarm.cancel()
        await self._end(list(lane.running))

    async def _end(self, running: Sequence[asyncio.Task[None]]) -> int:
        """Waits for these calls; answers how many had to be broken off, and so left in doubt."""
        if not running:
            return 0
        _, left = await asyncio.wait(running, timeout=DRAIN)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=2)
        return len(left)

    def _lane(self, name: str) -> Lane:
        return self._lanes.setdefault(name, Lane())

    def _fill(self, name: str) -> None:
        lane = self._lane(name)
        hands = self._accounts.hooks.platform(name).concurrency
        while lane.waiting and len(lane.running) < hands:
            claimed = lane.waiting.popleft()
            state = self._accounts[name]
            if not self._open or self._late(claimed) or not self._accounts.may_ask(state):
                self._release(claimed)
                continue
            probe = self._accounts.begin(state)
            task = asyncio.create_task(self._carry(state, claimed, probe=probe))
            lane.running[task] = claimed
            task.add_done_callback(lambda done: self._done(name, done))

    def _late(self, claimed: Claimed) -> bool:
        """Whether a claim has waited too long; a doubt was sent long ago, and may be looked up at any time."""
        job = claimed.job
        return job.state is JobState.SENDING and job.sent_at is not None and self._clock.now() - job.sent_at > LEASE

    def _done(self, name: str, task: asyncio.Task[None]) -> None:
        self._lane(name).running.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("dispatch_failed", account=name, error=repr(error))
        self._fill(name)

    async def _carry(self, state: AccountState, claimed: Claimed, *, probe: bool) -> None:
        began, sent_at = self._clock.monotonic(), self._clock.now()
        job = claimed.job
        failure: Failure | None = None
        shop_order: ShopOrder | None = None
        said = Said()
        limit = self._accounts.hooks.platform(state.name).call_limit
        try:
            async with asyncio.timeout(limit):
                shop_order, said = await self._call(state, claimed)
        except asyncio.CancelledError:
            message = "the daemon was stopped before the answer came"
            failure = Failure(cause=Cause.UNSURE, message=message)
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything; it concerns this job alone
            failure = told(classify(error, sent=job.state is JobState.SENDING), claimed.order)
        lane = self._lane(state.name)
        lane.call_seconds += (self._clock.monotonic() - began - lane.call_seconds) / 8
        others_worked = (
            state.last_success is not None and job.first_tried is not None and state.last_success > job.first_tried
        )
        accounts = self._accounts
        turn = (
            accounts.succeeded(state, probe=probe) if failure is None else accounts.failed(state, failure, probe=probe)
        )
        self._tell_turn(state, turn)
        if state.held_until is not None:
            if lane.alarm is not None:
                lane.alarm.cancel()  # it may be set for a hold that is over, and was longer than this one
            lane.alarm = asyncio.create_task(self._watch_hold(state, lane))
        capabilities = self._accounts.capabilities(state.name)
        self._report(
            Outcome(
                job=job.id,
                order=job.order_id,
                account=job.account,
                sent_at=job.sent_at or sent_at,
                ended_at=self._clock.now(),
                looked=job.state is JobState.UNSURE,
                failure=failure,
                shop_order=shop_order,
                reference=self._reference(claimed),
                said=said,
                moves_status=_MOVES.get(job.kind, Capability.NONE) & capabilities != Capability.NONE,
                can_find=Capability.FIND_ORDER in capabilities,
                settle=state.settings.settle,
                others_worked=others_worked,
                draw=self._draw(),
                unmapped=self._unmapped(state, claimed) if shop_order is not None else (),
            )
        )
        log.info(
            "job_carried_out",
            job=job.id,
            order=job.order_id,
            account=job.account,
            what=job.kind.value,
            outcome="done" if failure is None else failure.cause.value,
        )

    async def _watch_hold(self, state: AccountState, lane: Lane) -> None:
        """Asks for a round when a held account may be asked again."""
        while wait := self._accounts.held_for(state).total_seconds():
            await self._clock.sleep(wait)
        lane.alarm = None
        self._rounds.wake()

    async def _call(self, state: AccountState, claimed: Claimed) -> tuple[ShopOrder | None, Said]:
        job, order = claimed.job, claimed.order
        ask = self._accounts.hooks.ask
        if job.kind is JobKind.ADD_ORDER and job.state is JobState.UNSURE:
            since = (job.sent_at or job.made_at) - SEARCH_BACK
            found = await ask(state.name, "find_order", reference=self._reference(claimed), since=since)
            return None if found is None else _shop_order(found), Said(status=job.told_status, paid=job.told_paid)
        if job.kind in {JobKind.SET_STATUS, JobKind.SET_PAYMENT, JobKind.SET_TRACKING}:
            return None, await self._sync(state, claimed)
        if order is None:
            raise Malformed("the stored order can't be read; is this the key that it was sealed with?")
        if job.kind is JobKind.SEND_MAIL:
            await ask(state.name, "send_mail", mail=self._mail(state, claimed, order))
            return None, Said()
        told = forwarding.build(
            order,
            number=job.order_id,
            status=claimed.status,
            begun_as=job.told_status if job.begun else None,
            paid=bool(job.told_paid) if job.begun else claimed.paid,
            source=claimed.source,
            source_platform=self._accounts.platform_of(claimed.source),
            mark=self._reference(claimed),
            passing=state.passing,
        )
        if not job.sure and state.settings.forward.look_for_others:
            await self._look_for_others(state.name, told)
        progress = _Progress(self._rounds, job.id, claimed.progress)
        added = await ask(state.name, "add_order", order=told, progress=progress)
        return _shop_order(added), Said(status=job.told_status, paid=job.told_paid)

    async def _look_for_others(self, name: str, order: ForwardOrder) -> None:
        """Raises where something else has put this purchase into the shop already."""
        if Capability.FIND_PURCHASE not in self._accounts.capabilities(name):
            return
        found: ShopOrder | None = await self._accounts.hooks.ask(name, "find_purchase", order=order)
        if found is not None:
            raise AlreadyThereError(
                f"{name} has order {found.number} (id {found.id}) for this purchase already; something else put it in"
            )

    def _unmapped(self, state: AccountState, claimed: Claimed) -> tuple[Unmapped, ...]:
        """The order's methods without an entry, of those that were not told within the hour."""
        if claimed.order is None:
            return ()
        now = self._clock.monotonic()
        found = []
        for one in forwarding.unmapped(claimed.order, claimed.source, state.passing):
            key = (state.name, one)
            if now - self._noted.get(key, -NOTED_AGAIN) >= NOTED_AGAIN:
                self._noted[key] = now
                found.append(one)
        return tuple(found)

    async def _sync(self, state: AccountState, claimed: Claimed) -> Said:
        job, ask = claimed.job, self._accounts.hooks.ask
        ref = OrderRef(id=claimed.shop_order or "", reference=claimed.reference)
        if job.kind is JobKind.SET_STATUS:
            status = state.maps.statuses[claimed.status]
            await ask(state.name, "set_status", ref=ref, status=status)
            return Said(status=status)
        if job.kind is JobKind.SET_PAYMENT:
            amount = claimed.order.total if claimed.order is not None and claimed.paid else None
            await ask(state.name, "set_payment", ref=ref, payment=PaymentState(paid=claimed.paid, amount=amount))
            return Said(paid=claimed.paid)
        parcels = tuple(Parcel(carrier=carrier, number=number) for carrier, number in claimed.parcels)
        await ask(state.name, "set_tracking", ref=ref, parcels=parcels)
        return Said(parcels=frozenset(parcel.number for parcel in parcels))

    def _mail(self, state: AccountState, claimed: Claimed, order: Order) -> Mail:
        name, letters = claimed.source, state.settings.letters
        if letters is None or name not in self._accounts or not self._accounts[name].settings.thank_you:
            raise Rejected(f"buyers of {name} are thanked no more: thank_you is not set for it")
        return thanking.thank(order, letters, mark=self._reference(claimed), account=name, paid=claimed.paid)

    def _reference(self, claimed: Claimed) -> str:
        return forwarding.reference(self._prefix, claimed.source, claimed.external_id)

    def _release(self, claimed: Claimed) -> None:
        if claimed.job.state is JobState.UNSURE:
            return
        self._report(
            Outcome(
                job=claimed.job.id,
                order=claimed.job.order_id,
                account=claimed.job.account,
                sent_at=self._clock.now(),
                ended_at=self._clock.now(),
                released=True,
            )
        )

    def _report(self, outcome: Outcome) -> None:
        self._keep(asyncio.create_task(self._store(outcome)))

    async def _store(self, outcome: Outcome) -> None:
        try:
            await self._rounds.outcome(outcome)
        except FatalStoreError:
            raise
        except Exception as error:
            if outcome.shop_order is None:
                raise
            # what the plugin has put into its answer can't be written; that it is in doubt can
            failure = classify(error, sent=True)
            await self._rounds.outcome(replace(outcome, shop_order=None, failure=failure))

    def _tell_turn(self, state: AccountState, turn: Turn) -> None:
        if turn is not Turn.SAME:
            self._keep(asyncio.create_task(tell_turn(self._rounds, state, turn)))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._reports.add(task)
        task.add_done_callback(self._reported)

    def _reported(self, task: asyncio.Task[None]) -> None:
        self._reports.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("outcome_not_stored", error=repr(error))
        self._rounds.wake()


def _shop_order(answer: object) -> ShopOrder:
    """A plugin's answer, checked to be one: a link to nothing, or to another thing, would pass for a success."""
    texts: tuple[object, ...] = (answer.id, answer.number) if isinstance(answer, ShopOrder) else ()
    if isinstance(answer, ShopOrder) and all(isinstance(text, str) and text for text in texts):
        return answer
    raise TypeError(f"the plugin answered a {type(answer).__name__} instead of a whole ShopOrder")
