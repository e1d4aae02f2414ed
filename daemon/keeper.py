"""Keeps backups of the running daemon's store: by itself, as often as the settings say, and whenever it is asked."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from daemon.backing_up import Backup, BackupError, clear, make, needed, percent
from daemon.backup_settings import BackupSettings
from daemon.core import backups
from daemon.core.journal import Data, Kind
from daemon.core.ticking import SLICE
from daemon.round import Rounds
from daemon.store.copies import HaltedError
from daemon.vault import Vault
from daemon.views import BackupProgress, CommandError
from orderferry import Clock

log = structlog.get_logger("orderferry.backup")

FIRST = timedelta(minutes=5)  # a start has better things to do
AGAIN = timedelta(hours=1)
TELL = 1.0
NOTE = 5.0


class Keeper:
    """Makes one backup at a time, in a thread: whoever has orders to write does not wait for it."""

    def __init__(
        self,
        store: Path,
        vault: Vault,
        rounds: Rounds,
        clock: Clock,
        settings: Callable[[], BackupSettings],
    ) -> None:
        self._store = store
        self._vault = vault
        self._rounds = rounds
        self._clock = clock
        self._settings = settings
        self._making = asyncio.Lock()
        self._problem: str | None = None

    @property
    def problems(self) -> list[str]:
        """What is wrong with the backups, as a sentence that says what helps."""
        return [f"backups: {self._problem}"] if self._problem else []

    async def run(self, settings: BackupSettings) -> None:
        """Makes a backup whenever one is due, and deletes those that have had their day; without end."""
        self._problem = None  # the settings may have mended it
        look = self._clock.now() + FIRST
        while True:
            while (left := look - self._clock.now()) > timedelta(0):
                await self._clock.sleep(min(left, SLICE).total_seconds())
            now = self._clock.now()
            try:
                await asyncio.to_thread(clear, self._store, settings, now)  # first: what has to go goes in any case
                due = await asyncio.to_thread(
                    _due, settings.folder_in(self._store.parent), settings.every.interval, now
                )
                if due is not None and due <= now:
                    await self._make(settings, None)
            except BackupError as error:
                await self._failed(str(error))
                look = self._clock.now() + min(AGAIN, settings.every.interval or AGAIN)
            else:
                look = min(now + AGAIN, due) if due is not None and due > now else now + SLICE

    async def make(self, uid: int) -> AsyncIterator[BackupProgress]:
        """Makes a backup now; yields how far it is about every second, and at last where it stands."""
        if self._making.locked():
            raise CommandError("conflict", "a backup is being made just now; ask again in a moment")
        task = asyncio.create_task(self._make(self._settings(), uid))
        try:
            folder, whole = self._settings().folder_in(self._store.parent), needed(self._store)
            while not (await asyncio.wait({task}, timeout=TELL))[0]:
                yield BackupProgress(percent=await asyncio.to_thread(percent, folder, whole))
            made = task.result()
            await asyncio.to_thread(clear, self._store, self._settings(), self._clock.now())
        except BackupError as error:
            await self._failed(str(error))
            raise CommandError("unavailable", str(error)) from error
        finally:
            task.cancel()  # nobody waits for it any more
            await asyncio.gather(task, return_exceptions=True)
        yield BackupProgress(
            percent=100,
            done=True,
            path=str(made.path),
            bytes=made.size,
            orders=made.contents.orders,
            key_id=made.key_id,
        )

    async def _make(self, settings: BackupSettings, uid: int | None) -> Backup:
        halt = threading.Event()
        async with self._making:
            work = asyncio.to_thread(make, self._store, settings, self._vault, self._clock.now(), halt.is_set)
            making = asyncio.ensure_future(work)
            try:
                made = await asyncio.shield(making)
            except asyncio.CancelledError:
                halt.set()
                await asyncio.gather(making, return_exceptions=True)
                raise
            except HaltedError as error:
                raise BackupError("it was ended before it was done") from error
        self._problem = None
        await self._note(Kind.BACKUP_MADE, {"file": made.path.name, "orders": made.contents.orders, "uid": uid})
        log.info("backup_made", path=str(made.path), orders=made.contents.orders)
        return made

    async def _failed(self, reason: str) -> None:
        log.warning("backup_failed", reason=reason)
        if reason != self._problem:  # a disk that stays away is told once
            self._problem = reason
            await self._note(Kind.BACKUP_FAILED, {"reason": reason})

    async def _note(self, kind: Kind, data: Data) -> None:
        with contextlib.suppress(TimeoutError):  # a full disk keeps the row until there is room; nobody waits for that
            async with asyncio.timeout(NOTE):
                await self._rounds.note(kind, None, data)


def _due(folder: Path, every: timedelta | None, now: datetime) -> datetime | None:
    if every is None:
        return None
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError:  # whoever makes the backup says what is wrong
        names = []
    return backups.due(names, every, now)
