"""The bare loop: the very same HTTP calls as the daemon's, by aiohttp, and nothing else: no store, no model, no log.

`python -m benchmarks.bare` obeys lines of JSON on its standard input (see `Task`), each answered by one line when all
calls are answered. An order is sent as soon as its form has come, as many calls at once on either side as the daemon
makes; the next page of the marketplace is asked for when the one before it has been read.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from pathlib import Path

import aiohttp
import msgspec
from msgspec import Struct
from yarl import URL

from benchmarks import calls
from benchmarks.calls import Call


class Task(Struct, frozen=True, kw_only=True):
    """A round to be made: the two platforms' addresses, the files of their calls, and how many calls at once."""

    market: str
    shop: str
    market_calls: str
    shop_calls: str
    market_at_once: int
    shop_at_once: int


async def play(session: aiohttp.ClientSession, task: Task) -> None:
    """Makes all calls."""
    market, shop = calls.read(Path(task.market_calls)), calls.read(Path(task.shop_calls))
    ready = asyncio.Semaphore(0)  # an order for each time it is let go
    todo = iter(shop.calls)

    async def ask(base: str, call: Call, headers: dict[str, str]) -> None:
        body = call.body or None
        async with session.request(call.method, URL(base + call.target, encoded=True), data=body, headers=headers) as a:
            await a.read()
            if a.status >= 400 and call.method != "PUT":
                raise SystemExit(f"the bare loop was answered {a.status} for {call.method} {call.target}")

    async def send() -> None:
        for call in todo:
            if call.method == "POST":
                await ready.acquire()
            await ask(task.shop, call, shop_headers)

    async def fetch() -> None:
        gate = asyncio.Semaphore(task.market_at_once)

        async def one(call: Call) -> None:
            async with gate:
                await ask(task.market, call, market_headers)
            for _ in range(call.gives):
                ready.release()

        page: list[asyncio.Task[None]] = []
        for call in market.calls:
            if "?" in call.target:  # a page of the journal or of the list; what follows are the forms that it names
                await asyncio.gather(*page)
                page = []
                await one(call)
            else:
                page.append(asyncio.create_task(one(call)))
        await asyncio.gather(*page)

    market_headers, shop_headers = dict(market.headers), dict(shop.headers)
    await asyncio.gather(fetch(), *(send() for _ in range(task.shop_at_once)))


async def serve() -> None:
    """Obeys until standard input ends."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=60)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
        while line := await reader.readline():
            task = msgspec.json.decode(line, type=Task)
            before = time.process_time()
            await play(session, task)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            told = {"cpu": time.process_time() - before, "peak_mb": peak}
            sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(serve())
