"""Fetching: pages and tokens, throttling, orders that appear late, restarts, reaching back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from orderferry import RateLimited, Rejected, Stage, Unavailable
from orderferry.testing.clock import VirtualClock
from orderferry.testing.marketplace import STRIKING
from orderferry.testing.memory import MemoryLog
from orderferry.testing.simulator import Fate, Faults
from plugins.amazon import simulator_script as script
from plugins.amazon.marketplaces import EUROPEAN_UNION, named
from plugins.amazon.platform import Amazon
from plugins.amazon.simulator import AmazonSimulator
from plugins.amazon.simulator_state import Quirks, Refused
from tests.plugins.amazon.conftest import Hub

HOUR = 3600.0


def searches(simulator: AmazonSimulator) -> int:
    return sum(one.path.endswith("/orders") for one in simulator.served)


def events(platform: Amazon) -> list[str]:
    log = platform.account.log
    assert isinstance(log, MemoryLog)
    return [one.event for one in log.events if one.level == "warning"]


async def test_an_order_is_told_at_each_stage(simulator: AmazonSimulator, platform: Amazon, hub: Hub) -> None:
    await hub.fetch(platform)
    order_id = simulator.market.buy({"SKU-003": 2})
    await hub.poll(platform)
    assert hub.orders[order_id].stage is Stage.PLACED
    simulator.market.authorise(order_id)
    await hub.poll(platform)
    assert hub.orders[order_id].stage is Stage.READY
    simulator.market.request_cancel(order_id)
    await hub.poll(platform)
    assert "asks to cancel" in (hub.orders[order_id].comment or "")
    simulator.market.cancel(order_id)
    await hub.poll(platform)
    assert hub.orders[order_id].stage is Stage.CANCELLED


async def test_one_search_asks_for_all_the_union_s_marketplaces(
    simulator: AmazonSimulator, platform: Amazon, hub: Hub
) -> None:
    placed = {simulator.market.purchase(country=country) for country in ("PL", "DE", "SE")}
    abroad = simulator.market.purchase(country="GB")
    await hub.poll(platform)
    assert set(hub.orders) == placed
    assert abroad not in hub.orders
    (asked,) = {one.query["marketplaceIds"] for one in simulator.served if one.path.endswith("/orders")}
    assert asked.split(",") == [one.id for one in named(EUROPEAN_UNION)]
    assert {order.total.currency for order in hub.orders.values()} == {"PLN", "EUR", "SEK"}


async def test_pages_are_followed_by_their_tokens(simulator: AmazonSimulator, platform: Amazon, hub: Hub) -> None:
    simulator.search.most = 3
    placed = {simulator.market.purchase() for _ in range(10)}
    pages = await hub.poll(platform)
    assert [len(page.orders) for page in pages] == [3, 3, 3, 1]
    assert [page.more for page in pages] == [True, True, True, False]
    assert set(hub.orders) == placed


async def test_a_restart_between_two_pages_goes_on_with_the_token(
    simulator: AmazonSimulator, restart: Callable[[], Amazon], hub: Hub, clock: VirtualClock
) -> None:
    simulator.search.most = 3
    placed = {simulator.market.purchase() for _ in range(7)}
    await clock.advance(240)
    hub.keep(await restart().fetch_orders(None, None))
    before = searches(simulator)
    await hub.fetch(restart())
    assert set(hub.orders) == placed
    assert searches(simulator) == before + 2


async def test_a_token_of_yesterday_begins_the_search_anew(
    simulator: AmazonSimulator, platform: Amazon, hub: Hub, clock: VirtualClock
) -> None:
    simulator.search.most = 3
    placed = {simulator.market.purchase() for _ in range(7)}
    await clock.advance(240)
    hub.keep(await platform.fetch_orders(None, None))
    await clock.advance(25 * HOUR)
    await hub.fetch(platform)
    assert set(hub.orders) == placed
    assert {one.status for one in simulator.served} == {200}


async def test_a_token_that_amazon_forgot_begins_the_search_anew(
    simulator: AmazonSimulator, platform: Amazon, hub: Hub, clock: VirtualClock
) -> None:
    simulator.search.most = 3
    placed = {simulator.market.purchase() for _ in range(7)}
    await clock.advance(240)
    hub.keep(await platform.fetch_orders(None, None))
    simulator.search._listings.clear()
    pages = await hub.fetch(platform)
    assert [len(page.orders) for page in pages] == [0]
    assert events(platform) == ["search_begun_anew"]
    await hub.poll(platform)
    assert set(hub.orders) == placed


async def test_pages_that_go_in_a_circle_come_to_an_end(simulator: AmazonSimulator, platform: Amazon, hub: Hub) -> None:
    """New tokens and the same page for ever: the search is given up, begun anew, and completes once it can."""
    simulator.search.most = 2
    placed = {simulator.market.purchase() for _ in range(6)}
    simulator.market.quirks = Quirks(circle=True)
    await hub.poll(platform)
    assert searches(simulator) == 3
    assert events(platform) == ["search_begun_anew"]
    simulator.market.quirks = Quirks()
    await hub.poll(platform)  # the first half of the time
    await hub.poll(platform)
    assert set(hub.orders) == placed


async def test_orders_are_found_though_every_token_leads_in_a_circle(
    simulator: AmazonSimulator, platform: Amazon, hub: Hub, clock: VirtualClock
) -> None:
    """The windows become so short that each has one page."""
    simulator.search.most = 3
    simulator.market.quirks = Quirks(circle=True)
    placed = set()
    for _ in range(12):
        placed.add(simulator.market.purchase())
        await clock.advance(6 * HOUR)
    for _ in range(40):
        await hub.poll(platform)
    assert set(hub.orders) == placed


async def test_a_poll_takes_one_search_and_two_with_a_sweep(
    simulator: AmazonSimulator, platform: Amazon, hub: Hub
) -> None:
    await hub.fetch(platform)
    simulator.served.clear()
    await hub.poll(platform, 3)
    assert searches(simulator) == 1
    simulator.served.clear()
    pages = await hub.poll(platform, 6 * 60)
    assert searches(simulator) == 2
    assert [page.sweep for page in pages] == [False, True]


async def test_an_order_that_appears_a_few_minutes_late_is_in_the_overlap(
    simulator: AmazonSimulator, platform: Amazon, hub: Hub
) -> None:
    await hub.fetch(platform)
    order_id = simulator.market.purchase()
    simulator.market.hide(order_id, 9 * 60)
    for _ in range(2):
        await hub.poll(platform)
        assert order_id not in hub.orders
    await hub.poll(platform)
    assert order_id in hub.orders
    assert not any(page.sweep for page in hub.pages)


async def test_an_order_that_appears_hours_late_is_found_by_the_sweep(
    simulator: AmazonSimulator, platform: Amazon, hub: Hub
) -> None:
    await hub.fetch(platform)
    order_id = simulator.market.purchase()
    simulator.market.hide(order_id, 5 * HOUR)
    for _ in range(6):
        await hub.poll(platform, 65)
    assert order_id in hub.orders
    (page,) = [page for page in hub.pages if order_id in {order.external_id for order in page.orders}]
    assert page.sweep


async def test_what_changed_during_an_outage_is_found(simulator: AmazonSimulator, platform: Amazon, hub: Hub) -> None:
    await hub.fetch(platform)
    early = simulator.market.purchase()
    simulator.lwa.revoke()
    await hub.clock.advance(9 * 24 * HOUR)
    late = simulator.market.buy()
    kept = await platform.account.tokens.load()
    assert kept is not None
    simulator.lwa._refresh.add(kept.refresh or "")
    await hub.poll(platform)
    assert {early, late} <= set(hub.orders)


async def test_a_sweep_that_fails_holds_up_nobody(simulator: AmazonSimulator, platform: Amazon, hub: Hub) -> None:
    await hub.fetch(platform)
    await hub.clock.advance(7 * HOUR)
    order_id = simulator.market.purchase()
    await hub.clock.advance(300)
    simulator.script("GET", "/orders", Fate.GOOD, Fate.DOWN)
    await hub.fetch(platform)
    assert order_id in hub.orders
    assert events(platform) == ["sweep_postponed"]
    await hub.poll(platform)
    assert hub.pages[-1].sweep


async def test_reaching_back_moves_nothing_and_ends(
    simulator: AmazonSimulator, platform: Amazon, clock: VirtualClock
) -> None:
    simulator.search.most = 2
    old = {simulator.market.purchase() for _ in range(3)}
    await clock.advance(40 * 24 * HOUR)
    since = clock.now() - timedelta(days=60)
    first = await platform.fetch_orders(None, since)
    second = await platform.fetch_orders(first.cursor, None)
    assert {order.external_id for page in (first, second) for order in page.orders} == old
    assert (first.more, second.more) == (True, False)
    over = await platform.fetch_orders(second.cursor, None)
    assert over.orders == ()
    assert not over.more


async def test_reaching_back_says_so_when_it_goes_in_a_circle(
    simulator: AmazonSimulator, platform: Amazon, clock: VirtualClock
) -> None:
    simulator.search.most = 2
    for _ in range(6):
        simulator.market.purchase()
    simulator.market.quirks = Quirks(circle=True)
    await clock.advance(240)
    page = await platform.fetch_orders(None, clock.now() - timedelta(days=1))
    page = await platform.fetch_orders(page.cursor, None)
    with pytest.raises(Unavailable, match="can't be followed to its end"):
        await platform.fetch_orders(page.cursor, None)


async def test_an_unreadable_cursor_begins_as_a_new_account_does(
    simulator: AmazonSimulator, platform: Amazon, hub: Hub
) -> None:
    order_id = simulator.market.purchase()
    hub.cursor = "rubbish"
    await hub.poll(platform)
    assert order_id in hub.orders
    assert events(platform) == ["cursor_unreadable"]


async def test_addresses_that_are_withheld_are_worth_a_warning(
    simulator: AmazonSimulator, platform: Amazon, hub: Hub
) -> None:
    simulator.market.withhold = True
    order_id = simulator.market.purchase()
    await hub.poll(platform)
    assert hub.orders[order_id].stage is Stage.PLACED
    assert events(platform) == ["addresses_missing"]


async def test_the_burst_is_used_up_and_then_the_plan_is_followed_without_a_429(
    simulator: AmazonSimulator, platform: Amazon, hub: Hub, clock: VirtualClock
) -> None:
    simulator.search.most = 1
    for _ in range(24):
        simulator.market.purchase()
    await clock.advance(240)
    for _ in range(20):
        hub.keep(await platform.fetch_orders(hub.cursor, None))
    for _ in range(4):
        with pytest.raises(RateLimited) as caught:
            await platform.fetch_orders(hub.cursor, None)
        assert caught.value.retry_after == pytest.approx(1 / 0.0056)
        await clock.advance(caught.value.retry_after or 0)
        hub.keep(await platform.fetch_orders(hub.cursor, None))
    assert len(hub.orders) == 24
    assert not hub.pages[-1].more
    assert {one.status for one in simulator.served} == {200}


async def test_the_rate_that_an_answer_names_is_followed(
    simulator: AmazonSimulator, platform: Amazon, hub: Hub, clock: VirtualClock
) -> None:
    simulator.plans["search"].rate = 2.0
    simulator.search.most = 1
    placed = {simulator.market.purchase() for _ in range(40)}
    await clock.advance(240)
    await hub.fetch(platform)
    assert set(hub.orders) == placed
    assert {one.status for one in simulator.served} == {200}


async def test_amazon_s_429_waits_as_long_as_the_plan_says(
    simulator: AmazonSimulator, restart: Callable[[], Amazon], clock: VirtualClock
) -> None:
    """A program that was started anew does not know that the bucket is empty: Amazon tells it, once."""
    for _ in range(20):
        assert simulator.plans["search"].take(clock.now())
    platform = restart()
    with pytest.raises(RateLimited) as caught:
        await platform.fetch_orders(None, None)
    assert caught.value.retry_after == pytest.approx(1 / 0.0056)
    asked = searches(simulator)
    await clock.advance(100)
    with pytest.raises(RateLimited):
        await platform.fetch_orders(None, None)
    assert searches(simulator) == asked, "it is not asked before its time"
    await clock.advance(79)
    await platform.fetch_orders(None, None)


async def test_a_search_that_is_refused_is_told_as_it_is(
    simulator: AmazonSimulator, platform: Amazon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulator.market, "found", _refuse)
    with pytest.raises(Rejected, match="InvalidInput: no such marketplace"):
        await platform.fetch_orders(None, None)


@pytest.mark.parametrize("seed", range(3))
async def test_faults_throttling_and_lateness_lose_nothing(
    simulator: AmazonSimulator, restart: Callable[[], Amazon], hub: Hub, clock: VirtualClock, seed: int
) -> None:
    """A day of purchases, fetched while it plays, by a program that is started anew now and then."""
    platform = restart()
    await hub.fetch(platform)
    simulator.market.quirks = Quirks(late=0.2)
    simulator.faults = Faults(rates=dict.fromkeys(STRIKING, 0.02), slow=0.001)
    simulator.search.most = 20
    passed = 0.0

    async def wait_until(second: float) -> None:
        nonlocal passed, platform
        if second - passed < 1200:
            return
        await clock.advance(second - passed)
        passed = second
        if simulator.random.random() < 0.1:
            platform = restart()
        await hub.fetch(platform)

    steps = script.plan(seed, 60, sorted(simulator.market.offers))
    await script.play(simulator.market, steps, 86_400, wait_until)
    for _ in range(4):
        await hub.poll(platform, 3.5 * 60)
    for order_id, kept in simulator.market.orders.items():
        assert hub.orders[order_id].updated_at.isoformat()[:19] == kept.document["lastUpdatedTime"][:19]
    ready = {one for one, order in hub.orders.items() if order.stage is Stage.READY and not order.ships_itself}
    assert ready == set(simulator.market.summary()["must"])
    assert len(ready) > 40
    assert not hub.malformed


def _refuse(*_: object) -> None:
    raise Refused(400, "InvalidInput", "no such marketplace")
