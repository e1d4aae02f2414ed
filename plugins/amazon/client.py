"""The calls to Amazon's Selling Partner API: paths, queries, bodies; what an answer means is decided elsewhere.

Reference: developer-docs.amazon.com/sp-api, "Orders API v2026-01-01". Only the confirmation of shipments is still a
part of "Orders API v0". Buyers' data come by the application's roles; no restricted data token is needed any more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote

import msgspec

from orderferry import NeedsLogin, RateLimited
from orderferry.http import Auth, Limits
from plugins.amazon import wire
from plugins.amazon.auth import call_expired
from plugins.amazon.usage import RATE_HEADER, Plan

if TYPE_CHECKING:
    from orderferry import Account
    from plugins.amazon.settings import AmazonSettings

T = TypeVar("T")

ORDERS: Final = "/orders/2026-01-01/orders"
PARTICIPATIONS: Final = "/sellers/v1/marketplaceParticipations"
DENIED: Final = "Unauthorized"
EXPIRED: Final = "expired"  # what Amazon's 403 says of an access token that has ended

_ERRORS: Final = msgspec.json.Decoder(wire.ErrorList)


def explain(body: bytes) -> str | None:
    """What Amazon itself says in a refusal; None where the body isn't one of Amazon's."""
    try:
        errors = _ERRORS.decode(body).errors
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return "; ".join(_sentence(entry) for entry in errors[:3]) or "no reason given"


def _sentence(entry: wire.ErrorEntry) -> str:
    text = ": ".join(part for part in (entry.code, entry.message) if part) or "no reason given"
    text = f"{text} ({entry.details})"[:300] if entry.details else text[:300]
    if entry.code == DENIED and EXPIRED not in text:
        text += "; the authorisation was withdrawn, or the application lacks a role that the plugin's README names"
    return text


class Client:
    """Amazon's order side, one method for each operation; each follows its own usage plan."""

    def __init__(self, account: Account[AmazonSettings], auth: Auth) -> None:
        self._search = _Operation(account, auth, rate=0.0056, burst=20)
        self._get = _Operation(account, auth, rate=0.5, burst=30)
        self._confirm = _Operation(account, auth, rate=2.0, burst=10)
        self._participations = _Operation(account, auth, rate=0.016, burst=15)

    async def search(self, query: Mapping[str, str]) -> wire.OrderList:
        """A page of searchOrders."""
        return await self._ask(self._search, "GET", ORDERS, _decoder(wire.OrderList), query=query)

    async def order(self, order_id: str, included: Sequence[str]) -> wire.Order:
        """One order, with these blocks of data."""
        query = {"includedData": ",".join(included)}
        answer = await self._ask(self._get, "GET", _path(ORDERS, order_id), _decoder(wire.OrderAnswer), query=query)
        return answer.order

    async def confirm_shipment(self, order_id: str, body: Mapping[str, Any]) -> None:  # as JSON
        """Confirms one package; the same package reference again edits what was confirmed with it."""
        path = f"{_path('/orders/v0/orders', order_id)}/shipmentConfirmation"
        await self._ask(self._confirm, "POST", path, _done, body=msgspec.json.encode(body))

    async def participations(self) -> tuple[wire.MarketplaceParticipation, ...]:
        """The marketplaces that the seller has an account on."""
        answer = await self._ask(self._participations, "GET", PARTICIPATIONS, _decoder(wire.ParticipationList))
        return answer.payload or ()

    async def _ask(
        self,
        operation: _Operation,
        method: str,
        path: str,
        decode: Callable[[bytes], T],
        *,
        body: bytes | None = None,
        query: Mapping[str, str] | None = None,
    ) -> T:
        try:
            return await operation.ask(method, path, decode, body=body, query=query)
        except NeedsLogin as error:
            if EXPIRED not in str(error):
                raise
        call_expired()
        return await operation.ask(method, path, decode, body=body, query=query)


class _Operation:
    """One operation's way to Amazon: a client of its own, so that a 429 of one does not hold back the others."""

    def __init__(self, account: Account[AmazonSettings], auth: Auth, *, rate: float, burst: int) -> None:
        self._plan = Plan(rate, burst, account.clock)
        self._http = account.http(
            str(account.settings.api_url),
            auth=auth,
            limits=Limits(concurrency=4, backoff=self._plan.seconds),
            headers={"User-Agent": f"orderferry/{version('orderferry')} (Language=Python)"},
            explain=explain,
        )

    async def ask(
        self,
        method: str,
        path: str,
        decode: Callable[[bytes], T],
        *,
        body: bytes | None,
        query: Mapping[str, str] | None,
    ) -> T:
        await self._plan.take()
        try:
            value, response = await self._http.fetch(method, path, decode, body=body, query=query)
        except RateLimited:
            self._plan.spent()
            raise
        self._plan.learn(response.headers.get(RATE_HEADER))
        return value


def _path(base: str, order_id: str) -> str:
    return f"{base}/{quote(order_id, safe='')}"


def _done(body: bytes) -> None:
    """The empty or JSON body of a change that was made: a proxy's page in its place proves nothing."""
    if body.strip():
        msgspec.json.decode(body)


def _decoder(kind: type[T]) -> Callable[[bytes], T]:
    return msgspec.json.Decoder(kind).decode
