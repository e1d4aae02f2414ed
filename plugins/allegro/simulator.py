"""Allegro as a small server for tests and the demonstration: the order side of its REST API, and its logins.

    python -m plugins.allegro.simulator --port 0 --seed 7 --faults 0.05 --orders 200 --over 20s

prints one line of JSON that tells where it is and how to log in, and serves until it is ended. What is steered from
outside goes by POST /_sim/<what> with the arguments as JSON: the same words as the methods of `Market`, and run,
approve, revoke, end_access, quirks. GET /_sim/summary tells what a shop must have; GET /_sim/tokens logs in at once.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import Final

import msgspec
from aiohttp import web

from orderferry.testing import marketplace, serving
from orderferry.testing.marketplace import MarketplaceSimulator, WaitUntil
from orderferry.testing.simulator import Faults
from plugins.allegro import simulator_form as make
from plugins.allegro import simulator_script as script
from plugins.allegro.cursor import stamp
from plugins.allegro.simulator_form import Json, Offer
from plugins.allegro.simulator_oauth import OAuthServer
from plugins.allegro.simulator_state import STEERED, Market, Quirks, Refused, spoiled

MEDIA_TYPE: Final = "application/vnd.allegro.public.v1+json"
CLIENT_ID: Final = "simulated-client"
CLIENT_SECRET: Final = "simulated-secret"  # noqa: S105 - the simulator's own, worth nothing elsewhere
WAYBILL: Final = re.compile(r"[A-Za-z0-9_()-]{1,64}")
WAYBILL_USES: Final = 10
UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Handle = Callable[[web.Request], Awaitable[web.Response]]


class AllegroSimulator(MarketplaceSimulator):
    """Serves one seller's Allegro; `market` is its state, `oauth` its logins, `now` its time."""

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
        self.oauth = OAuthServer(self.random, self.now, client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
        self.own = {
            "approve": self.oauth.approve,
            "revoke": self.oauth.revoke,
            "end_access": self.oauth.end_access,
            "quirks": self._set_quirks,
        }

    def busy_answer(self) -> web.Response:
        """Allegro's 429."""
        return _answer(make.refusal("TooManyRequestsException", "Too many requests"), status=429)

    def routes(self) -> list[web.RouteDef]:
        """Allegro's own paths, and those below /_sim/."""
        form = "/order/checkout-forms/{id}"
        return [
            web.post("/auth/oauth/device", self.oauth.device),
            web.post("/auth/oauth/token", self.oauth.token),
            web.get("/me", self._api(self._me)),
            web.get("/order/events", self._api(self._events)),
            web.get("/order/event-stats", self._api(self._event_stats)),
            web.get("/order/checkout-forms", self._api(self._forms)),
            web.get(form, self._api(self._form)),
            web.put(f"{form}/fulfillment", self._api(self._fulfillment)),
            web.get(f"{form}/shipments", self._api(self._shipments)),
            web.post(f"{form}/shipments", self._api(self._add_shipment)),
            web.get("/order/carriers", self._api(self._carriers)),
            web.get("/sale/delivery-methods", self._api(self._delivery_methods)),
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
        """What every path of the API checks first: the token, and the media types."""

        async def checked(request: web.Request) -> web.Response:
            scheme, _, token = request.headers.get("Authorization", "").partition(" ")
            if scheme != "Bearer" or not self.oauth.good(token):
                return _answer({"error": "invalid_token", "error_description": "Access token expired"}, status=401)
            try:
                _check_media(request)
                return await handle(request)
            except Refused as refused:
                return _answer(refused.body, status=refused.status)

        return checked

    async def _me(self, _: web.Request) -> web.Response:
        return _answer({"id": make.SELLER, "login": "simulated_seller", "email": "seller@example.invalid"})

    async def _events(self, request: web.Request) -> web.Response:
        limit = _number(request.query, "limit", 100, 1, 1000)
        return _answer({"events": self.market.events_after(request.query.get("from"), limit)})

    async def _event_stats(self, _: web.Request) -> web.Response:
        newest = self.market.events[-1] if self.market.events else None
        if newest is None:
            return _answer({"latestEvent": None})
        return _answer({"latestEvent": {"id": newest["id"], "occurredAt": newest["occurredAt"]}})

    async def _form(self, request: web.Request) -> web.Response:
        return web.Response(body=self.market.shown(_form_id(request)), headers={"Content-Type": MEDIA_TYPE})

    async def _forms(self, request: web.Request) -> web.Response:
        query = request.query
        limit, offset = _number(query, "limit", 100, 1, 100), _number(query, "offset", 0, 0, 10_000)
        if offset + limit > 10_000:
            raise Refused(422, "VALIDATION_ERROR", "offset + limit must not exceed 10000", "offset")
        wanted = _wanted(query)
        found = [kept.form for kept in self.market.forms.values() if all(test(kept.form) for test in wanted)]
        sort = query.get("sort", "-lineItems.boughtAt")
        key = _SORTS.get(sort.removeprefix("-"))
        if key is None:
            raise Refused(400, "VALIDATION_ERROR", "Unknown sort", "sort")
        found.sort(key=key, reverse=sort.startswith("-"))
        shown = [self._raw(form) for form in found[offset : offset + limit]]
        body = b'{"checkoutForms":[' + b",".join(shown) + b"]"
        body += f',"count":{len(shown)},"totalCount":{len(found)}}}'.encode()
        return web.Response(body=body, headers={"Content-Type": MEDIA_TYPE})

    def _raw(self, form: Json) -> bytes:
        return self.market.forms[form["id"]].raw or msgspec.json.encode(form)

    async def _fulfillment(self, request: web.Request) -> web.Response:
        body = await _body(request)
        self.market.set_fulfillment(_form_id(request), body.get("status"), request.query.get("checkoutForm.revision"))
        return web.Response(status=204)

    async def _shipments(self, request: web.Request) -> web.Response:
        form_id = _form_id(request)
        self.market.kept(form_id)
        return _answer({"shipments": self.market.shipments.get(form_id, [])})

    async def _add_shipment(self, request: web.Request) -> web.Response:
        form_id, body = _form_id(request), await _body(request)
        form = self.market.kept(form_id).form
        shipment = _shipment(body, form)
        used = sum(
            one["waybill"] == shipment["waybill"]
            for other, found in self.market.shipments.items()
            for one in found
            if other != form_id
        )
        if used >= WAYBILL_USES:
            raise Refused(409, "WaybillUsageExceeded", "Maximum waybill usage exceeded", "waybill")
        shipment |= {"id": make.new_id(self.random), "createdAt": stamp(self.now())}
        self.market.add_shipment(form_id, shipment)
        return _answer(shipment, status=201)

    async def _carriers(self, _: web.Request) -> web.Response:
        return _answer({"carriers": [{"id": one} | ({"name": name} if name else {}) for one, name in make.CARRIERS]})

    async def _delivery_methods(self, _: web.Request) -> web.Response:
        methods = [
            {"id": one.id, "name": one.name, "paymentPolicy": one.policy, "allegroEndorsed": False}
            for one in make.METHODS.values()
        ]
        return _answer({"deliveryMethods": methods})

    async def _tokens(self, _: web.Request) -> web.Response:
        return web.json_response(self.oauth.issue())


def _check_media(request: web.Request) -> None:
    accepted = [part.partition(";")[0].strip() for part in request.headers.get("Accept", "*/*").split(",")]
    if not {MEDIA_TYPE, "*/*"} & set(accepted):
        raise Refused(
            406,
            "NotAcceptableException",
            "Not acceptable representation requested. Please check 'Accept' request header",
        )
    if request.method in {"POST", "PUT", "PATCH"} and request.content_type != MEDIA_TYPE:
        message = "Content type is not supported. Please check 'Content-Type' request header"
        raise Refused(415, "UnsupportedMediaTypeException", message)


def _form_id(request: web.Request) -> str:
    form_id = request.match_info["id"]
    if not UUID.fullmatch(form_id):
        raise Refused(422, "InvalidUuidException", "Order id is a malformed UUID", "id")
    return form_id


async def _body(request: web.Request) -> Json:
    try:
        return msgspec.json.decode(await request.read(), type=Json)
    except msgspec.MsgspecError:
        raise Refused(400, "JsonMappingException", "The request body is no JSON object") from None


def _shipment(body: Json, form: Json) -> Json:
    carrier, waybill, name = body.get("carrierId"), body.get("waybill"), body.get("carrierName")
    if carrier not in dict(make.CARRIERS):
        raise Refused(400, "VALIDATION_ERROR", "Unknown carrier id", "carrierId")
    if not isinstance(waybill, str) or not WAYBILL.fullmatch(waybill):
        raise Refused(400, "VALIDATION_ERROR", "Invalid tracking number structure", "waybill")
    if isinstance(name, str) and len(name) > 30:
        raise Refused(400, "VALIDATION_ERROR", "Carrier name too long", "carrierName")
    own = [item["id"] for item in form["lineItems"]]
    lines = [line["id"] for line in body.get("lineItems") or []] or own
    if not set(lines) <= set(own):
        raise Refused(422, "VALIDATION_ERROR", "Line item doesn't belong to the order", "lineItems")
    return {
        "waybill": waybill,
        "carrierId": carrier,
        "carrierName": name if carrier == "OTHER" else None,
        "lineItems": [{"id": line} for line in lines],
    }


def _wanted(query: Mapping[str, str]) -> list[Callable[[Json], bool]]:
    tests: list[Callable[[Json], bool]] = []
    for name, value in query.items():
        field, _, bound = name.rpartition(".")
        if name in _EXACT:
            tests.append(lambda form, read=_EXACT[name], value=value: read(form) == value)  # type: ignore[misc] # mypy cannot type a lambda with bound defaults
        elif bound in {"gte", "lte"} and field in _SORTS:
            moment = _moment(name, value)
            if bound == "gte":
                tests.append(lambda form, read=_SORTS[field], moment=moment: read(form) >= moment)  # type: ignore[misc] # likewise
            else:
                tests.append(lambda form, read=_SORTS[field], moment=moment: read(form) <= moment)  # type: ignore[misc] # likewise
        elif name not in {"limit", "offset", "sort"}:
            raise Refused(400, "VALIDATION_ERROR", "Unknown parameter", name)
    return tests


_EXACT: Final[Mapping[str, Callable[[Json], object]]] = {
    "status": lambda form: form["status"],
    "fulfillment.status": lambda form: form["fulfillment"]["status"],
    "fulfillment.provider.id": lambda form: form["fulfillment"]["provider"]["id"],
    "fulfillment.shipmentSummary.lineItemsSent": lambda form: form["fulfillment"]["shipmentSummary"]["lineItemsSent"],
    "buyer.login": lambda form: form["buyer"]["login"],
    "marketplace.id": lambda form: form["marketplace"]["id"],
}
_SORTS: Final[Mapping[str, Callable[[Json], datetime]]] = {
    "updatedAt": lambda form: datetime.fromisoformat(form["updatedAt"]),
    "lineItems.boughtAt": lambda form: max(datetime.fromisoformat(item["boughtAt"]) for item in form["lineItems"]),
}


def _moment(name: str, value: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Refused(400, "VALIDATION_ERROR", "Not a date-time with a time zone", name)
    return moment


def _number(query: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = query.get(name, str(default))
    if not text.isdigit() or not least <= int(text) <= most:
        raise Refused(422, "VALIDATION_ERROR", f"{name} must be from {least} to {most}", name)
    return int(text)


def _answer(body: object, *, status: int = 200) -> web.Response:
    headers = {"Content-Type": MEDIA_TYPE, "trace-id": "0123456789abcdef"}
    return web.Response(body=msgspec.json.encode(body), status=status, headers=headers)


def main() -> None:
    """The command line."""
    parser = marketplace.arguments("A simulated Allegro.")
    options = parser.parse_args()
    offers = msgspec.json.decode(options.products.read_bytes(), type=list[Offer]) if options.products else None
    simulator = AllegroSimulator(
        seed=options.seed,
        faults=serving.struck(options.faults, marketplace.STRIKING),
        quirks=spoiled(options.faults),
        offers=offers,
    )

    def told() -> dict[str, object]:
        return {
            "api_url": simulator.url,
            "auth_url": f"{simulator.url}/auth/oauth",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "refresh_token": simulator.oauth.issue()["refresh_token"],
        }

    marketplace.run(simulator, options, told)


if __name__ == "__main__":
    main()
