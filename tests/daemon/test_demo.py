"""What the demo counts, and that it fails where it should."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

import pytest
from msgspec.structs import replace

from daemon.core import forwarding
from daemon.demo import counting
from daemon.demo.cast import MARKETPLACES, PRODUCTS, SHOPS, STOCK
from daemon.demo.counting import Sales, ShopCount
from daemon.demo.screen import Result
from daemon.demo.travels import Travel

HOME = "abcd"
ALLEGRO, EBAY, AMAZON = MARKETPLACES
BEFORE = STOCK * len(PRODUCTS)


def named(part: Any, order: str) -> str:
    return forwarding.reference(forwarding.prefix(HOME), part.account, order)


def market(must: list[str], may: tuple[str, ...] = (), **changed: Any) -> dict[str, Any]:
    usual = {"forms": {"PAID": len(must) + len(may)}, "merged": {}, "sold": {"SKU-001": len(must)}, "running": False}
    return {**usual, "must": must, "may": list(may), **changed}


TOLD = {ALLEGRO: market(["a1", "a2"]), EBAY: market(["e1"], ("e2",)), AMAZON: market(["m1"])}
WANTED = {named(ALLEGRO, "a1"): "a1", named(ALLEGRO, "a2"): "a2", named(EBAY, "e1"): "e1", named(AMAZON, "m1"): "m1"}


def shop(orders: dict[str, str] | None = None) -> dict[str, Any]:
    """A shop's summary: one piece is sold with each order."""
    held = WANTED if orders is None else orders
    stock = {product["sku"]: STOCK for product in PRODUCTS} | {"SKU-001": STOCK - len(held)}
    return {
        "orders": len(held),
        "references": dict.fromkeys(held, 1),
        "sources": dict.fromkeys(held.values(), 1),
        "stock": stock,
    }


def sold() -> Sales:
    return counting.sales(TOLD, HOME)


def counted(summary: dict[str, Any]) -> ShopCount:
    return counting.in_shop("Shop", summary, sold(), before=BEFORE)


def test_a_shop_with_every_order_once_is_good() -> None:
    count = counted(shop())
    assert count.good
    assert (count.orders, count.called_off, count.doubled, count.lost, count.unwanted) == (4, 0, 0, 0, 0)


@pytest.mark.parametrize("order", WANTED)
def test_an_order_that_is_missing_is_lost_whichever_marketplace_it_is_of(order: str) -> None:
    count = counted(shop({name: source for name, source in WANTED.items() if name != order}))
    assert (count.good, count.lost) == (False, 1)


@pytest.mark.parametrize("key", ["references", "sources"])
def test_an_order_that_is_there_twice_is_doubled_by_its_name_or_by_its_id_alone(key: str) -> None:
    summary = shop()
    summary["orders"] += 1
    summary[key][named(EBAY, "e1") if key == "references" else "e1"] = 2
    count = counted(summary)
    assert (count.good, count.doubled, count.unwanted) == (False, 1, 0)


def test_an_order_of_which_only_the_name_was_written_is_there() -> None:
    summary = shop()
    del summary["sources"]["m1"]
    assert counted(summary).good


def test_one_that_was_called_off_later_may_be_there_if_its_stock_is_back() -> None:
    summary = shop({**WANTED, named(EBAY, "e2"): "e2"})
    assert (counted(summary).good, counted(summary).called_off) == (False, 1)
    summary["stock"]["SKU-001"] += 1
    assert counted(summary).good


def test_what_no_marketplace_sold_is_unwanted() -> None:
    summary = shop({**WANTED, named(EBAY, "a1"): "stranger"})
    summary["stock"]["SKU-001"] += 1
    assert (counted(summary).good, counted(summary).unwanted) == (False, 1)


def test_an_order_under_anothers_name_does_not_stand_for_both() -> None:
    summary = shop({name: source for name, source in WANTED.items() if source != "a2"})
    summary["sources"] = {"a1": 1, "a2": 1, "e1": 1}  # e.g. two accounts' orders with one name
    assert not counted(summary).good


def test_stock_that_did_not_fall_is_noticed() -> None:
    summary = shop()
    summary["stock"]["SKU-001"] += 1
    count = counted(summary)
    assert (count.good, count.lost) == (False, 0)


def test_purchases_that_became_one_order_were_two() -> None:
    told = {EBAY: market(["e3"], merged={"e1": "e3", "e2": "e3"})}
    assert counting.sales(told, HOME).bought == {"eBay": 2}


def test_the_demo_is_good_only_if_each_part_of_it_is() -> None:
    right, short = counted(shop()), counted(shop({}))
    arrived = Travel(what="a payment", where="the shops", seconds=1.0)
    whole = Result(
        sold=sold(), shops=(right, right), seconds=((), ()), travels=(arrived,), put_aside=0, kills=1, faults=0
    )
    assert whole.good
    assert not replace(whole, shops=(right, short)).good, "lost in the second shop alone"
    assert not replace(whole, travels=(replace(arrived, seconds=None),)).good
    assert not replace(whole, put_aside=1).good
    assert not replace(whole, kills=0).good, "what was to be survived did not happen"


def test_all_that_take_part_are_plugins() -> None:
    installed = {entry.name for entry in entry_points(group="orderferry")}
    assert {part.platform for part in (*MARKETPLACES, *SHOPS)} <= installed
