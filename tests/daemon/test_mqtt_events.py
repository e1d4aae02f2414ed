"""Events by MQTT, against a real broker: every row at least once and in order, whatever the broker does."""

from __future__ import annotations

import asyncio
import random
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from daemon.core import outbox
from daemon.core.journal import Kind
from daemon.mqtt.session import WINDOW
from daemon.store import mqtt_reader
from orderferry.testing.clock import START
from tests.broker import Listener, Wire, broker, eventually, listening, needs_broker, wire
from tests.daemon.engine import BUYER, order, page
from tests.daemon.engine_platforms import MarketWorld
from tests.daemon.mqtt_rig import rig

pytestmark = needs_broker


async def told(heard: Listener, ids: list[int]) -> None:
    """Returns when the events of all these rows have come."""
    await eventually(lambda: heard.sequences.issuperset(ids), f"the events of {len(ids)} rows")


async def more(heard: Listener, count: int = 1) -> None:
    """Returns when so many more have come."""
    enough = len(heard.messages) + count
    await eventually(lambda: len(heard.messages) >= enough, "more of them")


async def connected(line: Wire, times: int) -> None:
    """Returns when it has come so often: what it said before a cut may still be on its way to the listener."""
    await eventually(lambda: line.taken >= times, f"connection number {times}")


async def test_rows_come_as_events_from_now_on(tmp_path: Path) -> None:
    async with broker(tmp_path / "b") as to, rig(tmp_path, to) as one, listening(to) as heard:
        await one.write(3)
        await one.begin()
        await eventually(lambda: heard.last("orderferry/status") == b"online", "it is online")
        (row,) = await one.write(kind=Kind.FETCHED, new=2, changed=0)
        await told(heard, [row])
        assert heard.events == [
            {
                "id": f"testtest-1-{row}",
                "sequence": row,
                "at": "2026-01-05T09:00:00Z",
                "kind": "fetched",
                "text": "market was fetched from: 2 new.",
                "order": None,
                "account": "market",
                "job": None,
                "data": {"new": 2, "changed": 0},
            }
        ]
        assert not any(one.retain for one in heard.messages if one.topic.matches("orderferry/events/#"))
        await one.end()
        assert heard.last("orderferry/status") == b"offline"
        assert await one.saved() == row


async def test_it_goes_on_where_the_broker_left_off(tmp_path: Path) -> None:
    async with broker(tmp_path / "b") as to, rig(tmp_path, to) as one, listening(to) as heard:
        await one.begin()
        await told(heard, await one.write(5))
        await one.end()
        rows = await one.write(7)
        await one.begin()
        await told(heard, rows)
        assert [event["sequence"] for event in heard.events] == list(range(rows[0] - 5, rows[-1] + 1))


async def test_none_is_lost_when_the_broker_is_killed_and_started_again(tmp_path: Path) -> None:
    async with broker(tmp_path / "b") as to, wire(to) as line, rig(tmp_path, to, port=line.port) as one:
        await one.begin()
        seen: list[dict[str, Any]] = []
        ids: list[int] = []
        for life in range(3):
            line.open.clear()  # whoever listens is there first
            if life:
                await to.start()
            async with listening(to, "orderferry/events/+") as heard:
                line.open.set()
                if life:
                    await told(heard, ids[-1:])  # what was written while it was away
                ids += await one.write(100)
                await told(heard, ids[-1:])
                ids += await one.write(100)
                await more(heard)
                await to.stop(kill=True)
                await eventually(lambda: heard.ended, "all that it had passed on is here")
            seen += heard.events
            ids += await one.write(100)
    check(seen, ids[:-200])


async def test_none_of_a_thousand_is_lost_on_a_line_that_breaks_again_and_again(tmp_path: Path) -> None:
    chance = random.Random(7)  # noqa: S311 - a test must be repeatable
    async with broker(tmp_path / "b") as to, wire(to) as line, rig(tmp_path, to, port=line.port) as one:
        async with listening(to, "orderferry/events/+") as heard:
            await one.begin()
            ids = await one.write(300)
            for cuts in range(8):
                await more(heard, chance.randrange(1, 100))
                await connected(line, cuts + 1)
                line.cut()
                ids += await one.write(100)
            await told(heard, ids)
        assert line.taken >= 8
        seen_events = heard.events
    check(seen_events, ids)


def check(seen: list[dict[str, Any]], ids: list[int]) -> None:
    """All of them, in order but for what is told again, and what is told again is the very same."""
    firsts: dict[int, dict[str, Any]] = {}
    for event in seen:
        if firsts.setdefault(event["sequence"], event) != event:
            raise AssertionError(f"{event} differs from the first time")
    assert list(firsts) == sorted(firsts)
    assert set(ids) <= set(firsts)
    assert len({event["id"] for event in firsts.values()}) == len(firsts)


async def test_what_is_too_old_or_too_much_is_skipped_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt_reader, "MOST_ROWS", 40)
    async with broker(tmp_path / "b") as to, rig(tmp_path, to) as one, listening(to) as heard:
        await one.begin()
        await told(heard, await one.write(1))
        await one.end()
        position = await one.saved()
        await one.old_rows(30, START - outbox.LONGEST_AWAY - timedelta(days=1))
        rows = await one.write(5)
        await one.begin()
        await told(heard, rows)
        skipped = await heard.event("skipped")
        assert skipped["data"] == {"first": position + 1, "last": rows[0] - 1, "count": 30}
        assert skipped["id"] == f"testtest-1-skipped-{position + 1}-{rows[0] - 1}"
        assert [event["sequence"] for event in heard.events][1:] == [rows[0] - 1, *rows]
        await one.end()
        many = await one.write(100)
        await one.begin()
        await told(heard, many[-40:])
        assert heard.sequences.isdisjoint(many[:59])
        assert [one["data"]["count"] for one in heard.events if one["kind"] == "skipped"] == [30, 60]


async def test_where_to_go_on_in_a_long_backlog_is_found_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt_reader, "MOST_ROWS", 20_000)
    async with broker(tmp_path / "b") as to, rig(tmp_path, to) as one:
        (first,) = await one.write(1)
        await one.old_rows(20_005, START)
        reader = await one.mqtt._open_reader()
        began = time.monotonic()
        backlog = await reader.backlog(first, START - outbox.LONGEST_AWAY)
        took = time.monotonic() - began
        await reader.close()
        assert backlog.resume == first + 5
        assert took < 1


async def test_a_broker_that_takes_nothing_fills_no_memory_and_delays_nothing(tmp_path: Path) -> None:
    async with (
        broker(tmp_path / "b") as to,
        wire(to) as line,
        rig(tmp_path, to, port=line.port) as one,
        listening(to, "orderferry/events/+") as heard,
    ):
        ids = await one.write(300)
        alone = one.seconds
        await one.begin()
        await told(heard, await one.write(1))
        line.open.clear()
        before = len(asyncio.all_tasks())
        ids = await one.write(300)
        assert one.seconds < 3 * alone + 0.5
        assert len(asyncio.all_tasks()) < before + 2 * WINDOW + 10
        line.open.set()
        await told(heard, ids)


async def test_personal_data_is_told_only_where_it_is_wanted(tmp_path: Path) -> None:
    async with broker(tmp_path / "b") as to, rig(tmp_path, to) as one, listening(to) as heard:
        await one.engine.market(MarketWorld())
        await one.begin()
        await eventually(lambda: heard.last("orderferry/status") == b"online", "it is online")
        await one.engine.receive(page(order(1)))
        await heard.event("order_new", order=1)
        assert BUYER not in str([one.payload.decode() for one in heard.messages])
        await one.end()
        await one.begin(replace(one.settings, personal_data=True))
        await one.engine.receive(page(order(2), cursor="c2"))
        told_of = await heard.event("order_new", order=2)
        assert told_of["personal"]["buyer"]["email"] == "canary@example.org"
        assert told_of["personal"]["address"]["last_name"] == BUYER
        assert "personal" not in (
            await heard.event("job_made", order=2) if heard.on("orderferry/events/job_made") else {}
        )


async def test_an_event_that_is_too_large_is_told_without_its_data(tmp_path: Path) -> None:
    async with broker(tmp_path / "b") as to, rig(tmp_path, to) as one, listening(to) as heard:
        await one.begin()
        await told(heard, await one.write(kind=Kind.ACCOUNT_DOWN, error="x" * 100_000))
        assert (await heard.event("account_down"))["data"] == {"too_large": True}
