"""Fixtures of the Shoper tests: the simulated shop, and an account of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from orderferry import Secret, Url
from orderferry.testing.account import OpenAccount
from plugins.shops.shoper.platform import Shoper
from plugins.shops.shoper.settings import ShoperSettings
from plugins.shops.shoper.simulator import TOKEN, ShoperSimulator

OpenShop = Callable[..., Shoper]


@pytest.fixture
async def sim() -> AsyncIterator[ShoperSimulator]:
    async with ShoperSimulator(seed=1) as simulator:
        simulator.faults.slow = 0.01
        yield simulator


@pytest.fixture
def open_shop(sim: ShoperSimulator, open_account: OpenAccount) -> OpenShop:
    """Opens an account of the simulated shop; keywords are settings."""

    def open_it(**changed: Any) -> Shoper:
        settings = ShoperSettings(url=Url(sim.url), token=Secret(TOKEN), delivery_method="8", payment_method="1")
        return Shoper(open_account(Shoper, msgspec.structs.replace(settings, **changed)))

    return open_it


@pytest.fixture
async def shop(open_shop: OpenShop) -> Shoper:
    return open_shop()
