"""The recordings of a real PrestaShop: each answer is understood, and the simulator answers alike."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from plugins.shops.prestashop import wire
from plugins.shops.prestashop.prices import Goods, Rounding, foresee, price
from plugins.shops.prestashop.simulator import KEY, READ_KEY, PrestaSimulator
from tests.plugins.prestashop.chain import Chain, assert_alike, fields
from tests.plugins.prestashop.recorded import (
    NEEDED,
    Exchange,
    answered,
    case,
    entries,
    exchanges,
    path_of,
    query_of,
    recording,
    sent,
)

pytestmark = NEEDED

ALL = [f"{number:02}" for number in range(1, 28)]
READABLE = [
    pytest.param(exchange, id=f"{name}-{place}")
    for name in ALL
    for place, exchange in enumerate(exchanges(name))
    if exchange["response"]["status"] < 300 and "schema" not in query_of(exchange) and path_of(exchange)
    if b"<prestashop" in answered(exchange)
]
REFUSED = [
    pytest.param(exchange, id=f"{name}-{exchange.get('case', place)}")
    for name in ("21", "25", "27")
    for place, exchange in enumerate(exchanges(name))
    if exchange["response"]["status"] >= 400
]


@pytest.fixture
async def session(sim: PrestaSimulator) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(sim.url, headers={"Authorization": aiohttp.encode_basic_auth(KEY, "")}) as opened:
        yield opened


# --- understood


@pytest.mark.parametrize("exchange", READABLE)
def test_an_answer_is_understood(exchange: Exchange) -> None:
    body = answered(exchange)
    found = wire.records(body)
    ids = [int(text) for text in re.findall(rb"^\t<id>(?:<!\[CDATA\[)(\d+)", body, re.MULTILINE)]
    assert [record.id for record in found if record.get("id")][:1] == ids[:1]


def test_the_index_tells_the_rights() -> None:
    name, rights = wire.rights(answered(exchanges("01")[0]))
    assert name == "SklepTestowy"
    assert {"get", "put", "post", "patch", "delete"} <= rights["orders"]


@pytest.mark.parametrize("exchange", REFUSED)
def test_a_refusal_is_told_in_the_shops_words_and_nothing_else(exchange: Exchange) -> None:
    body = answered(exchange)
    said = wire.explain(body)
    codes = re.findall(rb"<code><!\[CDATA\[(\d+)\]\]>", body)
    if not codes:
        assert said == (wire.TAKEN if body.startswith(b"Cart cannot") else None)
        return
    assert said is not None
    assert codes[0].decode() in said
    assert "SimpleXMLElement" not in said


@pytest.mark.parametrize("row", recording("15").get("rows", []), ids=lambda row: row["unit_gross"])
def test_net_prices_come_to_the_recorded_totals(row: dict[str, Any]) -> None:
    gross = Decimal(row["unit_gross"]) * row["quantity"]
    goods = Goods(product=1, quantity=row["quantity"], gross=gross, percent=Decimal(23))
    delivery = Decimal("9.99")
    rows = price([goods], None, delivery, gross + delivery, Rounding())
    assert f"{rows[0].net:f}" == row["net_sent"]
    assert foresee(rows, delivery, Rounding()) == Decimal(row["order"]["total_paid"])


# --- the simulator answers alike


@pytest.fixture
async def chain(session: aiohttp.ClientSession) -> Chain:
    return Chain(session)


async def test_customers_addresses_and_carts_are_answered_alike(chain: Chain) -> None:
    customer = await chain.post(exchanges("06")[0])
    assert_alike(answered(exchanges("06")[0]), customer)
    chain.ids["id_customer"] = wire.record(customer).get("id")
    address = b""
    for exchange in exchanges("07"):
        address = await chain.post(exchange)
        assert_alike(answered(exchange), address)
    chain.ids["id_address_delivery"] = chain.ids["id_address_invoice"] = wire.record(address).get("id")
    assert_alike(answered(exchanges("08")[0]), await chain.post(exchanges("08")[0]))


@pytest.mark.parametrize("name", ["09", "11", "12", "16"])
async def test_an_order_is_answered_alike(name: str, chain: Chain, sim: PrestaSimulator) -> None:
    await chain.begin()
    posting, getting = exchanges(name)[:2]
    before = {sku: sim.shop.stock_of(sku) for sku in ("KUB-330", "KOSZ-M")}
    made, shown = await chain.order(posting)
    assert_alike(answered(posting), made)
    assert_alike(answered(getting), shown)
    fell = {sku: before[sku] - sim.shop.stock_of(sku) for sku in before}
    if "stock_after" in recording(name):
        told = recording(name)
        assert fell == {sku: told["stock_before"][sku] - told["stock_after"][sku] for sku in before}


async def test_a_cart_without_a_delivery_option_gets_the_free_carrier(chain: Chain) -> None:
    await chain.begin()
    option = '<delivery_option>{"7":"5,"}</delivery_option>'
    cart = exchanges("08")[0]["request"]["body_text"].replace(option, "").encode()
    chain.ids["id_cart"] = wire.record(await chain.send("POST", "carts", chain.mine(cart, {}), 201)).get("id")
    _, shown = await chain.order(exchanges("10")[0])
    assert_alike(answered(exchanges("10")[1]), shown)


async def test_prices_of_a_cart_are_taken_and_then_gone(chain: Chain) -> None:
    await chain.begin()
    first, second, posting, getting, _, left = exchanges("14")
    for exchange in (first, second):
        assert_alike(answered(exchange), await chain.post(exchange))
    made, shown = await chain.order(posting)
    assert_alike(answered(posting), made)
    assert_alike(answered(getting), shown)
    assert entries(left) == []
    listed = await chain.send("GET", f"specific_prices?filter[id_cart]=[{chain.ids['id_cart']}]&display=full")
    assert wire.records(listed) == []


async def test_a_put_mends_the_totals_and_not_the_state(chain: Chain) -> None:
    await chain.begin()
    posting, _, putting, getting = exchanges("16")
    await chain.order(posting)
    body = chain.mine(sent(putting), {"id": chain.ids["id_order"]})
    await chain.send("PUT", f"orders/{chain.ids['id_order']}", body)
    assert_alike(answered(getting), await chain.shown())


async def test_the_same_cart_gives_no_second_order(chain: Chain, sim: PrestaSimulator) -> None:
    await chain.begin()
    await chain.order(exchanges("09")[0])
    again = await chain.post(exchanges("09")[0], expected=exchanges("18")[9]["response"]["status"])
    assert again == answered(exchanges("18")[9])
    assert len(sim.shop.rows["orders"]) == 1


STEPS = recording("19").get("steps", [])
LINES = [
    [step for step in STEPS if step["step"].startswith(line)]
    for line in dict.fromkeys(step["step"].partition(":")[0] for step in STEPS)
]


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[0]["step"][0])
async def test_states_move_stock_and_payments_alike(
    line: list[dict[str, Any]], chain: Chain, sim: PrestaSimulator
) -> None:
    await chain.begin()
    wrong = line[0]["current_state"] == "8"
    before = sim.shop.stock_of("KUB-330")
    _, shown = await chain.order(exchanges("11" if wrong else "09")[0])
    for step in line:
        if "->" in step["step"].partition(": ")[2]:
            state = step["step"].rpartition(" ")[2]
            order = chain.ids["id_order"]
            body = (
                f"<order_history><id_order>{order}</id_order><id_order_state>{state}</id_order_state></order_history>"
            )
            await chain.send("POST", "order_histories", f"<prestashop>{body}</prestashop>".encode(), step["http"])
            shown = await chain.shown()
        now = wire.record(shown)
        assert (now.get("current_state"), now.get("valid")) == (step["current_state"], step["valid"])
        assert now.amount("total_paid_real") == Decimal(step["total_paid_real"])
        assert (now.get("invoice_number") == "0") == (step["invoice_number"] == "0")
        assert before - sim.shop.stock_of("KUB-330") == (
            line[0]["stock_before"]["KUB-330"] - step["stock_after"]["KUB-330"]
        )
        booked = [row["amount"] for row in sim.shop.rows["order_payments"].values()]
        assert booked == [payment["amount"] for payment in step["payments"]["order_payments"]]


async def test_a_patch_of_the_state_is_a_move_and_the_same_again_is_none(chain: Chain, sim: PrestaSimulator) -> None:
    await chain.begin()
    await chain.order(exchanges("09")[0])
    for _ in range(2):
        body = chain.mine(sent(exchanges("20")[0]), {"id": chain.ids["id_order"]})
        await chain.send("PATCH", f"orders/{chain.ids['id_order']}", body)
    histories = [row["id_order_state"] for row in sim.shop.rows["order_histories"].values()]
    assert histories == [entry["id_order_state"] for entry in entries(exchanges("20")[3])]


async def test_a_reference_is_cut_and_a_note_is_found(chain: Chain) -> None:
    await chain.begin()
    await chain.order(exchanges("09")[0])
    for place in (0, 2, 3):
        body = chain.mine(sent(exchanges("17")[place]), {"id": chain.ids["id_order"]})
        await chain.send("PATCH", f"orders/{chain.ids['id_order']}", body)
    for place in (4, 5, 7):
        asked = exchanges("17")[place]
        listed = await chain.send("GET", f"orders?{asked['request']['url'].partition('?')[2]}")
        theirs = [(entry["reference"], entry["note"]) for entry in entries(asked)]
        assert [(one.get("reference"), one.get("note")) for one in wire.records(listed)] == theirs


@pytest.mark.parametrize(("name", "place"), [("21", 3), ("21", 5), ("22", 3), ("22", 1)])
async def test_tracking_and_payments_are_written_alike(name: str, place: int, chain: Chain) -> None:
    await chain.begin()
    await chain.order(exchanges("09")[0])
    exchange = exchanges(name)[place]
    resource = path_of(exchange).partition("/")[0]
    path = resource if exchange["request"]["method"] == "POST" else f"{resource}/1"
    body = chain.mine(sent(exchange), {"id": "1"})
    told = await chain.send(exchange["request"]["method"], path, body, exchange["response"]["status"])
    if exchange["response"]["status"] < 300:
        assert_alike(answered(exchange), told)
    else:
        assert wire.explain(told) == (wire.explain(answered(exchange)) or "").replace("&gt;", ">")


@pytest.mark.parametrize(
    ("which", "key"),
    [("no key", None), ("bad key", "B" * 32), ("short key", "short"), ("404 order", KEY), ("unknown resource", KEY)],
)
async def test_a_refused_read_is_answered_alike(which: str, key: str | None, sim: PrestaSimulator) -> None:
    exchange = case("25", which)
    headers = {"Authorization": aiohttp.encode_basic_auth(key, "")} if key else {}
    async with (
        aiohttp.ClientSession(sim.url, headers=headers) as session,
        session.get(f"/api/{path_of(exchange)}") as answer,
    ):
        assert answer.status == exchange["response"]["status"]
        assert _codes(await answer.read()) == _codes(answered(exchange))


WRITES = [
    "malformed XML",
    "empty body",
    "missing required fields",
    "unknown cart",
    "unknown module",
    "total as text",
    "comma decimals",
    "bad e-mail",
    "digit in the name",
    "dot/slash/company in the last name",
    "empty last name",
    "address: digit in first name",
    "address: alias 40 chars",
    "address: address1 150 chars",
    "address: phone letters",
    "address: postcode missing",
    "address: emoji in other",
    "empty cart",
    "unknown order state",
    "history of an unknown order",
    "method not allowed",
]


@pytest.mark.parametrize("which", WRITES)
async def test_a_write_is_taken_or_refused_alike(which: str, chain: Chain) -> None:
    await chain.begin()
    exchange = case("25", which)
    body = chain.mine(sent(exchange), {"id_cart": "9999"} if which == "unknown cart" else {})
    said = await chain.send("POST", path_of(exchange), body, exchange["response"]["status"])
    assert _codes(said) == _codes(answered(exchange))


async def test_a_key_that_may_only_read_is_refused_alike(sim: PrestaSimulator) -> None:
    exchange = case("25", "read-only key posts")
    async with (
        aiohttp.ClientSession(sim.url, headers={"Authorization": aiohttp.encode_basic_auth(READ_KEY, "")}) as session,
        session.post("/api/customers", data=sent(exchange)) as answer,
    ):
        assert answer.status == exchange["response"]["status"]
        assert _codes(await answer.read()) == _codes(answered(exchange))


def _codes(body: bytes) -> list[bytes]:
    """The codes of an answer; where PHP repeats its warnings, one of them."""
    return list(dict.fromkeys(re.findall(rb"<code><!\[CDATA\[(\d+)\]\]>", body)))


@pytest.mark.parametrize("place", [0, 1, 4, 5, 6, 9])
async def test_products_are_searched_alike(place: int, chain: Chain) -> None:
    exchange = exchanges("04")[place]
    listed = await chain.send("GET", f"{path_of(exchange)}?{exchange['request']['url'].partition('?')[2]}")
    if "body" in exchange["response"]:
        theirs = [{"reference": entry.get("reference")} for entry in entries(exchange)]
    else:
        theirs = [{"reference": one.get("reference")} for one in wire.records(answered(exchange))]
    assert [{"reference": one.get("reference") or None} for one in wire.records(listed)] == theirs


@pytest.mark.parametrize(("place", "resource"), [(0, "order_states"), (1, "carriers")])
async def test_lists_are_answered_alike(place: int, resource: str, chain: Chain) -> None:
    listed = await chain.send("GET", f"{resource}?display=full")
    mine = {one.get("id"): fields(one) for one in wire.records(listed)}
    for entry in entries(exchanges("05")[place]):
        told = {name: str(value) for name, value in entry.items() if name not in {"id", "name"} and name[:3] != "id_"}
        assert told.items() <= mine[str(entry["id"])].items()


@pytest.mark.parametrize("place", [0, 1, 2, 3, 5, 7])
async def test_filters_sorting_and_limits_work_alike(place: int, sim: PrestaSimulator, chain: Chain) -> None:
    for number in range(1, 36):
        sim.place_order()
        sim.shop.rows["orders"][number] |= {"date_upd": "2026-11-23 12:36:08"}
    exchange = exchanges("24")[place]
    listed = await chain.send("GET", f"orders?{exchange['request']['url'].partition('?')[2]}")
    ids = [one.id for one in wire.records(listed)]
    if place == 2:  # of those with one time any order is right
        assert len(ids) == 3
        return
    assert ids == [entry["id"] for entry in entries(exchange)]


async def test_a_date_filter_without_date_is_unknown(chain: Chain) -> None:
    exchange = exchanges("24")[6]
    said = await chain.send("GET", f"orders?{exchange['request']['url'].partition('?')[2]}", b"", 500)
    assert _codes(said) == [str(exchange["response"]["body"]["errors"][0]["code"]).encode()]
