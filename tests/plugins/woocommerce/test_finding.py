"""Finding an order again, over HTTP against the simulated shop."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from orderferry import ForwardOrder, ShopOrder, Unavailable, Unsure
from orderferry.testing.clock import VirtualClock
from orderferry.testing.simulator import Fate, Faults
from plugins.shops.woocommerce.platform import WooCommerce
from plugins.shops.woocommerce.simulator import WooSimulator
from tests.plugins.woocommerce.asking import SINCE, add, held, order


async def test_an_order_is_found_by_its_note_alone(shop: WooCommerce, sim: WooSimulator) -> None:
    """As in a shop where a plugin writes its own name over `created_via`."""
    made = await add(shop, order(1))
    sim.shop.created_via["of-kit-1"].clear()
    held(sim, made)["created_via"] = "some-plugin"
    found = await shop.find_order("of-kit-1", SINCE)
    assert found is not None
    assert (found.id, found.total, found.stock_fell) == (made.id, made.total, True)


async def test_the_window_is_searched_to_its_last_page(shop: WooCommerce, sim: WooSimulator) -> None:
    for _ in range(205):
        sim.place_order()
    made = await add(shop, order(1))
    sim.ignores_created_via = True
    found = await shop.find_order("of-kit-1", SINCE)
    assert found is not None
    assert found.id == made.id
    assert await shop.find_order("of-kit-2", SINCE) is None


@pytest.mark.parametrize("struck", range(6))
async def test_a_search_of_which_one_page_failed_does_not_say_not_there(
    shop: WooCommerce, sim: WooSimulator, struck: int
) -> None:
    for _ in range(205):
        sim.place_order()
    sim.script("GET", "/orders", *[Fate.GOOD] * struck, Fate.DOWN)
    with pytest.raises(Unavailable):
        await shop.find_order("of-kit-1", SINCE)


async def test_an_order_in_the_trash_is_found_there(shop: WooCommerce, sim: WooSimulator) -> None:
    made = await add(shop, order(1))
    sim.shop.trash(held(sim, made))
    for ignores in (False, True):
        sim.ignores_created_via = ignores
        found = await shop.find_order("of-kit-1", SINCE)
        assert found is not None
        assert (found.id, found.status) == (made.id, "trash")
        assert any("trash" in warning for warning in found.warnings)


async def test_an_order_that_the_shop_is_still_making_is_looked_at_again(
    shop: WooCommerce, sim: WooSimulator, clock: VirtualClock
) -> None:
    made = await add(shop, order(1))
    whole = held(sim, made)
    sim.shop.move(whole, "pending")
    whole["date_created_gmt"] = clock.now().strftime("%Y-%m-%dT%H:%M:%S")
    with pytest.raises(Unavailable, match="still making") as soon:
        await shop.find_order("of-kit-1", SINCE)
    assert soon.value.retry_after == 5
    await clock.advance(61)
    left = await shop.find_order("of-kit-1", SINCE)
    assert left is not None
    assert (left.status, left.stock_fell) == ("pending", False)


async def test_a_found_order_of_uncounted_products_says_nothing_of_stock(shop: WooCommerce, sim: WooSimulator) -> None:
    sim.shop.add_product("LOOSE", manage_stock=False)
    await add(shop, order(1, "LOOSE"))
    found = await shop.find_order("of-kit-1", SINCE)
    assert found is not None
    assert found.stock_fell is None


async def test_a_clock_that_is_far_behind_hides_no_order(
    shop: WooCommerce, sim: WooSimulator, clock: VirtualClock
) -> None:
    ahead = (datetime.now(UTC) - clock.now()) + timedelta(days=1)
    await clock.advance(ahead.total_seconds())  # our clock is a day ahead of the shop's
    sim.ignores_created_via = True
    for _ in range(101):
        sim.place_order()
    since = clock.now()
    made = await add(shop, order(1))
    found = await shop.find_order("of-kit-1", since)
    assert found is not None
    assert found.id == made.id


async def settle(shop: WooCommerce, clock: VirtualClock, wanted: ForwardOrder) -> ShopOrder:
    """Carries an order to its end as the daemon does: a doubt is looked up until the settle window is over."""
    for _ in range(60):
        try:
            return await add(shop, wanted)
        except Unavailable:
            await clock.advance(61)
            continue
        except Unsure:
            looks = 0
        while looks < 6:
            try:
                found = await shop.find_order(wanted.reference, SINCE)
            except Unavailable:
                await clock.advance(61)
                continue
            if found is not None:
                return found
            looks += 1
    return pytest.fail("the order never arrived")


@pytest.mark.parametrize("ignores", [False, True])
async def test_in_a_storm_of_faults_every_order_arrives_once(
    shop: WooCommerce, sim: WooSimulator, clock: VirtualClock, ignores: bool
) -> None:
    kinds = [fate for fate in Fate if fate not in {Fate.GOOD, Fate.SLOW}]
    sim.faults = Faults(rates=dict.fromkeys(kinds, 0.4 / len(kinds)))
    sim.late, sim.ignores_created_via = 4, ignores
    settled = [await settle(shop, clock, order(number)) for number in range(40)]
    assert sim.summary()["references"] == {f"of-kit-{number}": 1 for number in range(40)}
    assert {entry.total for entry in settled} == {order().total}
    assert sim.shop.by_sku("KUB-330")[0].stock == 100 - 40
    assert all(sim.counts[fate] for fate in kinds)
