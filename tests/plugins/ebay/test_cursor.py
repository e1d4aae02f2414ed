"""Windows: whatever is in the list, however it moves, every order is listed, and the windows come to an end."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderferry.testing.clock import START
from plugins.ebay import cursor as positions
from plugins.ebay.cursor import FIRST, LONGEST, OPEN_FOR, OVERLAP, PAGE, Kind, Position, Scan

EVERY = timedelta(hours=2)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def run(
    position: Position, listing: list[datetime], *, moves: random.Random | None = None, left: set[int] | None = None
) -> tuple[set[int], Position]:
    """Asks a list, whose entries are numbered, until the scan ends; by `moves` entries leave it meanwhile."""
    left = set() if left is None else left
    seen: set[int] = set()
    kind = position.scan.kind if position.scan else None
    for _ in range(2000):
        scan = position.scan
        if scan is None or scan.kind is not kind:
            return seen, position
        found = [n for n, at in enumerate(listing) if n not in left and scan.begin <= at <= scan.end]
        found.sort(key=lambda n: (n * 7919) % 104_729)  # in no order that means anything
        page = found[scan.offset : scan.offset + scan.limit]
        smaller = positions.narrowed(position, listed=len(page), total=len(found))
        seen |= set(() if smaller else page)
        position = smaller or positions.after(position, listed=len(page), total=len(found), every=EVERY)
        if moves is not None and listing and moves.random() < 0.3:
            left.add(moves.randrange(len(listing)))
    raise AssertionError("the scan does not come to an end")


def test_a_new_account_looks_two_months_back() -> None:
    position = positions.started(Position(), START)
    assert position.scan == Scan(kind=Kind.CHANGED, begin=START - FIRST, end=START, goal=START)


def test_afterwards_windows_are_closed_and_overlap() -> None:
    position = positions.started(Position(until=START, checked_at=START), START + MINUTE)
    assert position.scan is not None
    assert position.scan.criteria == "lastmodifieddate:[2026-01-05T08:45:00.000Z..2026-01-05T09:01:00.000Z]"


def test_an_outage_is_made_up_for_from_before_its_beginning() -> None:
    position = positions.started(Position(until=START), START + timedelta(days=40))
    assert position.scan is not None
    assert position.scan.begin == START - OVERLAP


def test_it_never_reaches_back_further_than_ebay_does() -> None:
    now = START + timedelta(days=3000)
    for position in (positions.started(Position(until=START), now), positions.reach_back(START, now)):
        assert position.scan is not None
        assert position.scan.begin == now - LONGEST


def test_a_place_in_the_future_is_not_believed() -> None:
    position = positions.started(Position(until=START + timedelta(days=3)), START)
    assert position.scan is not None
    assert position.scan.begin == START - FIRST


def test_a_clock_that_went_back_a_little_makes_no_window_that_ends_before_it_begins() -> None:
    position = positions.started(Position(until=START + OVERLAP), START - MINUTE + MINUTE)
    assert position.scan is not None
    assert position.scan.begin <= position.scan.end


def test_the_open_ones_are_due_at_first_and_then_every_two_hours() -> None:
    _, position = run(positions.started(Position(), START), [])
    assert (position.until, position.check_next, position.more) == (START, True, True)
    position = positions.started(position, START)
    assert position.scan is not None
    assert position.scan.criteria == (
        "creationdate:[2025-11-06T09:00:00.000Z..2026-01-05T09:00:00.000Z],"
        "orderfulfillmentstatus:{NOT_STARTED|IN_PROGRESS}"
    )
    assert position.scan.begin == START - OPEN_FOR
    _, position = run(position, [])
    assert (position.checked_at, position.more) == (START, False)
    for passed, due in ((HOUR, False), (2 * HOUR, True), (-HOUR, True)):
        _, later = run(positions.started(position, START + passed), [])
        assert later.check_next is due


def test_reaching_back_does_nothing_else() -> None:
    seen, position = run(positions.reach_back(START - HOUR, START), [START - 2 * HOUR, START - HOUR, START])
    assert seen == {1, 2}
    assert not position.more


TIMES = st.lists(
    st.one_of(
        st.integers(0, 86_400_000),
        st.integers(40_000_000, 40_000_050),  # many at once
        st.just(50_000_000),
    ),
    max_size=700,
)


@given(times=TIMES)
def test_every_order_is_listed_however_many_there_are(times: list[int]) -> None:
    begin = START - timedelta(days=1)
    listing = [begin + timedelta(milliseconds=time) for time in times]
    seen, position = run(positions.reach_back(begin, START), listing)
    assert seen == set(range(len(listing)))
    assert position.scan is None


@given(times=TIMES, seed=st.integers(0, 999))
def test_orders_that_leave_the_windows_make_it_skip_no_other(times: list[int], seed: int) -> None:
    """An order that changes leaves the closed window, and is in the next scan; those that stay are all seen."""
    begin = START - timedelta(days=1)
    listing = [begin + timedelta(milliseconds=time) for time in times]
    left: set[int] = set()
    moves = random.Random(seed)  # noqa: S311 - the same seed must tell the same story
    seen, _ = run(positions.reach_back(begin, START), listing, moves=moves, left=left)
    assert set(range(len(listing))) - left <= seen


def test_postponing_the_open_ones_delays_no_new_order() -> None:
    _, position = run(positions.started(Position(), START), [])
    begun = positions.started(position, START)
    later = positions.postponed(begun)
    assert later is not None
    assert not later.more
    following = positions.started(later, START + MINUTE)
    assert following.scan is not None
    assert following.scan.kind is Kind.CHANGED
    _, following = run(following, [])
    assert following.check_next


def test_the_changed_ones_are_never_postponed() -> None:
    assert positions.postponed(positions.started(Position(), START)) is None


@pytest.mark.parametrize(
    ("changed_at", "again"),
    [(START, True), (START - OVERLAP + MINUTE, True), (START - OVERLAP - MINUTE, False), (None, False)],
)
def test_which_orders_the_next_scan_is_sure_to_list(changed_at: datetime | None, *, again: bool) -> None:
    position = positions.started(Position(until=START - MINUTE), START)
    assert positions.shown_again(position, changed_at) is again
    assert not positions.shown_again(positions.reach_back(START - HOUR, START), changed_at)
    if again and changed_at is not None:
        _, ended = run(position, [])
        following = positions.started(Position(until=ended.until, checked_at=START), START + timedelta(days=7))
        assert following.scan is not None
        assert following.scan.begin <= changed_at


def test_a_cursor_survives_its_way_through_the_store() -> None:
    position = positions.started(Position(until=START, checked_at=START), START + MINUTE)
    assert positions.decode(positions.encode(position)) == position
    assert positions.decode("nonsense") is None
    assert positions.decode('{"until": 7}') is None


def test_pages_are_as_long_as_ebay_allows_at_the_most() -> None:
    assert all(0 < size <= 200 for size in PAGE.values())
