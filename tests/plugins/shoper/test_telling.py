"""Telling changes, finding orders, and those of other tools."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orderferry import OrderRef, Parcel, PaymentState, Rejected, Unavailable
from plugins.shops.shoper.platform import Shoper
from plugins.shops.shoper.simulator import ShoperSimulator
from tests.plugins.shoper.asking import SINCE, add, ask, order, sent, writes


async def test_a_status_that_the_order_has_is_not_set_again(sim: ShoperSimulator, shop: Shoper) -> None:
    made = await add(shop, order(1))
    before = writes(sim)
    await ask(shop, shop.set_status(OrderRef(id=made.id), "1"))
    assert writes(sim) == before
    await ask(shop, shop.set_status(OrderRef(id=made.id), "2"))
    assert sim.shop.orders[made.id]["status_id"] == "2"
    with pytest.raises(Rejected, match="'status_id'"):
        await ask(shop, shop.set_status(OrderRef(id=made.id), "77"))
    with pytest.raises(Rejected, match="not a number"):
        await ask(shop, shop.set_status(OrderRef(id=made.id), "sent"))


async def test_a_payment_that_the_shop_does_not_take_is_refused(sim: ShoperSimulator, shop: Shoper) -> None:
    sim.shop.pays = False
    order_id = sim.place_order()
    with pytest.raises(Rejected, match="still not paid"):
        await ask(shop, shop.set_payment(OrderRef(id=order_id), PaymentState(paid=True)))
    sim.shop.pays = True
    await ask(shop, shop.set_payment(OrderRef(id=order_id), PaymentState(paid=True)))
    assert sim.shop.orders[order_id]["paid"] == "53.2"
    before = writes(sim)
    await ask(shop, shop.set_payment(OrderRef(id=order_id), PaymentState(paid=True)))
    assert writes(sim) == before
    with pytest.raises(Rejected, match="refund"):
        await ask(shop, shop.set_payment(OrderRef(id=order_id), PaymentState(paid=False)))


async def test_a_parcel_moves_the_status_and_a_second_number_joins_it(sim: ShoperSimulator, shop: Shoper) -> None:
    made = await add(shop, order(1))
    ref = OrderRef(id=made.id)
    await ask(shop, shop.set_tracking(ref, [Parcel(carrier="DPD", number="77001")]))
    assert sim.shop.orders[made.id]["status_id"] == "7"
    (body,) = sent(sim, "POST", "parcels")
    assert body == {"order_id": int(made.id), "shipping_id": 8, "shipping_code": "77001", "sent": True}
    both = [Parcel(carrier="DPD", number="77001"), Parcel(carrier="DPD", number="77002")]
    await ask(shop, shop.set_tracking(ref, both))
    assert [parcel["shipping_code"] for parcel in sim.shop.parcels.values()] == ["77001, 77002"]
    before = writes(sim)
    await ask(shop, shop.set_tracking(ref, both))
    assert writes(sim) == before


async def test_a_parcel_of_another_tool_keeps_its_number(sim: ShoperSimulator, shop: Shoper) -> None:
    made = await add(shop, order(1))
    sim.shop.add_parcel({"order_id": made.id, "shipping_code": "label-1", "sent": True})
    await ask(shop, shop.set_tracking(OrderRef(id=made.id), [Parcel(carrier="DPD", number="77001")]))
    assert [parcel["shipping_code"] for parcel in sim.shop.parcels.values()] == ["label-1, 77001"]


async def test_parcels_of_other_orders_stop_the_telling(sim: ShoperSimulator, shop: Shoper) -> None:
    first, second = await add(shop, order(1)), await add(shop, order(2))
    sim.shop.add_parcel({"order_id": first.id, "shipping_code": "label-1", "sent": True})
    sim.ignores.add("order_id")
    with pytest.raises(Unavailable, match="ignores the filter"):
        await ask(shop, shop.set_tracking(OrderRef(id=second.id), [Parcel(carrier="DPD", number="77001")]))
    assert len(sim.shop.parcels) == 1


async def test_the_whole_window_is_searched_where_the_filter_finds_nothing(sim: ShoperSimulator, shop: Shoper) -> None:
    sim.deaf.add("LIKE")
    made = await add(shop, order(1))
    for _ in range(60):
        sim.place_order()
    wanted = await add(shop, order(2))
    found = await ask(shop, shop.find_order("of-kit-2", SINCE))
    assert found is not None
    assert found.id == wanted.id != made.id
    assert await ask(shop, shop.find_order("of-kit-3", SINCE)) is None


async def test_pages_that_cannot_be_turned_say_nothing(sim: ShoperSimulator, shop: Shoper) -> None:
    for _ in range(60):
        sim.place_order()
    sim.ignores.add("order_id")
    with pytest.raises(Unavailable, match="same orders again"):
        await ask(shop, shop.find_order("of-kit-3", SINCE))


async def test_a_reference_that_cannot_be_read_is_not_overlooked(sim: ShoperSimulator, shop: Shoper) -> None:
    made = await add(shop, order(1))
    sim.shop.orders[made.id]["billing_address"] = "gone"
    with pytest.raises(Unavailable, match="can't be read"):
        await ask(shop, shop.find_order("of-kit-1", SINCE))


@pytest.mark.parametrize("place", ["notes", "notes_priv", "notes_pub", "auction", "payment"])
async def test_a_purchase_that_another_tool_put_in_is_found(sim: ShoperSimulator, shop: Shoper, place: str) -> None:
    wanted = order(1, external_id="2a9b1c00-aaaa-11f0", ordered_at=SINCE)
    id_ = "pay-4711-long" if place == "payment" else wanted.external_id
    assert wanted.payment is not None
    if place == "payment":
        wanted = order(1, ordered_at=SINCE, payment=type(wanted.payment)(kind="online", paid=True, id=id_))  # type: ignore[arg-type] # a StrEnum's value
    other = sim.place_order(notes="Allegro 2a9b1c00-aaaa-11f0-longer")
    theirs = sim.place_order()
    field = "notes_priv" if place == "payment" else place
    sim.shop.orders[theirs][field] = {"deal": {"form_id": id_}} if field == "auction" else f"Allegro: {id_}, paid"
    found = await ask(shop, shop.find_purchase(wanted))
    assert found is not None
    assert found.id == theirs != other


async def test_no_order_of_ours_and_none_of_before_is_a_purchase(sim: ShoperSimulator, shop: Shoper) -> None:
    wanted = order(1, external_id="2a9b1c00-aaaa-11f0", ordered_at=SINCE)
    await add(shop, wanted)
    before = sim.place_order(notes="2a9b1c00-aaaa-11f0")
    sim.shop.orders[before]["date"] = (SINCE - timedelta(days=2)).strftime("%Y-%m-%d %H:%M:%S")
    assert await ask(shop, shop.find_purchase(wanted)) is None
    assert await ask(shop, shop.find_purchase(order(1, external_id="short", payment=None))) is None
