"""Orders that are handed in, on the real store: taken once, in whatever batches and however often."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon import acts
from daemon.account_settings import IMPLICIT_IMPORT
from daemon.accounts import AccountState, Health
from daemon.importer import Importer
from daemon.views import CommandError, ImportView, UnreadableOrder
from orderferry import Buyer, Capability, Order, Stage
from orderferry.testing.clock import START
from tests.daemon.engine import BUYER, Engine, EngineClock, order
from tests.daemon.engine_platforms import ShopWorld

NAME = IMPLICIT_IMPORT.name


@pytest.fixture
def clock() -> EngineClock:
    return EngineClock()


@pytest.fixture
def world(clock: EngineClock) -> ShopWorld:
    return ShopWorld(clock)


class Taking:
    """An engine with an importer."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.importer = Importer(engine.accounts, engine.rounds, engine.clock)

    async def __call__(self, *orders: Order, name: str = NAME, **more: Any) -> ImportView:  # what `take` knows
        return await self.importer.take(name, orders, **more)


def later(whole: Order, minutes: int = 5, **changes: Any) -> Order:  # any field of an order
    moved = {**{field: getattr(whole, field) for field in whole.__struct_fields__}, **changes}
    return Order(**{**moved, "updated_at": START + timedelta(minutes=minutes)})


def verdicts(view: ImportView) -> list[str]:
    return [one.verdict for one in view.orders]


async def documents(engine: Engine) -> list[tuple[str, Order | None]]:
    rows = await engine.store.fetch("select id, external_id from orders order by external_id")
    found = await engine.store.documents({row[0] for row in rows})
    return [(row[1], found.get(row[0])) for row in rows]


async def test_an_order_is_new_then_the_same_then_changed(tmp_path: Path, clock: EngineClock, world: ShopWorld) -> None:
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        take = Taking(engine)
        assert verdicts(await take(order(1), order(2))) == ["new", "new"]
        again = await take(later(order(1)), later(order(2), buyer=Buyer(login="eve")), order(3))
        assert verdicts(again) == ["same", "changed", "new"]
        assert (again.new, again.changed, again.same, again.refused) == (1, 1, 1, 0)
        await engine.settle()
        assert len(world.applied) == 3
        rows = await engine.entries("imported")
        assert [(row["new"], row["changed"], row["same"]) for row in rows] == [(2, 0, 0), (1, 1, 1)]


async def test_an_account_without_a_platform_is_asked_nothing_and_told_nothing(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        await Taking(engine)(order(1))
        await engine.settle()
        (number,) = [row[0] for row in await engine.store.fetch("select id from orders")]
        await engine.rounds.act(acts.set_status(number, "sent", 0), [number])
        await engine.rounds.act(acts.add_parcel(number, "INPOST", "620001", 0), [number])
        await engine.settle()
        state = engine.accounts[NAME]
        assert engine.accounts.capabilities(NAME) is Capability.NONE
        assert not engine.accounts.may_ask(state)
        rows = await engine.store.fetch("select distinct account from job")
        assert [row[0] for row in rows] == ["shop"]
        assert {told[0] for told in world.told} == {"set_status", "set_tracking"}
        engine.accounts.pause(state, paused=True)
        engine.accounts.pause(state, paused=False)
        assert state.health is Health.OK


async def test_an_older_state_and_a_merged_one_are_refused_with_the_reason(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        take = Taking(engine)
        await take(later(order(1), comment="newer"))
        view = await take(order(1), order(2, stage=Stage.MERGED), order(3, comment="\ud800"))
        told = {one.external_id: one.reason or "" for one in view.orders}
        assert [one.verdict for one in view.orders] == ["refused"] * 3
        assert "updated_at" in told["o-1"]
        assert "merged" in told["o-2"]
        assert "can't be written down" in told["o-3"]
        assert not any(BUYER in reason for reason in told.values())
        assert (view.refused, view.malformed) == (3, 0)
        assert [number for number, _ in await documents(engine)] == ["o-1"]


async def test_a_repeat_of_the_same_content_is_the_same_whatever_its_time(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        take = Taking(engine)
        await take(order(1))
        assert verdicts(await take(later(order(1), minutes=-60))) == ["same"]
        assert verdicts(await take(later(order(1), ordered_at=START - timedelta(days=1)))) == ["changed"]


async def test_where_a_source_knows_no_dates_the_first_one_stays(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        take = Taking(engine)
        await take(order(1), undated=True)
        tomorrow = START + timedelta(days=1)
        assert verdicts(await take(later(order(1), ordered_at=tomorrow), undated=True)) == ["same"]
        changed = later(order(1), minutes=9, ordered_at=tomorrow, comment="mended")
        assert verdicts(await take(changed, undated=True)) == ["changed"]
        ((_, document),) = await documents(engine)
        assert document is not None
        assert (document.ordered_at, document.comment) == (START, "mended")


async def test_a_dry_run_writes_nothing_at_all(tmp_path: Path, clock: EngineClock, world: ShopWorld) -> None:
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        take = Taking(engine)
        bad = (UnreadableOrder(external_id="o-9", reason="line 4: no price"),)
        counts = (
            "select (select max(id) from journal), (select count(*) from malformed), (select count(*) from account)"
        )
        before = [tuple(row) for row in await engine.store.fetch(counts)]
        view = await take(order(1), unreadable=bad, dry_run=True)
        assert (verdicts(view), view.malformed, view.dry_run) == (["new"], 1, True)
        assert [tuple(row) for row in await engine.store.fetch(counts)] == before
        assert NAME not in engine.accounts
        await take(order(1))
        assert verdicts(await take(order(1), later(order(1), comment="x"), dry_run=True)) == ["changed"]
        assert not await engine.entries("order_changed")


async def test_what_could_not_be_read_is_kept_until_it_comes_whole(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        take = Taking(engine)
        unread = tuple(UnreadableOrder(external_id=f"o-{n}", reason="line 4", raw="a | b") for n in (1, 2))
        await take(order(2), order(3))
        await take(unreadable=unread)
        kept = "select external_id from malformed order by external_id"
        assert [row[0] for row in await engine.store.fetch(kept)] == ["o-1", "o-2"]
        await take(order(1), order(2))
        assert not await engine.store.fetch(kept), "one was new, the other the same as it had been"


@pytest.mark.parametrize(
    ("name", "word"), [("market", "is a marketplace"), ("shop", "is a shop"), ("improt", "no account 'improt'")]
)
async def test_only_an_account_for_imports_takes_orders(
    tmp_path: Path, clock: EngineClock, world: ShopWorld, name: str, word: str
) -> None:
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        with pytest.raises(CommandError, match=word):
            await Taking(engine)(order(1), name=name)


async def test_where_a_section_is_written_there_is_no_other_account(
    tmp_path: Path, clock: EngineClock, world: ShopWorld
) -> None:
    async with await Engine.between(tmp_path, world, clock=clock) as engine:
        own = AccountState(name="files", settings=IMPLICIT_IMPORT, added_at=clock.now())
        engine.accounts.add(own)
        take = Taking(engine)
        with pytest.raises(CommandError) as caught:
            await take(order(1))
        assert caught.value.problem.suggestions == ("files",)
        engine.accounts.pause(own, paused=True)
        with pytest.raises(CommandError, match="orderferry resume files"):
            await take(order(1), name="files")


def cut(values: Sequence[Order], places: Sequence[int]) -> list[Sequence[Order]]:
    ends = sorted({place % (len(values) + 1) for place in places} | {0, len(values)})
    return [values[begin:end] for begin, end in itertools.pairwise(ends)]


@settings(max_examples=8, deadline=None)
@given(splits=st.lists(st.lists(st.integers(0, 11), max_size=4), min_size=1, max_size=3), undated=st.booleans())
async def test_any_batches_any_number_of_times_end_in_the_same_store(
    tmp_path_factory: pytest.TempPathFactory, splits: list[list[int]], undated: bool
) -> None:
    orders = [order(number) for number in range(11)]
    clock = EngineClock()
    world = ShopWorld(clock)
    async with await Engine.between(tmp_path_factory.mktemp("store"), world, clock=clock) as engine:
        take = Taking(engine)
        for again, places in enumerate(splits):
            for part in cut([later(one, again) for one in orders], places):
                view = await take(*part, undated=undated)
                assert set(verdicts(view)) == {"same" if again else "new"}
        await engine.settle()
        assert [number for number, _ in await documents(engine)] == sorted(one.external_id for one in orders)
        assert len(world.applied) == len(orders)
