"""Orders that something else has put into the shop are found by what they carry, and ours and strangers' are not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from orderferry import ForwardOrder, Unavailable
from orderferry.testing.clock import VirtualClock
from orderferry.testing.simulator import Fate
from plugins.shops.woocommerce import others
from plugins.shops.woocommerce.platform import WooCommerce
from plugins.shops.woocommerce.simulator import WooSimulator

from .asking import add, order, requests

BOUGHT = "29738e61-7f6a-11e8-ac45-09db60ede9d6"


def purchase(number: int = 1, **changed: Any) -> ForwardOrder:  # any field of an order
    return order(number, **{"external_id": BOUGHT, **changed})


@pytest.mark.parametrize(
    "body",
    [
        {"customer_note": f"Zamówienie Allegro {BOUGHT.upper()}, dziękujemy"},
        {"meta_data": [{"key": "_other_tool_order", "value": BOUGHT}]},
        {"transaction_id": BOUGHT},
    ],
)
async def test_whatever_names_the_purchase_is_found(shop: WooCommerce, sim: WooSimulator, body: dict[str, Any]) -> None:
    sim.place_order()
    theirs = sim.place_order(body)
    found = await shop.find_purchase(purchase())
    assert found is not None
    assert (found.id, found.number) == (str(theirs["id"]), str(theirs["number"]))


@pytest.mark.parametrize(
    "body",
    [
        {"customer_note": f"{BOUGHT}-2"},
        {"customer_note": BOUGHT[:-1]},
        {"meta_data": [{"key": "k", "value": {"deep": BOUGHT}}]},
        {},
    ],
)
async def test_what_only_looks_like_it_is_not(shop: WooCommerce, sim: WooSimulator, body: dict[str, Any]) -> None:
    sim.place_order(body)
    assert await shop.find_purchase(purchase()) is None


async def test_ours_and_cancelled_ones_do_not_count(shop: WooCommerce, sim: WooSimulator) -> None:
    await add(shop, purchase())
    sim.place_order({"customer_note": BOUGHT, "status": "cancelled"})
    assert await shop.find_purchase(purchase()) is None


async def test_a_bare_number_counts_only_with_the_same_total_and_a_short_one_never(
    shop: WooCommerce, sim: WooSimulator
) -> None:
    theirs = sim.place_order({"customer_note": "12345678901 4711"})
    other = purchase(external_id="12345678901", payment=None)
    assert await shop.find_purchase(other) is None
    total = type(other.total).of(theirs["total"], theirs["currency"])
    assert await shop.find_purchase(msgspec.structs.replace(other, total=total)) is not None
    short = msgspec.structs.replace(other, external_id="4711", total=total)
    assert await shop.find_purchase(short) is None


async def test_the_shops_orders_are_read_once_and_then_only_what_has_come_since(
    shop: WooCommerce, sim: WooSimulator, clock: VirtualClock
) -> None:
    sim.place_order()
    for number in (1, 2, 3):
        assert await shop.find_purchase(purchase(number)) is None
    assert len(requests(sim)) == 1, "within a few seconds nothing is asked twice"
    await clock.advance(10)
    theirs = sim.place_order({"customer_note": BOUGHT})
    found = await shop.find_purchase(purchase())
    assert found is not None
    assert found.id == str(theirs["id"])
    assert "modified_after" in sim.served[-1].query


async def test_an_older_purchase_is_looked_for_further_back_and_a_very_old_one_not_for_ever(
    shop: WooCommerce, sim: WooSimulator, clock: VirtualClock
) -> None:
    assert await shop.find_purchase(purchase()) is None
    old = purchase(ordered_at=clock.now() - timedelta(days=3))
    assert await shop.find_purchase(old) is None
    ancient = purchase(ordered_at=clock.now() - timedelta(days=400))
    assert await shop.find_purchase(ancient) is None
    asked = [one.query["after"] for one in sim.served if "after" in one.query]
    assert len(asked) == 3
    assert min(asked) >= (clock.now() - others.REACH - timedelta(days=2)).strftime("%Y-%m-%d")


@pytest.mark.parametrize("fate", [Fate.DOWN, Fate.BUSY, Fate.CUT, Fate.GARBAGE])
async def test_a_look_that_failed_never_says_that_there_is_none(
    shop: WooCommerce, sim: WooSimulator, clock: VirtualClock, fate: Fate
) -> None:
    sim.place_order({"customer_note": BOUGHT})
    sim.script("*", "", *[fate] * 12)
    with pytest.raises(Unavailable):
        await clock.run(shop.find_purchase(purchase()))
    sim.forget_script()
    await clock.advance(3600)
    assert await shop.find_purchase(purchase()) is not None


async def test_more_orders_than_can_be_looked_through_are_no_answer(
    shop: WooCommerce, sim: WooSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(others, "PAGE", 1)
    monkeypatch.setattr(others, "MOST_PAGES", 2)
    for _ in range(4):
        sim.place_order()
    with pytest.raises(Unavailable, match="too many to look through"):
        await shop.find_purchase(purchase())
