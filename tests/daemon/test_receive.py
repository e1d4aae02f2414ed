"""Pages onto the desk: what is new, changed, merged or unreadable, and our own orders met again in a shop."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon import acts
from daemon.receive import Counts, malformed_id, unpack
from orderferry import Buyer, Echo, Line, MalformedOrder, Parcel, Payment, PaymentKind, Stage, Unsure
from orderferry.testing.clock import START
from tests.daemon.engine import BUYER, Engine, EngineClock, order, page, pln
from tests.daemon.engine_platforms import BlindShop, ShopWorld

LATER = START + timedelta(minutes=5)


@pytest.fixture
def clock() -> EngineClock:
    return EngineClock()


@pytest.fixture
def world(clock: EngineClock) -> ShopWorld:
    return ShopWorld(clock)


def bad(external_id: str | None = "m-1", reason: str = "no total", raw: bytes = b"raw") -> MalformedOrder:
    return MalformedOrder(external_id=external_id, reason=reason, raw=raw)


async def stages(engine: Engine) -> list[tuple[str, str, str]]:
    rows = await engine.store.fetch("select external_id, stage, status from orders order by id")
    return [tuple(row) for row in rows]


async def test_a_repeat_changes_nothing_and_an_older_state_neither(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        first = await engine.receive(page(order(1, stage=Stage.PLACED)))
        again = await engine.receive(page(order(1, stage=Stage.PLACED)))
        newer = await engine.receive(page(order(1, updated_at=LATER)))
        older = await engine.receive(page(order(1, stage=Stage.PLACED)))
        assert [(c.new, c.changed) for c in (first, again, newer, older)] == [(1, 0), (0, 0), (0, 1), (0, 0)]
        assert await stages(engine) == [("o-1", "ready", "new")]
        await engine.settle()
        (entry,) = await engine.entries("order_changed")
        assert (entry["stage"], entry["was_stage"]) == ("ready", "placed")
        assert len(world.applied) == 1


async def test_of_one_order_twice_in_a_page_the_newer_counts(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        counts = await engine.receive(page(order(1, updated_at=LATER), order(1, stage=Stage.PLACED)))
        assert (counts.new, await stages(engine)) == (1, [("o-1", "ready", "new")])


async def test_a_cancelled_order_is_not_forwarded_and_one_that_is_cancelled_later_is_told(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        await engine.receive(page(order(1, stage=Stage.CANCELLED), order(2)))
        await engine.settle()
        await engine.receive(page(order(2, stage=Stage.CANCELLED, updated_at=LATER)))
        await engine.settle()
        assert await stages(engine) == [("o-1", "cancelled", "cancelled"), ("o-2", "cancelled", "cancelled")]
        assert len(world.applied) == 1
        assert world.told == [("set_status", "1000", "cancelled")]


async def test_an_order_that_changes_after_forwarding_is_shown_as_different(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        await engine.receive(page(order(1)))
        await engine.settle()
        await engine.receive(page(order(1, comment="ring twice", revision="r2", updated_at=LATER)))
        assert await engine.entries("order_differs") == [{"fields": ["comment"]}]
        await engine.receive(page(order(1, comment="ring twice", site="cz", updated_at=LATER)))
        assert len(await engine.entries("order_differs")) == 1, "what is not in the shop's order does not differ"


async def test_a_buyer_whom_the_marketplace_hides_later_is_neither_lost_nor_a_difference(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        await engine.receive(page(order(1, buyer=Buyer(login="anna", email="anna@example.org"))))
        await engine.settle()
        hidden = order(1, buyer=Buyer(login="anna"), shipped=True, updated_at=LATER)
        counts = [await engine.receive(page(hidden)) for _ in range(2)]
        assert [count.changed for count in counts] == [1, 0]
        await engine.settle()
        (entry,) = await engine.entries("order_changed")
        assert entry["fields"] == ["shipped"]
        assert await engine.entries("order_differs") == []


@pytest.mark.parametrize("lost", [False, True])
async def test_an_order_that_changes_while_it_is_on_its_way_is_shown_as_different(
    tmp_path: Path, clock: EngineClock, world: ShopWorld, *, lost: bool
) -> None:
    if lost:
        world.then("add_order", Unsure("lost"))
    else:
        world.close_gate()
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        await engine.receive(page(order(1)))
        await engine.settle()
        assert await engine.states() == ["unsure" if lost else "sending"]
        await engine.receive(page(order(1, buyer=Buyer(login="other"), updated_at=LATER)))
        assert await engine.entries("order_differs") == [{"fields": ["buyer"]}]
        assert BUYER not in str(await engine.store.fetch("select data from journal"))
        world.open_gate()


async def test_a_payment_that_comes_later_is_told_to_the_shop_and_one_said_by_hand_stays(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    unpaid = Payment(kind=PaymentKind.ONLINE)
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        await engine.receive(page(order(1, payment=unpaid), order(2, payment=unpaid)))
        await engine.settle()
        await engine.receive(page(order(1, updated_at=LATER)))
        await engine.rounds.act(acts.set_payment(2, None, 0, paid=True), [2])
        await engine.receive(page(order(2, payment=unpaid, comment="x", updated_at=LATER)))
        await engine.settle()
        assert await engine.store.fetch("select paid from orders") == [(1,), (1,)]
        assert sorted(world.told) == [("set_payment", "1000", True), ("set_payment", "1001", True)]


async def test_parcels_of_the_marketplace_are_told_to_the_shop_once(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    parcels = (Parcel(carrier="DPD", number="P-1"),)
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        await engine.receive(page(order(1)))
        await engine.settle()
        for second in (1, 2):
            await engine.receive(page(order(1, parcels=parcels, updated_at=LATER + timedelta(seconds=second))))
            await engine.settle()
        assert [told for told in world.told if told[0] == "set_tracking"] == [("set_tracking", "1000", ("P-1",))]


async def test_a_merged_order_is_replaced_and_only_the_merging_one_is_forwarded(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    both = order(3, lines=(order(1).lines[0], order(2).lines[0]), total=pln("49.99"), updated_at=LATER)
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        placed = page(order(1, stage=Stage.PLACED), order(2, stage=Stage.PLACED))
        await engine.receive(placed, merges=True)
        await engine.receive(page(both), merges=True)
        await engine.settle()
        assert await stages(engine) == [
            ("o-1", "merged", "cancelled"),
            ("o-2", "merged", "cancelled"),
            ("o-3", "ready", "new"),
        ]
        assert world.applied == [(engine.reference(3), "1000")]
        await engine.receive(page(order(1), order(2)), merges=True)
        await engine.settle()
        assert len(world.applied) == 1, "the old states of what was merged mean nothing any more"
        merged = await engine.store.fetch("select merged_into from orders order by id")
        assert [row[0] for row in merged] == [3, 3, None]


async def test_an_order_that_was_forwarded_before_it_was_merged_is_cancelled_in_the_shop_with_a_warning(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    both = order(3, lines=(order(1).lines[0], order(2).lines[0]), total=pln("49.99"), updated_at=LATER)
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        await engine.receive(page(order(1), order(2, stage=Stage.PLACED)), merges=True)
        await engine.settle()
        await engine.receive(page(both), merges=True)
        await engine.settle()
        assert ("set_status", "1000", "cancelled") in world.told
        assert "shop" in (await engine.entries("order_warning"))[0]["text"]


async def test_an_unreadable_order_is_kept_once_noted_once_and_gone_when_it_is_understood(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        counts = [await engine.receive(page(malformed=(bad(),), cursor=f"c{number}")) for number in range(3)]
        assert [c.malformed for c in counts] == [1, 0, 0]
        (row,) = await engine.store.fetch("select external_id, reason, times from malformed")
        assert row == ("m-1", "no total", 3)
        assert len(await engine.entries("order_malformed")) == 1
        await engine.receive(page(malformed=(bad(reason="no lines"),)))
        assert len(await engine.entries("order_malformed")) == 2, "another reason is news"
        await engine.receive(page(order(9, external_id="m-1")))
        assert await engine.store.fetch("select * from malformed") == []


async def test_an_unreadable_order_without_an_id_is_known_by_its_content(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    one, other = bad(None, raw=b"one"), bad(None, raw=b"other")
    assert malformed_id(one) == malformed_id(bad(None, raw=b"one")) != malformed_id(other)
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        await engine.receive(page(malformed=(one, one, other)))
        assert len(await engine.store.fetch("select * from malformed")) == 2


async def test_a_known_order_that_becomes_unreadable_stays_as_it_was(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        await engine.receive(page(order(1)))
        await engine.receive(page(malformed=(bad("o-1"),)))
        assert await stages(engine) == [("o-1", "ready", "new")]
        rows = await engine.store.fetch("select order_id from journal where kind = 'order_malformed'")
        assert rows == [(1,)]


async def test_the_raw_text_can_be_read_with_the_key(tmp_path: Path, clock: EngineClock, world: ShopWorld) -> None:
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        await engine.receive(page(malformed=(bad(raw=b"x" * 1_000_000),)))
        ((sealed,),) = await engine.store.fetch("select raw from malformed")
        assert engine.store._seal.unseal(sealed, "malformed|market|m-1") == b"x" * 262_144


@pytest.mark.parametrize(
    ("behind", "caught_up", "sweep", "gap"),
    [(11, 0, True, True), (9, 0, True, False), (11, 0, False, False), (11, None, True, False)],
)
async def test_a_gap_is_noted_only_when_the_feed_should_have_told_the_order_long_ago(
    tmp_path: Path, clock: EngineClock, world: ShopWorld, behind: int, caught_up: int | None, *, sweep: bool, gap: bool
) -> None:
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        late = order(1, at=START - timedelta(minutes=behind))
        read = None if caught_up is None else START
        await engine.receive(page(late, sweep=sweep), caught_up=read)
        assert ("order_gap" in await engine.kinds()) is gap
        await engine.settle()
        assert len(world.applied) == 1


async def test_our_own_order_met_again_tells_whether_it_is_paid(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        await engine.receive(page(order(1, payment=Payment(kind=PaymentKind.TRANSFER))))
        await engine.settle()
        mark = engine.reference(1)
        for paid in (None, False, True, True):
            await engine.receive(page(echoes=(Echo(reference=mark, id="1000", paid=paid),)), account="shop")
        await engine.settle()
        assert await engine.entries("payment_set") == [{"paid": True}]
        assert world.told == [], "the shop knows it already"
        assert await engine.store.fetch("select count(*) from orders") == [(1,)]


async def test_a_double_in_the_shop_is_warned_of_once(tmp_path: Path, clock: EngineClock, world: ShopWorld) -> None:
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        await engine.receive(page(order(1)))
        await engine.settle()
        echoes = (Echo(reference=engine.reference(1), id="1000"), Echo(reference=engine.reference(1), id="1077"))
        for _ in range(3):
            await engine.receive(page(echoes=echoes), account="shop")
        (entry,) = await engine.entries("double_found")
        assert entry["shop_orders"] == ["1000", "1077"]
        (warning,) = await engine.entries("order_warning")
        assert "1000 and 1077" in warning["text"]


async def test_echoes_of_nobody_mean_nothing(tmp_path: Path, clock: EngineClock, world: ShopWorld) -> None:
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        marks = ("", "x", engine.prefix, f"{engine.prefix}{'9' * 30}", engine.reference(5), f"other{engine.prefix}1")
        counts = await engine.receive(page(echoes=tuple(Echo(reference=mark, id="5") for mark in marks)), "shop")
        assert counts == Counts(pages=1)


async def test_an_order_of_the_shop_itself_is_not_forwarded_back(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        await engine.receive(page(order(1)), account="shop")
        await engine.settle()
        assert await engine.jobs() == []


async def test_a_parked_doubt_survives_the_cancelling_of_its_order(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    world.then("add_order", Unsure("lost"))
    async with await Engine.between(tmp_path, world, kind=BlindShop, clock=clock) as engine:
        await engine.receive(page(order(1)))
        await engine.settle()
        await engine.receive(page(order(1, stage=Stage.CANCELLED, updated_at=LATER)))
        await engine.settle()
        assert await engine.states() == ["parked"], "the shop may have it: a person has to look"
        await engine.rounds.act(acts.resolve_again(1, 1, 0), [1])
        await engine.settle()
        assert await engine.states() == ["cancelled"]
        assert len(world.asked("add_order")) == 1


@given(st.data())
def test_a_page_is_unpacked_whole_whatever_its_orders_hold(data: Any) -> None:
    comments = st.sampled_from(["x", "\ud800"])
    orders = data.draw(
        st.lists(st.builds(lambda n, text: order(n, comment=text), st.integers(1, 4), comments), max_size=6)
    )
    received = unpack("market", page(*orders), merges=False, caught_up=None)
    names = {entry.external_id for entry in received.page.malformed} | {o.external_id for o, _, _ in received.orders}
    assert names == {o.external_id for o in orders}
    assert len(received.page.malformed) + len(received.orders) == len(names)
    assert all(len(digest) == 16 for _, _, digest in received.orders)


async def test_lines_are_owned_only_where_the_platform_merges(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    same = Line(id="l-1", name="Mug", quantity=1, unit_price=pln("20.00"), total=pln("20.00"))
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        await engine.receive(page(order(1), order(2, lines=(same,), updated_at=LATER)))
        assert {row[1] for row in await stages(engine)} == {"ready"}
        assert await engine.store.fetch("select * from line") == []
