"""The calls to Allegro's REST API: paths, headers, bodies; what an answer means is decided elsewhere.

Reference: developer.allegro.pl/documentation, "Order management". At most 9,000 requests a minute for each client id,
whose 429 goes on for as long as one keeps calling (github.com/allegro/allegro-api issues 8258, 3454).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import quote

import msgspec

from orderferry import Rejected
from orderferry.http import Limits
from plugins.allegro import wire

if TYPE_CHECKING:
    from orderferry import Account
    from orderferry.http import Auth, Http
    from plugins.allegro.settings import AllegroSettings

T = TypeVar("T")

MEDIA_TYPE: Final = "application/vnd.allegro.public.v1+json"
LIMITS: Final = Limits(per_minute=6000, concurrency=8, backoff=60)
FORMS: Final = "/order/checkout-forms"

_ERRORS: Final = msgspec.json.Decoder(wire.ErrorList)
_FORM_AS_IT_IS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def open_http(account: Account[AllegroSettings], auth: Auth) -> Http:
    """The account's HTTP client with the headers that Allegro asks for."""
    headers = {
        "Accept": MEDIA_TYPE,
        "Accept-Language": "en-US",
        "User-Agent": f"orderferry/{version('orderferry')} (self-hosted; copies a seller's orders into his shop)",
    }
    return account.http(str(account.settings.api_url), auth=auth, limits=LIMITS, headers=headers, explain=explain)


def explain(body: bytes) -> str | None:
    """What Allegro itself says in a refusal; None where the body isn't one of Allegro's."""
    try:
        said = _ERRORS.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if said.errors is not None:
        return "; ".join(_sentence(entry) for entry in said.errors[:3]) or "no reason given"
    if said.error:
        return f"{said.error}: {said.error_description}"[:300] if said.error_description else said.error[:300]
    return None


def _sentence(entry: wire.ErrorEntry) -> str:
    text = entry.message or entry.user_message or "no reason given"
    place = f" at {entry.path}" if entry.path else ""
    return f"{entry.code or 'error'}{place}: {text}"[:300]


class Client:
    """Allegro's order side, one method for each call."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def latest_event(self) -> wire.LatestEvent | None:
        """The journal's newest event; None while there has never been one."""
        return (await self._http.get("/order/event-stats", _decoder(wire.EventStats))).latest_event

    async def events(self, after: str | None, limit: int) -> tuple[msgspec.Raw, ...]:
        """The journal after an event (which is itself left out), or from its beginning."""
        query = {"limit": str(limit)} if after is None else {"from": after, "limit": str(limit)}
        return (await self._http.get("/order/events", _decoder(wire.RawEventList), query=query)).events

    async def form(self, form_id: str) -> bytes | None:
        """A checkout form as it came; None where there is none of this id, or no longer."""
        try:
            return await self._http.get(_form_path(form_id), _whole)
        except Rejected as error:
            if error.status == 404:
                return None
            raise

    async def forms(self, query: Mapping[str, str]) -> tuple[msgspec.Raw, ...]:
        """A page of the list of checkout forms, each as it came."""
        return (await self._http.get(FORMS, _decoder(wire.FormList), query=query)).checkout_forms

    async def fulfillment(self, form_id: str) -> wire.FulfillmentNow:
        """A form's revision and fulfilment status."""
        return await self._http.get(_form_path(form_id), _decoder(wire.FulfillmentNow))

    async def put_fulfillment(self, form_id: str, revision: str | None, status: str) -> None:
        """Sets the fulfilment status, provided that the form is still of this revision."""
        query = {"checkoutForm.revision": revision} if revision else None
        await self._write("PUT", _form_path(form_id, "/fulfillment"), {"status": status}, query=query)

    async def shipments(self, form_id: str) -> tuple[wire.Shipment, ...]:
        """The tracking numbers that the order has, whoever entered them."""
        listed = await self._http.get(_form_path(form_id, "/shipments"), _decoder(wire.ShipmentList))
        return listed.shipments or ()

    async def add_shipment(self, form_id: str, waybill: str, carrier_id: str, carrier_name: str | None) -> None:
        """Adds a tracking number to all lines of the order; the same one twice would be there twice."""
        body = {"carrierId": carrier_id, "waybill": waybill}
        if carrier_name is not None:
            body["carrierName"] = carrier_name
        await self._write("POST", _form_path(form_id, "/shipments"), body)

    async def carriers(self) -> tuple[wire.Carrier, ...]:
        """The carriers that Allegro knows by id."""
        return (await self._http.get("/order/carriers", _decoder(wire.CarrierList))).carriers

    async def delivery_methods(self) -> tuple[wire.DeliveryMethod, ...]:
        """All delivery methods; needs the right to read sale settings."""
        return (await self._http.get("/sale/delivery-methods", _decoder(wire.DeliveryMethodList))).delivery_methods

    async def me(self) -> wire.Me:
        """The seller's own account; needs the right to read the profile."""
        return await self._http.get("/me", _decoder(wire.Me))

    async def _write(
        self, method: str, path: str, body: Mapping[str, str], *, query: Mapping[str, str] | None = None
    ) -> None:
        encoded = msgspec.json.encode(body)
        headers = {"Content-Type": MEDIA_TYPE}
        await self._http.fetch(method, path, _done, body=encoded, query=query, headers=headers)


def _form_path(form_id: str, below: str = "") -> str:
    return f"{FORMS}/{quote(form_id, safe='')}{below}"


def _whole(body: bytes) -> bytes:
    """The body, which must be a JSON object: a page of a proxy is no form, not even a malformed one."""
    _FORM_AS_IT_IS.decode(body)
    return body


def _done(body: bytes) -> None:
    """The empty or JSON body of a change that was made: a proxy's page in its place proves nothing."""
    if body.strip():
        msgspec.json.decode(body)


def _decoder(kind: type[T]) -> Callable[[bytes], T]:
    return msgspec.json.Decoder(kind).decode
