"""Orders are fetched over HTTP from the simulated Allegro, with the journal spoiled, the program restarted, faults."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from orderferry import RateLimited, Stage, Unavailable
from orderferry.testing.clock import VirtualClock
from orderferry.testing.marketplace import STRIKING
from orderferry.testing.memory import MemoryLog
from orderferry.testing.simulator import Fate, Faults
from plugins.allegro import simulator_script as script
from plugins.allegro.fetching import SEVERAL
from plugins.allegro.platform import Allegro
from plugins.allegro.simulator import AllegroSimulator
from plugins.allegro.simulator_state import Quirks, spoiled

if TYPE_CHECKING:
    from tests.plugins.allegro.conftest import Shop

MINUTE = 60.0


async def test_afterwards_the_journal_tells_of_each_stage(
    simulator: AllegroSimulator, platform: Allegro, shop: Shop
) -> None:
    await shop.fetch(platform)
    form_id = simulator.market.buy({"SKU-003": 2})
    await shop.fetch(platform)
    assert shop.orders[form_id].stage is Stage.PLACED
    simulator.market.fill(form_id, method="point", comment="Proszę")
    await shop.fetch(platform)
    assert shop.orders[form_id].delivery.address is None
    simulator.market.ready(form_id)
    await shop.fetch(platform)
    order = shop.orders[form_id]
    assert order.stage is Stage.READY
    assert order.delivery.address is not None
    assert order.delivery.pickup_point is not None
    assert order.paid
    assert [(line.sku, line.quantity) for line in order.lines] == [("SKU-003", 2)]
    simulator.market.cancel(form_id)
    await shop.fetch(platform)
    assert shop.orders[form_id].stage is Stage.CANCELLED


async def test_the_events_of_one_form_are_one_read(simulator: AllegroSimulator, platform: Allegro, shop: Shop) -> None:
    await shop.fetch(platform)
    simulator.served.clear()
    form_id = simulator.market.purchase()
    await shop.fetch(platform)
    reads = [one.path for one in simulator.served if one.path.startswith("/order/checkout-forms/")]
    assert reads == [f"/order/checkout-forms/{form_id}"]


async def test_a_poll_without_news_leaves_the_cursor_as_it_is(
    simulator: AllegroSimulator, platform: Allegro, shop: Shop, clock: VirtualClock
) -> None:
    simulator.market.purchase()
    await shop.fetch(platform)
    before = shop.cursor
    await clock.advance(30)
    await shop.fetch(platform)
    assert shop.cursor == before


async def test_merged_purchases_arrive_as_the_new_order_alone(
    simulator: AllegroSimulator, platform: Allegro, shop: Shop
) -> None:
    await shop.fetch(platform)
    old = [simulator.market.buy({sku: 1}, login="twice") for sku in ("SKU-001", "SKU-002")]
    await shop.fetch(platform)
    lines = {line.id for form_id in old for line in shop.orders[form_id].lines}
    new = simulator.market.merge(old)
    simulator.market.fill(new)
    simulator.market.ready(new)
    await shop.fetch(platform)
    assert {line.id for line in shop.orders[new].lines} == lines


async def test_a_form_that_vanished_before_it_was_read_is_passed_over(
    simulator: AllegroSimulator, platform: Allegro, shop: Shop
) -> None:
    await shop.fetch(platform)
    old = [simulator.market.buy({"SKU-001": 1}) for _ in range(2)]
    new = simulator.market.merge(old)
    await shop.fetch(platform)
    assert set(shop.orders) == {new}
    assert not shop.malformed
    log = platform.account.log
    assert isinstance(log, MemoryLog)
    assert {(one.level, one.event) for one in log.events} == {("debug", "sweep_done"), ("debug", "form_absent")}


async def test_a_read_that_lags_behind_its_event_is_repeated(
    simulator: AllegroSimulator, platform: Allegro, shop: Shop, clock: VirtualClock
) -> None:
    await shop.fetch(platform)
    form_id = simulator.market.buy()
    simulator.market.fill(form_id)
    await clock.advance(30)
    await shop.fetch(platform)
    simulator.market.quirks = Quirks(lag=10)
    simulator.market.ready(form_id)
    await shop.fetch(platform)
    assert shop.orders[form_id].stage is Stage.PLACED
    await clock.advance(30)
    await shop.fetch(platform)
    assert shop.orders[form_id].stage is Stage.READY


async def test_one_form_that_cannot_be_read_holds_up_nobody(
    simulator: AllegroSimulator, platform: Allegro, shop: Shop, clock: VirtualClock
) -> None:
    await shop.fetch(platform)
    bad = simulator.market.purchase()
    simulator.script("GET", bad, *[Fate.DOWN] * 3)
    page = await platform.fetch_orders(shop.cursor, None)
    good = simulator.market.purchase()
    shop.keep(page)
    shop.keep(await platform.fetch_orders(shop.cursor, None))
    assert set(shop.orders) == {good}
    for _ in range(3):
        await shop.fetch(platform)
        await clock.advance(30)
    assert set(shop.orders) == {good, bad}


async def test_a_form_that_can_never_be_read_is_handed_over_in_the_end(
    simulator: AllegroSimulator, platform: Allegro, shop: Shop, clock: VirtualClock
) -> None:
    await shop.fetch(platform)
    simulator.market.quirks = Quirks()
    bad = simulator.market.purchase()
    simulator.script("GET", bad, *[Fate.DOWN] * 99)
    for _ in range(30):
        await shop.fetch(platform)
        await clock.advance(5)
    assert set(shop.malformed) == {bad}


async def test_where_no_form_can_be_read_the_account_is_in_trouble(
    simulator: AllegroSimulator, platform: Allegro, shop: Shop
) -> None:
    await shop.fetch(platform)
    forms = [simulator.market.purchase() for _ in range(SEVERAL)]
    simulator.script("GET", "/order/checkout-forms/", *[Fate.DOWN] * SEVERAL)
    with pytest.raises(Unavailable):
        await platform.fetch_orders(shop.cursor, None)
    await shop.fetch(platform)
    assert set(forms) <= set(shop.orders)


async def test_a_429_holds_the_account_back_without_asking_again(
    simulator: AllegroSimulator, platform: Allegro, shop: Shop, clock: VirtualClock
) -> None:
    await shop.fetch(platform)
    form_id = simulator.market.purchase()
    simulator.faults.retry_after = 40
    simulator.script("GET", "/order/events", Fate.BUSY)
    with pytest.raises(RateLimited) as caught:
        await platform.fetch_orders(shop.cursor, None)
    assert caught.value.retry_after == 40
    asked = len(simulator.served)
    with pytest.raises(RateLimited):
        await platform.fetch_orders(shop.cursor, None)
    assert len(simulator.served) == asked
    await clock.advance(41)
    await shop.fetch(platform)
    assert form_id in shop.orders


async def test_malformed_forms_are_kept_by_the_journal_and_by_the_sweep(
    simulator: AllegroSimulator, platform: Allegro, shop: Shop, clock: VirtualClock
) -> None:
    await shop.fetch(platform)
    broken = {simulator.market.add_malformed(how) for how in ("status", "price", "quantity", "missing", "huge")}
    good = simulator.market.purchase()
    await shop.fetch(platform)
    assert set(shop.malformed) == broken
    shop.malformed.clear()
    await clock.advance(16 * MINUTE)
    await shop.fetch(platform)
    assert set(shop.malformed) == broken
    assert all(one.raw for one in shop.malformed.values())
    assert set(shop.orders) == {good}


@pytest.mark.parametrize("seed", range(4))
async def test_a_spoiled_journal_and_faults_lose_nothing(
    simulator: AllegroSimulator,
    shop: Shop,
    restart: Callable[[], Allegro],
    clock: VirtualClock,
    seed: int,
) -> None:
    """A whole script, fetched while it plays, by a program that is started anew now and then."""
    platform = restart()
    await shop.fetch(platform)
    simulator.market.quirks = spoiled(0.15)
    simulator.faults = Faults(rates=dict.fromkeys(STRIKING, 0.01), slow=0.001)
    steps = script.plan(seed, 80, sorted(simulator.market.offers))
    passed = 0.0

    async def wait_until(second: float) -> None:
        nonlocal passed, platform
        if second - passed < 30:
            return
        await clock.advance(second - passed)
        passed = second
        if simulator.random.random() < 0.1:
            platform = restart()
        await shop.fetch(platform)

    await script.play(simulator.market, steps, 3600, wait_until)
    for _ in range(2):
        await clock.advance(16 * MINUTE)
        await shop.fetch(platform)
    for form_id, kept in simulator.market.forms.items():
        assert shop.orders[form_id].revision == kept.form["revision"]
    must = simulator.market.summary()["must"]
    ready = {form_id for form_id, order in shop.orders.items() if order.stage is Stage.READY and not order.ships_itself}
    assert ready - set(simulator.market.merged) == set(must)
    assert len(must) > 50
    assert not shop.malformed
