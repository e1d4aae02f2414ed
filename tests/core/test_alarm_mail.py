"""One mail for what comes together, few an hour, and nothing forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from daemon.core.alarm_mail import HOUR, LISTED, MOST, TOGETHER, TRY_AGAIN, Raised, letter, mail_due
from daemon.core.alarming import Alarm, Topic

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def untold(number: int = 1, at: datetime = NOW) -> Raised:
    alarm = Alarm(
        key=f"job:{number}",
        topic=Topic.PARKED,
        account="my-shop",
        since=NOW - timedelta(minutes=20),
        command=f"orderferry retry {number}",
        order=number + 100,
        job=number,
    )
    return Raised(alarm=alarm, raised_at=at)


def test_alarms_within_a_minute_share_a_mail() -> None:
    assert mail_due([], [], None) is None
    assert mail_due([untold(2, NOW + MINUTE / 2), untold(1)], [], None) == NOW + TOGETHER


def test_a_mail_that_failed_is_tried_again_later() -> None:
    assert mail_due([untold()], [], NOW + 2 * MINUTE) == NOW + 2 * MINUTE + TRY_AGAIN


@given(st.lists(st.integers(0, 4 * 3600), min_size=1, max_size=60))
def test_there_are_few_mails_an_hour_and_every_alarm_is_in_one(moments: list[int]) -> None:
    waiting = [untold(number, NOW + timedelta(seconds=second)) for number, second in enumerate(sorted(moments))]
    sent: list[datetime] = []
    told: list[int | None] = []
    while waiting:
        due = mail_due(waiting, sent, None)
        assert due is not None
        # what has come by then is in it
        now = [one for one in waiting if one.raised_at <= due]
        assert now, "a mail about nothing"
        told += [one.alarm.job for one in now]
        waiting = [one for one in waiting if one.raised_at > due]
        sent.append(due)
    assert sorted(told, key=str) == sorted(range(len(moments)), key=str)
    for before, after in zip(sent, sent[MOST:], strict=False):
        assert after - before >= HOUR
    assert all(later - earlier >= TOGETHER for earlier, later in pairwise(sent))


def test_the_mail_names_what_and_what_helps_and_no_more_than_can_be_read() -> None:
    mail = letter([untold(2, NOW + MINUTE), untold(1)], to="me@example.pl", mark="OF-abc", now=NOW + MINUTE)
    assert mail.to == "me@example.pl"
    assert mail.subject == "orderferry: 2 alarms (parked)"
    what = "- order 102 is parked: job 2 for my-shop waits for a person, since 2026-03-02 11:40 UTC (21 min)."
    assert what in mail.text
    assert "What helps: orderferry retry 2" in mail.text
    assert mail.id.startswith("OF-abc-alarm-")
    same = letter([untold(1), untold(2, NOW + MINUTE)], to="me@example.pl", mark="OF-abc", now=NOW + 5 * MINUTE)
    assert same.id == mail.id, "the same mail, tried again, is known as the same"
    other = letter([untold(3)], to="me@example.pl", mark="OF-abc", now=NOW)
    assert other.id != mail.id
    assert other.subject == "orderferry: 1 alarm (parked)"

    many = letter([untold(number) for number in range(500)], to="me@example.pl", mark="m", now=NOW)
    assert many.text.count("What helps") == LISTED
    assert f"and {500 - LISTED} more" in many.text
