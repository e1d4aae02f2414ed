"""Adding orders in steps: what a lost answer leaves behind, stock, prices to the cent, what is withheld."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderferry import ForwardOrder, Line, Money, PaymentKind, Rejected, ShopOrder, Unsure
from orderferry.forward import ForwardPayment
from orderferry.testing.memory import MemoryProgress
from orderferry.testing.samples import forward_order
from orderferry.testing.simulator import Fate
from plugins.shops.medusa import mapping
from plugins.shops.medusa.platform import Medusa
from plugins.shops.medusa.simulator import MedusaSimulator
from plugins.shops.medusa.wire import cents
from tests.plugins.medusa.conftest import OpenShop

SINCE = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


def order(number: int = 1, *skus: str, **changed: Any) -> ForwardOrder:
    whole = forward_order(f"of-kit-{number}", skus=skus or ("KUB-330", "KOSZ-M"))
    return msgspec.structs.replace(whole, **changed)


async def add(shop: Medusa, wanted: ForwardOrder, progress: MemoryProgress | None = None) -> ShopOrder:
    return await shop.add_order(wanted, progress or MemoryProgress())


@given(cents_=st.integers(1, 10_000_000), quantity=st.integers(1, 1_000), percent=st.sampled_from([0, 5, 8, 19, 23]))
def test_a_net_price_comes_to_the_gross_total(cents_: int, quantity: int, percent: int) -> None:
    gross = Decimal(cents_) / 100
    net = Decimal(mapping.net(gross, Decimal(percent), quantity))
    assert cents(net * quantity * (1 + Decimal(percent) / 100)) == gross


@pytest.mark.parametrize(("percent", "inclusive"), [(0, False), (23, False), (23, True)])
async def test_the_total_is_the_marketplaces_whatever_the_taxes(
    shop: Medusa, sim: MedusaSimulator, percent: int, inclusive: bool
) -> None:
    sim.shop.percent, sim.shop.inclusive = Decimal(percent), inclusive
    price = Money.of("10.00", "PLN")
    line = Line(id="1", name="Mug", quantity=3, unit_price=price, total=price, sku="KUB-330")
    loose = Line(id="2", name="Loose", quantity=1, unit_price=price, total=price)
    wanted = order(1, lines=(line, loose), total=Money.of("29.99", "PLN"))
    assert (await add(shop, wanted)).total == wanted.total
    drafts = [served for served in sim.served if served.path == "/admin/draft-orders"]
    assert len(drafts) == (2 if percent else 1)
    again = order(2, lines=(line, loose), total=Money.of("29.99", "PLN"))
    assert (await add(shop, again)).total == again.total
    assert len([served for served in sim.served if served.path == "/admin/draft-orders"]) == len(drafts) + 1
    assert all(one["status"] == "pending" for one in sim.shop.orders.values())


async def test_orders_that_learn_of_the_taxes_at_once_are_all_right(shop: Medusa, sim: MedusaSimulator) -> None:
    sim.shop.percent = Decimal(23)
    made = await asyncio.gather(*(add(shop, order(number)) for number in range(6)))
    assert {one.total for one in made} == {order(1).total}
    assert len(sim.shop.orders) == 6


async def test_a_draft_that_was_left_with_a_wrong_total_is_made_anew(open_shop: OpenShop, sim: MedusaSimulator) -> None:
    sim.shop.percent = Decimal(23)
    progress, shop = MemoryProgress(), open_shop()
    sim.script("POST", "/draft-orders", Fate.LOST)
    with pytest.raises(Unsure):
        await add(shop, order(1), progress)
    await add(shop, order(2))  # learns of the taxes meanwhile
    assert (await add(shop, order(1), progress)).total == order(1).total
    assert len(sim.shop.orders) == 2


async def test_a_total_that_differs_for_another_reason_stays_to_be_shown(shop: Medusa, sim: MedusaSimulator) -> None:
    wanted = order(1, total=order(1).total + Money.of("5.00", "PLN"))
    made = await add(shop, wanted)
    assert made.total == order(1).total
    assert len(sim.shop.orders) == 1


@pytest.mark.parametrize("fate", [Fate.LOST, Fate.FAILED_AFTER, Fate.CUT])
@pytest.mark.parametrize("lost", ["/draft-orders", "/payment-collections", "mark-as-paid"])
async def test_a_step_whose_answer_was_lost_is_not_made_twice(
    shop: Medusa, sim: MedusaSimulator, fate: Fate, lost: str
) -> None:
    progress = MemoryProgress()
    sim.script("POST", lost, fate)
    with pytest.raises(Unsure):
        await add(shop, order(1), progress)
    assert await shop.find_order("of-kit-1", SINCE) is None, "a draft is no order yet"
    made = await add(shop, order(1), progress)
    (held,) = sim.shop.orders.values()
    assert held["id"] == made.id
    assert [payment["status"] for payment in held["payment_collections"]] == ["completed"]
    assert sim.shop.available(sim.shop.by_sku("KUB-330")) == 99


async def test_an_order_that_was_made_after_all_is_not_made_again(shop: Medusa, sim: MedusaSimulator) -> None:
    """Even where the look-up came too early: the draft's id is known."""
    progress = MemoryProgress()
    sim.script("POST", "convert-to-order", Fate.LOST)
    with pytest.raises(Unsure):
        await add(shop, order(1), progress)
    made = await add(shop, order(1), progress)
    assert [one["id"] for one in sim.shop.orders.values()] == [made.id]
    assert sim.shop.available(sim.shop.by_sku("KUB-330")) == 99


async def test_a_draft_that_the_seller_deleted_is_made_anew(shop: Medusa, sim: MedusaSimulator) -> None:
    progress = MemoryProgress()
    sim.script("POST", "convert-to-order", Fate.DROPPED)
    with pytest.raises(Unsure):
        await add(shop, order(1), progress)
    sim.shop.orders.clear()
    made = await add(shop, order(1), progress)
    assert made.total == order(1).total


async def test_missing_stock_parks_the_order_and_leaves_nothing(shop: Medusa, sim: MedusaSimulator) -> None:
    sim.shop.by_sku("KUB-330").stocked = 0
    with pytest.raises(Rejected, match="inventory"):
        await add(shop, order(1, "KUB-330"))
    assert not sim.shop.orders


async def test_where_medusa_reserves_nothing_it_is_done_here(shop: Medusa, sim: MedusaSimulator) -> None:
    sim.shop.reserves = False
    made = await add(shop, order(1))
    assert made.stock_fell is True
    assert [sim.shop.available(sim.shop.by_sku(sku)) for sku in ("KUB-330", "KOSZ-M")] == [99, 98]
    sim.script("POST", "/admin/reservations", Fate.DOWN)
    made = await add(shop, order(2))
    assert made.stock_fell is False
    assert "stock" in made.warnings[-1]


async def test_an_order_that_is_found_without_its_stock_says_so(shop: Medusa, sim: MedusaSimulator) -> None:
    sim.shop.reserves = False
    sim.script("POST", "convert-to-order", Fate.LOST)
    with pytest.raises(Unsure):
        await add(shop, order(1))
    found = await shop.find_order("of-kit-1", SINCE)
    assert found is not None
    assert found.stock_fell is False
    assert "reserved" in found.warnings[-1]
    sim.shop.reserves = True
    await add(shop, order(2))
    found = await shop.find_order("of-kit-2", SINCE)
    assert found is not None
    assert (found.stock_fell, found.warnings) == (True, ())


async def test_what_the_shop_does_not_count_or_know_is_said(shop: Medusa, sim: MedusaSimulator) -> None:
    sim.shop.add_variant("FREE", managed=False)
    made = await add(shop, order(1, "FREE"))
    assert (made.stock_fell, made.warnings) == (None, ())
    sim.shop.add_variant("TWICE")
    sim.shop.add_variant("TWICE")
    made = await add(shop, order(2, "NO-SUCH", "TWICE"))
    assert ["no such product" in made.warnings[0], "2 variants" in made.warnings[1]] == [True, True]


async def test_a_product_is_found_by_its_ean_too(shop: Medusa, sim: MedusaSimulator) -> None:
    line = msgspec.structs.replace(order(1).lines[0], sku="other", ean="5901234123457")
    await add(shop, order(1, lines=(line,), total=line.total + order(1).delivery.cost))
    assert sim.shop.available(sim.shop.by_sku("KUB-330")) == 99


async def test_what_is_withheld_is_in_no_request(shop: Medusa, sim: MedusaSimulator) -> None:
    whole = order(1)
    delivery = msgspec.structs.replace(whole.delivery, method=None)
    lines = tuple(msgspec.structs.replace(line, offer_id=None) for line in whole.lines)
    buyer = msgspec.structs.replace(whole.buyer, login=None)
    made = await add(
        shop, order(1, payment=None, comment=None, delivery=delivery, lines=lines, buyer=buyer, fields={"ours": "x"})
    )
    sent = b"".join(served.body for served in sim.served).decode()
    for secret in ("pay-4711", "PayU", "please ring", "Parcel locker 24/7", "77000", "kupujaca_zaneta", "online"):
        assert secret not in sent
    assert not [served for served in sim.served if "payment" in served.path]
    assert sim.shop.orders[made.id]["metadata"]["ours"] == "x"


async def test_only_what_is_paid_is_marked_so(shop: Medusa, sim: MedusaSimulator) -> None:
    owed = ForwardPayment(kind=PaymentKind.CASH_ON_DELIVERY, paid=False)
    made = [await add(shop, order(1)), await add(shop, order(2, payment=owed))]
    states = [sim.shop.shown(sim.shop.orders[one.id])["payment_status"] for one in made]
    assert states == ["captured", "not_paid"]


async def test_nobody_is_mailed_unless_it_is_set(open_shop: OpenShop, sim: MedusaSimulator) -> None:
    quiet = await add(open_shop(), order(1))
    loud = await add(open_shop(notify=True), order(2))
    assert [sim.shop.orders[made.id]["_quiet"] for made in (quiet, loud)] == [True, False]
    without = await add(open_shop(send_email=False), order(3))
    assert sim.shop.orders[without.id]["email"] is None


async def test_an_order_is_added_as_pending_only(shop: Medusa, sim: MedusaSimulator) -> None:
    for status in ("completed", "canceled", "fulfilled", "processing"):
        with pytest.raises(Rejected, match="pending"):
            await add(shop, order(1, status=status))
    assert not sim.shop.orders
