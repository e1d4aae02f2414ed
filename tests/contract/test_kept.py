"""A value that is kept: read once for all who ask, anew when it is old, and not at all after a failure."""

from __future__ import annotations

import asyncio

import pytest

from orderferry import Unavailable
from orderferry.kept import KEEP, Kept
from orderferry.testing.clock import VirtualClock


class Source:
    """Counts how often it is read; fails while told so."""

    def __init__(self) -> None:
        self.reads = 0
        self.failing = False

    async def read(self) -> int:
        self.reads += 1
        await asyncio.sleep(0)
        if self.failing:
            raise Unavailable("down")
        return self.reads


async def test_many_who_ask_at_once_share_one_read(clock: VirtualClock) -> None:
    source = Source()
    kept = Kept(source.read, clock)
    assert await asyncio.gather(*(kept.get() for _ in range(5))) == [1] * 5
    assert await kept.get() == 1


async def test_an_old_value_is_read_anew(clock: VirtualClock) -> None:
    source = Source()
    kept = Kept(source.read, clock)
    await kept.get()
    await clock.advance(KEEP - 1)
    assert await kept.get() == 1
    await clock.advance(2)
    assert await kept.get() == 2


async def test_nothing_is_kept_of_a_failure(clock: VirtualClock) -> None:
    source = Source()
    kept = Kept(source.read, clock)
    source.failing = True
    with pytest.raises(Unavailable):
        await kept.get()
    source.failing = False
    assert await kept.get() == 2
