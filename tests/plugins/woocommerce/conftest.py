"""Fixtures of the WooCommerce tests: the simulated shop, and an account of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from orderferry import Secret, Url
from orderferry.testing.account import OpenAccount
from plugins.shops.woocommerce.platform import WooCommerce
from plugins.shops.woocommerce.settings import WooSettings
from plugins.shops.woocommerce.simulator import KEY, SECRET, WooSimulator

OpenShop = Callable[..., WooCommerce]


@pytest.fixture
async def sim() -> AsyncIterator[WooSimulator]:
    async with WooSimulator(seed=1) as simulator:
        simulator.faults.slow = 0.01
        yield simulator


@pytest.fixture
def open_shop(sim: WooSimulator, open_account: OpenAccount) -> OpenShop:
    """Opens an account of the simulated shop; keywords are settings."""

    def open_it(**changed: Any) -> WooCommerce:
        settings = WooSettings(url=Url(sim.url), consumer_key=Secret(KEY), consumer_secret=Secret(SECRET))
        return WooCommerce(open_account(WooCommerce, msgspec.structs.replace(settings, **changed)))

    return open_it


@pytest.fixture
def settings() -> WooSettings:
    """Settings with nothing but what is required."""
    return WooSettings(url=Url("https://shop.example"), consumer_key=Secret("ck"), consumer_secret=Secret("cs"))


@pytest.fixture
async def shop(open_shop: OpenShop) -> WooCommerce:
    return open_shop()
