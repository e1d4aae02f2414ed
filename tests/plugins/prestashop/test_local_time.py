"""The shop's times are local: an hour that comes twice, and one that never comes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderferry import Malformed
from plugins.shops.prestashop import local_time

WARSAW = ZoneInfo("Europe/Warsaw")
ZONES = st.sampled_from([WARSAW, ZoneInfo("Europe/London"), ZoneInfo("Australia/Lord_Howe"), ZoneInfo("UTC")])
AUTUMN = datetime(2026, 10, 24, 18, tzinfo=UTC)  # some hours before the clocks go back in Europe
MOMENTS = st.one_of(
    st.integers(0, 12 * 3600).map(lambda seconds: AUTUMN + timedelta(seconds=seconds)),
    st.integers(0, 2 * 365 * 86_400).map(lambda seconds: AUTUMN - timedelta(days=365, seconds=-seconds)),
)


def written(moment: datetime, zone: ZoneInfo) -> str:
    """What the shop writes down at this moment."""
    return moment.astimezone(zone).strftime(local_time.FORM)


@given(MOMENTS, st.timedeltas(timedelta(0), timedelta(days=2)), ZONES)
def test_nothing_that_is_written_later_is_before_the_lower_bound(
    moment: datetime, later: timedelta, zone: ZoneInfo
) -> None:
    assert local_time.since(moment, zone) < written(moment + later, zone)


def test_the_lower_bound_holds_while_the_clocks_go_back() -> None:
    steps = [AUTUMN + timedelta(hours=5, minutes=10 * step) for step in range(24)]  # they go back after seven hours
    for moment in steps:
        assert all(local_time.since(moment, WARSAW) < written(later, WARSAW) for later in steps if later >= moment)


@given(MOMENTS, ZONES)
def test_a_time_is_read_as_the_moment_it_was_unless_it_comes_twice(moment: datetime, zone: ZoneInfo) -> None:
    read = local_time.read(written(moment, zone), zone, moment, "date_upd")
    assert read.tzinfo is UTC
    assert abs(read - moment) in {timedelta(0), timedelta(hours=1), timedelta(minutes=30)}
    if written(moment, zone) not in {written(moment + timedelta(minutes=shift), zone) for shift in (-60, -30, 30, 60)}:
        assert read == moment


@given(st.integers(0, 6 * 3600), st.integers(1, 6 * 3600))
def test_a_later_change_never_seems_earlier(first: int, apart: int) -> None:
    """An order that is read right after each change, while the clocks go back."""
    one = AUTUMN + timedelta(hours=3, seconds=first)
    other = one + timedelta(seconds=apart)
    read = [local_time.read(written(moment, WARSAW), WARSAW, moment, "date_upd") for moment in (one, other)]
    assert read == [one, other]


def test_what_is_no_time_is_malformed() -> None:
    with pytest.raises(Malformed, match=r"order\.date_upd"):
        local_time.read(local_time.NEVER, WARSAW, AUTUMN, "order.date_upd")


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("Sat, 24 Oct 2026 17:59:00 GMT", AUTUMN - timedelta(minutes=1)),
        ("Sat, 24 Oct 2026 19:00:00 GMT", AUTUMN),
        ("soon", AUTUMN),
        ("", AUTUMN),
    ],
)
def test_the_shops_clock_counts_where_it_is_behind(header: str, told: datetime) -> None:
    assert local_time.by_the_shop({"date": header}, AUTUMN) == told
