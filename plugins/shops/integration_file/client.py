"""The actions of an integration file, one method each: a POST of form fields to one address, the key among them.

Source: https://developers.baselinker.com/shops_api/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar
from urllib.parse import urlencode

from orderferry import Account, Rejected
from orderferry.kept import Kept
from plugins.shops.integration_file import wire
from plugins.shops.integration_file.settings import FileSettings

T = TypeVar("T")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
KEEP = 3600.0  # seconds for which the list of methods is believed


class FileClient:
    """One shop's file. Every method raises the contract's errors; those that read may be repeated at will."""

    def __init__(self, account: Account[FileSettings]) -> None:
        self._settings = account.settings
        self._http = account.http(account.settings.url, explain=wire.explain)
        self._methods = Kept(self.methods, account.clock, KEEP)

    async def version(self, *, key: str | None = None) -> wire.Version:
        """Which file answers; `key` may be a wrong one, to see whether it is refused."""
        return await self._read("FileVersion", wire.reader("FileVersion", wire.Version), key=key)

    async def methods(self) -> frozenset[str]:
        """What the file says that it can do."""
        return await self._read("SupportedMethods", wire.read_methods)

    async def supports(self, action: str) -> bool:
        """Whether the file says that it can do this; its list is kept for an hour."""
        return action in await self._methods.get()

    async def labels(self, action: str) -> dict[str, str]:
        """One of the lists of id -> label."""
        return await self._read(action, wire.read_labels(action))

    async def products(self, filters: Mapping[str, str]) -> dict[str, wire.ProductAnswer]:
        """The products that fit, without their variants."""
        return await self._read("ProductsList", wire.read_products("ProductsList"), {"category_id": "all", **filters})

    async def product_data(self, ids: Sequence[str]) -> dict[str, wire.ProductAnswer]:
        """These products with their variants."""
        return await self._read("ProductsData", wire.read_products("ProductsData"), {"products_id": ",".join(ids)})

    async def answers(self, action: str) -> int:
        """How many entries a reading action answers, where nothing more of them matters."""
        found = await self._read(action, wire.whole(action))
        return len(found) - ("pages" in found)

    async def orders(self, query: Mapping[str, str]) -> wire.Orders:
        """A page of orders, each still raw."""
        return await self._read("OrdersGet", wire.read_orders, query)

    async def order(self, order_id: str) -> bytes | None:
        """One order, raw; None where the shop does not answer it.

        The number before it is given as the beginning: some files want one, and count from it or from behind it.
        """
        before = str(int(number(order_id)) - 1)
        found = await self.orders({"order_id": order_id, "id_from": before, "page": "1"})
        raw = found.raws.get(order_id)
        return None if raw is None else bytes(raw)

    async def add_order(self, fields: Mapping[str, str]) -> str | None:
        """Makes an order; None where the shop answered without its number. Never to be repeated without a look-up."""
        return await self._ask("OrderAdd", wire.read_added, fields, reads=False)

    async def update(self, order_id: str, kind: str, value: str, **more: str) -> int | None:
        """Changes an order; answers how many the shop says that it changed.

        The order goes in under both names that the protocol's page gives to the field.
        """
        ids = number(order_id)
        fields = {"orders_ids": ids, "order_ids": ids, "update_type": kind, "update_value": value, **more}
        return await self._ask("OrderUpdate", wire.read_counter, fields, reads=False)

    async def _read(
        self,
        action: str,
        decode: Callable[[bytes], T],
        fields: Mapping[str, str] | None = None,
        *,
        key: str | None = None,
    ) -> T:
        return await self._ask(action, decode, fields or {}, reads=True, key=key)

    async def _ask(
        self,
        action: str,
        decode: Callable[[bytes], T],
        fields: Mapping[str, str],
        *,
        reads: bool,
        key: str | None = None,
    ) -> T:
        form = {**fields, "bl_pass": self._settings.key.reveal() if key is None else key, "action": action}
        body = urlencode(form).encode()
        answer, _ = await self._http.fetch("POST", self._settings.path, decode, body=body, headers=FORM, reads=reads)
        return answer


def number(order_id: str) -> str:
    """The id, checked to be one: several, or none, would be another request."""
    if not (order_id.isascii() and order_id.isdigit()):
        raise Rejected(f"{order_id[:40]!r} is not the number of an order in this shop")
    return order_id
