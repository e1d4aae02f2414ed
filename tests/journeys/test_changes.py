"""What the marketplace tells badly, takes back or changes; and what the shop itself sells."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from plugins.allegro.simulator_state import Quirks
from tests.journeys.scripted_shop import STOCK, Hold
from tests.journeys.world import MARKET, SHOP, World, eventually


@contextmanager
def unheard(world: World, *, ago: timedelta = timedelta(0)) -> Iterator[None]:
    """What happens inside happened so long ago, and the journal of the marketplace tells nothing of it."""
    world.market.quirks = Quirks(missing=1.0)
    now, world.market.now = world.market.now, lambda: datetime.now(UTC) - ago
    try:
        yield
    finally:
        world.market.quirks, world.market.now = Quirks(), now


@pytest.fixture
def sweeping(world: World) -> World:
    """A world in which the sweep follows closely."""
    world.settings[f"marketplaces.{MARKET}"]["sweep_every"] = "1s"
    world.write_config()
    return world


async def test_an_order_that_the_journal_never_told_is_found_by_the_sweep(sweeping: World) -> None:
    world = sweeping
    await world.start()
    await world.forwarded(world.sell())
    with unheard(world):
        fresh = world.sell()
    await world.forwarded(fresh)
    with unheard(world, ago=timedelta(minutes=13)):
        overdue = world.sell()
    await world.forwarded(overdue)
    assert [one["data"]["external_id"] for one in await world.entries("order_gap")] == [overdue]
    new = {one["data"]["external_id"]: one["data"].get("sweep") for one in await world.entries("order_new")}
    assert new[fresh] is True
    assert new[overdue] is True
    assert "The feed of allegro-main had missed it" in (await world.cli("explain", overdue)).out


async def test_what_was_missed_while_the_daemon_was_away_is_no_gap(world: World) -> None:
    await world.start()
    await world.forwarded(world.sell())
    await world.kill()
    with unheard(world, ago=timedelta(minutes=13)):
        form = world.sell()
    await world.start()
    await world.forwarded(form)
    assert not await world.entries("order_gap")


async def test_a_journal_that_repeats_and_mixes_up_its_events_makes_no_second_order(world: World) -> None:
    world.market.quirks = Quirks(repeated=1.0, ready_again=1.0, filled_after_ready=1.0, unordered=0.5)
    await world.start()
    forms = [world.sell() for _ in range(8)]
    world.market.settle()
    for form in forms:
        await world.forwarded(form)
        assert (await world.known(form))["stage"] == "ready"
    await world.settled()
    assert sorted(world.shop.posts) == sorted(forms)


async def test_a_lost_place_in_the_journal_loses_no_order(world: World) -> None:
    await world.start()
    await world.forwarded(world.sell())
    await world.kill()
    form = world.sell()
    world.market.forget_events()
    later = world.sell()
    await world.start()
    for missed in (form, later):
        await world.forwarded(missed)
    await world.settled()
    assert len(world.shop.posts) == len(set(world.shop.posts)) == 3


async def test_of_two_purchases_that_are_merged_only_the_merged_one_is_forwarded(world: World) -> None:
    first = world.market.buy({"SKU-001": 1}, login="kupuje_dwa_razy")
    second = world.market.buy({"SKU-002": 1}, login="kupuje_dwa_razy")
    world.market.fill(first)
    await world.start()
    for form in (first, second):
        await world.known(form, stage="placed")
    merged = world.market.merge([first, second])
    world.market.fill(merged)
    world.market.ready(merged)
    await world.forwarded(merged)
    number = (await world.known(merged))["id"]
    for form in (first, second):
        await world.known(form, stage="merged", merged_into=number, status="cancelled")
        assert not world.shop.of(form)
    await world.settled()
    assert world.shop.posts == [merged]
    assert len(world.shop.of(merged)[0]["line_items"]) == 2
    assert (world.shop.stock()["SKU-001"], world.shop.stock()["SKU-002"]) == (STOCK - 1, STOCK - 1)
    assert f"merged into order {number}" in (await world.cli("explain", first)).out
    assert (await world.cli("forward", first)).code == 5


async def test_an_order_that_is_cancelled_before_it_is_forwarded_never_is(world: World) -> None:
    placed = world.market.buy({"SKU-001": 1})
    await world.start()
    await world.known(placed)
    await world.cli("pause", SHOP)
    ready = world.sell({"SKU-001": 1})
    await world.job(ready, state="waiting")
    world.market.cancel(placed)
    world.market.cancel(ready)
    for form in (placed, ready):
        await world.known(form, stage="cancelled", status="cancelled")
    assert (await world.job(ready))["state"] == "cancelled"
    await world.cli("resume", SHOP)
    other = world.sell({"SKU-002": 1})
    await world.forwarded(other)
    await world.settled()
    assert world.shop.posts == [other]
    assert world.shop.stock()["SKU-001"] == STOCK


async def test_an_order_that_is_cancelled_afterwards_is_cancelled_in_the_shop_and_its_stock_comes_back(
    world: World,
) -> None:
    form = world.sell({"SKU-001": 3})
    await world.start()
    await world.forwarded(form)
    assert world.shop.stock()["SKU-001"] == STOCK - 3
    world.market.cancel(form)
    (order,) = world.shop.of(form)
    await eventually(lambda: order["status"] == "cancelled", "the shop's order is cancelled")
    await world.settled()
    assert world.shop.stock()["SKU-001"] == STOCK
    assert world.market.summary()["fulfillment"][form] == "NEW", "Allegro cancelled it: it need not be told"


async def test_an_order_that_is_cancelled_while_it_is_being_sent_is_cancelled_in_the_shop(world: World) -> None:
    form = world.sell({"SKU-001": 3})
    hold = world.shop.holds[form] = Hold()
    await world.start()
    await eventually(hold.committed.is_set, "the shop has it")
    world.market.cancel(form)
    await world.known(form, stage="cancelled")
    hold.release.set()
    await eventually(lambda: world.shop.of(form)[0]["status"] == "cancelled", "the shop's order is cancelled")
    await world.settled()
    assert world.shop.stock()["SKU-001"] == STOCK


async def test_an_address_that_changes_after_forwarding_is_shown_as_a_difference(world: World) -> None:
    form = world.sell()
    await world.start()
    await world.forwarded(form)
    world.market.change_address(form, "ul. Nowa 1")
    differs = await world.entry("order_differs", order=(await world.known(form))["id"])
    assert differs["data"]["fields"] == ["delivery"]
    assert "ul. Nowa" not in str(differs)
    assert (await world.cli("show", form, "--json")).json["order"]["delivery"]["address"]["street"] == "ul. Nowa 1"
    assert world.shop.posts == [form]


async def test_the_shops_own_order_comes_into_the_hub_and_is_not_forwarded_back(world: World) -> None:
    own = str(world.shop.place_order()["id"])
    await world.start()
    form = world.sell()
    await world.forwarded(form)
    found = await world.known(own, account=SHOP, stage="ready")
    assert found["jobs"] == []
    assert found["links"] == []
    second = str(world.shop.place_order()["id"])
    await world.known(second, account=SHOP)
    await world.polls(3)
    listed = (await world.api("orders"))["orders"]
    # what we put into the shop has come back with every fetch, and is nobody's second order
    assert {one["external_id"] for one in listed} == {own, second, form}
    assert world.shop.posts == [form]
    assert len(world.shop.shop.orders) == 3
    assert (await world.cli("forward", own)).code == 5


async def test_orders_that_the_marketplace_ships_itself_are_shown_and_held(world: World) -> None:
    form = world.market.buy({"SKU-001": 1}, provider="ALLEGRO")
    world.market.fill(form)
    world.market.ready(form)
    await world.start()
    found = await world.known(form, stage="ready")
    assert "from its own stock" in found["held"]
    await world.forwarded(world.sell())
    assert not world.shop.of(form)
    assert (await world.cli("forward", form)).code == 0
    await world.forwarded(form)


async def test_an_order_that_somebody_doubled_in_the_shop_is_told_and_left_alone(world: World) -> None:
    form = world.sell()
    await world.start()
    link = await world.forwarded(form)
    (order,) = world.shop.of(form)
    double = world.shop.place_order({key: order[key] for key in ("created_via", "meta_data", "status")})
    found = await world.entry("double_found", order=(await world.known(form))["id"])
    assert found["data"]["shop_orders"] == [link["shop_order"], str(double["id"])]
    warnings = (await world.cli("orders", "--warnings")).out
    assert f"as {link['shop_order']} and {double['id']}" in warnings
    assert (order["status"], double["status"]) == ("processing", "processing")
    world.shop.shop.delete(double)


async def test_a_double_is_told_once_and_not_with_every_fetch(world: World) -> None:
    form = world.sell()
    await world.start()
    await world.forwarded(form)
    (order,) = world.shop.of(form)
    double = world.shop.place_order({key: order[key] for key in ("created_via", "meta_data", "status")})
    try:
        await world.entry("double_found")
        await world.polls(4)
        assert len(await world.entries("double_found")) == 1
    finally:
        world.shop.shop.delete(double)
