"""Fixtures of the Shopify tests: the simulated shop, and an account of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from orderferry import Secret, Url
from orderferry.testing.account import OpenAccount
from plugins.shops.shopify.platform import Shopify
from plugins.shops.shopify.settings import ShopifySettings
from plugins.shops.shopify.simulator import TOKEN, ShopifySimulator

OpenShop = Callable[..., Shopify]


@pytest.fixture
async def sim() -> AsyncIterator[ShopifySimulator]:
    async with ShopifySimulator(seed=1) as simulator:
        simulator.faults.slow = 0.01
        yield simulator


@pytest.fixture
def open_shop(sim: ShopifySimulator, open_account: OpenAccount) -> OpenShop:
    """Opens an account of the simulated shop; keywords are settings."""

    def open_it(**changed: Any) -> Shopify:
        settings = ShopifySettings(url=Url(sim.url), access_token=Secret(TOKEN))
        return Shopify(open_account(Shopify, msgspec.structs.replace(settings, **changed)))

    return open_it


@pytest.fixture
def settings() -> ShopifySettings:
    """Settings with nothing but what is required."""
    return ShopifySettings(url=Url("https://shop.myshopify.com"), access_token=Secret("shpat"))


@pytest.fixture
async def shop(open_shop: OpenShop) -> Shopify:
    return open_shop()
