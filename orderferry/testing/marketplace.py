"""The frame of a marketplace's simulator: purchases by a seeded script, and levers below /_sim/.

GET  /_sim/summary   what a shop must, may and must not have, pieces sold, how requests ended
POST /_sim/run       {orders, seconds, seed}: plays a script beside whatever else happens
POST /_sim/WHAT      a word of `steered` with its arguments as JSON, or a lever of the platform's own
"""

from __future__ import annotations

import argparse
import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Protocol

from aiohttp import web

from orderferry.settings import Duration
from orderferry.testing import serving
from orderferry.testing.simulator import Fate, Faults, Simulator

WaitUntil = Callable[[float], Awaitable[None]]
STRIKING = tuple(fate for fate in serving.EVERY_FAULT if fate is not Fate.NOTICES)
"""The faults of a server that is not PHP."""


class Refusal(Exception):  # noqa: N818 - an answer, not a failure: the HTTP side sends it
    """What a platform says no to: the HTTP status and the body of its answer."""

    def __init__(self, status: int, message: str, body: object) -> None:
        super().__init__(message)
        self.status = status
        self.body = body


class Market(Protocol):
    """The state of a simulated marketplace."""

    def summary(self) -> dict[str, Any]:  # JSON
        """What a shop must have exactly once, may have, and must not have; pieces sold; and what else is asked for."""


class MarketplaceSimulator(Simulator):
    """A simulator whose purchases come by script; `market` is its state, `now` its time.

    A subclass says which words of its `Market` may be asked from outside (`steered`), what else may be (`own`, by the
    lever's word), how its script is played, and adds `levers()` to its routes.
    """

    steered: ClassVar[frozenset[str]] = frozenset()
    market: Market

    def __init__(self, *, seed: int, faults: Faults | None, now: Callable[[], datetime] | None) -> None:
        super().__init__(seed=seed, faults=faults)
        self._now = now
        self.own: Mapping[str, Callable[..., object]] = {}
        self._runs: set[asyncio.Task[None]] = set()

    @abstractmethod
    async def play(self, orders: int, seconds: float, seed: int, wait_until: WaitUntil) -> None:
        """Carries the seeded script out; `wait_until` waits for a second counted from its beginning."""

    def levers(self) -> list[web.RouteDef]:
        """The paths below /_sim/."""
        return [web.get("/_sim/summary", self._summary), web.post("/_sim/{what}", self._steer)]

    def now(self) -> datetime:
        """The moment of the clock that was handed in, else of the machine."""
        return self._now() if self._now else super().now()

    async def stop(self) -> None:
        """Ends a script that still runs, then all connections."""
        for run in self._runs:
            run.cancel()
        await asyncio.gather(*self._runs, return_exceptions=True)
        await super().stop()

    async def run(self, orders: int, seconds: float, seed: int) -> None:
        """Plays a seeded script of purchases; returns when it is over."""
        loop = asyncio.get_running_loop()
        begin = loop.time()

        async def wait_until(second: float) -> None:
            remaining = begin + second - loop.time()
            if remaining > 0:
                await self.pause(remaining)

        await self.play(orders, seconds, seed, wait_until)

    def start_run(self, orders: int, seconds: float, seed: int) -> None:
        """Plays the script beside whatever else happens."""
        self._runs.add(asyncio.get_running_loop().create_task(self.run(orders, seconds, seed)))

    @property
    def running(self) -> bool:
        """Whether a script still plays."""
        return any(not run.done() for run in self._runs)

    async def _summary(self, _: web.Request) -> web.Response:
        counts = {fate.value: count for fate, count in self.counts.items()}
        return web.json_response({**self.market.summary(), "running": self.running, "fates": counts})

    async def _steer(self, request: web.Request) -> web.Response:
        what, given = request.match_info["what"], await request.json() if request.can_read_body else {}
        try:
            result = self._steered(what, given)
        except (TypeError, ValueError, KeyError) as error:
            return web.json_response({"error": f"{what}: {error}"}, status=400)
        except Refusal as refused:
            return web.json_response(refused.body, status=refused.status)
        return web.json_response({"result": result})

    def _steered(self, what: str, given: Mapping[str, Any]) -> object:  # arguments as JSON has them
        if what == "run":
            self.start_run(int(given["orders"]), float(given["seconds"]), int(given.get("seed", 0)))
            return None
        lever = getattr(self.market, what) if what in self.steered else self.own.get(what)
        if lever is None:
            raise ValueError("there is no such thing to steer")
        return lever(**given)


def arguments(what: str) -> argparse.ArgumentParser:
    """The options of every marketplace's simulator: what it begins with, and what is sold there."""
    parser = serving.arguments(what)
    parser.add_argument("--orders", type=int, default=0, help="begin at once with so many purchases")
    parser.add_argument("--over", type=Duration.parse, default=Duration(seconds=20), help='how long they take: "20s"')
    parser.add_argument("--products", type=Path, help="JSON list of {sku, ean, name, price, stock}")
    return parser


def run(simulator: MarketplaceSimulator, options: argparse.Namespace, told: Callable[[], Mapping[str, object]]) -> None:
    """Serves with these options until the process is told to end."""

    def begin() -> None:
        if options.orders:
            simulator.start_run(options.orders, options.over.total_seconds(), options.seed)

    serving.run(simulator, options.port, told, begin)
