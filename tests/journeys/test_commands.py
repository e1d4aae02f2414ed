"""Every verb, as a seller types it, against a running daemon."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from orderferry.testing.simulator import Fate
from tests.journeys.scripted_shop import STOCK, Json
from tests.journeys.world import MARKET, SHOP, World, eventually, first


async def test_what_is_there_can_be_listed_shown_and_explained(world: World) -> None:
    placed = world.market.buy({"SKU-001": 1})
    ready = world.sell({"SKU-002": 2})
    lost = world.sell({"SKU-003": 1})
    world.shop.skus_gone("SKU-003")
    await world.start()
    for form in (ready, lost):
        await world.forwarded(form)
    await world.settled()

    async def read(*words: str) -> Json:
        said = await world.cli(*words, "--json")
        assert said.code == 0, said
        found: Json = said.json
        return found

    def forms(found: Json) -> set[str]:
        return {one["external_id"] for one in found["orders"]}

    status = await read("status")
    assert (status["orders"]["placed"], status["orders"]["ready"], status["health"]) == (1, 2, "ok")
    accounts = (await world.cli("accounts", "--json")).json
    assert [(one["name"], one["forwards"]) for one in accounts] == [(MARKET, False), (SHOP, True)]
    assert (await read("accounts", SHOP))["capabilities"]
    assert forms(await read("orders")) == {placed, ready, lost}
    assert forms(await read("orders", "--stage", "placed")) == {placed}
    assert forms(await read("orders", "--account", MARKET, "--status", "new", "--since", "1h")) == {placed, ready, lost}
    assert not forms(await read("orders", "--account", SHOP))
    assert not forms(await read("orders", "--unfinished"))
    warned = await read("orders", "--warnings")
    assert forms(warned) == {lost}
    assert "SKU-003" in warned["orders"][0]["warnings"][0]
    assert "SKU-003" in (await world.cli("orders", "--warnings")).out
    first = await read("orders", "--limit", "1")
    assert forms(await read("orders", "--before", str(first["next"]))) == {placed, ready, lost} - forms(first)

    shown = await read("show", ready)
    assert Decimal(shown["order"]["total"]["amount"]) == Decimal("162.99")
    assert shown["links"][0]["told_status"] == "processing"
    assert await read("show", str(shown["id"])) == shown, "the hub's number names the same order"
    story = await read("explain", placed)
    assert "forwarded by itself once the buyer's delivery form is complete" in story["next"][0]
    assert story["commands"] == [f"orderferry forward {story['id']}"]
    assert await read("jobs") == {"jobs": [], "malformed": []}
    done = (await read("jobs", "--state", "done"))["jobs"]
    assert {one["external_id"] for one in done} == {ready, lost}
    for words in (["status"], ["accounts"], ["accounts", MARKET], ["orders"], ["show", ready], ["jobs"]):
        said = await world.cli(*words)
        assert (said.code, said.err) == (0, ""), words
        assert said.out.strip()


async def test_fetch_waits_and_says_what_came(world: World) -> None:
    world.settings[f"marketplaces.{MARKET}"]["poll_every"] = "1h"
    world.settings[f"shops.{SHOP}"]["poll_every"] = "1h"
    world.write_config()
    await world.start()
    await _fetched_once(world)
    form = world.sell()
    world.shop.place_order()
    said = await world.cli("fetch", MARKET)
    assert (said.code, said.out) == (0, f"{MARKET}: 1 new, 0 changed\n")
    assert (await world.known(form))["stage"] == "ready"
    lines = [json.loads(line) for line in (await world.cli("fetch", "--json")).out.splitlines()]
    last = {line["account"]: line for line in lines if line["done"]}
    assert (last[MARKET]["new"], last[SHOP]["new"]) == (0, 1)
    assert await world.entries("fetched", account=MARKET, new=1)
    await world.cli("pause", MARKET)
    refused = await world.cli("fetch", MARKET)
    assert refused.code == 1
    assert f"orderferry resume {MARKET}" in refused.out + refused.err


async def _fetched_once(world: World) -> None:
    for name in (MARKET, SHOP):

        async def fetched(name: str = name) -> bool:
            return (await world.api(f"accounts/{name}"))["last_fetch"] is not None

        await first(fetched, f"{name} was fetched from")


async def test_an_order_that_never_becomes_ready_is_forwarded_by_hand_and_only_once(world: World) -> None:
    form = world.market.buy({"SKU-004": 2})
    world.market.fill(form)
    await world.start()
    await world.known(form, stage="placed")
    said = await world.cli("forward", form)
    assert said.code == 0
    await world.forwarded(form)
    (order,) = world.shop.of(form)
    assert order["status"] == "on-hold", "it is not paid"
    assert world.shop.stock()["SKU-004"] == STOCK - 2
    again = await world.cli("forward", form)
    assert again.code == 5
    assert f"{SHOP} has it already, as {order['number']}" in again.err
    world.market.ready(form)
    await world.known(form, stage="ready", paid=True)
    await eventually(lambda: order["status"] == "processing", "the shop is told that it is paid")
    assert world.shop.posts == [form]


async def test_a_rejected_order_waits_for_the_seller_and_goes_after_retry(world: World) -> None:
    form, other = world.sell(), world.sell()
    world.shop.refusals[form] = "The shop is closed on Sundays."
    await world.start()
    await world.forwarded(other)
    job = await world.job(form, state="parked")
    assert "The shop is closed on Sundays." in job["reason"]
    parked = await world.cli("jobs", "--state", "parked", "--json")
    assert [one["id"] for one in parked.json["jobs"]] == [job["id"]]
    story = await world.cli("explain", form)
    assert f"orderferry retry {job['id']}" in story.out
    assert "1 jobs are parked" in (await world.cli("status")).out
    await world.polls()
    assert world.shop.posts.count(form) == 1, "a rejected order was sent again by itself"
    assert (await world.cli("retry", str(job["id"]))).code == 0
    await eventually(lambda: world.shop.posts.count(form) == 2, "it is tried again")
    await world.job(form, state="parked")
    world.shop.refusals.clear()
    assert (await world.cli("retry", str(job["id"]))).code == 0
    await world.forwarded(form)
    assert (await world.cli("retry", str(job["id"]))).code == 5
    assert len(world.shop.of(form)) == 1


async def test_a_doubt_can_be_settled_by_hand_both_ways(world: World) -> None:
    world.settings[f"shops.{SHOP}"] |= {"settle": "10m", "poll_every": "1h"}
    world.write_config()
    world.shop.late = 10_000  # no list shows the order whose answer was lost
    there, absent = world.sell({"SKU-001": 1}), world.sell({"SKU-001": 1})
    world.shop.endings = {there: [Fate.LOST], absent: [Fate.DROPPED]}
    await world.start()
    first, second = await world.job(there, state="unsure"), await world.job(absent, state="unsure")
    refused = await world.cli("resolve", str(first["id"]))
    assert refused.code == 2
    story = await world.cli("explain", there)
    assert f"orderferry resolve {first['id']} --send-again" in story.out

    (order,) = world.shop.of(there)
    said = await world.cli("resolve", str(first["id"]), "--shop-order", str(order["id"]))
    assert said.code == 0, said
    assert (await world.forwarded(there))["shop_order"] == str(order["id"])
    said = await world.cli("resolve", str(second["id"]), "--send-again")
    assert said.code == 0, said
    await world.forwarded(absent)
    assert (world.shop.posts.count(there), world.shop.posts.count(absent)) == (1, 2)
    assert (await world.cli("resolve", str(second["id"]), "--send-again")).code == 5
    assert len(world.shop.of(there)) == len(world.shop.of(absent)) == 1
    assert world.shop.stock()["SKU-001"] == STOCK - 2
    # what was settled by hand is kept in step like any other
    await world.cli("set-status", there, "sent")
    await eventually(lambda: order["status"] == "completed", "the shop is told the status")


async def test_a_status_is_told_to_the_shop_and_to_the_marketplace(world: World) -> None:
    form = world.sell()
    await world.start()
    await world.forwarded(form)
    (order,) = world.shop.of(form)
    said = await world.cli("set-status", form, "packing")
    assert said.code == 0
    await eventually(lambda: world.market.summary()["fulfillment"][form] == "PROCESSING", "Allegro is told")
    assert order["status"] == "processing", "packing is processing in this shop"
    said = await world.cli("set-status", form, "sent", "--json")
    assert said.code == 0
    assert said.json["jobs"]
    await eventually(lambda: world.market.summary()["fulfillment"][form] == "SENT", "Allegro is told")
    await eventually(lambda: order["status"] == "completed", "the shop is told")
    await world.settled()
    assert "already" in (await world.cli("set-status", form, "sent")).out
    wrong = await world.cli("set-status", form, "sended")
    assert wrong.code != 0
    assert "sent" in wrong.err
    assert world.shop.stock()["SKU-001"] == STOCK - 1


async def test_a_payment_is_told_to_the_shop(world: World) -> None:
    form = world.market.buy({"SKU-001": 1})
    world.market.fill(form)
    await world.start()
    await world.known(form)
    await world.cli("forward", form)
    await world.forwarded(form)
    (order,) = world.shop.of(form)
    said = await world.cli("set-payment", form, "paid", "--amount", "44,89")
    assert said.code == 0, said
    await eventually(lambda: order["status"] == "processing", "the shop is told")
    assert order["date_paid_gmt"]
    await world.settled()
    assert (await world.known(form))["paid"]
    assert (await world.cli("set-payment", form, "unpaid", "--amount", "1")).code == 2
    assert (await world.cli("set-payment", form, "paid", "--amount", "much")).code == 2
    assert (await world.entries("payment_set"))[0]["data"]["amount"] == "44.89"


async def test_a_parcel_reaches_shop_and_marketplace_once_though_answers_are_lost(world: World) -> None:
    form = world.sell()
    await world.start()
    await world.forwarded(form)
    (order,) = world.shop.of(form)
    world.simulator.script("POST", "/shipments", Fate.LOST)
    world.shop.script("POST", "/notes", Fate.LOST)
    world.shop.script("PUT", f"/orders/{order['id']}", Fate.LOST)
    said = await world.cli("add-parcel", form, "InPost", "620000000000000000000001")
    assert said.code == 0, said
    assert (await world.cli("add-parcel", form, "InPost", "620000000000000000000001")).code == 0
    await world.settled()
    assert [one["waybill"] for one in world.market.shipments[form]] == ["620000000000000000000001"]
    assert world.market.shipments[form][0]["carrierId"] == "INPOST"
    about = [note["note"] for note in world.shop.shop.notes[order["id"]] if "620000000000000000000001" in note["note"]]
    assert len(about) == 1
    kept = next(entry["value"] for entry in order["meta_data"] if entry["key"] == "_orderferry_tracking")
    assert kept.count("620000000000000000000001") == 1
    await world.cli("add-parcel", form, "DPD", "0000123")
    await eventually(lambda: len(world.market.shipments[form]) == 2, "the second parcel is told as well")
    await world.settled()
    assert (await world.cli("add-parcel", form, "DPD", "not a number!")).code == 1
    shown = (await world.cli("show", form, "--json")).json
    assert [one["number"] for one in shown["parcels"]] == ["620000000000000000000001", "0000123"]


async def test_a_paused_account_is_left_alone_until_it_is_resumed(world: World) -> None:
    await world.start()
    await world.forwarded(world.sell())
    await world.settled()
    assert (await world.cli("pause", SHOP)).code == 0
    form = world.sell()
    await world.known(form, stage="ready")
    asked = len(world.shop.served)
    await world.polls(4)
    assert len(world.shop.served) == asked, "a paused account was asked"
    story = await world.cli("explain", form)
    assert f"orderferry resume {SHOP}" in story.out
    await world.kill()
    await world.start()
    await world.polls(3)
    assert len(world.shop.served) == asked, "the pause was forgotten by a restart"
    assert (await world.account(SHOP))["health"] == "paused"
    assert (await world.cli("resume", SHOP)).code == 0
    await world.forwarded(form)


async def test_what_does_not_exist_is_said_with_what_may_have_been_meant(world: World) -> None:
    form = world.sell()
    await world.start()
    await world.forwarded(form)
    cases = [
        (("show", form[:-1] + "x"), 4, form),
        (("explain", "99999"), 4, "99999"),
        (("accounts", "allegro-mian"), 4, MARKET),
        (("pause", "my-shopp"), 4, SHOP),
        (("fetch", "allegro"), 4, MARKET),
        (("retry", "4711"), 4, "orderferry jobs"),
        (("forward", form, "--shop", "other"), 4, SHOP),
        (("orders", "--status", "pakcing"), 1, "packing"),
        (("stauts",), 2, "status"),
        (("orders", "--since", "yesterdayish"), 2, "yesterdayish"),
    ]
    for words, code, hint in cases:
        said = await world.cli(*words)
        assert (said.code, said.out) == (code, ""), (words, said)
        assert hint in said.err, (words, said)
        assert "Traceback" not in said.err
    assert await world.stop() == 0
    away = await world.cli("status")
    assert away.code == 3
    assert str(world.socket) in away.err


@pytest.mark.parametrize("wrong", [False, True])
async def test_check_proves_keys_and_changes_nothing(world: World, wrong: bool) -> None:
    world.shop.refuses_keys = wrong
    said = await world.cli("check", "--config", str(world.config), "--json")
    assert said.code == (1 if wrong else 0), said
    found = {one["account"]: one for one in said.json["accounts"]}
    assert found[MARKET]["ok"]
    assert found[SHOP]["ok"] is not wrong
    assert not (world.data / "orders.db").exists()
    assert not world.shop.posts
