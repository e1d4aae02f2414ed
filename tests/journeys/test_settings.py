"""What the seller sets, in the running program: what a shop is told, how often, and settings that change meanwhile."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator

import pytest

from plugins.shops.woocommerce.client import NO_ORDER
from tests.journeys.scripted_shop import Hold, Json, Shop
from tests.journeys.world import MARKET, SHOP, World, eventually, first

SECOND = "second-shop"
FORWARD = f"shops.{SHOP}.forward"
SYNC = f"shops.{SHOP}.sync"


@pytest.fixture
async def second(world: World) -> AsyncIterator[Shop]:
    """A second shop with the same goods, in the settings of the world."""
    async with Shop() as shop:
        shop.fill_with(world.simulator)
        world.settings[f"shops.{SECOND}"] = world.settings[f"shops.{SHOP}"] | {"url": shop.url}
        world.write_config()
        yield shop


def notes(order: Json) -> dict[str, str]:
    return {entry["key"]: entry["value"] for entry in order["meta_data"]}


def changes(shop: Shop) -> int:
    """How many changes the shop was told of its orders."""
    return sum(one.method == "PUT" and not one.path.endswith(str(NO_ORDER)) for one in shop.served)


async def test_changes_are_collected_and_the_newest_status_alone_is_told_at_the_tick(world: World) -> None:
    world.settings[SYNC] = {"status": "3s", "payment": "3s"}
    world.write_config()
    form = world.sell()
    await world.start()
    await world.forwarded(form)
    told = [(await world.cli("set-status", form, status)).out for status in ("sent", "cancelled", "delivered")]
    # a later one may find the shop at its status already: a slow machine's first tick comes in between
    assert f"{SHOP} in" in told[0] or f"{SHOP} at once" in told[0], told
    (order,) = world.shop.of(form)
    await eventually(lambda: order["status"] == "completed", "the shop has the newest status")
    await world.settled()
    assert changes(world.shop) <= 2, "three changes are not told one by one"


async def test_what_is_switched_off_is_never_told_and_the_table_says_why(world: World) -> None:
    world.settings[SYNC] = {"status": "off", "payment": "at once", "tracking": "off"}
    world.settings[FORWARD] = {"pass": ["comment"]}
    world.write_config()
    form = world.market.buy({"SKU-001": 1})
    world.market.fill(form)
    await world.start()
    await world.known(form)
    await world.cli("forward", form)
    await world.forwarded(form)
    for words in (
        ["set-status", form, "sent"],
        ["set-payment", form, "paid"],
        ["add-parcel", form, "INPOST", "62000001"],
    ):
        assert (await world.cli(*words)).code == 0
    await world.settled()
    assert changes(world.shop) == 0
    table = {row["name"]: row for row in (await world.api(f"accounts/{SHOP}"))["functions"]}
    assert table["status is told"]["why_not"] == f'it is switched off ([shops.{SHOP}.sync] status = "off")'
    assert table["paid or not is told"]["why_not"] == f"payment is not passed ([shops.{SHOP}.forward] pass)"
    assert table["paid or not is read back"]["when"] == "with each fetch"
    shown = (await world.cli("accounts", SHOP)).out
    assert "tracking numbers are told" in shown
    assert 'tracking = "off"' in shown


async def test_withheld_parts_are_in_no_request_and_maps_and_fields_are(world: World) -> None:
    world.settings[FORWARD] = {"pass": ["delivery_method"]}
    world.settings[f"{FORWARD}.fields"] = {"_nip": "{tax_id}", "_who": "{login}", "_from": "{platform} {order_id}"}
    world.settings[f"shops.{SHOP}.deliveries"] = {'"Allegro Kurier DPD"': "flat_rate:2", "default": "flat_rate:1"}
    world.write_config()
    form = world.sell(login="kupujacy_8", invoice="company", comment="Proszę o szybką wysyłkę")
    await world.start()
    plan = (await world.cli("plan", form, "--json")).json
    await world.forwarded(form)
    (order,) = world.shop.of(form)
    told = str(order)
    assert "kupujacy_8" not in told
    assert "szybką" not in told
    assert order["payment_method"] == ""
    assert "_orderferry_offer" not in told
    assert (order["shipping_lines"][0]["method_id"], order["shipping_lines"][0]["instance_id"]) == ("flat_rate", "2")
    kept = notes(order)
    assert kept["_nip"]
    assert kept["_from"] == f"allegro {form}"
    assert "_who" not in kept
    assert [one["what"] for one in plan[0]["withheld"]] == ["login", "offer_number", "comment", "payment"]
    assert plan[0]["told"]["fields"] == {"_nip": kept["_nip"], "_from": kept["_from"]}
    again = await world.cli("plan", form)
    assert f"{SHOP} has it already" in again.out
    assert "withheld: login" in again.out


async def test_a_plan_sends_nothing_and_shows_which_products_the_lines_take(world: World) -> None:
    form = world.market.buy({"SKU-001": 2, "SKU-002": 1})
    world.market.fill(form)
    world.shop.skus_gone("SKU-002")
    await world.start()
    await world.known(form)
    (plan,) = (await world.cli("plan", form, "--shop", SHOP, "--json")).json
    assert plan["why_not"] == "it is placed, and is put in once it is ready"
    assert [bool(line["product"]) for line in plan["lines"]] == [True, False]
    assert "no product of the shop" in (await world.cli("plan", form)).out
    assert not world.shop.posts
    refused = await world.cli("plan", form, "--shop", MARKET)
    assert (refused.code, "is no shop" in refused.err) == (1, True)


async def test_methods_without_an_entry_are_listed_with_what_they_became(world: World) -> None:
    world.settings[f"shops.{SHOP}.deliveries"] = {"default": "flat_rate:1"}
    world.write_config()
    form = world.sell(method="point")
    await world.start()
    await world.forwarded(form)
    lacking = {one["kind"]: one for one in await world.api(f"accounts/{SHOP}/unmapped")}
    assert (lacking["deliveries"]["method"], lacking["deliveries"]["became"]) == (
        "Allegro Paczkomaty InPost",
        "flat_rate:1",
    )
    assert "Allegro Paczkomaty InPost" in (await world.cli("accounts", SHOP)).out


async def test_a_map_that_would_put_stock_back_is_refused_by_check_and_named_while_running(world: World) -> None:
    world.settings[f"shops.{SHOP}.statuses"] = {"packing": "pending", "sent": "complete"}
    world.write_config()
    checked = await world.cli("check", "--config", str(world.config))
    assert checked.code == 1
    assert "statuses.packing = 'pending' is refused: it would put the goods back into the shop's stock" in checked.out
    assert "statuses.sent = 'complete' is not known there; there are completed" in checked.out
    form = world.sell()
    await world.start()
    await world.forwarded(form)
    problems = " ".join((await world.api("status"))["problems"])
    assert "statuses.packing = 'pending' is refused" in problems
    assert "orderferry reload" in problems
    (order,) = world.shop.of(form)
    for status in ("packing", "sent"):
        assert SHOP not in (await world.cli("set-status", form, status)).out
    assert order["status"] == "processing"


async def test_an_order_that_another_tool_has_put_in_is_reported_instead_of_doubled(world: World) -> None:
    form = world.market.buy({"SKU-001": 1})
    world.market.fill(form)
    theirs = world.shop.place_order({"customer_note": f"Allegro {form}", "created_via": "othertool"})
    await world.start()
    await world.known(form)
    world.market.ready(form)
    job = await world.job(form, state="parked")
    assert f"has order {theirs['number']}" in job["reason"]
    assert not world.shop.posts
    story = (await world.cli("explain", form)).out
    assert f"orderferry resolve {job['id']} --shop-order N" in story
    said = await world.cli("resolve", str(job["id"]), "--shop-order", str(theirs["id"]))
    assert said.code == 0
    await world.forwarded(form)
    await world.settled()
    assert not world.shop.posts
    other = world.sell()
    await world.forwarded(other)
    world.shop.shop.delete(theirs)


async def test_two_shops_each_get_every_order_and_one_that_is_down_holds_back_only_itself(
    world: World, second: Shop
) -> None:
    world.settings[f"shops.{SECOND}.statuses"] = {"new": "on-hold"}
    world.settings[f"shops.{SECOND}.sync"] = {"status": "at once"}
    world.write_config()
    world.shop.refuses_keys = True
    form = world.sell()
    await world.start()
    await world.forwarded(form, shop=SECOND)
    assert not world.shop.of(form)
    assert second.of(form)[0]["status"] == "on-hold"
    own = str(world.shop.place_order()["id"])
    world.shop.refuses_keys = False
    await world.cli("resume", SHOP)
    await world.forwarded(form)
    await world.forwarded(own, shop=SECOND)
    assert world.shop.posts == [form], "its own order is not put back into it"
    await world.cli("set-status", form, "sent")
    for shop in (world.shop, second):
        (order,) = shop.of(form)
        await eventually(lambda order=order: order["status"] == "completed", "the shop knows that it is sent")  # type: ignore[misc] # bound at once


async def test_fetched_orders_get_their_shops_status_and_rules_lead_on_from_there(world: World) -> None:
    world.settings[f"shops.{SHOP}"]["fetched_status"] = "packing"
    world.settings["rules"] = {"paid": "paid", "parcel_sent": "sent"}
    world.write_config()
    own = str(world.shop.place_order()["id"])
    form = world.sell()
    await world.start()
    await world.known(own, status="packing")
    await world.known(form, status="paid")
    for number in (own, form):
        assert (await world.cli("add-parcel", number, "INPOST", f"6200000{number[:4]}")).code == 0
        await world.known(number, status="sent")
    assert "by the rule for parcel sent" in (await world.cli("explain", form)).out


async def test_a_changed_address_is_shown_as_it_stands_in_the_shop_and_as_it_is_now(world: World) -> None:
    form = world.sell()
    await world.start()
    await world.forwarded(form)
    was = (await world.known(form))["order"]["delivery"]["address"]["street"]
    world.market.change_address(form, "ul. Nowa 1")
    await world.entry("order_differs")
    (difference,) = (await world.known(form))["differences"]
    assert (difference["account"], difference["what"]) == (SHOP, "delivery address")
    assert was in difference["was"]
    assert "ul. Nowa 1" in difference["now"]
    shown = (await world.cli("show", form)).out
    assert "stays in the hub" in shown
    assert "ul. Nowa 1" in shown
    assert f"Delivery changed on {MARKET} after it had been forwarded" in (await world.cli("orders", "--warnings")).out


async def test_reload_takes_new_settings_and_keeps_the_old_ones_where_the_file_is_broken(world: World) -> None:
    form = world.sell()
    await world.start()
    await world.forwarded(form)
    world.settings[FORWARD] = {"enabled": False}
    world.write_config()
    said = await world.cli("reload")
    assert (said.code, said.out) == (0, f"config.toml is taken: {SHOP} is changed\n")
    held = world.sell()
    await world.known(held, stage="ready")
    good = world.config.read_text()
    world.config.write_text(good.replace('"platform"', "platform").replace("enabled = false", "enabeld = true"))
    refused = await world.cli("reload")
    assert refused.code == 1
    assert "the settings stay as they were" in refused.err
    assert "did you mean enabled?" in refused.err
    assert not (await world.api(f"accounts/{SHOP}"))["forwards"]
    world.settings[FORWARD] = {"enabled": True}
    world.write_config()
    assert world.process is not None
    world.process.send_signal(signal.SIGHUP)
    await world.entry("settings_reloaded", seconds=10)

    async def forwards() -> bool:
        return bool((await world.api(f"accounts/{SHOP}"))["forwards"])

    await first(forwards, "the shop forwards again")
    later = world.sell()
    await world.forwarded(later)
    world.market.change_address(held, "ul. Nowa 2")
    await world.entry("order_changed", order=(await world.known(held))["id"])
    assert not world.shop.of(held), "what was ready meanwhile is forwarded by hand"
    assert "before forwarding into my-shop was switched on" in (await world.cli("plan", held)).out
    assert (await world.cli("forward", held)).code == 0
    await world.forwarded(held)


async def test_reload_opens_a_changed_shop_anew_without_losing_what_is_under_way(world: World, second: Shop) -> None:
    del world.settings[f"shops.{SECOND}"]
    world.write_config()
    form = world.sell()
    hold = world.shop.holds[form] = Hold()
    await world.start()
    await eventually(hold.committed.is_set, "the shop has it")
    world.settings[f"shops.{SHOP}"]["url"] = second.url
    world.write_config()
    reloading = await world.begin("reload")
    await world.polls(2)
    hold.release.set()
    out, _ = await reloading.communicate()
    assert reloading.returncode == 0
    assert b"my-shop is changed" in out
    await world.forwarded(form)
    assert len(world.shop.of(form)) == 1
    later = world.sell()
    await world.forwarded(later)
    assert second.of(later)


async def test_a_fetch_reaches_back_beyond_what_is_fetched_by_itself(world: World) -> None:
    old = world.shop.place_order({"date_created_gmt": "2026-01-02T10:00:00"})
    old["date_modified_gmt"] = "2026-01-02T10:00:00"
    await world.start()
    new = str(world.shop.place_order()["id"])
    await world.known(new)
    assert await world.order(str(old["id"])) is None
    said = await world.cli("fetch", SHOP, "--since", "2026-01-01")
    assert said.code == 0, said
    await world.known(str(old["id"]), account=SHOP)
