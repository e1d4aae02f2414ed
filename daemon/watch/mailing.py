"""Mails the owner the alarms that no mail has told yet, by the mail server of [mail]."""

from __future__ import annotations

import asyncio
from datetime import datetime

import structlog

from daemon.accounts import Accounts, Turn, tell_turn
from daemon.core.alarm_mail import HOUR, letter, mail_due
from daemon.core.retry import Failure, classify
from daemon.core.routing import MAIL
from daemon.desk import Desk
from daemon.round import Rounds
from daemon.store import watching
from daemon.store.case import ms
from daemon.store.reader import Reader
from daemon.views import Done
from orderferry import Clock, Mail

log = structlog.get_logger("orderferry.alarms")


class AlarmMail:
    """Which alarms a mail has told stands in the store; how many mails went out within the hour, in memory."""

    def __init__(self, accounts: Accounts, rounds: Rounds, reader: Reader, clock: Clock, prefix: str) -> None:
        self._accounts = accounts
        self._rounds = rounds
        self._reader = reader
        self._clock = clock
        self._prefix = prefix
        self._sent: list[datetime] = []
        self._failed: datetime | None = None

    async def send_what_is_due(self, to: str) -> None:
        """One mail, or none; a failure of the mail server's is told in the log, and the mail is tried again later."""
        now = self._clock.now()
        untold = [one for one in await watching.open_alarms(self._reader) if not one.mailed]
        due = mail_due(untold, self._sent, self._failed)
        if due is None or due > now:
            return
        if MAIL not in self._accounts or not self._accounts.may_ask(self._accounts[MAIL]):
            return  # it is paused or held, which its own row of the journal says
        failure = await self._send(letter(untold, to=to, mark=self._prefix, now=now))
        if failure is not None:
            self._failed = now
            log.warning("alarm_mail_failed", error=failure.message, count=len(untold))
            return
        self._failed = None
        self._sent = [moment for moment in self._sent if now - moment < HOUR] + [now]

        def note(desk: Desk) -> Done:
            for one in untold:
                desk.batch.add("mail_alarm", one.alarm.key, ms(one.raised_at))
            return Done(text="a mail has told of them")

        await self._rounds.act(note)
        log.info("alarms_mailed", count=len(untold))

    async def _send(self, mail: Mail) -> Failure | None:
        accounts, state = self._accounts, self._accounts[MAIL]
        failure: Failure | None = None
        turn = Turn.SAME
        probe = accounts.begin(state)
        try:
            async with asyncio.timeout(accounts.hooks.platform(MAIL).call_limit):
                await accounts.hooks.ask(MAIL, "send_mail", mail=mail)
        except BaseException as error:
            failure = classify(error, sent=True)
            turn = accounts.failed(state, failure, probe=probe)
            if not isinstance(error, Exception):
                raise
        else:
            turn = accounts.succeeded(state, probe=probe)
        if turn is not Turn.SAME:
            await tell_turn(self._rounds, state, turn)
        if probe or turn is Turn.BETTER:
            self._rounds.wake()  # mails to buyers had to wait for this one
        return failure
