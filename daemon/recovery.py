"""What a start has to settle: the jobs that were under way when the last process ended, however it ended."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from daemon.accounts import Accounts
from daemon.acts import Act
from daemon.core.job import JobEvent, JobKind, JobState
from daemon.core.retry import FIRST_LOOK, Verdict
from daemon.core.routing import Target, every
from daemon.core.ticking import LONGEST_RETRY, next_tick
from daemon.desk import Desk
from daemon.dispatcher import LEASE
from daemon.outcomes import apply_verdict
from daemon.store.case import Case, JobRecord, ms
from daemon.views import Done
from orderferry import Capability

ENDED = "the daemon ended before the answer came"


def recover(numbers: list[int], accounts: Accounts) -> Act:
    """Takes every job of these orders that is SENDING as in doubt; the others can simply be done again."""

    def act(desk: Desk) -> Done:
        settled = []
        for number in numbers:
            case = desk.cases[number]
            for job in case.jobs.values():
                if job.state is JobState.SENDING:
                    _settle(desk, case, job, accounts)
                    settled.append(job.id)
        return Done(text=f"{len(settled)} jobs were under way when the daemon ended", jobs=tuple(settled))

    return act


def _settle(desk: Desk, case: Case, job: JobRecord, accounts: Accounts) -> None:
    desk.touch(case)
    sent_at = job.sent_at or desk.now
    job.first_tried = job.first_tried or sent_at
    known = job.account in accounts
    settle = accounts[job.account].settings.settle if known else LEASE
    if job.kind is JobKind.SEND_MAIL:
        job.doubt_at = sent_at
        verdict = Verdict(
            event=JobEvent.GIVE_UP, due=desk.now, reason=f"{ENDED}: nobody knows whether the mail went out"
        )
    elif job.kind is not JobKind.ADD_ORDER:
        verdict = Verdict(event=JobEvent.POSTPONE, due=desk.now, reason=ENDED, counts=False)
    elif known and accounts.running(accounts[job.account]) and not _can_find(accounts, job.account):
        job.doubt_at = sent_at
        verdict = Verdict(event=JobEvent.GIVE_UP, due=desk.now, reason=f"{ENDED}, and this shop can't be searched")
    else:
        job.doubt_at = min(desk.now, sent_at + _longest(accounts, job.account))
        verdict = Verdict(event=JobEvent.DOUBT, due=desk.now + FIRST_LOOK / 4, reason=ENDED)
    apply_verdict(desk, case, job, verdict, settle=settle)


def _longest(accounts: Accounts, name: str) -> timedelta:
    """Until when after its claim a request may have left: the wait for its turn, and then the whole of its call."""
    if name not in accounts or not accounts.running(accounts[name]):
        return timedelta(days=365)
    return LEASE + timedelta(seconds=accounts.hooks.platform(name).call_limit)


def _can_find(accounts: Accounts, name: str) -> bool:
    return Capability.FIND_ORDER in accounts.capabilities(name)


def bring_forward(targets: Mapping[str, Target]) -> Act:
    """What waits longer than it can is due at its next tick: the clock was set back, or an interval is shorter now."""

    def act(desk: Desk) -> Done:
        for target in targets.values():
            for kind in (JobKind.SET_STATUS, JobKind.SET_PAYMENT, JobKind.SET_TRACKING):
                tick = next_tick(every(target, kind), target.name, desk.now)
                latest = max(tick, desk.now + LONGEST_RETRY)
                desk.batch.add("bring_forward", ms(tick), target.name, kind.value, ms(latest))
        return Done(text="what waits is due in time")

    return act
