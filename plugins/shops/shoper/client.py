"""The requests to Shoper's REST API, one method each.

Sources: https://developers.shoper.pl/developers/api/getting-started and the types of the official SDK.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import msgspec

from orderferry import Account, Rejected, Unavailable
from orderferry.http import Limits, Response
from orderferry.php import count, text
from plugins.shops.shoper import wire
from plugins.shops.shoper.auth import auth_of
from plugins.shops.shoper.pace import LeakyBucket
from plugins.shops.shoper.settings import ShoperSettings

T = TypeVar("T")
Filters: TypeAlias = Mapping[str, Any]  # a field -> its value, or an operator with one: {"order_id": {">": 7}}
PAGE = 50  # the most that Shoper gives at once; asked for more it gives 10
MOST_PAGES = 400

_stocks = wire.reader(wire.Listed[wire.StockRow])
_lines = wire.reader(wire.Listed[wire.LineRow])
_users = wire.reader(wire.Listed[wire.UserRow])
_parcels = wire.reader(wire.Listed[wire.ParcelRow])
_taxes = wire.reader(wire.Listed[wire.TaxRow])
_named = wire.reader(wire.Listed[wire.NamedRow])
_raws = wire.reader(wire.Listed[msgspec.Raw])
_order = wire.reader(wire.OrderRow)
_one_named = wire.reader(wire.NamedRow)
_product = wire.reader(wire.ProductRow)
_config = wire.reader(wire.Config)
_anything = wire.reader(msgspec.Raw)


class ShoperClient:
    """One shop's API. Every method raises the contract's errors; those that read may be repeated at will."""

    def __init__(self, account: Account[ShoperSettings]) -> None:
        base = f"{account.settings.url}/webapi/rest"
        self._bucket = LeakyBucket(account.clock)
        self._http = account.http(
            base,
            auth=auth_of(account.settings, base, account.clock),
            limits=Limits(concurrency=3, backoff=5.0),
            explain=wire.explain,
        )

    # --- orders

    async def order(self, order_id: str) -> wire.OrderRow:
        """One order, without its lines."""
        return await self._get(f"/orders/{number(order_id)}", _order)

    async def orders(self, filters: Filters) -> list[bytes]:
        """The first page of the orders that fit, by their numbers, each still raw."""
        page = await self._list("/orders", _raws, filters, order="order_id ASC")
        return [bytes(raw) for raw in page.rows]

    async def add_order(self, body: Mapping[str, Any]) -> str:
        """Makes an order without lines, and answers its number. Never to be repeated without a look-up."""
        return await self._send("POST", "/orders", wire.read_id, body)

    async def change_order(self, order_id: str, body: Mapping[str, Any]) -> None:
        """Changes fields of an order; may be repeated."""
        await self._send("PUT", f"/orders/{number(order_id)}", _anything, body)

    async def lines(self, order_ids: list[str]) -> list[wire.LineRow]:
        """All lines of these orders."""
        wanted: Filters = {"order_id": order_ids[0] if len(order_ids) == 1 else {"IN": order_ids}}
        found = [line async for line in self._every("/order-products", _lines, wanted, order="id ASC")]
        _only_of(order_ids, found)
        return found

    async def add_line(self, body: Mapping[str, Any]) -> str:
        """Adds a line to an order, which lowers the stock. Never to be repeated without a look-up."""
        return await self._send("POST", "/order-products", wire.read_id, body)

    async def try_to_write(self) -> None:
        """A change of an order that can't exist: raises `Rejected` where the key may write, `NeedsLogin` where not."""
        await self.change_order(str(2**31 - 1), {"notes_priv": ""})

    # --- parcels

    async def parcels(self, order_id: str) -> list[wire.ParcelRow]:
        """The parcels of an order."""
        wanted = {"order_id": number(order_id)}
        found = [parcel async for parcel in self._every("/parcels", _parcels, wanted, order="parcel_id ASC")]
        _only_of([order_id], found)
        return found

    async def add_parcel(self, body: Mapping[str, Any]) -> None:
        """Makes a parcel of all that is not in one yet; the order's status moves."""
        await self._send("POST", "/parcels", wire.read_id, body)

    async def change_parcel(self, parcel_id: str, body: Mapping[str, Any]) -> None:
        """Changes a parcel; may be repeated."""
        await self._send("PUT", f"/parcels/{number(parcel_id)}", _anything, body)

    # --- customers

    async def users(self, email: str) -> list[wire.UserRow]:
        """The customers with this address."""
        return (await self._list("/users", _users, {"email": email})).rows

    async def add_user(self, body: Mapping[str, Any]) -> str:
        """Makes a customer; an address that another one has is refused."""
        return await self._send("POST", "/users", wire.read_id, body)

    # --- products

    async def stocks(self, filters: Filters) -> list[wire.StockRow]:
        """The variants that fit; at most a page."""
        return (await self._list("/product-stocks", _stocks, filters)).rows

    async def product(self, product_id: str) -> wire.ProductRow:
        """One product."""
        return await self._get(f"/products/{number(product_id)}", _product)

    # --- what the shop knows of itself

    async def config(self) -> wire.Config:
        """The shop's settings."""
        return await self._get("/application-config", _config)

    async def taxes(self) -> list[wire.TaxRow]:
        """All taxes."""
        return [tax async for tax in self._every("/taxes", _taxes, {})]

    async def named(self, resource: str) -> list[wire.NamedRow]:
        """All statuses, payments, shippings or currencies."""
        return [row async for row in self._every(f"/{resource}", _named, {})]

    async def shipping(self, shipping_id: str) -> wire.NamedRow:
        """One delivery method, whose tax the lists may leave out."""
        return await self._get(f"/shippings/{number(shipping_id)}", _one_named)

    # --- how

    async def _every(
        self, path: str, decode: Callable[[bytes], wire.Listed[T]], filters: Filters, order: str = ""
    ) -> AsyncIterator[T]:
        for page in range(1, MOST_PAGES):
            answer = await self._list(path, decode, filters, order=order, page=page)
            for row in answer.rows:
                yield row
            if page >= (count(answer.pages) or 1):
                return
        raise Unavailable(f"the shop's list of {path} did not end after {MOST_PAGES} pages")

    async def _list(
        self,
        path: str,
        decode: Callable[[bytes], wire.Listed[T]],
        filters: Filters,
        *,
        order: str = "",
        page: int = 1,
    ) -> wire.Listed[T]:
        query = {"limit": str(PAGE), "page": str(page)}
        if filters:
            query["filters"] = msgspec.json.encode(filters).decode()
        if order:
            query["order"] = order
        return await self._get(path, decode, query)

    async def _get(self, path: str, decode: Callable[[bytes], T], query: Mapping[str, str] | None = None) -> T:
        return await self._paced("GET", path, decode, query=query)

    async def _send(self, method: str, path: str, decode: Callable[[bytes], T], body: Mapping[str, Any]) -> T:
        return await self._paced(method, path, decode, body=_encode(body))

    async def _paced(
        self,
        method: str,
        path: str,
        decode: Callable[[bytes], T],
        *,
        body: bytes | None = None,
        query: Mapping[str, str] | None = None,
    ) -> T:
        await self._bucket.enter()
        response: Response | None = None
        try:
            answer, response = await self._http.fetch(method, path, decode, body=body, query=query)
        finally:
            self._bucket.told(response.headers if response is not None else None)
        return answer


_encode = msgspec.json.Encoder(decimal_format="number").encode


def number(id_: str) -> str:
    """The id, checked before it becomes part of a path."""
    if not (id_.isascii() and id_.isdigit()):
        raise Rejected(f"{id_[:40]!r} is not a number that Shoper gives")
    return id_


def _only_of(order_ids: Collection[str], rows: Sequence[wire.LineRow] | Sequence[wire.ParcelRow]) -> None:
    """A row of another order proves that the filter was ignored: what is missing can't be told then."""
    if any(text(row.order_id) not in order_ids for row in rows):
        raise Unavailable("the shop answered with what belongs to other orders, so it ignores the filter order_id")
