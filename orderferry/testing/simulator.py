"""The frame of every simulator: a small HTTP server that holds state and misbehaves on purpose, by seed or by script.

A platform's simulator subclasses `Simulator`, adds its routes, and lets `fate` decide how each request ends. The state
changes exactly as the real platform's would: an answer that gets lost after the change leaves the change behind.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Self

from aiohttp import web
from msgspec import Struct

Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Fate(StrEnum):
    """How a request ends."""

    GOOD = "good"
    SLOW = "slow"  # answered well, but late
    BUSY = "busy"  # 429 with Retry-After; nothing is done
    DOWN = "down"  # 503; nothing is done
    DROPPED = "dropped"  # the connection closes before anything is done
    FAILED_AFTER = "failed_after"  # done, then 500
    LOST = "lost"  # done, then the connection closes without an answer
    CUT = "cut"  # done, then half an answer
    GARBAGE = "garbage"  # done, then an HTML page with status 200
    NOTICES = "notices"  # done, then PHP notices before the JSON


class Faults(Struct, kw_only=True):
    """Which fates strike, and how often: `rates` are chances from 0 to 1 a request, drawn from the seed.

    `retry_after` is what BUSY answers, in seconds, and `slow` how long SLOW takes.
    """

    rates: dict[Fate, float] = {}
    retry_after: float = 1
    slow: float = 0.3
    only: tuple[str, ...] = ()  # methods that are struck by chance; empty for all


class Served(Struct, frozen=True):
    """One request as the simulator saw it, for assertions afterwards."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    fate: Fate
    status: int | None


class Simulator:
    """Base of the simulators; `async with Simulator(...) as sim:` serves on loopback at `sim.url`.

    `script` holds fates for the very next matching requests, before chance is asked: `sim.script("POST", "/orders",
    Fate.LOST)`. `served` is the log, `counts` how often each fate struck, and `on_served` is called with each entry of
    the log while the answer is still on its way. Paths below `/_sim/` steer the simulator and are never struck.
    """

    def __init__(self, *, seed: int = 0, faults: Faults | None = None) -> None:
        self.random = random.Random(seed)  # noqa: S311 - a simulator must be repeatable
        self.faults = faults or Faults()
        self.served: deque[Served] = deque(maxlen=20_000)
        self.counts: Counter[Fate] = Counter()
        self.on_served: Callable[[Served], None] = lambda _: None
        self.url = ""
        self._scripted: list[tuple[str, str, Fate]] = []
        self._runner: web.AppRunner | None = None
        self._released = asyncio.Event()

    def routes(self) -> list[web.RouteDef]:
        """The platform's routes; a subclass answers its own."""
        raise NotImplementedError

    def busy_answer(self) -> web.Response:
        """What a 429 of this platform looks like; the frame adds Retry-After."""
        return web.json_response({"message": "too many requests"}, status=429)

    def now(self) -> datetime:
        """The simulator's present moment."""
        return datetime.now(UTC)

    def script(self, method: str, path_part: str, *fates: Fate) -> None:
        """The next requests with this method ("*" is any) whose path contains `path_part` end so, one fate each."""
        self._scripted += [(method, path_part, fate) for fate in fates]

    def forget_script(self) -> None:
        """Drops the fates that no request has met yet."""
        self._scripted.clear()

    async def start(self, port: int = 0) -> None:
        """Begins to serve on 127.0.0.1; port 0 takes any free one."""
        app = web.Application(middlewares=[self._middleware], client_max_size=4 * 1024 * 1024)
        app.add_routes(self.routes())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        bound = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{bound}"

    async def stop(self) -> None:
        """Ends all connections."""
        self._released.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *args: object) -> None:
        await self.stop()

    def fate(self, request: web.Request) -> Fate:
        """How this request is to end: by the script first, else by chance."""
        for entry in self._scripted:
            method, part, fate = entry
            if method in {"*", request.method} and part in request.path:
                self._scripted.remove(entry)
                return fate
        if self.faults.only and request.method not in self.faults.only:
            return Fate.GOOD
        throw = self.random.random()
        for fate, rate in self.faults.rates.items():
            if throw < rate:
                return fate
            throw -= rate
        return Fate.GOOD

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Handle) -> web.StreamResponse:
        if request.path.startswith("/_sim/"):
            return await handler(request)
        body = await request.read()
        fate = self.fate(request)
        self.counts[fate] += 1
        status: int | None = None
        try:
            answer = await self._end(request, handler, fate)
            status = None if fate in {Fate.LOST, Fate.DROPPED, Fate.CUT} else answer.status
        finally:
            served = Served(
                request.method, request.path, dict(request.query), dict(request.headers), body, fate, status
            )
            self.served.append(served)
            self.on_served(served)
        return answer

    async def _end(self, request: web.Request, handle: Handle, fate: Fate) -> web.StreamResponse:
        if fate is Fate.BUSY:
            busy = self.busy_answer()
            busy.headers["Retry-After"] = f"{self.faults.retry_after:.0f}"
            return busy
        if fate is Fate.DOWN:
            return web.Response(status=503, text="<html>Service Unavailable</html>", content_type="text/html")
        if fate is Fate.DROPPED:
            _hang_up(request)
            return web.Response(status=500)
        if fate is Fate.SLOW:
            await self.pause(self.faults.slow)
        answer = await handle(request)
        if fate is Fate.FAILED_AFTER:
            return web.Response(status=500, text="<html>Internal Server Error</html>", content_type="text/html")
        if fate is Fate.GARBAGE:
            return web.Response(text="<!doctype html><title>Welcome</title>", content_type="text/html")
        if fate is Fate.LOST:
            _hang_up(request)
            return answer
        whole = answer.body if isinstance(answer, web.Response) else None
        body = whole if isinstance(whole, bytes) else b""
        if fate is Fate.CUT:
            return await _cut(request, answer, body)
        if fate is Fate.NOTICES:
            notice = b"<br />\n<b>Notice</b>: Undefined index: x in <b>/var/www/x.php</b> on line <b>7</b><br />\n"
            return web.Response(status=answer.status, body=notice + body, content_type="application/json")
        return answer

    async def pause(self, seconds: float) -> None:
        """Waits so long, or until the simulator stops."""
        try:
            async with asyncio.timeout(seconds):
                await self._released.wait()
        except TimeoutError:
            return


def _hang_up(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


async def _cut(request: web.Request, answer: web.StreamResponse, body: bytes) -> web.StreamResponse:
    half = web.StreamResponse(status=answer.status, headers={"Content-Type": "application/json"})
    half.content_length = max(len(body), 2)
    await half.prepare(request)
    await half.write(body[: len(body) // 2] or b"{")
    _hang_up(request)
    return half
