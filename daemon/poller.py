"""One task for each account: checks it, then asks for orders, page after page, whenever it is time or somebody asks.

A page is stored together with its cursor. While one page is being written the next is already asked for, but it is
handed over only after the one before it is on disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta

import structlog

from daemon.accounts import Accounts, AccountState, tell_turn
from daemon.core.journal import Kind
from daemon.core.retry import Failure, PluginBugError, classify, told
from daemon.map_check import check_maps
from daemon.receive import Counts, unpack
from daemon.round import Rounds
from daemon.views import FetchProgress
from orderferry import Capability, CheckReport, Clock, Page, PlatformError

log = structlog.get_logger("orderferry.poller")

FETCH_LIMIT = 300.0
CHECK_LIMIT = 60.0
JITTER = 0.1
PATIENT_PAGES = 200  # in a row without anything new; each one more is asked for after FRUITLESS_PAUSE seconds
FRUITLESS_PAUSE = 1.0
NEVER = timedelta(days=1)  # nothing is due: only the bell ends the rest


class Poller:
    """Fetches one account's orders for as long as the daemon runs."""

    def __init__(
        self,
        accounts: Accounts,
        state: AccountState,
        rounds: Rounds,
        clock: Clock,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.state = state
        self._accounts = accounts
        self._rounds = rounds
        self._clock = clock
        self._draw = draw
        self._bell = asyncio.Event()
        self._watchers: list[asyncio.Queue[FetchProgress]] = []
        self._asked: list[asyncio.Queue[FetchProgress]] = []
        self._uid: int | None = None
        self._since: datetime | None = None

    async def run(self) -> None:
        """Never ends by itself; cancel it."""
        while True:
            await self._until_allowed()
            if not self.state.checked:
                await self._check()
                continue
            if self.state.settings.fetch or self._asked:
                await self._fetch()
            self._plan_next()
            await self._rest(self._seconds_left())

    def ring(self) -> None:
        """Looks again at once: the account may have been resumed, or somebody wants a fetch."""
        self._bell.set()

    async def fetch_now(self, uid: int, since: datetime | None = None) -> AsyncIterator[FetchProgress]:
        """Asks for a fetch at once; yields its progress, the last line with `done`.

        With `since` everything that was changed there since then is fetched again first.
        """
        if self.state.paused:
            yield self._line(
                Counts(), done=True, error=f"{self.state.name} is paused; say `orderferry resume {self.state.name}`"
            )
            return
        queue: asyncio.Queue[FetchProgress] = asyncio.Queue()
        self._asked.append(queue)
        self._uid = uid
        if since is not None:
            self._since = since if self._since is None else min(since, self._since)
        self.state.next_fetch = self._clock.now()
        self.ring()
        try:
            while True:
                line = await queue.get()
                yield line
                if line.done:
                    return
        finally:
            for queues in (self._asked, self._watchers):
                with contextlib.suppress(ValueError):
                    queues.remove(queue)

    async def _until_allowed(self) -> None:
        while not self._accounts.may_ask(self.state):
            state = self.state
            problem = f"{state.name} is paused" if state.paused else state.problem
            if self._asked and problem is not None:
                self._watchers, self._asked = self._asked, []
                self._tell(self._line(Counts(), done=True, error=problem))
                self._watchers = []
            wait = 3600.0
            if state.held_until is not None and not state.paused:
                wait = max(self._accounts.held_for(state).total_seconds(), 0.05)
            await self._rest(wait)
        if self.state.held_until is not None:
            self._rounds.wake()

    async def _check(self) -> None:
        """Proves the account's keys and rights before anything else is asked of it."""
        failure: Failure | None = None
        probe = self._accounts.begin(self.state)
        try:
            async with asyncio.timeout(CHECK_LIMIT):
                report: CheckReport = await self._accounts.hooks.ask(self.state.name, "check")
            self.state.notes, self.state.missing = tuple(report.notes), dict(report.missing)
            await self._check_maps()
            self.state.checked = True
        except Exception as error:  # noqa: BLE001 - a plugin may raise or answer anything; it concerns this account alone
            failure = told(classify(error, sent=False), None)
        await self._turn(failure, probe=probe)
        if failure is not None and not failure.of_account:
            # the check has a bug or was refused, which does not tell how fetching goes
            self.state.notes = (f"its check failed: {failure.message}",)
            self.state.checked = True

    async def _check_maps(self) -> None:
        """Compares the maps with what the platform offers; where it can't be asked they count as they are written."""
        state, accounts = self.state, self._accounts
        state.faults = ()
        new = accounts.ladder.beginnings
        try:
            async with asyncio.timeout(CHECK_LIMIT):
                flags = accounts.capabilities(state.name)
                state.faults = await check_maps(accounts.hooks, state.name, flags, state.settings.maps, new=new)
        except PlatformError as error:
            state.notes = (*state.notes, f"its maps could not be checked: {error}")
        except TimeoutError:
            state.notes = (*state.notes, "its maps could not be checked: no answer in time")
        for fault in state.faults:
            log.warning("map_fault", account=state.name, fault=str(fault))

    async def _fetch(self) -> None:
        state = self.state
        self._watchers, self._asked = self._asked, []
        uid, self._uid = self._uid, None
        since, self._since = self._since, None
        total = Counts()
        if Capability.FETCH_ORDERS not in self._accounts.capabilities(state.name):
            self._tell(self._line(total, done=True))
            self._watchers = []
            return
        failure: Failure | None = None
        try:
            if since is not None:
                await self._pages(None, since, total)
            if await self._pages(state.cursor, None, total):
                state.caught_up = self._clock.now()
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything; it concerns this account alone
            failure = told(classify(error, sent=False), None)
            if not failure.of_account:
                state.problem = failure.message
                log.warning("fetch_failed", account=state.name, error=failure.message, detail=failure.detail)
        state.last_fetch = self._clock.now()
        if failure is None and (uid is not None or total.new or total.changed or total.malformed):
            data = {"new": total.new, "changed": total.changed, "malformed": total.malformed, "uid": uid}
            await self._rounds.note(Kind.FETCHED, state.name, dict(data))
        self._tell(self._line(total, done=True, error=None if failure is None else failure.message))
        self._watchers = []

    async def _pages(self, cursor: str | None, since: datetime | None, total: Counts) -> bool:
        """Page after page to the end; False where the account may not be asked any further."""
        reaches_back = since is not None
        storing: asyncio.Task[Counts] | None = None
        more, fruitless, brought = True, 0, 0
        try:
            while more:
                page = await self._ask(cursor, since)
                await self._stored(storing, total)
                storing = asyncio.create_task(self._store(page, keeps_place=reaches_back))
                if page.more and page.cursor == cursor:
                    raise PluginBugError(
                        "its page says that there is more, but its cursor leads to the same page again"
                    )
                brought, before = total.new + total.changed + total.malformed, brought
                fruitless = fruitless + 1 if brought == before else 0
                cursor, since, more = page.cursor, None, page.more
                if more and fruitless > PATIENT_PAGES:
                    await self._clock.sleep(FRUITLESS_PAUSE)
                if not self._accounts.may_ask(self.state):
                    break
            await self._stored(storing, total)
            storing = None
        finally:
            if storing is not None:
                with contextlib.suppress(Exception):
                    await self._stored(storing, total)
        return not more

    async def _ask(self, cursor: str | None, since: datetime | None) -> Page:
        probe = self._accounts.begin(self.state)
        try:
            async with asyncio.timeout(FETCH_LIMIT):
                asked = self._accounts.hooks.ask(self.state.name, "fetch_orders", cursor=cursor, since=since)
                page: Page = await asked
        except Exception as error:
            await self._turn(told(classify(error, sent=False), None), probe=probe)
            raise
        await self._turn(None, probe=probe)
        return page

    async def _store(self, page: Page, *, keeps_place: bool) -> Counts:
        merges = Capability.MERGES_ORDERS in self._accounts.capabilities(self.state.name)
        caught_up = self.state.caught_up
        received = unpack(self.state.name, page, merges=merges, caught_up=caught_up, keeps_place=keeps_place)
        counts: Counts = await self._rounds.receive(received)
        if not keeps_place:
            self.state.cursor = page.cursor
        return counts

    async def _stored(self, storing: asyncio.Task[Counts] | None, total: Counts) -> None:
        if storing is not None:
            total.add(await storing)
            if self._watchers:
                self._tell(self._line(total))

    async def _turn(self, failure: Failure | None, *, probe: bool) -> None:
        accounts, state = self._accounts, self.state
        if failure is None:
            turn = accounts.succeeded(state, probe=probe)
        else:
            turn = accounts.failed(state, failure, probe=probe)
        if turn.value != "same":
            await tell_turn(self._rounds, state, turn)
        if probe or turn.value == "better":
            self._rounds.wake()  # while the probe was under way no job of the account could be taken

    def _plan_next(self) -> None:
        now, held = self._clock.now(), self.state.held_until
        every = self.state.settings.poll_every * (1 + JITTER * (self._draw() - 0.5))
        if not self.state.settings.fetch:
            self.state.next_fetch = None
        else:
            self.state.next_fetch = held if held is not None and held > now else now + every

    def _seconds_left(self) -> float:
        due = self.state.next_fetch or self._clock.now() + NEVER
        return 0.0 if self._asked else max((due - self._clock.now()) / timedelta(seconds=1), 0.0)

    async def _rest(self, seconds: float) -> None:
        """Waits so long, or until the bell rings."""
        sleep = asyncio.ensure_future(self._clock.sleep(seconds))
        bell = asyncio.ensure_future(self._bell.wait())
        try:
            await asyncio.wait({sleep, bell}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleep.cancel()
            bell.cancel()
        self._bell.clear()

    def _tell(self, line: FetchProgress) -> None:
        for queue in self._watchers:
            queue.put_nowait(line)

    def _line(self, counts: Counts, *, done: bool = False, error: str | None = None) -> FetchProgress:
        return FetchProgress(
            account=self.state.name,
            pages=counts.pages,
            new=counts.new,
            changed=counts.changed,
            malformed=counts.malformed,
            done=done,
            error=error,
        )
