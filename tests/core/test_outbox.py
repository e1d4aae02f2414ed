"""Which rows a broker is told after an absence, and how long it is waited for between two tries."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from daemon.core.outbox import FIRST_PAUSE, LONGEST_PAUSE, Backlog, pause


@st.composite
def journals(draw: st.DrawFn) -> tuple[list[tuple[int, bool]], int, int]:
    """A journal with gaps (id, and whether it is fresh), the broker's position, and how many rows it may be told."""
    ids = draw(st.lists(st.integers(1, 60), unique=True, max_size=30).map(sorted))
    rows = [(number, draw(st.booleans())) for number in ids]
    return rows, draw(st.integers(0, 60)), draw(st.integers(1, 10))


@given(journals())
def test_all_that_is_fresh_is_told_and_no_more_than_may_be(
    given_journal: tuple[list[tuple[int, bool]], int, int],
) -> None:
    rows, position, most = given_journal
    behind = [row for row in rows if row[0] > position]
    crowded = behind[-most - 1][0] if len(behind) > most else None
    fresh = next((number for number, is_fresh in behind if is_fresh and number > (crowded or 0)), None)
    newest = rows[-1][0] if rows else 0
    start = Backlog(position=position, newest=newest, crowded=crowded, fresh=fresh).resume
    told = [row for row in rows if row[0] > start]
    assert len(told) <= most
    assert told == behind[len(behind) - len(told) :]
    skipped = behind[: len(behind) - len(told)]
    kept_back = {row[0] for row in behind[-most:]}
    assert not any(is_fresh for number, is_fresh in skipped if number in kept_back)
    if told and skipped:
        assert told[0][1] or len(told) == most


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_it_waits_ever_longer_but_never_too_long(tries: int, draw: float) -> None:
    assert FIRST_PAUSE / 2 <= pause(tries, draw) <= LONGEST_PAUSE
    assert pause(tries + 1, draw) >= pause(tries, draw)


def test_two_programs_do_not_try_in_step() -> None:
    assert len({pause(5, draw / 10) for draw in range(11)}) == 11
