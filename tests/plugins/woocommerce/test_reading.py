"""Fetching, lists, products and the check, over HTTP against the simulated shop."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orderferry import (
    ChoiceKind,
    NeedsLogin,
    Order,
    ProductKey,
    Rejected,
    Secret,
)
from orderferry.testing.clock import VirtualClock
from plugins.shops.woocommerce.platform import WooCommerce
from plugins.shops.woocommerce.simulator import READ_KEY, WooSimulator
from tests.plugins.woocommerce.asking import add, every_page, order, requests


async def test_pages_go_on_until_the_window_is_read_and_then_overlap(shop: WooCommerce, sim: WooSimulator) -> None:
    placed = {str(sim.place_order()["id"]) for _ in range(230)}
    pages = await every_page(shop)
    assert len(pages) == 3
    assert {found.external_id for page in pages for found in page.orders} == placed
    cursor = json.loads(pages[-1].cursor)
    assert cursor == {"after": "2026-01-05T08:50:00Z"}  # ten minutes before the first page was asked for


async def test_the_first_window_reaches_three_days_back(shop: WooCommerce, sim: WooSimulator) -> None:
    await shop.fetch_orders(None, None)
    assert sim.served[-1].query["modified_after"] == "2026-01-02T09:00:00"
    assert sim.served[-1].query["dates_are_gmt"] == "true"


async def test_an_order_deleted_while_pages_are_turned_hides_no_other(shop: WooCommerce, sim: WooSimulator) -> None:
    placed = [sim.place_order() for _ in range(150)]
    first = await shop.fetch_orders(None, None)
    for gone in placed[:60]:
        sim.shop.delete(gone)
    rest = await every_page(shop, first.cursor)
    seen = {found.external_id for page in rest for found in page.orders}
    assert {str(left["id"]) for left in placed[60:]} <= seen


async def test_an_order_changed_while_pages_are_turned_keeps_its_place(shop: WooCommerce, sim: WooSimulator) -> None:
    placed = [sim.place_order() for _ in range(150)]
    first = await shop.fetch_orders(None, None)
    for changed in placed[:60]:
        sim.shop.move(changed, "completed")
        sim.shop.touch(changed)
    rest = await every_page(shop, first.cursor)
    seen = {found.external_id for page in (first, *rest) for found in page.orders}
    assert seen == {str(entry["id"]) for entry in placed}


async def test_a_shop_whose_clock_is_behind_loses_nothing(
    shop: WooCommerce, sim: WooSimulator, clock: VirtualClock
) -> None:
    ahead = (datetime.now(UTC) - clock.now()) + timedelta(days=1)
    await clock.advance(ahead.total_seconds())  # our clock is a day ahead of the shop's
    page = await shop.fetch_orders(None, None)
    placed = sim.place_order()
    (found,) = (await shop.fetch_orders(page.cursor, None)).orders
    assert isinstance(found, Order)
    assert found.external_id == str(placed["id"])


async def test_lists(shop: WooCommerce, sim: WooSimulator) -> None:
    sim.shop.statuses["packing-hall"] = "In the packing hall"
    statuses = {choice.id for choice in await shop.list_choices(ChoiceKind.STATUSES)}
    assert {"processing", "packing-hall"} <= statuses
    assert "checkout-draft" not in statuses
    assert [choice.id for choice in await shop.list_choices(ChoiceKind.PAYMENTS)] == ["bacs", "cheque", "cod"]
    deliveries = await shop.list_choices(ChoiceKind.DELIVERIES)
    assert (deliveries[0].id, deliveries[0].title) == ("flat_rate:1", "Polska: InPost Paczkomaty 24/7")
    assert await shop.list_choices(ChoiceKind.CARRIERS) == ()


async def test_products_by_sku_and_ean(shop: WooCommerce, sim: WooSimulator) -> None:
    sim.shop.by_sku("KUB-330")[0].stock = -3
    keys = [
        ProductKey(sku="kub-330"),
        ProductKey(sku="nothing", ean="5901234123464"),
        ProductKey(ean="5901234123471"),
        ProductKey(sku="A,B"),
        ProductKey(),
    ]
    mug, medium, large, listed, nothing = await shop.find_products(keys)
    assert mug is not None
    assert (mug.id, mug.sku, mug.ean, mug.stock) == ("10", "KUB-330", "5901234123457", -3)
    assert medium is not None
    assert (medium.id, medium.parent_id) == ("12", "11")
    assert large is not None
    assert large.id == "13"
    assert listed is nothing is None


async def test_many_products_are_asked_for_in_few_requests(shop: WooCommerce, sim: WooSimulator) -> None:
    sim.load([{"sku": f"SKU-{number}", "stock": 5} for number in range(100)])
    found = await shop.find_products([ProductKey(sku=f"sku-{number}") for number in range(100)])
    assert [product.sku for product in found if product] == [f"SKU-{number}" for number in range(100)]
    assert requests(sim).count("GET /products") == 3


async def test_check_tells_versions_and_changes_nothing(shop: WooCommerce, sim: WooSimulator) -> None:
    sim.namespaces.append("wc-ast/v3")
    report = await shop.check()
    assert report.summary == "WooCommerce 9.9.5, PLN, with taxes."
    assert report.missing == {}
    assert any("Advanced Shipment Tracking" in note for note in report.notes)
    assert not sim.shop.orders


async def test_check_sees_a_key_that_may_only_read(open_shop: Any) -> None:
    report = await open_shop(consumer_key=Secret(READ_KEY)).check()
    assert set(report.missing) == {"add_order", "set_status", "set_payment", "set_tracking"}


async def test_check_sees_that_no_stock_is_counted(shop: WooCommerce, sim: WooSimulator) -> None:
    sim.manages_stock = False
    assert set((await shop.check()).missing) == {"stock_on_add"}


async def test_check_of_a_site_without_woocommerce(shop: WooCommerce, sim: WooSimulator) -> None:
    sim.namespaces.remove("wc/v3")
    with pytest.raises(Rejected, match="not active"):
        await shop.check()


async def test_a_refused_key_needs_its_owner_and_is_not_told(open_shop: Any) -> None:
    shop = open_shop(consumer_secret=Secret("cs_wrong"))
    with pytest.raises(NeedsLogin) as refused:
        await add(shop, order(1))
    assert "cs_wrong" not in str(refused.value)


async def test_a_shop_that_does_not_know_eans_answers_everything_and_is_not_believed(
    shop: WooCommerce, sim: WooSimulator
) -> None:
    sim.ignores_eans = True
    sim.shop.products[10].ean = ""
    assert await shop.find_products([ProductKey(ean="4006381333931"), ProductKey(ean="")]) == (None, None)
