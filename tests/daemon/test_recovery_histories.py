"""Random histories of pages, fates, commands and kills: at most one shop order each, and nothing is lost.

A history is made from its seed alone; a failing one prints it, and `SEED=n` runs it again.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from orderferry import Rejected, Stage, Unavailable, Unsure
from tests.daemon.engine import Engine, EngineClock, order, page
from tests.daemon.engine_platforms import Applied, BlindShop, Fate, Late, MarketWorld, Shop, ShopWorld

SETTLE = 420.0
HISTORIES = 160
BATCH = 20
ORDERS = 6


def fate(chance: random.Random) -> Fate:
    """How a call to add an order ends: well in a third of all cases."""
    fates: list[Fate] = [
        None,
        None,
        None,
        Unsure("lost before"),
        Applied(Unsure("lost after")),
        Applied(KeyError("plugin")),
        KeyError("plugin"),
        Unavailable("away"),
        Late(chance.uniform(0, SETTLE - 62)),
        Rejected("no"),
    ]
    return chance.choice(fates)


async def opened(folder: Path, world: ShopWorld, kind: type[Shop], clock: EngineClock, market: MarketWorld) -> Engine:
    """An engine that does not wait for the disk: here processes are killed, and no power is cut."""
    engine = await Engine.between(folder, world, kind, clock=clock, market=market)
    await engine.store._db.execute("pragma synchronous = off")
    return engine


async def history(seed: int, folder: Path, kind: type[Shop]) -> None:
    chance = random.Random(seed)  # noqa: S311 - a history must be repeatable
    clock = EngineClock()
    world, market = ShopWorld(clock), MarketWorld()
    world.then("add_order", *(fate(chance) for _ in range(12)))
    world.then("find_order", *(chance.choice([None, None, Unavailable("x"), Unsure("y")]) for _ in range(12)))
    # every order comes at least once in each of its states, the states in any order, and repeats among them
    coming = [
        order(number, stage=stage, updated_at=clock.now() + timedelta(seconds=second))
        for number in range(1, ORDERS + 1)
        for second, stage in enumerate((Stage.PLACED, Stage.READY))
    ]
    coming += chance.choices(coming, k=4)
    chance.shuffle(coming)
    engine = await opened(folder, world, kind, clock, market)
    kills = 0
    while coming or kills < 2:
        if chance.random() < 0.3:
            engine.store.dies_at = engine.store.operations + chance.randint(1, 25)
        taken = coming[: chance.randint(0, 3)]
        submitted = asyncio.ensure_future(engine.receive(page(*taken, cursor=f"left-{len(coming) - len(taken)}")))
        passing = asyncio.ensure_future(engine.pass_time(chance.choice([0.0, 0.6, 3.0, 45.0, 130.0])))
        dying = asyncio.ensure_future(engine.store.died.wait())
        both = asyncio.gather(submitted, passing, return_exceptions=True)
        ends: set[asyncio.Future[Any]] = {dying, both}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        dying.cancel()
        if engine.store.dead or chance.random() < 0.15:
            kills += 1
            await engine.kill()
            engine = await opened(folder, world, kind, clock, market)
            await engine.recover()
        engine.store.dies_at = None
        rows = await engine.store.fetch("select cursor from account where name = 'market'")
        cursor = rows[0][0]
        if cursor is not None:  # what the cursor says is in the store, and only that
            coming = coming[len(coming) - int(cursor.removeprefix("left-")) :]
    world.script.clear()
    await engine.pass_time(3 * SETTLE + 200)
    await check(engine, world, kind)
    await engine.close()


async def check(engine: Engine, world: ShopWorld, kind: type[Shop]) -> None:
    """Every order is in the store; in the shop at most once; and linked there, or parked in sight."""
    world.catch_up()
    doubled = {mark: count for mark, count in Counter(mark for mark, _ in world.applied).items() if count > 1}
    assert not doubled
    known = dict(await engine.store.fetch("select external_id, id from orders"))
    assert sorted(known) == [f"o-{number}" for number in range(1, ORDERS + 1)]
    stages = {row[0] for row in await engine.store.fetch("select stage from orders")}
    assert stages == {"ready"}
    links = await engine.links()
    parked = {row[1] for row in await engine.jobs(state="parked")}
    assert set(links) | parked == set(known.values()), await engine.jobs()
    assert not set(links) & {row[1] for row in await engine.jobs(state="parked", kind="add_order")}
    for external_id, number in known.items():
        mark = engine.reference(int(external_id.removeprefix("o-")))
        in_shop = world.number(mark)
        if number in links:
            assert links[number] == in_shop
        elif kind is Shop:
            assert in_shop is None, "what the shop has is found"
    assert set(await engine.states()) <= {"done", "parked", "cancelled"}
    if kind is Shop:
        reasons = {row[6] for row in await engine.jobs(state="parked")}
        assert reasons <= {"no"}, "a shop that can be searched parks only what it refused"


SEEDS = [int(os.environ["SEED"])] if "SEED" in os.environ else list(range(HISTORIES))


@pytest.mark.parametrize("first", SEEDS[::BATCH])
def test_no_history_doubles_or_loses_an_order(tmp_path: Path, first: int) -> None:
    for seed in SEEDS[SEEDS.index(first) :][:BATCH]:
        folder = tmp_path / str(seed)
        try:
            with capture_logs():  # to be printed they would take most of the time
                asyncio.run(history(seed, folder, BlindShop if seed % 5 == 4 else Shop))
        except BaseException as error:
            error.add_note(f"SEED={seed}")
            raise
        shutil.rmtree(folder)
