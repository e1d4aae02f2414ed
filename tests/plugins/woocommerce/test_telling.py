"""Status, payment and parcels, over HTTP against the simulated shop."""

from __future__ import annotations

import pytest

from orderferry import (
    Echo,
    OrderRef,
    Parcel,
    PaymentState,
    Rejected,
)
from orderferry.forward import ForwardPayment
from plugins.shops.woocommerce.platform import WooCommerce
from plugins.shops.woocommerce.simulator import WooSimulator
from tests.plugins.woocommerce.asking import ONLINE, add, every_page, held, order, requests


async def test_pending_is_refused_as_it_returns_the_stock(shop: WooCommerce, sim: WooSimulator) -> None:
    made = await add(shop, order(1))
    for status in ("pending", "wc-pending", "trash", "checkout-draft"):
        with pytest.raises(Rejected):
            await shop.set_status(OrderRef(id=made.id), status)
    assert sim.shop.by_sku("KUB-330")[0].stock == 99


async def test_an_unknown_status_or_order_is_rejected(shop: WooCommerce) -> None:
    made = await add(shop, order(1))
    with pytest.raises(Rejected, match="status"):
        await shop.set_status(OrderRef(id=made.id), "no-such-status")
    for order_id in ("999999", "../products/10", ""):
        with pytest.raises(Rejected):
            await shop.set_status(OrderRef(id=order_id), "completed")


async def test_the_same_status_is_not_written_again(shop: WooCommerce, sim: WooSimulator) -> None:
    ref = OrderRef(id=(await add(shop, order(1))).id)
    sim.served.clear()
    await shop.set_status(ref, "wc-processing")
    assert requests(sim) == [f"GET /orders/{ref.id}"]


async def test_an_order_in_the_trash_is_not_brought_back(shop: WooCommerce, sim: WooSimulator) -> None:
    made = await add(shop, order(1))
    sim.shop.trash(held(sim, made))
    with pytest.raises(Rejected, match="trash"):
        await shop.set_status(OrderRef(id=made.id), "completed")
    with pytest.raises(Rejected, match="trash"):
        await shop.set_tracking(OrderRef(id=made.id), [Parcel(carrier="InPost", number="1")])


async def echo_of(shop: WooCommerce, reference: str) -> Echo:
    echoes = [echo for page in await every_page(shop) for echo in page.echoes if echo.reference == reference]
    return echoes[-1]


async def test_our_own_change_of_the_status_is_not_read_back_as_a_payment(shop: WooCommerce, sim: WooSimulator) -> None:
    made = await add(shop, order(1, payment=ForwardPayment(kind=ONLINE, paid=False)))
    ref = OrderRef(id=made.id)
    assert (await echo_of(shop, "of-kit-1")).paid is False
    await shop.set_status(ref, "processing")
    assert held(sim, made)["date_paid"] is not None  # WooCommerce dates it all the same
    assert (await echo_of(shop, "of-kit-1")).paid is None
    await shop.set_payment(ref, PaymentState(paid=True, id="pay-2"))
    assert (await echo_of(shop, "of-kit-1")).paid is True
    assert held(sim, made)["transaction_id"] == "pay-2"


async def test_a_payment_that_the_seller_saw_in_the_shop_is_read_back(shop: WooCommerce, sim: WooSimulator) -> None:
    made = await add(shop, order(1, payment=ForwardPayment(kind=ONLINE, paid=False)))
    sim.shop.move(held(sim, made), "processing")
    assert (await echo_of(shop, "of-kit-1")).paid is True


@pytest.mark.parametrize("status", ["on-hold", "packing-hall", "pending", "processing"])
async def test_a_payment_reaches_the_order_in_whatever_status(
    shop: WooCommerce, sim: WooSimulator, status: str
) -> None:
    """`set_paid` alone does nothing to an order on hold or in a custom status."""
    sim.shop.statuses["packing-hall"] = "In the packing hall"
    made = await add(shop, order(1, payment=ForwardPayment(kind=ONLINE, paid=False)))
    sim.shop.move(held(sim, made), status)
    await shop.set_payment(OrderRef(id=made.id), PaymentState(paid=True))
    assert held(sim, made)["status"] == "processing"
    assert held(sim, made)["date_paid"] is not None
    assert sim.shop.by_sku("KUB-330")[0].stock == 99
    assert (await echo_of(shop, "of-kit-1")).paid is True


@pytest.mark.parametrize("status", ["cancelled", "failed", "refunded"])
async def test_a_payment_does_not_bring_a_closed_order_back_to_life(
    shop: WooCommerce, sim: WooSimulator, status: str
) -> None:
    made = await add(shop, order(1, payment=ForwardPayment(kind=ONLINE, paid=False)))
    sim.shop.move(held(sim, made), status)
    with pytest.raises(Rejected, match=status):
        await shop.set_payment(OrderRef(id=made.id), PaymentState(paid=True))
    assert held(sim, made)["status"] == status


async def test_that_an_order_is_not_paid_can_be_told_only_where_it_is_so(shop: WooCommerce, sim: WooSimulator) -> None:
    paid = await add(shop, order(1))
    with pytest.raises(Rejected, match="can't be told"):
        await shop.set_payment(OrderRef(id=paid.id), PaymentState(paid=False))
    unpaid = await add(shop, order(2, payment=ForwardPayment(kind=ONLINE, paid=False)))
    await shop.set_payment(OrderRef(id=unpaid.id), PaymentState(paid=False))
    assert held(sim, unpaid)["status"] == "on-hold"


async def test_shipment_tracking_gets_its_own_name_of_a_carrier(shop: WooCommerce, sim: WooSimulator) -> None:
    sim.namespaces.append("wc-shipment-tracking/v3")
    made = await add(shop, order(1))
    parcels = [Parcel(carrier="inpost", number="620"), Parcel(carrier="Pigeon", number="7")]
    await shop.set_tracking(OrderRef(id=made.id), parcels)
    first, second = sim.shop.shipments[int(made.id)]
    assert first["tracking_provider"] == "InPost"
    assert second["custom_tracking_provider"] == "Pigeon"
    assert first["date_shipped"] == "2026-01-05"
