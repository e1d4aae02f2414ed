"""What a shop is told as its settings say: maps and what they lack, and orders that something else has put in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from daemon import acts
from daemon.account_settings import ForwardSettings
from daemon.core.forwarding import Passed
from daemon.core.maps import Methods
from orderferry import Choice, ChoiceKind, ForwardOrder, OrderRef, ShopOrder, Unavailable
from tests.daemon.engine import Engine, EngineClock, order, page, pln
from tests.daemon.engine_platforms import PickyShop, ShopWorld

UID = 1000
FOREIGN = ShopOrder(id="77", number="2077", total=pln("29.99"))


@pytest.fixture
def clock() -> EngineClock:
    return EngineClock()


@pytest.fixture
def world(clock: EngineClock) -> ShopWorld:
    return ShopWorld(clock)


async def picky(folder: Path, world: ShopWorld, clock: EngineClock, **changes: Any) -> Engine:  # a shop's settings
    return await Engine.between(folder, world, PickyShop, clock=clock, **changes)


async def told(engine: Engine, world: ShopWorld) -> ForwardOrder:
    await engine.receive(page(order(1)))
    await engine.settle()
    (asked,) = world.asked("add_order")
    assert isinstance(asked, ForwardOrder)
    return asked


async def test_withheld_means_not_in_what_the_shop_is_asked(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    forward = ForwardSettings(passed=frozenset({Passed.COMMENT}), fields={"_login": "{login}", "_no": "{order_id}"})
    async with await picky(tmp_path, world, clock, forward=forward) as engine:
        asked = await told(engine, world)
        assert (asked.buyer.login, asked.payment, asked.delivery.method) == (None, None, None)
        assert asked.fields == {"_no": "o-1"}
        await engine.rounds.act(acts.set_payment(1, None, UID, paid=False), [1])
        await engine.pass_time(6 * 3600)
        assert not world.asked("set_payment"), "payment is not told later either"


async def test_methods_without_an_entry_are_kept_for_the_seller_with_what_they_became(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    deliveries = Methods(general={"default": "flat:1"}, by_account={"elsewhere": {"Courier": "flat:2"}})
    async with await picky(tmp_path, world, clock, deliveries=deliveries) as engine:
        asked = await told(engine, world)
        assert asked.delivery.shop_method == "flat:1"
        await engine.receive(page(order(2)))
        await engine.settle()
        rows = await engine.store.fetch("select shop, kind, account, method, became, last_order from unmapped")
        assert rows == [
            ("shop", "deliveries", "market", "Courier", "flat:1", 1),
            ("shop", "payments", "market", "online", None, 1),
        ]


async def test_maps_are_compared_with_the_shops_real_choices_at_start(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    world.lists[ChoiceKind.STATUSES] = (
        Choice(id="processing", title="Processing"),
        Choice(id="completed", title="Completed", never="it puts the goods back"),
        Choice(id="cancelled", title="Cancelled"),
    )
    world.lists[ChoiceKind.DELIVERIES] = (Choice(id="flat:1", title="Courier"),)
    deliveries = Methods(general={"Courier": "flat:2", "default": "flat:1"})
    async with await picky(tmp_path, world, clock, deliveries=deliveries) as engine:
        engine.poll("shop")
        await engine.settle()
        assert [str(fault) for fault in engine.accounts["shop"].faults] == [
            "statuses.sent = 'completed' is refused: it puts the goods back",
            "deliveries.Courier = 'flat:2' is not known there; there are flat:1",
        ]
        asked = await told(engine, world)
        assert (asked.status, asked.delivery.shop_method) == ("processing", "flat:1"), "as if it were not written"
        done = await engine.rounds.act(acts.set_status(1, "sent", UID), [1])
        assert "nobody has to be told" in done.text


async def test_where_the_lists_cannot_be_had_the_maps_count_as_they_are_written(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    world.always["list_choices"] = Unavailable("away")
    async with await picky(tmp_path, world, clock, deliveries=Methods(general={"Courier": "flat:2"})) as engine:
        engine.poll("shop")
        await engine.settle()
        shop = engine.accounts["shop"]
        assert (shop.faults, shop.notes) == ((), ("its maps could not be checked: away",))
        assert (await told(engine, world)).delivery.shop_method == "flat:2"


async def test_an_order_that_something_else_has_put_in_is_reported_and_not_doubled(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    world.foreign["o-1"] = FOREIGN
    async with await picky(tmp_path, world, clock) as engine:
        await engine.receive(page(order(1), order(2)))
        await engine.settle()
        ((_, _, _, _, state, _, reason),) = await engine.jobs(order=1)
        assert state == "parked"
        assert "shop has order 2077 (id 77) for this purchase already" in (reason or "")
        assert [asked.external_id for asked in world.asked("add_order")] == ["o-2"], "the other goes its way"
        (entry,) = await engine.entries("job_parked")
        assert "orderferry resolve 1 --shop-order N" in entry["command"]


async def test_the_seller_may_take_the_foreign_order_as_ours_which_is_then_told_what_the_hub_knows(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    world.foreign["o-1"] = FOREIGN
    async with await picky(tmp_path, world, clock) as engine:
        await engine.receive(page(order(1)))
        await engine.settle()
        await engine.rounds.act(acts.resolve_found(1, 1, "77", engine.reference(1), UID), [1])
        await engine.settle()
        assert not world.asked("add_order")
        assert [(hook, number, value) for hook, number, value in world.told] == [
            ("set_status", "77", "processing"),
            ("set_payment", "77", True),
        ]
        assert isinstance(world.asked("set_status")[0][0], OrderRef | str)


async def test_the_seller_may_have_ours_added_all_the_same_and_is_not_asked_again(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    world.foreign["o-1"] = FOREIGN
    async with await picky(tmp_path, world, clock) as engine:
        await engine.receive(page(order(1)))
        await engine.settle()
        await engine.rounds.act(acts.resolve_again(1, 1, UID), [1])
        await engine.settle()
        assert len(world.asked("add_order")) == 1
        assert len(world.asked("find_purchase")) == 1


async def test_a_look_that_fails_sends_nothing_and_is_done_again(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    world.then("find_purchase", Unavailable("the search is away"))
    async with await picky(tmp_path, world, clock) as engine:
        await engine.receive(page(order(1)))
        await engine.settle()
        assert not world.asked("add_order")
        await engine.pass_time(120)
        assert len(world.asked("add_order")) == 1


async def test_who_does_not_want_the_look_has_none(tmp_path: Path, clock: EngineClock, world: ShopWorld) -> None:
    world.foreign["o-1"] = FOREIGN
    async with await picky(tmp_path, world, clock, forward=ForwardSettings(look_for_others=False)) as engine:
        await told(engine, world)
        assert not world.asked("find_purchase")


async def test_a_shop_that_is_down_holds_back_only_itself_and_each_has_its_own_maps(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    other = ShopWorld(clock)
    async with await picky(tmp_path, world, clock) as engine:
        await engine.shop(other, "second", statuses={"new": "wc-fresh"})
        world.always["add_order"] = Unavailable("down")
        await engine.receive(page(order(1)))
        await engine.settle()
        assert [asked.status for asked in other.asked("add_order")] == ["wc-fresh"]
        assert await engine.states() == ["waiting", "done"]


async def test_a_shop_that_is_not_fetched_from_by_itself_still_is_by_hand(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    world.pages.append(page(order(5)))
    async with await picky(tmp_path, world, clock, fetch=False) as engine:
        engine.poll("shop")
        await engine.pass_time(50 * 3600)
        assert not world.asked("fetch_orders")
        lines = [line async for line in engine.pollers["shop"].fetch_now(UID)]
        assert (lines[-1].new, lines[-1].done) == (1, True)
