"""Adding orders: stock, prices to the cent, what is withheld, what Shopify refuses."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderferry import Line, Money, NeedsLogin, PaymentKind, RateLimited, Rejected, Secret, Unsure, Url
from orderferry.forward import ForwardPayment
from orderferry.testing.account import OpenAccount
from orderferry.testing.memory import MemoryProgress
from plugins.shops.shopify import amounts, mapping
from plugins.shops.shopify.knowledge import Match
from plugins.shops.shopify.platform import Shopify
from plugins.shops.shopify.settings import ShopifySettings
from plugins.shops.shopify.simulator import CLIENT_ID, CLIENT_SECRET, ShopifySimulator
from plugins.shops.shopify.wire import UserError
from tests.plugins.shopify.asking import SINCE, add, details, held, order
from tests.plugins.shopify.conftest import OpenShop


@given(cents=st.integers(0, 10_000_000), quantity=st.integers(1, 1_000))
def test_a_line_is_split_so_that_its_total_is_exact(cents: int, quantity: int) -> None:
    total = Money(Decimal(cents) / 100, "PLN")
    parts = amounts.split(total, quantity)
    assert sum(part.quantity for part in parts) == quantity
    assert sum((part.unit.amount * part.quantity for part in parts), Decimal(0)) == total.amount
    assert len(parts) <= 2
    assert all(part.unit.amount == round(part.unit.amount, 2) for part in parts)


def test_a_currency_without_cents_is_split_into_whole_units() -> None:
    parts = amounts.split(Money(Decimal(100), "JPY"), 3)
    assert [(part.quantity, part.unit.amount) for part in parts] == [(2, Decimal(33)), (1, Decimal(34))]


@pytest.mark.parametrize(("gross", "percent", "tax"), [("123", "23", "23.00"), ("9.99", "23", "1.87"), ("5", "0", "0")])
def test_the_tax_within_a_gross_price(gross: str, percent: str, tax: str) -> None:
    assert amounts.tax_within(Money.of(gross, "PLN"), Decimal(percent)).amount == Decimal(tax)


async def test_the_shop_holds_the_marketplaces_prices_and_taxes(shop: Shopify, sim: ShopifySimulator) -> None:
    price = Money.of("10.00", "PLN")
    line = Line(id="1", name="Mug", quantity=3, unit_price=price, total=price, sku="KUB-330", tax_rate=Decimal(23))
    made = await add(shop, order(1, lines=(line,), total=Money.of("19.99", "PLN")))
    assert made.total == Money.of("19.99", "PLN")
    lines = held(sim, made)["_lines"]
    assert [(one["quantity"], one["_total"]["shopMoney"]["amount"]) for one in lines] == [(2, "6.66"), (1, "3.34")]
    taxes = [tax["priceSet"]["shopMoney"]["amount"] for one in lines for tax in one["_taxes"]]
    assert taxes == ["1.25", "0.62"]
    (delivery,) = held(sim, made)["_shipping"]
    assert delivery["taxLines"][0]["priceSet"]["shopMoney"]["amount"] == "1.87"
    assert sim.shop.by_sku("KUB-330")[0].stock == 97


def test_without_a_rate_there_is_no_tax_line_unless_the_seller_sets_one(settings: ShopifySettings) -> None:
    plain = msgspec.structs.replace(
        order(1, "A"), lines=(msgspec.structs.replace(order(1, "A").lines[0], tax_rate=None),)
    )
    sent = mapping.draft(plain, [Match()], settings).order
    assert [line["taxLines"] for line in (*sent["lineItems"], *sent["shippingLines"])] == [[], []]
    sent = mapping.draft(plain, [Match()], msgspec.structs.replace(settings, tax_percent=8)).order
    assert [line["taxLines"][0]["rate"] for line in (*sent["lineItems"], *sent["shippingLines"])] == ["0.08", "0.08"]


async def test_stock_falls_below_zero_unless_overselling_is_off(open_shop: OpenShop, sim: ShopifySimulator) -> None:
    sim.shop.by_sku("KUB-330")[0].stock = 0
    made = await add(open_shop(), order(1, "KUB-330"))
    assert (made.stock_fell, sim.shop.by_sku("KUB-330")[0].stock) == (True, -1)
    with pytest.raises(Rejected, match="claim"):
        await add(open_shop(oversell=False), order(2, "KUB-330"))
    assert len(sim.shop.orders) == 1


async def test_what_the_shop_does_not_count_or_know_is_said(shop: Shopify, sim: ShopifySimulator) -> None:
    sim.shop.by_sku("KUB-330")[0].tracked = False
    made = await add(shop, order(1, "KUB-330"))
    assert (made.stock_fell, made.warnings) == (None, ())
    sim.shop.add_variant("TWICE")
    sim.shop.add_variant("TWICE")
    made = await add(shop, order(2, "NO-SUCH", "TWICE"))
    assert ["no such product" in made.warnings[0], "2 variants" in made.warnings[1]] == [True, True]
    assert [line["variant"] for line in held(sim, made)["_lines"]] == [None, None]


async def test_a_variant_that_is_gone_meanwhile_is_told_and_looked_up_again(
    shop: Shopify, sim: ShopifySimulator
) -> None:
    await add(shop, order(1, "KUB-330"))
    old = sim.shop.by_sku("KUB-330")[0]
    del sim.shop.variants[old.gid]
    made = await add(shop, order(2, "KUB-330"))
    assert made.stock_fell is False
    assert str(old.number) in made.warnings[0]
    sim.shop.add_variant("KUB-330", 5)
    assert (await add(shop, order(3, "KUB-330"))).stock_fell is True


async def test_products_are_found_by_barcode_too_and_only_whole(shop: Shopify, sim: ShopifySimulator) -> None:
    line = msgspec.structs.replace(order(1).lines[0], sku="kub", ean="5901234123457")
    await add(shop, order(1, lines=(line,), total=line.total + order(1).delivery.cost))
    assert sim.shop.by_sku("KUB-330")[0].stock == 99


async def test_what_is_withheld_is_in_no_request(shop: Shopify, sim: ShopifySimulator) -> None:
    whole = order(1)
    delivery = msgspec.structs.replace(whole.delivery, method=None)
    lines = tuple(msgspec.structs.replace(line, offer_id=None) for line in whole.lines)
    buyer = msgspec.structs.replace(whole.buyer, login=None)
    made = await add(
        shop, order(1, payment=None, comment=None, delivery=delivery, lines=lines, buyer=buyer, fields={"Ours": "x"})
    )
    sent = b"".join(served.body for served in sim.served).decode()
    for secret in ("pay-4711", "PayU", "please ring", "Parcel locker 24/7", "77000", "kupujaca_zaneta"):
        assert secret not in sent
    assert '"transactions"' not in sent
    assert "Payment" not in details(sim, made)
    assert details(sim, made)["Ours"] == "x"


async def test_a_payment_is_a_transaction_and_a_debt_is_none(shop: Shopify, sim: ShopifySimulator) -> None:
    paid = await add(shop, order(1))
    owed = await add(shop, order(2, payment=ForwardPayment(kind=PaymentKind.CASH_ON_DELIVERY, paid=False)))
    assert [held(sim, made)["displayFinancialStatus"] for made in (paid, owed)] == ["PAID", "PENDING"]
    assert [held(sim, made)["paymentGatewayNames"] for made in (paid, owed)] == [["PayU"], []]
    assert details(sim, paid)["Payment ID"] == "pay-4711"
    assert details(sim, owed)["Payment"] == "cash on delivery"


async def test_nobody_is_mailed_unless_it_is_set(open_shop: OpenShop, sim: ShopifySimulator) -> None:
    quiet = await add(open_shop(), order(1))
    loud = await add(open_shop(send_receipt=True), order(2))
    assert [held(sim, made)["_mailed"] for made in (quiet, loud)] == [0, 1]
    without = await add(open_shop(send_email=False), order(3))
    assert held(sim, without)["email"] is None


@pytest.mark.parametrize(
    ("phone", "country", "sent"),
    [
        ("+48 600 700 811", "PL", "+48600700811"),
        ("600-700-811", "PL", "+48600700811"),
        ("0048600700811", "PL", "+48600700811"),
        ("0171 1234567", "DE", "+491711234567"),
        ("600700811", "AQ", None),
        ("please call", "PL", None),
        (None, "PL", None),
    ],
)
def test_phones_are_sent_only_in_the_form_that_shopify_takes(phone: str | None, country: str, sent: str | None) -> None:
    assert mapping.e164(phone, country) == sent


def test_a_phone_that_can_not_be_sent_is_kept_as_a_detail(settings: ShopifySettings) -> None:
    whole = order(1)
    assert whole.delivery.address
    address = msgspec.structs.replace(whole.delivery.address, phone="ask my wife")
    wanted = msgspec.structs.replace(whole, delivery=msgspec.structs.replace(whole.delivery, address=address))
    assert mapping.attributes(wanted, settings)["Phone"] == "ask my wife"
    assert "Phone" not in mapping.attributes(whole, settings)


@pytest.mark.parametrize(
    ("changed", "lost"),
    [({"state": "QQ", "country": "US", "phone": "+12125550123"}, "province"), ({"phone": "+48999"}, None)],
)
async def test_what_shopify_refuses_and_can_be_spared_is_left_out(
    shop: Shopify, sim: ShopifySimulator, changed: dict[str, Any], lost: str | None
) -> None:
    whole = order(1)
    assert whole.delivery.address
    address = msgspec.structs.replace(whole.delivery.address, **changed)
    made = await add(shop, order(1, delivery=msgspec.structs.replace(whole.delivery, address=address)))
    assert len(sim.shop.orders) == 1
    assert [lost in warning for warning in made.warnings if lost] == ([True] if lost else [])
    assert sim.shop.by_sku("KUB-330")[0].stock == 99


@pytest.mark.parametrize("field", ["phone", "email", "province"])
def test_a_refused_part_is_taken_out_once(settings: ShopifySettings, field: str) -> None:
    sent = mapping.draft(order(1), [Match(), Match()], settings)
    error = UserError(message="is invalid", field=["order", "shippingAddress", field])
    softer = mapping.softened(sent, [error])
    if field == "province":
        assert softer is None  # there was none to be taken out
        return
    assert softer is not None
    assert field not in {*softer.order["shippingAddress"], *softer.order}
    assert mapping.softened(softer, [error]) is None
    other = UserError(message="Unable to claim", field=["order", "lineItems"])
    assert mapping.softened(sent, [error, other]) is None


async def test_an_order_can_be_added_as_open_or_with_a_tag_only(shop: Shopify, sim: ShopifySimulator) -> None:
    assert held(sim, await add(shop, order(1, status="tag:to pack")))["tags"] == ["status: to pack"]
    for status in ("fulfilled", "closed", "cancelled", "processing", "tag:", "tag:a,b"):
        with pytest.raises(Rejected):
            await add(shop, order(2, status=status))
    assert len(sim.shop.orders) == 1


async def test_a_failure_after_the_order_was_made_is_a_doubt(shop: Shopify, sim: ShopifySimulator) -> None:
    sim.hiccups = [("AddOrder", "INTERNAL_SERVER_ERROR")]
    with pytest.raises(Unsure):
        await add(shop, order(1))
    found = await shop.find_order("of-kit-1", SINCE)
    assert found is not None
    assert len(sim.shop.orders) == 1


@pytest.mark.parametrize(("code", "error"), [("THROTTLED", RateLimited), ("ACCESS_DENIED", NeedsLogin)])
async def test_a_refusal_before_anything_was_done_is_none(
    shop: Shopify, sim: ShopifySimulator, code: str, error: type[Exception]
) -> None:
    sim.hiccups = [("AddOrder", code)]
    with pytest.raises(error):
        await add(shop, order(1))
    assert not sim.shop.orders


async def test_an_empty_bucket_is_waited_for(shop: Shopify, sim: ShopifySimulator, open_account: OpenAccount) -> None:
    clock = open_account.clock
    sim.restore = 100
    await add(shop, order(1))
    sim.left = 10  # others have spent it
    with pytest.raises(RateLimited) as raised:
        await add(shop, order(2))
    assert raised.value.retry_after is not None
    sim.left = 1500
    began = clock.monotonic()
    await clock.run(shop.add_order(order(3), MemoryProgress()))
    assert clock.monotonic() - began == pytest.approx(raised.value.retry_after)
    assert len(sim.shop.orders) == 2


async def test_the_reference_is_defined_once_also_by_two_at_a_time(shop: Shopify, sim: ShopifySimulator) -> None:
    await asyncio.gather(add(shop, order(1)), add(shop, order(2)))
    assert sim.shop.defined
    assert sim.summary()["twice"] == []
    sim.asked.clear()
    await add(shop, order(3))
    assert sim.asked == ["AddOrder"]


async def test_a_token_is_fetched_with_the_apps_secret_and_fetched_anew(
    open_shop: OpenShop, sim: ShopifySimulator
) -> None:
    shop = open_shop(access_token=None, client_id=CLIENT_ID, client_secret=Secret(CLIENT_SECRET))
    await add(shop, order(1))
    sim.tokens = set()  # Shopify has ended them all
    await add(shop, order(2))
    assert len(sim.tokens) == 1
    stranger = open_shop(access_token=None, client_id=CLIENT_ID, client_secret=Secret("shpss_wrong"))
    with pytest.raises(NeedsLogin, match="client_secret"):
        await stranger.check()


def test_settings_need_a_way_to_prove_oneself() -> None:

    with pytest.raises(ValueError, match="access_token"):
        ShopifySettings(url=Url("https://shop.myshopify.com"), client_id="c")
