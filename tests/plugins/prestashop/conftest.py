"""Fixtures of the PrestaShop tests: the simulated shop, and an account of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from orderferry import Secret, Url
from orderferry.testing.account import OpenAccount
from plugins.shops.prestashop.platform import PrestaShop
from plugins.shops.prestashop.settings import PrestaSettings
from plugins.shops.prestashop.simulator import KEY, PrestaSimulator

OpenShop = Callable[..., PrestaShop]


@pytest.fixture
async def sim() -> AsyncIterator[PrestaSimulator]:
    async with PrestaSimulator(seed=1) as simulator:
        simulator.faults.slow = 0.01
        yield simulator


@pytest.fixture
def open_shop(sim: PrestaSimulator, open_account: OpenAccount) -> OpenShop:
    """Opens an account of the simulated shop; keywords are settings."""

    def open_it(**changed: Any) -> PrestaShop:
        settings = PrestaSettings(url=Url(sim.url), key=Secret(KEY))
        return PrestaShop(open_account(PrestaShop, msgspec.structs.replace(settings, **changed)))

    return open_it


@pytest.fixture
async def shop(open_shop: OpenShop) -> PrestaShop:
    return open_shop()
