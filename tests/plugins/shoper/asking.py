"""What the tests of the hooks ask of a shop and of its simulator."""

from __future__ import annotations

import json
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from orderferry import ForwardOrder, Page, ShopOrder
from orderferry.testing.clock import VirtualClock
from orderferry.testing.memory import MemoryProgress
from orderferry.testing.samples import forward_order
from plugins.shops.shoper.platform import Shoper
from plugins.shops.shoper.simulator import REST, ShoperSimulator

T = TypeVar("T")
SINCE = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


async def ask(shop: Shoper, asked: Coroutine[Any, Any, T]) -> T:
    """Awaits a hook while virtual time passes: the shop's pace makes it sleep."""
    clock = shop.account.clock
    assert isinstance(clock, VirtualClock)
    return await clock.run(asked)


def order(mark: int = 1, /, *skus: str, **changed: Any) -> ForwardOrder:
    whole = forward_order(f"of-kit-{mark}", skus=skus or ("KUB-330", "KOSZ-M"), number=mark)
    return msgspec.structs.replace(whole, **changed)


async def add(shop: Shoper, wanted: ForwardOrder, progress: MemoryProgress | None = None) -> ShopOrder:
    return await ask(shop, shop.add_order(wanted, progress or MemoryProgress()))


def sent(sim: ShoperSimulator, method: str, resource: str) -> list[dict[str, Any]]:
    """The bodies of all requests of this method to this resource."""
    return [
        json.loads(served.body)
        for served in sim.served
        if served.method == method and served.path.removeprefix(f"{REST}/").split("/")[0] == resource
    ]


def writes(sim: ShoperSimulator) -> list[str]:
    return [f"{served.method} {served.path}" for served in sim.served if served.method != "GET"]


async def every_page(shop: Shoper, cursor: str | None = None, since: datetime | None = None) -> list[Page]:
    pages = [await ask(shop, shop.fetch_orders(cursor, since))]
    while pages[-1].more:
        pages.append(await ask(shop, shop.fetch_orders(pages[-1].cursor, None)))
    return pages
