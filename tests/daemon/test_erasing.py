"""Buyers' data goes when its time is up, or when a person says so; the order's key stays, and nothing is doubled."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon import acts
from daemon.views import CommandError
from orderferry import MalformedOrder, Page, Parcel, Rejected, Stage, Unavailable, Unsure
from orderferry.testing.clock import START
from tests.daemon.engine import EngineClock, order, page
from tests.daemon.engine_platforms import Applied, ShopWorld, SteppingShop
from tests.daemon.erasing_hub import DAY, column, erased_by_hand, hub, ids, sold_and_sent


async def test_it_is_erased_to_the_hour_and_once(tmp_path: Path) -> None:
    async with hub(tmp_path) as engine:
        await sold_and_sent(engine, 1)
        await engine.pass_time(30 * DAY - 60)
        await engine.erase()
        assert await column(engine, "erased_at") is None
        await engine.pass_time(61)
        await engine.erase()
        moment = await column(engine, "erased_at")
        assert moment is not None
        await engine.pass_time(5 * DAY)
        await engine.erase()
        assert await column(engine, "erased_at") == moment
        assert len(await engine.entries("buyer_data_erased")) == 1
        assert await engine.entries("buyer_data_erased") == [{"rule": "keep_buyer_data"}]


async def test_an_order_that_is_not_sent_keeps_its_data(tmp_path: Path) -> None:
    async with hub(tmp_path) as engine:
        await engine.receive(page(order(1), order(2)))
        await engine.settle()
        await engine.rounds.act(acts.set_status(1, "sent", 0), [1])
        await engine.settle()
        await engine.pass_time(100 * DAY)
        await engine.erase()
        assert await ids(engine) == [2]
        await engine.rounds.act(acts.set_status(2, "packing", 0), [2])
        await engine.erase()
        assert await ids(engine) == [2]


async def test_an_unfinished_job_keeps_the_order(tmp_path: Path) -> None:
    world = ShopWorld(EngineClock())
    async with hub(tmp_path, world) as engine:
        world.always["add_order"] = Rejected("no")
        await engine.receive(page(order(1, shipped=True)))
        await engine.settle()
        assert await engine.states() == ["parked"]
        await engine.pass_time(60 * DAY)
        await engine.erase()
        assert await ids(engine) == [1]


async def test_orders_of_before_are_counted_from_the_last_thing_that_happened(tmp_path: Path) -> None:
    async with hub(tmp_path) as engine:
        await sold_and_sent(engine, 1)
        await engine.pass_time(40 * DAY)
        await engine.store.fetch("update orders set final_at = null")
        await engine.erase()
        assert await ids(engine) == [], "it was over 40 days ago, by its journal"


@pytest.mark.parametrize("stage", [Stage.READY, Stage.CANCELLED])
async def test_an_erased_order_that_is_fetched_again_stays_erased_and_single(tmp_path: Path, stage: Stage) -> None:
    world = ShopWorld(EngineClock())
    async with hub(tmp_path, world) as engine:
        await sold_and_sent(engine, 1)
        await engine.pass_time(31 * DAY)
        await engine.erase()
        later = engine.clock.now()
        for again in (
            order(1),
            order(1, updated_at=later, comment="more", parcels=(Parcel(carrier="DPD", number="TRACK-4711-9"),)),
            order(1, updated_at=later + timedelta(hours=1), stage=stage, shipped=True),
        ):
            await engine.receive(page(again))
            await engine.settle()
        assert await engine.store.fetch("select 1 from document") == []
        assert await engine.store.fetch("select 1 from parcel") == []
        assert await column(engine, "stage") == stage.value
        assert len(world.applied) == 1
        assert [row[3] for row in await engine.jobs(kind="add_order")] == ["add_order"]
        if stage is Stage.CANCELLED:
            assert await column(engine, "status") == "cancelled"
            assert (await engine.jobs(kind="set_status"))[-1][4] == "done", "the shop is told so without the buyer"


async def test_a_text_that_comes_of_an_erased_order_is_not_kept(tmp_path: Path) -> None:
    async with hub(tmp_path) as engine:
        await sold_and_sent(engine, 1)
        await engine.pass_time(31 * DAY)
        await engine.erase()
        bad = MalformedOrder(external_id="o-1", reason="odd", raw=b"Canaria")
        await engine.receive(Page(malformed=(bad,), cursor="c9"))
        assert await engine.store.fetch("select raw from malformed") == [(b"",)]


async def test_a_purchase_that_is_opened_again_comes_back_and_is_forwarded(tmp_path: Path) -> None:
    world = ShopWorld(EngineClock())
    async with hub(tmp_path, world) as engine:
        await engine.receive(page(order(1, stage=Stage.CANCELLED)))
        await engine.pass_time(31 * DAY)
        await engine.erase()
        assert await column(engine, "erased_at") is not None
        await engine.receive(page(order(1, updated_at=engine.clock.now())))
        await engine.settle()
        assert await column(engine, "erased_at") is None
        assert len(world.applied) == 1
        assert "buyer_data_back" in await engine.kinds()


async def test_by_hand_only_what_is_over_and_the_rest_with_its_reason(tmp_path: Path) -> None:
    async with hub(tmp_path) as engine:
        await engine.receive(page(order(1)))
        await engine.settle()
        with pytest.raises(CommandError, match="it is new, and neither sent nor cancelled"):
            await erased_by_hand(engine)
        assert await ids(engine) == [1]
        await erased_by_hand(engine, even=True)
        assert await ids(engine) == []
        assert await engine.entries("buyer_data_erased") == [{"uid": 7}]
        with pytest.raises(CommandError, match="was erased on 2026"):
            await erased_by_hand(engine)


async def test_what_is_owed_ends_with_the_reason_and_nothing_more_is_sent(tmp_path: Path) -> None:
    world = ShopWorld(EngineClock())
    async with hub(tmp_path, world) as engine:
        world.always["add_order"] = Rejected("no")
        await engine.receive(page(order(1)))
        await engine.settle()
        with pytest.raises(CommandError, match=r"job 1 \(add_order for shop\) is parked"):
            await erased_by_hand(engine)
        await erased_by_hand(engine, even=True)
        assert await engine.states() == ["cancelled"]
        world.always.clear()
        for act in (acts.forward(1, None, 0), acts.add_parcel(1, "DPD", "1", 0)):
            with pytest.raises(CommandError, match="the buyer's data was erased from order 1 on"):
                await engine.rounds.act(act, [1])
        await engine.receive(page(order(1, updated_at=engine.clock.now() + timedelta(hours=1), comment="x")))
        await engine.pass_time(3 * DAY)
        assert world.applied == []
        assert await engine.states() == ["cancelled"]


@pytest.mark.parametrize("arrived", [True, False])
async def test_a_lost_answer_is_still_looked_up_and_nothing_is_sent_again(tmp_path: Path, arrived: bool) -> None:
    world = ShopWorld(EngineClock())
    async with hub(tmp_path, world) as engine:
        world.then("add_order", Applied(Unsure("cut off")) if arrived else Unsure("cut off"))
        world.then("find_order", Unavailable("away"))
        await engine.receive(page(order(1)))
        await engine.settle()
        assert await engine.states() == ["unsure"]
        told = await erased_by_hand(engine, even=True)
        assert told == "job 1 goes on to look whether shop has it; it is not sent again"
        await engine.pass_time(3600)
        assert len(world.applied) == len(world.asked("add_order")) * arrived == arrived
        assert await engine.states() == (["done"] if arrived else ["cancelled"])
        assert len(await engine.links()) == arrived


async def test_an_order_that_stands_half_made_is_a_person_s_to_look_after(tmp_path: Path) -> None:
    world = ShopWorld(EngineClock())
    async with hub(tmp_path, world, kind=SteppingShop) as engine:
        world.then("add_order", Unavailable("away"))
        await engine.receive(page(order(1)))
        await engine.settle()
        assert await engine.states() == ["waiting"]
        told = await erased_by_hand(engine, even=True)
        assert "the buyer's data was erased, and shop may have the order, or a part of it" in told
        assert "orderferry resolve 1 --shop-order N" in told
        await engine.pass_time(3 * DAY)
        assert await engine.states() == ["parked"]
        with pytest.raises(CommandError, match="job 1 is in doubt"):
            await engine.rounds.act(acts.retry(1, 1, 0), [1])
        done = await engine.rounds.act(acts.resolve_again(1, 1, 0), [1])
        assert "nothing is sent: the buyer's data was erased" in done.text
        await engine.pass_time(3 * DAY)
        assert await engine.states() == ["cancelled"]
        assert world.applied == []


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.sampled_from(["fetch", "change", "cancel", "ready", "erase", "hand", "day", "month"]), max_size=6)
)
async def test_in_whatever_order_it_comes_the_shop_has_one_order_and_an_erased_one_has_no_document(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    world, version, stage = ShopWorld(EngineClock()), 0, Stage.READY
    async with hub(tmp_path_factory.mktemp("hub"), world) as engine:
        for step in ["fetch", *steps]:
            match step:
                case "cancel" | "ready" | "change":
                    stage = {"cancel": Stage.CANCELLED, "ready": Stage.READY}.get(step, stage)
                    version += 1
                    await engine.receive(page(_state(version, stage)))
                case "fetch":
                    await engine.receive(page(_state(version, stage)))
                case "erase":
                    await engine.erase()
                case "hand":
                    with suppress(CommandError):  # it is erased already
                        await erased_by_hand(engine, even=True)
                    assert await column(engine, "erased_at") is not None
                case _:
                    await engine.pass_time(DAY if step == "day" else 31 * DAY)
            await engine.settle()
            erased = await column(engine, "erased_at") is not None
            documents = await engine.store.fetch("select 1 from document")
            assert (documents == []) == erased
            assert len(world.applied) <= 1
            assert set(await engine.states()) <= {"done", "cancelled", "waiting"}
            assert all(row[4] != "waiting" for row in await engine.jobs(kind="add_order"))


def _state(version: int, stage: Stage) -> Any:  # an order
    return order(1, stage=stage, updated_at=START + timedelta(minutes=version), revision=f"r{version}")
