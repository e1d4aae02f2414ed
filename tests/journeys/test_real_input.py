"""The whole daemon with what the platforms themselves have said: Allegro's official example, a real shop's answers.

Where the example or the recordings leave something out, a comment says what was put there; everything else goes over
the wire as it was found.
"""

from __future__ import annotations

import copy
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from plugins.allegro.simulator import MEDIA_TYPE
from tests.journeys.scripted_shop import Json
from tests.journeys.world import MARKET, SHOP, World, eventually

EVENT = "1693396800000000"
V3 = "/wp-json/wc/v3"


class RealAllegro:
    """Answers as Allegro's documentation shows it: one event, and the form that it is about."""

    def __init__(self, folder: Path) -> None:
        def example(name: str) -> Json:
            found: Json = json.loads((folder / f"assembled_from_field_examples_2021_{name}.json").read_text())
            return found

        self.form = example("CheckoutForm")
        self.events = example("OrderEventsList")
        # the example's event has no id, and names another form than the example's form
        self.events["events"][0]["id"] = EVENT
        self.events["events"][0]["order"]["checkoutForm"]["id"] = self.form["id"]

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/me", self._me),
            web.get("/order/event-stats", self._stats),
            web.get("/order/events", self._events),
            web.get("/order/checkout-forms", self._forms),
            web.get(f"/order/checkout-forms/{self.form['id']}", self._form),
        ]

    async def _me(self, _: web.Request) -> web.Response:  # not among the examples
        return _allegro({"id": "437848322", "login": "seller"})

    async def _stats(self, _: web.Request) -> web.Response:  # the account is set up before the first event
        return _allegro({"latestEvent": None})

    async def _events(self, request: web.Request) -> web.Response:
        return _allegro({"events": []} if request.query.get("from") == EVENT else self.events)

    async def _forms(self, _: web.Request) -> web.Response:  # the example was last changed in 2011: no sweep lists it
        return _allegro({"checkoutForms": [], "count": 0, "totalCount": 0})

    async def _form(self, _: web.Request) -> web.Response:
        return _allegro(self.form)


class RecordedShop:
    """Replays what a WooCommerce 9.9.5 was seen to answer; `added` is its answer to the order, `posts` what it got."""

    def __init__(self, folder: Path) -> None:
        def exchange(name: str, place: int) -> Json:
            found: Json = json.loads(next(folder.glob(f"{name}-*.json")).read_text())["exchanges"][place]["response"]
            return found

        self.added = exchange("06", 0)
        self.system = exchange("01", 0)
        self.products = {"kub-330": exchange("02", 0), "kosz-m": exchange("03", 0)}
        self.no_product = exchange("02", 1)
        self.currency, self.include_tax = exchange("05", 8)["body"], exchange("05", 9)["body"]
        self.rates, self.classes = exchange("05", 6), exchange("05", 7)
        self.not_there = exchange("22", 38)
        self.found, self.none_found = exchange("23", 2), exchange("23", 6)
        self.found_order = exchange("23", 0)
        self.posts: list[Json] = []
        self.loses_answers = False

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/wp-json/", self._index),
            web.get(f"{V3}/system_status", self._replay(self.system)),
            web.get(f"{V3}/orders", self._orders),
            web.post(f"{V3}/orders", self._add),
            web.get(V3 + "/orders/{id}", self._replay({**self.found_order, "status": 200})),
            web.put(V3 + "/orders/{id}", self._replay(self.not_there)),
            web.get(f"{V3}/products", self._products),
            web.get(V3 + "/settings/{group}", self._settings),
            web.get(f"{V3}/taxes", self._replay(self.rates)),
            web.get(f"{V3}/taxes/classes", self._replay(self.classes)),
        ]

    def _replay(self, recorded: Json) -> Any:  # an aiohttp handler
        async def replayed(_: web.Request) -> web.Response:
            return _as_recorded(recorded)

        return replayed

    async def _index(self, _: web.Request) -> web.Response:  # not recorded
        return web.json_response({"name": "Shop", "namespaces": ["wc/v3"]})

    async def _settings(self, request: web.Request) -> web.Response:
        # a group as a whole was not recorded: these are its recorded entries, and those that the recordings' notes tell
        told = {
            "general": [
                self.currency,
                {"id": "woocommerce_calc_taxes", "value": "yes"},
                {"id": "woocommerce_default_country", "value": "PL"},
                {"id": "woocommerce_price_num_decimals", "value": "2"},
            ],
            "tax": [self.include_tax, {"id": "woocommerce_tax_round_at_subtotal", "value": "no"}],
            "products": [{"id": "woocommerce_manage_stock", "value": "yes"}],
        }
        return web.json_response(told[request.match_info["group"]])

    async def _products(self, request: web.Request) -> web.Response:
        asked = request.query.get("sku", "").casefold().split(",")
        found = [product for sku in asked if sku in self.products for product in self.products[sku]["body"]]
        return _as_recorded({**self.no_product, "body": found})

    async def _orders(self, request: web.Request) -> web.Response:
        reference = request.query.get("created_via")
        if reference and any(post["created_via"] == reference for post in self.posts):
            recorded = copy.deepcopy(self.found)
            recorded["body"][0] |= {"created_via": reference, "status": "processing"}
            return _as_recorded(recorded)
        return _as_recorded(self.none_found)

    async def _add(self, request: web.Request) -> web.Response:
        self.posts.append(await request.json())
        if self.loses_answers and request.transport is not None:
            request.transport.abort()
        return _as_recorded(self.added)


def _allegro(body: Json) -> web.Response:
    return web.Response(body=json.dumps(body).encode(), headers={"Content-Type": MEDIA_TYPE})


def _as_recorded(recorded: Json) -> web.Response:
    own = {"content-type", "content-length", "server", "date", "location"}
    headers = {name: value for name, value in recorded["headers"].items() if name.lower() not in own}
    return web.json_response(recorded["body"], status=recorded["status"], headers=headers)


async def serve(routes: list[web.RouteDef]) -> tuple[web.AppRunner, str]:
    app = web.Application()
    app.add_routes(routes)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"


@pytest.fixture
async def real(world: World, shared: Path) -> AsyncIterator[tuple[RealAllegro, RecordedShop]]:
    """The world's two accounts, with the real answers behind them."""
    allegro = RealAllegro(shared / "specs/allegro/examples")
    shop = RecordedShop(shared / "recordings/woocommerce")
    first, api_url = await serve(allegro.routes())
    second, url = await serve(shop.routes())
    world.settings[f"marketplaces.{MARKET}"] |= {"api_url": api_url}
    world.settings[f"shops.{SHOP}"] |= {"url": url}
    world.write_config()
    try:
        yield allegro, shop
    finally:
        await first.cleanup()
        await second.cleanup()


async def test_the_official_example_goes_into_the_recorded_shop(
    world: World, real: tuple[RealAllegro, RecordedShop]
) -> None:
    allegro, shop = real
    await world.start()
    form = allegro.form["id"]
    link = await world.forwarded(form)
    assert (link["shop_order"], link["number"]) == ("20", "20")

    (sent,) = shop.posts
    assert sent["created_via"] == link["reference"]
    assert sent["customer_note"] == "Please send me an item in red color"
    assert sent["billing"]["company"] == "Udix Sp. z o.o."
    assert sent["billing"]["email"] == "user-email@allegro.pl"
    assert sent["shipping"]["address_1"] == "Grunwaldzka 182"
    told = {entry["key"]: entry["value"] for entry in sent["meta_data"]}
    assert told["_parcel_machine_id"] == "POZ08A"
    assert told["_orderferry_payment"] == "paid"
    assert "_billing_nip" not in told, "the example has a company without a tax id"
    assert [line["name"] for line in sent["line_items"]] == ["Name of purchased offer", "Wniesienie"]
    assert "67062589524" not in json.dumps(shop.posts), "the personal identity number is nobody's business"

    # the recorded answer belongs to another purchase: its total must be seen to differ, and not be taken
    shown = (await world.cli("show", form, "--json")).json
    assert shown["order"]["total"] == {"amount": "123.45", "currency": "PLN"}
    assert any("189.86 PLN" in text and "123.45 PLN" in text for text in shown["warnings"])
    assert any("AH-129834" in text for text in shown["warnings"])
    account = await world.account(SHOP, health="ok")
    assert not account["missing"]
    assert (await world.account(MARKET))["health"] == "ok"


async def test_the_recorded_purchase_is_understood_from_the_real_answer(
    world: World, real: tuple[RealAllegro, RecordedShop]
) -> None:
    allegro, shop = real
    # the example's form with the lines and amounts of the recorded order: two mugs and a shirt, gross
    line = allegro.form["lineItems"][0] | {"selectedAdditionalServices": []}

    def bought(line_id: str, sku: str, quantity: int, price: str) -> Json:
        offer = {**line["offer"], "external": {"id": sku}}
        return {**line, "id": line_id, "offer": offer, "quantity": quantity, "price": _pln(price)}

    allegro.form["lineItems"] = [bought("mugs", "KUB-330", 2, "49.99"), bought("shirt", "KOSZ-M", 1, "79.90")]
    allegro.form["delivery"]["cost"] = _pln("9.99")
    allegro.form["summary"]["totalToPay"] = _pln("189.87")
    await world.start()
    form = allegro.form["id"]
    link = await world.forwarded(form)
    (sent,) = shop.posts
    bound = [(one["product_id"], one.get("variation_id"), one["quantity"]) for one in sent["line_items"]]
    assert bound == [(10, None, 2), (11, 12, 1)]
    done = await world.entry("job_done", what="add_order")
    assert done["data"]["stock_fell"] is True
    # that shop was sent net amounts of two decimals, and so lost a grosz: it is seen
    assert link["total"] == "189.86 PLN"
    warnings = (await world.cli("show", form, "--json")).json["warnings"]
    assert warnings
    assert all("189.86 PLN" in text and "189.87 PLN" in text for text in warnings)


async def test_a_lost_answer_is_settled_by_the_real_look_up(
    world: World, real: tuple[RealAllegro, RecordedShop]
) -> None:
    allegro, shop = real
    shop.loses_answers = True
    await world.start()
    link = await world.forwarded(allegro.form["id"])
    assert link["shop_order"] == "104"
    assert len(shop.posts) == 1
    assert await world.entries("job_looked", found=True)
    await eventually(lambda: shop.posts[0]["created_via"] == link["reference"], "it was found by our reference")


def _pln(amount: str) -> Json:
    return {"amount": amount, "currency": "PLN"}
