"""The main journey: what is bought and filled stands in the shop once, as the marketplace told it."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from orderferry.testing.simulator import Fate
from tests.journeys.scripted_shop import STOCK, Json
from tests.journeys.world import MARKET, SHOP, World, eventually


def notes(order: Json) -> dict[str, str]:
    return {entry["key"]: entry["value"] for entry in order["meta_data"]}


async def test_a_filled_order_stands_in_the_shop_once_as_the_marketplace_told_it(world: World) -> None:
    form = world.market.buy({"SKU-001": 2, "SKU-004": 1}, login="kupujacy_7")
    await world.start()
    await world.known(form, stage="placed")
    other = world.sell({"SKU-002": 1}, method="cod")
    await world.forwarded(other)
    assert not world.shop.of(form), "a purchase that is only placed was forwarded"

    world.market.fill(form, method="point", invoice="company", comment="Proszę o kolor czerwony")
    world.market.ready(form)
    began = asyncio.get_running_loop().time()
    link = await world.forwarded(form)
    assert asyncio.get_running_loop().time() - began < 5

    kept = world.market.forms[form].form
    (order,) = world.shop.of(form)
    told = notes(order)
    assert str(order["id"]) == link["shop_order"]
    # 2 x 29.90 + 119.00 + 9.99 of delivery, to the cent
    assert Decimal(order["total"]) == Decimal(kept["summary"]["totalToPay"]["amount"]) == Decimal("188.79")
    assert link["total"] == "188.79 PLN"
    assert [line["quantity"] for line in order["line_items"]] == [2, 1]
    assert order["created_via"] == told["_orderferry_reference"] == link["reference"]
    assert order["customer_note"] == "Proszę o kolor czerwony"
    assert told["_billing_nip"] == kept["invoice"]["address"]["company"]["ids"][0]["value"]
    assert order["billing"]["company"] == "Udix Sp. z o.o."
    assert told["_parcel_machine_id"] == kept["delivery"]["pickupPoint"]["id"]
    assert told["_orderferry_payment"] == "paid"
    assert told["_orderferry_login"] == "kupujacy_7"
    assert order["status"] == "processing"
    assert order["shipping"]["address_1"] == kept["delivery"]["address"]["street"]
    stock = world.shop.stock()
    assert (stock["SKU-001"], stock["SKU-004"], stock["SKU-002"]) == (STOCK - 2, STOCK - 1, STOCK - 1)
    done = await world.entry("job_done", order=(await world.known(form))["id"], what="add_order")
    assert done["data"]["stock_fell"] is True

    story = await world.cli("explain", form)
    assert story.code == 0
    assert f"It stands in {SHOP} as order {link['number']}" in story.out
    assert f"It came from {MARKET} as {form}" in story.out
    assert "188.79 PLN" in story.out
    assert "the stock fell" in story.out
    assert "Nothing is left to be done." in story.out
    assert not (await world.api("orders", warnings="true"))["orders"]


async def test_cash_on_delivery_is_forwarded_unpaid_and_not_read_back_as_paid(world: World) -> None:
    form = world.sell({"SKU-003": 3}, method="cod")
    await world.start()
    await world.forwarded(form)
    (order,) = world.shop.of(form)
    assert Decimal(order["total"]) == Decimal(world.market.forms[form].form["summary"]["totalToPay"]["amount"])
    assert (order["payment_method"], notes(order)["_orderferry_payment"]) == ("cod", "cash_on_delivery")
    assert world.shop.stock()["SKU-003"] == STOCK - 3
    await world.polls(4)  # the shop's own date of payment comes back with each fetch
    assert not (await world.known(form))["paid"]


async def test_whatever_happens_to_an_answer_the_order_stands_in_the_shop_once(world: World) -> None:
    fates: list[Fate] = [fate for fate in Fate if fate is not Fate.GOOD]
    forms = {fate: world.sell({"SKU-005": 1}) for fate in fates}
    world.shop.endings = {form: [fate] for fate, form in forms.items()}
    await world.start()
    for fate, form in forms.items():
        await world.forwarded(form, seconds=30)
        assert len(world.shop.of(form)) == 1, fate
    await world.settled()
    applied = {Fate.FAILED_AFTER, Fate.LOST, Fate.CUT, Fate.GARBAGE, Fate.NOTICES, Fate.SLOW}
    for fate, form in forms.items():
        assert world.shop.posts.count(form) == (1 if fate in applied else 2), fate
    for fate in applied - {Fate.SLOW, Fate.NOTICES}:  # PHP's notices are read past
        number = (await world.known(forms[fate]))["id"]
        assert await world.entries("job_unsure", order=number), fate
        assert await world.entries("job_looked", order=number, found=True), fate
    number = (await world.known(forms[Fate.DROPPED]))["id"]
    assert await world.entries("job_looked", order=number, found=False)
    assert world.shop.stock()["SKU-005"] == STOCK - len(forms)


async def test_before_the_settle_window_is_over_an_unanswered_order_is_only_looked_for(world: World) -> None:
    world.shop.late = 9  # so many lists do not show an order whose answer was lost
    world.settings[f"shops.{SHOP}"] |= {"settle": "5s", "poll_every": "10m"}
    world.write_config()
    late, absent = world.sell(), world.sell()
    world.shop.endings = {late: [Fate.LOST], absent: [Fate.DROPPED]}
    posted: list[tuple[str, float]] = []
    heard, clock = world.shop.heard, asyncio.get_running_loop().time

    def timed(form: str) -> None:
        heard(form)
        posted.append((form, clock()))

    world.shop.heard = timed
    await world.start()
    for form in (late, absent):
        await world.forwarded(form, seconds=30)
        assert await world.entries("job_looked", order=(await world.known(form))["id"], found=False)
    assert [form for form, _ in posted if form == late] == [late]
    first, second = [at for form, at in posted if form == absent]
    assert second - first >= 5
    assert len(world.shop.of(late)) == len(world.shop.of(absent)) == 1


async def test_many_orders_with_faults_on_both_sides_all_arrive_once(world: World) -> None:
    world.simulator.random.seed(3)
    world.shop.random.seed(4)
    rate: dict[Fate, float] = {fate: 0.006 for fate in Fate if fate is not Fate.GOOD}
    world.simulator.faults.rates, world.shop.faults.rates = dict(rate), dict(rate)
    world.settings[f"marketplaces.{MARKET}"]["sweep_every"] = "2s"
    world.write_config()
    await world.start()
    world.simulator.start_run(30, 2.5, seed=9)
    await eventually(lambda: not world.simulator.running, "the script is over")
    must = world.market.summary()["must"]
    await eventually(lambda: all(world.shop.of(form) for form in must), "all orders are in the shop", seconds=40)
    world.simulator.faults.rates.clear()
    world.shop.faults.rates.clear()
    await world.settled(30)
    sold = world.market.summary()["sold"]
    assert {sku: STOCK - left for sku, left in world.shop.stock().items() if left != STOCK} == sold
