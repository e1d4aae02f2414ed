"""The simulated Allegro: the same seed tells the same story, and its misbehaviour is what it says."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

import pytest
from aiohttp import ClientSession

from orderferry.testing.clock import VirtualClock
from plugins.allegro import simulator_script as script
from plugins.allegro.simulator import AllegroSimulator
from plugins.allegro.simulator_form import default_offers, ean13
from plugins.allegro.simulator_state import Quirks, Refused, spoiled


async def at_once(second: float) -> None:
    """A script that takes no time."""


async def played(seed: int, clock: VirtualClock, quirks: Quirks | None = None) -> AllegroSimulator:
    simulator = AllegroSimulator(seed=seed, now=clock.now, quirks=quirks)
    await script.play(simulator.market, script.plan(seed, 200, sorted(simulator.market.offers)), 20, at_once)
    return simulator


async def test_one_seed_tells_one_story(clock: VirtualClock) -> None:
    one, two, other = await played(7, clock), await played(7, clock), await played(8, clock)
    assert one.market.summary() == two.market.summary()
    assert one.market.summary() != other.market.summary()


async def test_a_script_has_something_of_everything(clock: VirtualClock) -> None:
    market = (await played(7, clock, spoiled(0.1))).market
    summary = market.summary()
    forms = [kept.form for kept in market.forms.values()]
    ready = [form for form in forms if form["status"] == "READY_FOR_PROCESSING"]
    assert summary["merged"]
    assert summary["may"]
    assert summary["must_not"]
    assert summary["forms"]["CANCELLED"]
    assert {form["payment"]["type"] for form in ready} == {"ONLINE", "CASH_ON_DELIVERY"}
    assert any(form["delivery"]["pickupPoint"] for form in ready)
    assert any(form["invoice"]["address"] for form in ready)
    assert any(form["messageToSeller"] for form in ready)
    assert any(len(form["lineItems"]) > 1 for form in ready)
    assert any(form["delivery"]["address"]["modifiedAt"] for form in ready)


async def test_the_summary_adds_up(clock: VirtualClock) -> None:
    simulator = await played(7, clock)
    summary = simulator.market.summary()
    everything = {*summary["must"], *summary["may"], *summary["must_not"]}
    assert everything == {*simulator.market.forms, *summary["merged"]}
    pieces = sum(
        item["quantity"] for form_id in summary["must"] for item in simulator.market.forms[form_id].form["lineItems"]
    )
    assert sum(summary["sold"].values()) == pieces


def test_stock_falls_and_comes_back(clock: VirtualClock) -> None:
    market = AllegroSimulator(now=clock.now).market
    form_id = market.buy({"SKU-001": 3})
    assert market.offers["SKU-001"].stock == 997
    market.cancel(form_id)
    assert market.offers["SKU-001"].stock == 1000


def test_default_offers_have_skus_and_valid_eans() -> None:
    offers = default_offers()
    assert [offer.sku for offer in offers] == [f"SKU-{n:03d}" for n in range(1, 13)]
    assert ean13("590123412345") == "5901234123457"
    assert len({offer.ean for offer in offers}) == 12


def kinds(simulator: AllegroSimulator) -> list[str]:
    return [event["type"] for event in simulator.market.events]


def whole_life(simulator: AllegroSimulator) -> str:
    form_id = simulator.market.buy()
    simulator.market.fill(form_id)
    simulator.market.ready(form_id)
    simulator.market.settle()
    return form_id


@pytest.mark.parametrize(
    ("quirks", "expected"),
    [
        (Quirks(), ["BOUGHT", "FILLED_IN", "READY_FOR_PROCESSING"]),
        (Quirks(missing=1), []),
        (Quirks(repeated=1), ["BOUGHT", "BOUGHT", "FILLED_IN", "FILLED_IN", *["READY_FOR_PROCESSING"] * 2]),
        (Quirks(unordered=1), ["FILLED_IN", "BOUGHT", "READY_FOR_PROCESSING"]),
        (Quirks(ready_again=1), ["BOUGHT", "FILLED_IN", "READY_FOR_PROCESSING", "READY_FOR_PROCESSING"]),
        (Quirks(filled_after_ready=1), ["BOUGHT", "FILLED_IN", "READY_FOR_PROCESSING", "FILLED_IN"]),
    ],
)
def test_quirks_of_the_journal(clock: VirtualClock, quirks: Quirks, expected: list[str]) -> None:
    simulator = AllegroSimulator(now=clock.now, quirks=quirks)
    whole_life(simulator)
    assert kinds(simulator) == expected
    numbers = [int(event["id"]) for event in simulator.market.events]
    assert numbers == sorted(set(numbers))


async def test_reads_lag_behind_writes(clock: VirtualClock) -> None:
    market = AllegroSimulator(now=clock.now, quirks=Quirks(lag=5)).market
    form_id = market.buy()
    with pytest.raises(Refused, match="not found"):
        market.shown(form_id)
    await clock.advance(6)
    market.fill(form_id)
    assert json.loads(market.shown(form_id))["status"] == "BOUGHT"
    await clock.advance(6)
    assert json.loads(market.shown(form_id))["status"] == "FILLED_IN"


def test_the_address_shows_only_when_the_form_is_ready(clock: VirtualClock) -> None:
    market = AllegroSimulator(now=clock.now).market
    form_id = market.buy()
    market.fill(form_id, invoice="person")
    filled = json.loads(market.shown(form_id))
    assert filled["delivery"]["address"] is None
    assert filled["invoice"]["address"] is None
    market.ready(form_id)
    ready = json.loads(market.shown(form_id))
    assert ready["delivery"]["address"]["street"]
    assert ready["invoice"]["address"]["naturalPerson"]["firstName"]


def test_the_address_is_fixed_once_the_seller_has_begun(clock: VirtualClock) -> None:
    market = AllegroSimulator(now=clock.now).market
    form_id = market.buy()
    market.fill(form_id)
    market.ready(form_id)
    market.change_address(form_id, "ul. Nowa 1")
    market.set_fulfillment(form_id, "PROCESSING", None)
    with pytest.raises(Refused, match="can't be changed"):
        market.change_address(form_id, "ul. Inna 2")


def test_a_tracking_number_may_set_sent_by_itself(clock: VirtualClock) -> None:
    market = AllegroSimulator(now=clock.now).market
    market.auto_sent = True
    form_id = market.buy()
    lines = [{"id": item["id"]} for item in market.forms[form_id].form["lineItems"]]
    market.add_shipment(form_id, {"waybill": "1", "carrierId": "DPD", "lineItems": lines})
    assert market.summary()["fulfillment"][form_id] == "SENT"


async def test_it_is_steered_over_http() -> None:
    async with AllegroSimulator(seed=2) as simulator, ClientSession() as session:

        async def ask(what: str, **given: object) -> object:
            async with session.post(f"{simulator.url}/_sim/{what}", json=given) as answer:
                body = await answer.json()
                assert answer.status == 200, body
                return body["result"]

        form_id = await ask("buy", skus={"SKU-001": 2})
        await ask("fill", form_id=form_id, method="cod")
        await ask("ready", form_id=form_id)
        await ask("quirks", missing=0.5)
        assert simulator.market.quirks.missing == 0.5
        await ask("run", orders=10, seconds=0.01, seed=1)
        await asyncio.gather(*simulator._runs)
        async with session.get(f"{simulator.url}/_sim/summary") as answer:
            summary = await answer.json()
        assert form_id in summary["must"]
        assert not summary["running"]
        assert len(simulator.market.forms) + len(summary["merged"]) >= 11
        async with session.post(f"{simulator.url}/_sim/dance") as answer:
            assert answer.status == 400
        async with session.get(f"{simulator.url}/_sim/tokens") as answer:
            assert simulator.oauth.good((await answer.json())["access_token"])


async def test_it_runs_by_itself_until_it_is_told_to_end(root: Path, tmp_path: Path) -> None:
    products = [{"sku": "A-1", "ean": "5901234123457", "name": "Kubek", "price": "12.30", "stock": 5}]
    listed = tmp_path / "products.json"
    listed.write_text(json.dumps(products), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "plugins.allegro.simulator", "--seed", "7", "--orders", "3", "--over", "1s", "--faults", "0"),
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
