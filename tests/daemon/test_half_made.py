"""An order that is wanted no more when some of the calls that add it are done: it never stays half made unseen."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from daemon import acts
from daemon.core.routing import Sync
from daemon.core.ticking import IMMEDIATE, Every
from orderferry import Delivery, Line, Payment, PaymentKind, Rejected, Stage, Unavailable, Unsure
from tests.daemon.engine import STATUSES, Engine, EngineClock, order, page, pln
from tests.daemon.engine_platforms import Applied, Fate, ShopWorld, SteppingShop

UID = 1000
LATER = timedelta(minutes=5)
AWAY = Unavailable("the connection was refused")
UNPAID = Payment(kind=PaymentKind.TRANSFER)
CANCELLED = order(  # as a platform tells it that empties what is called off
    1,
    stage=Stage.CANCELLED,
    lines=(Line(id="l-1", name="Mug", quantity=1, unit_price=pln("0.00"), total=pln("0.00")),),
    delivery=Delivery(cost=pln("0.00")),
    total=pln("0.00"),
    payment=UNPAID,
    updated_at=order().updated_at + LATER,
)
OFF = {"sync": Sync(status=Every(None), payment=IMMEDIATE)}
UNMAPPED = {"statuses": {key: told for key, told in STATUSES.items() if key != "cancelled"}}


@pytest.fixture
def clock() -> EngineClock:
    return EngineClock()


@pytest.fixture
def world(clock: EngineClock) -> ShopWorld:
    return ShopWorld(clock)


async def begun(folder: Path, world: ShopWorld, clock: EngineClock, *fates: Any, **changes: Any) -> Engine:
    """An engine whose shop has got a part of order 1."""
    engine = await Engine.between(folder, world, kind=SteppingShop, clock=clock, **changes)
    world.then("add_order", *(fates or (AWAY,)))
    await engine.receive(page(order(1)))
    await engine.settle()
    return engine


async def reasons(engine: Engine) -> list[str | None]:
    return [row[6] for row in await engine.jobs()]


async def test_an_order_that_is_cancelled_half_made_is_completed_as_it_began_and_then_cancelled_in_the_shop(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await begun(tmp_path, world, clock) as engine:
        await engine.receive(page(CANCELLED))
        assert await engine.states() == ["waiting"]
        await engine.pass_time(120)
        first, last = world.asked("add_order")
        assert last == first, "it is completed as it began, with its lines and its status of then"
        assert last.status == "processing"
        assert ("set_status", "1000", "cancelled") in world.told
        assert len(world.applied) == 1
        assert set(await engine.states()) == {"done"}


async def test_the_journal_says_once_why_it_goes_on(tmp_path: Path, clock: EngineClock, world: ShopWorld) -> None:
    async with await begun(tmp_path, world, clock, AWAY, AWAY, AWAY) as engine:
        await engine.receive(page(CANCELLED))
        why = "its adding had begun when the order was cancelled, so it is completed, and then cancelled there"
        assert await engine.entries("job_kept") == [{"what": "add_order", "why": why}]
        await engine.pass_time(1.1)
        assert len(world.asked("add_order")) == 2
        assert why in str((await reasons(engine))[0])
        await engine.pass_time(120)
        assert len(await engine.entries("job_kept")) == 1
        assert await reasons(engine) == [None] * len(await engine.states())


async def test_cancelled_while_the_call_was_under_way_or_in_doubt_it_is_completed_too(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await begun(tmp_path, world, clock, Unsure("the answer was lost")) as engine:
        assert await engine.states() == ["unsure"]
        await engine.receive(page(CANCELLED))
        await engine.pass_time(600)
        first, last = world.asked("add_order")
        assert last == first
        assert ("set_status", "1000", "cancelled") in world.told


@pytest.mark.parametrize(("changes", "why"), [(OFF, "switched off"), (UNMAPPED, "cancelled is not mapped")])
async def test_where_the_shop_can_not_be_told_it_is_parked_with_the_commands_that_settle_it(
    tmp_path: Path, clock: EngineClock, world: ShopWorld, changes: dict[str, Any], why: str
) -> None:
    async with await begun(tmp_path, world, clock, **changes) as engine:
        await engine.receive(page(CANCELLED))
        await engine.pass_time(600)
        assert await engine.states() == ["parked"]
        assert len(world.asked("add_order")) == 1
        (parked,) = await engine.entries("job_parked")
        assert "a part of it may stand in shop" in parked["reason"]
        assert why in parked["reason"]
        assert parked["command"] == "orderferry resolve 1 --shop-order N, or orderferry resolve 1 --send-again"
        assert await reasons(engine) == [parked["reason"]]


async def test_a_person_who_finds_nothing_of_it_ends_it_and_nothing_is_sent(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await begun(tmp_path, world, clock, **UNMAPPED) as engine:
        await engine.receive(page(CANCELLED))
        done = await engine.rounds.act(acts.resolve_again(1, 1, UID), [1])
        await engine.pass_time(600)
        assert "nothing is sent" in done.text
        assert await engine.states() == ["cancelled"]
        assert len(world.asked("add_order")) == 1


async def test_a_parked_one_that_is_cancelled_stays_with_both_reasons_and_its_number_is_told_the_status(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await begun(tmp_path, world, clock, Rejected("order 12 was made, but one line was refused")) as engine:
        await engine.receive(page(CANCELLED))
        await engine.pass_time(600)
        assert await engine.states() == ["parked"]
        reason = str((await reasons(engine))[0])
        assert "order 12 was made" in reason
        assert "cancelled" in reason
        await engine.rounds.act(acts.resolve_found(1, 1, "12", engine.reference(1), UID), [1])
        await engine.settle()
        assert ("set_status", "12", "cancelled") in world.told


async def test_an_order_that_changes_half_made_keeps_its_first_status_until_it_is_told_and_the_difference_is_shown(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await begun(tmp_path, world, clock) as engine:
        await engine.receive(page(order(1, comment="at the back door", updated_at=clock.now() + LATER)))
        await engine.rounds.act(acts.set_status(1, "sent", UID), [1])
        await engine.pass_time(120)
        first, last = world.asked("add_order")
        assert last == replace(first, comment="at the back door")
        assert ("set_status", "1000", "completed") in world.told, "the shop may have got the first status long ago"
        assert "order_differs" in await engine.kinds()


async def test_a_try_that_begins_anew_takes_the_newest_state_and_differs_from_nothing(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        world.then("add_order", Unsure("the answer was lost"))
        await engine.receive(page(order(1)))
        await engine.settle()
        await engine.receive(page(order(1, comment="at the back door", updated_at=clock.now() + LATER)))
        await engine.pass_time(600)
        assert world.asked("add_order")[-1].comment == "at the back door"
        assert await engine.store.fetch("select account from forwarded") == []


async def test_an_order_whose_form_is_taken_back_is_completed(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await begun(tmp_path, world, clock) as engine:
        await engine.receive(page(order(1, stage=Stage.PLACED, updated_at=clock.now() + LATER)))
        await engine.pass_time(120)
        assert len(world.applied) == 1
        assert await engine.states() == ["done"]


async def test_what_the_shop_applied_before_a_lost_answer_is_not_added_again(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await begun(tmp_path, world, clock, Applied(Unsure("the answer was lost"))) as engine:
        await engine.receive(page(CANCELLED))
        await engine.pass_time(600)
        assert len(world.applied) == 1
        assert ("set_status", "1000", "cancelled") in world.told


def _fate(chance: random.Random) -> Fate:
    lost = Unsure("the answer was lost")
    return chance.choice([None, AWAY, AWAY, lost, Applied(lost), KeyError("plugin"), Rejected("no")])


async def _history(seed: int, folder: Path) -> None:
    """An order that is cancelled at any moment of its adding, and a daemon that is killed at any moment as well."""
    chance = random.Random(seed)  # noqa: S311 - a history must be repeatable
    clock = EngineClock()
    world, tells = ShopWorld(clock), chance.random() < 0.7
    changes: dict[str, Any] = {} if tells else UNMAPPED
    world.then("add_order", *(_fate(chance) for _ in range(4)))
    engine = await Engine.between(folder, world, SteppingShop, clock=clock, **changes)
    for coming in (order(1), CANCELLED):
        engine.store.dies_at = engine.store.operations + chance.randint(1, 30) if chance.random() < 0.5 else None
        taken = asyncio.ensure_future(engine.receive(page(coming)))
        passing = asyncio.ensure_future(engine.pass_time(chance.choice([0.0, 0.6, 3.0, 45.0, 500.0])))
        dying = asyncio.ensure_future(engine.store.died.wait())
        both = asyncio.gather(taken, passing, return_exceptions=True)
        ends: set[asyncio.Future[Any]] = {dying, both}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        dying.cancel()
        if engine.store.dead:
            await engine.kill()
            engine = await Engine.between(folder, world, SteppingShop, clock=clock, **changes)
            await engine.recover()
            await engine.receive(page(coming))
    engine.store.dies_at = None
    world.script.clear()
    await engine.pass_time(3600)
    assert len(world.applied) <= 1
    rows = await engine.store.fetch("select progress is not null, state from job where kind = 'add_order'")
    assert all(state in {"done", "parked"} for begun, state in rows if begun), rows
    told = await engine.store.fetch("select told_status from link where reference != ''")
    if tells:
        assert told in ([], [("cancelled",)])
    assert not (world.applied and not told and ("parked" not in {state for _, state in rows})), "it is seen"
    await engine.close()


@pytest.mark.parametrize("first", range(0, 60, 20))
def test_whatever_happens_a_part_of_an_order_is_completed_and_cancelled_or_shown(tmp_path: Path, first: int) -> None:
    for seed in range(first, first + 20):
        try:
            with capture_logs():
                asyncio.run(_history(seed, tmp_path / str(seed)))
        except BaseException as error:
            error.add_note(f"SEED={seed}")
            raise
