"""Backups by their names: when the next is due, and which have had their day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from daemon.core import backups

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
moments = st.integers(-40 * 86400, 86400).map(lambda seconds: NOW + timedelta(seconds=seconds))
keeps = st.integers(1, 14 * 86400).map(lambda seconds: timedelta(seconds=seconds))
STRANGERS = ("orders.db", "orders-20261126T231500Z.db.new", "orders-20261301T000000Z.db", "notes.txt",
             "orders-20200101T000000Z.db.gz", "Orders-20200101T000000Z.db", "orders-before-schema-3.db")  # fmt: skip


@given(moments)
def test_a_name_says_its_moment(at: datetime) -> None:
    assert backups.moment(backups.name(at)) == at
    assert backups.moment(backups.replaced_name(at)) == at
    assert backups.made([backups.name(at), backups.replaced_name(at)]) == [at]


def test_a_name_in_another_time_zone_is_that_of_utc() -> None:
    local = NOW.astimezone(tz=datetime.fromisoformat("2026-11-26T12:00:00+05:30").tzinfo)
    assert backups.name(local) == "orders-20261126T120000Z.db"


def test_other_files_are_nobody_s_business() -> None:
    assert [backups.moment(file) for file in STRANGERS] == [None] * len(STRANGERS)
    assert backups.outdated(STRANGERS, timedelta(seconds=1), NOW) == []


@given(st.lists(moments, unique=True, max_size=12), keeps)
def test_what_is_older_is_deleted_but_the_last_good_one_only_after_fourteen_days(
    at: list[datetime], keep: timedelta
) -> None:
    files = [backups.name(one) for one in at]
    gone = set(backups.outdated([*files, *STRANGERS], keep, NOW))
    for one in at:
        age = NOW - one
        deleted = backups.name(one) in gone
        if age > backups.LONGEST:
            assert deleted, "what was erased must be gone"
        elif age > keep:
            assert deleted == (one != max(at))
        else:
            assert not deleted


@given(moments, keeps)
def test_a_store_that_was_put_aside_stays_for_fourteen_days(at: datetime, keep: timedelta) -> None:
    file = backups.replaced_name(at)
    assert (backups.outdated([file], keep, NOW) == [file]) == (NOW - at > backups.LONGEST)
    assert (backups.outdated([f"{file}-wal"], keep, NOW) == [f"{file}-wal"]) == (NOW - at > backups.LONGEST)


@given(st.lists(moments, unique=True, max_size=6), keeps)
def test_the_next_is_due_after_the_newest_of_the_past(at: list[datetime], every: timedelta) -> None:
    past = [one for one in at if one <= NOW]
    due = backups.due([*map(backups.name, at), *STRANGERS], every, NOW)
    assert due == (max(past) + every if past else NOW)


def test_two_within_a_second_get_two_names() -> None:
    first = backups.free_name(NOW, set())
    assert backups.free_name(NOW, {first}) == "orders-20261126T120001Z.db"
