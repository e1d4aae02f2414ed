"""Fixtures of the Medusa tests: the simulated shop, and an account of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from orderferry import Secret, Url
from orderferry.testing.account import OpenAccount
from plugins.shops.medusa.platform import Medusa
from plugins.shops.medusa.settings import MedusaSettings
from plugins.shops.medusa.simulator import CHANNEL, KEY, OPTION, REGION, MedusaSimulator

OpenShop = Callable[..., Medusa]


@pytest.fixture
async def sim() -> AsyncIterator[MedusaSimulator]:
    async with MedusaSimulator(seed=1) as simulator:
        simulator.faults.slow = 0.01
        yield simulator


@pytest.fixture
def open_shop(sim: MedusaSimulator, open_account: OpenAccount) -> OpenShop:
    """Opens an account of the simulated shop; keywords are settings."""

    def open_it(**changed: Any) -> Medusa:
        settings = MedusaSettings(
            url=Url(sim.url), api_key=Secret(KEY), region=REGION, sales_channel=CHANNEL, shipping_option=OPTION
        )
        return Medusa(open_account(Medusa, msgspec.structs.replace(settings, **changed)))

    return open_it


@pytest.fixture
async def shop(open_shop: OpenShop) -> Medusa:
    return open_shop()
