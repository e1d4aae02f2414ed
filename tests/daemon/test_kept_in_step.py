"""After an order has been forwarded, status, payment and parcels are kept in step, and nothing else is."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from daemon import acts
from daemon.core.routing import Sync
from daemon.core.statuses import Ladder, Rules
from daemon.core.ticking import FOUR_HOURLY, HOURLY, IMMEDIATE, Every, next_tick
from daemon.recovery import bring_forward
from orderferry import Address, Delivery, Echo, Parcel, Payment, PaymentKind, Stage, Unsure
from tests.daemon.engine import Engine, EngineClock, order, page, pln
from tests.daemon.engine_platforms import MarketWorld, PickyShop, ShopWorld

UID = 1000
HOUR = 3600.0
UNPAID = Payment(kind=PaymentKind.TRANSFER)
LATER = timedelta(minutes=5)


@pytest.fixture
def clock() -> EngineClock:
    return EngineClock()


@pytest.fixture
def world(clock: EngineClock) -> ShopWorld:
    return ShopWorld(clock)


async def opened(folder: Path, world: ShopWorld, clock: EngineClock, **changes: Any) -> Engine:  # a shop's settings
    return await Engine.between(folder, world, clock=clock, **{"sync": Sync(), **changes})


async def forwarded(engine: Engine, **changes: Any) -> None:  # any field of an order
    await engine.receive(page(order(1, **changes)))
    await engine.settle()


async def act(engine: Engine, command: Any) -> str:  # an act
    done = await engine.rounds.act(command, [1])
    await engine.settle()
    return done.text


def until(engine: Engine, every: Every) -> float:
    """Seconds to the shop's next tick."""
    now = engine.clock.now()
    return (next_tick(every, "shop", now) - now).total_seconds()


async def test_a_status_is_told_at_the_next_hourly_tick_the_newest_only_and_never_back(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await opened(tmp_path, world, clock) as engine:
        await forwarded(engine)
        text = await act(engine, acts.set_status(1, "sent", UID))
        assert "told: shop in" in text, "the person learns when"
        await act(engine, acts.set_status(1, "cancelled", UID))
        await engine.pass_time(until(engine, HOURLY) - 1)
        assert world.told == []
        await engine.pass_time(2)
        assert world.told == [("set_status", "1000", "cancelled")]
        await engine.pass_time(3 * HOUR)
        assert len(world.told) == 1
        assert await engine.states() == ["done", "done"]


async def test_a_payment_is_told_every_four_hours_and_a_tracking_number_at_once_to_both_sides(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    market = MarketWorld()
    async with await Engine.between(tmp_path, world, clock=clock, market=market, sync=Sync()) as engine:
        await forwarded(engine, payment=UNPAID)
        await act(engine, acts.set_payment(1, None, UID, paid=True))
        await act(engine, acts.add_parcel(1, "DPD", "P-1", UID))
        assert world.told == [("set_tracking", "1000", ("P-1",))]
        assert market.told == [("set_tracking", "o-1", ("P-1",))]
        await engine.pass_time(until(engine, FOUR_HOURLY) - 1)
        assert len(world.told) == 1
        await engine.pass_time(2)
        assert world.told[1:] == [("set_payment", "1000", True)]


async def test_a_tick_that_was_missed_while_the_daemon_was_down_runs_once_at_its_start(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    engine = await opened(tmp_path, world, clock)
    await forwarded(engine)
    await act(engine, acts.set_status(1, "sent", UID))
    await engine.kill()
    await clock.advance(10 * HOUR)
    async with await opened(tmp_path, world, clock) as again:
        again.rounds.wake()
        await again.settle()
        assert world.told == [("set_status", "1000", "completed")]
        await again.pass_time(5 * HOUR)
        assert len(world.told) == 1


@pytest.mark.parametrize("by", [timedelta(hours=-1), timedelta(days=-365), timedelta(hours=1), timedelta(days=365)])
async def test_a_clock_that_is_set_neither_skips_nor_doubles_a_tick(
    tmp_path: Path, clock: EngineClock, world: ShopWorld, by: timedelta
) -> None:
    async with await opened(tmp_path, world, clock) as engine:
        await forwarded(engine)
        await act(engine, acts.set_status(1, "sent", UID))
        clock.set_wall(by)
        await engine.pass_time(HOUR + 61)
        assert world.told == [("set_status", "1000", "completed")]
        await engine.pass_time(5 * HOUR)
        assert len(world.told) == 1


async def test_a_clock_that_is_set_on_does_not_cut_a_settle_window_short(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await opened(tmp_path, world, clock) as engine:
        world.then("add_order", Unsure("the answer was lost"))
        await engine.receive(page(order(1)))
        await engine.pass_time(121)
        assert await engine.states() == ["unsure"]
        clock.set_wall(timedelta(hours=2))
        await engine.pass_time(270)
        assert len(world.asked("add_order")) == 1, "the shop may still apply the request"
        await engine.pass_time(60)
        assert len(world.asked("add_order")) == 2


async def test_what_waits_too_long_is_due_in_time_after_a_start_with_a_clock_set_back_or_a_shorter_interval(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await opened(tmp_path, world, clock) as engine:
        await forwarded(engine)
        await act(engine, acts.set_status(1, "sent", UID))
        shop = engine.accounts["shop"]
        shop.settings = replace(shop.settings, sync=Sync(status=IMMEDIATE))
        await engine.rounds.act(bring_forward(engine.accounts.targets()))
        await engine.settle()
        assert world.told == [("set_status", "1000", "completed")]


async def test_the_shop_tells_whether_a_known_order_is_paid_and_nothing_else_is_taken_back(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await opened(tmp_path, world, clock) as engine:
        engine.accounts.ladder = Ladder(keys=("new", "paid", "sent", "cancelled"), rules=Rules(paid="paid"))
        await forwarded(engine, payment=UNPAID)
        echo = Echo(reference=engine.reference(1), id="1000", paid=True, status="completed")
        await engine.receive(page(echoes=(echo,)), account="shop")
        await engine.settle()
        rows = await engine.store.fetch("select paid, status from orders")
        assert rows == [(1, "paid")], "paid by the shop's word, the status by the seller's own rule"
        assert await engine.entries("payment_set") == [{"paid": True}]
        await engine.pass_time(5 * HOUR)
        assert world.told == [], "the shop knows it already, and `paid` is mapped to nothing there"


async def test_a_status_that_tracking_moved_is_told_again_at_once(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await opened(tmp_path, world, clock, kind=PickyShop) as engine:
        await forwarded(engine)
        await act(engine, acts.add_parcel(1, "DPD", "P-1", UID))
        assert world.told == [("set_tracking", "1000", ("P-1",)), ("set_status", "1000", "processing")]


async def test_a_change_after_forwarding_stays_in_the_hub_and_is_shown_as_a_difference(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await opened(tmp_path, world, clock) as engine:
        await forwarded(engine)
        moved = Delivery(
            method="Courier", cost=pln("9.99"), address=Address(street="Nowa 7", city="Gdynia", country="PL")
        )
        await engine.receive(page(order(1, delivery=moved, updated_at=clock.now() + LATER)))
        await engine.receive(page(order(1, delivery=moved, comment="quick", updated_at=clock.now() + LATER * 2)))
        await engine.pass_time(5 * HOUR)
        assert world.told == []
        assert [entry["fields"] for entry in await engine.entries("order_differs")] == [["delivery"], ["comment"]]
        rows = await engine.store.fetch("select account, count(*) from forwarded group by account")
        assert rows == [("shop", 1)], "what the shop got is kept once"
        assert (await engine.store.fetch("select warnings from orders"))[0][0] == 2


async def test_a_cancelled_order_takes_the_mapped_status_and_one_cancelled_before_is_never_forwarded(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await opened(tmp_path, world, clock) as engine:
        await forwarded(engine)
        gone = order(1, stage=Stage.CANCELLED, updated_at=clock.now() + LATER)
        await engine.receive(page(gone, order(2, stage=Stage.CANCELLED)))
        await engine.pass_time(HOUR + 61)
        assert world.told == [("set_status", "1000", "cancelled")]
        assert len(world.applied) == 1


async def test_rules_give_statuses_on_events_and_say_so(tmp_path: Path, clock: EngineClock, world: ShopWorld) -> None:
    async with await opened(tmp_path, world, clock) as engine:
        keys = ("fresh", "paid", "sent", "off")
        engine.accounts.ladder = Ladder(
            keys=keys, rules=Rules(new="fresh", paid="paid", parcel_sent="sent", cancelled="off")
        )
        await engine.receive(page(order(1, payment=UNPAID), order(2)))
        await engine.settle()
        paid = order(1, updated_at=clock.now() + LATER)
        sent = order(2, parcels=(Parcel(carrier="DPD", number="P"),), updated_at=clock.now() + LATER)
        await engine.receive(page(paid, sent))
        await engine.receive(page(order(1, stage=Stage.CANCELLED, updated_at=clock.now() + LATER * 2)))
        set_ = [
            (entry.order, entry.data["status"], entry.data["rule"])
            for entry in engine.published
            if entry.kind == "status_set"
        ]
        assert set_ == [(2, "paid", "paid"), (1, "paid", "paid"), (2, "sent", "parcel_sent"), (1, "off", "cancelled")]


async def test_orders_fetched_from_a_shop_get_its_status_and_are_never_put_back_into_it(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await opened(tmp_path, world, clock, fetched_status="sent") as engine:
        other = ShopWorld(clock)
        await engine.shop(other, "second", sync=Sync())
        await engine.receive(page(order(1)), account="shop")
        await engine.pass_time(5 * HOUR)
        assert await engine.store.fetch("select status from orders") == [("sent",)]
        assert (world.applied, world.told) == ([], [])
        assert len(other.applied) == 1, "the other shop gets it"
