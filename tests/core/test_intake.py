"""Intake: repeats and older states change nothing, whatever the order in which they come."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from daemon.core.intake import Known, Verdict, changed_fields, compare, latest, remembered, replaced_by
from orderferry import Order, Stage

Make = Callable[..., Order]


def digest(order: Order) -> bytes:
    return hashlib.blake2b(msgspec.json.encode(order), digest_size=16).digest()


def known(order: Order, number: int = 1, stage: Stage | None = None) -> Known:
    return Known(
        id=number,
        external_id=order.external_id,
        digest=digest(order),
        stage=stage or order.stage,
        updated_at=order.updated_at,
    )


def test_an_unknown_order_is_new(order: Make) -> None:
    assert compare(None, order(), b"") is Verdict.NEW


def test_a_repeat_is_the_same(order: Make) -> None:
    assert compare(known(order()), order(), digest(order())) is Verdict.SAME


def test_an_older_state_is_never_taken(order: Make, minute: timedelta, t0: datetime) -> None:
    old = order(updated_at=t0 - minute, comment="before")
    assert compare(known(order()), old, digest(old)) is Verdict.OLDER


def test_other_content_with_the_same_time_is_a_change(order: Make) -> None:
    shipped = order(shipped=True)
    assert compare(known(order()), shipped, digest(shipped)) is Verdict.CHANGED


def test_an_order_that_was_merged_away_does_not_come_back(order: Make, minute: timedelta, t0: datetime) -> None:
    late = order(updated_at=t0 + minute)
    assert compare(known(order(), stage=Stage.MERGED), late, digest(late)) is Verdict.REPLACED


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(range(5)), st.lists(st.integers(0, 4), max_size=5))
def test_any_sequence_of_states_ends_with_the_newest(
    order: Make, minute: timedelta, t0: datetime, sequence: list[int], repeats: list[int]
) -> None:
    states = [order(revision=str(n), updated_at=t0 + n * minute, comment=f"state {n}") for n in range(5)]
    have: Known | None = None
    for n in [*sequence, *repeats]:
        if compare(have, states[n], digest(states[n])) in {Verdict.NEW, Verdict.CHANGED}:
            have = known(states[n])
    assert have is not None
    assert have.digest == digest(states[4])


def test_a_new_order_replaces_those_whose_lines_it_carries(order: Make, minute: timedelta, t0: datetime) -> None:
    first = known(order(external_id="a"), 1)
    merged = order(external_id="c", updated_at=t0 + minute)
    assert replaced_by(merged, {"line-1": first}) == (first,)


def test_an_order_replaces_neither_itself_nor_a_later_one(order: Make, minute: timedelta, t0: datetime) -> None:
    late = known(order(external_id="c", updated_at=t0 + minute), 2)
    assert replaced_by(order(external_id="a"), {"line-1": late}) == ()
    assert replaced_by(order(), {"line-1": known(order())}) == ()
    gone = known(order(external_id="z"), 3, Stage.MERGED)
    assert replaced_by(order(), {"line-1": gone}) == ()


def test_of_a_page_with_two_states_the_newest_stays(order: Make, minute: timedelta, t0: datetime) -> None:
    old, new, other = order(), order(updated_at=t0 + minute, revision="r2"), order(external_id="form-2")
    assert latest([new, other, old]) == (new, other)
    assert latest([old, other, new]) == (new, other)


def test_changed_fields_name_what_differs_and_not_the_marks(order: Make, minute: timedelta, t0: datetime) -> None:
    after = order(revision="r2", updated_at=t0 + minute, comment=None, total=replace(order().total))
    assert changed_fields(order(), after) == ("comment",)


def test_what_a_platform_tells_no_longer_is_remembered(order: Make) -> None:
    before = order()
    silent = replace(before.buyer, email=None, phone=None, first_name=None, last_name=None)
    now = replace(before, buyer=silent, delivery=replace(before.delivery, address=None), stage=Stage.PLACED)
    assert before.buyer.email
    assert before.delivery.address
    kept = remembered(before, now)
    assert (kept.buyer, kept.delivery, kept.stage) == (before.buyer, before.delivery, Stage.PLACED)


def test_what_a_platform_tells_counts_and_what_it_never_told_stays_unknown(order: Make) -> None:
    before = order()
    nowhere = replace(before.delivery, address=None)
    unknown = replace(before, buyer=replace(before.buyer, email=None), delivery=nowhere, stage=Stage.PLACED)
    moved = replace(before, buyer=replace(before.buyer, email="new@example.org", company=None), comment=None)
    assert remembered(before, moved) is moved
    assert remembered(unknown, unknown) is unknown
