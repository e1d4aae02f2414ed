"""eBay as a small server for tests and the demonstration: the order side of its REST API, and its logins.

    python -m plugins.ebay.simulator --port 0 --seed 7 --faults 0.05 --orders 200 --over 20s

prints one line of JSON that tells where it is and how to log in, and serves until it is ended. What is steered from
outside goes by POST /_sim/<what> with the arguments as JSON: the same words as the methods of `Market`, and run, agree,
revoke, end_access, quirks. GET /_sim/summary tells what a shop must have; GET /_sim/tokens logs in at once.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec
from aiohttp import web

from orderferry.testing import marketplace, serving
from orderferry.testing.marketplace import MarketplaceSimulator, WaitUntil
from orderferry.testing.oauth_server import OAuthCodeServer
from orderferry.testing.simulator import Faults
from plugins.ebay import simulator_form as make
from plugins.ebay import simulator_script as script
from plugins.ebay.simulator_form import Json, Offer
from plugins.ebay.simulator_state import STEERED, Market, Quirks, Refused, spoiled

CLIENT_ID: Final = "simulated-app"
CLIENT_SECRET: Final = "simulated-cert"  # noqa: S105 - the simulator's own, worth nothing elsewhere
RU_NAME: Final = "Simulated-Simulate-simula-abcdef"
LANDING: Final = "https://signin.ebay.com/ws/eBayISAPI.dll"
EIGHTEEN_MONTHS: Final = 47_304_000.0
LONGEST: Final = timedelta(days=731)
STATUS_PAIRS: Final = ({"NOT_STARTED", "IN_PROGRESS"}, {"FULFILLED", "IN_PROGRESS"})

_RANGE: Final = re.compile(r"(creationdate|lastmodifieddate):\[([^\]]*)\.\.([^\]]*)\]")
_STATUSES: Final = re.compile(r"orderfulfillmentstatus:\{([A-Z_|]*)\}")

Handle = Callable[[web.Request], Awaitable[web.Response]]
Test = Callable[[Json], bool]


class EbaySimulator(MarketplaceSimulator):
    """Serves one seller's eBay; `market` is its state, `oauth` its logins, `now` its time."""

    steered = STEERED
    market: Market

    def __init__(
        self,
        *,
        seed: int = 0,
        faults: Faults | None = None,
        quirks: Quirks | None = None,
        offers: Iterable[Offer] | None = None,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        super().__init__(seed=seed, faults=faults, now=now)
        self.market = Market(self.random, self.now, offers=offers, quirks=quirks)
        self.oauth = OAuthCodeServer(
            self.random,
            self.now,
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            redirect_uri=RU_NAME,
            landing=LANDING,
            access_life=7200,
            refresh_life=EIGHTEEN_MONTHS,
            rotates=False,
            tells_refresh_life=True,
        )
        self.own = {
            "agree": self.oauth.agree,
            "revoke": self.oauth.revoke,
            "end_access": self.oauth.end_access,
            "quirks": self._set_quirks,
        }

    def busy_answer(self) -> web.Response:
        """The 429 of eBay."""
        return _answer(make.refusal(2001, "Too many requests", "ACCESS"), status=429)

    def routes(self) -> list[web.RouteDef]:
        """The paths of eBay, and those below /_sim/."""
        order = "/sell/fulfillment/v1/order"
        parcels = f"{order}/{{id}}/shipping_fulfillment"
        return [
            web.post("/identity/v1/oauth2/token", self.oauth.token),
            web.get(order, self._api(self._orders)),
            web.get(f"{order}/{{id}}", self._api(self._order)),
            web.get(parcels, self._api(self._fulfillments)),
            web.post(parcels, self._api(self._add_fulfillment)),
            web.get("/_sim/tokens", self._tokens),
            *self.levers(),
        ]

    async def play(self, orders: int, seconds: float, seed: int, wait_until: WaitUntil) -> None:
        """Plays the seeded script of purchases; returns when it is over."""
        steps = script.plan(seed, orders, sorted(self.market.offers))
        await script.play(self.market, steps, seconds, wait_until)

    def _set_quirks(self, **given: float) -> None:
        self.market.quirks = msgspec.convert(given, Quirks)

    def _api(self, handle: Handle) -> Handle:
        """What every path of the API checks first: the token."""

        async def checked(request: web.Request) -> web.Response:
            scheme, _, token = request.headers.get("Authorization", "").partition(" ")
            if scheme != "Bearer" or not self.oauth.good(token):
                return _answer(make.refusal(1001, "Invalid access token", "OAuth"), status=401)
            try:
                return await handle(request)
            except Refused as refused:
                return _answer(refused.body, status=refused.status)

        return checked

    async def _orders(self, request: web.Request) -> web.Response:
        """The list in no order that could be relied on, but the same one for every page."""
        query = request.query
        if re.search(r"[\[\]{}|]", request.raw_path):
            raise Refused(400, 30700, "Invalid filter: brackets must be encoded")
        limit, offset = _number(query, "limit", 50, 1, 200), _number(query, "offset", 0, 0, 10**9)
        tests = self._tests(query.get("filter", ""))
        found = [(order, kept) for order, kept in self.market.in_list() if all(test(order) for test in tests)]
        page = [self.market.listed(order, kept) for order, kept in found[offset : offset + limit]]
        told = {"href": str(request.url), "total": len(found), "limit": limit, "offset": offset}
        body = msgspec.json.encode(told)[:-1] + b',"orders":[' + b",".join(page) + b"]}"
        return web.Response(body=body, content_type="application/json")

    def _tests(self, criteria: str) -> list[Test]:
        """The filter's conditions; of two periods only the one of the purchase counts."""
        left = _STATUSES.sub("", _RANGE.sub("", criteria)).strip(",")
        if left:
            raise Refused(400, 30700, "Invalid filter")
        tests: list[Test] = []
        periods = {name: (begin, end) for name, begin, end in _RANGE.findall(criteria)}
        if not periods:
            periods["creationdate"] = ((self.now() - timedelta(days=90)).isoformat(), "")
        name = "creationdate" if "creationdate" in periods else "lastmodifieddate"
        begin, end = (_moment(text) if text else None for text in periods[name])
        if begin is None or self.now() - begin > LONGEST:
            raise Refused(400, 30800, "Invalid date in filter")
        field = {"creationdate": "creationDate", "lastmodifieddate": "lastModifiedDate"}[name]
        tests.append(lambda order: _moment(order[field]) >= begin)
        if end is not None:
            tests.append(lambda order: _moment(order[field]) <= end)
        for given in _STATUSES.findall(criteria):
            wanted = set(given.split("|"))
            if wanted not in STATUS_PAIRS:
                raise Refused(400, 30700, "Invalid orderfulfillmentstatus")
            tests.append(lambda order, wanted=wanted: order["orderFulfillmentStatus"] in wanted)  # type: ignore[misc] # mypy cannot type a lambda with bound defaults
        return tests

    async def _order(self, request: web.Request) -> web.Response:
        return web.Response(body=self.market.single(request.match_info["id"]), content_type="application/json")

    async def _fulfillments(self, request: web.Request) -> web.Response:
        order_id = request.match_info["id"]
        self.market.kept(order_id)
        found = self.market.fulfillments.get(order_id, [])
        return _answer({"fulfillments": found, "total": len(found)})

    async def _add_fulfillment(self, request: web.Request) -> web.Response:
        try:
            body = msgspec.json.decode(await request.read(), type=Json)
        except msgspec.MsgspecError:
            raise Refused(400, 32600, "Invalid input data") from None
        order_id = request.match_info["id"]
        number = self.market.add_fulfillment(order_id, body)
        answer = _answer({}, status=201)
        answer.headers["Location"] = f"{request.url}/{number}"
        return answer

    async def _tokens(self, _: web.Request) -> web.Response:
        return web.json_response(self.oauth.issue())


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Refused(400, 30800, "Invalid date in filter")
    return moment


def _number(query: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = query.get(name, str(default))
    if not text.isdigit() or not least <= int(text) <= most:
        raise Refused(400, 30820, f"Invalid {name}")
    return int(text)


def _answer(body: object, *, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")


def main() -> None:
    """The command line."""
    parser = marketplace.arguments("A simulated eBay.")
    options = parser.parse_args()
    offers = msgspec.json.decode(options.products.read_bytes(), type=list[Offer]) if options.products else None
    simulator = EbaySimulator(
        seed=options.seed,
        faults=serving.struck(options.faults, marketplace.STRIKING),
        quirks=spoiled(options.faults),
        offers=offers,
    )

    def told() -> dict[str, object]:
        return {
            "api_url": simulator.url,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "ru_name": RU_NAME,
            "refresh_token": simulator.oauth.issue()["refresh_token"],
        }

    marketplace.run(simulator, options, told)


if __name__ == "__main__":
    main()
