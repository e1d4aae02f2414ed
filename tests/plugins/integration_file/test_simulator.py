"""The simulator as a program."""

from __future__ import annotations

import asyncio
import json
import signal
import sys

import aiohttp


async def test_the_simulator_runs_as_a_program() -> None:
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "plugins.shops.integration_file.simulator", "--port", "0", "--seed", "7"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert program.stdout is not None
    told = json.loads(await program.stdout.readline())
    async with aiohttp.ClientSession(told["url"]) as session:
        async with session.post("/_sim/products", json=[{"sku": "X-1", "price": "10.00", "stock": 3}]) as answer:
            assert answer.status == 201
        async with session.post("/_sim/order", json={"delivery_city": "Kraków"}) as answer:
            assert answer.status == 201
        async with session.get("/_sim/summary") as answer:
            summary = await answer.json()
    assert (summary["orders"], summary["twice"], summary["stock"]["X-1"]) == (1, [], 3)
    program.send_signal(signal.SIGTERM)
    assert await program.wait() == 0
