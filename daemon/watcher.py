"""A watched folder: files that have stopped changing are imported, and moved away.

A file is moved only once all its orders are on disk. Whatever ends the daemon before that, the file is simply imported
again, and orders that the hub has are the same.
"""

from __future__ import annotations

import asyncio
import csv
import os
import stat
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import structlog
from msgspec import Struct

from daemon.accounts import Accounts, AccountState, Turn, tell_turn
from daemon.core.import_fields import SourceMap, UnclearColumns
from daemon.core.import_orders import Complaint
from daemon.core.retry import Cause, Failure
from daemon.importer import Importer
from daemon.imports.faults import FileFault
from daemon.imports.mapping import read_mapping
from daemon.imports.reading import Batch, Reading, parked
from daemon.receive import Counts
from daemon.round import FatalStoreError, Rounds
from daemon.views import CommandError, FetchProgress
from orderferry import Clock

log = structlog.get_logger("orderferry.watcher")

DONE, FAILED = "done", "failed"
UNFINISHED = (".part", ".tmp", ".filepart", ".crdownload", ".errors.csv")
BETWEEN_LOOKS = 1.0

Mark: TypeAlias = tuple[int, int]
"""A file's size and the moment of its last change: the same in two looks, it has stopped changing."""


class _Open(Struct):
    """A file under way: what is read, and where it and its complaints will be."""

    reading: Reading
    batches: Iterator[Batch]
    target: Path


class Watcher:
    """Looks into one account's folder for as long as the daemon runs, as a poller asks a marketplace."""

    def __init__(
        self, accounts: Accounts, state: AccountState, importer: Importer, rounds: Rounds, clock: Clock, *, folder: Path
    ) -> None:
        self.state = state
        self._accounts = accounts
        self._importer = importer
        self._rounds = rounds
        self._clock = clock
        self._folder = folder
        self._seen: Mapping[Path, Mark] = {}
        self._looking = asyncio.Lock()
        self._bell = asyncio.Event()

    async def run(self) -> None:
        """Never ends by itself; cancel it."""
        while True:
            if not self.state.paused:
                async with self._looking:
                    async for _ in self._look(None):
                        pass
            every = self.state.settings.watch_every
            self.state.next_fetch = self._clock.now() + every
            await self._rest(every.total_seconds())

    def ring(self) -> None:
        """Looks again at once."""
        self._bell.set()

    async def fetch_now(self, uid: int, since: object = None) -> AsyncIterator[FetchProgress]:  # noqa: ARG002 - a file is whole
        """Looks twice at once; yields what came, the last line with `done`."""
        total = Counts()
        if self.state.paused:
            why = f"{self.state.name} is paused; say `orderferry resume {self.state.name}`"
            yield self._line(total, done=True, error=why)
            return
        async with self._looking:
            for again in (False, True):
                if again:
                    await self._clock.sleep(BETWEEN_LOOKS)
                async for counts in self._look(uid):
                    total.add(counts)
                    yield self._line(total)
        yield self._line(total, done=True, error=self.state.problem)

    async def _look(self, uid: int | None) -> AsyncIterator[Counts]:
        """Imports what has not changed since the last look."""
        try:
            found = await asyncio.to_thread(self._files)
        except OSError as error:
            await self._ill(f"the folder {self._folder} can't be used: {error.strerror}")
            return
        ready = [path for path, mark in found.items() if self._seen.get(path) == mark]
        self._seen = found
        await self._tell(self._accounts.succeeded(self.state))
        for path in ready:
            try:
                async for counts in self._import(path, uid):
                    yield counts
            except CommandError:  # it was paused meanwhile: the file stays
                return
            except OSError as error:
                await self._ill(f"{path.name} can't be imported: {error.strerror}")
                return

    def _files(self) -> Mapping[Path, Mark]:
        for name in (DONE, FAILED):
            (self._folder / name).mkdir(exist_ok=True)
        if not os.access(self._folder / DONE, os.W_OK):
            raise PermissionError(None, f"this user may not write into {DONE}")
        found = {}
        for entry in sorted(os.scandir(self._folder), key=lambda entry: entry.name):
            if entry.name.startswith(".") or entry.name.lower().endswith(UNFINISHED):
                continue
            about = entry.stat()
            if stat.S_ISREG(about.st_mode):
                found[Path(entry.path)] = (about.st_size, about.st_mtime_ns)
        return found

    async def _import(self, path: Path, uid: int | None) -> AsyncIterator[Counts]:
        try:
            async for counts in self._orders(path, uid):
                yield counts
        except (FileFault, UnclearColumns) as fault:
            await self._refuse(path, str(fault), fault.line if isinstance(fault, FileFault) else None)
        except (CommandError, FatalStoreError, OSError):
            raise
        except Exception as error:  # noqa: BLE001 - a file that we can't cope with must not stop the next one
            log.warning("import_mistake", account=self.state.name, error=type(error).__name__)
            await self._refuse(path, f"the program made a mistake with this file ({type(error).__name__})")

    async def _orders(self, path: Path, uid: int | None) -> AsyncIterator[Counts]:
        """Hands the file's orders in, batch after batch, and moves it away when all of them are on disk."""
        total = Counts()
        opened = await asyncio.to_thread(self._open, path)
        try:
            while (batch := await asyncio.to_thread(self._next, opened)) is not None:
                counts = await self._hand_in(opened, batch, uid)
                total.add(counts)
                yield counts
        finally:
            opened.reading.close()
        await asyncio.to_thread(os.replace, path, opened.target)
        bad = f", {total.malformed} could not be taken: {_errors(opened.target)}" if total.malformed else ""
        self.state.notes = (f"{path.name}: {total.new} new, {total.changed} changed{bad}",)
        log.info("imported", account=self.state.name, new=total.new, changed=total.changed, malformed=total.malformed)

    def _open(self, path: Path) -> _Open:
        settings = self.state.settings
        mapping = read_mapping(settings.mapping) if settings.mapping is not None else SourceMap()
        target = _free(self._folder / DONE / path.name)
        _errors(target).unlink(missing_ok=True)  # of an import that did not come to its end
        reading = Reading(path, mapping, self._clock.now())
        return _Open(reading, reading.batches, target)

    def _next(self, opened: _Open) -> Batch | None:
        batch = next(opened.batches, None)
        if batch is not None:
            _complain(_errors(opened.target), batch.complaints)
        return batch

    async def _hand_in(self, opened: _Open, batch: Batch, uid: int | None) -> Counts:
        name, undated = self.state.name, opened.reading.undated
        view = await self._importer.take(name, batch.orders, parked(batch.complaints), undated=undated, uid=uid)
        refused = [
            Complaint(line=0, number=one.external_id, reason=one.reason or "")
            for one in view.orders
            if one.verdict == "refused"
        ]
        await asyncio.to_thread(_complain, _errors(opened.target), refused)
        return Counts(pages=1, new=view.new, changed=view.changed, malformed=len(batch.complaints) + len(refused))

    async def _refuse(self, path: Path, reason: str, line: int | None = None) -> None:
        """Puts a file aside that can't be read, or not to its end, so that it isn't tried again and again."""
        target = _free(self._folder / FAILED / path.name)
        await asyncio.to_thread(_complain, _errors(target), [Complaint(line=line or 1, number=None, reason=reason)])
        await asyncio.to_thread(os.replace, path, target)
        self.state.notes = (f"{path.name} was put aside: {_errors(target)} says why",)
        log.warning("import_refused", account=self.state.name, line=line)

    async def _ill(self, problem: str) -> None:
        await self._tell(self._accounts.failed(self.state, Failure(cause=Cause.UNAVAILABLE, message=problem)))

    async def _tell(self, turn: Turn) -> None:
        if turn is not Turn.SAME:
            await tell_turn(self._rounds, self.state, turn)

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


def _free(path: Path) -> Path:
    """The path, with a number before its ending where there is such a file already."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free


def _errors(target: Path) -> Path:
    return target.with_name(f"{target.name}.errors.csv")


def _complain(path: Path, complaints: Iterator[Complaint] | tuple[Complaint, ...] | list[Complaint]) -> None:
    """Adds the complaints to the file, and makes it where there is none."""
    if not complaints:
        return
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        if file.tell() == 0:
            writer.writerow(("line", "order", "reason"))
        for one in complaints:
            writer.writerow((one.line or "", _harmless(one.number or ""), _harmless(one.reason)))


def _harmless(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
