"""The round: whatever has come in is decided together and written in one transaction.

While one round is being committed, the next fills up; nothing waits for a timer. Since rounds follow one another and
nobody else writes, what a round has read stays true until it has written. A round carries pages, outcomes and
commands in, and hands claimed jobs out: a job leaves only after the commit that holds its intent.

When the disk is full or read-only, nothing of the round is lost: it is tried again until it can be written, and no job
is handed out meanwhile. An error of the disk itself ends the daemon, since what it said it had kept can't be trusted.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog
from msgspec import Struct

from daemon.core.job import JobEvent, JobKind, JobState
from daemon.core.journal import Data, Entry, Kind
from daemon.core.routing import Target
from daemon.core.statuses import Ladder
from daemon.core.ticking import SLICE, Reading, moved
from daemon.desk import Desk, Needs
from daemon.imported import Imported, take
from daemon.measuring import RoundMeter, Unmeasured
from daemon.outcomes import Outcome, settle_outcome
from daemon.receive import Received, receive
from daemon.store.batch import Batch
from daemon.store.case import Case, JobRecord, ms, when
from daemon.store.store import Store
from daemon.views import CommandError, Done, ImportView
from orderferry import Clock, Order, Stage

log = structlog.get_logger("orderferry.round")

LARGEST = 256
RETRY_WRITE = 2.0
PASSING = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CANTOPEN})
FATAL = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class Claimed(Struct, frozen=True, kw_only=True):
    """A job whose intent is on disk, with its order, for the dispatcher to carry out; or a doubt to be looked up."""

    job: JobRecord
    source: str
    external_id: str
    order: Order | None  # None where the stored document can't be read
    status: str
    paid: bool
    parcels: tuple[tuple[str, str], ...]
    shop_order: str | None
    reference: str | None
    progress: str | None


class Room(Struct, frozen=True, kw_only=True):
    """How many more jobs an account can take now, and which doubts are being looked up already."""

    account: str
    jobs: int
    looking: frozenset[int] = frozenset()


class Carrier(Protocol):
    """Who takes claimed jobs on: the dispatcher."""

    def rooms(self) -> Sequence[Room]: ...
    def take(self, claimed: Claimed) -> None: ...


class FatalStoreError(Exception):
    """The disk failed under the store, or the rounds have ended: nothing can be written any more."""


class Item(Struct):
    """Something that came in, with the future of whoever waits for it."""

    needs: Needs
    decide: Callable[[Desk], Any]  # whatever the item answers to its sender
    future: asyncio.Future[Any]  # likewise


class Rounds:
    """Runs the rounds; `submit_*` put something in and return when it is on disk."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        targets: Callable[[], Mapping[str, Target]],
        ladder: Callable[[], Ladder],
        publish: Callable[[Sequence[Entry]], None],
        meter: RoundMeter | None = None,
    ) -> None:
        self.degraded: str | None = None
        self.busy_since: float | None = None  # by the monotonic clock: when the round that is under way began
        self.count = 0
        self.seconds = 0.001  # how long a round takes, smoothed: the dispatcher claims ahead by it
        self._store = store
        self._clock = clock
        self._targets = targets
        self._ladder = ladder
        self._read = self._clocks()
        self._publish = publish
        self._meter = meter or Unmeasured()
        self._inbox: list[Item] = []
        self._wake = asyncio.Event()
        self._stopping = False
        self._ended = False
        self._alarm: asyncio.Task[None] | None = None

    async def receive(self, received: Received) -> Any:  # Counts
        """Stores a page together with its cursor; returns when both are on disk."""
        return await self._submit(received.needs(), lambda desk: receive(desk, received))

    async def take(self, imported: Imported) -> ImportView:
        """Stores orders that were handed in; returns when they are on disk."""
        view: ImportView = await self._submit(imported.received.needs(), lambda desk: take(desk, imported))
        return view

    async def outcome(self, outcome: Outcome) -> None:
        """Stores what came of a job's call."""
        await self._submit(outcome.needs(), lambda desk: settle_outcome(desk, outcome))

    async def act(self, act: Callable[[Desk], Done], orders: Sequence[int] = ()) -> Done:
        """Carries out a command on these orders; raises `CommandError` where it can't be."""
        done: Done = await self._submit(Needs(numbers=set(orders)), act)
        return done

    async def note(self, kind: Kind, account: str | None = None, data: Data | None = None) -> None:
        """Writes one row of the journal."""
        await self._submit(Needs(), lambda desk: desk.write_entry(kind, None, account, None, data or {}))

    async def save_progress(self, job: int, text: str) -> None:
        """Keeps how far a job of several steps has come."""
        await self._submit(
            Needs(), lambda desk: desk.batch.add("save_progress", self._store.seal_progress(text, job), job)
        )

    def wake(self) -> None:
        """Asks for a round now: there is room for jobs, or an account may be asked again."""
        self._wake.set()

    async def run(self, carrier: Carrier) -> None:
        """Runs until `stop`; raises `FatalStoreError` when the disk fails. Whoever still waits then is told."""
        try:
            await self._run(carrier)
        finally:
            self._ended = True
            if self._alarm is not None:
                self._alarm.cancel()
            for item in self._inbox:
                _fail(item, FatalStoreError("the daemon is ending"))

    async def _run(self, carrier: Carrier) -> None:
        while not self._stopping or self._inbox:
            await self._wake.wait()
            self._wake.clear()
            items, self._inbox = self._inbox[:LARGEST], self._inbox[LARGEST:]
            if self._inbox:
                self._wake.set()
            self.count += 1
            began = self._clock.monotonic()
            try:
                await self._attempt(items, carrier)
            except BaseException:
                for item in items:
                    _fail(item, FatalStoreError("the daemon is ending"))
                raise
            self.busy_since = None
            self.seconds += (self._clock.monotonic() - began - self.seconds) / 8
            if not self._inbox and not self._stopping:
                await self._set_alarm(carrier)

    def stop(self) -> None:
        """Ends `run` once all that has come in is written; nothing is claimed any more."""
        self._stopping = True
        self._wake.set()

    async def _submit(self, needs: Needs, decide: Callable[[Desk], Any]) -> Any:  # what the item answers
        if self._ended:
            raise FatalStoreError("the daemon is ending")
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._inbox.append(Item(needs, decide, future))
        self._wake.set()
        return await future

    async def _attempt(self, items: list[Item], carrier: Carrier) -> None:
        """One round, again and again while the disk is full; items that can't be written go on their own."""
        while True:
            self.busy_since = self._clock.monotonic()
            try:
                claimed = await asyncio.shield(asyncio.ensure_future(self._round(items, carrier)))
            except Exception as error:
                code = _code(error)
                if code in FATAL or (code in PASSING and self._stopping):
                    for item in items:
                        _fail(item, error)
                    raise FatalStoreError(f"the store can't be written: {error}") from error
                if code not in PASSING:
                    await self._store.rollback()
                    return await self._one_by_one(items, error, carrier)
                if self.degraded is None:
                    log.warning("store_degraded", error=str(error))
                self.degraded = f"the store can't be written ({error}); free some space on its disk"
                self.busy_since = None
                await self._clock.sleep(RETRY_WRITE)
            else:
                if self.degraded is not None:
                    log.info("store_recovered")
                    self.degraded = None
                    self.wake()
                for job in claimed:
                    carrier.take(job)
                return None

    async def _one_by_one(self, items: list[Item], error: Exception, carrier: Carrier) -> None:
        """An item that can't be written fails alone, and its neighbours are written without it."""
        log.error("round_failed", items=len(items), exc_info=error)
        for item in items:
            if len(items) > 1:
                await self._attempt([item], carrier)
            else:
                _fail(item, error)

    async def _round(self, items: list[Item], carrier: Carrier) -> list[Claimed]:
        now = self._clock.now()
        desk = Desk(self._store, self._targets(), now, self._ladder())
        self._follow_clock(desk)
        await desk.lay_out([item.needs for item in items])
        answers: list[tuple[Item, Any]] = []
        for item in items:
            try:
                answers.append((item, item.decide(desk)))
            except CommandError as error:
                _fail(item, error)
        desk.route()
        if self.degraded is not None:  # something has to be written before the disk counts as mended
            desk.note(Kind.STORE_DEGRADED, error=self.degraded)
            desk.note(Kind.STORE_RECOVERED)
        batch = desk.write()
        # an account may have been opened since this round began, and gets its jobs with the next
        rooms = [room for room in carrier.rooms() if room.jobs and room.account in desk.targets]
        if self._stopping or self.degraded is not None:
            rooms = []
        claimed: list[Claimed] = []
        if batch or rooms:
            claimed = await self._write(desk, rooms, now)
        self._publish(desk.entries)
        for account, ready_at in desk.linked:
            self._meter.linked(account, (self._clock.now() - ready_at).total_seconds())
        for item, answer in answers:
            if not item.future.done():
                item.future.set_result(answer)
        return claimed

    async def _write(self, desk: Desk, rooms: Sequence[Room], now: datetime) -> list[Claimed]:
        store = self._store
        batch = desk.batch
        jobs: list[JobRecord] = []
        if not batch:
            jobs = await self._due(rooms, now)
            if not jobs:
                return []
        await store.begin()
        try:
            if batch:
                await store.write(batch)
                jobs = await self._due(rooms, now)
            cases = await self._cases(desk, jobs)
            await store.write(_claim(jobs, cases, desk.targets, now))
            laden = await self._laden(jobs, cases) if jobs else []  # now: nothing may fail once it is written
            began = self._clock.monotonic()
            await store.commit()
            self._meter.committed(self._clock.monotonic() - began)
        except BaseException:
            await store.rollback()
            raise
        return laden

    async def _due(self, rooms: Sequence[Room], now: datetime) -> list[JobRecord]:
        states = (JobState.WAITING, JobState.UNSURE)
        found: list[JobRecord] = []
        for room in rooms:
            due = await self._store.due(room.account, states, ms(now), room.jobs + len(room.looking))
            found += [job for job in due if job.id not in room.looking][: room.jobs]
        return found

    async def _cases(self, desk: Desk, jobs: Sequence[JobRecord]) -> Mapping[int, Case]:
        missing = {job.order_id for job in jobs} - desk.cases.keys()
        return {**desk.cases, **(await self._store.cases(missing))} if missing else desk.cases

    async def _laden(self, jobs: Sequence[JobRecord], cases: Mapping[int, Case]) -> list[Claimed]:
        documents = await self._store.documents({job.order_id for job in jobs})
        # what a platform tells of an order that it has called off may be less than completes it
        called_off = {job.order_id for job in jobs if job.begun and cases[job.order_id].order.stage is not Stage.READY}
        begun_with = await self._store.begun_with(called_off) if called_off else {}
        laden = []
        for job in jobs:
            case = cases[job.order_id]
            link = case.links.get(job.account)
            at_source = job.account == case.order.account
            order = begun_with.get((job.order_id, job.account)) or documents.get(job.order_id)
            try:
                progress = self._store.open_progress(job)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one job's, the others go on
                log.warning("progress_unreadable", job=job.id, error=type(error).__name__)
                order, progress = None, None  # nothing is sent without it
            laden.append(
                Claimed(
                    job=job,
                    source=case.order.account,
                    external_id=case.order.external_id,
                    order=order,
                    status=case.order.status,
                    paid=case.order.paid,
                    parcels=tuple((carrier, number) for number, carrier in case.parcels.items()),
                    shop_order=case.order.external_id if at_source else link.shop_order if link else None,
                    reference=link.reference if link else None,
                    progress=progress,
                )
            )
        return laden

    async def _set_alarm(self, carrier: Carrier) -> None:
        """Wakes the loop when the next job of an account that has room falls due."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        rooms = [room for room in carrier.rooms() if room.jobs]
        looking = {job for room in rooms for job in room.looking}
        try:
            due = await self._store.next_due([room.account for room in rooms], looking) if rooms else None
        except sqlite3.Error as error:  # the next round finds out what it is worth
            log.warning("alarm_not_set", error=str(error))
            due = ms(self._clock.now()) + int(RETRY_WRITE * 1000)
        if due is not None:
            self._alarm = asyncio.create_task(self._ring(when(due)))

    async def _ring(self, due: datetime) -> None:
        """Wakes the loop at that moment, however the clock is set meanwhile."""
        while not moved(self._read, self._clocks()):
            left = due - self._clock.now()
            if left <= timedelta(0):
                break
            await self._clock.sleep(max(min(left, SLICE).total_seconds(), 0.005))
        self.wake()

    def _clocks(self) -> Reading:
        return Reading(self._clock.now(), self._clock.monotonic())

    def _follow_clock(self, desk: Desk) -> None:
        """Where the clock was set, what waits keeps its distance from now; one set on makes nothing wait longer."""
        before, self._read = self._read, self._clocks()
        by = moved(before, self._read)
        if not by:
            return
        log.warning("clock_was_set", seconds=by.total_seconds())
        shift = by // timedelta(milliseconds=1)
        for account in desk.targets:
            desk.batch.add("shift_doubts", shift, shift, account)
            if shift < 0:
                desk.batch.add("shift_waiting", shift, account)


def _claim(jobs: Sequence[JobRecord], cases: Mapping[int, Case], targets: Mapping[str, Target], now: datetime) -> Batch:
    batch = Batch()
    for job in jobs:
        if job.state is JobState.WAITING:
            order = cases[job.order_id].order
            job.go(JobEvent.CLAIM)
            if not job.begun:  # else it ends as it began
                if job.kind is JobKind.ADD_ORDER and job.sent_at is not None:
                    batch.add("forget_forwarded", job.order_id, job.account)  # it is told how it is now
                job.told_status = targets[job.account].statuses.get(order.status, "")
                job.told_paid = order.paid
            job.sent_at = now
            batch.add("claim_job", ms(now), job.told_status, job.told_paid, job.id)
    return batch


def _fail(item: Item, error: BaseException) -> None:
    if not item.future.done():
        item.future.set_exception(error)


def _code(error: Exception) -> int | None:
    """SQLite's primary result code; None where the error is not SQLite's."""
    code = getattr(error, "sqlite_errorcode", None) if isinstance(error, sqlite3.Error) else None
    return None if code is None else code & 0xFF
