"""`orderferry tail` and `orderferry top` beside a real daemon: what is seen is what is written, restarts and all."""

from __future__ import annotations

import asyncio
import json
import signal

from tests.journeys.world import World


async def test_tail_goes_on_after_the_daemon_was_killed(world: World) -> None:
    await world.start()
    tail = await world.begin("tail", "--json", "--after", "0")
    assert tail.stdout is not None
    try:
        seen = [json.loads(await tail.stdout.readline())["id"]]
        await world.forwarded(world.sell())
        await world.kill()
        await world.start()
        await world.forwarded(world.sell())
        await world.settled()
        written = [entry["id"] for entry in await world.entries()]
        async with asyncio.timeout(20):
            while seen[-1] < written[-1]:
                seen.append(json.loads(await tail.stdout.readline())["id"])
        assert seen[: len(written)] == written
    finally:
        tail.send_signal(signal.SIGINT)
        _, told = await tail.communicate()
    assert tail.returncode == 130
    assert b"waiting until it is there again" in told
    assert b"the daemon is there again" in told


async def test_top_counts_what_came(world: World) -> None:
    await world.start()
    for _ in range(2):
        await world.forwarded(world.sell())
    said = await world.cli("top", "--json")
    assert said.json["per_minute"]["orders"] == 0.2
    assert said.json["per_minute"]["jobs_done"] >= 0.2
    picture = (await world.cli("top")).out
    assert "orders  0.2 a minute; 2 ready" in picture
    assert "job_done" in picture
