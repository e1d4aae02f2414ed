"""What a person must be told of, once: which troubles there are, which of them are new, and which are over.

    decide(open_alarms, facts, now, after) -> Decision

An order whose job is late, a job that is parked, an order that can't be read, a double in a shop, and an account that
asks for a login, can't be started or is away for long: each is an alarm from its beginning to its end, known by its
`key`. The alarms that are open are kept in the store, so nothing is told twice, not even after a restart.

Waiting on purpose is no trouble: an order whose form isn't complete has no job, a change that is collected has a due
time in the future, and what waits for an account that somebody has paused is not late.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from daemon.core.job import JobState, remedy

DOUBLE_LASTS = timedelta(days=7)  # a shop may never tell that the second order was deleted


class Topic(StrEnum):
    """What the alarm is about."""

    UNFINISHED = "unfinished"
    PARKED = "parked"
    UNREADABLE = "unreadable"
    DOUBLED = "doubled"
    NEEDS_LOGIN = "needs_login"
    DOWN = "down"
    REFUSED = "refused"


class Alarm(Struct, frozen=True, kw_only=True):
    """One trouble; `command` resolves it, or is the first thing to do. `key` tells it from all others."""

    key: str
    topic: Topic
    account: str
    since: datetime
    command: str
    order: int | None = None
    job: int | None = None


class OpenJob(Struct, frozen=True, kw_only=True):
    """A job that is waiting, sending, unsure or parked."""

    id: int
    order: int
    account: str
    kind: str
    state: JobState
    due: datetime
    made_at: datetime
    first_tried: datetime | None = None
    in_doubt: bool = False


class Double(Struct, frozen=True, kw_only=True):
    """A second order with the same reference stands in the account's shop: this one."""

    order: int
    account: str
    shop_order: str


class Unreadable(Struct, frozen=True, kw_only=True):
    """An order that could not be read, by its number in the list; `imported` where it came from a file."""

    id: int
    account: str
    first_seen: datetime
    imported: bool = False


class AccountFacts(Struct, frozen=True, kw_only=True):
    """How an account is: `health` as in `daemon.accounts`, since when, and the command for its login."""

    health: str
    since: datetime
    login: str = ""


class Facts(Struct, frozen=True, kw_only=True):
    """All that alarms come of, at one moment; `accounts` by name."""

    jobs: Sequence[OpenJob] = ()
    doubles: Sequence[Double] = ()
    unreadable: Sequence[Unreadable] = ()
    accounts: Mapping[str, AccountFacts] = {}


class Decision(Struct, frozen=True, kw_only=True):
    """The alarms to be told now, and those that are over."""

    begun: tuple[Alarm, ...] = ()
    over: tuple[Alarm, ...] = ()


def decide(open_alarms: Iterable[Alarm], facts: Facts, now: datetime, after: timedelta) -> Decision:
    """What is new and what is over; `after` is how long an order may be late, or an account away.

    A trouble that becomes another one (late, then parked) begins anew under the same key, and is not over.
    """
    known = {alarm.key: alarm for alarm in open_alarms}
    there = {alarm.key: alarm for alarm in _troubles(facts, now, after)}
    for key, alarm in known.items():
        if alarm.topic is Topic.DOUBLED and now - alarm.since >= DOUBLE_LASTS:
            there.pop(key, None)
    return Decision(
        begun=tuple(alarm for key, alarm in there.items() if key not in known or known[key].topic is not alarm.topic),
        over=tuple(alarm for key, alarm in known.items() if key not in there and not _may_go_on(alarm, facts)),
    )


def _may_go_on(alarm: Alarm, facts: Facts) -> bool:
    """Whether an account's trouble may be there still: after a restart nobody knows yet, or only for a short while."""
    account = facts.accounts.get(alarm.account)
    return alarm.topic in _TOPICS.values() and account is not None and account.health in {"starting", "down"}


def _troubles(facts: Facts, now: datetime, after: timedelta) -> Iterable[Alarm]:
    for job in facts.jobs:
        alarm = _of_job(job, facts.accounts, now, after)
        if alarm is not None:
            yield alarm
    for double in facts.doubles:
        yield Alarm(
            key=f"double:{double.account}:{double.order}",
            topic=Topic.DOUBLED,
            account=double.account,
            since=now,
            command=f"cancel order {double.shop_order} in {double.account}",
            order=double.order,
        )
    for one in facts.unreadable:
        yield Alarm(
            key=f"unreadable:{one.id}",
            topic=Topic.UNREADABLE,
            account=one.account,
            since=one.first_seen,
            command=unreadable_remedy(one.account, imported=one.imported),
        )
    for name, account in facts.accounts.items():
        topic = _TOPICS.get(account.health)
        if topic is None or (topic is Topic.DOWN and now - account.since < after):
            continue
        command = account.login if topic is Topic.NEEDS_LOGIN else f"orderferry accounts {name}"
        yield Alarm(key=f"account:{name}", topic=topic, account=name, since=account.since, command=command)


_TOPICS: Mapping[str, Topic] = {
    "needs_login": Topic.NEEDS_LOGIN,
    "down": Topic.DOWN,
    "refused": Topic.REFUSED,
}


def _of_job(job: OpenJob, accounts: Mapping[str, AccountFacts], now: datetime, after: timedelta) -> Alarm | None:
    if job.state is JobState.PARKED:
        topic, since = Topic.PARKED, min(job.due, now)
        command = remedy(job.id, job.kind, in_doubt=job.in_doubt)
    else:
        topic, since = Topic.UNFINISHED, late_since(job)
        command = f"orderferry explain {job.order}"
        paused = job.account in accounts and accounts[job.account].health == "paused"
        if paused or now - since < after:
            return None
    return Alarm(
        key=f"job:{job.id}", topic=topic, account=job.account, since=since, command=command, order=job.order, job=job.id
    )


def late_since(job: OpenJob) -> datetime:
    """Since when a job could be done: its first try, since each further one moves the due time; else that time.

    A doubt that was never tried is of a store that was put back from a backup, and as old as its job.
    """
    if job.first_tried is not None:
        return job.first_tried
    return job.made_at if job.state is JobState.UNSURE else job.due


def unreadable_remedy(account: str, *, imported: bool) -> str:
    """What to do about an order that could not be read."""
    if imported:
        return f"mend it in the file, then: orderferry import FILE --account {account}"
    return f"once it is mended there, or the plugin is newer: orderferry fetch {account}"


def told(topic: str, *, account: str, order: int | None, job: int | None) -> str:
    """What is wrong, as a sentence without its end; every topic has one, also where its order isn't known."""
    subject = f"order {order}" if order is not None else "an order"
    match topic:
        case Topic.UNFINISHED:
            return f"{subject} waits for {account}"
        case Topic.PARKED:
            return (
                f"{subject} is parked: {f'job {job}' if job is not None else 'a job'} for {account} waits for a person"
            )
        case Topic.UNREADABLE:
            return f"an order from {account} could not be read"
        case Topic.DOUBLED:
            return f"{account} holds {subject} more than once"
        case Topic.NEEDS_LOGIN:
            return f"{account} refuses our login"
        case Topic.DOWN:
            return f"{account} can't be reached"
        case Topic.REFUSED:
            return f"{account} could not be started"
        case _:
            return f"something is wrong with {account}"
