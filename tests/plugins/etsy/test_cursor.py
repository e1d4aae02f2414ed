"""Rounds and their legs: whatever is in the list, however it moves, every receipt is listed, and legs end."""

from __future__ import annotations

import random
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from orderferry.testing.clock import START
from plugins.etsy import cursor as positions
from plugins.etsy.cursor import OLDEST, OVERLAP, PAGE, WINDOW, Kind, Leg, Position
from plugins.etsy.mapping import Peek

EVERY = timedelta(hours=6)
HOUR = timedelta(hours=1)
NOW = int(START.timestamp())


def kinds(position: Position) -> list[Kind]:
    return [leg.kind for leg in position.legs]


def run(position: Position) -> Position:
    """Every leg with an empty list."""
    while position.legs:
        position = positions.after(position, [])
    return position


def test_a_new_account_looks_two_months_back_in_every_way() -> None:
    position = positions.started(Position(), START, EVERY)
    assert kinds(position) == [Kind.CANCELLED, Kind.BOUGHT, Kind.CHANGED]
    assert {leg.since for leg in position.legs} == {NOW - int(WINDOW.total_seconds())}
    assert position.first
    ended = run(position)
    assert (ended.until, ended.swept_at) == (START, START)


def test_afterwards_changes_overlap_and_everything_is_looked_at_now_and_then() -> None:
    position = run(positions.started(Position(), START, EVERY))
    following = positions.started(position, START + HOUR, EVERY)
    assert kinds(following) == [Kind.CANCELLED, Kind.CHANGED]
    assert not following.first
    assert following.legs[1].since == int((START - OVERLAP).timestamp())
    assert run(following).swept_at == START
    later = positions.started(run(following), START + EVERY, EVERY)
    assert kinds(later) == [Kind.CANCELLED, Kind.BOUGHT, Kind.CHANGED]
    assert run(later).swept_at == START + EVERY


def test_an_outage_is_made_up_for_from_before_its_beginning() -> None:
    position = positions.started(Position(until=START, swept_at=START), START + timedelta(days=90), EVERY)
    assert position.legs[-1].since == int((START - OVERLAP).timestamp())


def test_a_place_in_the_future_is_not_believed() -> None:
    position = positions.started(Position(until=START + timedelta(days=3), swept_at=START), START, EVERY)
    assert position.legs[-1].since == int((START - WINDOW).timestamp())
    backwards = positions.started(Position(until=START, swept_at=START + HOUR), START, EVERY)
    assert Kind.BOUGHT in kinds(backwards)


def test_reaching_back_looks_in_every_way_and_does_nothing_else() -> None:
    position = positions.reach_back(START - HOUR, START)
    assert kinds(position) == [Kind.CANCELLED, Kind.BOUGHT, Kind.CHANGED]
    assert position.legs[-1].since == NOW - 3600
    ended = run(position)
    assert ended.alone
    assert ended.until is None
    oldest = positions.reach_back(START.replace(year=1999), START)
    assert {leg.since for leg in oldest.legs} == {int(OLDEST.timestamp())}


def test_queries() -> None:
    page = {"limit": "100", "offset": "0", "sort_order": "asc"}
    assert Leg(kind=Kind.CHANGED, since=7).query() == {"min_last_modified": "7", "sort_on": "updated", **page}
    bought = {"min_created": "7", "sort_on": "created", **page}
    assert Leg(kind=Kind.BOUGHT, since=7).query() == bought
    assert Leg(kind=Kind.CANCELLED, since=7).query() == {**bought, "was_canceled": "true"}


def test_a_leg_that_cannot_be_read_holds_up_no_other() -> None:
    position = positions.started(Position(), START, EVERY)
    later = positions.postponed(position)
    assert later is not None
    assert kinds(later) == [Kind.BOUGHT, Kind.CHANGED]
    last = positions.postponed(later)
    assert last is not None
    assert positions.postponed(last) is None
    ended = run(last)
    assert (ended.until, ended.swept_at) == (START, None), "the next round looks at everything again"
    assert positions.postponed(positions.reach_back(START, START)) is None


def test_a_cursor_survives_its_way_through_the_store() -> None:
    position = positions.started(Position(until=START), START, EVERY)
    assert positions.decode(positions.encode(position)) == position
    assert positions.decode("nonsense") is None
    assert positions.decode('{"until": 7}') is None


TIMES = st.lists(st.one_of(st.integers(0, 5000), st.integers(700, 702), st.just(900)), max_size=500)


def listed(leg: Leg, times: dict[int, int]) -> list[int]:
    found = sorted((time, n) for n, time in times.items() if time >= leg.since)
    return [n for _, n in found][leg.offset : leg.offset + PAGE]


@given(times=TIMES, seed=st.integers(0, 99))
def test_every_receipt_is_listed_also_while_others_change(times: list[int], seed: int) -> None:
    """A receipt that changes moves to the end of the list; it and all others are seen."""
    chance = random.Random(seed)  # noqa: S311 - the same seed must tell the same story
    known = dict(enumerate(times))
    position = Position(legs=(Leg(kind=Kind.CHANGED, since=0),), began_at=START)
    seen: set[int] = set()
    for turn in range(1000):
        if not position.legs:
            break
        page = listed(position.legs[0], known)
        seen |= set(page)
        position = positions.after(position, [Peek(updated=known[n]) for n in page])
        if known and turn < 50 and chance.random() < 0.5:
            known[chance.choice(sorted(known))] = 10_000 + turn
    assert not position.legs
    assert seen == set(known)


@given(times=st.lists(st.integers(1, 5000), max_size=500, unique=True), unreadable=st.booleans())
def test_a_list_that_is_sorted_the_wrong_way_or_not_readable_is_turned_by_counting(
    times: list[int], *, unreadable: bool
) -> None:
    order = sorted(range(len(times)), key=lambda n: -times[n])
    position = Position(legs=(Leg(kind=Kind.BOUGHT, since=0),), began_at=START)
    seen: set[int] = set()
    for _ in range(100):
        if not position.legs:
            break
        leg = position.legs[0]
        page = [n for n in order if times[n] >= leg.since][leg.offset : leg.offset + PAGE]
        seen |= set(page)
        position = positions.after(position, [Peek(created=None if unreadable else times[n]) for n in page])
    assert not position.legs
    assert seen == set(order)
