"""Finding orders again, fetching the shop's own, and checking the app's rights."""

from __future__ import annotations

import msgspec
import pytest

from orderferry import Money, NeedsLogin, PaymentKind, ProductKey, Stage, Unavailable
from orderferry.forward import ForwardPayment
from plugins.shops.shopify.platform import Shopify
from plugins.shops.shopify.simulator import ShopifySimulator
from tests.plugins.shopify.asking import SINCE, add, every_page, held, order


async def test_an_order_is_found_though_the_search_does_not_know_it_yet(shop: Shopify, sim: ShopifySimulator) -> None:
    sim.late = 50
    made = await add(shop, order(1))
    found = await shop.find_order("of-kit-1", SINCE)
    assert found is not None
    assert (found.id, found.number, found.total) == (made.id, made.number, made.total)


async def test_an_order_is_found_though_the_definition_was_deleted(shop: Shopify, sim: ShopifySimulator) -> None:
    for number in range(1, 4):
        await add(shop, order(number))
    sim.shop.defined = False
    found = await shop.find_order("of-kit-3", SINCE)
    assert found is not None
    assert await shop.find_order("of-kit-33", SINCE) is None


async def test_a_window_is_read_to_its_end(shop: Shopify, sim: ShopifySimulator) -> None:
    for _ in range(105):
        sim.place_order()
    await add(shop, order(1))
    sim.shop.defined = False
    assert await shop.find_order("of-kit-1", SINCE) is not None
    assert sim.asked.count("ReferencesSince") == 2
    sim.hiccups = [("ReferencesSince", "INTERNAL_SERVER_ERROR")]
    with pytest.raises(Unavailable):
        await shop.find_order("of-kit-2", SINCE)


@pytest.mark.parametrize(
    "put",
    [
        {"sourceIdentifier": "{}"},
        {"poNumber": "{}"},
        {"tags": ["{}"]},
        {"note": "imported from order {}, thanks"},
        {"customAttributes": [{"key": "Allegro", "value": "{}"}]},
    ],
)
async def test_an_order_of_another_tool_for_the_same_purchase_is_found(
    shop: Shopify, sim: ShopifySimulator, put: dict[str, object]
) -> None:
    wanted = order(1, external_id="c2f1a5d0-77aa-11ef")
    text = msgspec.json.encode(put).decode()
    sim.place_order(msgspec.json.decode(text.replace("{}", "c2f1a5d0-77aa-11ef-9")))
    assert await shop.find_purchase(wanted) is None, "an id that only begins alike is another"
    other = sim.place_order(msgspec.json.decode(text.replace("{}", "c2f1a5d0-77aa-11ef")))
    found = await shop.find_purchase(wanted)
    assert found is not None
    assert found.number == other["name"]


async def test_our_own_order_and_a_short_id_are_no_purchase_of_another(shop: Shopify, sim: ShopifySimulator) -> None:
    await add(shop, order(1))
    assert await shop.find_purchase(order(1)) is None
    sim.place_order({"note": "1234567"})
    short = ForwardPayment(kind=PaymentKind.ONLINE, paid=True, id="1234567")
    assert await shop.find_purchase(order(2, external_id="1234567", payment=short)) is None


async def test_the_shops_own_orders_come_whole(shop: Shopify, sim: ShopifySimulator) -> None:
    sim.place_order()
    (fetched,) = [one for page in await every_page(shop) for one in page.orders]
    assert fetched.stage is Stage.READY
    assert fetched.paid
    assert (fetched.lines[0].sku, fetched.lines[0].ean) == ("KUB-330", "5901234123457")
    assert (fetched.delivery.cost, fetched.delivery.method) == (Money.of("12.20", "PLN"), "Kurier")
    assert fetched.delivery.address
    assert fetched.delivery.address.city == "Warszawa"


async def test_prices_without_tax_are_made_gross(shop: Shopify, sim: ShopifySimulator) -> None:
    bag = {"shopMoney": {"amount": "100.00", "currencyCode": "PLN"}}
    tax = {"title": "VAT", "rate": "0.23", "priceSet": {"shopMoney": {"amount": "23.00", "currencyCode": "PLN"}}}
    line = {"title": "Box", "quantity": 2, "priceSet": bag, "requiresShipping": True, "taxLines": [tax, tax]}
    sim.place_order({"taxesIncluded": False, "lineItems": [line], "shippingLines": []})
    (fetched,) = [one for page in await every_page(shop) for one in page.orders]
    assert fetched.lines[0].total == Money.of("246.00", "PLN")
    assert fetched.lines[0].unit_price == Money.of("123.00", "PLN")
    assert fetched.total == Money.of("246.00", "PLN")


async def test_an_order_of_many_lines_has_them_all(shop: Shopify, sim: ShopifySimulator) -> None:
    bag = {"shopMoney": {"amount": "1.00", "currencyCode": "PLN"}}
    sim.place_order({"lineItems": [{"title": f"T{n}", "quantity": 1, "priceSet": bag} for n in range(120)]})
    (fetched,) = [one for page in await every_page(shop) for one in page.orders]
    assert [line.name for line in fetched.lines] == [f"T{n}" for n in range(120)]


async def test_an_order_with_nothing_to_send_is_not_ready(shop: Shopify, sim: ShopifySimulator) -> None:
    sim.place_order({"shippingAddress": None, "billingAddress": None})
    (fetched,) = [one for page in await every_page(shop) for one in page.orders]
    assert fetched.stage is Stage.PLACED


async def test_our_own_changes_come_back_as_echoes_only(shop: Shopify, sim: ShopifySimulator) -> None:
    made = await add(shop, order(1))
    cursor = (await every_page(shop))[-1].cursor
    sim.shop.touch(held(sim, made))
    pages = await every_page(shop, cursor)
    assert [echo.id for page in pages for echo in page.echoes] == [made.id]
    assert not [one for page in pages for one in page.orders]


async def test_check_tells_what_the_app_may_not(shop: Shopify, sim: ShopifySimulator) -> None:
    report = await shop.check()
    assert (report.missing, report.notes) == ({}, ())
    sim.scopes = ["read_orders", "read_products"]
    sim.hides_buyers = True
    report = await shop.check()
    assert set(report.missing) == {"add_order", "set_status", "set_payment", "set_tracking", "fetch_orders"}
    assert any("60 days" in note for note in report.notes)
    sim.hiccups = [("Standing", "ACCESS_DENIED")]
    with pytest.raises(NeedsLogin):
        await shop.check()


async def test_two_variants_with_one_sku_are_neither(shop: Shopify, sim: ShopifySimulator) -> None:
    sim.shop.add_variant("KUB-330")
    assert await shop.find_products([ProductKey(sku="KUB-330"), ProductKey(ean="5901234123464")]) == (
        None,
        (await shop.find_products([ProductKey(sku="KOSZ-M")]))[0],
    )
