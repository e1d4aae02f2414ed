"""The calls to Etsy's Open API v3: paths, queries, bodies; what an answer means is decided elsewhere.

Reference: developers.etsy.com/documentation/reference. At most 10 requests a second and 10,000 a day for each app.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import urlencode

import msgspec

from orderferry import Rejected
from orderferry.http import Limits
from plugins.etsy import wire

if TYPE_CHECKING:
    from orderferry import Account
    from orderferry.http import Auth, Http
    from plugins.etsy.settings import EtsySettings

T = TypeVar("T")

LIMITS: Final = Limits(per_minute=240, concurrency=4, backoff=60)
BASE: Final = "/v3/application"

_REFUSAL: Final = msgspec.json.Decoder(wire.Refusal)


def open_http(account: Account[EtsySettings], auth: Auth) -> Http:
    """The account's HTTP client with the app's key, of which the shared secret is a part since February 2026."""
    settings = account.settings
    headers = {
        "x-api-key": f"{settings.keystring}:{settings.shared_secret.reveal()}",
        "User-Agent": f"orderferry/{version('orderferry')} (self-hosted; copies a seller's orders into his shop)",
    }
    return account.http(str(settings.api_url), auth=auth, limits=LIMITS, headers=headers, explain=explain)


def explain(body: bytes) -> str | None:
    """What Etsy itself says in a refusal; None where the body isn't one of Etsy's."""
    try:
        said = _REFUSAL.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return f"{said.error}: {said.error_description}"[:300] if said.error_description else said.error[:300]


class Client:
    """Etsy's order side, one method for each call."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._shop: str | None = None

    async def me(self) -> wire.Me:
        """The seller's own account and shop."""
        return await self._http.get(f"{BASE}/users/me", _decoder(wire.Me))

    async def receipts(self, query: Mapping[str, str]) -> wire.ReceiptList:
        """A page of the list of receipts."""
        return await self._http.get(f"{await self._shop_path()}/receipts", _decoder(wire.ReceiptList), query=query)

    async def shipments(self, receipt_id: str) -> tuple[wire.Shipment, ...]:
        """The parcels that Etsy knows of, whoever entered them."""
        path = f"{await self._shop_path()}/receipts/{_number(receipt_id)}"
        return (await self._http.get(path, _decoder(wire.Shipments))).shipments or ()

    async def add_tracking(self, receipt_id: str, carrier: str, number: str) -> tuple[wire.Shipment, ...]:
        """Adds a parcel, of which Etsy mails the buyer each time; answers all parcels as Etsy knows them now."""
        path = f"{await self._shop_path()}/receipts/{_number(receipt_id)}/tracking"
        form = urlencode({"tracking_code": number, "carrier_name": carrier}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer, _ = await self._http.fetch("POST", path, _decoder(wire.Shipments), body=form, headers=headers)
        return answer.shipments or ()

    async def carriers(self, country: str) -> tuple[str, ...]:
        """The names of the carriers that Etsy can follow, for parcels from this country."""
        query = {"origin_country_iso": country}
        listed = await self._http.get(f"{BASE}/shipping-carriers", _decoder(wire.CarrierList), query=query)
        return tuple(one.name for one in listed.results)

    async def _shop_path(self) -> str:
        if self._shop is None:
            self._shop = f"{BASE}/shops/{(await self.me()).shop_id}"
        return self._shop


def _number(receipt_id: str) -> str:
    if not (receipt_id.isascii() and receipt_id.isdigit()):
        raise Rejected(f"{receipt_id[:40]!r} is no number of an order at Etsy")
    return receipt_id


def _decoder(kind: type[T]) -> Callable[[bytes], T]:
    return msgspec.json.Decoder(kind).decode
