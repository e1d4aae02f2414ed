"""The world of the journeys as a fixture."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from plugins.allegro.simulator import AllegroSimulator
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
