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
from datetime import datetime
from typing import Any, Protocol

import structlog
from msgspec import Struct

from daemon.core.job import JobEvent, JobState
from daemon.core.journal import Data, Entry, Kind
from daemon.core.routing import Target
from daemon.desk import Desk, Needs
from daemon.outcomes import Outcome, settle_outcome
from daemon.receive import Received, echo_numbers, receive
from daemon.store.batch import Batch
from daemon.store.case import JobRecord, ms, when
from daemon.store.store import Store
from daemon.views import CommandError, Done
from orderferry import Clock, Order

log = structlog.get_logger("orderferry.round")

LARGEST = 256
RETRY_WRITE = 2.0
PASSING = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CANTOPEN})


class Claimed(Struct, frozen=True, kw_only=True):
    """A job whose intent is on disk, with its order, for the dispatcher to carry out; or a doubt to be looked up."""

    job: JobRecord
    source: str
    order: Order | None  # None where the stored document can't be read
    status: str
    paid: bool
    parcels: tuple[tuple[str, str], ...]
    shop_order: str | None
    reference: str | None


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
    """The disk failed under the store: the daemon must end."""


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
        prefix: str,
        targets: Callable[[], Mapping[str, Target]],
        publish: Callable[[Sequence[Entry]], None],
    ) -> None:
        self.degraded: str | None = None
        self.seconds = 0.001  # how long a round takes, smoothed: the dispatcher claims ahead by it
        self._store = store
        self._clock = clock
        self._prefix = prefix
        self._targets = targets
        self._publish = publish
        self._inbox: list[Item] = []
        self._wake = asyncio.Event()
        self._stopping = False
        self._alarm: asyncio.Task[None] | None = None

    async def receive(self, received: Received) -> Any:  # Counts
        """Stores a page together with its cursor; returns when both are on disk."""
        numbers = echo_numbers(received.page, self._prefix)
        return await self._submit(received.needs(numbers), lambda desk: receive(desk, received, self._prefix))

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
        await self._submit(Needs(), lambda desk: desk.batch.add("save_progress", text, job))

    def wake(self) -> None:
        """Asks for a round now: there is room for jobs, or an account may be asked again."""
        self._wake.set()

    async def run(self, carrier: Carrier) -> None:
        """Runs until `stop`; raises `FatalStoreError` when the disk fails."""
        while not self._stopping or self._inbox:
            await self._wake.wait()
            self._wake.clear()
            items, self._inbox = self._inbox[:LARGEST], self._inbox[LARGEST:]
            if self._inbox:
                self._wake.set()
            began = self._clock.monotonic()
            claimed = await self._attempt(items, carrier)
            self.seconds += (self._clock.monotonic() - began - self.seconds) / 8
            for job in claimed:
                carrier.take(job)
            if not claimed and not self._inbox and not self._stopping:
                await self._set_alarm(carrier)

    def stop(self) -> None:
        """Ends `run` once all that has come in is written; nothing is claimed any more."""
        self._stopping = True
        self._wake.set()

    async def _submit(self, needs: Needs, decide: Callable[[Desk], Any]) -> Any:  # what the item answers
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._inbox.append(Item(needs, decide, future))
        self._wake.set()
        return await future

    async def _attempt(self, items: list[Item], carrier: Carrier) -> list[Claimed]:
        """One round, again and again while the disk is full; items that can't be written go on their own."""
        while True:
            try:
                claimed = await asyncio.shield(asyncio.ensure_future(self._round(items, carrier)))
            except sqlite3.Error as error:
                if not _passing(error):
                    raise FatalStoreError(f"the store can't be written: {error}") from error
                if self.degraded is None:
                    log.warning("store_degraded", error=str(error))
                self.degraded = f"the store can't be written ({error}); free some space on its disk"
                await self._clock.sleep(RETRY_WRITE)
            except Exception as error:
                if len(items) <= 1:
                    for item in items:
                        _fail(item, error)
                    log.exception("round_failed")
                    return []
                log.exception("round_split", items=len(items))
                return [job for item in items for job in await self._attempt([item], carrier)]
            else:
                if self.degraded is not None:
                    log.info("store_recovered")
                    self.degraded = None
                    self.wake()
                return claimed

    async def _round(self, items: list[Item], carrier: Carrier) -> list[Claimed]:
        now = self._clock.now()
        desk = Desk(self._store, self._targets(), now)
        await desk.lay_out([item.needs for item in items])
        answers: list[tuple[Item, Any]] = []
        for item in items:
            try:
                answers.append((item, item.decide(desk)))
            except CommandError as error:
                _fail(item, error)
        desk.route()
        batch = desk.write()
        rooms = [] if self._stopping or self.degraded is not None else [room for room in carrier.rooms() if room.jobs]
        claimed: list[Claimed] = []
        if batch or rooms:
            claimed = await self._write(desk, rooms, now)
        self._publish(desk.entries)
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
            claims = _claim(jobs, now)
            await store.write(claims)
            await store.commit()
        except BaseException:
            await store.rollback()
            raise
        return await self._laden(desk, jobs) if jobs else []

    async def _due(self, rooms: Sequence[Room], now: datetime) -> list[JobRecord]:
        states = (JobState.WAITING, JobState.UNSURE)
        found: list[JobRecord] = []
        for room in rooms:
            due = await self._store.due(room.account, states, ms(now), room.jobs + len(room.looking))
            found += [job for job in due if job.id not in room.looking][: room.jobs]
        return found

    async def _laden(self, desk: Desk, jobs: Sequence[JobRecord]) -> list[Claimed]:
        numbers = {job.order_id for job in jobs}
        documents = await self._store.documents(numbers)
        missing = numbers - desk.cases.keys()
        cases = {**desk.cases, **(await self._store.cases(missing) if missing else {})}
        laden = []
        for job in jobs:
            case = cases[job.order_id]
            link = case.links.get(job.account)
            at_source = job.account == case.order.account
            laden.append(
                Claimed(
                    job=job,
                    source=case.order.account,
                    order=documents.get(job.order_id),
                    status=case.order.status,
                    paid=case.order.paid,
                    parcels=tuple((carrier, number) for number, carrier in case.parcels.items()),
                    shop_order=case.order.external_id if at_source else link.shop_order if link else None,
                    reference=link.reference if link else None,
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
        due = await self._store.next_due([room.account for room in rooms], looking) if rooms else None
        if due is not None:
            wait = max((when(due) - self._clock.now()).total_seconds(), 0.005)
            self._alarm = asyncio.create_task(self._ring(wait))

    async def _ring(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self.wake()


def _claim(jobs: Sequence[JobRecord], now: datetime) -> Batch:
    batch = Batch()
    for job in jobs:
        if job.state is JobState.WAITING:
            job.go(JobEvent.CLAIM)
            job.sent_at = now
            batch.add("claim_job", ms(now), job.id)
    return batch


def _fail(item: Item, error: BaseException) -> None:
    if not item.future.done():
        item.future.set_exception(error)


def _passing(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, sqlite3.OperationalError) and code is not None and (code & 0xFF) in PASSING
