"""The contract's own tests, against the simulator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from copy import deepcopy

import pytest
from orderferry import ForwardOrder, Secret, Url
from orderferry.testing.account import OpenAccount
from orderferry.testing.contract_shop import ShopContract
from orderferry.testing.samples import forward_order

from orderferry_order_hook.platform import OrderHook
from orderferry_order_hook.settings import OrderHookSettings
from orderferry_order_hook.simulator import SECRET, OrderHookSimulator


class TestOrderHook(ShopContract[OrderHookSimulator]):
    platform_class = OrderHook
    statuses = ("packing", "sent")

    @pytest.fixture
    async def simulator(self) -> AsyncIterator[OrderHookSimulator]:
        async with OrderHookSimulator(seed=1) as simulator:
            yield simulator

    def open_platform(self, simulator: OrderHookSimulator, open_account: OpenAccount) -> OrderHook:
        return opened(simulator, open_account, SECRET)

    def open_stranger(self, simulator: OrderHookSimulator, open_account: OpenAccount) -> OrderHook:
        return opened(simulator, open_account, "a-secret-of-nobody")

    def sample_order(self, simulator: OrderHookSimulator, reference: str) -> ForwardOrder:  # noqa: ARG002 - the kit hands it in
        return forward_order(reference, skus=["MUG", "PEN"])

    def shop_orders(self, simulator: OrderHookSimulator, reference: str) -> list[str]:
        return [key for key in simulator.orders if key == reference]

    def snapshot(self, simulator: OrderHookSimulator, order_id: str) -> object:
        return deepcopy(simulator.orders[order_id])

    def tracking_numbers(self, simulator: OrderHookSimulator, order_id: str) -> list[str]:
        return [parcel["number"] for parcel in simulator.orders[order_id]["parcels"]]


def opened(simulator: OrderHookSimulator, open_account: OpenAccount, secret: str) -> OrderHook:
    settings = OrderHookSettings(url=Url(simulator.url), secret=Secret(secret))
    return OrderHook(open_account(OrderHook, settings))
