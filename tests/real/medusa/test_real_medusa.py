"""Orders through the whole daemon into a real Medusa: killed, with lost answers, and read back by the shop's own API.

Runs where it is asked for: `tests/real/medusa/install`, then `ORDERFERRY_REAL=medusa pytest tests/real/medusa`.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from orderferry.testing.simulator import Fate, Faults
from plugins.allegro.simulator import AllegroSimulator
from tests.journeys.scripted_shop import Json
from tests.journeys.test_ends import Killer
from tests.journeys.world import SHOP, World, first, seeded
from tests.real.medusa.front import Front
from tests.real.medusa.shop import STAMP, MedusaShop

ASKED = "medusa" in os.environ.get("ORDERFERRY_REAL", "").split(",")
LACKING = [
    why
    for why, so in (
        ("it is asked for by ORDERFERRY_REAL=medusa only, as it takes a minute", not ASKED),
        ("Node.js is not installed", shutil.which("node") is None),
        ("Medusa is not installed; run tests/real/medusa/install", not STAMP.exists()),
    )
    if so
]
pytestmark = [
    pytest.mark.skipif(bool(LACKING), reason=f"no real Medusa: {'; '.join(LACKING)}"),
    pytest.mark.timeout(600),
]

STOCK = 100
ORDERS = 16
KILLS = 3
SKUS = ("SKU-001", "SKU-002", "SKU-003")
SLOW = 120.0
LOSSES = Faults(rates={Fate.LOST: 0.04, Fate.FAILED_AFTER: 0.04, Fate.DROPPED: 0.02, Fate.CUT: 0.02, Fate.DOWN: 0.02})


@pytest.fixture
async def medusa() -> AsyncIterator[MedusaShop]:
    async with MedusaShop() as shop:
        yield shop


@pytest.fixture
async def world(tmp_path: Path, medusa: MedusaShop) -> AsyncIterator[World]:
    async with AllegroSimulator(seed=5) as market, Front(medusa.url, seed=3, faults=Faults()) as front:
        for sku in SKUS:
            offer = market.market.offers[sku]
            await medusa.stock(sku, offer.name, STOCK)
        world = World(tmp_path, market, front)  # type: ignore[arg-type] # it needs of its shop what the front has
        world.settings[f"shops.{SHOP}"] = {
            "platform": "medusa",
            "url": front.url,
            "api_key": medusa.key,
            "poll_every": "1s",
            "settle": "5s",
            **medusa.settings,
        }
        world.write_config()
        await world.log_in()
        try:
            yield world
        finally:
            await world.close()
        world.check_promises()


async def test_orders_reach_a_real_shop_once_whatever_happens_on_the_way(world: World, medusa: MedusaShop) -> None:
    front = world.shop
    assert isinstance(front, Front)
    said = await world.cli("check", "--config", str(world.config), seconds=60)
    assert said.code == 0, said.out + said.err
    front.faults = LOSSES
    chance = seeded(11)
    killer = Killer(
        world, {place: chance.choice(("before", "after")) for place in chance.sample(range(30, 110), KILLS)}
    )
    await world.start(wait=False)
    forms = [
        world.sell({sku: chance.randint(1, 3) for sku in chance.sample(SKUS, chance.randint(1, 3))})
        for _ in range(ORDERS)
    ]
    while killer.kills < KILLS:
        async with asyncio.timeout(SLOW):
            await killer.killed.wait()
        killer.killed.clear()
        assert world.process is not None
        await world.process.wait()
        await world.start(wait=False)
    await first(world._up, "the daemon answers at its socket", seconds=SLOW)
    for form in forms:
        await world.forwarded(form, seconds=SLOW)
    await world.settled(SLOW)
    assert front.counts.keys() >= {Fate.LOST, Fate.FAILED_AFTER}
    front.faults = Faults()
    await _each_stands_there_once(world, medusa, forms)
    await _changes_are_told(world, medusa, forms)
    await _the_shops_own_order_is_fetched(world, medusa)


async def _each_stands_there_once(world: World, medusa: MedusaShop, forms: list[str]) -> None:
    orders = await medusa.orders()
    found = Counter(order["metadata"]["orderferry_order"] for order in orders)
    world.shop.twice = [form for form, count in found.items() if count > 1]  # type: ignore[attr-defined] # it is a `Front`
    assert sorted(found) == sorted(forms)
    assert set(found.values()) == {1}
    assert await medusa.orders("draft-orders") == [], "a draft was left behind"
    sold: Counter[str] = Counter()
    for order in orders:
        form = world.market.forms[order["metadata"]["orderferry_order"]].form
        total = Decimal(form["summary"]["totalToPay"]["amount"])
        assert round(Decimal(str(order["total"])), 2) == total
        for item in form["lineItems"]:
            sold[item["offer"]["external"]["id"]] += item["quantity"]
        link = await world.forwarded(form["id"])
        assert link["shop_order"] == order["id"]
    assert {sku: await medusa.levels(sku) for sku in SKUS} == {sku: (STOCK, STOCK - sold[sku]) for sku in SKUS}


async def _changes_are_told(world: World, medusa: MedusaShop, forms: list[str]) -> None:
    sent, cancelled = forms[0], forms[1]
    before = {sku: (await medusa.levels(sku))[1] for sku in SKUS}
    status, _ = await world.post(f"orders/{sent}/parcels", {"carrier": "InPost", "number": "620000000001"})
    assert status == 200
    status, _ = await world.post(f"orders/{cancelled}/status", {"status": "cancelled"})
    assert status == 200
    fields = "id,status,payment_status,fulfillment_status,metadata,*fulfillments,*fulfillments.labels"

    async def shown(form: str, key: str, value: str) -> bool:
        order = await _order_of(medusa, form, fields)
        return str(order[key]) == value

    await first(lambda: shown(sent, "fulfillment_status", "shipped"), "the parcel is told", seconds=SLOW, pause=0.3)
    await first(lambda: shown(cancelled, "status", "canceled"), "the order is cancelled", seconds=SLOW, pause=0.3)
    order = await _order_of(medusa, sent, fields)
    assert order["payment_status"] == "captured"
    assert [label["tracking_number"] for one in order["fulfillments"] for label in one["labels"]] == ["620000000001"]
    status, _ = await world.post(f"orders/{sent}/parcels", {"carrier": "DPD", "number": "620000000002"})
    assert status == 200

    async def noted() -> bool:
        told = (await _order_of(medusa, sent, fields))["metadata"].get("orderferry_parcels", "[]")
        return [one["number"] for one in json.loads(told)] == ["620000000002"]

    await first(noted, "a parcel that came later is noted", seconds=SLOW, pause=0.3)
    back: Counter[str] = Counter()
    for item in world.market.forms[cancelled].form["lineItems"]:
        back[item["offer"]["external"]["id"]] += item["quantity"]
    assert {sku: (await medusa.levels(sku))[1] for sku in SKUS} == {sku: before[sku] + back[sku] for sku in SKUS}


async def _order_of(medusa: MedusaShop, form: str, fields: str) -> Json:
    (order,) = [one for one in await medusa.orders(fields=fields) if one["metadata"].get("orderferry_order") == form]
    return order


async def _the_shops_own_order_is_fetched(world: World, medusa: MedusaShop) -> None:
    address = {"first_name": "Ola", "address_1": "Próżna 9", "city": "Warszawa", "country_code": "pl"}
    body = {
        "region_id": medusa.settings["region"],
        "sales_channel_id": medusa.settings["sales_channel"],
        "email": "ola@example.com",
        "items": [{"title": "Own thing", "quantity": 2, "unit_price": 50}],
        "shipping_methods": [
            {"shipping_option_id": medusa.settings["shipping_option"], "name": "Courier", "amount": 10}
        ],
        "shipping_address": address,
        "billing_address": address,
    }
    draft = (await medusa.ask("POST", "/admin/draft-orders", body))["draft_order"]["id"]
    await medusa.ask("POST", f"/admin/draft-orders/{draft}/convert-to-order")

    async def known() -> Json | None:
        return await world.order(draft)

    order = await first(known, "the shop's own order is in the hub", seconds=SLOW, pause=0.3)
    assert "135.30" in json.dumps(order), "two at 50, delivery 10, and 23 per cent"
