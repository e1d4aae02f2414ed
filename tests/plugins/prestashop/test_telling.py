"""Telling the shop of states, payments and parcels."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from orderferry import Echo, OrderRef, Parcel, PaymentState, Rejected
from plugins.shops.prestashop.platform import PrestaShop
from plugins.shops.prestashop.simulator import PrestaSimulator
from tests.plugins.prestashop.asking import add, all_of, every_page, held, order, requests
from tests.plugins.prestashop.test_adding import CASH, UNPAID

PAID = PaymentState(paid=True, id="pay-99")


async def added(shop: PrestaShop, **changed: Any) -> OrderRef:
    return OrderRef(id=(await add(shop, order(**changed))).id, reference="of-kit-1")


async def echo(shop: PrestaShop) -> Echo:
    (found,) = [echo for page in await every_page(shop) for echo in page.echoes]
    return found


async def test_a_state_is_set_once_and_without_a_mail(shop: PrestaShop, sim: PrestaSimulator) -> None:
    ref = await added(shop)
    for _ in range(2):
        await shop.set_status(ref, "4")
    assert [row["id_order_state"] for row in all_of(sim, ref.id)["histories"]] == ["11", "4"]
    assert not any("sendemail" in served.query for served in sim.served)


async def test_cancelling_puts_the_goods_back(shop: PrestaShop, sim: PrestaSimulator) -> None:
    before = sim.shop.stock_of("KUB-330")
    ref = await added(shop)
    await shop.set_status(ref, "6")
    assert sim.shop.stock_of("KUB-330") == before


@pytest.mark.parametrize(
    ("state", "said"), [("8", "back into the stock"), ("999", "not the id"), ("paid", "not the id")]
)
async def test_a_state_that_cannot_be_is_refused_unsent(
    state: str, said: str, shop: PrestaShop, sim: PrestaSimulator
) -> None:
    ref = await added(shop)
    with pytest.raises(Rejected, match=said):
        await shop.set_status(ref, state)
    assert "POST order_histories" not in requests(sim)


async def test_an_unpaid_order_that_is_paid_moves_and_is_read_back_so(shop: PrestaShop, sim: PrestaSimulator) -> None:
    ref = await added(shop, payment=UNPAID)
    assert (await echo(shop)).paid is False
    for _ in range(2):
        await shop.set_payment(ref, PAID)
    assert held(sim, ref.id)["current_state"] == "2"
    assert [row["id_order_state"] for row in all_of(sim, ref.id)["histories"]] == ["11", "10", "2"]
    assert [row["transaction_id"] for row in all_of(sim, ref.id)["payments"]] == ["pay-99"]
    assert (await echo(shop)).paid is True
    with pytest.raises(Rejected, match="refund"):
        await shop.set_payment(ref, PaymentState(paid=False))


async def test_the_seller_takes_a_payment_in_the_shop(shop: PrestaShop, sim: PrestaSimulator) -> None:
    ref = await added(shop, payment=UNPAID)
    sim.shop.move(held(sim, ref.id), "2")
    assert (await echo(shop)).paid is True


async def test_our_own_change_of_the_state_is_not_read_back_as_a_payment(
    shop: PrestaShop, sim: PrestaSimulator
) -> None:
    ref = await added(shop, payment=UNPAID)
    await shop.set_status(ref, "4")
    assert (await echo(shop)).paid is None
    assert "(PayU, pay-4711)" in held(sim, ref.id)["note"], "the rest of the note stays"


@pytest.mark.parametrize("payment", [CASH, None])
async def test_where_the_state_says_nothing_of_a_payment_nothing_is_read(
    payment: object, shop: PrestaShop, sim: PrestaSimulator
) -> None:
    ref = await added(shop, payment=payment)
    sim.shop.move(held(sim, ref.id), "4")
    assert (await echo(shop)).paid is None
    held(sim, ref.id)["note"] = "rewritten by the seller"
    assert (await echo(shop)).paid is None


async def test_a_payment_brings_no_cancelled_order_back(shop: PrestaShop, sim: PrestaSimulator) -> None:
    ref = await added(shop, payment=UNPAID)
    sim.shop.move(held(sim, ref.id), "6")
    with pytest.raises(Rejected, match="back to life"):
        await shop.set_payment(ref, PAID)
    await shop.set_payment(ref, PaymentState(paid=False))
    assert held(sim, ref.id)["current_state"] == "6"


async def test_parcels_join_what_is_there_and_name_the_carrier(shop: PrestaShop, sim: PrestaSimulator) -> None:
    ref = await added(shop)
    sim.shop.rows["order_carriers"][1]["tracking_number"] = "BY-HAND"
    parcels = [Parcel(carrier="kurier inpost", number="A1"), Parcel(carrier="kurier inpost", number="B2")]
    for _ in range(2):
        await shop.set_tracking(ref, parcels)
    row = sim.shop.rows["order_carriers"][1]
    assert (row["tracking_number"], row["id_carrier"]) == ("BY-HAND,A1,B2", "6")


async def test_parcels_that_do_not_fit_are_said_and_the_others_written(shop: PrestaShop, sim: PrestaSimulator) -> None:
    ref = await added(shop)
    parcels = [Parcel(carrier="InPost", number=f"62000000000000000000000{number}") for number in range(4)]
    with pytest.raises(Rejected, match="2 of the 4 parcels"):
        await shop.set_tracking(ref, parcels)
    assert sim.shop.rows["order_carriers"][1]["tracking_number"] == f"{parcels[0].number},{parcels[1].number}"
    with pytest.raises(Rejected, match="signs"):
        await shop.set_tracking(ref, [msgspec.structs.replace(parcels[0], number="<7>")])


@pytest.mark.parametrize("number", ["", "x", "1; DROP", "12345678901"])
async def test_what_is_no_order_is_refused_unasked(number: str, shop: PrestaShop, sim: PrestaSimulator) -> None:
    with pytest.raises(Rejected, match="not the id"):
        await shop.set_status(OrderRef(id=number), "4")
    assert not any(path.startswith("GET orders/") for path in requests(sim))
