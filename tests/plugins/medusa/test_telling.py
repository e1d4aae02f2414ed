"""Status, payment, parcels, and reading, over HTTP against the simulated shop."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderferry import ChoiceKind, OrderRef, Parcel, PaymentKind, PaymentState, Rejected, Stage
from orderferry.forward import ForwardPayment
from plugins.shops.medusa.client import FETCH_PAGE
from plugins.shops.medusa.fetching import OVERLAP, Cursor, following
from plugins.shops.medusa.platform import Medusa
from plugins.shops.medusa.simulator import MedusaSimulator
from tests.plugins.medusa.test_adding import SINCE, add, order

ONE, TWO, THREE = (Parcel(carrier="InPost", number=f"6200{n}") for n in range(3))
OWED = ForwardPayment(kind=PaymentKind.ONLINE, paid=False)


async def test_each_status_is_an_action(shop: Medusa, sim: MedusaSimulator) -> None:
    ref = OrderRef(id=(await add(shop, order(1))).id)
    await shop.set_status(ref, "pending")
    for status in ("fulfilled", "fulfilled", "completed", "archived", "completed"):
        await shop.set_status(ref, status)
    held = sim.shop.orders[ref.id]
    assert (held["status"], len(held["fulfillments"])) == ("archived", 1)
    with pytest.raises(Rejected, match="no way back"):
        await shop.set_status(ref, "pending")
    with pytest.raises(Rejected, match="fulfillments"):
        await shop.set_status(ref, "canceled")
    with pytest.raises(Rejected, match="none of"):
        await shop.set_status(ref, "processing")


async def test_cancelling_frees_the_stock_and_is_final(shop: Medusa, sim: MedusaSimulator) -> None:
    ref = OrderRef(id=(await add(shop, order(1, "KUB-330"))).id)
    for _ in range(2):
        await shop.set_status(ref, "canceled")
    assert sim.shop.available(sim.shop.by_sku("KUB-330")) == 100
    for status in ("pending", "fulfilled", "completed"):
        with pytest.raises(Rejected, match="canceled"):
            await shop.set_status(ref, status)
    with pytest.raises(Rejected, match="canceled"):
        await shop.set_tracking(ref, [ONE])


async def test_an_unknown_order_is_rejected(shop: Medusa) -> None:
    for order_id in ("order_nope", "../products", ""):
        with pytest.raises(Rejected):
            await shop.set_status(OrderRef(id=order_id), "completed")


async def test_a_payment_is_marked_once(shop: Medusa, sim: MedusaSimulator) -> None:
    ref = OrderRef(id=(await add(shop, order(1, payment=OWED))).id)
    await shop.set_payment(ref, PaymentState(paid=False))
    for _ in range(2):
        await shop.set_payment(ref, PaymentState(paid=True))
    assert [one["status"] for one in sim.shop.orders[ref.id]["payment_collections"]] == ["completed"]
    with pytest.raises(Rejected, match="not paid"):
        await shop.set_payment(ref, PaymentState(paid=False))


async def test_parcels_go_with_the_goods_and_later_ones_into_a_note(shop: Medusa, sim: MedusaSimulator) -> None:
    ref = OrderRef(id=(await add(shop, order(1, "KUB-330", "NO-SUCH"))).id)
    await shop.set_tracking(ref, [ONE, TWO])
    await shop.set_tracking(ref, [ONE, TWO, THREE])
    await shop.set_tracking(ref, [THREE])
    held = sim.shop.orders[ref.id]
    labels = [[label["tracking_number"] for label in one["labels"]] for one in held["fulfillments"]]
    assert labels == [[ONE.number, TWO.number], []], "goods and lines without a product are packed apart"
    assert held["metadata"]["orderferry_parcels"] == '[{"carrier":"InPost","number":"62002"}]'
    assert sim.shop.by_sku("KUB-330").stocked == 99


async def test_what_the_seller_has_packed_is_shipped_and_not_packed_again(shop: Medusa, sim: MedusaSimulator) -> None:
    made = await add(shop, order(1, "KUB-330"))
    held = sim.shop.orders[made.id]
    sim.shop.fulfil(held, {"items": [{"id": held["items"][0]["id"], "quantity": 1}]})
    await shop.set_tracking(OrderRef(id=made.id), [ONE])
    (sent,) = held["fulfillments"]
    assert [label["tracking_number"] for label in sent["labels"]] == [ONE.number]


async def test_a_window_is_read_to_its_end(shop: Medusa, sim: MedusaSimulator) -> None:
    sim.shop.by_sku("KUB-330").stocked = 1_000
    for _ in range(230):
        sim.place_order()
    await add(shop, order(1))
    assert await shop.find_order("of-kit-1", SINCE) is not None
    assert await shop.find_order("of-kit-11", SINCE) is None


async def test_the_shops_own_orders_come_whole(shop: Medusa, sim: MedusaSimulator) -> None:
    for _ in range(FETCH_PAGE + 5):
        sim.place_order()
    page = await shop.fetch_orders(None, None)
    assert page.more
    fetched = {one.external_id: one for one in (*page.orders, *(await shop.fetch_orders(page.cursor, None)).orders)}
    assert fetched.keys() == sim.shop.orders.keys()
    one = next(iter(fetched.values()))
    assert (one.stage, one.lines[0].sku, str(one.total)) == (Stage.READY, "KUB-330", "62.19 PLN")
    assert one.delivery.address
    assert one.delivery.address.country == "PL"


async def test_lists_and_check(shop: Medusa, sim: MedusaSimulator) -> None:
    choices = {choice.id: choice for choice in await shop.list_choices(ChoiceKind.STATUSES)}
    assert [status for status, choice in choices.items() if not choice.not_new] == ["pending"]
    assert (await shop.check()).missing == {}
    assert sim.served
    assert all(served.method == "GET" for served in sim.served)


@given(
    sizes=st.lists(st.integers(0, 60), min_size=1, max_size=20),
    limit=st.integers(1, 5),
)
def test_no_order_is_passed_over_by_the_cursor(sizes: list[int], limit: int) -> None:
    """Orders change at whatever moments, many at the same; the pages tell each of them."""
    start = datetime(2026, 1, 5, tzinfo=UTC)
    moments = sorted(start + timedelta(milliseconds=size) for size in sizes)
    orders = list(enumerate(moments))
    cursor, seen = Cursor(after=start), set()
    for _ in range(len(orders) * 2 + 2):
        left = [entry for entry in orders if entry[1] >= cursor.after][cursor.skip :][:limit]
        seen |= {number for number, _ in left}
        more = len(left) >= limit
        cursor = following(cursor, [when for _, when in left], more=more)
        if not more:
            break
    assert seen == {number for number, _ in orders}
    assert not cursor.turning
    assert cursor.after <= moments[-1]
    assert cursor.after in {start, moments[-1] - OVERLAP}
