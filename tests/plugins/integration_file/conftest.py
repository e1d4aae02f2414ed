"""Fixtures of the integration file's tests: the simulated shop, and an account of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from orderferry import Secret, Url
from orderferry.testing.account import OpenAccount
from plugins.shops.integration_file.platform import IntegrationFile
from plugins.shops.integration_file.settings import FileSettings
from plugins.shops.integration_file.simulator import KEY, PATH, FileSimulator

OpenShop = Callable[..., IntegrationFile]


@pytest.fixture
async def sim() -> AsyncIterator[FileSimulator]:
    async with FileSimulator(seed=1) as simulator:
        simulator.faults.slow = 0.01
        yield simulator


@pytest.fixture
def open_shop(sim: FileSimulator, open_account: OpenAccount) -> OpenShop:
    """Opens an account of the simulated shop; keywords are settings."""

    def open_it(**changed: Any) -> IntegrationFile:
        settings = FileSettings(url=Url(sim.url), path=PATH, key=Secret(KEY))
        return IntegrationFile(open_account(IntegrationFile, msgspec.structs.replace(settings, **changed)))

    return open_it


@pytest.fixture
async def shop(open_shop: OpenShop) -> IntegrationFile:
    return open_shop()


@pytest.fixture
def settings() -> FileSettings:
    """Settings with nothing but what is required."""
    return FileSettings(url=Url("https://shop.example/file.php"), key=Secret("k"))
