"""Retry: a failing account costs its jobs nothing, a failing job ends visibly, a doubt is never resent early."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.job import JobEvent, JobKind
from daemon.core.retry import (
    LONGEST_ACCOUNT,
    TRIES,
    Cause,
    Failure,
    Verdict,
    after_failure,
    after_look,
    backoff,
    classify,
    hold_for,
    next_look,
)
from orderferry import Malformed, NeedsLogin, RateLimited, Rejected, Unavailable, Unsure

from .conftest import T0

SETTLE = timedelta(seconds=420)


def judge(cause: Cause, kind: JobKind = JobKind.ADD_ORDER, **changes: Any) -> Verdict:  # any argument of after_failure
    arguments: dict[str, Any] = {
        "attempt": 1,
        "first_tried": T0,
        "now": T0,
        "draw": 0.5,
        "can_find": True,
        "others_worked": False,
    }
    return after_failure(Failure(cause=cause, message="it broke"), kind, **{**arguments, **changes})


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (Unavailable("x", retry_after=3), Cause.UNAVAILABLE),
        (RateLimited("x", retry_after=3), Cause.RATE_LIMITED),
        (NeedsLogin("x"), Cause.NEEDS_LOGIN),
        (Unsure("x"), Cause.UNSURE),
        (Rejected("x"), Cause.REJECTED),
        (Malformed("x"), Cause.MALFORMED),
        (KeyError("secret text of a buyer"), Cause.BUG),
    ],
)
def test_the_class_is_the_decision(error: Exception, cause: Cause) -> None:
    failure = classify(error, sent=True)
    assert failure.cause is cause
    assert "secret text" not in failure.message


def test_a_call_that_did_not_come_back_is_a_doubt_only_if_something_may_have_left() -> None:
    assert classify(TimeoutError(), sent=True).cause is Cause.UNSURE
    assert classify(TimeoutError(), sent=False).cause is Cause.UNAVAILABLE


@pytest.mark.parametrize("cause", [Cause.UNAVAILABLE, Cause.RATE_LIMITED, Cause.NEEDS_LOGIN])
@pytest.mark.parametrize("attempt", [1, 100])
def test_a_failing_account_never_parks_a_job(cause: Cause, attempt: int) -> None:
    verdict = judge(cause, attempt=attempt, now=T0 + timedelta(days=7))
    assert verdict.event is JobEvent.POSTPONE
    assert not verdict.counts


def test_an_account_that_works_for_others_is_the_jobs_own_trouble() -> None:
    assert judge(Cause.UNAVAILABLE, others_worked=True).counts
    assert judge(Cause.UNAVAILABLE, others_worked=True, attempt=TRIES).event is JobEvent.GIVE_UP


@pytest.mark.parametrize("cause", [Cause.REJECTED, Cause.MALFORMED])
def test_a_refusal_parks_at_once(cause: Cause) -> None:
    assert judge(cause).event is JobEvent.REJECT


@pytest.mark.parametrize("cause", [Cause.UNSURE, Cause.BUG])
def test_a_doubt_about_adding_is_looked_up_and_never_sent_again_at_once(cause: Cause) -> None:
    verdict = judge(cause)
    assert verdict.event is JobEvent.DOUBT
    assert verdict.due > T0
    assert judge(cause, can_find=False).event is JobEvent.GIVE_UP


def test_a_doubt_about_telling_is_simply_told_again() -> None:
    assert judge(Cause.UNSURE, JobKind.SET_STATUS).event is JobEvent.POSTPONE
    assert judge(Cause.UNSURE, JobKind.SET_STATUS, attempt=TRIES).event is JobEvent.GIVE_UP


def test_a_job_is_given_up_after_a_day() -> None:
    late = T0 + timedelta(hours=24)
    assert judge(Cause.UNSURE, JobKind.SET_TRACKING, attempt=2, now=late).event is JobEvent.GIVE_UP


@given(st.integers(0, 419))
def test_not_there_counts_for_nothing_before_the_settle_window_is_over(seconds: int) -> None:
    now = T0 + timedelta(seconds=seconds)
    verdict = after_look(found=False, attempt=1, doubt_at=T0, settle=SETTLE, now=now)
    assert verdict.event is JobEvent.LOOK_LATER
    assert now < verdict.due <= T0 + SETTLE


def test_not_there_after_the_window_sends_again_and_there_is_done_at_once() -> None:
    assert after_look(found=False, attempt=1, doubt_at=T0, settle=SETTLE, now=T0 + SETTLE).event is JobEvent.ABSENT
    assert after_look(found=True, attempt=1, doubt_at=T0, settle=SETTLE, now=T0).event is JobEvent.FOUND
    last = after_look(found=False, attempt=TRIES, doubt_at=T0, settle=SETTLE, now=T0 + SETTLE)
    assert last.event is JobEvent.GIVE_UP


def test_looks_come_soon_and_then_ever_more_rarely_and_once_when_the_window_is_over() -> None:
    now, looks = T0 + timedelta(seconds=2), []
    while now < T0 + SETTLE:
        looks.append((now - T0).total_seconds())
        now = next_look(T0, T0 + SETTLE, now)
    assert looks[:4] == [2, 4, 8, 16]
    assert now == T0 + SETTLE
    assert len(looks) < 15


@given(st.integers(1, 60), st.floats(0, 1))
def test_backoff_grows_stays_within_its_cap_and_never_vanishes(tries: int, draw: float) -> None:
    wait = backoff(tries, LONGEST_ACCOUNT, draw)
    assert 0 < wait <= LONGEST_ACCOUNT * 1.25
    assert backoff(tries + 1, LONGEST_ACCOUNT, draw) >= wait


def test_a_day_of_outage_costs_few_requests() -> None:
    held, streak = timedelta(0), 0
    while held < timedelta(days=1):
        streak += 1
        held += hold_for(Failure(cause=Cause.UNAVAILABLE, message="x"), streak, 0.5)
    assert streak < 1_500


def test_retry_after_is_kept_and_a_login_is_probed_rarely() -> None:
    limited = Failure(cause=Cause.RATE_LIMITED, message="x", retry_after=30)
    assert timedelta(seconds=30) <= hold_for(limited, 1, 0.9) <= timedelta(seconds=33)
    assert hold_for(Failure(cause=Cause.NEEDS_LOGIN, message="x"), 1, 0) == timedelta(minutes=15)
