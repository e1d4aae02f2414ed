"""Orders are fetched over HTTP from the simulated Etsy, with what its lists leave out, restarts and faults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from orderferry import RateLimited, Stage, Unavailable
from orderferry.testing.clock import VirtualClock
from orderferry.testing.marketplace import STRIKING
from orderferry.testing.memory import MemoryLog
from orderferry.testing.simulator import Fate, Faults
from plugins.etsy import cursor as positions
from plugins.etsy import simulator_script as script
from plugins.etsy.platform import Etsy
from plugins.etsy.simulator import EtsySimulator

if TYPE_CHECKING:
    from tests.plugins.etsy.conftest import Shop

HOUR = 3600.0


def lists(simulator: EtsySimulator) -> list[Mapping[str, str]]:
    return [one.query for one in simulator.served if one.path.endswith("/receipts")]


async def test_an_order_is_followed_from_the_checkout_to_its_end(
    simulator: EtsySimulator, platform: Etsy, shop: Shop, clock: VirtualClock
) -> None:
    await shop.fetch(platform)
    receipt = simulator.market.buy(
        {"SKU-003": 2, "SKU-004": 1}, message="No hurry", gift="Hi!", variation="For Ola", discount="3.00", vat="9.00"
    )
    await clock.advance(HOUR)
    await shop.fetch(platform)
    assert shop.orders[receipt].stage is Stage.PLACED
    simulator.market.pay(receipt)
    await clock.advance(HOUR)
    await shop.fetch(platform)
    order = shop.orders[receipt]
    assert order.stage is Stage.READY
    assert order.paid
    assert order.comment == "No hurry\nGift from Anna: Hi!"
    assert [(line.sku, line.quantity) for line in order.lines if line.goods] == [("SKU-003", 2), ("SKU-004", 1)]
    assert "Engraving: For Ola" in order.lines[0].name
    assert sum((line.total.amount for line in order.lines), order.delivery.cost.amount) == order.total.amount


async def test_a_cancellation_is_in_no_list_of_changes_and_found_within_the_hour(
    simulator: EtsySimulator, platform: Etsy, shop: Shop, clock: VirtualClock
) -> None:
    receipt = simulator.market.purchase()
    await shop.fetch(platform)
    simulator.market.cancel(receipt)
    await clock.advance(HOUR)
    simulator.served.clear()
    await shop.fetch(platform)
    assert shop.orders[receipt].stage is Stage.CANCELLED
    assert [query.get("was_canceled") for query in lists(simulator)] == ["true", None]


@pytest.mark.parametrize(("amount", "stage"), [(None, Stage.CANCELLED), ("5.00", Stage.READY)])
async def test_a_refund_moves_no_time_and_is_found_within_six_hours(
    *,
    simulator: EtsySimulator,
    platform: Etsy,
    shop: Shop,
    clock: VirtualClock,
    amount: str | None,
    stage: Stage,
) -> None:
    receipt = simulator.market.purchase()
    await shop.fetch(platform)
    before = shop.orders[receipt]
    await clock.advance(3 * HOUR)
    await shop.fetch(platform)
    simulator.market.refund(receipt, amount)
    await clock.advance(HOUR)
    await shop.fetch(platform)
    assert shop.orders[receipt] == before
    await clock.advance(2 * HOUR)
    pages = await shop.fetch(platform)
    assert shop.orders[receipt].stage is stage
    assert shop.orders[receipt].updated_at > before.updated_at
    assert [page.sweep for page in pages] == [True, True, False]


async def test_the_first_look_is_no_second_one(simulator: EtsySimulator, platform: Etsy, shop: Shop) -> None:
    simulator.market.purchase()
    assert not any(page.sweep for page in await shop.fetch(platform))


async def test_parcels_that_the_seller_enters_at_etsy_are_taken_over(
    simulator: EtsySimulator, platform: Etsy, shop: Shop, clock: VirtualClock
) -> None:
    receipt = simulator.market.purchase()
    await shop.fetch(platform)
    simulator.market.add_tracking(receipt, "6200", "InPost")
    await clock.advance(HOUR)
    await shop.fetch(platform)
    order = shop.orders[receipt]
    assert order.shipped
    assert [(parcel.carrier, parcel.number) for parcel in order.parcels] == [("InPost", "6200")]


async def test_more_receipts_than_a_page_holds(
    simulator: EtsySimulator, platform: Etsy, shop: Shop, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(positions, "PAGE", 10)
    placed = [simulator.market.purchase() for _ in range(23)]  # all in one second
    for _ in range(25):
        await clock.advance(7)
        placed.append(simulator.market.purchase())
    await shop.fetch(platform)
    assert set(placed) == set(shop.orders)


async def test_the_shop_is_asked_for_once(
    simulator: EtsySimulator, platform: Etsy, shop: Shop, clock: VirtualClock
) -> None:
    for _ in range(3):
        await shop.fetch(platform)
        await clock.advance(HOUR)
    assert [one.path for one in simulator.served].count("/v3/application/users/me") == 1


async def test_an_outage_of_a_month_loses_nothing(
    simulator: EtsySimulator, restart: Callable[[], Etsy], shop: Shop, clock: VirtualClock
) -> None:
    await shop.fetch(restart())
    placed = []
    for _ in range(30):
        await clock.advance(24 * HOUR)
        placed.append(simulator.market.purchase())
    await shop.fetch(restart())
    assert set(placed) <= set(shop.orders)


async def test_reaching_back_answers_changed_and_cancelled_orders(
    simulator: EtsySimulator, platform: Etsy, shop: Shop, clock: VirtualClock
) -> None:
    old = simulator.market.purchase()
    since = clock.now()
    await clock.advance(80 * 24 * HOUR)
    cancelled = simulator.market.purchase()
    simulator.market.cancel(cancelled)
    await shop.fetch(platform)
    assert set(shop.orders) == {cancelled}
    await shop.fetch(platform, since=since - timedelta(hours=1))
    assert {old, cancelled} <= set(shop.orders)
    assert (await platform.fetch_orders(shop.cursor, None)).orders == ()


async def test_a_cursor_that_cannot_be_read_begins_anew(simulator: EtsySimulator, platform: Etsy, shop: Shop) -> None:
    receipt = simulator.market.purchase()
    shop.cursor = "nonsense"
    await shop.fetch(platform)
    assert receipt in shop.orders


async def test_where_the_second_look_fails_new_orders_come_all_the_same(
    simulator: EtsySimulator, platform: Etsy, shop: Shop, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.fetch(platform)
    listed = platform._client.receipts

    async def only_changes(query: Mapping[str, str]) -> object:
        if "min_created" in query:
            raise Unavailable("the list is out of order")
        return await listed(query)

    with monkeypatch.context() as patched:
        patched.setattr(platform._client, "receipts", only_changes)
        await clock.advance(7 * HOUR)
        receipt = simulator.market.purchase()
        await shop.fetch(platform)
        assert receipt in shop.orders
    log = platform.account.log
    assert isinstance(log, MemoryLog)
    assert [one.values["kind"] for one in log.events if one.event == "sweep_postponed"] == ["cancelled", "bought"]
    simulator.market.refund(receipt)
    await clock.advance(HOUR)
    await shop.fetch(platform)
    assert shop.orders[receipt].stage is Stage.CANCELLED


async def test_a_429_holds_the_account_back_without_asking_again(
    simulator: EtsySimulator, platform: Etsy, shop: Shop, clock: VirtualClock
) -> None:
    await shop.fetch(platform)
    receipt = simulator.market.purchase()
    simulator.faults.retry_after = 40
    simulator.script("GET", "/receipts", Fate.BUSY)
    with pytest.raises(RateLimited) as caught:
        await platform.fetch_orders(shop.cursor, None)
    assert caught.value.retry_after == 40
    asked = len(simulator.served)
    with pytest.raises(RateLimited):
        await platform.fetch_orders(shop.cursor, None)
    assert len(simulator.served) == asked
    await clock.advance(41)
    await shop.fetch(platform)
    assert receipt in shop.orders


async def test_malformed_receipts_are_kept_and_stop_nobody(
    simulator: EtsySimulator, platform: Etsy, shop: Shop
) -> None:
    broken = {simulator.market.add_malformed(how) for how in ("price", "quantity", "status", "missing", "huge")}
    good = simulator.market.purchase()
    await shop.fetch(platform)
    assert set(shop.malformed) == broken
    assert all(one.raw for one in shop.malformed.values())
    assert set(shop.orders) == {good}


@pytest.mark.parametrize("seed", range(4))
async def test_a_whole_day_with_faults_and_restarts_loses_nothing(
    simulator: EtsySimulator, shop: Shop, restart: Callable[[], Etsy], clock: VirtualClock, seed: int
) -> None:
    platform = restart()
    await shop.fetch(platform)
    # a renewal of the login whose answer is lost ends the login: that is for its owner to mend
    simulator.faults = Faults(rates=dict.fromkeys(STRIKING, 0.02), slow=0.001, only=("GET",))
    steps = script.plan(seed, 60, sorted(simulator.market.offers))
    passed = 0.0

    async def wait_until(second: float) -> None:
        nonlocal passed, platform
        if second - passed < HOUR:
            return
        await clock.advance(second - passed)
        passed = second
        if simulator.random.random() < 0.1:
            platform = restart()
        await shop.fetch(platform)

    await script.play(simulator.market, steps, 24 * HOUR, wait_until)
    simulator.faults = Faults()
    await clock.advance(6 * HOUR)
    await shop.fetch(platform)
    summary = simulator.market.summary()
    ready = {number for number, order in shop.orders.items() if order.stage is Stage.READY}
    assert ready == set(summary["must"])
    assert len(summary["must"]) > 40
    assert not shop.malformed
