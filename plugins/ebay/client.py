"""The calls to eBay's Fulfillment API: paths, queries, bodies; what an answer means is decided elsewhere.

Reference: developer.ebay.com, Sell Fulfillment API. The limits are daily ones for each application; a call over them
is a 429 without a time to wait.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote

import msgspec

from orderferry import Rejected, Unavailable
from orderferry.http import Limits
from plugins.ebay import wire

if TYPE_CHECKING:
    from orderferry import Account
    from orderferry.http import Auth, Http
    from plugins.ebay.settings import EbaySettings

T = TypeVar("T")

LIMITS: Final = Limits(per_minute=300, concurrency=4, backoff=300)
ORDERS: Final = "/sell/fulfillment/v1/order"
UNKNOWN_ORDER: Final = "32100"

_ERRORS: Final = msgspec.json.Decoder(wire.ErrorList)
_AS_IT_IS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def open_http(account: Account[EbaySettings], auth: Auth) -> Http:
    """The account's HTTP client."""
    headers = {
        "Accept-Language": "en-US",
        "User-Agent": f"orderferry/{version('orderferry')} (self-hosted; copies a seller's orders into his shop)",
    }
    return account.http(str(account.settings.api_url), auth=auth, limits=LIMITS, headers=headers, explain=explain)


def explain(body: bytes) -> str | None:
    """What eBay itself says in a refusal; None where the body isn't one of eBay's."""
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
    return f"error {entry.error_id or '?'}: {entry.message or entry.long_message or 'no reason given'}"[:300]


class Client:
    """eBay's order side, one method for each call."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def orders(self, criteria: str, limit: int, offset: int = 0) -> wire.OrderPage:
        """A page of the list of orders that meet these filter criteria, each as it came.

        A first page that counts orders and lists none is no answer: to take it for one would lose them.
        """
        query = {"filter": criteria, "limit": str(limit), "offset": str(offset)}
        page = await self._http.get(ORDERS, _decoder(wire.OrderPage), query=query)
        if page.total and not page.orders and not offset:
            raise Unavailable(f"eBay counts {page.total} orders and lists none of them")
        return page

    async def order(self, order_id: str) -> bytes | None:
        """An order as it came; None where there is none of this id, or no longer."""
        try:
            return await self._http.get(_order_path(order_id), _whole)
        except Rejected as error:
            if error.status == 404 or (error.status == 400 and UNKNOWN_ORDER in str(error)):
                return None
            raise

    async def lines(self, order_id: str) -> tuple[wire.ShippedLine, ...]:
        """The order's lines, as a shipping fulfilment names them."""
        return (await self._http.get(_order_path(order_id), _decoder(wire.OrderLines))).line_items

    async def fulfillments(self, order_id: str) -> tuple[wire.Fulfillment, ...]:
        """The parcels that eBay knows of, whoever entered them."""
        path = _order_path(order_id, "/shipping_fulfillment")
        return (await self._http.get(path, _decoder(wire.FulfillmentList))).fulfillments or ()

    async def add_fulfillment(self, order_id: str, body: dict[str, Any]) -> None:  # JSON, as `telling` makes it
        """Adds a parcel; it can be neither changed nor taken back, and the buyer is told of it."""
        await self._http.send("POST", _order_path(order_id, "/shipping_fulfillment"), _done, json=body)


def _order_path(order_id: str, below: str = "") -> str:
    return f"{ORDERS}/{quote(order_id, safe='')}{below}"


def _whole(body: bytes) -> bytes:
    """The body, which must be a JSON object: a page of a proxy is no order, not even a malformed one."""
    _AS_IT_IS.decode(body)
    return body


def _done(body: bytes) -> None:
    """The empty or JSON body of a change that was made: a proxy's page in its place proves nothing."""
    if body.strip():
        msgspec.json.decode(body)


def _decoder(kind: type[T]) -> Callable[[bytes], T]:
    return msgspec.json.Decoder(kind).decode
