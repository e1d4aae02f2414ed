"""Tokens, the leaky bucket, errors in the shop's own words, and what a check says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orderferry import NeedsLogin, Secret, Unavailable, Url
from orderferry.testing.clock import VirtualClock
from orderferry.testing.simulator import Fate
from plugins.shops.shoper import wire
from plugins.shops.shoper.pace import LeakyBucket
from plugins.shops.shoper.platform import Shoper
from plugins.shops.shoper.settings import ShoperSettings
from plugins.shops.shoper.simulator import LOGIN, PASSWORD, ShoperSimulator
from tests.plugins.shoper.asking import add, ask, order, sent, writes
from tests.plugins.shoper.conftest import OpenShop

EXAMPLES = Path(__file__).parents[4] / "shared" / "specs" / "shoper" / "examples"


def example(name: str) -> bytes:
    if not EXAMPLES.exists():
        pytest.skip("the recorded answers of a real shop are not here")
    return (EXAMPLES / name).read_bytes()


async def test_login_and_password_get_a_token_that_is_kept(sim: ShoperSimulator, open_shop: OpenShop) -> None:
    shop = open_shop(token=None, login=LOGIN, password=Secret(PASSWORD))
    await add(shop, order(1))
    assert sim.granted == 1
    await shop.account.clock.advance(3600)  # type: ignore[attr-defined] # the tests' clock
    await add(shop, order(2))
    assert sim.granted == 2


async def test_a_token_that_is_refused_is_got_anew_once(sim: ShoperSimulator, open_shop: OpenShop) -> None:
    shop = open_shop(token=None, login=LOGIN, password=Secret(PASSWORD))
    await ask(shop, shop.check())
    sim.tokens.clear()
    await add(shop, order(1))
    assert (sim.granted, len(sim.shop.orders)) == (2, 1)


async def test_wrong_credentials_need_the_owner(sim: ShoperSimulator, open_shop: OpenShop) -> None:
    for shop in (
        open_shop(token=None, login=LOGIN, password=Secret("wrong")),
        open_shop(token=Secret("wrong")),
    ):
        with pytest.raises(NeedsLogin):
            await ask(shop, shop.check())
    assert writes(sim) == ["POST /webapi/rest/auth"]


@pytest.mark.parametrize("fate", [Fate.DOWN, Fate.LOST, Fate.GARBAGE])
async def test_a_token_that_did_not_come_leaves_nothing_done(
    sim: ShoperSimulator, open_shop: OpenShop, fate: Fate
) -> None:
    shop = open_shop(token=None, login=LOGIN, password=Secret(PASSWORD))
    sim.script("POST", "/auth", fate)
    with pytest.raises(Unavailable):
        await ask(shop, shop.check())
    await ask(shop, shop.check())


@pytest.mark.parametrize(
    "way",
    [
        {},
        {"login": "x"},
        {"password": Secret("p")},
        {"token": Secret("t"), "login": "x"},
        {"token": Secret("t"), "login": "x", "password": Secret("p")},
    ],
)
def test_a_shop_needs_exactly_one_way_in(way: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="either token, or login and password"):
        ShoperSettings(url=Url("https://shop.example"), **way)  # type: ignore[arg-type] # what the test says


def headers(calls: int, limit: int = 10, bandwidth: int = 2) -> dict[str, str]:
    return {
        "x-shop-api-calls": str(calls), "x-shop-api-limit": str(limit), "x-shop-api-bandwidth": str(bandwidth),
    }  # fmt: skip


async def test_the_bucket_never_runs_over() -> None:
    clock = VirtualClock()
    bucket = LeakyBucket(clock)
    gone: list[float] = []

    async def calls() -> None:
        for _ in range(30):
            await bucket.enter()
            gone.append(clock.monotonic())
            bucket.told(None)

    await clock.run(calls())
    assert gone[7] == 0
    assert gone[-1] == pytest.approx((30 - 8) / 2)
    for begin in gone:
        assert sum(begin <= moment < begin + 1 for moment in gone) <= 8 + 2


async def test_the_bucket_believes_the_shop() -> None:
    clock = VirtualClock()
    bucket = LeakyBucket(clock)

    async def call(said: dict[str, str]) -> float:
        await bucket.enter()
        bucket.told(said)
        return clock.monotonic()

    assert await clock.run(call(headers(8))) == 0  # somebody else has filled it
    assert await clock.run(call(headers(1, bandwidth=10))) == pytest.approx(0.5)
    assert await clock.run(call({"x-shop-api-calls": "many"})) == pytest.approx(0.5)


async def test_adding_waits_where_the_bucket_is_full(sim: ShoperSimulator, shop: Shoper) -> None:
    sim.headers |= {"X-Shop-Api-Calls": "8", "X-Shop-Api-Bandwidth": "2"}
    began = shop.account.clock.monotonic()
    await add(shop, order(1))
    assert shop.account.clock.monotonic() - began > 3


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Wartość pola 'email' jest niepoprawna: Wartość 'ola@example.com' już istnieje", "ola@example.com"),
        ("Wartość pola 'user_id' jest niepoprawna: Nie znaleziono wartości 'kowalski'", "kowalski"),
    ],
)
def test_what_the_buyer_wrote_is_left_out_of_errors(said: str, told: str) -> None:
    body = json.dumps({"error": "invalid_request", "error_description": said}).encode()
    sentence = wire.explain(body)
    assert sentence is not None
    assert told not in sentence
    assert said.split("'")[1] in sentence, "the field is named"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("auth.401.json", "(unauthorized_client)"),
        ("scope.403.json", "(insufficient_scope)"),
        ("notfound.404.json", "Resource not found (invalid_request)"),
        ("orders.post.error-required.400.json", "'shipping_tax_id'"),
        ("orders.post.error-user0.400.json", "'user_id'"),
        ("users.post.error-duplicate.400.json", "'email'"),
    ],
)
def test_the_errors_of_a_real_shop_are_read(name: str, words: str) -> None:
    said = wire.explain(example(name))
    assert said is not None
    assert words in said
    assert "@" not in said


def test_the_answers_of_a_real_shop_are_read() -> None:
    assert wire.read_id(example("orders.post.response.json")) == "5"
    (stock,) = wire.reader(wire.Listed[wire.StockRow])(example("product-stocks.list.response.json")).rows
    assert (stock.stock_id, stock.stock) == ("181", "77")
    (user,) = wire.reader(wire.Listed[wire.UserRow])(example("users.list.response.json")).rows
    assert user.user_id == "4"


async def test_our_requests_are_those_that_a_real_shop_took(sim: ShoperSimulator, shop: Shoper) -> None:
    """Every field that we send stands in the recorded requests, or is documented in the SDK's types."""
    await add(shop, order(1))
    head = json.loads(example("orders.post.request.json"))
    line = json.loads(example("order-products.post.request.json"))
    (our_head,) = sent(sim, "POST", "orders")
    documented = {"currency_id", "paid", "pickup_point"}
    assert our_head.keys() - documented <= head.keys()
    assert head.keys() - our_head.keys() == {"code"}, "which a real shop does not keep"
    assert our_head["billing_address"].keys() - {"street2", "state"} <= head["billing_address"].keys()
    for ours in sent(sim, "POST", "order-products"):
        assert ours.keys() - {"code"} == line.keys()


@pytest.mark.parametrize("body", [b"0", b'"0"', b"-1", b'"x"', b"null", b"true", b"{}", b"[]", b"1.5", b""])
def test_only_a_number_says_that_something_was_made(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - every kind of it leaves a doubt
        wire.read_id(body)


async def test_a_check_says_what_the_shop_is_like(sim: ShoperSimulator, shop: Shoper) -> None:
    report = await ask(shop, shop.check())
    assert (report.summary, report.missing) == ("Simulated shop, PLN, EUR.", {})
    assert "A parcel moves an order to Wysłane (7); your mapped status is told again after it." in report.notes
    assert not sim.shop.orders


async def test_a_check_takes_away_what_the_token_may_not_do(sim: ShoperSimulator, open_shop: OpenShop) -> None:
    sim.read_only = True
    sim.config["shopping_update_stock_on_buy"] = "0"
    shop = open_shop(delivery_method="", payment_method="77")
    report = await ask(shop, shop.check())
    assert set(report.missing) == {"add_order", "set_status", "set_payment", "set_tracking", "stock_on_add"}
    text = " ".join(report.notes)
    assert "delivery_method is not set" in text
    assert "8 (Kurier DPD), 9 (InPost)" in text
    assert "payment_method = '77' is not there" in text
    sim.read_only = False
    sim.closed.add("parcels")
    assert "read parcels" in (await ask(shop, shop.check())).missing["set_tracking"]
    sim.closed.add("users")
    with pytest.raises(NeedsLogin, match="GET /users"):
        await ask(shop, shop.check())


async def test_a_time_zone_that_is_not_here_is_said(sim: ShoperSimulator, shop: Shoper) -> None:
    sim.config["locale_timezone"] = "Mars/Olympus"
    with pytest.raises(Exception, match="install tzdata"):
        await ask(shop, shop.check())
