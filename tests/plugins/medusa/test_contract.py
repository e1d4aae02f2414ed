"""The contract's own tests, against the simulated shop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from copy import deepcopy
from decimal import Decimal

import pytest

from orderferry import ForwardOrder, Secret, Url
from orderferry.testing.account import OpenAccount
from orderferry.testing.contract_shop import ShopContract
from orderferry.testing.samples import forward_order
from plugins.shops.medusa.platform import Medusa
from plugins.shops.medusa.settings import MedusaSettings
from plugins.shops.medusa.simulator import CHANNEL, KEY, OPTION, REGION, MedusaSimulator

SKUS = ("MUG-1", "MUG-2", "SHIRT-M")


class MedusaContract(ShopContract[MedusaSimulator]):
    platform_class = Medusa
    statuses = ("completed", "archived")

    def open_platform(self, simulator: MedusaSimulator, open_account: OpenAccount) -> Medusa:
        return opened(simulator, open_account, KEY)

    def open_stranger(self, simulator: MedusaSimulator, open_account: OpenAccount) -> Medusa:
        return opened(simulator, open_account, "sk_of_nobody")

    def sample_order(self, simulator: MedusaSimulator, reference: str) -> ForwardOrder:  # noqa: ARG002 - the kit hands it in
        return forward_order(reference, skus=SKUS)

    def shop_orders(self, simulator: MedusaSimulator, reference: str) -> list[str]:
        return [
            order["id"]
            for order in simulator.shop.orders.values()
            if order["status"] != "draft" and order["metadata"].get("orderferry_reference") == reference
        ]

    def snapshot(self, simulator: MedusaSimulator, order_id: str) -> object:
        order = deepcopy(simulator.shop.orders[order_id])
        return {key: value for key, value in order.items() if key != "updated_at"}

    def stock(self, simulator: MedusaSimulator, sku: str) -> int:
        return simulator.shop.available(simulator.shop.by_sku(sku))

    def contents(self, simulator: MedusaSimulator) -> object:
        return simulator.shop.orders, simulator.shop.reservations

    def place_orders(self, simulator: MedusaSimulator, count: int) -> list[str]:
        return [simulator.place_order()["id"] for _ in range(count)]

    def place_malformed(self, simulator: MedusaSimulator) -> str:
        order = simulator.place_order()
        order["currency_code"] = "zlotys"
        return str(order["id"])

    def cancel_order(self, simulator: MedusaSimulator, external_id: str) -> None:
        simulator.shop.act(simulator.shop.orders[external_id], "cancel")

    def tracking_numbers(self, simulator: MedusaSimulator, order_id: str) -> list[str]:
        order = simulator.shop.orders[order_id]
        labels = [label["tracking_number"] for one in order["fulfillments"] for label in one["labels"]]
        noted = order["metadata"].get("orderferry_parcels", "[]")
        return labels + [part.split('"')[0] for part in noted.split('"number":"')[1:]]


class TestMedusa(MedusaContract):
    @pytest.fixture
    async def simulator(self) -> AsyncIterator[MedusaSimulator]:
        async with stocked() as simulator:
            yield simulator


class TestWithTaxesOnTop(MedusaContract):
    """The same where Medusa adds its tax to every price."""

    @pytest.fixture
    async def simulator(self) -> AsyncIterator[MedusaSimulator]:
        async with stocked() as simulator:
            simulator.shop.percent = Decimal(23)
            yield simulator


class TestWithTaxInside(MedusaContract):
    """The same where the prices of products include the tax, and those of all else don't."""

    @pytest.fixture
    async def simulator(self) -> AsyncIterator[MedusaSimulator]:
        async with stocked() as simulator:
            simulator.shop.percent = Decimal(8)
            simulator.shop.inclusive = True
            yield simulator


def stocked() -> MedusaSimulator:
    simulator = MedusaSimulator(seed=1, samples=False)
    for sku in SKUS:
        simulator.shop.add_variant(sku, 500)
    return simulator


def opened(simulator: MedusaSimulator, open_account: OpenAccount, key: str) -> Medusa:
    settings = MedusaSettings(
        url=Url(simulator.url), api_key=Secret(key), region=REGION, sales_channel=CHANNEL, shipping_option=OPTION
    )
    return Medusa(open_account(Medusa, settings))
