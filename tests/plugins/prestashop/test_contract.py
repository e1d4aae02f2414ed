"""The contract's own tests, against the simulated shop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import ClassVar

import msgspec
import pytest

from orderferry import ForwardOrder, Secret, Url
from orderferry.testing.account import OpenAccount
from orderferry.testing.contract_shop import ShopContract
from orderferry.testing.samples import forward_order
from plugins.shops.prestashop.platform import PrestaShop
from plugins.shops.prestashop.settings import PrestaSettings
from plugins.shops.prestashop.simulator import KEY, PrestaSimulator
from tests.plugins.prestashop.asking import all_of


class PrestaContract(ShopContract[PrestaSimulator]):
    platform_class = PrestaShop
    statuses = ("4", "6")
    skus: ClassVar[tuple[str, ...]] = ("SHIRT-M",)
    settings = PrestaSettings(url=Url("http://127.0.0.1"), key=Secret(KEY))

    def open_platform(self, simulator: PrestaSimulator, open_account: OpenAccount) -> PrestaShop:
        settings = msgspec.structs.replace(self.settings, url=Url(simulator.url))
        return PrestaShop(open_account(PrestaShop, settings))

    def open_stranger(self, simulator: PrestaSimulator, open_account: OpenAccount) -> PrestaShop:
        settings = PrestaSettings(url=Url(simulator.url), key=Secret("B" * 32))
        return PrestaShop(open_account(PrestaShop, settings))

    def sample_order(self, simulator: PrestaSimulator, reference: str) -> ForwardOrder:  # noqa: ARG002 - the kit hands it in
        return forward_order(reference, skus=self.skus)

    def shop_orders(self, simulator: PrestaSimulator, reference: str) -> list[str]:
        orders = simulator.shop.rows["orders"].values()
        return [order["id"] for order in orders if order["gift_message"] == reference]

    def snapshot(self, simulator: PrestaSimulator, order_id: str) -> object:
        return all_of(simulator, order_id)

    def stock(self, simulator: PrestaSimulator, sku: str) -> int:
        return simulator.shop.stock_of(sku)

    def contents(self, simulator: PrestaSimulator) -> object:
        return simulator.shop.rows

    def tracking_numbers(self, simulator: PrestaSimulator, order_id: str) -> list[str]:
        (carrier,) = (row for row in simulator.shop.rows["order_carriers"].values() if row["id_order"] == order_id)
        return carrier["tracking_number"].split(",")

    def place_orders(self, simulator: PrestaSimulator, count: int) -> list[str]:
        return [simulator.place_order()["id"] for _ in range(count)]

    def place_malformed(self, simulator: PrestaSimulator) -> str:
        order = simulator.place_order()
        order["total_paid_tax_incl"] = "a lot"
        return order["id"]

    def cancel_order(self, simulator: PrestaSimulator, external_id: str) -> None:
        simulator.shop.move(simulator.shop.rows["orders"][int(external_id)], "6")


class TestPrestaShop(PrestaContract):
    skus = ("MUG-8", "SHIRT-M")

    @pytest.fixture
    async def simulator(self) -> AsyncIterator[PrestaSimulator]:
        async with stocked() as simulator:
            yield simulator


class TestBefore8(PrestaContract):
    """The same in a shop that knows no PATCH and rounds each piece, with the key in the query."""

    settings = PrestaSettings(url=Url("http://127.0.0.1"), key=Secret(KEY), key_in_query=True)

    @pytest.fixture
    async def simulator(self) -> AsyncIterator[PrestaSimulator]:
        async with stocked() as simulator:
            simulator.patches = False
            simulator.shop.configure("PS_ROUND_TYPE", "1")
            yield simulator


class TestWhereTheCarrierCostsAnother(PrestaContract):
    """The same where the carrier's price is not the marketplace's and no product carries it: errors to be mended."""

    settings = PrestaSettings(url=Url("http://127.0.0.1"), key=Secret(KEY), delivery_product="", carrier="6")

    @pytest.fixture
    async def simulator(self) -> AsyncIterator[PrestaSimulator]:
        async with stocked() as simulator:
            simulator.shop.delivery[6] = Decimal("14.99")
            yield simulator


def stocked() -> PrestaSimulator:
    simulator = PrestaSimulator(seed=1, samples=False)
    simulator.shop.add_product("MUG-8", 500, price="30.00", tax_group="2")
    shirt = simulator.shop.add_product("SHIRT", price="79.90")
    simulator.shop.add_combination(shirt, "SHIRT-M", 500)
    simulator.shop.add_product("DELIVERY", 0, price="0.01", type="virtual")
    return simulator
