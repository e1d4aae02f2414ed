"""The memory of commands that were sent under a key."""

from __future__ import annotations

import pytest

from daemon.control.repeats import DAY, Answer, Repeats
from daemon.views import CommandError

ANSWER = Answer(status=200, content_type="application/json", body=b"{}")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_key_is_forgotten_after_a_day() -> None:
    clock = Clock()
    repeats = Repeats(clock)
    kept, _ = repeats.find(0, "k", b"a")
    repeats.settle(kept, ANSWER)
    clock.now = DAY - 1
    assert repeats.find(0, "k", b"a") == (kept, False)
    clock.now = DAY
    assert repeats.find(0, "k", b"b")[1], "another request may use it now"


async def test_users_do_not_meet_under_the_same_key() -> None:
    repeats = Repeats(Clock())
    repeats.settle(repeats.find(0, "k", b"a")[0], ANSWER)
    assert repeats.find(1000, "k", b"b")[1]


async def test_beyond_the_bound_the_oldest_answers_go_and_never_what_is_under_way() -> None:
    repeats = Repeats(Clock(), most=3)
    under_way, _ = repeats.find(0, "under way", b"a")
    for number in range(10):
        repeats.settle(repeats.find(0, str(number), b"a")[0], ANSWER)
    assert repeats.find(0, "under way", b"a") == (under_way, False)
    assert not repeats.find(0, "9", b"a")[1]
    assert repeats.find(0, "7", b"a")[1]
    assert len(repeats._kept) <= 4


async def test_another_request_is_told_from_the_first() -> None:
    repeats = Repeats(Clock())
    repeats.find(0, "k", b"a")
    with pytest.raises(CommandError) as caught:
        repeats.find(0, "k", b"b")
    assert caught.value.problem.code == "conflict"
