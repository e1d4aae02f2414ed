"""Status, payment and parcels, over HTTP against the simulated shop."""

from __future__ import annotations

import pytest

from orderferry import ChoiceKind, Echo, OrderRef, Parcel, PaymentKind, PaymentState, Rejected
from orderferry.forward import ForwardPayment
from plugins.shops.shopify.platform import Shopify
from plugins.shops.shopify.simulator import ShopifySimulator
from tests.plugins.shopify.asking import add, every_page, held, order
from tests.plugins.shopify.conftest import OpenShop

OWED = ForwardPayment(kind=PaymentKind.ONLINE, paid=False)
COD = ForwardPayment(kind=PaymentKind.CASH_ON_DELIVERY, paid=False)
ONE, TWO = Parcel(carrier="InPost", number="62001"), Parcel(carrier="DPD", number="62002")


async def test_each_status_is_an_action(shop: Shopify, sim: ShopifySimulator) -> None:
    ref = OrderRef(id=(await add(shop, order(1))).id)
    await shop.set_status(ref, "tag:packing")
    await shop.set_status(ref, "tag:waiting")
    assert held(sim, ref)["tags"] == ["status: waiting"]
    await shop.set_status(ref, "fulfilled")
    assert held(sim, ref)["displayFulfillmentStatus"] == "FULFILLED"
    await shop.set_status(ref, "closed")
    assert held(sim, ref)["closed"]
    await shop.set_status(ref, "open")
    assert (held(sim, ref)["closed"], held(sim, ref)["tags"]) == (False, [])


async def test_cancelling_puts_the_goods_back_and_refunds_nothing(shop: Shopify, sim: ShopifySimulator) -> None:
    made = await add(shop, order(1, "KUB-330"))
    ref = OrderRef(id=made.id)
    await shop.set_status(ref, "cancelled")
    await shop.set_status(ref, "cancelled")
    assert sim.shop.by_sku("KUB-330")[0].stock == 100
    assert held(sim, made)["displayFinancialStatus"] == "PAID"
    for status in ("open", "fulfilled", "tag:packing"):
        with pytest.raises(Rejected, match="cancelled"):
            await shop.set_status(ref, status)
    with pytest.raises(Rejected, match="cancelled"):
        await shop.set_tracking(ref, [ONE])
    assert sim.asked.count("CancelOrder") == 1


async def test_an_unknown_status_or_order_is_rejected(shop: Shopify) -> None:
    made = await add(shop, order(1))
    with pytest.raises(Rejected, match="actions"):
        await shop.set_status(OrderRef(id=made.id), "processing")
    for order_id in ("999999", "../products/10", ""):
        with pytest.raises(Rejected):
            await shop.set_status(OrderRef(id=order_id), "closed")


async def test_the_list_says_what_no_new_order_may_be(shop: Shopify) -> None:
    choices = {choice.id: choice for choice in await shop.list_choices(ChoiceKind.STATUSES)}
    assert {id_ for id_, choice in choices.items() if choice.not_new} == {"fulfilled", "closed", "cancelled"}
    assert not [choice for choice in choices.values() if choice.never]


async def test_parcels_go_with_the_goods_and_later_ones_to_them(shop: Shopify, sim: ShopifySimulator) -> None:
    ref = OrderRef(id=(await add(shop, order(1))).id)
    await shop.set_tracking(ref, [ONE])
    await shop.set_tracking(ref, [ONE, TWO])
    await shop.set_tracking(ref, [TWO])
    (sent,) = held(sim, ref)["fulfillments"]
    assert sent["trackingInfo"] == [
        {"company": "InPost", "number": "62001"},
        {"company": "InPost", "number": "62002"},  # a fulfilment has one carrier
    ]
    assert sim.asked.count("Fulfil") == sim.asked.count("UpdateTracking") == 1


async def test_a_number_that_the_seller_has_put_there_is_kept(shop: Shopify, sim: ShopifySimulator) -> None:
    made = await add(shop, order(1))
    sim.shop.fulfil(held(sim, made)["_places"][0]["id"], {"company": "UPS", "number": "1Z"})
    await shop.set_tracking(OrderRef(id=made.id), [ONE])
    numbers = [entry["number"] for entry in held(sim, made)["fulfillments"][0]["trackingInfo"]]
    assert numbers == ["1Z", "62001"]


async def test_goods_that_wait_in_two_places_are_all_sent(shop: Shopify, sim: ShopifySimulator) -> None:
    made = await add(shop, order(1))
    held(sim, made)["_places"].append({"id": "gid://shopify/FulfillmentOrder/2", "status": "OPEN"})
    sim.hiccups = [("Fulfil", "THROTTLED")]
    with pytest.raises(Exception, match="Throttled"):
        await shop.set_tracking(OrderRef(id=made.id), [ONE])
    await shop.set_tracking(OrderRef(id=made.id), [ONE])
    assert held(sim, made)["displayFulfillmentStatus"] == "FULFILLED"
    assert [entry["number"] for sent in held(sim, made)["fulfillments"] for entry in sent["trackingInfo"]] == ["62001"]


@pytest.mark.parametrize("status", ["ON_HOLD", "SCHEDULED"])
async def test_goods_that_are_held_back_take_no_number(shop: Shopify, sim: ShopifySimulator, status: str) -> None:
    made = await add(shop, order(1))
    held(sim, made)["_places"][0]["status"] = status
    with pytest.raises(Rejected, match="hold"):
        await shop.set_tracking(OrderRef(id=made.id), [ONE])
    held(sim, made)["_places"] = []
    with pytest.raises(Rejected, match="nothing"):
        await shop.set_tracking(OrderRef(id=made.id), [ONE])


async def test_the_buyer_hears_of_the_parcel_only_if_it_is_set(open_shop: OpenShop, sim: ShopifySimulator) -> None:
    for number, notify in ((1, False), (2, True)):
        shop = open_shop(notify_shipment=notify)
        await shop.set_tracking(OrderRef(id=(await add(shop, order(number))).id), [ONE])
        assert (b'"notifyCustomer":true' in sim.served[-1].body) is notify


async def test_a_payment_is_marked_once(shop: Shopify, sim: ShopifySimulator) -> None:
    made = await add(shop, order(1, payment=OWED))
    ref = OrderRef(id=made.id)
    await shop.set_payment(ref, PaymentState(paid=False))
    for _ in range(2):
        await shop.set_payment(ref, PaymentState(paid=True))
    assert held(sim, made)["displayFinancialStatus"] == "PAID"
    assert sim.asked.count("MarkPaid") == 1
    with pytest.raises(Rejected, match="refund"):
        await shop.set_payment(ref, PaymentState(paid=False))


async def test_a_cancelled_order_takes_no_payment(shop: Shopify, sim: ShopifySimulator) -> None:
    made = await add(shop, order(1, payment=OWED))
    sim.shop.cancel(held(sim, made), restock=True)
    with pytest.raises(Rejected, match="cancelled"):
        await shop.set_payment(OrderRef(id=made.id), PaymentState(paid=True))


async def echo_of(shop: Shopify, reference: str) -> Echo:
    (echo,) = [echo for page in await every_page(shop) for echo in page.echoes if echo.reference == reference]
    return echo


async def test_only_a_payment_is_read_back_as_one(shop: Shopify, sim: ShopifySimulator) -> None:
    made = [await add(shop, order(number, payment=how)) for number, how in enumerate((OWED, COD, None), start=1)]
    assert [(await echo_of(shop, f"of-kit-{number}")).paid for number in (1, 2, 3)] == [False, None, None]
    for one in made:
        sim.shop.pay(held(sim, one))
    assert [(await echo_of(shop, f"of-kit-{number}")).paid for number in (1, 2, 3)] == [True, True, True]
