"""Fetching: pages in their order with their cursors, again from where it stopped, and never in a circle."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from daemon import poller
from daemon.accounts import Health
from daemon.views import FetchProgress
from orderferry import Malformed, NeedsLogin, Page, Rejected, Unavailable, Unsure
from tests.daemon.apart import until
from tests.daemon.engine import Engine, EngineClock, order, page
from tests.daemon.engine_platforms import Answer, MarketWorld, NoFeedShop, ShopWorld

HOUR = 3600.0


@pytest.fixture
def clock() -> EngineClock:
    return EngineClock()


@pytest.fixture
def market() -> MarketWorld:
    return MarketWorld()


async def opened(folder: Path, clock: EngineClock, market: MarketWorld) -> Engine:
    engine = await Engine.open(folder, clock)
    await engine.market(market)
    return engine


def three_pages(market: MarketWorld) -> None:
    market.pages[None] = page(order(1), cursor="c1", more=True)
    market.pages["c1"] = page(order(2), cursor="c2", more=True)
    market.pages["c2"] = page(order(3), cursor="c3")


async def cursor_of(engine: Engine, name: str = "market") -> Any:  # text or None
    return (await engine.store.fetch("select cursor from account where name = ?", (name,)))[0][0]


async def ids(engine: Engine) -> list[str]:
    return [row[0] for row in await engine.store.fetch("select external_id from orders order by id")]


async def test_it_checks_first_and_then_fetches_page_after_page(
    tmp_path: Path, clock: EngineClock, market: MarketWorld
) -> None:
    three_pages(market)
    async with await opened(tmp_path, clock, market) as engine:
        engine.poll()
        await engine.settle()
        assert market.calls == [("check", None), *(("fetch_orders", cursor) for cursor in (None, "c1", "c2"))]
        assert await ids(engine) == ["o-1", "o-2", "o-3"]
        assert await cursor_of(engine) == "c3"
        state = engine.accounts["market"]
        assert (state.health, state.cursor, state.caught_up) == (Health.OK, "c3", clock.now())
        assert await engine.entries("fetched") == [{"new": 3, "changed": 0, "malformed": 0}]
        await engine.pass_time(1.1 * HOUR)
        assert market.asked("fetch_orders")[3:] == ["c3"]
        assert len(market.asked("check")) == 1


async def test_reaching_back_answers_again_what_was_changed_and_does_not_move_the_place(
    tmp_path: Path, clock: EngineClock, market: MarketWorld
) -> None:
    three_pages(market)
    since = clock.now() - timedelta(days=40)
    market.pages[since] = page(order(7), cursor="back", more=True)
    market.pages["back"] = page(order(1), order(8), cursor="end")
    async with await opened(tmp_path, clock, market) as engine:
        engine.poll()
        await engine.settle()
        lines = [line async for line in engine.pollers["market"].fetch_now(1000, since)]
        assert market.asked("fetch_orders")[3:] == [since, "back", "c3"]
        assert (lines[-1].new, lines[-1].done) == (2, True)
        assert await ids(engine) == ["o-1", "o-2", "o-3", "o-7", "o-8"]
        assert await cursor_of(engine) == "c3"


async def test_the_next_page_is_asked_for_while_one_is_written_but_stored_after_it(
    tmp_path: Path, clock: EngineClock, market: MarketWorld
) -> None:
    three_pages(market)
    async with await opened(tmp_path, clock, market) as engine:
        order_of_events: list[str] = []
        receive = engine.rounds.receive
        go = asyncio.Event()

        async def slow(received: Any) -> Any:  # what is received, and its counts
            order_of_events.append(f"begin {received.page.cursor}")
            if received.page.cursor == "c1":
                await go.wait()
            counts = await receive(received)
            order_of_events.append(f"end {received.page.cursor}")
            return counts

        engine.rounds.receive = slow  # type: ignore[method-assign] # the disk is slow
        engine.poll()
        async with asyncio.timeout(5):
            while len(market.asked("fetch_orders")) < 2:  # noqa: ASYNC110 - the poller's own tasks do it, without a signal
                await asyncio.sleep(0)
        for _ in range(50):
            await asyncio.sleep(0)
        assert market.asked("fetch_orders") == [None, "c1"]
        assert await cursor_of(engine) is None
        go.set()
        await engine.settle()
        assert order_of_events == [f"{what} c{number}" for number in (1, 2, 3) for what in ("begin", "end")]


@pytest.mark.parametrize(
    "error", [Unavailable("away"), Unsure("500"), KeyError("bug"), Malformed("?"), Rejected("no"), SystemExit(1)]
)
async def test_a_failure_in_the_middle_keeps_what_was_stored_and_goes_on_from_there(
    tmp_path: Path, clock: EngineClock, market: MarketWorld, error: BaseException
) -> None:
    three_pages(market)
    market.then("fetch_orders", None, None, error)
    async with await opened(tmp_path, clock, market) as engine:
        engine.poll()
        await engine.settle()
        assert await ids(engine) == ["o-1", "o-2"]
        assert await cursor_of(engine) == "c2"
        assert engine.accounts["market"].problem is not None
        await engine.pass_time(1.1 * HOUR)
        assert market.asked("fetch_orders")[3] == "c2"
        assert await ids(engine) == ["o-1", "o-2", "o-3"]
        assert engine.accounts["market"].problem is None


@pytest.mark.parametrize("value", [None, "page", {"orders": []}, Page(cursor=None), ["x"]])  # type: ignore[arg-type] # a plugin may answer anything
async def test_an_answer_that_is_no_page_changes_nothing(
    tmp_path: Path, clock: EngineClock, market: MarketWorld, value: Any
) -> None:
    three_pages(market)
    market.then("fetch_orders", None, Answer(value))
    async with await opened(tmp_path, clock, market) as engine:
        engine.poll()
        await engine.settle()
        assert await cursor_of(engine) == "c1"
        await engine.pass_time(1.1 * HOUR)
        assert await ids(engine) == ["o-1", "o-2", "o-3"]


@pytest.mark.parametrize("value", [None, "fine", 7])
async def test_a_check_that_answers_nonsense_ends_neither_the_poller_nor_the_fetching(
    tmp_path: Path, clock: EngineClock, market: MarketWorld, value: Any
) -> None:
    three_pages(market)
    market.then("check", Answer(value))
    async with await opened(tmp_path, clock, market) as engine:
        engine.poll()
        await engine.settle()
        assert not engine.polling["market"].done()
        assert await ids(engine) == ["o-1", "o-2", "o-3"]
        assert "its check failed" in engine.accounts["market"].notes[0]


async def test_an_account_that_is_away_at_its_check_is_tried_until_it_is_back(
    tmp_path: Path, clock: EngineClock, market: MarketWorld
) -> None:
    three_pages(market)
    market.always["check"] = Unavailable("away")
    async with await opened(tmp_path, clock, market) as engine:
        engine.poll()
        await engine.pass_time(24 * HOUR)
        assert 1_000 < len(market.asked("check")) < 1_500 + 100
        assert market.asked("fetch_orders") == []
        market.always.clear()
        await engine.pass_time(120)
        assert await ids(engine) == ["o-1", "o-2", "o-3"]
        assert [kind for kind in await engine.kinds() if kind.startswith("account")] == ["account_down", "account_up"]


async def test_an_account_that_needs_a_login_is_rarely_tried_and_at_once_when_it_is_resumed(
    tmp_path: Path, clock: EngineClock, market: MarketWorld
) -> None:
    three_pages(market)
    market.always["check"] = NeedsLogin("token revoked")
    async with await opened(tmp_path, clock, market) as engine:
        engine.poll()
        await engine.pass_time(HOUR + 10)
        assert len(market.asked("check")) == 5
        market.always.clear()
        engine.accounts.pause(engine.accounts["market"], paused=False)
        engine.pollers["market"].ring()
        await engine.settle()
        assert await ids(engine) == ["o-1", "o-2", "o-3"]


async def test_a_bug_right_after_an_outage_does_not_make_it_ask_without_end(
    tmp_path: Path, clock: EngineClock, market: MarketWorld
) -> None:
    async with await opened(tmp_path, clock, market) as engine:
        engine.poll()
        await engine.settle()
        market.then("fetch_orders", Unavailable("away"))
        market.always["fetch_orders"] = KeyError("a bug")
        await engine.pass_time(5 * HOUR)
        assert len(market.asked("fetch_orders")) <= 10


async def test_the_jitter_stays_within_a_twentieth(tmp_path: Path, clock: EngineClock, market: MarketWorld) -> None:
    async with await opened(tmp_path, clock, market) as engine:
        state = engine.accounts["market"]
        for draw, factor in ((0.0, 0.95), (0.5, 1.0), (1.0, 1.05)):
            engine.draw = lambda draw=draw: draw  # type: ignore[misc] # bound at once
            engine.pollers["market"]._plan_next()
            assert state.next_fetch == clock.now() + timedelta(seconds=HOUR * factor)


async def watched(engine: Engine, name: str = "market") -> list[FetchProgress]:
    return [line async for line in engine.pollers[name].fetch_now(1000)]


async def test_a_fetch_by_hand_tells_its_progress_and_its_end(
    tmp_path: Path, clock: EngineClock, market: MarketWorld
) -> None:
    async with await opened(tmp_path, clock, market) as engine:
        engine.poll()
        await engine.settle()
        market.pages["none"] = page(order(1), cursor="n1", more=True)
        market.pages["n1"] = page(order(2), cursor="n2")
        lines = await watched(engine)
        assert [(line.pages, line.new, line.done) for line in lines] == [(1, 1, False), (2, 2, False), (2, 2, True)]
        assert lines[-1].error is None
        await engine.settle()
        assert (await engine.entries("fetched"))[-1]["uid"] == 1000


async def test_a_fetch_by_hand_that_fails_says_why(tmp_path: Path, clock: EngineClock, market: MarketWorld) -> None:
    async with await opened(tmp_path, clock, market) as engine:
        engine.poll()
        await engine.settle()
        market.then("fetch_orders", Unavailable("the marketplace is away"))
        lines = await watched(engine)
        assert [(line.done, line.error) for line in lines] == [(True, "the marketplace is away")]
        lines = await watched(engine)
        assert lines[-1].error == "the marketplace is away", "it is held: nobody waits for an hour"


async def test_a_fetch_by_hand_of_a_paused_account_says_so(
    tmp_path: Path, clock: EngineClock, market: MarketWorld
) -> None:
    async with await opened(tmp_path, clock, market) as engine:
        state = engine.accounts["market"]
        engine.accounts.pause(state, paused=True)
        engine.poll()
        await engine.pass_time(5 * HOUR)
        assert market.calls == []
        (line,) = await watched(engine)
        assert (line.done, "orderferry resume market" in (line.error or "")) == (True, True)
        engine.accounts.pause(state, paused=False)
        engine.pollers["market"].ring()
        await engine.settle()
        assert market.asked("fetch_orders") == [None]


async def test_who_waits_for_a_fetch_while_the_account_is_paused_is_told(
    tmp_path: Path, clock: EngineClock, market: MarketWorld
) -> None:
    async with await opened(tmp_path, clock, market) as engine:
        watching = asyncio.ensure_future(watched(engine))
        await asyncio.sleep(0)
        engine.accounts.pause(engine.accounts["market"], paused=True)
        engine.poll()
        async with asyncio.timeout(5):
            lines = await watching
        assert lines[-1].error == "market is paused"


async def test_a_fetch_by_hand_of_an_account_without_a_feed_ends_at_once(tmp_path: Path, clock: EngineClock) -> None:
    world = ShopWorld(clock)
    async with await Engine.open(tmp_path, clock) as engine:
        await engine.shop(world, kind=NoFeedShop)
        engine.poll("shop")
        await engine.settle()
        async with asyncio.timeout(5):
            lines = await watched(engine, "shop")
        assert [(line.done, line.error) for line in lines] == [(True, None)]
        assert world.asked("fetch_orders") == []


async def test_what_was_asked_for_during_a_fetch_is_a_fetch_of_its_own(
    tmp_path: Path, clock: EngineClock, market: MarketWorld
) -> None:
    async with await opened(tmp_path, clock, market) as engine:
        market.close_gate()
        engine.poll()
        await engine.settle()
        watching = asyncio.ensure_future(watched(engine))
        await asyncio.sleep(0)
        market.open_gate()
        async with asyncio.timeout(5):
            assert (await watching)[-1].done
        assert len(market.asked("fetch_orders")) >= 1


async def test_an_order_that_cannot_be_kept_does_not_stop_the_account_for_ever(
    tmp_path: Path, clock: EngineClock, market: MarketWorld
) -> None:
    market.pages[None] = page(order(1), order(2, comment="a lone half: \ud800"), order(3), cursor="c1")
    async with await opened(tmp_path, clock, market) as engine:
        engine.poll()
        await engine.settle()
        assert await ids(engine) == ["o-1", "o-3"]
        assert await cursor_of(engine) == "c1"
        (entry,) = await engine.entries("order_malformed")
        assert entry["external_id"] == "o-2"


async def test_a_poller_that_is_stopped_has_written_what_it_had(
    tmp_path: Path, clock: EngineClock, market: MarketWorld
) -> None:
    three_pages(market)
    engine = await opened(tmp_path, clock, market)

    async def stop(hook: str, about: object) -> None:
        if (hook, about) == ("fetch_orders", "c2"):
            market.close_gate()

    market.on_call = stop
    engine.poll()
    await engine.settle()
    await engine.close()
    async with await Engine.open(tmp_path, clock) as again:
        assert await ids(again) == ["o-1", "o-2"]
        assert await cursor_of(again) == "c2"


async def test_pages_that_bring_nothing_new_for_ever_are_asked_for_ever_more_slowly(
    tmp_path: Path, clock: EngineClock, market: MarketWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poller, "PATIENT_PAGES", 3)
    known = order(1)
    for number in range(20):
        market.pages[f"c{number}" if number else None] = page(known, cursor=f"c{number + 1}", more=True)
    async with await opened(tmp_path, clock, market) as engine:
        engine.poll()
        asked = 0
        for _ in range(4):
            await until(lambda: clock.next_at is not None, "it waits")
            assert len(market.asked("fetch_orders")) > asked
            asked = len(market.asked("fetch_orders"))
            await clock.advance(poller.FRUITLESS_PAUSE)
        assert 3 < asked < 10
        assert await ids(engine) == ["o-1"]


async def test_more_behind_the_very_same_cursor_ends_the_fetch_and_is_told(
    tmp_path: Path, clock: EngineClock, market: MarketWorld
) -> None:
    market.pages[None] = page(order(1), cursor="c1", more=True)
    market.pages["c1"] = page(order(2), cursor="c1", more=True)
    async with await opened(tmp_path, clock, market) as engine:
        engine.poll()
        await engine.settle()
        assert market.asked("fetch_orders") == [None, "c1"]
        assert await ids(engine) == ["o-1", "o-2"]
        assert "leads to the same page again" in (engine.accounts["market"].problem or "")
