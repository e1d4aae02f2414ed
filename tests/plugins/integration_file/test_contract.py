"""The contract's own tests, against simulated shops of three kinds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from copy import deepcopy

import pytest

from orderferry import ForwardOrder, Secret, Url
from orderferry.references import carries
from orderferry.testing.account import OpenAccount
from orderferry.testing.contract_shop import ShopContract
from orderferry.testing.samples import forward_order
from plugins.shops.integration_file.platform import IntegrationFile
from plugins.shops.integration_file.settings import FileSettings
from plugins.shops.integration_file.simulator import KEY, PATH, FileSimulator

SKUS = ("MUG-1", "MUG-2", "SHIRT-M")


class FileContract(ShopContract[FileSimulator]):
    platform_class = IntegrationFile
    statuses = ("3", "4")

    def open_platform(self, simulator: FileSimulator, open_account: OpenAccount) -> IntegrationFile:
        return opened(simulator, open_account, KEY)

    def open_stranger(self, simulator: FileSimulator, open_account: OpenAccount) -> IntegrationFile:
        return opened(simulator, open_account, "key-of-nobody")

    def sample_order(self, simulator: FileSimulator, reference: str) -> ForwardOrder:  # noqa: ARG002 - the kit hands it in
        number = int(reference.rpartition("-")[2])
        return forward_order(reference, skus=SKUS, number=number)

    def shop_orders(self, simulator: FileSimulator, reference: str) -> list[str]:
        orders = simulator.shop.orders.items()
        return [order_id for order_id, order in orders if carries(order["user_comments"], reference)]

    def snapshot(self, simulator: FileSimulator, order_id: str) -> object:
        return deepcopy(simulator.shop.orders[order_id])

    def stock(self, simulator: FileSimulator, sku: str) -> int:
        return simulator.shop.goods(sku).stock

    def tracking_numbers(self, simulator: FileSimulator, order_id: str) -> list[str]:
        told = simulator.shop.orders[order_id]["_parcel"]
        return told.split(", ") if told else []

    def place_orders(self, simulator: FileSimulator, count: int) -> list[str]:
        return [simulator.place_order() for _ in range(count)]

    def place_malformed(self, simulator: FileSimulator) -> str:
        order_id = simulator.place_order()
        simulator.shop.orders[order_id]["products"][0]["quantity"] = "a few"
        return order_id

    def cancel_order(self, simulator: FileSimulator, external_id: str) -> None:
        simulator.shop.orders[external_id]["status_id"] = "4"


class TestPlain(FileContract):
    """The protocol as it is written."""

    @pytest.fixture
    async def simulator(self) -> AsyncIterator[FileSimulator]:
        async with stocked() as simulator:
            yield simulator


class TestLikeShopware(FileContract):
    """A file that swallows its errors, tells no pages, and answers few orders at once."""

    @pytest.fixture
    async def simulator(self) -> AsyncIterator[FileSimulator]:
        async with stocked() as simulator:
            simulator.like("shopware")
            simulator.page_size = 3
            yield simulator


class TestInPages(FileContract):
    """A file that answers two orders a page, and sends real HTTP statuses."""

    @pytest.fixture
    async def simulator(self) -> AsyncIterator[FileSimulator]:
        async with stocked() as simulator:
            simulator.page_size = 2
            simulator.real_statuses = True
            yield simulator


def stocked() -> FileSimulator:
    simulator = FileSimulator(seed=1, samples=False)
    simulator.shop.add_product("MUG-1", 500)
    simulator.shop.add_product("MUG-2", 500)
    shirt = simulator.shop.add_product("SHIRT", 0)
    simulator.shop.add_product("SHIRT-M", 500, parent=shirt)
    return simulator


def opened(simulator: FileSimulator, open_account: OpenAccount, key: str) -> IntegrationFile:
    settings = FileSettings(url=Url(simulator.url), path=PATH, key=Secret(key), cancelled_statuses=("4",))
    return IntegrationFile(open_account(IntegrationFile, settings))
