"""Telling changes to files that say "done" to what they don't do; and finding orders again."""

from __future__ import annotations

import pytest

from orderferry import OrderRef, Parcel, PaymentState, Rejected, Unavailable, Unsure
from plugins.shops.integration_file.platform import IntegrationFile
from plugins.shops.integration_file.simulator import FileSimulator
from tests.plugins.integration_file.asking import SINCE, add, order, sent
from tests.plugins.integration_file.conftest import OpenShop


async def test_a_status_that_the_shop_only_says_it_set_is_refused(sim: FileSimulator, shop: IntegrationFile) -> None:
    made = await add(shop, order(1))
    sim.lies = frozenset({"status", "paid"})
    with pytest.raises(Rejected, match="said that it set the status 3, but the order still has 1"):
        await shop.set_status(OrderRef(id=made.id), "3")
    with pytest.raises(Rejected, match="does not show it"):
        await shop.set_payment(OrderRef(id=made.id), PaymentState(paid=False))


async def test_a_lie_that_cannot_be_seen_passes(sim: FileSimulator, open_shop: OpenShop) -> None:
    made = await add(open_shop(), order(1))
    sim.like("sylius")
    await open_shop().set_status(OrderRef(id=made.id), "3")
    assert sim.shop.orders[made.id]["status_id"] == "1"


async def test_what_the_order_has_is_not_told_again(sim: FileSimulator, shop: IntegrationFile) -> None:
    made = await add(shop, order(1))
    await shop.set_status(OrderRef(id=made.id), "1")
    await shop.set_payment(OrderRef(id=made.id), PaymentState(paid=True))
    assert not sent(sim, "OrderUpdate")


async def test_the_order_goes_in_under_both_names_of_the_field(sim: FileSimulator, shop: IntegrationFile) -> None:
    made = await add(shop, order(1))
    await shop.set_status(OrderRef(id=made.id), "3")
    (form,) = sent(sim, "OrderUpdate")
    assert (form["orders_ids"], form["order_ids"]) == (made.id, made.id)


async def test_several_parcels_share_the_one_field(sim: FileSimulator, shop: IntegrationFile) -> None:
    made = await add(shop, order(1))
    ref = OrderRef(id=made.id)
    await shop.set_tracking(ref, [Parcel(carrier="InPost", number="62001"), Parcel(carrier="DPD", number="77")])
    assert sim.shop.orders[made.id]["_parcel"] == "62001, 77"
    assert sent(sim, "OrderUpdate")[0]["delivery_method_name"] == "InPost, DPD"
    await shop.set_tracking(ref, [])
    assert len(sent(sim, "OrderUpdate")) == 1


async def test_an_order_that_is_gone_is_refused(sim: FileSimulator, shop: IntegrationFile) -> None:
    with pytest.raises(Rejected, match="no order 4711"):
        await shop.set_status(OrderRef(id="4711"), "3")
    for id_ in ("1,2", "", "x", "²"):
        with pytest.raises(Rejected, match="not the number of an order"):
            await shop.set_status(OrderRef(id=id_), "3")
    assert all("," not in form["orders_ids"] for form in sent(sim, "OrderUpdate"))


async def test_an_empty_answer_to_a_change_is_a_doubt(sim: FileSimulator, shop: IntegrationFile) -> None:
    made = await add(shop, order(1))
    sim.like("shopware")
    sim.broken.add("OrderUpdate")
    with pytest.raises(Unsure, match="as it does when it fails"):
        await shop.set_tracking(OrderRef(id=made.id), [Parcel(carrier="InPost", number="62001")])


async def test_an_empty_list_proves_nothing(sim: FileSimulator, shop: IntegrationFile) -> None:
    await add(shop, order(1))
    assert await shop.find_order("of-kit-2", SINCE) is None
    sim.like("shopware")
    sim.broken.add("OrdersGet")
    with pytest.raises(Unavailable, match="proves nothing"):
        await shop.find_order("of-kit-2", SINCE)


async def test_a_shop_without_an_order_of_ours_proves_nothing(sim: FileSimulator, shop: IntegrationFile) -> None:
    sim.place_order()
    with pytest.raises(Unavailable, match="proves nothing"):
        await shop.find_order("of-kit-1", SINCE)
    sim.shop.keeps_comments = False
    await add(shop, order(1))
    with pytest.raises(Unavailable, match="proves nothing"):
        await shop.find_order("of-kit-1", SINCE)


async def test_an_older_order_of_ours_is_proof_enough(sim: FileSimulator, shop: IntegrationFile) -> None:
    made = await add(shop, order(1))
    sim.shop.orders[made.id]["date_add"] = int(SINCE.timestamp()) - 20 * 86_400
    assert await shop.find_order("of-kit-2", SINCE) is None


async def test_a_reference_that_cannot_be_read_is_not_overlooked(sim: FileSimulator, shop: IntegrationFile) -> None:
    made = await add(shop, order(1))
    await add(shop, order(2))
    sim.shop.orders[made.id]["products"] = {"broken": True}
    with pytest.raises(Unavailable, match="can't be read"):
        await shop.find_order("of-kit-1", SINCE)


@pytest.mark.parametrize("tells_pages", [True, False])
async def test_every_page_is_searched(sim: FileSimulator, shop: IntegrationFile, *, tells_pages: bool) -> None:
    sim.page_size, sim.tells_pages = 2, tells_pages
    for _ in range(5):
        sim.place_order()
    made = await add(shop, order(1))
    found = await shop.find_order("of-kit-1", SINCE)
    assert found is not None
    assert found.id == made.id


async def test_a_comment_in_html_still_shows_its_reference(sim: FileSimulator, shop: IntegrationFile) -> None:
    made = await add(shop, order(1))
    sim.shop.orders[made.id]["user_comments"] = "<p>of-kit-1<br/>please ring twice</p>"
    found = await shop.find_order("of-kit-1", SINCE)
    assert found is not None
    assert found.id == made.id


async def test_an_order_whose_figures_cannot_be_read_is_found_all_the_same(
    sim: FileSimulator, shop: IntegrationFile
) -> None:
    made = await add(shop, order(1))
    sim.shop.orders[made.id]["delivery_price"] = "free"
    found = await shop.find_order("of-kit-1", SINCE)
    assert found is not None
    assert (found.id, found.total) == (made.id, None)
