"""Ticks follow from interval and name alone; clocks may be set, and summer time may begin."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.ticking import IMMEDIATE, TOLERANCE, Every, Reading, moved, next_tick
from orderferry import Duration

MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone
INTERVALS = st.integers(1, 7 * 86_400).map(lambda seconds: Every(Duration(seconds=seconds)))
NAMES = st.text("abc-09", min_size=1, max_size=20)


@given(MOMENTS, INTERVALS, NAMES)
def test_the_next_tick_comes_within_one_interval_and_never_at_this_very_moment(
    now: datetime, every: Every, name: str
) -> None:
    assert every.interval is not None
    tick = next_tick(every, name, now)
    assert now < tick + timedelta(milliseconds=1)
    assert tick - now <= every.interval + timedelta(milliseconds=1)
    assert next_tick(every, name, tick) == tick + every.interval, "ticks are one interval apart"


@given(MOMENTS, INTERVALS, NAMES, st.integers(1, 100))
def test_everything_between_two_ticks_is_told_at_the_same_one(
    now: datetime, every: Every, name: str, part: int
) -> None:
    assert every.interval is not None
    tick = next_tick(every, name, now)
    between = now + (tick - now) * part / 101
    assert next_tick(every, name, between) == tick


@pytest.mark.parametrize("zone", ["Europe/Warsaw", "UTC", "Australia/Lord_Howe"])
@pytest.mark.parametrize("day", [datetime(2026, 3, 28), datetime(2026, 10, 24), datetime(2026, 4, 4)])  # noqa: DTZ001 - the zone is a parameter
def test_summer_time_neither_skips_nor_doubles_a_tick(zone: str, day: datetime) -> None:
    now = day.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    every = Every(Duration(hours=1))
    ticks = []
    for _ in range(48):
        now = next_tick(every, "shop", now)
        ticks.append(now)
    assert {later - earlier for earlier, later in pairwise(ticks)} == {timedelta(hours=1)}


def test_two_accounts_do_not_tick_together() -> None:
    now = datetime(2026, 1, 5, tzinfo=UTC)
    every = Every(Duration(hours=1))
    assert len({next_tick(every, f"shop-{number}", now) for number in range(50)}) == 50


def test_at_once_is_now_and_off_is_never() -> None:
    now = datetime(2026, 1, 5, tzinfo=UTC)
    assert next_tick(IMMEDIATE, "shop", now) == now
    assert (Every.parse("at once"), Every.parse("0s")) == (IMMEDIATE, IMMEDIATE)
    assert not Every.parse("off").on
    assert [str(Every.parse(text)) for text in ("off", "at once", "90m")] == ["off", "at once", "1h30m"]
    with pytest.raises(ValueError, match='write "1h", "at once" or "off"'):
        Every.parse("hourly")


@given(st.timedeltas(timedelta(days=-366), timedelta(days=366)), st.floats(0, 1e6))
def test_a_clock_that_was_set_is_noticed_by_the_time_that_has_passed(by: timedelta, passed: float) -> None:
    then = Reading(datetime(2026, 1, 5, tzinfo=UTC), 100.0)
    now = Reading(then.wall + timedelta(seconds=passed) + by, 100.0 + passed)
    seen = moved(then, now)
    assert abs(seen - by) < timedelta(milliseconds=1) if abs(by) > TOLERANCE * 2 else abs(seen) <= TOLERANCE * 2
