"""The requests to PrestaShop's webservice.

Source: https://devdocs.prestashop-project.org/8/webservice/
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from orderferry import Account, Rejected
from orderferry.http import Response
from plugins.shops.prestashop import wire
from plugins.shops.prestashop.auth import auth_of
from plugins.shops.prestashop.settings import PrestaSettings
from plugins.shops.prestashop.wire import Fields, Record

T = TypeVar("T")

ELEMENTS = {
    "addresses": "address",
    "carts": "cart",
    "customers": "customer",
    "messages": "message",
    "order_carriers": "order_carrier",
    "order_histories": "order_history",
    "order_payments": "order_payment",
    "orders": "order",
    "specific_prices": "specific_price",
}
XML = {"Content-Type": "text/xml; charset=utf-8"}
AT_ONCE = 50  # values in one filter, so that the address stays short


class PrestaClient:
    """One shop's webservice. Every method raises the contract's errors; those that read may be repeated at will."""

    def __init__(self, account: Account[PrestaSettings]) -> None:
        settings = account.settings
        self._http = account.http(
            f"{settings.url}/api",
            auth=auth_of(settings),
            headers={"Accept": "application/xml"},
            explain=wire.explain,
        )
        self._shop = {"id_shop": str(settings.id_shop)} if settings.id_shop else {}
        self._patches: bool | None = None

    async def rights(self) -> tuple[str, Mapping[str, frozenset[str]], Response]:
        """The shop's name, what the key may do with each resource, and the answer."""
        (name, methods), response = await self._ask("GET", "/", wire.rights)
        self._patches = "patch" in methods.get("orders", frozenset())
        return name, methods, response

    async def one(self, resource: str, number: int) -> Record:
        """One resource by its id; a 404 raises `Rejected` with that status."""
        return (await self._ask("GET", f"/{resource}/{number}", wire.record))[0]

    async def find(
        self, resource: str, filters: Mapping[str, str], fields: str = "full", *, sort: str = "", limit: str = ""
    ) -> list[Record]:
        """The resources that pass the filters; `fields` are their names with commas, or "full"."""
        return (await self.find_answered(resource, filters, fields, sort=sort, limit=limit))[0]

    async def find_answered(
        self, resource: str, filters: Mapping[str, str], fields: str = "full", *, sort: str = "", limit: str = ""
    ) -> tuple[list[Record], Response]:
        """Likewise, with the whole response, whose headers tell the shop's time."""
        query = {f"filter[{name}]": value for name, value in filters.items()}
        query["display"] = fields if fields == "full" else f"[{fields}]"
        if any(name.startswith("date_") for name in filters):
            query["date"] = "1"  # without it a filter on a date is unknown (recording 24)
        if sort:
            query["sort"] = f"[{sort}]"
        if limit:
            query["limit"] = limit
        return await self._ask("GET", f"/{resource}", wire.records, query=query)

    async def find_many(self, resource: str, name: str, values: Iterable[object], fields: str = "full") -> list[Record]:
        """The resources whose field has one of the values, in as few requests as an address can hold."""
        wanted = list(dict.fromkeys(str(value) for value in values))
        found: list[Record] = []
        for start in range(0, len(wanted), AT_ONCE):
            found += await self.find(resource, {name: one_of(wanted[start : start + AT_ONCE])}, fields)
        return found

    async def add(self, resource: str, fields: Fields) -> Record:
        """Makes a resource: never to be repeated without a look-up."""
        body = wire.write(ELEMENTS[resource], fields)
        return (await self._ask("POST", f"/{resource}", wire.record, body=body))[0]

    async def change(self, resource: str, number: int, fields: Fields) -> Record:
        """Changes some fields, by PATCH where the shop knows it (since 8), else by a PUT of the whole."""
        if self._patches is None:
            await self.rights()
        if self._patches:
            body = wire.write(ELEMENTS[resource], {"id": number, **fields})
            return (await self._ask("PATCH", f"/{resource}/{number}", wire.record, body=body))[0]
        whole = await self.one(resource, number)
        return (await self._ask("PUT", f"/{resource}/{number}", wire.record, body=whole.body(fields)))[0]

    async def remove(self, resource: str, number: int) -> None:
        """Deletes a resource."""
        await self._ask("DELETE", f"/{resource}/{number}", wire.nothing)

    async def _ask(
        self,
        method: str,
        path: str,
        decode: Callable[[bytes], T],
        *,
        body: bytes | None = None,
        query: Mapping[str, str] | None = None,
    ) -> tuple[T, Response]:
        return await self._http.fetch(
            method, path, decode, body=body, query={**(query or {}), **self._shop}, headers=XML if body else None
        )


def one_of(values: Iterable[object]) -> str:
    """A filter for any of these values."""
    return f"[{'|'.join(str(value) for value in values)}]"


def searchable(value: str) -> bool:
    """Whether the filter's syntax leaves this text as it is."""
    return bool(value) and not any(sign in value for sign in "[]|,%") and value == value.strip()


def order_number(text: str) -> int:
    """The shop's id of an order; raises `Rejected` where the text is none."""
    if not (text.isascii() and text.isdigit()) or len(text) > 10:
        raise Rejected(f"{text[:40]!r} is not the id of an order in PrestaShop")
    return int(text)
