"""The contract's own tests, against the simulated shop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from copy import deepcopy

import pytest

from orderferry import ForwardOrder, Secret, Url
from orderferry.references import carries
from orderferry.testing.account import OpenAccount
from orderferry.testing.contract_shop import ShopContract
from orderferry.testing.samples import forward_order
from plugins.shops.shoper.platform import Shoper
from plugins.shops.shoper.settings import ShoperSettings
from plugins.shops.shoper.simulator import TOKEN, ShoperSimulator

SKUS = ("MUG-1", "MUG-2")


class ShoperContract(ShopContract[ShoperSimulator]):
    platform_class = Shoper
    statuses = ("2", "9")

    def open_platform(self, simulator: ShoperSimulator, open_account: OpenAccount) -> Shoper:
        return opened(simulator, open_account, TOKEN)

    def open_stranger(self, simulator: ShoperSimulator, open_account: OpenAccount) -> Shoper:
        return opened(simulator, open_account, "token-of-nobody")

    def sample_order(self, simulator: ShoperSimulator, reference: str) -> ForwardOrder:  # noqa: ARG002 - the kit hands it in
        return forward_order(reference, skus=SKUS)

    def shop_orders(self, simulator: ShoperSimulator, reference: str) -> list[str]:
        orders = simulator.shop.orders.items()
        return [order_id for order_id, order in orders if carries(order["notes_priv"], reference)]

    def snapshot(self, simulator: ShoperSimulator, order_id: str) -> object:
        lines = [line for line in simulator.shop.lines.values() if line["order_id"] == order_id]
        order = {key: value for key, value in simulator.shop.orders[order_id].items() if key != "status_date"}
        return deepcopy((order, lines))

    def stock(self, simulator: ShoperSimulator, sku: str) -> int:
        return simulator.shop.stock(sku)

    def contents(self, simulator: ShoperSimulator) -> object:
        shop = simulator.shop
        return shop.users, shop.orders, shop.lines, shop.stocks

    def tracking_numbers(self, simulator: ShoperSimulator, order_id: str) -> list[str]:
        parcels = [parcel for parcel in simulator.shop.parcels.values() if parcel["order_id"] == order_id]
        return [code for parcel in parcels for code in parcel["shipping_code"].split(", ")]

    def place_orders(self, simulator: ShoperSimulator, count: int) -> list[str]:
        return [simulator.place_order() for _ in range(count)]

    def place_malformed(self, simulator: ShoperSimulator) -> str:
        return simulator.place_order(currency_id="77")

    def cancel_order(self, simulator: ShoperSimulator, external_id: str) -> None:
        simulator.shop.move(simulator.shop.orders[external_id], "9")


class TestShoper(ShoperContract):
    @pytest.fixture
    async def simulator(self) -> AsyncIterator[ShoperSimulator]:
        async with stocked() as simulator:
            yield simulator


class TestWithoutLike(ShoperContract):
    """The same in a shop whose filter LIKE finds nothing."""

    @pytest.fixture
    async def simulator(self) -> AsyncIterator[ShoperSimulator]:
        async with stocked() as simulator:
            simulator.deaf.add("LIKE")
            yield simulator


def stocked() -> ShoperSimulator:
    simulator = ShoperSimulator(seed=1, samples=False)
    simulator.shop.add_product("MUG-1", 500)
    simulator.shop.add_product("MUG-2", 500)
    return simulator


def opened(simulator: ShoperSimulator, open_account: OpenAccount, token: str) -> Shoper:
    settings = ShoperSettings(url=Url(simulator.url), token=Secret(token), delivery_method="8", payment_method="1")
    return Shoper(open_account(Shoper, settings))
