"""The feed: every row once and in order, from any point, however slow whoever listens."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from daemon import events
from daemon.core.journal import Entry
from daemon.events import Feed
from daemon.store.reader import Reader
from tests.daemon.engine import VAULT, Engine, order, page
from tests.daemon.engine_platforms import MarketWorld


async def follow(feed: Feed, reader: Reader, after: int, count: int) -> list[Entry]:
    found: list[Entry] = []
    stream = feed.follow(reader, after)
    async with asyncio.timeout(10):
        async for entry in stream:
            found.append(entry)
            if len(found) == count:
                break
    await stream.aclose()
    return found


@pytest.mark.parametrize("size", [2, 500])
async def test_every_row_comes_once_in_order_from_any_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(events, "PAGE", size)
    feed = Feed()
    async with await Engine.open(tmp_path) as engine:
        engine.rounds._publish = feed.publish
        await engine.market(MarketWorld())
        reader = await Reader.open(engine.store.path, VAULT)
        try:
            await engine.receive(page(order(1), order(2), order(3)))
            following = asyncio.ensure_future(follow(feed, reader, 1, 7))
            for number in range(4, 9):
                await engine.receive(page(order(number), cursor=f"c{number}"))
            assert [entry.id for entry in await following] == list(range(2, 9))
            assert [entry.id for entry in await follow(feed, reader, 0, 8)] == list(range(1, 9))
            assert feed._bells == set()
        finally:
            await reader.close()


async def test_nothing_is_told_before_it_is_on_disk(tmp_path: Path) -> None:
    async with await Engine.open(tmp_path) as engine:
        seen: list[bool] = []

        def publish(_: object) -> None:
            seen.append(engine.store._db.in_transaction)

        engine.rounds._publish = publish
        await engine.market(MarketWorld())
        await engine.receive(page(order(1)))
        assert seen
        assert not any(seen)


def test_an_empty_round_wakes_nobody() -> None:
    feed = Feed()
    bell = asyncio.Event()
    feed._bells.add(bell)
    feed.publish([])
    assert not bell.is_set()
