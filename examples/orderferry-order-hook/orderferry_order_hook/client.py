"""The four requests that the seller's program answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec
from orderferry import Account

from orderferry_order_hook.auth import Signed
from orderferry_order_hook.settings import OrderHookSettings


class Parcel(msgspec.Struct, frozen=True):
    carrier: str
    number: str


class Held(msgspec.Struct, frozen=True):
    """An order as the seller's program holds it."""

    reference: str
    number: str
    total: str
    currency: str
    parcels: list[Parcel] = []


class Client:
    """Speaks to one seller's program."""

    def __init__(self, account: Account[OrderHookSettings]) -> None:
        settings = account.settings
        self._http = account.http(settings.url, auth=Signed(settings.secret), explain=explain)

    async def name(self) -> str:
        """What the program calls itself."""
        return (await self._http.get("/", _hello)).name

    async def order(self, reference: str) -> Held | None:
        """The order with this reference; None where the program itself says that it has none."""
        return (await self._http.get(_path(reference), _answer)).order

    async def put(self, reference: str, body: Mapping[str, Any]) -> Held:
        """Hands an order over; one that is there already stays as it is."""
        return await self._http.send("PUT", _path(reference), _order, json=body)

    async def change(self, reference: str, **fields: object) -> Held:
        """Sets fields of an order."""
        return await self._http.send("PATCH", _path(reference), _order, json=fields)


def explain(body: bytes) -> str | None:
    """What the program itself says of an error; None where something else has answered."""
    return _error(body).message


def _path(reference: str) -> str:
    return f"/{quote(reference, safe='')}"


class _Hello(msgspec.Struct):
    name: str


class _Answer(msgspec.Struct):
    order: Held | None


class _Error(msgspec.Struct):
    message: str


_hello = msgspec.json.Decoder(_Hello).decode
_answer = msgspec.json.Decoder(_Answer).decode
_error = msgspec.json.Decoder(_Error).decode


def _order(body: bytes) -> Held:
    held = _answer(body).order
    if held is None:
        raise ValueError("the answer has no order in it")
    return held
