"""Adding over HTTP against the simulated shop: what the contract's own tests do not ask."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from orderferry import (
    Rejected,
    Secret,
    Unavailable,
    Unsure,
    Url,
)
from orderferry.forward import ForwardPayment
from orderferry.testing.account import OpenAccount
from orderferry.testing.clock import VirtualClock
from orderferry.testing.samples import forward_order
from orderferry.testing.simulator import Fate
from plugins.shops.woocommerce.platform import WooCommerce
from plugins.shops.woocommerce.settings import WooSettings
from plugins.shops.woocommerce.simulator import SECRET, WooSimulator
from tests.plugins.woocommerce.asking import ONLINE, SINCE, add, held, order, requests


async def test_an_order_of_known_goods_is_one_request(shop: WooCommerce, sim: WooSimulator) -> None:
    await add(shop, order(1))
    sim.served.clear()
    made = await add(shop, order(2))
    assert requests(sim) == ["POST /orders"]
    assert made.stock_fell is True
    assert made.warnings == ()
    assert made.total == order().total


async def test_the_first_order_reads_all_its_products_in_one_request(shop: WooCommerce, sim: WooSimulator) -> None:
    await add(shop, order(1))
    assert requests(sim).count("GET /products") == 1
    assert requests(sim)[-1] == "POST /orders"


async def test_what_is_known_of_the_shop_is_read_again_after_a_while(
    shop: WooCommerce, sim: WooSimulator, clock: VirtualClock
) -> None:
    await add(shop, order(1))
    await clock.advance(601)
    sim.shop.taxes.enabled = False
    made = await add(shop, order(2))
    assert made.total == order().total
    assert held(sim, made)["total_tax"] == "0.00"


async def test_many_at_once_share_one_read_of_the_taxes(shop: WooCommerce, sim: WooSimulator) -> None:
    made = await asyncio.gather(*(add(shop, order(number)) for number in range(1, 9)))
    assert len({entry.id for entry in made}) == 8
    assert requests(sim).count("GET /taxes") == 1
    assert sim.shop.by_sku("KUB-330")[0].stock == 100 - 8


async def test_an_unknown_product_goes_in_with_a_warning_and_is_not_remembered(
    shop: WooCommerce, sim: WooSimulator
) -> None:
    made = await add(shop, order(1, "KUB-330", "NEW-1"))
    assert made.total == order().total
    assert any("NEW-1" in warning for warning in made.warnings)
    assert [line["product_id"] for line in held(sim, made)["line_items"]] == [10, 0]
    assert held(sim, made)["line_items"][1]["name"] == "Thing 2"
    sim.shop.add_product("NEW-1")
    assert (await add(shop, order(2, "KUB-330", "NEW-1"))).warnings == ()


async def test_the_ean_finds_what_the_sku_does_not(shop: WooCommerce, sim: WooSimulator) -> None:
    wanted = order(1, "unknown-a", "unknown-b")
    eans = ("5901234123457", "5901234123464")
    lines = tuple(msgspec.structs.replace(line, ean=ean) for line, ean in zip(wanted.lines, eans, strict=True))
    made = await add(shop, msgspec.structs.replace(wanted, lines=lines))
    assert made.warnings == ()
    assert [line["sku"] for line in held(sim, made)["line_items"]] == ["KUB-330", "KOSZ-M"]


async def test_a_parent_and_a_sku_of_two_products_are_never_bound(shop: WooCommerce, sim: WooSimulator) -> None:
    sim.shop.add_product("TWICE", price="1.00")
    sim.shop.add_product("twice", price="2.00")
    made = await add(shop, order(1, "KOSZ", "TWICE"))
    assert [line["product_id"] for line in held(sim, made)["line_items"]] == [0, 0]
    assert "variations" in made.warnings[0]
    assert "2 products" in made.warnings[1]


async def test_a_product_that_was_deleted_meanwhile_is_noticed_and_forgotten(
    shop: WooCommerce, sim: WooSimulator
) -> None:
    await add(shop, order(1))
    sim.shop.remove_product(10)
    gone = await add(shop, order(2))
    assert gone.stock_fell is False
    assert any("no longer" in warning for warning in gone.warnings)
    assert gone.total == order().total
    sim.shop.add_product("KUB-330", 7)
    again = await add(shop, order(3))
    assert (again.stock_fell, sim.shop.by_sku("KUB-330")[0].stock) == (True, 6)


async def test_stock_that_is_the_parents_falls_there(shop: WooCommerce, sim: WooSimulator) -> None:
    parent = sim.shop.add_product("CAP", 50)
    sim.shop.add_variation(parent, "CAP-RED", "red", manage_stock="parent")
    made = await add(shop, order(1, "CAP-RED"))
    assert (made.stock_fell, parent.stock) == (True, 49)


async def test_a_shop_that_does_not_lower_the_stock_is_found_out(
    shop: WooCommerce, sim: WooSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sim.shop, "_take_stock", lambda _: None)  # a plugin of the shop vetoes it
    made = await add(shop, order(1))
    assert made.stock_fell is False
    assert any("stock did not fall" in warning for warning in made.warnings)


async def test_an_unpaid_order_waits_on_hold_with_its_stock_taken(shop: WooCommerce, sim: WooSimulator) -> None:
    made = await add(shop, order(1, payment=ForwardPayment(kind=ONLINE, paid=False)))
    assert (made.status, made.stock_fell) == ("on-hold", True)
    assert held(sim, made)["date_paid"] is None


async def test_a_custom_status_is_set_after_the_stock_fell(shop: WooCommerce, sim: WooSimulator) -> None:
    sim.shop.statuses["packing-hall"] = "In the packing hall"
    made = await add(shop, order(1, status="packing-hall"))
    assert (made.status, made.stock_fell) == ("packing-hall", True)
    assert sim.shop.by_sku("KUB-330")[0].stock == 99


@pytest.mark.parametrize("fate", [Fate.GOOD, Fate.DOWN, Fate.LOST, Fate.BUSY])
async def test_an_order_whose_custom_status_fails_is_added_all_the_same(
    shop: WooCommerce, sim: WooSimulator, fate: Fate
) -> None:
    sim.script("PUT", "/orders", fate)
    made = await add(shop, order(1, status="no-such-status"))
    assert (made.status, made.stock_fell) == ("processing", True)
    assert "no-such-status" in made.warnings[-1]
    assert len(sim.shop.orders) == 1


async def test_a_fault_before_the_order_is_sent_is_no_doubt(shop: WooCommerce, sim: WooSimulator) -> None:
    for path in ("/products", "/settings/general", "/taxes"):
        sim.script("GET", path, Fate.DOWN)
        with pytest.raises(Unavailable):
            await add(shop, order(1))
    assert not sim.shop.orders


@pytest.mark.parametrize("fate", [Fate.LOST, Fate.CUT, Fate.FAILED_AFTER, Fate.GARBAGE])
async def test_an_order_that_is_seen_late_is_found_in_the_end_and_never_doubled(
    shop: WooCommerce, sim: WooSimulator, fate: Fate
) -> None:
    await add(shop, order(1))
    sim.late = 5
    sim.script("POST", "/orders", fate)
    with pytest.raises(Unsure):
        await add(shop, order(2))
    looks = [await shop.find_order("of-kit-2", SINCE) for _ in range(3)]
    found = looks[-1]
    assert found is not None
    assert found.stock_fell is True
    assert sim.summary()["twice"] == []


async def test_what_the_shop_refuses_is_rejected_in_its_own_words(shop: WooCommerce, sim: WooSimulator) -> None:
    wanted = forward_order("of-kit-1", skus=("KUB-330",), currency="XXX")
    with pytest.raises(Rejected, match="rest_invalid_param"):
        await add(shop, wanted)
    assert not sim.shop.orders


async def test_a_key_in_the_query_works_and_is_never_told(open_shop: Any, sim: WooSimulator) -> None:
    shop = open_shop(key_in_query=True)
    assert (await add(shop, order(1))).stock_fell is True
    assert "Authorization" not in sim.served[-1].headers
    assert sim.served[-1].query["consumer_secret"] == SECRET
    sim.script("POST", "/orders", Fate.CUT)
    with pytest.raises(Unsure) as doubt:
        await add(shop, order(2))
    assert SECRET not in f"{doubt.value} {doubt.value.__cause__!r}"


async def nothing(_: web.Request) -> web.Response:
    return web.json_response([])


async def answering(handler: Any, open_account: OpenAccount) -> tuple[TestServer, WooCommerce]:
    app = web.Application()
    app.router.add_post("/wp-json/wc/v3/orders", handler)
    app.router.add_get("/wp-json/wc/v3/{rest:.*}", nothing)
    server = TestServer(app)
    await server.start_server()
    url = Url.parse(str(server.make_url("")))
    settings = WooSettings(url=url, consumer_key=Secret("ck"), consumer_secret=Secret("cs"))
    return server, WooCommerce(open_account(WooCommerce, settings))


async def test_an_answer_without_end_is_a_doubt_and_is_not_kept(open_account: OpenAccount) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(status=201)
        await answer.prepare(request)
        try:
            while True:
                await answer.write(b"[" * 1_000_000)
        except ConnectionError:
            return answer

    server, shop = await answering(endless, open_account)
    with pytest.raises(Unsure, match="16 MiB"):
        await add(shop, order(1))
    await server.close()


async def test_an_order_is_never_sent_after_a_redirect(open_account: OpenAccount) -> None:
    seen: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        seen.append(request.path)
        return web.Response(status=301, headers={"Location": "https://www.shop.example/wp-json/wc/v3/orders"})

    server, shop = await answering(elsewhere, open_account)
    with pytest.raises(Unavailable, match=r"www\.shop\.example"):
        await add(shop, order(1))
    assert seen == ["/wp-json/wc/v3/orders"]
    await server.close()


async def test_an_answer_of_another_shape_is_a_doubt(open_account: OpenAccount) -> None:
    for body in (b"[]", b"{}", b"null", b"5", b'{"id":"7","status":"processing"}'):

        async def odd(_: web.Request, body: bytes = body) -> web.Response:
            return web.Response(body=body, status=201, content_type="application/json")

        server, shop = await answering(odd, open_account)
        with pytest.raises(Unsure):
            await add(shop, order(1))
        await server.close()
