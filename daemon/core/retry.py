"""What failed, how often, and when -> what becomes of the job and of its account.

Two things are kept apart: a failure of the account (it is away, it limits us, it wants a login) holds the account back
and costs its jobs nothing; a failure of the job counts against the job, which is parked after TRIES tries or PATIENCE.
`draw` is a random number from 0 to 1 that the caller throws, so that recovering accounts don't all come at once.
"""

from __future__ import annotations

import traceback
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from daemon.core.job import ONCE, JobEvent, JobKind
from daemon.core.redaction import redacted, scrubbed
from orderferry import Malformed, NeedsLogin, Order, RateLimited, Rejected, Unavailable, Unsure

TRIES = 8
BUG_TRIES = 3
PATIENCE = timedelta(hours=24)
FIRST = 0.5
LONGEST_JOB = 15 * 60.0
LONGEST_ACCOUNT = 60.0
LONGEST_ASKED = 3600.0
LOGIN_PROBE = timedelta(minutes=15)
FIRST_LOOK = timedelta(seconds=2)
LONGEST_LOOK = timedelta(seconds=60)


class Cause(StrEnum):
    """What kind of failure it was."""

    UNAVAILABLE = "unavailable"
    RATE_LIMITED = "rate_limited"
    NEEDS_LOGIN = "needs_login"
    UNSURE = "unsure"
    REJECTED = "rejected"
    MALFORMED = "malformed"
    BUG = "bug"
    FOREIGN = "foreign"  # something else has put the purchase into the shop already


class AlreadyThereError(Exception):
    """The shop has an order of this purchase that is not ours; nothing was sent."""


class PluginBugError(Exception):
    """A bug of the plugin, said in a few words without any of its data; `detail` is where it happened, if known."""

    def __init__(self, message: str, detail: str | None = None) -> None:
        super().__init__(message)
        self.detail = detail


class Failure(Struct, frozen=True, kw_only=True):
    """A failed hook call as a value; `detail` is a traceback where a plugin has a bug."""

    cause: Cause
    message: str
    retry_after: float | None = None
    detail: str | None = None

    @property
    def of_account(self) -> bool:
        """Whether the account failed, not the job."""
        return self.cause in {Cause.UNAVAILABLE, Cause.RATE_LIMITED, Cause.NEEDS_LOGIN}


def classify(error: BaseException, *, sent: bool) -> Failure:
    """The failure that an exception stands for; `sent` says whether a request that changes something may have left."""
    match error:
        case RateLimited():
            return Failure(cause=Cause.RATE_LIMITED, message=str(error), retry_after=error.retry_after)
        case Unavailable():
            return Failure(cause=Cause.UNAVAILABLE, message=str(error), retry_after=error.retry_after)
        case NeedsLogin():
            return Failure(cause=Cause.NEEDS_LOGIN, message=str(error))
        case Unsure():
            return Failure(cause=Cause.UNSURE, message=str(error))
        case Rejected():
            return Failure(cause=Cause.REJECTED, message=str(error))
        case Malformed():
            return Failure(cause=Cause.MALFORMED, message=str(error))
        case AlreadyThereError():
            return Failure(cause=Cause.FOREIGN, message=str(error))
        case TimeoutError():
            cause = Cause.UNSURE if sent else Cause.UNAVAILABLE
            return Failure(cause=cause, message="the plugin did not come back in time")
        case _:
            # an unknown error says nothing about whether its request was applied, so for a change it is a doubt too
            bug = bug_of(error)
            return Failure(cause=Cause.BUG, message=f"a bug of the plugin: {bug}", detail=bug.detail)


def bug_of(error: BaseException) -> PluginBugError:
    """Any error as a bug of the plugin: its type and place, and never its text, which may hold a buyer's data."""
    if isinstance(error, PluginBugError):
        return error
    where = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" in {where[0].name}, line {where[0].lineno}" if where else ""
    detail = "".join(traceback.format_tb(error.__traceback__))[-4000:]
    return PluginBugError(f"{type(error).__name__}{place}", detail)


def told(failure: Failure, order: Order | None) -> Failure:
    """The failure as it may be kept and told: a platform may repeat a key, or what the order says of its buyer."""
    message = scrubbed(failure.message) if order is None else redacted(failure.message, order)
    return failure if message == failure.message else replace(failure, message=message)


class Verdict(Struct, frozen=True, kw_only=True):
    """What becomes of the job: the event, when it is due again, and whether the try counts."""

    event: JobEvent
    due: datetime
    reason: str
    counts: bool = True


def backoff(tries: int, longest: float, draw: float) -> float:
    """Seconds until the next try: doubling from FIRST up to `longest`, a quarter less or more as thrown."""
    middle = min(FIRST * 2.0 ** min(tries, 20), longest)
    return middle * (0.75 + draw / 2)


def leaves_doubt(failure: Failure, kind: JobKind) -> bool:
    """Whether doing it again could do what must not be done twice: the call, or something else, may have done it."""
    return kind in ONCE and failure.cause in {Cause.UNSURE, Cause.BUG, Cause.FOREIGN}


def after_failure(
    failure: Failure,
    kind: JobKind,
    *,
    attempt: int,
    first_tried: datetime,
    now: datetime,
    draw: float,
    can_find: bool,
    others_worked: bool,
) -> Verdict:
    """What becomes of a job whose hook call failed; `attempt` counts the failed tries including this one.

    `others_worked` says that the account has done something else since this job first failed: then an account that is
    "unavailable" for this job alone is the job's own trouble, and counts.
    """
    if failure.cause in {Cause.REJECTED, Cause.MALFORMED, Cause.FOREIGN}:
        return Verdict(event=JobEvent.REJECT, due=now, reason=failure.message)
    if kind is JobKind.SEND_MAIL and leaves_doubt(failure, kind):
        reason = f"nobody knows whether the mail went out: {failure.message}"
        return Verdict(event=JobEvent.GIVE_UP, due=now, reason=reason)
    if leaves_doubt(failure, kind):
        if not can_find:
            reason = f"nobody knows whether the shop has the order, and it can't be searched: {failure.message}"
            return Verdict(event=JobEvent.GIVE_UP, due=now, reason=reason)
        return Verdict(event=JobEvent.DOUBT, due=now + FIRST_LOOK, reason=failure.message)
    if failure.of_account and not (failure.cause is Cause.UNAVAILABLE and others_worked):
        return Verdict(event=JobEvent.POSTPONE, due=now, reason=failure.message, counts=False)
    tries = BUG_TRIES if failure.cause is Cause.BUG else TRIES
    if attempt >= tries or now - first_tried >= PATIENCE:
        return Verdict(event=JobEvent.GIVE_UP, due=now, reason=f"given up after {attempt} tries: {failure.message}")
    due = now + timedelta(seconds=backoff(attempt, LONGEST_JOB, draw))
    return Verdict(event=JobEvent.POSTPONE, due=due, reason=failure.message)


def after_look(
    *,
    found: bool,
    attempt: int,
    doubt_at: datetime,
    settle: timedelta,
    now: datetime,
) -> Verdict:
    """What a successful look-up means: there is done; not there counts only once the settle window is over."""
    if found:
        return Verdict(event=JobEvent.FOUND, due=now, reason="it is there")
    settled = doubt_at + settle
    if now < settled:
        return Verdict(
            event=JobEvent.LOOK_LATER,
            due=next_look(doubt_at, settled, now),
            reason="not there yet; the shop may still apply the request",
            counts=False,
        )
    if attempt >= TRIES:
        reason = f"given up after {attempt} tries: the shop never has the order afterwards"
        return Verdict(event=JobEvent.GIVE_UP, due=now, reason=reason)
    return Verdict(event=JobEvent.ABSENT, due=now, reason="it is not there: sent again", counts=False)


def next_look(doubt_at: datetime, settled: datetime, now: datetime) -> datetime:
    """When to look again: ever more rarely, and once exactly when the window is over."""
    wait = min(max(now - doubt_at, FIRST_LOOK), LONGEST_LOOK)
    return min(now + wait, settled) if now < settled else now + wait


def hold_for(failure: Failure, streak: int, draw: float) -> timedelta:
    """How long an account is held after a failure of its own; `streak` counts such failures in a row, this included.

    What the platform asks for is kept, but for an hour at most: a plugin may pass on any number, and even none.
    """
    if failure.cause is Cause.NEEDS_LOGIN:
        return LOGIN_PROBE
    if failure.retry_after is not None:
        asked = min(LONGEST_ASKED, failure.retry_after)  # in this order NaN becomes the longest, too
        return timedelta(seconds=max(asked, 0) * (1 + draw / 10))
    return timedelta(seconds=backoff(streak, LONGEST_ACCOUNT, draw))
