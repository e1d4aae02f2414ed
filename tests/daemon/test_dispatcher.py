"""Jobs carried out: which outcome follows which answer, and that no shop ever gets an order twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from daemon import acts
from daemon.accounts import Health
from orderferry import Malformed, NeedsLogin, RateLimited, Rejected, ShopOrder, Unavailable, Unsure
from tests.daemon.engine import VAULT, Engine, EngineClock, order, page
from tests.daemon.engine_platforms import (
    HANG,
    Answer,
    Applied,
    BlindShop,
    Fate,
    Late,
    MovingShop,
    NarrowShop,
    QuickShop,
    ShopWorld,
    SteppingShop,
)

SETTLE = 420.0


@pytest.fixture
def clock() -> EngineClock:
    return EngineClock()


@pytest.fixture
def world(clock: EngineClock) -> ShopWorld:
    return ShopWorld(clock)


async def test_a_ready_order_is_in_the_shop_and_linked(tmp_path: Path, clock: EngineClock, world: ShopWorld) -> None:
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        await engine.receive(page(order(1)))
        await engine.settle()
        assert world.applied == [(engine.reference(1), "1000")]
        assert await engine.links() == {1: "1000"}
        assert await engine.states() == ["done"]
        (done,) = await engine.entries("job_done")
        assert (done["shop_order"], done["total"]) == ("1000", "29.99 PLN")
        assert world.asked("find_order") == []


async def test_a_shop_that_makes_another_total_of_it_leaves_a_warning_with_both(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    world.then("add_order", Answer(ShopOrder(id="7", number="7", total=order(total=order().delivery.cost).total)))
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        await engine.receive(page(order(1)))
        await engine.settle()
        (warning,) = await engine.entries("order_warning")
        assert "9.99 PLN" in warning["text"]
        assert "29.99 PLN" in warning["text"]


async def test_no_account_ever_has_more_calls_than_its_hands(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    world.close_gate()
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        await engine.receive(page(*(order(number) for number in range(1, 21))))
        await engine.settle()
        assert world.gated == 4
        world.open_gate()
        await engine.settle()
        assert world.most_at_once == 4
        assert len(world.applied) == 20
        assert len(dict(world.applied)) == 20


async def test_an_account_that_hangs_delays_nobody_else(tmp_path: Path, clock: EngineClock, world: ShopWorld) -> None:
    stuck = ShopWorld(clock)
    stuck.close_gate()
    world.then("add_order", Rejected("no"))
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        await engine.shop(stuck, "stuck")
        await engine.receive(page(*(order(number) for number in range(1, 11))))
        await engine.settle()
        assert stuck.gated == 4
        assert len(world.applied) == 9
        assert [row[4] for row in await engine.jobs(account="shop")].count("parked") == 1


async def test_a_later_job_of_one_account_rings_although_another_account_hangs(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    stuck = ShopWorld(clock)
    world.then("add_order", Unsure("lost"))
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        await engine.shop(stuck, "stuck", kind=NarrowShop)
        world.close_gate()
        await engine.receive(page(order(1)))
        await engine.settle()
        stuck.close_gate()
        await engine.receive(page(order(2), order(3), order(4)))  # more for `stuck` than it has hands
        world.open_gate()  # the outcome that is due later and the claims for `stuck` come in one round
        await engine.settle()
        assert stuck.gated == 1
        await engine.pass_time(3)
        assert world.asked("find_order") == [engine.reference(1)]
        stuck.open_gate()


@pytest.mark.parametrize(
    ("error", "state", "word"),
    [
        (Rejected("no such product"), "parked", "no such product"),
        (Malformed("a bad line"), "parked", "a bad line"),
    ],
)
async def test_a_refusal_parks_the_job_with_its_reason_and_its_command(  # noqa: PLR0917 - fixtures and a table's columns
    tmp_path: Path, clock: EngineClock, world: ShopWorld, error: Exception, state: str, word: str
) -> None:
    world.then("add_order", error)
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        await engine.receive(page(order(1), order(2)))
        await engine.settle()
        assert sorted(await engine.states()) == ["done", state]
        (parked,) = await engine.entries("job_parked")
        job = (await engine.jobs(state="parked"))[0][0]
        assert (parked["reason"], parked["command"]) == (word, f"orderferry retry {job}")
        await engine.pass_time(86_400)
        assert len(world.asked("add_order")) == 2


@pytest.mark.parametrize("error", [Unsure("lost"), KeyError("plugin"), Answer(None), Answer("what?"), HANG])
async def test_a_doubt_is_looked_up_and_sent_again_only_after_the_settle_window(
    tmp_path: Path, clock: EngineClock, world: ShopWorld, error: Fate
) -> None:
    world.then("add_order", error if not isinstance(error, Answer) else KeyError("plugin"))
    async with await Engine.between(tmp_path, world, kind=QuickShop, clock=clock) as engine:
        await engine.receive(page(order(1)))
        await engine.settle()
        assert await engine.states() == ["unsure"]
        assert (len(world.asked("add_order")), len(world.asked("find_order"))) == (1, 0)
        await engine.pass_time(SETTLE - 1)
        looks = len(world.asked("find_order"))
        assert looks >= 8, "it is looked for again and again for the whole window"
        assert len(world.asked("add_order")) == 1
        await engine.pass_time(2)
        assert len(world.asked("find_order")) == looks + 1
        assert len(world.asked("add_order")) == 2
        assert await engine.links() == {1: "1000"}


@pytest.mark.parametrize("value", [None, "1044", {"id": "1044"}, ShopOrder(id=None, number="7"), False])  # type: ignore[arg-type] # a plugin may answer anything
async def test_a_plugin_that_answers_nonsense_is_a_doubt_and_ends_nothing_else(
    tmp_path: Path, clock: EngineClock, world: ShopWorld, value: Any
) -> None:
    world.then("add_order", Answer(value))
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        await engine.receive(page(order(1), order(2)))
        await engine.settle()
        assert not engine.running.done()
        assert sorted(await engine.states()) == ["done", "unsure"]
        await engine.pass_time(3)
        assert len(await engine.links()) == 2
        assert len(world.applied) == 2


@pytest.mark.parametrize("value", ["1044", {"id": "1044"}, ShopOrder(id=None, number="7"), False])  # type: ignore[arg-type] # a plugin may answer anything
async def test_a_look_up_that_answers_nonsense_is_no_answer_and_is_not_repeated_without_end(
    tmp_path: Path, clock: EngineClock, world: ShopWorld, value: Any
) -> None:
    world.then("add_order", Applied(Unsure("lost")))
    world.then("find_order", Answer(value))
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        await engine.receive(page(order(1)))
        await engine.pass_time(3)
        assert await engine.states() == ["unsure"]
        assert len(world.asked("find_order")) == 1
        await engine.pass_time(3)
        assert await engine.links() == {1: "1000"}


async def test_a_plugin_that_ends_the_program_does_not(tmp_path: Path, clock: EngineClock, world: ShopWorld) -> None:
    world.then("add_order", SystemExit(3))
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        await engine.receive(page(order(1), order(2)))
        await engine.settle()
        assert sorted(await engine.states()) == ["done", "unsure"]


@pytest.mark.parametrize("error", [Unsure("lost"), KeyError("plugin")])
async def test_an_applied_order_whose_answer_was_lost_is_found_within_seconds(
    tmp_path: Path, clock: EngineClock, world: ShopWorld, error: Exception
) -> None:
    world.then("add_order", Applied(error))
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        await engine.receive(page(order(1)))
        await engine.pass_time(2.5)
        assert await engine.links() == {1: "1000"}
        assert len(world.asked("add_order")) == 1


@pytest.mark.parametrize("after", [1.0, 50.0, 70.0, 300.0, 419.0])
async def test_a_shop_that_does_it_late_is_waited_for(
    tmp_path: Path, clock: EngineClock, world: ShopWorld, after: float
) -> None:
    world.then("add_order", Late(after))
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        await engine.receive(page(order(1)))
        await engine.pass_time(SETTLE + 61)
        assert len(world.asked("add_order")) == 1
        assert len(world.applied) == 1
        assert await engine.links() == {1: "1000"}


@pytest.mark.parametrize("error", [Unavailable("away"), Rejected("bad request"), KeyError("x"), Unsure("cut"), HANG])
async def test_a_look_up_that_fails_is_never_a_no(
    tmp_path: Path, clock: EngineClock, world: ShopWorld, error: Fate
) -> None:
    world.then("add_order", Unsure("lost"))
    world.always["find_order"] = error
    async with await Engine.between(tmp_path, world, kind=QuickShop, clock=clock) as engine:
        await engine.receive(page(order(1)))
        await engine.pass_time(2 * SETTLE)
        assert len(world.asked("add_order")) == 1
        assert await engine.states() == ["unsure"]
        world.always.clear()
        await engine.pass_time(120)
        assert await engine.links() == {1: "1000"}
        assert len(world.asked("add_order")) == 2


@pytest.mark.parametrize("error", [Unsure("lost"), KeyError("plugin"), HANG])
async def test_a_shop_that_cannot_be_searched_parks_at_once_with_the_command_that_settles_it(
    tmp_path: Path, clock: EngineClock, world: ShopWorld, error: Fate
) -> None:
    world.then("add_order", error)
    async with await Engine.between(tmp_path, world, kind=BlindShop, clock=clock) as engine:
        await engine.receive(page(order(1)))
        await engine.settle()
        assert await engine.states() == ["parked"]
        (parked,) = await engine.entries("job_parked")
        assert parked["command"] == "orderferry resolve 1 --shop-order N, or orderferry resolve 1 --send-again"
        await engine.pass_time(86_400)
        assert len(world.asked("add_order")) == 1
        await engine.rounds.act(acts.resolve_again(1, 1, 0), [1])
        await engine.settle()
        assert await engine.links() == {1: "1000"}


async def test_an_order_that_is_never_there_afterwards_is_parked_after_eight_tries(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    world.always["add_order"] = Unsure("always lost")
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        await engine.receive(page(order(1)))
        await engine.pass_time(9 * (SETTLE + 60))
        assert await engine.states() == ["parked"]
        assert len(world.asked("add_order")) == 8
        (parked,) = await engine.entries("job_parked")
        assert parked["command"] == "orderferry retry 1", "it is known not to be there"


async def test_what_fails_again_and_again_in_telling_is_parked_after_eight_tries(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    world.always["set_status"] = Unsure("always lost")
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        await engine.receive(page(order(1)))
        await engine.settle()
        await engine.rounds.act(acts.set_status(1, "sent", 0), [1])
        await engine.pass_time(3 * 3600)
        assert len(world.asked("set_status")) == 8
        assert await engine.states() == ["done", "parked"]
        world.always.clear()
        await engine.rounds.act(acts.retry(1, 2, 0), [1])
        await engine.settle()
        assert await engine.states() == ["done", "done"]


async def test_progress_is_on_disk_when_save_returns_and_is_there_for_the_next_try(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    world.then("add_order", Unavailable("away"))
    async with await Engine.between(tmp_path, world, kind=SteppingShop, clock=clock) as engine:
        seen = []

        async def look(hook: str, _: object) -> None:
            if hook == "saved":
                seen.append((await engine.store.fetch("select progress, state from job"))[0])
                seen[-1] = (VAULT.unseal(seen[-1][0], "progress|1").decode(), seen[-1][1])

        world.on_call = look
        await engine.receive(page(order(1)))
        await engine.pass_time(5)
        text = f"cart-of-{engine.reference(1)}"
        assert seen == [(text, "sending"), (text, "sending")]
        assert world.asked("saved") == [text, text]
        assert await engine.links() == {1: "1000"}


async def test_telling_takes_the_newest_value_and_what_moves_the_status_has_it_told_again(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await Engine.between(tmp_path, world, kind=MovingShop, clock=clock) as engine:
        await engine.receive(page(order(1)))
        await engine.settle()
        await engine.rounds.act(acts.add_parcel(1, "DPD", "P-1", 0), [1])
        await engine.settle()
        assert world.told == [("set_tracking", "1000", ("P-1",)), ("set_status", "1000", "processing")]


async def test_a_status_that_changed_while_a_doubt_was_open_is_told_once_it_is_settled(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    world.then("add_order", Applied(Unsure("lost")))
    unpaid = order(1, payment=order().payment.__class__(kind=order().payment.kind))
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        await engine.receive(page(unpaid))
        await engine.settle()
        await engine.rounds.act(acts.set_status(1, "sent", 0), [1])
        await engine.rounds.act(acts.set_payment(1, None, 0, paid=True), [1])
        await engine.pass_time(3)
        assert await engine.links() == {1: "1000"}
        assert ("set_status", "1000", "completed") in world.told
        assert ("set_payment", "1000", True) in world.told


async def test_a_document_that_cannot_be_unsealed_parks_its_own_job_alone(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    engine = await Engine.between(tmp_path, world, clock=clock)
    state = engine.accounts["shop"]
    state.paused = True
    await engine.receive(page(order(1), order(2)))
    await engine.settle()
    await engine.store._db.execute("update document set body = x'0102030405' where order_id = 1")
    await engine.close()
    async with await Engine.between(tmp_path, world, clock=clock) as again:
        again.rounds.wake()
        await again.settle()
        assert await again.states() == ["parked", "done"]
        (parked,) = await again.entries("job_parked")
        assert "can't be read" in parked["reason"]
        assert state.health is Health.STARTING


@pytest.mark.parametrize(
    ("error", "health"),
    [
        (Unavailable("away"), Health.DOWN),
        (RateLimited("slower", retry_after=30), Health.DOWN),
        (NeedsLogin("bad key"), Health.NEEDS_LOGIN),
    ],
)
async def test_a_failing_account_costs_its_jobs_nothing(
    tmp_path: Path, clock: EngineClock, world: ShopWorld, error: Exception, health: Health
) -> None:
    world.always["add_order"] = error
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        await engine.receive(page(*(order(number) for number in range(1, 9))))
        await engine.settle()
        assert engine.accounts["shop"].health is health
        await engine.pass_time(3 * 3600)
        assert await engine.states() == ["waiting"] * 8
        assert {row[5] for row in await engine.jobs()} == {0}
        world.always.clear()
        await engine.pass_time(16 * 60)
        assert await engine.states() == ["done"] * 8
        assert engine.accounts["shop"].health is Health.OK
        assert (await engine.kinds()).count("account_up") == 1
