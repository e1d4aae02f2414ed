"""A plugin's log is bounded, and what is left out is counted."""

from __future__ import annotations

import asyncio

import pytest

from daemon.flooding import LINES, SPAN, LimitedLog
from orderferry.testing.clock import VirtualClock
from orderferry.testing.memory import MemoryLog


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


def counts(log: MemoryLog) -> list[object]:
    return [one.values["count"] for one in log.events if one.event == "log_lines_left_out"]


async def test_beyond_the_bound_lines_are_left_out_and_one_says_how_many(clock: VirtualClock) -> None:
    written = MemoryLog()
    log = LimitedLog(written, clock)
    for number in range(LINES + 50):
        log.info("line", number=number)
    assert len(written.events) == LINES
    await asyncio.sleep(0)
    await clock.advance(SPAN)
    assert counts(written) == [50]
    log.info("again")
    assert written.events[-1].event == "again"


async def test_a_flood_of_one_level_does_not_hide_another(clock: VirtualClock) -> None:
    written = MemoryLog()
    log = LimitedLog(written, clock)
    for _ in range(LINES * 2):
        log.debug("chatter")
    log.warning("the one that matters")
    assert written.events[-1].event == "the one that matters"
    log.close()
    assert counts(written) == [LINES]


def test_without_a_loop_the_next_line_with_room_tells_it(clock: VirtualClock) -> None:
    written = MemoryLog()
    log = LimitedLog(written, clock, lines=1, span=0.0)
    log.info("first")
    log.info("second")  # nothing is left out where the time is over at once
    assert counts(written) == []
    log = LimitedLog(written, clock, lines=1)
    log.info("first")
    log.info("second")
    log.close()
    assert counts(written) == [1]
