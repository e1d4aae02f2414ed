"""The sweep finds what the journal omits, goes on after a restart, and never holds up what is new."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from orderferry import Rejected, Stage
from orderferry.testing.clock import VirtualClock
from plugins.allegro.platform import Allegro
from plugins.allegro.simulator import AllegroSimulator
from plugins.allegro.simulator_state import Quirks

if TYPE_CHECKING:
    from tests.plugins.allegro.conftest import Shop

MINUTE = 60.0


async def test_the_first_fetch_finds_what_was_there_before(
    simulator: AllegroSimulator, platform: Allegro, shop: Shop
) -> None:
    before = {simulator.market.purchase() for _ in range(230)}
    pages = await shop.fetch(platform)
    assert set(shop.orders) == before
    assert not any(page.sweep for page in pages), "what a new account finds was not missed by anybody"
    asked = [one.path for one in simulator.served if one.path.startswith("/order")]
    assert asked[0] == "/order/event-stats", "the journal's newest event is taken before the first form is read"


async def test_what_the_journal_omits_the_sweep_finds(
    simulator: AllegroSimulator, platform: Allegro, shop: Shop, clock: VirtualClock
) -> None:
    await shop.fetch(platform)
    simulator.market.quirks = Quirks(missing=1.0)
    form_id = simulator.market.purchase()
    await shop.fetch(platform)
    assert form_id not in shop.orders
    await clock.advance(16 * MINUTE)
    pages = await shop.fetch(platform)
    assert form_id in shop.orders
    assert [page.sweep for page in pages if page.orders] == [True]


async def test_each_start_of_the_program_sweeps(
    simulator: AllegroSimulator, platform: Allegro, shop: Shop, restart: Callable[[], Allegro]
) -> None:
    await shop.fetch(platform)
    simulator.market.quirks = Quirks(missing=1.0)
    form_id = simulator.market.purchase()
    await shop.fetch(restart())
    assert form_id in shop.orders


async def test_an_open_form_that_nobody_told_of_is_found_by_the_look_back(
    simulator: AllegroSimulator, platform: Allegro, shop: Shop, clock: VirtualClock
) -> None:
    await shop.fetch(platform)
    simulator.market.quirks = Quirks(missing=1.0)
    form_id = simulator.market.buy()
    await clock.advance(5 * 24 * 60 * MINUTE)  # the machine is off
    pages = await shop.fetch(platform)
    assert shop.orders[form_id].stage is Stage.PLACED
    statuses = {one.query.get("status") for one in simulator.served if one.path == "/order/checkout-forms"}
    assert {"BOUGHT", "FILLED_IN"} <= statuses
    assert any(page.sweep for page in pages)


async def test_a_restart_in_the_middle_of_the_sweep_goes_on_there(
    simulator: AllegroSimulator, shop: Shop, restart: Callable[[], Allegro], clock: VirtualClock
) -> None:
    before = set()
    for _ in range(350):
        before.add(simulator.market.purchase())
        await clock.advance(1)
    shop.keep(await restart().fetch_orders(None, None))
    shop.keep(await restart().fetch_orders(shop.cursor, None))
    seen = len(shop.orders)
    assert 100 < seen < 350
    simulator.served.clear()
    await shop.fetch(restart())
    assert set(shop.orders) == before
    first = next(one for one in simulator.served if one.path == "/order/checkout-forms")
    assert first.query["updatedAt.gte"] > "2026-01-05T09:02", "the sweep did not begin anew"


async def test_forms_that_change_while_the_sweep_reads_are_not_passed_over(
    simulator: AllegroSimulator, platform: Allegro, shop: Shop, clock: VirtualClock
) -> None:
    simulator.market.quirks = Quirks(missing=1.0)
    forms = []
    for _ in range(320):
        forms.append(simulator.market.purchase())
        await clock.advance(1)
    more = True
    while more:
        page = await platform.fetch_orders(shop.cursor, None)
        shop.keep(page)
        more = page.more
        for form_id in forms[:3]:
            await clock.advance(1)
            simulator.market.change_address(form_id, "ul. Nowa 1")
        forms = forms[3:]
    assert set(shop.orders) == set(simulator.market.forms)


async def test_new_orders_do_not_wait_for_a_long_sweep(
    simulator: AllegroSimulator, platform: Allegro, shop: Shop, clock: VirtualClock
) -> None:
    for _ in range(500):
        simulator.market.purchase()
        await clock.advance(1)
    shop.keep(await platform.fetch_orders(None, None))
    form_id = simulator.market.purchase()
    for _ in range(2):
        shop.keep(await platform.fetch_orders(shop.cursor, None))
    assert form_id in shop.orders
    assert len(shop.orders) < 400, "the sweep is still under way"


async def test_a_busy_journal_does_not_hold_up_the_sweep(
    simulator: AllegroSimulator, platform: Allegro, shop: Shop, clock: VirtualClock
) -> None:
    before = set()
    for _ in range(250):
        before.add(simulator.market.purchase())
        await clock.advance(1)
    for _ in range(8):
        page = await platform.fetch_orders(shop.cursor, None)
        shop.keep(page)
        simulator.market.purchase()
    assert before <= set(shop.orders)


async def test_while_a_sweep_is_under_way_there_is_more(
    simulator: AllegroSimulator, platform: Allegro, shop: Shop, clock: VirtualClock
) -> None:
    for _ in range(250):
        simulator.market.purchase()
        await clock.advance(1)
    shop.keep(await platform.fetch_orders(None, None))
    told = simulator.market.purchase()
    page = await platform.fetch_orders(shop.cursor, None)
    assert [order.external_id for order in page.orders] == [told]
    assert page.more


@pytest.mark.parametrize("cursor", ["", "not a cursor", '{"sweep": 1}'])
async def test_a_lost_cursor_is_a_sweep_of_the_whole_window(
    simulator: AllegroSimulator, platform: Allegro, shop: Shop, cursor: str
) -> None:
    form_id = simulator.market.purchase()
    shop.cursor = cursor
    pages = await shop.fetch(platform)
    assert form_id in shop.orders
    assert pages[0].sweep


async def test_an_event_that_allegro_has_forgotten_is_a_sweep_of_the_whole_window(
    simulator: AllegroSimulator, platform: Allegro, shop: Shop, clock: VirtualClock
) -> None:
    simulator.market.purchase()
    await shop.fetch(platform)
    simulator.market.quirks = Quirks(missing=1.0)
    unseen = simulator.market.purchase()
    await clock.advance(1)
    simulator.market.forget_events()
    pages = await shop.fetch(platform)
    assert unseen in shop.orders
    assert any(page.sweep for page in pages)
    simulator.market.quirks = Quirks()
    await clock.advance(1)
    told = simulator.market.purchase()
    await shop.fetch(platform)
    assert told in shop.orders


async def test_a_sweep_that_fails_does_not_stop_the_journal(
    simulator: AllegroSimulator, platform: Allegro, shop: Shop, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.fetch(platform)

    async def refused(query: object) -> tuple[()]:
        raise Rejected(f"no list today: {query is None}", status=422)

    monkeypatch.setattr(platform._client, "forms", refused)
    await clock.advance(16 * MINUTE)
    for _ in range(3):
        form_id = simulator.market.purchase()
        shop.keep(await platform.fetch_orders(shop.cursor, None))
        assert form_id in shop.orders
    await clock.advance(2 * 60 * MINUTE)
    with pytest.raises(Rejected):
        await shop.fetch(platform)


async def test_reaching_back_reads_the_list_alone_and_leaves_the_journal_where_it_is(
    simulator: AllegroSimulator, platform: Allegro, shop: Shop, clock: VirtualClock
) -> None:
    old = {simulator.market.purchase() for _ in range(130)}
    await shop.fetch(platform)
    place = shop.cursor
    await clock.advance(90 * 24 * 60 * MINUTE)
    shop.cursor = None
    asked = len(simulator.served)
    page = await platform.fetch_orders(None, clock.now() - timedelta(days=100))
    found = {order.external_id for order in page.orders}
    while page.more:
        page = await platform.fetch_orders(page.cursor, None)
        found |= {order.external_id for order in page.orders}
    assert found == old
    assert not any("event" in one.path for one in list(simulator.served)[asked:])
    shop.cursor = place
    new = simulator.market.purchase()
    await shop.fetch(platform)
    assert new in shop.orders
