"""Positions: windows follow each other without a gap, and what spoils a search begins it anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.amazon import cursor
from plugins.amazon.cursor import BEHIND, OVERLAP, SWEEP, TOKEN_LIFE, WINDOW, Position, Walk

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
EVERY = timedelta(hours=6)
MINUTE = timedelta(minutes=1)


def step(position: Position, now: datetime, *, token: str | None = None, until: datetime | None = None) -> Position:
    """A page was asked for and answered."""
    return cursor.moved(cursor.due(position, now), now, EVERY, token=token, page="p", until=until)


def test_the_first_search_looks_thirty_days_back_and_ends_shortly_before_now() -> None:
    asked = cursor.query(cursor.due(cursor.begin(NOW), NOW))
    assert asked == {
        "lastUpdatedAfter": cursor.stamp(NOW - WINDOW - OVERLAP),
        "lastUpdatedBefore": cursor.stamp(NOW - BEHIND),
    }
    assert timedelta(minutes=2) < BEHIND


def test_the_next_search_goes_on_from_what_the_answer_named() -> None:
    answered = NOW - 5 * MINUTE
    position = step(cursor.begin(NOW), NOW, until=answered)
    assert position.updated == answered
    later = NOW + 3 * MINUTE
    asked = cursor.query(cursor.due(position, later))
    assert asked["lastUpdatedAfter"] == cursor.stamp(answered - OVERLAP)


@pytest.mark.parametrize("until", [None, NOW + timedelta(days=1), datetime(2026, 1, 5, 8, 59)])  # noqa: DTZ001 - the very point
def test_an_answer_never_moves_us_beyond_what_was_asked(until: datetime | None) -> None:
    assert step(cursor.begin(NOW), NOW, until=until).updated == NOW - BEHIND


def test_an_answer_of_long_ago_does_not_move_us_back() -> None:
    position = step(cursor.begin(NOW), NOW)
    later = step(position, NOW + 3 * MINUTE, until=NOW - timedelta(days=9))
    assert later.updated == NOW - BEHIND - OVERLAP


def test_pages_are_followed_with_the_same_window() -> None:
    first = cursor.due(cursor.begin(NOW), NOW)
    second = cursor.due(cursor.moved(first, NOW, EVERY, token="t", page="p", until=NOW), NOW + MINUTE)
    assert cursor.query(second) == {**cursor.query(first), "paginationToken": "t"}
    assert second.updated == first.updated, "nothing is safe before the last page"


def test_a_token_that_has_ended_is_not_sent() -> None:
    begun = step(cursor.begin(NOW), NOW, token="t")
    assert "paginationToken" in cursor.query(cursor.due(begun, NOW + TOKEN_LIFE - MINUTE))
    assert "paginationToken" not in cursor.query(cursor.due(begun, NOW + TOKEN_LIFE))
    assert "paginationToken" not in cursor.query(cursor.due(begun, NOW - MINUTE)), "a clock was set back"


def test_a_search_that_went_in_a_circle_covers_half_the_time() -> None:
    begun = step(cursor.begin(NOW), NOW, token="t")
    assert begun.main is not None
    assert cursor.restarted(begun).main == Walk(after=begun.main.after, before=begun.main.before)
    anew = cursor.restarted(begun, circle=True)
    assert anew.main is not None
    assert anew.updated == begun.updated
    assert anew.main.before - anew.main.after == (begun.main.before - begun.main.after) / 2
    assert "paginationToken" not in cursor.query(cursor.due(anew, NOW))


def test_however_often_it_is_begun_anew_a_search_goes_on_a_little() -> None:
    position = cursor.due(cursor.begin(NOW), NOW)
    for _ in range(40):
        position = cursor.due(cursor.restarted(position, circle=True), NOW)
    assert position.main is not None
    assert position.updated is not None
    assert position.main.before == position.updated + MINUTE
    assert step(position, NOW).updated == NOW - WINDOW + MINUTE


def test_a_sweep_is_due_after_its_time_and_lists_by_creation() -> None:
    position = step(cursor.begin(NOW), NOW)
    assert not position.sweep_next
    later = NOW + EVERY
    position = step(position, later)
    assert position.sweep_next
    asked = cursor.query(cursor.due(position, later))
    assert asked == {
        "createdAfter": cursor.stamp(later - BEHIND - SWEEP),
        "createdBefore": cursor.stamp(later - BEHIND),
    }


def test_the_pages_of_a_sweep_come_one_with_each_poll() -> None:
    position = Position(updated=NOW, swept_at=None)
    now = NOW + MINUTE
    position = step(position, now)
    assert position.sweep_next
    position = step(position, now, token="s1")
    assert not position.sweep_next
    assert position.swept_at is None
    position = step(position, now + 3 * MINUTE)
    assert position.sweep_next, "the sweep goes on after the first way"
    assert cursor.query(cursor.due(position, now))["paginationToken"] == "s1"
    position = step(position, now + 3 * MINUTE)
    assert position.sweep is None
    assert position.swept_at == now - BEHIND


def test_a_sweep_from_the_future_is_not_believed() -> None:
    position = Position(updated=NOW, swept_at=NOW + timedelta(days=3))
    assert step(position, NOW + MINUTE).sweep_next


@given(st.datetimes(datetime(2015, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - made aware by `timezones`
def test_reaching_back_is_one_search_and_then_over(since: datetime) -> None:
    position = cursor.reach_back(since, NOW)
    asked = cursor.query(cursor.due(position, NOW))
    assert asked["lastUpdatedAfter"] <= asked["lastUpdatedBefore"]
    assert asked["lastUpdatedAfter"] >= cursor.stamp(NOW - cursor.LONGEST)
    done = step(position, NOW)
    assert done.main is None
    assert done.updated is None


@settings(max_examples=50)
@given(
    polls=st.lists(
        st.tuples(st.timedeltas(timedelta(0), timedelta(days=2)), st.integers(0, 3), st.booleans()), max_size=12
    ),
    back=st.timedeltas(timedelta(0), timedelta(hours=3)),
)
def test_no_moment_is_ever_left_out(polls: list[tuple[timedelta, int, bool]], back: timedelta) -> None:
    """Over whatever pauses, pages, restarts and a clock set back: the finished windows leave no gap."""
    now, position = NOW, cursor.begin(NOW)
    covered = now - WINDOW
    for n, (pause, more_pages, restart) in enumerate(polls):
        pages = more_pages
        now += pause - (back if n == 5 else timedelta(0))
        position = cursor.decode(cursor.encode(position)) or pytest.fail("a cursor must be readable")
        while True:
            position = cursor.due(position, now)
            walk = position.main
            last = pages == 0
            if not position.sweep_next and last:
                assert walk is not None
                assert walk.after <= covered, "a gap"
                covered = max(covered, walk.before)
            if restart and not last:
                position = cursor.restarted(position, circle=bool(n % 2))
            else:
                position = cursor.moved(position, now, EVERY, token=None if last else "t", page=str(n), until=None)
            pages = max(pages - 1, 0)
            if position.main is None and not position.sweep_next:
                break


@pytest.mark.parametrize("text", ["", "{}", "null", '{"updated": "soon"}', '{"updated": 1e999}', "\ud800"])
def test_an_unreadable_cursor_is_none(text: str) -> None:
    assert cursor.decode(text) is None


def test_a_cursor_keeps_everything() -> None:
    walk = Walk(after=NOW, before=NOW + MINUTE, token="t", begun_at=NOW, mark="m")
    position = Position(updated=NOW, swept_at=NOW, main=walk, sweep=walk, sweep_next=True)
    assert cursor.decode(cursor.encode(position)) == position
