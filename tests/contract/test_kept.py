"""A value that is kept for a while."""

from __future__ import annotations

import asyncio

import pytest

from orderferry import Unavailable
from orderferry.kept import Kept
from orderferry.testing.clock import VirtualClock


class Well:
    def __init__(self) -> None:
        self.drawn = 0
        self.dry = False

    async def draw(self) -> int:
        await asyncio.sleep(0)
        if self.dry:
            raise Unavailable("dry")
        self.drawn += 1
        return self.drawn


async def test_many_who_ask_share_one_read_until_it_is_old() -> None:
    clock, well = VirtualClock(), Well()
    kept = Kept(well.draw, clock, seconds=60)
    assert await asyncio.gather(*(kept.get() for _ in range(5))) == [1] * 5
    await clock.advance(59)
    assert await kept.get() == 1
    await clock.advance(1)
    assert await kept.get() == 2


async def test_a_read_that_failed_is_not_kept() -> None:
    clock, well = VirtualClock(), Well()
    kept = Kept(well.draw, clock)
    well.dry = True
    with pytest.raises(Unavailable):
        await kept.get()
    well.dry = False
    assert await kept.get() == 1
