"""Adding orders to Shoper: what is told, what is refused before anything is written, and how a try is completed."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from orderferry import Line, Money, PaymentKind, PlatformError, Rejected, Unavailable, Unsure
from orderferry.forward import ForwardPayment
from orderferry.testing.memory import MemoryProgress
from orderferry.testing.simulator import Fate
from plugins.shops.shoper.platform import Shoper
from plugins.shops.shoper.simulator import ShoperSimulator
from plugins.shops.shoper.wire import UserRow
from tests.plugins.shoper.asking import SINCE, add, ask, order, sent, writes
from tests.plugins.shoper.conftest import OpenShop


async def test_the_order_says_what_the_marketplace_said(sim: ShoperSimulator, shop: Shoper) -> None:
    made = await add(shop, order(7, fields={"warehouse": "B"}))
    (head,) = sent(sim, "POST", "orders")
    told = {key: head[key] for key in ("status_id", "payment_id", "shipping_id", "shipping_tax_id", "currency_id")}
    assert told == {"status_id": 1, "payment_id": 1, "shipping_id": 8, "shipping_tax_id": 1, "currency_id": 1}
    assert (head["shipping_cost"], head["paid"], head["pickup_point"]) == (9.99, 52.01, "WRO117M")
    assert (head["email"], head["notes"]) == ("zaneta.kupujaca@example.com", "please ring twice")
    billing, delivery = head["billing_address"], head["delivery_address"]
    assert (billing["company"], billing["tax_identification_number"]) == ("Ćwiekowska Sp. z o.o.", "5252248481")
    assert (billing["phone"], billing["firstname"], billing["lastname"]) == (
        "+48600700811", "Żaneta", "Brzęczyszczewska",
    )  # fmt: skip
    assert (delivery["street1"], delivery["postcode"], delivery["country_code"]) == (
        "ul. Gęśla Próbna 7/3", "55-080", "PL",
    )  # fmt: skip
    mug, shirt = sent(sim, "POST", "order-products")
    stock = next(row for row in sim.shop.stocks.values() if row["code"] == "KUB-330")
    assert mug == {
        "order_id": int(made.id),
        "product_id": int(stock["product_id"]),
        "stock_id": int(stock["stock_id"]),
        "price": 13.34,
        "quantity": 1,
        "name": "Thing 1",
        "code": "KUB-330",
        "tax": "23%",
        "tax_value": 23,
    }
    assert (shirt["price"], shirt["quantity"]) == (14.34, 2)
    assert sim.shop.orders[made.id]["notes_priv"].split("\n") == [
        "of-kit-7",
        "allegro (tested-marketplace): e-of-kit-7",
        "login: kupujaca_zaneta",
        "delivery: Parcel locker 24/7",
        "payment: PayU pay-4711",
        "KUB-330: offer 770001",
        "KOSZ-M: offer 770002",
        "warehouse: B",
    ]
    assert (made.stock_fell, made.warnings, made.total) == (True, (), order(7).total)


async def test_what_is_withheld_is_in_no_request(sim: ShoperSimulator, shop: Shoper) -> None:
    whole = order(1)
    lines = tuple(msgspec.structs.replace(line, offer_id=None) for line in whole.lines)
    buyer = msgspec.structs.replace(whole.buyer, login=None)
    delivery = msgspec.structs.replace(whole.delivery, method=None)
    await add(
        shop, msgspec.structs.replace(whole, lines=lines, buyer=buyer, delivery=delivery, payment=None, comment=None)
    )
    text = b"".join(served.body for served in sim.served).decode()
    for secret in ("770001", "kupujaca_zaneta", "pay-4711", "PayU", "ring twice", "Parcel locker 24/7"):
        assert secret not in text


async def test_the_buyers_mail_can_be_kept_from_the_shop(sim: ShoperSimulator, open_shop: OpenShop) -> None:
    shop = open_shop(send_email=False, neutral_email="marketplace@shop.example")
    await add(shop, order(1))
    await add(shop, order(2))
    assert "zaneta.kupujaca" not in b"".join(served.body for served in sim.served).decode()
    assert [user["email"] for user in sim.shop.users.values()] == ["marketplace@shop.example"]


async def test_one_customer_for_all(sim: ShoperSimulator, open_shop: OpenShop) -> None:
    user = sim.shop.add_user({"email": "marketplace@shop.example"})
    made = await add(open_shop(user=user), order(1))
    assert sim.shop.orders[made.id]["user_id"] == user
    assert sent(sim, "POST", "users") == []


async def test_a_buyer_is_made_once(sim: ShoperSimulator, shop: Shoper) -> None:
    first, second = await add(shop, order(1)), await add(shop, order(2))
    assert len(sim.shop.users) == 1
    assert sim.shop.orders[first.id]["user_id"] == sim.shop.orders[second.id]["user_id"]


async def test_a_buyer_whom_somebody_else_makes_meanwhile(
    sim: ShoperSimulator, shop: Shoper, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = shop._client.users

    async def not_yet(email: str) -> list[UserRow]:
        monkeypatch.setattr(shop._client, "users", known)
        sim.shop.add_user({"email": email.upper()})
        return []

    monkeypatch.setattr(shop._client, "users", not_yet)
    made = await add(shop, order(1))
    assert [user["user_id"] for user in sim.shop.users.values()] == [sim.shop.orders[made.id]["user_id"]]
    assert len(sent(sim, "POST", "users")) == 1, "which the shop refused"


async def test_mapped_methods_and_status(sim: ShoperSimulator, shop: Shoper) -> None:
    payment = ForwardPayment(kind=PaymentKind.CASH_ON_DELIVERY, paid=False, shop_method="2")
    delivery = msgspec.structs.replace(order(1).delivery, shop_method="9")
    made = await add(shop, order(1, payment=payment, delivery=delivery, status="2"))
    held = sim.shop.orders[made.id]
    assert (held["payment_id"], held["shipping_id"], held["status_id"], held["paid"]) == ("2", "9", "2", "0.00")


@pytest.mark.parametrize(
    ("settings", "changed", "words"),
    [
        ({"delivery_method": ""}, {}, r"set delivery_method to one of 8 \(Kurier DPD\)"),
        ({"payment_method": "77"}, {}, r"no payment method '77'"),
        ({}, {"status": "77"}, "no status '77'"),
        ({"send_email": False}, {}, "set neutral_email"),
        ({}, {"total": Money(Decimal(5), "USD")}, "no currency USD"),
    ],
)
async def test_what_the_shop_could_not_keep_is_refused_before_anything_is_written(
    sim: ShoperSimulator, open_shop: OpenShop, settings: dict[str, Any], changed: dict[str, Any], words: str
) -> None:
    with pytest.raises(Rejected, match=words):
        await add(open_shop(**settings), order(1, **changed))
    assert writes(sim) == []


async def test_an_order_without_a_phone_needs_a_neutral_one(sim: ShoperSimulator, open_shop: OpenShop) -> None:
    whole = order(1)
    assert whole.delivery.address is not None
    address = msgspec.structs.replace(whole.delivery.address, phone=None)
    delivery = msgspec.structs.replace(whole.delivery, address=address)
    mute = order(1, delivery=delivery, buyer=msgspec.structs.replace(whole.buyer, phone=None))
    with pytest.raises(Rejected, match="neutral_phone"):
        await add(open_shop(), mute)
    assert writes(sim) == []
    made = await add(open_shop(neutral_phone="000000000"), mute)
    assert sim.shop.orders[made.id]["delivery_address"]["phone"] == "000000000"


def _line(**changed: Any) -> Line:
    price = Money(Decimal("10.00"), "PLN")
    usual = Line(id="1", name="Thing", quantity=3, unit_price=price, total=price * 3, sku="KOSZ-M")
    return msgspec.structs.replace(usual, **changed)


@pytest.mark.parametrize(
    ("line", "tax"),
    [
        (_line(tax_rate=Decimal(5)), ("5%", 5)),
        (_line(tax_rate=Decimal(0)), ("0%", 0)),
        (_line(), ("8%", 8)),  # the product's own
        (_line(sku="NOWHERE"), ("23%", 23)),  # the shop's usual one
    ],
)
async def test_the_tax_of_a_line(sim: ShoperSimulator, shop: Shoper, line: Line, tax: tuple[str, int]) -> None:
    await add(shop, order(1, lines=(line,)))
    (told,) = sent(sim, "POST", "order-products")
    assert (told["tax"], told["tax_value"]) == tax


async def test_a_tax_that_the_shop_has_not_is_refused(sim: ShoperSimulator, shop: Shoper) -> None:
    with pytest.raises(Rejected, match="no tax of 19 %"):
        await add(shop, order(1, lines=(_line(tax_rate=Decimal(19)),)))
    assert writes(sim) == []


async def test_a_total_that_is_no_multiple_is_kept(sim: ShoperSimulator, shop: Shoper) -> None:
    whole = Money(Decimal("10.00"), "PLN")
    made = await add(shop, order(1, lines=(_line(total=whole),)))
    assert made.total == whole + order(1).delivery.cost
    assert made.stock_fell is True
    assert sim.shop.stock("KOSZ-M") == 97


async def test_a_product_that_is_not_there_goes_in_by_its_name(sim: ShoperSimulator, shop: Shoper) -> None:
    made = await add(shop, order(1, "NOWHERE"))
    (told,) = sent(sim, "POST", "order-products")
    assert "stock_id" not in told
    assert told["code"] == "NOWHERE"
    assert made.warnings == ("SKU NOWHERE was not found as one product of the shop, so its stock did not fall.",)
    assert made.stock_fell is None


async def test_a_sku_that_two_have_binds_neither(sim: ShoperSimulator, shop: Shoper) -> None:
    sim.shop.add_product("kub-330")
    made = await add(shop, order(1, "KUB-330"))
    assert "stock_id" not in sent(sim, "POST", "order-products")[0]
    assert made.warnings


async def test_a_filter_that_is_ignored_binds_no_wrong_product(sim: ShoperSimulator, shop: Shoper) -> None:
    sim.ignores.add("code")
    await add(shop, order(1, "NOWHERE", "KUB-330"))
    wrong, right = sent(sim, "POST", "order-products")
    assert "stock_id" not in wrong
    assert "stock_id" in right


async def test_stock_that_does_not_fall_is_told(sim: ShoperSimulator, shop: Shoper) -> None:
    sim.shop.stock_falls = False
    made = await add(shop, order(1))
    assert made.stock_fell is False
    assert made.warnings == ("The shop's stock did not fall for every line.",)


# --- completing what an earlier try began


def once(sim: ShoperSimulator, wanted: int) -> None:
    """The order is there once, whole, and its stock has fallen once."""
    assert [note["notes_priv"].split("\n")[0] for note in sim.shop.orders.values()] == [f"of-kit-{wanted}"]
    assert sorted((line["code"], line["quantity"]) for line in sim.shop.lines.values()) == [
        ("KOSZ-M", "2"),
        ("KUB-330", "1"),
    ]
    assert (sim.shop.stock("KUB-330"), sim.shop.stock("KOSZ-M")) == (99, 98)
    assert len(sim.shop.users) == 1


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("after", range(12))
async def test_a_try_that_was_killed_is_completed_by_the_next(
    sim: ShoperSimulator, open_shop: OpenShop, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies when so many of a try's requests are answered; the next one knows only what was saved."""
    first = open_shop()
    await ask(first, first.find_products([]))
    await ask(first, first.fetch_orders(None, None))  # now it knows the shop's lists
    progress = MemoryProgress()
    answered = 0
    fetch = first._client._http.fetch

    async def mortal(*args: Any, **kwargs: Any) -> Any:
        nonlocal answered
        if answered >= after:
            raise Killed
        answer = await fetch(*args, **kwargs)
        answered += 1
        return answer

    monkeypatch.setattr(first._client._http, "fetch", mortal)
    try:
        await add(first, order(1), progress)
    except Killed:
        pass
    else:
        assert after >= 10, "this many requests make an order"
    second = open_shop()
    found = await ask(second, second.find_order("of-kit-1", SINCE))
    made = await add(second, order(1), progress) if found is None else found
    assert list(sim.shop.orders) == [made.id]
    once(sim, 1)


@pytest.mark.parametrize("resource", ["orders", "order-products"])
@pytest.mark.parametrize("fate", [Fate.LOST, Fate.FAILED_AFTER, Fate.CUT, Fate.GARBAGE])
async def test_a_lost_answer_ends_the_try_in_doubt(
    sim: ShoperSimulator, shop: Shoper, resource: str, fate: Fate
) -> None:
    progress = MemoryProgress()
    sim.script("POST", f"/{resource}", fate)
    with pytest.raises(Unsure):
        await add(shop, order(1), progress)
    assert await ask(shop, shop.find_order("of-kit-1", SINCE)) is None, "half made is not there"
    await add(shop, order(1), progress)
    once(sim, 1)


async def test_a_full_bucket_in_the_middle_only_makes_it_wait(sim: ShoperSimulator, shop: Shoper) -> None:
    progress = MemoryProgress()
    sim.script("POST", "/order-products", Fate.GOOD, Fate.BUSY)
    with pytest.raises(Unavailable) as busy:
        await add(shop, order(1), progress)
    await ask(shop, shop.account.clock.sleep((busy.value.retry_after or 0) + 1))
    await add(shop, order(1), progress)
    once(sim, 1)


async def test_a_half_made_order_is_completed_also_when_progress_is_lost(sim: ShoperSimulator, shop: Shoper) -> None:
    sim.script("POST", "/order-products", Fate.LOST)
    with pytest.raises(Unsure):
        await add(shop, order(1))
    await add(shop, order(1), MemoryProgress())
    once(sim, 1)


async def test_a_whole_order_is_left_alone_whatever_the_seller_did_to_it(sim: ShoperSimulator, shop: Shoper) -> None:
    progress = MemoryProgress()
    made = await add(shop, order(1), progress)
    sim.shop.lines.popitem()
    again = await add(shop, order(1), progress)
    assert again.id == made.id
    assert len(sim.shop.lines) == 1


async def test_a_product_that_went_away_between_two_tries_adds_no_second_line(
    sim: ShoperSimulator, shop: Shoper
) -> None:
    progress = MemoryProgress()
    sim.script("POST", "/order-products", Fate.GOOD, Fate.DOWN)
    with pytest.raises(PlatformError):
        await add(shop, order(1), progress)
    for row in sim.shop.stocks.values():
        row["code"] = f"renamed-{row['code']}"
    await add(shop, order(1), progress)
    assert len(sim.shop.lines) == 2
    assert {line["stock_id"] for line in sim.shop.lines.values()} == set(sim.shop.stocks)


async def test_a_line_that_the_shop_refuses_is_told_and_completed_later(
    sim: ShoperSimulator, shop: Shoper, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress = MemoryProgress()
    stocks = dict(sim.shop.stocks)
    lookups = shop._client.stocks

    async def and_then_it_is_deleted(*args: Any) -> Any:
        found = await lookups(*args)
        sim.shop.stocks.clear()
        return found

    monkeypatch.setattr(shop._client, "stocks", and_then_it_is_deleted)
    with pytest.raises(Rejected, match=r"order \d+ was made, but the shop refused one of its lines"):
        await add(shop, order(1, "KUB-330"), progress)
    monkeypatch.undo()
    sim.shop.stocks |= stocks
    await add(shop, order(1, "KUB-330"), progress)
    assert (len(sim.shop.orders), len(sim.shop.lines)) == (1, 1)


async def test_two_orders_at_once_do_not_disturb_each_other(sim: ShoperSimulator, shop: Shoper) -> None:
    both = asyncio.gather(*(shop.add_order(order(mark), MemoryProgress()) for mark in (1, 2)))

    async def made() -> Any:
        return await both

    first, second = await ask(shop, made())
    assert {first.id, second.id} == set(sim.shop.orders)
    assert len(sim.shop.lines) == 4
