"""The simulator as a program, and its leaky bucket."""

from __future__ import annotations

import asyncio
import json
import signal
import sys

import aiohttp

from plugins.shops.shoper.simulator import TOKEN, ShoperSimulator


async def test_the_simulator_runs_as_a_program() -> None:
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "plugins.shops.shoper.simulator", "--port", "0", "--seed", "7", "--leaks", "5"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert program.stdout is not None
    told = json.loads(await program.stdout.readline())
    async with aiohttp.ClientSession(told["url"]) as session:
        async with session.post("/_sim/products", json=[{"sku": "X-1", "price": "10.00", "stock": 3}]) as answer:
            assert answer.status == 201
        async with session.post("/_sim/order", json={"notes": "hello"}) as answer:
            assert answer.status == 201
        async with session.get("/_sim/summary") as answer:
            summary = await answer.json()
    assert (summary["orders"], summary["twice"], summary["stock"]["X-1"]) == (1, [], 3)
    program.send_signal(signal.SIGTERM)
    assert await program.wait() == 0


async def test_its_bucket_runs_over_where_nobody_waits(sim: ShoperSimulator) -> None:
    sim.leaks = 0.001
    signed = {"Authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession(f"{sim.url}/", headers=signed) as session:
        answers = []
        for _ in range(12):
            async with session.get("webapi/rest/taxes") as answer:
                answers.append((answer.status, answer.headers["X-Shop-Api-Calls"]))
    assert answers == [*((200, str(calls)) for calls in range(1, 11)), (429, "10"), (429, "10")]
    assert sim.overruns == 2
