"""The simulated shop of the journeys, whose answer to each single order a test can decide."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from orderferry.testing.simulator import Fate, Handle
from plugins.allegro.simulator import AllegroSimulator
from plugins.shops.woocommerce.simulator import V3, WooSimulator
from plugins.shops.woocommerce.simulator_answers import WpError

Json = dict[str, Any]  # a JSON object of the API or of a simulator
Spoil = Callable[[web.Request, web.StreamResponse], Awaitable[web.StreamResponse]]

STOCK = 1_000


@dataclass
class Hold:
    """An answer that is kept back after the shop has committed the order."""

    committed: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)


class Shop(WooSimulator):
    """The simulated shop, whose answers to POST /orders a test can decide by the marketplace order they carry.

    `endings` are fates for that order's next POSTs, `holds` keep the answer back, `spoilt` replaces it once. `posts`
    are the POSTs in the order in which they came, `heard` is told of each before anything is done. `refusals` are what
    the shop says no to, and why, for as long as they are there.
    """

    def __init__(self) -> None:
        super().__init__(samples=False)
        self.endings: dict[str, list[Fate]] = {}
        self.holds: dict[str, Hold] = {}
        self.spoilt: dict[str, Spoil] = {}
        self.posts: list[str] = []
        self.heard: Callable[[str], None] = lambda _: None
        self.refusals: dict[str, str] = {}
        self.refuses_keys = False
        self.moved_to: str | None = None

    def _admit(self, request: web.Request) -> None:
        if self.refuses_keys:
            raise WpError(401, "woocommerce_rest_authentication_error", "Consumer secret is invalid.")
        super()._admit(request)

    async def _end(self, request: web.Request, handle: Handle, fate: Fate) -> web.StreamResponse:
        if (request.method, request.path) != ("POST", f"{V3}/orders"):
            return await super()._end(request, handle, fate)
        form = _source(json.loads(await request.read()))
        self.posts.append(form)
        self.heard(form)
        if self.moved_to is not None:
            return web.Response(status=301, headers={"Location": f"{self.moved_to}{request.path}"})
        if form in self.refusals:
            return WpError(400, "woocommerce_rest_invalid", self.refusals[form]).answer()
        if self.endings.get(form):
            fate = self.endings[form].pop(0)
        answer = await super()._end(request, handle, fate)
        hold = self.holds.pop(form, None)
        if hold is not None:
            hold.committed.set()
            await hold.release.wait()
        spoil = self.spoilt.pop(form, None)
        return answer if spoil is None else await spoil(request, answer)

    def of(self, form: str) -> list[Json]:
        """The shop's orders that carry this marketplace order; more than one is a broken promise."""
        return [order for order in self.shop.orders.values() if _source(order) == form]

    def stock(self) -> dict[str, int]:
        """Pieces by SKU."""
        return {product.sku: product.stock for product in self.shop.products.values()}

    def skus_gone(self, *skus: str) -> None:
        """These products are not in the shop."""
        for sku in skus:
            for product in self.shop.by_sku(sku):
                self.shop.remove_product(product.id)
                self.shop.eans.pop(product.ean, None)

    def fill_with(self, market: AllegroSimulator) -> None:
        """Puts the marketplace's offers on the shelves."""
        self.load(
            [
                {"sku": one.sku, "ean": one.ean, "name": one.name, "price": str(one.price), "stock": STOCK}
                for one in market.market.offers.values()
            ]
        )


def _source(order: Mapping[str, Any]) -> str:
    return next((str(one["value"]) for one in order.get("meta_data", []) if one["key"] == "_orderferry_order"), "")
