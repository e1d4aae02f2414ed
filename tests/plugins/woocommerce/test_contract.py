"""The contract's own tests, against the simulated shop."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from copy import deepcopy

import pytest

from orderferry import ForwardOrder, Secret, Url
from orderferry.testing.account import OpenAccount
from orderferry.testing.contract_shop import ShopContract
from orderferry.testing.samples import forward_order
from plugins.shops.woocommerce.platform import WooCommerce
from plugins.shops.woocommerce.settings import WooSettings
from plugins.shops.woocommerce.simulator import KEY, SECRET, WooSimulator

SKUS = ("MUG-1", "MUG-2", "SHIRT-M")
MODIFIED = ("date_modified", "date_modified_gmt")


class WooContract(ShopContract[WooSimulator]):
    platform_class = WooCommerce
    statuses = ("completed", "cancelled")

    def open_platform(self, simulator: WooSimulator, open_account: OpenAccount) -> WooCommerce:
        return opened(simulator, open_account, KEY)

    def open_stranger(self, simulator: WooSimulator, open_account: OpenAccount) -> WooCommerce:
        return opened(simulator, open_account, "ck_of_nobody")

    def sample_order(self, simulator: WooSimulator, reference: str) -> ForwardOrder:  # noqa: ARG002 - the kit hands it in
        return forward_order(reference, skus=SKUS)

    def shop_orders(self, simulator: WooSimulator, reference: str) -> list[str]:
        return [str(order["id"]) for order in simulator.shop.orders.values() if order["created_via"] == reference]

    def snapshot(self, simulator: WooSimulator, order_id: str) -> object:
        order = deepcopy(simulator.shop.orders[int(order_id)])
        return {key: value for key, value in order.items() if key not in MODIFIED}

    def stock(self, simulator: WooSimulator, sku: str) -> int:
        return simulator.shop.by_sku(sku)[0].stock

    def place_orders(self, simulator: WooSimulator, count: int) -> list[str]:
        return [str(simulator.place_order()["id"]) for _ in range(count)]

    def place_malformed(self, simulator: WooSimulator) -> str:
        order = simulator.place_order()
        del order["billing"]
        return str(order["id"])

    def cancel_order(self, simulator: WooSimulator, external_id: str) -> None:
        order = simulator.shop.orders[int(external_id)]
        simulator.shop.move(order, "cancelled")
        simulator.shop.touch(order)


class TestWooCommerce(WooContract):
    @pytest.fixture
    async def simulator(self) -> AsyncIterator[WooSimulator]:
        async with stocked() as simulator:
            yield simulator

    def tracking_numbers(self, simulator: WooSimulator, order_id: str) -> list[str]:
        (told,) = [
            entry["value"]
            for entry in simulator.shop.orders[int(order_id)]["meta_data"]
            if entry["key"] == "_orderferry_tracking"
        ]
        notes = [note["note"] for note in simulator.shop.notes[int(order_id)]]
        assert len(notes) == len(set(notes)), "a parcel was noted twice"
        numbers = [entry["number"] for entry in json.loads(told)]
        assert len(notes) == len(numbers)
        return numbers


class TestWithShipmentTracking(WooContract):
    """The same with the extension Shipment Tracking."""

    @pytest.fixture
    async def simulator(self) -> AsyncIterator[WooSimulator]:
        async with stocked() as simulator:
            simulator.namespaces.append("wc-shipment-tracking/v3")
            yield simulator

    def tracking_numbers(self, simulator: WooSimulator, order_id: str) -> list[str]:
        return [shipment["tracking_number"] for shipment in simulator.shop.shipments[int(order_id)]]


class TestWithoutTheFilter(WooContract):
    """The same in a shop that ignores `created_via` and adds its taxes on top of its prices."""

    @pytest.fixture
    async def simulator(self) -> AsyncIterator[WooSimulator]:
        async with stocked() as simulator:
            simulator.ignores_created_via = True
            simulator.shop.taxes.prices_include_tax = False
            simulator.namespaces.append("wc-ast/v3")
            yield simulator

    def tracking_numbers(self, simulator: WooSimulator, order_id: str) -> list[str]:
        return [shipment["tracking_number"] for shipment in simulator.shop.shipments[int(order_id)]]


def stocked() -> WooSimulator:
    simulator = WooSimulator(seed=1, samples=False)
    simulator.shop.add_product("MUG-1", 500, price="20.00")
    simulator.shop.add_product("MUG-2", 500, price="30.00", tax_class="reduced-rate")
    shirt = simulator.shop.add_product("SHIRT", manage_stock=False)
    simulator.shop.add_variation(shirt, "SHIRT-M", "M", 500)
    return simulator


def opened(simulator: WooSimulator, open_account: OpenAccount, key: str) -> WooCommerce:
    settings = WooSettings(url=Url(simulator.url), consumer_key=Secret(key), consumer_secret=Secret(SECRET))
    return WooCommerce(open_account(WooCommerce, settings))
