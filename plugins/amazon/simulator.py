"""Amazon as a small server for tests and the demonstration: the order side of the Selling Partner API, and its login.

    python -m plugins.amazon.simulator --port 0 --seed 7 --faults 0.05 --orders 200 --over 20s --hurry

prints one line of JSON that tells where it is and how to log in, and serves until it is ended. What is steered from
outside goes by POST /_sim/<what> with the arguments as JSON: the same words as the methods of `Market`, and run,
revoke, end_access, quirks. GET /_sim/summary tells what a shop must have. Its usage plans are Amazon's: `--hurry`
widens them, and lets purchases be five minutes old, so that nobody has to wait for the two minutes that Amazon wants.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec
from aiohttp import web
from msgspec import Struct

from orderferry.testing import marketplace, serving
from orderferry.testing.marketplace import MarketplaceSimulator, WaitUntil
from orderferry.testing.simulator import Faults
from plugins.amazon import simulator_script as script
from plugins.amazon.auth import HEADER
from plugins.amazon.marketplaces import named
from plugins.amazon.simulator_lwa import LoginWithAmazon
from plugins.amazon.simulator_order import Json, Offer
from plugins.amazon.simulator_search import Search, strip
from plugins.amazon.simulator_state import STEERED, Market, Quirks, Refused

CLIENT_ID: Final = "amzn1.application-oa2-client.simulated"
CLIENT_SECRET: Final = "amzn1.oa2-cs.v1.simulated"  # noqa: S105 - the simulator's own, worth nothing elsewhere
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


class AmazonSimulator(MarketplaceSimulator):
    """Serves one seller's Amazon; `market` is its state, `lwa` its logins, `plans` its throttles, `now` its time."""

    steered = STEERED
    market: Market

    def __init__(
        self,
        *,
        seed: int = 0,
        faults: Faults | None = None,
        offers: Iterable[Offer] | None = None,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        super().__init__(seed=seed, faults=faults, now=now)
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
        self.own = {"revoke": self.lwa.revoke, "end_access": self.lwa.end_access, "quirks": self._set_quirks}

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
            *self.levers(),
        ]

    async def play(self, orders: int, seconds: float, seed: int, wait_until: WaitUntil) -> None:
        """Plays the seeded script of purchases; returns when it is over."""
        steps = script.plan(seed, orders, sorted(self.market.offers))
        await script.play(self.market, steps, seconds, wait_until)

    def _set_quirks(self, **given: float) -> None:
        self.market.quirks = msgspec.convert(given, Quirks)

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


def _listed(query: Mapping[str, str], name: str) -> list[str]:
    return [part for part in query.get(name, "").split(",") if part]


def _answer(body: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), content_type="application/json")


def _throttled(plan: Throttle) -> web.Response:
    refused = Refused(429, "QuotaExceeded", "You exceeded your quota for the requested resource.")
    return web.json_response(refused.body, status=429, headers={"x-amzn-RateLimit-Limit": str(plan.rate)})


def main() -> None:
    """The command line."""
    parser = marketplace.arguments("A simulated Amazon.")
    parser.add_argument("--hurry", action="store_true", help="wide usage plans, and purchases that are old enough")
    options = parser.parse_args()
    offers = msgspec.json.decode(options.products.read_bytes(), type=list[Offer]) if options.products else None
    simulator = AmazonSimulator(
        seed=options.seed, faults=serving.struck(options.faults, marketplace.STRIKING), offers=offers
    )
    simulator.market.quirks = Quirks(late=options.faults, lag=5)
    if options.hurry:
        simulator.hurry()

    def told() -> dict[str, object]:
        return {
            "api_url": simulator.url,
            "auth_url": f"{simulator.url}/auth/o2",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "refresh_token": simulator.lwa.authorise(),
        }

    marketplace.run(simulator, options, told)


if __name__ == "__main__":
    main()
