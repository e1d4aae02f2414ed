"""Looks every few seconds whether the store answers and nothing is stuck: feeds the watchdog, tells how things stand.

A store that can't be written (a full disk) is not a stuck one: a new start would not give it room.
"""

from __future__ import annotations

import asyncio

import structlog

from daemon.accounts import Accounts, AccountState, Health, login_command
from daemon.calls import Call
from daemon.core import liveness
from daemon.core.liveness import Ailing, Stage, Standing
from daemon.notify import Notifier, Phase
from daemon.poller import CHECK_LIMIT, FETCH_LIMIT
from daemon.round import Rounds
from daemon.store.standing import open_jobs
from daemon.store.store import Store
from orderferry import Clock

log = structlog.get_logger("orderferry.daemon")

EVERY = 5.0
STORE_LIMIT = 10.0
ROUND_LIMIT = 30.0
GRACE = 30.0  # a call is told to end at its limit, and may take a moment for it


class Liveness:
    """`run` goes on until it is cancelled, through start and stop."""

    def __init__(
        self,
        notifier: Notifier,
        clock: Clock,
        *,
        store: Store,
        rounds: Rounds,
        accounts: Accounts,
    ) -> None:
        self._notifier = notifier
        self._clock = clock
        self._store = store
        self._rounds = rounds
        self._accounts = accounts
        self._asking: asyncio.Task[tuple[int, int]] | None = None
        self._unanswered: float | None = None  # since when the store owes an answer
        self._jobs = (0, 0)
        self._stuck: tuple[str, ...] = ()

    async def run(self) -> None:
        """Never ends by itself; with nobody to tell it to, nothing is done."""
        if not self._notifier.heard:
            return
        every = min(EVERY, (self._notifier.watchdog or EVERY) / 3)
        try:
            while True:
                self._ask_the_store()
                await self._clock.sleep(min(every, 0.1))  # an answer takes no longer, where all is well
                self._look()
                await self._clock.sleep(max(every - 0.1, 0))
        finally:
            if self._asking is not None:
                self._asking.cancel()

    def _ask_the_store(self) -> None:
        """Reads through the writing connection, unless an answer is still owed."""
        if self._asking is None:
            self._asking = asyncio.create_task(open_jobs(self._store))
            if self._unanswered is None:
                self._unanswered = self._clock.monotonic()

    def _look(self) -> None:
        if self._asking is not None and self._asking.done():
            if self._asking.exception() is None:
                self._jobs, self._unanswered = self._asking.result(), None
            self._asking = None
        stuck = liveness.stuck(self._stages(), self._clock.monotonic())
        for name in stuck:
            if name not in self._stuck:
                log.error("stage_stuck", what=name)
        for name in self._stuck:
            if name not in stuck:
                log.info("stage_goes_on", what=name)
        self._stuck = stuck
        if not stuck and self._notifier.watchdog is not None:
            self._notifier.feed()
        if self._notifier.phase is Phase.RUNNING:
            self._notifier.say(liveness.running(self._standing()))
        elif self._notifier.phase is Phase.STOPPING:
            self._notifier.say(liveness.stopping(len(self._accounts.hooks.calls.all())))

    def _stages(self) -> list[Stage]:
        stages = [self._stage(call) for call in self._accounts.hooks.calls.all()]
        if self._rounds.busy_since is not None:
            stages.append(Stage(name="writing to the store", since=self._rounds.busy_since, limit=ROUND_LIMIT))
        if self._unanswered is not None and self._rounds.degraded is None:
            stages.append(Stage(name="reading from the store", since=self._unanswered, limit=STORE_LIMIT))
        return stages

    def _stage(self, call: Call) -> Stage:
        limit = FETCH_LIMIT
        if call.hook != "fetch_orders":
            platform = self._accounts.hooks.platforms().get(call.account)
            limit = max(CHECK_LIMIT, platform.call_limit if platform is not None else 0)
        return Stage(name=f"{call.hook} of {call.account}", since=call.since, limit=limit + GRACE)

    def _standing(self) -> Standing:
        on_the_way, parked = self._jobs
        return Standing(
            on_the_way=on_the_way,
            parked=parked,
            degraded=self._rounds.degraded,
            refused=self._notifier.refused,
            stuck=self._stuck,
            ailing=tuple(_ailing(state) for state in self._accounts if state.health in _HOW),
        )


_HOW = {
    Health.NEEDS_LOGIN: "needs login",
    Health.DOWN: "does not answer",
    Health.REFUSED: "could not be started",
    Health.PAUSED: "is paused",
}


def _ailing(state: AccountState) -> Ailing:
    command = None
    if state.health is Health.NEEDS_LOGIN:
        command = login_command(state).partition("  #")[0]
    elif state.health is Health.PAUSED:
        command = f"orderferry resume {state.name}"
    return Ailing(account=state.name, how=_HOW[state.health], command=command)
