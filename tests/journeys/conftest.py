"""The world of the journeys as a fixture."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from plugins.allegro.simulator import AllegroSimulator
from tests.journeys.manager import Manager
from tests.journeys.scripted_shop import Shop
from tests.journeys.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Both simulators with the same twelve products, the account logged in, the settings written; nothing runs yet."""
    async with AllegroSimulator(seed=5) as market, Shop() as shop:
        shop.fill_with(market)
        world = World(tmp_path, market, shop)
        world.write_config()
        await world.log_in()
        try:
            yield world
        finally:
            await world.close()
        world.check_promises()


@pytest.fixture
async def manager(world: World) -> AsyncIterator[Manager]:
    """Every daemon of the world is started by it, and has to feed a watchdog of 0.6 s."""
    with Manager(world.folder / "notify") as manager:
        world.environ |= {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "600000"}
        yield manager
