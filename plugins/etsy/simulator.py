"""Etsy as a small server for tests and the demonstration: the order side of its REST API, and its logins.

    python -m plugins.etsy.simulator --port 0 --seed 7 --faults 0.05 --orders 200 --over 20s

prints one line of JSON that tells where it is and how to log in, and serves until it is ended. What is steered from
outside goes by POST /_sim/<what> with the arguments as JSON: the same words as the methods of `Market`, and run, agree,
revoke, end_access. GET /_sim/summary tells what a shop must have; GET /_sim/tokens logs in at once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import Final

import msgspec
from aiohttp import web

from orderferry.testing import marketplace, serving
from orderferry.testing.marketplace import MarketplaceSimulator, WaitUntil
from orderferry.testing.oauth_server import OAuthCodeServer
from orderferry.testing.simulator import Faults
from plugins.etsy import simulator_form as make
from plugins.etsy import simulator_script as script
from plugins.etsy.simulator_form import Json, Offer
from plugins.etsy.simulator_state import STEERED, Market, Refused

KEYSTRING: Final = "simulatedkeystring"
SHARED_SECRET: Final = "simulated-secret"  # noqa: S105 - the simulator's own, worth nothing elsewhere
REDIRECT: Final = "https://seller.example/etsy"
NINETY_DAYS: Final = 90 * 86_400.0
SORTS: Final = {"created": "created_timestamp", "updated": "updated_timestamp", "receipt_id": "receipt_id"}
FLAGS: Final = {"was_paid": "is_paid", "was_shipped": "is_shipped"}
BOUNDS: Final = {
    "min_created": ("created_timestamp", 1),
    "max_created": ("created_timestamp", -1),
    "min_last_modified": ("updated_timestamp", 1),
    "max_last_modified": ("updated_timestamp", -1),
}

Handle = Callable[[web.Request], Awaitable[web.Response]]


class EtsySimulator(MarketplaceSimulator):
    """Serves one seller's Etsy; `market` is its state, `oauth` its logins, `now` its time."""

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
        self.oauth = OAuthCodeServer(
            self.random,
            self.now,
            client_id=KEYSTRING,
            client_secret=None,
            redirect_uri=REDIRECT,
            landing=REDIRECT,
            access_life=3600,
            refresh_life=NINETY_DAYS,
            rotates=True,
            access_prefix=f"{make.USER_ID}.",
        )
        self.own = {"agree": self.oauth.agree, "revoke": self.oauth.revoke, "end_access": self.oauth.end_access}

    def busy_answer(self) -> web.Response:
        """The 429 of Etsy."""
        return _answer({"error": "Exceeded rate limit"}, status=429)

    def routes(self) -> list[web.RouteDef]:
        """The paths of Etsy, and those below /_sim/."""
        receipts = "/v3/application/shops/{shop}/receipts"
        return [
            web.post("/v3/public/oauth/token", self.oauth.token),
            web.get("/v3/application/users/me", self._api(self._me)),
            web.get("/v3/application/shipping-carriers", self._api(self._carriers)),
            web.get(receipts, self._api(self._receipts)),
            web.get(f"{receipts}/{{id}}", self._api(self._receipt)),
            web.post(f"{receipts}/{{id}}/tracking", self._api(self._tracking)),
            web.get("/_sim/tokens", self._tokens),
            *self.levers(),
        ]

    async def play(self, orders: int, seconds: float, seed: int, wait_until: WaitUntil) -> None:
        """Plays the seeded script of purchases; returns when it is over."""
        steps = script.plan(seed, orders, sorted(self.market.offers))
        await script.play(self.market, steps, seconds, wait_until)

    def _api(self, handle: Handle) -> Handle:
        """What every path of the API checks first: the app's key, the token, the shop."""

        async def checked(request: web.Request) -> web.Response:
            if request.headers.get("x-api-key") != f"{KEYSTRING}:{SHARED_SECRET}":
                return _answer({"error": "Shared secret is required in x-api-key header."}, status=403)
            scheme, _, token = request.headers.get("Authorization", "").partition(" ")
            if scheme != "Bearer" or not self.oauth.good(token):
                return _answer({"error": "invalid_token", "error_description": "access token is expired"}, status=401)
            if request.match_info.get("shop", str(make.SHOP_ID)) != str(make.SHOP_ID):
                return _answer({"error": "The user does not own the shop"}, status=403)
            try:
                return await handle(request)
            except Refused as refused:
                return _answer(refused.body, status=refused.status)

        return checked

    async def _me(self, _: web.Request) -> web.Response:
        return _answer({"user_id": make.USER_ID, "shop_id": make.SHOP_ID})

    async def _carriers(self, request: web.Request) -> web.Response:
        if len(request.query.get("origin_country_iso", "")) != 2:
            raise Refused(400, "origin_country_iso is not a country")
        names = enumerate(make.CARRIERS, 1)
        found = [
            {"shipping_carrier_id": n, "name": name, "domestic_classes": [], "international_classes": []}
            for n, name in names
        ]
        return _answer({"count": len(found), "results": found})

    async def _receipts(self, request: web.Request) -> web.Response:
        """The list; cancelled receipts are only in the one that asks for them."""
        query = request.query
        limit, offset = _number(query, "limit", 25, 1, 100), _number(query, "offset", 0, 0, 10**9)
        sort = SORTS.get(query.get("sort_on", "created"))
        if sort is None:
            raise Refused(400, "sort_on is not one of created, updated, receipt_id")
        found = [kept for kept in self.market.receipts.values() if _wanted(kept.receipt, query)]
        found.sort(key=lambda kept: int(kept.receipt[sort]), reverse=query.get("sort_order", "desc") != "asc")
        page = [self.market.shown(kept) for kept in found[offset : offset + limit]]
        body = f'{{"count":{len(found)},"results":['.encode() + b",".join(page) + b"]}"
        return web.Response(body=body, content_type="application/json")

    async def _receipt(self, request: web.Request) -> web.Response:
        kept = self.market.kept(request.match_info["id"])
        return web.Response(body=self.market.shown(kept), content_type="application/json")

    async def _tracking(self, request: web.Request) -> web.Response:
        if request.content_type != "application/x-www-form-urlencoded":
            raise Refused(400, "The request body must be a form")
        form = await request.post()
        number, carrier = str(form.get("tracking_code", "")), str(form.get("carrier_name", ""))
        body = self.market.add_tracking(request.match_info["id"], number, carrier)
        return web.Response(body=body, content_type="application/json")

    async def _tokens(self, _: web.Request) -> web.Response:
        return web.json_response(self.oauth.issue())


def _wanted(receipt: Json, query: Mapping[str, str]) -> bool:
    cancelled = receipt["status"].casefold() == "canceled"
    if cancelled != (query.get("was_canceled") == "true"):
        return False
    if any(name in query and receipt[field] != (query[name] == "true") for name, field in FLAGS.items()):
        return False
    for name, (field, sign) in BOUNDS.items():
        if name in query and sign * receipt[field] < sign * _number(query, name, 0, 946_684_800, 10**12):
            return False
    return True


def _number(query: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = query.get(name, str(default))
    if not text.isdigit() or not least <= int(text) <= most:
        raise Refused(400, f"{name} must be an integer from {least} to {most}")
    return int(text)


def _answer(body: object, *, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")


def main() -> None:
    """The command line."""
    parser = marketplace.arguments("A simulated Etsy.")
    options = parser.parse_args()
    offers = msgspec.json.decode(options.products.read_bytes(), type=list[Offer]) if options.products else None
    simulator = EtsySimulator(
        seed=options.seed, faults=serving.struck(options.faults, marketplace.STRIKING), offers=offers
    )

    def told() -> dict[str, object]:
        return {
            "api_url": simulator.url,
            "keystring": KEYSTRING,
            "shared_secret": SHARED_SECRET,
            "redirect_uri": REDIRECT,
            "refresh_token": simulator.oauth.issue()["refresh_token"],
        }

    marketplace.run(simulator, options, told)


if __name__ == "__main__":
    main()
