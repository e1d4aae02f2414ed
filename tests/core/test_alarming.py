"""Each trouble is told once, is never lost, and is over when it is over, whatever happens in whatever order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from daemon.core.alarming import (
    DOUBLE_LASTS,
    AccountFacts,
    Alarm,
    Double,
    Facts,
    OpenJob,
    Topic,
    Unreadable,
    decide,
    told,
)
from daemon.core.job import OPEN, JobKind, JobState

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
AFTER = timedelta(minutes=15)
LONG_AGO = NOW - timedelta(hours=2)
SECOND = timedelta(seconds=1)

moments = st.integers(-90 * 60, 90 * 60).map(lambda seconds: NOW + timedelta(seconds=seconds))
jobs = st.builds(
    OpenJob,
    id=st.integers(1, 6),
    order=st.integers(1, 6),
    account=st.sampled_from(["my-shop", "other-shop", "gone"]),
    kind=st.sampled_from(JobKind),
    state=st.sampled_from([*OPEN, JobState.PARKED]),
    due=moments,
    made_at=moments,
    first_tried=st.none() | moments,
    in_doubt=st.booleans(),
)
healths = st.sampled_from(["starting", "ok", "down", "needs_login", "paused", "refused"])
facts = st.builds(
    Facts,
    jobs=st.lists(jobs, max_size=3, unique_by=lambda job: job.id),
    doubles=st.lists(
        st.builds(Double, order=st.integers(1, 3), account=st.just("my-shop"), shop_order=st.just("9")),
        max_size=2,
        unique_by=lambda double: double.order,
    ),
    unreadable=st.lists(
        st.builds(Unreadable, id=st.integers(1, 3), account=st.just("allegro-main"), first_seen=moments),
        max_size=2,
        unique_by=lambda one: one.id,
    ),
    accounts=st.dictionaries(
        st.sampled_from(["my-shop", "other-shop"]),
        st.builds(AccountFacts, health=healths, since=moments, login=st.just("orderferry login my-shop")),
    ),
)


def job(state: JobState = JobState.WAITING, **changes: object) -> OpenJob:
    whole = OpenJob(id=5, order=17, account="my-shop", kind="add_order", state=state, due=LONG_AGO, made_at=LONG_AGO)
    return replace(whole, **changes)


def health(word: str, since: datetime = LONG_AGO) -> Facts:
    return Facts(accounts={"my-shop": AccountFacts(health=word, since=since, login="orderferry login my-shop")})


def begun(given_facts: Facts, *known: Alarm, now: datetime = NOW) -> tuple[Alarm, ...]:
    return decide(known, given_facts, now, AFTER).begun


def after_this(open_alarms: Sequence[Alarm], given_facts: Facts, now: datetime) -> list[Alarm]:
    """The alarms that are open afterwards, as the store keeps them."""
    decision = decide(open_alarms, given_facts, now, AFTER)
    known = {alarm.key: alarm for alarm in open_alarms} | {alarm.key: alarm for alarm in decision.begun}
    return [alarm for key, alarm in known.items() if key not in {over.key for over in decision.over}]


@settings(max_examples=40)
@given(st.lists(st.tuples(facts, st.integers(0, 3600)), max_size=4))
def test_whatever_happens_nothing_is_told_twice_and_the_same_facts_say_nothing_new(
    steps: list[tuple[Facts, int]],
) -> None:
    now, known = NOW, list[Alarm]()
    for given_facts, seconds in steps:
        now += timedelta(seconds=seconds)
        decision = decide(known, given_facts, now, AFTER)
        topics = {alarm.key: alarm.topic for alarm in known}
        assert all(topics.get(alarm.key) is not alarm.topic for alarm in decision.begun)
        assert {alarm.key for alarm in decision.over} <= topics.keys()
        assert not {alarm.key for alarm in decision.begun} & {alarm.key for alarm in decision.over}
        known = after_this(known, given_facts, now)
        again = decide(known, given_facts, now, AFTER)
        assert (again.begun, again.over) == ((), ())


@settings(max_examples=40)
@given(facts, st.lists(facts, max_size=2))
def test_no_trouble_is_lost_whatever_was_told_before(given_facts: Facts, before: list[Facts]) -> None:
    known = list[Alarm]()
    for earlier in before:
        known = after_this(known, earlier, NOW)
    keys = {alarm.key for alarm in after_this(known, given_facts, NOW)}
    assert {f"job:{one.id}" for one in given_facts.jobs if one.state is JobState.PARKED} <= keys
    assert {f"unreadable:{one.id}" for one in given_facts.unreadable} <= keys
    assert {f"double:my-shop:{one.order}" for one in given_facts.doubles} <= keys
    unwell = {name for name, one in given_facts.accounts.items() if one.health in {"needs_login", "refused"}}
    assert {f"account:{name}" for name in unwell} <= keys


@settings(max_examples=40)
@given(st.lists(facts, max_size=3))
def test_when_all_is_well_every_alarm_is_over(before: list[Facts]) -> None:
    known = list[Alarm]()
    for earlier in before:
        known = after_this(known, earlier, NOW)
    well = Facts(accounts={name: AccountFacts(health="ok", since=NOW) for name in ("my-shop", "other-shop")})
    assert set(decide(known, well, NOW, AFTER).over) == set(known)


@pytest.mark.parametrize("kind", JobKind)
@pytest.mark.parametrize("state", sorted(OPEN))
def test_a_job_is_late_from_its_first_try_or_its_time_on(kind: JobKind, state: JobState) -> None:
    in_time = {"kind": kind, "due": NOW - AFTER + SECOND, "made_at": NOW - AFTER + SECOND}
    assert not begun(Facts(jobs=[job(state, **in_time)]))
    late = {**in_time, "due": NOW - AFTER, "made_at": NOW - AFTER}
    (alarm,) = begun(Facts(jobs=[job(state, **late)]))
    assert (alarm.topic, alarm.order, alarm.job, alarm.account) == (Topic.UNFINISHED, 17, 5, "my-shop")
    assert (alarm.since, alarm.command) == (NOW - AFTER, "orderferry explain 17")
    # each further try moves the due time, which makes the job no younger
    (tried,) = begun(Facts(jobs=[job(state, kind=kind, due=NOW + AFTER, first_tried=NOW - AFTER)]))
    assert tried.since == NOW - AFTER


def test_what_is_deferred_on_purpose_is_no_alarm() -> None:
    collected = job(kind="set_status", due=NOW + timedelta(minutes=20))
    assert not begun(Facts(jobs=[collected]))
    assert not begun(Facts(jobs=[job()], accounts=health("paused").accounts))
    assert begun(Facts(jobs=[job()], accounts=health("ok").accounts))
    assert begun(Facts(jobs=[job(JobState.PARKED)], accounts=health("paused").accounts)), "that waits for a person"


def test_a_doubt_of_a_store_that_was_put_back_is_as_old_as_its_job() -> None:
    assert begun(Facts(jobs=[job(JobState.UNSURE, due=NOW + SECOND)]))


@pytest.mark.parametrize(
    ("kind", "in_doubt", "command"),
    [
        ("add_order", False, "orderferry retry 5"),
        ("add_order", True, "orderferry resolve 5 --shop-order N, or orderferry resolve 5 --send-again"),
        ("set_status", True, "orderferry retry 5"),
        ("send_mail", True, "orderferry resolve 5 --sent, or orderferry resolve 5 --send-again"),
    ],
)
def test_a_parked_job_is_told_at_once_with_what_resolves_it(kind: str, command: str, *, in_doubt: bool) -> None:
    (alarm,) = begun(Facts(jobs=[job(JobState.PARKED, kind=kind, in_doubt=in_doubt, due=NOW, made_at=NOW)]))
    assert (alarm.topic, alarm.command) == (Topic.PARKED, command)


def test_a_late_order_that_is_parked_is_told_anew_and_was_never_over() -> None:
    (late,) = begun(Facts(jobs=[job()]))
    decision = decide([late], Facts(jobs=[job(JobState.PARKED)]), NOW, AFTER)
    assert ([alarm.topic for alarm in decision.begun], decision.over) == ([Topic.PARKED], ())
    assert decision.begun[0].key == late.key


def test_an_account_that_is_away_is_told_after_a_while_and_one_that_wants_a_login_at_once() -> None:
    assert not begun(health("down", NOW - AFTER + SECOND))
    (down,) = begun(health("down", NOW - AFTER))
    assert (down.topic, down.account, down.command) == (Topic.DOWN, "my-shop", "orderferry accounts my-shop")
    (login,) = begun(health("needs_login", NOW))
    assert (login.topic, login.command) == (Topic.NEEDS_LOGIN, "orderferry login my-shop")
    assert begun(health("refused", NOW))[0].topic is Topic.REFUSED
    for word in ("ok", "paused", "starting"):
        assert not begun(health(word))


def test_a_restart_neither_ends_an_account_s_alarm_nor_tells_it_again() -> None:
    (down,) = begun(health("down"))
    for word, since in (("starting", NOW), ("down", NOW), ("down", LONG_AGO)):
        decision = decide([down], health(word, since), NOW, AFTER)
        assert (decision.begun, decision.over) == ((), ()), word
    for gone in (health("ok"), health("paused"), Facts()):
        assert decide([down], gone, NOW, AFTER).over == (down,)


def test_a_double_ends_when_the_shop_has_one_alone_or_after_days() -> None:
    twice = Facts(doubles=[Double(order=17, account="my-shop", shop_order="204")])
    (double,) = begun(twice)
    assert (double.topic, double.command) == (Topic.DOUBLED, "cancel order 204 in my-shop")
    assert decide([double], Facts(), NOW, AFTER).over == (double,)
    late = NOW + DOUBLE_LASTS
    assert not decide([double], twice, late - SECOND, AFTER).over
    decision = decide([double], twice, late, AFTER)
    assert (decision.begun, decision.over) == ((), (double,))


def test_an_order_that_can_t_be_read_is_told_with_what_helps() -> None:
    fetched, filed = (Unreadable(id=n, account=a, first_seen=NOW, imported=n == 2) for n, a in ((1, "etsy"), (2, "f")))
    one, two = begun(Facts(unreadable=[fetched, filed]))
    assert (one.topic, one.since) == (Topic.UNREADABLE, NOW)
    assert one.command.endswith("orderferry fetch etsy")
    assert two.command.endswith("orderferry import FILE --account f")


@pytest.mark.parametrize("topic", [*Topic, "something newer"])
def test_every_topic_has_a_sentence_also_where_little_is_known(topic: str) -> None:
    whole = told(topic, account="my-shop", order=17, job=5)
    assert "my-shop" in whole
    assert "None" not in told(topic, account="my-shop", order=None, job=None)
    assert "\n" not in whole
