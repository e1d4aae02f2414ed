"""The companion that erases buyers' data when its time is up: at the start, and then every hour."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from daemon.core.retention import Keeps, is_final
from daemon.core.statuses import Ladder
from daemon.privacy import erasing
from daemon.round import Rounds
from daemon.store import retained
from daemon.store.case import when
from daemon.store.reader import Reader
from daemon.store.store import Store
from orderferry import Clock, Stage

log = structlog.get_logger("orderferry.privacy")

EVERY = 3600.0
BATCH = 20  # orders in a round: few, so that no order waits behind them
BETWEEN = 0.05
REWRITE_AFTER = timedelta(days=7)
LARGE = 64 * 1024 * 1024  # bytes; a file that takes longer to rewrite than an order should wait by day
NIGHT = range(1, 5)  # hours of this machine's time
TRIES, PAUSE = 60, 1.0  # a reader can keep the log from being emptied


class Eraser:
    """Erases what is due; `run` goes on until it is cancelled, and `wake` has it look at once."""

    def __init__(
        self, store: Store, reader: Reader, rounds: Rounds, clock: Clock, ladder: Callable[[], Ladder]
    ) -> None:
        self._store = store
        self._reader = reader
        self._rounds = rounds
        self._clock = clock
        self._ladder = ladder
        self._woken = asyncio.Event()
        self._began = False

    def wake(self) -> None:
        """Something was erased by hand: the file is to forget it now."""
        self._woken.set()

    async def run(self, keeps: Keeps) -> None:
        """Erases now, and then every hour, whatever has been kept for so long."""
        while True:
            self._woken.clear()
            await self.once(keeps)
            ring = asyncio.create_task(self._woken.wait())
            sleep = asyncio.create_task(self._clock.sleep(EVERY))
            try:
                await asyncio.wait({ring, sleep}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (ring, sleep):
                    task.cancel()
                await asyncio.gather(ring, sleep, return_exceptions=True)

    async def once(self, keeps: Keeps) -> None:
        """One look through the store; may be broken off anywhere and repeated."""
        await self._mark_ended()
        platforms = await retained.platforms(self._reader)
        for account, platform in platforms.items():
            before = self._clock.now() - keeps.of(account, platform)
            orders = await self._erase(account, before, keeps, platforms)
            texts = await self._erase_unread(account, before)
            if orders or texts:
                log.info("buyer_data_erased", account=account, orders=orders, malformed=texts)
        await self._shed()

    async def _mark_ended(self) -> None:
        """Finds orders that are over though nothing happened: those of an older program, or by changed rules."""
        after, ladder = 0, self._ladder()
        while rows := await retained.going_on(self._reader, after):
            after = rows[-1].number
            over = {
                row.number: row.last
                for row in rows
                if is_final(
                    Stage(row.stage),
                    row.status,
                    ladder,
                    shipped=row.shipped,
                    has_parcel=row.has_parcel,
                    unfinished=row.unfinished,
                )
            }
            if over:
                await self._rounds.act(erasing.mark_ended(over), list(over))
            await self._clock.sleep(BETWEEN)

    async def _erase(self, account: str, before: datetime, keeps: Keeps, platforms: dict[str, str]) -> int:
        erased = 0
        while numbers := await retained.due(self._reader, account, before, BATCH):
            done = await self._rounds.act(erasing.erase_due(numbers, keeps, platforms), numbers)
            if not done.jobs:  # the clock was set back meanwhile, or they are not over any more
                break
            erased += len(done.jobs)
            await self._clock.sleep(BETWEEN)
        return erased

    async def _erase_unread(self, account: str, before: datetime) -> int:
        erased = 0
        while texts := await retained.unread_due(self._reader, account, before, BATCH):
            await self._rounds.act(erasing.erase_unread(texts))
            erased += len(texts)
            await self._clock.sleep(BETWEEN)
        return erased

    async def _shed(self) -> None:
        """Has the file forget what was erased: its log at once, the corners of its pages within a week."""
        meta = await retained.meta(self._reader)
        wanted = meta.get(erasing.WANTED) == "1"
        if not wanted and self._began:
            return
        last = meta.get("rewritten_at")
        rewrite = wanted and (last is None or self._clock.now() - when(int(last)) >= REWRITE_AFTER)
        for _ in range(TRIES):
            quiet = rewrite and await self._is_quiet()
            if await self._store.shed(rewrite=quiet):
                self._began = True
                if quiet:
                    await self._rounds.act(erasing.rewritten(self._clock.now()))
                return
            await self._clock.sleep(PAUSE)
        log.warning("store_not_shed", wait=EVERY)

    async def _is_quiet(self) -> bool:
        """Whether nobody minds that the file can't be written for as long as it takes to rewrite it."""
        now = self._clock.now()
        size = (await asyncio.to_thread(self._store.path.stat)).st_size
        in_time = size <= LARGE or now.astimezone().hour in NIGHT
        return in_time and not await retained.is_busy(self._reader, now)
