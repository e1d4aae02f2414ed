"""What a person commands: each success, and each refusal with what helps."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from daemon import acts
from daemon.account_settings import ForwardSettings
from daemon.acts import Act
from daemon.views import CommandError, Done
from orderferry import Payment, PaymentKind, Rejected, Stage, Unsure
from tests.daemon.engine import Engine, EngineClock, order, page
from tests.daemon.engine_platforms import BlindShop, NoFeedShop, Shop, ShopWorld

UID = 1000
UNPAID = Payment(kind=PaymentKind.TRANSFER)


@pytest.fixture
def clock() -> EngineClock:
    return EngineClock()


@pytest.fixture
def world(clock: EngineClock) -> ShopWorld:
    return ShopWorld(clock)


@pytest.fixture
async def engine(tmp_path: Path, clock: EngineClock, world: ShopWorld) -> Any:  # an engine, closed afterwards
    async with await Engine.between(tmp_path, world, clock=clock) as opened:
        yield opened


async def act(engine: Engine, given: Act, number: int = 1) -> Done:
    done = await engine.rounds.act(given, [number])
    await engine.settle()
    return done


async def refused(engine: Engine, given: Act, code: str, words: str, number: int = 1) -> None:
    before = await engine.store.fetch("select * from job"), await engine.store.fetch("select * from journal")
    with pytest.raises(CommandError, match=words) as caught:
        await engine.rounds.act(given, [number])
    assert caught.value.problem.code == code
    assert before == (await engine.store.fetch("select * from job"), await engine.store.fetch("select * from journal"))


async def test_an_order_that_is_not_there_is_told_by_every_command(engine: Engine) -> None:
    for given in (
        acts.forward(9, None, UID),
        acts.retry(9, 1, UID),
        acts.resolve_found(9, 1, "7", "ref", UID),
        acts.resolve_again(9, 1, UID),
        acts.set_status(9, "sent", UID),
        acts.set_payment(9, None, UID, paid=True),
        acts.add_parcel(9, "DPD", "P", UID),
    ):
        await refused(engine, given, "not_found", "there is no order 9", 9)


async def test_a_placed_order_is_forwarded_by_hand(engine: Engine, world: ShopWorld) -> None:
    await engine.receive(page(order(1, stage=Stage.PLACED, payment=UNPAID)))
    done = await act(engine, acts.forward(1, None, UID))
    assert (done.text, done.jobs) == ("order 1 is on its way to shop", (1,))
    assert len(world.applied) == 1
    assert (await engine.entries("job_made"))[0]["why"] == "by hand (uid 1000)"
    await refused(engine, acts.forward(1, "shop", UID), "conflict", "shop has it already, as 1000")


async def test_forwarding_names_only_the_shops_that_get_it(engine: Engine, clock: EngineClock) -> None:
    await engine.receive(page(order(1)))
    await engine.settle()
    await engine.shop(ShopWorld(clock), "second", forward=ForwardSettings(enabled=False))
    await engine.shop(ShopWorld(clock), "third", kind=NoFeedShop)
    engine.accounts["third"].missing = {"add_order": "the key may only read"}
    done = await act(engine, acts.forward(1, "second", UID))
    assert done.text == "order 1 is on its way to second"
    await refused(engine, acts.forward(1, "third", UID), "conflict", "third can't take orders")
    engine.accounts["third"].missing = {}
    done = await act(engine, acts.forward(1, None, UID))
    assert done.text == "order 1 is on its way to third (shop has it already, as 1000)"


async def test_what_cannot_be_forwarded_says_why(engine: Engine) -> None:
    await engine.receive(page(order(1, stage=Stage.CANCELLED), order(2)))
    await engine.receive(page(order(3)), account="shop")
    await engine.settle()
    await refused(engine, acts.forward(1, None, UID), "conflict", "order 1 is cancelled")
    await refused(engine, acts.forward(3, "shop", UID), "conflict", "made in shop itself", 3)
    await refused(engine, acts.forward(2, "nowhere", UID), "not_found", "there is no shop nowhere", 2)
    await refused(engine, acts.forward(2, "market", UID), "not_found", "there is no shop market", 2)


async def test_an_order_under_way_is_not_forwarded_a_second_time(engine: Engine, world: ShopWorld) -> None:
    world.close_gate()
    await engine.receive(page(order(1)))
    await engine.settle()
    await refused(engine, acts.forward(1, None, UID), "conflict", "job 1 for shop is sending already")
    await refused(engine, acts.retry(1, 1, UID), "conflict", "a job that is sending can't retry")
    await refused(engine, acts.resolve_again(1, 1, UID), "conflict", "can't resolve again")
    world.open_gate()


async def test_a_parked_job_goes_again_after_retry(engine: Engine, world: ShopWorld) -> None:
    world.then("add_order", Rejected("no such product"))
    await engine.receive(page(order(1)))
    await engine.settle()
    done = await act(engine, acts.retry(1, 1, UID))
    assert done.jobs == (1,)
    assert await engine.states() == ["done"]
    assert await engine.entries("job_retried") == [{"what": "add_order", "uid": UID}]
    await refused(engine, acts.retry(1, 1, UID), "conflict", "a job that is done can't retry")
    await refused(engine, acts.retry(1, 99, UID), "not_found", "there is no job 99")


async def test_a_doubt_is_looked_up_at_once_by_retry_and_never_sent(engine: Engine, world: ShopWorld) -> None:
    world.then("add_order", Unsure("lost"))
    await engine.receive(page(order(1)))
    await engine.settle()
    await act(engine, acts.retry(1, 1, UID))
    assert world.asked("find_order") == [engine.reference(1)]
    assert len(world.asked("add_order")) == 1
    assert await engine.states() == ["unsure"]


@pytest.fixture
async def doubt(tmp_path: Path, clock: EngineClock, world: ShopWorld) -> Any:  # an engine with a parked doubt
    world.then("add_order", Unsure("lost"))
    async with await Engine.between(tmp_path, world, kind=BlindShop, clock=clock) as opened:
        await opened.receive(page(order(1)))
        await opened.settle()
        yield opened


async def test_a_parked_doubt_is_not_simply_tried_again(doubt: Engine) -> None:
    await refused(doubt, acts.retry(1, 1, UID), "conflict", "orderferry resolve 1 --shop-order N")


async def test_a_doubt_is_settled_by_the_shops_order(doubt: Engine, world: ShopWorld) -> None:
    done = await act(doubt, acts.resolve_found(1, 1, "4711", doubt.reference(1), UID))
    assert done.text == "order 1 is order 4711 in shop"
    assert await doubt.links() == {1: "4711"}
    assert (await doubt.states())[0] == "done"
    assert len(world.asked("add_order")) == 1
    (entry,) = await doubt.entries("job_resolved")
    assert (entry["how"], entry["shop_order"], entry["uid"]) == ("found", "4711", UID)
    await refused(doubt, acts.resolve_found(1, 1, "9", "x", UID), "conflict", "can't resolve found")


async def test_a_doubt_is_settled_by_sending_again(doubt: Engine, world: ShopWorld) -> None:
    await act(doubt, acts.resolve_again(1, 1, UID))
    assert await doubt.links() == {1: "1000"}
    assert len(world.asked("add_order")) == 2
    assert (await doubt.entries("job_resolved"))[0]["how"] == "send_again"


async def test_a_status_is_told_to_whoever_maps_it(engine: Engine, world: ShopWorld) -> None:
    await engine.receive(page(order(1)))
    await engine.settle()
    done = await act(engine, acts.set_status(1, "sent", UID))
    assert done.text == "order 1 is sent now; told: shop at once"
    assert world.told == [("set_status", "1000", "completed")]
    assert await engine.entries("status_set") == [{"was": "new", "status": "sent", "uid": UID}]
    assert (await act(engine, acts.set_status(1, "sent", UID))).text == "order 1 is sent already"
    done = await act(engine, acts.set_status(1, "packing", UID))
    assert done.text == "order 1 is packing now; nobody has to be told"
    await act(engine, acts.set_status(1, "sent", UID))
    assert len(world.told) == 1, "the shop has it already"


async def test_a_status_that_cannot_be_told_says_why(engine: Engine) -> None:
    await engine.receive(page(order(1)))
    await engine.settle()
    engine.accounts["shop"].missing = {"set_status": "the key may only read"}
    done = await act(engine, acts.set_status(1, "sent", UID))
    assert done.text == "order 1 is sent now; nobody has to be told (shop can't do this: the key may only read)"


async def test_a_new_value_wakes_what_was_parked(engine: Engine, world: ShopWorld) -> None:
    await engine.receive(page(order(1)))
    await engine.settle()
    world.then("set_status", Rejected("this status does not exist"))
    await act(engine, acts.set_status(1, "sent", UID))
    assert await engine.states() == ["done", "parked"]
    await act(engine, acts.set_status(1, "cancelled", UID))
    assert await engine.states() == ["done", "done"]
    assert world.told == [("set_status", "1000", "cancelled")]


async def test_going_back_to_what_the_shop_has_cancels_what_was_parked(engine: Engine, world: ShopWorld) -> None:
    await engine.receive(page(order(1)))
    await engine.settle()
    world.then("set_status", Rejected("no"))
    await act(engine, acts.set_status(1, "sent", UID))
    await act(engine, acts.set_status(1, "new", UID))
    assert await engine.states() == ["done", "cancelled"]
    assert (await engine.entries("job_cancelled"))[0]["why"] == "shop has it already"


async def test_only_the_newest_of_several_values_is_told(engine: Engine, world: ShopWorld) -> None:
    await engine.receive(page(order(1)))
    await engine.settle()
    engine.accounts["shop"].paused = True
    for status in ("sent", "packing", "cancelled"):
        await act(engine, acts.set_status(1, status, UID))
    engine.accounts["shop"].paused = False
    engine.rounds.wake()
    await engine.settle()
    assert world.told == [("set_status", "1000", "cancelled")]


async def test_a_payment_by_hand_is_told_to_the_shop(engine: Engine, world: ShopWorld) -> None:
    await engine.receive(page(order(1, payment=UNPAID)))
    await engine.settle()
    done = await act(engine, acts.set_payment(1, Decimal("29.99"), UID, paid=True))
    assert done.text == "order 1 is paid now; told: shop at once"
    assert world.told == [("set_payment", "1000", True)]
    assert await engine.entries("payment_set") == [{"paid": True, "amount": "29.99", "uid": UID}]
    assert (await act(engine, acts.set_payment(1, None, UID, paid=True))).text == "order 1 is paid already"
    await act(engine, acts.set_payment(1, None, UID, paid=False))
    assert world.told[-1] == ("set_payment", "1000", False)


async def test_a_parcel_is_told_to_shop_and_marketplace_and_only_once(engine: Engine, world: ShopWorld) -> None:
    await engine.receive(page(order(1)))
    await engine.settle()
    done = await act(engine, acts.add_parcel(1, "DPD", "P-1", UID))
    assert done.text == "the parcel P-1 is added to order 1; told: market at once, shop at once"
    assert world.told == [("set_tracking", "1000", ("P-1",))]
    assert engine.worlds[0].told == [("set_tracking", "o-1", ("P-1",))]
    assert (await act(engine, acts.add_parcel(1, "DPD", "P-1", UID))).text == "order 1 has the parcel P-1 already"
    await act(engine, acts.add_parcel(1, "InPost", "P-2", UID))
    assert world.told[-1] == ("set_tracking", "1000", ("P-1", "P-2"))


async def test_only_what_adds_an_order_can_be_resolved(engine: Engine, world: ShopWorld) -> None:
    world.then("set_status", Rejected("no"))
    await engine.receive(page(order(1)))
    await engine.settle()
    await act(engine, acts.set_status(1, "sent", UID))
    for given in (acts.resolve_again(1, 2, UID), acts.resolve_found(1, 2, "7", "x", UID)):
        await refused(engine, given, "invalid", "`orderferry retry 2` is safe")


async def test_pausing_is_kept_and_told(engine: Engine) -> None:
    assert "nothing is asked" in (await engine.rounds.act(acts.pause("shop", UID, paused=True))).text
    assert await engine.store.fetch("select paused from account where name = 'shop'") == [(1,)]
    await engine.rounds.act(acts.pause("shop", UID, paused=False))
    assert await engine.store.fetch("select paused from account where name = 'shop'") == [(0,)]
    told = [kind for kind in await engine.kinds() if kind.startswith("account")]
    assert told == ["account_paused", "account_resumed"]


async def test_the_day_on_which_an_account_was_added_stays(engine: Engine, clock: EngineClock) -> None:
    query = "select platform, role, added_at from account where name = 'shop'"
    before = await engine.store.fetch(query)
    await clock.advance(86_400)
    await engine.rounds.act(acts.add_account("shop", "other-platform", "shop"))
    (row,) = await engine.store.fetch(query)
    assert (row[0], row[2]) == ("other-platform", before[0][2])


def test_the_class_of_the_fake_shop_is_what_the_tests_take_it_for() -> None:
    assert issubclass(BlindShop, Shop)
