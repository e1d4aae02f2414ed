"""A store that was put back from a backup: it is noticed, and what it has forgotten is looked up before it is sent."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from daemon.store.connection import FILE, StoreRefusedError
from daemon.store.store import Store
from tests.daemon.engine import VAULT, Engine, EngineClock, order, page
from tests.daemon.engine_platforms import BlindShop, Shop, ShopWorld


async def put_back(folder: Path, world: ShopWorld, clock: EngineClock, kind: type[Shop] = Shop) -> None:
    """Order 1 is forwarded before the backup is made, orders 2 and 3 afterwards; then the backup is put back."""
    backup = folder / "backup"
    async with await Engine.between(folder / "data", world, kind, clock=clock) as engine:
        await engine.receive(page(order(1)))
        await engine.settle()
    shutil.copytree(folder / "data", backup)
    async with await Engine.between(folder / "data", world, kind, clock=clock) as engine:
        await engine.receive(page(order(2), order(3), cursor="c2"))
        await engine.settle()
    shutil.copy(backup / FILE, folder / "data" / FILE)


async def restored(folder: Path) -> None:
    """What `orderferry run --restored` does to the store."""
    await (await Store.open(folder / "data", VAULT, restored=True)).close()


@pytest.fixture
def clock() -> EngineClock:
    return EngineClock()


async def test_an_older_store_is_noticed_and_left_as_it_is(tmp_path: Path, clock: EngineClock) -> None:
    await put_back(tmp_path, ShopWorld(clock), clock)
    before = (tmp_path / "data" / FILE).read_bytes()
    with pytest.raises(StoreRefusedError, match="run --restored"):
        await Store.open(tmp_path / "data", VAULT)
    assert (tmp_path / "data" / FILE).read_bytes() == before
    store = await Store.open(tmp_path / "data", VAULT, restored=True)
    assert (await store.meta())["epoch"] == "2"
    await store.close()
    await (await Store.open(tmp_path / "data", VAULT)).close()


async def test_what_it_has_forgotten_is_found_in_the_shop_and_not_sent_again(
    tmp_path: Path, clock: EngineClock
) -> None:
    world = ShopWorld(clock)
    await put_back(tmp_path, world, clock)
    await restored(tmp_path)
    async with await Engine.between(tmp_path / "data", world, clock=clock) as engine:
        engine.store.restored_at = clock.now() + timedelta(minutes=1)
        sent = len(world.asked("add_order"))
        await engine.receive(page(order(3), order(2), order(4), cursor="c2"))
        await engine.pass_time(5)
        assert [job[3:5] for job in await engine.jobs()] == [("add_order", "done")] * 4, "and nothing else is told"
        assert len(world.asked("add_order")) == sent + 1, "order 4 alone was never there"
        references = [reference for reference, _ in world.applied]
        assert len(references) == len(set(references)) == 4


async def test_what_is_bought_afterwards_is_sent_at_once(tmp_path: Path, clock: EngineClock) -> None:
    world = ShopWorld(clock)
    await put_back(tmp_path, world, clock)
    await restored(tmp_path)
    async with await Engine.between(tmp_path / "data", world, clock=clock) as engine:
        engine.store.restored_at = clock.now() - timedelta(hours=1)
        looked = len(world.asked("find_order"))
        await engine.receive(page(order(5, ordered_at=clock.now(), updated_at=clock.now()), cursor="c2"))
        await engine.settle()
        assert (await engine.states())[-1] == "done"
        assert len(world.asked("find_order")) == looked


async def test_a_shop_that_can_t_be_searched_leaves_it_to_a_person(tmp_path: Path, clock: EngineClock) -> None:
    world = ShopWorld(clock)
    await put_back(tmp_path, world, clock, BlindShop)
    await restored(tmp_path)
    async with await Engine.between(tmp_path / "data", world, BlindShop, clock=clock) as engine:
        engine.store.restored_at = clock.now() + timedelta(minutes=1)
        sent = len(world.asked("add_order"))
        await engine.receive(page(order(2), cursor="c2"))
        await engine.pass_time(5)
        assert (await engine.states())[-1] == "parked"
        assert len(world.asked("add_order")) == sent
