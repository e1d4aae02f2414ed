"""Amazon as a small server for tests and the demonstration: the order side of the Selling Partner API, and its login.

    python -m plugins.amazon.simulator --port 0 --seed 7 --faults 0.05 --orders 200 --over 20s --hurry

prints one line of JSON that tells where it is and how to log in, and serves until it is ended. What is steered from
outside goes by POST /_sim/<what> with the arguments as JSON: the same words as the methods of `Market`, and run,
revoke, end_access, quirks. GET /_sim/summary tells what a shop must have. Its usage plans are Amazon's: `--hurry`
widens them, and lets purchases be five minutes old, so that nobody has to wait for the two minutes that Amazon wants.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import web
from msgspec import Struct

from orderferry import Duration
from orderferry.testing.simulator import Fate, Faults, Simulator
from plugins.amazon import simulator_script as script
from plugins.amazon.auth import HEADER
from plugins.amazon.marketplaces import named
from plugins.amazon.simulator_lwa import LoginWithAmazon
from plugins.amazon.simulator_order import Json, Offer
from plugins.amazon.simulator_search import Search, strip
from plugins.amazon.simulator_state import STEERED, Market, Quirks, Refused

CLIENT_ID: Final = "amzn1.application-oa2-client.simulated"
CLIENT_SECRET: Final = "amzn1.oa2-cs.v1.simulated"  # noqa: S105 - the simulator's own, worth nothing elsewhere
STRIKING: Final = (Fate.SLOW, Fate.BUSY, Fate.DOWN, Fate.DROPPED, Fate.FAILED_AFTER, Fate.LOST, Fate.CUT, Fate.GARBAGE)
SOLD_IN: Final = ("PL", "DE", "FR")

Handle = Callable[[web.Request], Awaitable[web.Response]]


class Throttle(Struct):
    """One operation's usage plan and what is left of it."""

    rate: float
    burst: int
    left: float = 0.0
    at: datetime | None = None

    def take(self, now: datetime) -> bool:
        """Whether a request may pass."""
        passed = 0.0 if self.at is None else (now - self.at).total_seconds()
        self.left = float(self.burst) if self.at is None else min(self.burst, self.left + passed * self.rate)
        self.at = now
        if self.left < 1 - 1e-6:
            return False
        self.left -= 1
        return True


class AmazonSimulator(Simulator):
    """Serves one seller's Amazon; `market` is its state, `lwa` its logins, `plans` its throttles, `now` its time."""

    def __init__(
        self,
        *,
        seed: int = 0,
        faults: Faults | None = None,
        offers: Iterable[Offer] | None = None,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        super().__init__(seed=seed, faults=faults)
        self._now = now
        self.market = Market(self.random, self.now, offers=offers)
        self.lwa = LoginWithAmazon(self.random, self.now, client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
        self.search = Search(self.market, self.random)
        self.plans = {
            "search": Throttle(0.0056, 20),
            "order": Throttle(0.5, 30),
            "confirm": Throttle(2.0, 10),
            "participations": Throttle(0.016, 15),
        }
        self.forbidden: set[str] = set()  # operations for which the application has no role
        self.sold_in: tuple[str, ...] = SOLD_IN
        self._runs: set[asyncio.Task[None]] = set()

    def now(self) -> datetime:
        """The simulator's present moment."""
        return self._now() if self._now is not None else super().now()

    def hurry(self) -> None:
        """Widens the usage plans, and lets everything have happened five minutes ago."""
        for plan in self.plans.values():
            plan.rate, plan.burst = 50.0, 500
        self.market.now = lambda: self.now() - timedelta(minutes=5)

    def busy_answer(self) -> web.Response:
        """A 429 of Amazon's."""
        return _throttled(self.plans["search"])

    def routes(self) -> list[web.RouteDef]:
        """The operations that the plugin uses, the login, and the simulator's own levers."""
        orders = "/orders/2026-01-01/orders"
        return [
            web.post("/auth/o2/token", self.lwa.token),
            web.get(orders, self._api("search", self._search)),
            web.get(orders + "/{id}", self._api("order", self._order)),
            web.post("/orders/v0/orders/{id}/shipmentConfirmation", self._api("confirm", self._confirm)),
            web.get("/sellers/v1/marketplaceParticipations", self._api("participations", self._participations)),
            web.get("/_sim/summary", self._summary),
            web.post("/_sim/{what}", self._steer),
        ]

    async def stop(self) -> None:
        """Ends a script that still runs, then all connections."""
        for run in self._runs:
            run.cancel()
        await asyncio.gather(*self._runs, return_exceptions=True)
        await super().stop()

    async def run(self, orders: int, seconds: float, seed: int) -> None:
        """Plays a seeded script of purchases; returns when it is over."""
        steps = script.plan(seed, orders, sorted(self.market.offers))
        loop = asyncio.get_running_loop()
        begin = loop.time()

        async def wait_until(second: float) -> None:
            remaining = begin + second - loop.time()
            if remaining > 0:
                await self.pause(remaining)

        await script.play(self.market, steps, seconds, wait_until)

    def start_run(self, orders: int, seconds: float, seed: int) -> None:
        """Plays the script beside whatever else happens."""
        self._runs.add(asyncio.get_running_loop().create_task(self.run(orders, seconds, seed)))

    @property
    def running(self) -> bool:
        """Whether a script still plays."""
        return any(not run.done() for run in self._runs)

    def _api(self, operation: str, handle: Handle) -> Handle:
        """What every operation checks first: the token, the role and the usage plan."""

        async def checked(request: web.Request) -> web.Response:
            why_not = self.lwa.why_not(request.headers.get(HEADER, ""))
            if why_not is not None or operation in self.forbidden:
                message = "Access to requested resource is denied."
                refused = Refused(403, "Unauthorized", message, why_not or "The application has no role for it.")
                return web.json_response(refused.body, status=403)
            plan = self.plans[operation]
            if not plan.take(self.now()):
                return _throttled(plan)
            try:
                answer = await handle(request)
            except Refused as refused:
                answer = web.json_response(refused.body, status=refused.status)
            answer.headers["x-amzn-RateLimit-Limit"] = str(plan.rate)
            return answer

        return checked

    async def _search(self, request: web.Request) -> web.Response:
        return _answer(self.search.page(dict(request.query), self.now()))

    async def _order(self, request: web.Request) -> web.Response:
        shown = self.market.shown(request.match_info["id"])
        return _answer({"order": strip(shown, _listed(request.query, "includedData"))})

    async def _confirm(self, request: web.Request) -> web.Response:
        try:
            body = msgspec.json.decode(await request.read(), type=Json)
        except msgspec.MsgspecError:
            raise Refused(400, "InvalidInput", "The request body is no JSON object") from None
        self.market.confirm(request.match_info["id"], body)
        return web.Response(status=204)

    async def _participations(self, _: web.Request) -> web.Response:
        return _answer(
            {
                "payload": [
                    {
                        "marketplace": {
                            "id": one.id,
                            "name": one.name,
                            "countryCode": one.country,
                            "defaultCurrencyCode": one.currency,
                            "defaultLanguageCode": "en_GB",
                            "domainName": f"www.{one.name.lower()}",
                        },
                        "participation": {"isParticipating": True, "hasSuspendedListings": False},
                        "storeName": "Simulated store",
                    }
                    for one in named(self.sold_in)
                ]
            }
        )

    async def _summary(self, _: web.Request) -> web.Response:
        counts = {fate.value: count for fate, count in self.counts.items()}
        return web.json_response({**self.market.summary(), "running": self.running, "fates": counts})

    async def _steer(self, request: web.Request) -> web.Response:
        what, given = request.match_info["what"], await request.json() if request.can_read_body else {}
        try:
            result = self._steered(what, given)
        except (TypeError, ValueError, KeyError) as error:
            return web.json_response({"error": f"{what}: {error}"}, status=400)
        except Refused as refused:
            return web.json_response(refused.body, status=refused.status)
        return web.json_response({"result": result})

    def _steered(self, what: str, given: Json) -> object:
        if what in STEERED:
            return getattr(self.market, what)(**given)
        if what == "run":
            self.start_run(int(given["orders"]), float(given["seconds"]), int(given.get("seed", 0)))
        elif what == "revoke":
            self.lwa.revoke()
        elif what == "end_access":
            self.lwa.end_access()
        elif what == "quirks":
            self.market.quirks = msgspec.convert(given, Quirks)
        else:
            raise ValueError("there is no such thing to steer")
        return None


def _listed(query: Mapping[str, str], name: str) -> list[str]:
    return [part for part in query.get(name, "").split(",") if part]


def _answer(body: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), content_type="application/json")


def _throttled(plan: Throttle) -> web.Response:
    refused = Refused(429, "QuotaExceeded", "You exceeded your quota for the requested resource.")
    return web.json_response(refused.body, status=429, headers={"x-amzn-RateLimit-Limit": str(plan.rate)})


def _options(args: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m plugins.amazon.simulator", description="A simulated Amazon.")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free one")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--faults", type=float, default=0.0, help="chance from 0 to 1 that a request is struck")
    parser.add_argument("--orders", type=int, default=0, help="begin at once with so many purchases")
    parser.add_argument("--over", type=Duration.parse, default=Duration(seconds=20), help='how long they take: "20s"')
    parser.add_argument("--products", type=Path, help="JSON list of {sku, ean, name, price, stock}")
    parser.add_argument("--hurry", action="store_true", help="wide usage plans, and purchases that are old enough")
    return parser.parse_args(args)


async def serve(options: argparse.Namespace) -> None:
    """Serves until the process is told to end."""
    offers = msgspec.json.decode(options.products.read_bytes(), type=list[Offer]) if options.products else None
    each = options.faults / len(STRIKING)
    faults = Faults(rates=dict.fromkeys(STRIKING, each)) if options.faults else None
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    simulator = AmazonSimulator(seed=options.seed, faults=faults, offers=offers)
    simulator.market.quirks = Quirks(late=options.faults, lag=5)
    if options.hurry:
        simulator.hurry()
    await simulator.start(options.port)
    try:
        told = {
            "api_url": simulator.url,
            "auth_url": f"{simulator.url}/auth/o2",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "refresh_token": simulator.lwa.authorise(),
        }
        sys.stdout.write(msgspec.json.encode({"url": simulator.url, **told}).decode() + "\n")
        sys.stdout.flush()
        if options.orders:
            simulator.start_run(options.orders, options.over.total_seconds(), options.seed)
        await ended.wait()
    finally:
        await simulator.stop()


if __name__ == "__main__":
    asyncio.run(serve(_options(None)))
