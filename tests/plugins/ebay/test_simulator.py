"""The simulated eBay tells the same story for the same seed, and can be steered from outside."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

from aiohttp import ClientSession

from orderferry.testing.clock import VirtualClock
from plugins.ebay import simulator_script as script
from plugins.ebay.simulator import EbaySimulator
from plugins.ebay.simulator_form import default_offers, ean13


async def played(seed: int, clock: VirtualClock) -> EbaySimulator:
    simulator = EbaySimulator(seed=1, now=clock.now)

    async def wait_until(_: float) -> None:
        return

    await script.play(simulator.market, script.plan(seed, 120, sorted(simulator.market.offers)), 3600, wait_until)
    return simulator


async def test_one_seed_tells_one_story(clock: VirtualClock) -> None:
    once, again, other = await played(7, clock), await played(7, clock), await played(8, clock)
    assert once.market.summary() == again.market.summary()
    assert once.market.summary() != other.market.summary()


async def test_the_summary_counts_every_order_once_and_every_piece(clock: VirtualClock) -> None:
    market = (await played(7, clock)).market
    summary = market.summary()
    everything = [*summary["must"], *summary["may"], *summary["must_not"]]
    assert sorted(everything) == sorted([*market.orders, *summary["merged"]])
    assert summary["merged"]
    pieces = sum(item["quantity"] for one in summary["must"] for item in market.orders[one].order["lineItems"])
    assert sum(summary["sold"].values()) == pieces


def test_stock_falls_and_comes_back(clock: VirtualClock) -> None:
    market = EbaySimulator(now=clock.now).market
    order_id = market.buy({"SKU-001": 3})
    assert market.offers["SKU-001"].stock == 997
    market.cancel(order_id)
    assert market.offers["SKU-001"].stock == 1000


def test_default_offers_have_skus_and_valid_eans() -> None:
    offers = default_offers()
    assert [offer.sku for offer in offers] == [f"SKU-{n:03d}" for n in range(1, 13)]
    assert all(offer.ean == ean13((offer.ean or "")[:12]) for offer in offers)


async def test_what_an_old_order_has_lost(clock: VirtualClock) -> None:
    market = EbaySimulator(now=clock.now).market
    order_id = market.purchase()
    for days, email, street in ((0, True, True), (15, False, True), (80, False, False)):
        await clock.advance(days * 86_400)
        ship_to = json.loads(market.single(order_id))["fulfillmentStartInstructions"][0]["shippingStep"]["shipTo"]
        assert ("email" in ship_to, "addressLine1" in ship_to["contactAddress"]) == (email, street)


async def test_it_is_steered_over_http() -> None:
    async with EbaySimulator(seed=2) as simulator, ClientSession() as session:

        async def ask(what: str, **given: object) -> object:
            async with session.post(f"{simulator.url}/_sim/{what}", json=given) as answer:
                body = await answer.json()
                assert answer.status == 200, body
                return body["result"]

        order_id = await ask("buy", skus={"SKU-001": 2})
        await ask("check_out", order_id=order_id, service="free")
        await ask("pay", order_id=order_id)
        await ask("quirks", silent_cancel=0.5)
        assert simulator.market.quirks.silent_cancel == 0.5
        await ask("run", orders=10, seconds=0.01, seed=1)
        await asyncio.gather(*simulator._runs)
        async with session.get(f"{simulator.url}/_sim/summary") as answer:
            summary = await answer.json()
        assert order_id in summary["must"]
        assert not summary["running"]
        for what, given in (
            ("dance", {}),
            ("pay", {}),
            ("cancel", {"order_id": "01-0-0"}),
            ("agree", {"address": "x"}),
        ):
            async with session.post(f"{simulator.url}/_sim/{what}", json=given) as answer:
                assert answer.status == 400
        async with session.get(f"{simulator.url}/_sim/tokens") as answer:
            assert simulator.oauth.good((await answer.json())["access_token"])
        await ask("end_access")
        await ask("revoke")


async def test_it_runs_by_itself_until_it_is_told_to_end(root: Path, tmp_path: Path) -> None:
    listed = tmp_path / "products.json"
    listed.write_text(json.dumps([{"sku": "A-1", "name": "Mug", "price": "12.30", "stock": 5}]), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "plugins.ebay.simulator", "--seed", "7", "--orders", "3", "--over", "1s", "--faults", "0"),
        *("--products", str(listed)),
        cwd=root,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    told = json.loads(await process.stdout.readline())
    async with ClientSession() as session, session.get(f"{told['url']}/_sim/summary") as answer:
        assert (await answer.json())["running"]
    assert told["refresh_token"]
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0
