"""Orders are fetched over HTTP from the simulated eBay, with changes that the list hides, restarts and faults."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from orderferry import RateLimited, Stage, Unavailable
from orderferry.testing.clock import VirtualClock
from orderferry.testing.marketplace import STRIKING
from orderferry.testing.memory import MemoryLog
from orderferry.testing.simulator import Fate, Faults
from plugins.ebay import cursor as positions
from plugins.ebay import simulator_script as script
from plugins.ebay.cursor import Kind
from plugins.ebay.platform import Ebay
from plugins.ebay.simulator import EbaySimulator
from plugins.ebay.simulator_state import Quirks

if TYPE_CHECKING:
    from tests.plugins.ebay.conftest import Shop

MINUTE = 60.0
HOUR = 3600.0
ORDER = "/sell/fulfillment/v1/order"


def singles(simulator: EbaySimulator) -> list[str]:
    return [one.path.rpartition("/")[2] for one in simulator.served if one.path.startswith(f"{ORDER}/")]


def lists(simulator: EbaySimulator) -> int:
    return [one.path for one in simulator.served].count(ORDER)


async def test_an_order_is_followed_from_the_purchase_to_its_end(
    simulator: EbaySimulator, platform: Ebay, shop: Shop, clock: VirtualClock
) -> None:
    await shop.fetch(platform)
    order_id = simulator.market.buy({"SKU-003": 2, "SKU-004": 1})
    await clock.advance(MINUTE)
    await shop.fetch(platform)
    assert shop.orders[order_id].stage is Stage.PLACED
    simulator.market.check_out(order_id, note="Please in red", discount="1.00")
    await clock.advance(MINUTE)
    await shop.fetch(platform)
    assert shop.orders[order_id].stage is Stage.PLACED
    assert shop.orders[order_id].delivery.address is not None
    simulator.market.pay(order_id)
    await clock.advance(MINUTE)
    await shop.fetch(platform)
    order = shop.orders[order_id]
    assert order.stage is Stage.READY
    assert order.paid
    assert order.comment == "Please in red"
    assert [(line.sku, line.quantity) for line in order.lines] == [("SKU-003", 2), ("SKU-004", 1)]
    assert sum((line.total.amount for line in order.lines), order.delivery.cost.amount) == order.total.amount
    simulator.market.cancel(order_id)
    await clock.advance(MINUTE)
    await shop.fetch(platform)
    assert shop.orders[order_id].stage is Stage.CANCELLED


async def test_a_poll_without_news_is_one_request(
    simulator: EbaySimulator, platform: Ebay, shop: Shop, clock: VirtualClock
) -> None:
    simulator.market.purchase()
    await shop.fetch(platform)
    await clock.advance(MINUTE)
    simulator.served.clear()
    await shop.fetch(platform)
    assert [one.path for one in simulator.served] == [ORDER]


async def test_more_orders_than_a_page_holds(
    simulator: EbaySimulator, platform: Ebay, shop: Shop, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(positions, "PAGE", {Kind.CHANGED: 10, Kind.OPEN: 5})
    placed = []
    for _ in range(30):
        placed.append(simulator.market.purchase())
        await clock.advance(7)
    at_once = [simulator.market.purchase() for _ in range(12)]  # all in one millisecond
    pages = await shop.fetch(platform)
    assert {*placed, *at_once} == set(shop.orders)
    assert len(pages) < 180, "two scans that both have to find the crowded millisecond among sixty days"
    assert len(singles(simulator)) <= len(placed) + 2 * len(at_once), "windows that were made smaller are not read"


async def test_a_change_that_the_list_shows_late_is_found_by_the_overlap(
    simulator: EbaySimulator, platform: Ebay, shop: Shop, clock: VirtualClock
) -> None:
    await shop.fetch(platform)
    simulator.market.quirks = Quirks(lag=600)
    order_id = simulator.market.purchase()
    for _ in range(9):
        await clock.advance(MINUTE)
        await shop.fetch(platform)
    assert order_id not in shop.orders
    await clock.advance(2 * MINUTE)
    await shop.fetch(platform)
    assert shop.orders[order_id].stage is Stage.READY


async def test_a_cancellation_that_only_the_single_order_shows_is_found_within_two_hours(
    simulator: EbaySimulator, platform: Ebay, shop: Shop, clock: VirtualClock
) -> None:
    order_id = simulator.market.purchase()
    await shop.fetch(platform)
    simulator.market.quirks = Quirks(silent_cancel=1)
    simulator.market.cancel(order_id)
    await clock.advance(HOUR)
    await shop.fetch(platform)
    assert shop.orders[order_id].stage is Stage.READY
    await clock.advance(HOUR)
    pages = await shop.fetch(platform)
    assert shop.orders[order_id].stage is Stage.CANCELLED
    assert [page.sweep for page in pages] == [False, True]


async def test_a_request_to_cancel_holds_the_order_back_until_it_is_answered(
    simulator: EbaySimulator, platform: Ebay, shop: Shop, clock: VirtualClock
) -> None:
    await shop.fetch(platform)
    order_id = simulator.market.purchase()
    simulator.market.ask_to_cancel(order_id)
    await clock.advance(MINUTE)
    await shop.fetch(platform)
    assert shop.orders[order_id].stage is Stage.PLACED
    assert singles(simulator) == [order_id]
    simulator.market.cancel(order_id)
    await clock.advance(MINUTE)
    await shop.fetch(platform)
    assert shop.orders[order_id].stage is Stage.CANCELLED


async def test_shipped_and_cancelled_orders_are_not_read_again(
    simulator: EbaySimulator, platform: Ebay, shop: Shop
) -> None:
    shipped, cancelled, still_open = (simulator.market.purchase() for _ in range(3))
    line = simulator.market.orders[shipped].order["lineItems"][0]["lineItemId"]
    parcel = {"lineItems": [{"lineItemId": line}], "trackingNumber": "1", "shippingCarrierCode": "DHL"}
    simulator.market.add_fulfillment(shipped, parcel)
    simulator.market.cancel(cancelled)
    await shop.fetch(platform)
    assert singles(simulator) == [still_open]
    assert shop.orders[shipped].shipped


async def test_a_tax_number_is_there_from_the_first_moment(
    simulator: EbaySimulator, platform: Ebay, shop: Shop, clock: VirtualClock
) -> None:
    await shop.fetch(platform)
    italian = simulator.market.purchase(site="EBAY_IT", tax_id="RSSMRA80A01H501U")
    german = simulator.market.purchase()
    await clock.advance(MINUTE)
    await shop.fetch(platform)
    invoice = shop.orders[italian].invoice
    assert invoice is not None
    assert invoice.tax_id == "RSSMRA80A01H501U"
    assert german in shop.orders
    assert singles(simulator) == [italian]


async def test_an_order_that_cannot_be_read_by_itself_holds_up_nobody_and_comes_in_the_end(
    simulator: EbaySimulator, platform: Ebay, shop: Shop, clock: VirtualClock
) -> None:
    await shop.fetch(platform)
    italian = simulator.market.purchase(site="EBAY_IT", tax_id="RSSMRA80A01H501U")
    german = simulator.market.purchase()
    simulator.script("GET", f"{ORDER}/{italian}", *[Fate.DOWN] * 99)
    await clock.advance(MINUTE)
    await shop.fetch(platform)
    assert german in shop.orders
    assert italian not in shop.orders
    for _ in range(15):
        await clock.advance(MINUTE)
        await shop.fetch(platform)
    assert shop.orders[italian].invoice is None
    log = platform.account.log
    assert isinstance(log, MemoryLog)
    assert ("warning", "order_unreadable") in {(one.level, one.event) for one in log.events}


async def test_the_tax_number_comes_with_the_next_reading_that_works(
    simulator: EbaySimulator, platform: Ebay, shop: Shop, clock: VirtualClock
) -> None:
    await shop.fetch(platform)
    italian = simulator.market.purchase(site="EBAY_IT", tax_id="RSSMRA80A01H501U")
    simulator.script("GET", f"{ORDER}/{italian}", *[Fate.DOWN] * 3)
    for _ in range(2):
        await clock.advance(MINUTE)
        await shop.fetch(platform)
    assert shop.orders[italian].invoice is not None


async def test_purchases_paid_together_arrive_as_the_new_order_with_the_old_lines(
    simulator: EbaySimulator, platform: Ebay, shop: Shop, clock: VirtualClock
) -> None:
    await shop.fetch(platform)
    old = [simulator.market.buy({sku: 1}, username="twice") for sku in ("SKU-001", "SKU-002")]
    await clock.advance(MINUTE)
    await shop.fetch(platform)
    lines = {line.id for order_id in old for line in shop.orders[order_id].lines}
    new = simulator.market.combine(old)
    simulator.market.check_out(new)
    simulator.market.pay(new)
    await clock.advance(MINUTE)
    await shop.fetch(platform)
    assert {line.id for line in shop.orders[new].lines} == lines
    assert shop.orders[new].updated_at >= shop.orders[old[0]].updated_at


async def test_an_order_that_vanishes_between_list_and_reading_is_passed_over(
    simulator: EbaySimulator, platform: Ebay, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, stays = simulator.market.purchase(site="EBAY_IT"), simulator.market.purchase()
    read = platform._client.order

    async def vanishing(order_id: str) -> bytes | None:
        simulator.market.orders.pop(gone, None)
        return await read(order_id)

    monkeypatch.setattr(platform._client, "order", vanishing)
    await shop.fetch(platform)
    assert set(shop.orders) == {stays}
    assert not shop.malformed


async def test_an_outage_of_a_week_loses_nothing(
    simulator: EbaySimulator, restart: Callable[[], Ebay], shop: Shop, clock: VirtualClock
) -> None:
    await shop.fetch(restart())
    placed = []
    for _ in range(7):
        await clock.advance(24 * HOUR)
        placed.append(simulator.market.purchase())
    await shop.fetch(restart())
    assert set(placed) <= set(shop.orders)


async def test_reaching_back_goes_as_far_as_ebay_does(
    simulator: EbaySimulator, platform: Ebay, shop: Shop, clock: VirtualClock
) -> None:
    old = simulator.market.purchase()
    await clock.advance(400 * 24 * HOUR)
    new = simulator.market.purchase()
    await shop.fetch(platform)
    assert set(shop.orders) == {new}
    pages = await shop.fetch(platform, since=clock.now() - timedelta(days=5000))
    assert {old, new} <= set(shop.orders)
    assert shop.orders[old].delivery.address is None, "the real one shows no street of an old order"
    assert not any(page.sweep for page in pages)
    assert (await platform.fetch_orders(shop.cursor, None)).orders == ()


async def test_a_cursor_that_cannot_be_read_begins_anew(simulator: EbaySimulator, platform: Ebay, shop: Shop) -> None:
    order_id = simulator.market.purchase()
    shop.cursor = "nonsense"
    await shop.fetch(platform)
    assert order_id in shop.orders


async def test_where_the_open_orders_cannot_be_listed_new_ones_come_all_the_same(
    simulator: EbaySimulator, platform: Ebay, shop: Shop, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.fetch(platform)
    listed = platform._client.orders

    async def no_open_ones(criteria: str, limit: int, offset: int = 0) -> object:
        if criteria.startswith("creationdate"):
            raise Unavailable("the list is out of order")
        return await listed(criteria, limit, offset)

    monkeypatch.setattr(platform._client, "orders", no_open_ones)
    for _ in range(3):
        await clock.advance(20 * HOUR)
        order_id = simulator.market.purchase()
        await shop.fetch(platform)
        assert order_id in shop.orders
    log = platform.account.log
    assert isinstance(log, MemoryLog)
    told = [one for one in log.events if one.event == "recheck_postponed"]
    assert [(one.level, one.values["last_checked"]) for one in told] == [("warning", "2026-01-05T09:00:00.000Z")] * 3


async def test_a_list_that_counts_orders_and_gives_none_is_not_believed(
    simulator: EbaySimulator, platform: Ebay, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.fetch(platform)
    order_id = simulator.market.purchase()
    with monkeypatch.context() as patched:
        patched.setattr(simulator.market, "listed", lambda *_: b"")
        with pytest.raises(Unavailable):
            await platform.fetch_orders(shop.cursor, None)
    await shop.fetch(platform)
    assert order_id in shop.orders


async def test_a_429_holds_the_account_back_without_asking_again(
    simulator: EbaySimulator, platform: Ebay, shop: Shop, clock: VirtualClock
) -> None:
    await shop.fetch(platform)
    order_id = simulator.market.purchase(site="EBAY_IT")
    simulator.faults.retry_after = 40
    simulator.script("GET", f"{ORDER}/", Fate.BUSY)
    with pytest.raises(RateLimited) as caught:
        await platform.fetch_orders(shop.cursor, None)
    assert caught.value.retry_after == 40
    asked = len(simulator.served)
    with pytest.raises(RateLimited):
        await platform.fetch_orders(shop.cursor, None)
    assert len(simulator.served) == asked
    await clock.advance(41)
    await shop.fetch(platform)
    assert order_id in shop.orders


async def test_malformed_orders_are_kept_and_stop_nobody(simulator: EbaySimulator, platform: Ebay, shop: Shop) -> None:
    broken = {simulator.market.add_malformed(how) for how in ("price", "quantity", "missing", "huge")}
    good = simulator.market.purchase()
    await shop.fetch(platform)
    assert set(shop.malformed) == broken
    assert all(one.raw for one in shop.malformed.values())
    assert set(shop.orders) == {good}


@pytest.mark.parametrize("seed", range(4))
async def test_a_whole_day_with_faults_and_restarts_loses_nothing(
    simulator: EbaySimulator, shop: Shop, restart: Callable[[], Ebay], clock: VirtualClock, seed: int
) -> None:
    platform = restart()
    await shop.fetch(platform)
    simulator.market.quirks = Quirks(silent_cancel=0.5)
    simulator.faults = Faults(rates=dict.fromkeys(STRIKING, 0.01), slow=0.001)
    steps = script.plan(seed, 45, sorted(simulator.market.offers))
    passed = 0.0

    async def wait_until(second: float) -> None:
        nonlocal passed, platform
        if second - passed < 10 * MINUTE:
            return
        await clock.advance(second - passed)
        passed = second
        if simulator.random.random() < 0.1:
            platform = restart()
        await shop.fetch(platform)

    await script.play(simulator.market, steps, 8 * HOUR, wait_until)
    simulator.faults = Faults()
    await clock.advance(2.1 * HOUR)
    await shop.fetch(platform)
    summary = simulator.market.summary()
    ready = {order_id for order_id, order in shop.orders.items() if order.stage is Stage.READY}
    assert ready - set(summary["merged"]) == set(summary["must"])
    assert len(summary["must"]) > 30
    assert not shop.malformed
