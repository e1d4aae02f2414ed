"""What watchers ask of the running daemon: whether it is ready, and all its metrics."""

from __future__ import annotations

import asyncio
import platform
import sqlite3
from datetime import datetime

from daemon.accounts import Accounts
from daemon.round import Rounds
from daemon.store import watching
from daemon.store.reader import Reader
from daemon.views import CommandError
from daemon.watch.exposition import Snapshot, expose
from daemon.watch.metrics import Metrics
from orderferry import Clock

ANSWER_LIMIT = 5.0


class Watch:
    """`started` is set by whoever starts the daemon, once all of it runs."""

    def __init__(
        self,
        metrics: Metrics,
        *,
        version: str,
        started_at: datetime,
        accounts: Accounts,
        rounds: Rounds,
        reader: Reader,
        clock: Clock,
    ) -> None:
        self.started = False
        self._metrics = metrics
        self._version = version
        self._started_at = started_at
        self._accounts = accounts
        self._rounds = rounds
        self._reader = reader
        self._clock = clock

    async def ready(self) -> None:
        """Returns where the daemon can do its work; else raises `CommandError` that says why not."""
        if not self.started:
            raise CommandError("unavailable", "the daemon is starting")
        if self._rounds.degraded is not None:
            raise CommandError("unavailable", self._rounds.degraded)
        try:
            async with asyncio.timeout(ANSWER_LIMIT):
                await self._reader.last_entry()
        except (TimeoutError, sqlite3.Error, ValueError) as error:  # the last: the connection is closed
            raise CommandError("unavailable", f"the store does not answer ({type(error).__name__})") from error

    async def exposition(self) -> str:
        """All metrics as they are now, in Prometheus's text format."""
        counts = await watching.tallies(self._reader)
        now = self._clock.now()
        return expose(
            self._metrics,
            Snapshot(
                version=self._version,
                python=platform.python_version(),
                sqlite=sqlite3.sqlite_version,
                started_at=self._started_at.timestamp(),
                degraded=self._rounds.degraded is not None,
                rounds=self._rounds.count,
                journal_rows=counts.journal_rows,
                orders=counts.orders,
                jobs=counts.jobs,
                oldest={name: max((now - since).total_seconds(), 0.0) for name, since in counts.oldest.items()},
                unreadable=counts.unreadable,
                alarms=counts.alarms,
                health={state.name: state.health.value for state in self._accounts},
                caught_up={
                    state.name: state.caught_up.timestamp() for state in self._accounts if state.caught_up is not None
                },
            ),
        )
