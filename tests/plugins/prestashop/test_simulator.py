"""The simulator as a program."""

from __future__ import annotations

import asyncio
import json
import signal
import sys

import aiohttp

from orderferry import OrderRef, Parcel
from plugins.shops.prestashop.platform import PrestaShop
from plugins.shops.prestashop.simulator import PrestaSimulator
from tests.plugins.prestashop.asking import add, held, order


async def test_the_simulator_runs_as_a_program() -> None:
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "plugins.shops.prestashop.simulator", "--port", "0", "--seed", "7"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert program.stdout is not None
    told = json.loads(await program.stdout.readline())
    async with aiohttp.ClientSession(told["url"]) as session:
        products = [{"sku": "X-1", "price": "10.00", "stock": 3}]
        async with session.post("/_sim/products", json=products) as answer:
            assert answer.status == 201
        async with session.post("/_sim/order", json={"reference": "X-1", "quantity": 2}) as answer:
            assert answer.status == 201
        async with session.get("/_sim/summary") as answer:
            summary = await answer.json()
    assert (summary["orders"], summary["twice"], summary["stock"]["X-1"]) == (1, [], 1)
    assert told["key"]
    program.send_signal(signal.SIGTERM)
    assert await program.wait() == 0


async def test_the_summary_tells_each_order_by_its_marketplaces_id(shop: PrestaShop, sim: PrestaSimulator) -> None:
    wanted = order(1)
    added = await add(shop, wanted)
    await shop.set_tracking(OrderRef(id=added.id, reference=wanted.reference), [Parcel(carrier="GLS", number="A1")])
    there = sim.summary()
    assert there["references"] == {wanted.reference: 1}
    assert there["sources"] == {wanted.external_id: 1}
    assert there["statuses"] == {wanted.external_id: added.status}
    assert there["parcels"] == {wanted.external_id: ["A1"]}
    assert there["paid"] == [wanted.external_id]
    held(sim, added.id)["note"] = ""
    there = sim.summary()
    assert (there["orders"], there["references"]) == (1, {wanted.reference: 1})
    assert (there["sources"], there["statuses"], there["parcels"], there["paid"]) == ({}, {}, {}, [])


def test_a_shop_that_sells_abroad_takes_euros_and_charges_each_countrys_tax() -> None:
    sim = PrestaSimulator()
    sim.shop.sell_abroad()
    assert [row["iso_code"] for row in sim.shop.rows["currencies"].values()] == ["PLN", "EUR"]
    assert [str(sim.shop.percent("1", country)) for country in (8, 10)] == ["20.000", "22.000"]
