"""Looks for what a person must be told of, tells it once, and says when it is over."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

import structlog

from daemon.accounts import Accounts, Health, login_command
from daemon.core.alarming import AccountFacts, Alarm, Decision, Facts, Topic, decide, told
from daemon.core.journal import Entry, Kind
from daemon.desk import Desk
from daemon.round import Rounds
from daemon.store import watching
from daemon.store.case import ms
from daemon.store.reader import Reader
from daemon.views import Done
from daemon.watch.mailing import AlarmMail
from daemon.watch.settings import WatchSettings
from orderferry import Clock, Role

log = structlog.get_logger("orderferry.alarms")

LOOK_EVERY = 10.0
REST = 1.0  # between two looks, however much happens
AT_ONCE = frozenset(
    {
        Kind.JOB_PARKED,
        Kind.ORDER_MALFORMED,
        Kind.DOUBLE_FOUND,
        Kind.ACCOUNT_NEEDS_LOGIN,
        Kind.ACCOUNT_REFUSED,
        Kind.ACCOUNT_UP,
        Kind.ACCOUNT_PAUSED,
    }
)
"""Rows of the journal after which a look is worth while at once, beside those of a job that has an alarm."""


class Alarms:
    """Runs beside the main job; one that fails is begun anew, and knows from the store what was told."""

    def __init__(self, accounts: Accounts, rounds: Rounds, reader: Reader, clock: Clock, prefix: str) -> None:
        self._accounts = accounts
        self._rounds = rounds
        self._reader = reader
        self._clock = clock
        self._mail = AlarmMail(accounts, rounds, reader, clock, prefix)
        self._mailing: asyncio.Task[None] | None = None
        self._bell = asyncio.Event()
        self._jobs: frozenset[int | None] = frozenset()  # those that have an alarm

    def heed(self, entries: Sequence[Entry]) -> None:
        """These rows of the journal are on disk: what a person waits for is looked at at once."""
        if any(entry.kind in AT_ONCE or entry.job in self._jobs for entry in entries):
            self._bell.set()

    async def run(self, settings: WatchSettings) -> None:
        """Looks every few seconds, and when something has happened; never ends by itself."""
        try:
            while True:
                self._bell.clear()
                await self.look(settings)
                await self._clock.sleep(REST)
                await self._until_called(min(LOOK_EVERY, settings.alarm_after.total_seconds() / 3))
        finally:
            mailing, self._mailing = self._mailing, None
            if mailing is not None:
                mailing.cancel()
                await asyncio.gather(mailing, return_exceptions=True)

    async def look(self, settings: WatchSettings) -> None:
        """Tells what is new and what is over, and mails what no mail has told yet where that is due."""
        if self._rounds.degraded is not None:
            return  # nothing can be written; /readyz and the log say so
        now = self._clock.now()
        kept = await watching.open_alarms(self._reader)
        facts = await self._facts(now, settings)
        open_now = [one.alarm for one in kept]
        decision = decide(open_now, facts, now, settings.alarm_after)
        if decision.begun or decision.over:
            await self._rounds.act(lambda desk: _tell(desk, decision))
            _log(decision)
        self._jobs = frozenset(alarm.job for alarm in (*open_now, *decision.begun) if alarm.job is not None)
        if self._mailing is not None and self._mailing.done():
            mailing, self._mailing = self._mailing, None
            mailing.result()  # a mistake of ours ends this run, and is told
        if settings.mail_to is not None and self._mailing is None:
            self._mailing = asyncio.create_task(self._mail.send_what_is_due(settings.mail_to))

    async def _facts(self, now: datetime, settings: WatchSettings) -> Facts:
        imports = frozenset(state.name for state in self._accounts if state.settings.role is Role.IMPORT)
        return Facts(
            jobs=await watching.open_jobs(self._reader, made_before=now - settings.alarm_after),
            doubles=await watching.doubles(self._reader),
            unreadable=await watching.unreadable(self._reader, imports),
            accounts={
                state.name: AccountFacts(
                    health=state.health.value,
                    since=state.troubled_since or now,
                    login=login_command(state) if state.health is Health.NEEDS_LOGIN else "",
                )
                for state in self._accounts
            },
        )

    async def _until_called(self, longest: float) -> None:
        """Waits for the next look, or until something has happened."""
        sleep = asyncio.ensure_future(self._clock.sleep(longest))
        bell = asyncio.ensure_future(self._bell.wait())
        try:
            await asyncio.wait({sleep, bell}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleep.cancel()
            bell.cancel()


def _tell(desk: Desk, decision: Decision) -> Done:
    for alarm in decision.begun:
        desk.batch.add(
            "raise_alarm",
            alarm.key,
            alarm.topic.value,
            alarm.account,
            alarm.order,
            alarm.job,
            ms(alarm.since),
            alarm.command,
            ms(desk.now),
        )
        _note(desk, Kind.ALARM, alarm)
    for alarm in decision.over:
        desk.batch.add("end_alarm", alarm.key)
        if alarm.topic is Topic.DOUBLED:
            desk.batch.add("forget_double", alarm.account, alarm.order)  # seen once more, it is told once more
        _note(desk, Kind.ALARM_OVER, alarm)
    return Done(text=f"{len(decision.begun)} alarms, {len(decision.over)} over")


def _note(desk: Desk, kind: Kind, alarm: Alarm) -> None:
    command = alarm.command if kind is Kind.ALARM else None
    data = {"what": alarm.topic.value, "since": alarm.since.isoformat(), "command": command}
    desk.write_entry(kind, alarm.order, alarm.account, alarm.job, dict(data))


def _log(decision: Decision) -> None:
    for kind, alarms in (("alarm", decision.begun), ("alarm_over", decision.over)):
        for alarm in alarms:
            what = told(alarm.topic, account=alarm.account, order=alarm.order, job=alarm.job)
            over = kind == "alarm_over"
            (log.info if over else log.warning)(
                kind,
                what=alarm.topic.value,
                order=alarm.order,
                account=alarm.account,
                job=alarm.job,
                reason=what if over else f"{what}. What helps: {alarm.command}",
            )
