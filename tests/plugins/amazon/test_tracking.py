"""Confirming shipments: package by package, each piece in one, nothing twice, in Amazon's own words for carriers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderferry import ChoiceKind, OrderRef, Parcel, PlatformError, Rejected, Unsure
from orderferry.testing.clock import START, VirtualClock
from orderferry.testing.simulator import Fate
from plugins.amazon import tracking, wire
from plugins.amazon.platform import Amazon
from plugins.amazon.simulator import AmazonSimulator

Json = dict[str, Any]
DPD = Parcel(carrier="DPD", number="1Z 999 AA1")


def sent(simulator: AmazonSimulator) -> list[Json]:
    return [json.loads(one.body) for one in simulator.served if one.method == "POST" and one.body[:1] == b"{"]


def status(simulator: AmazonSimulator, order_id: str) -> str:
    found: str = simulator.market.kept(order_id).document["fulfillment"]["fulfillmentStatus"]
    return found


@pytest.fixture
async def order_id(simulator: AmazonSimulator, clock: VirtualClock) -> str:
    placed = simulator.market.purchase({"SKU-001": 2, "SKU-002": 1})
    await clock.advance(3600)
    return placed


async def test_one_parcel_holds_everything_and_marks_the_order_as_shipped(
    simulator: AmazonSimulator, platform: Amazon, order_id: str
) -> None:
    await platform.set_tracking(OrderRef(id=order_id), [DPD])
    (body,) = sent(simulator)
    assert [one["quantity"] for one in body["packageDetail"]["orderItems"]] == [2, 1]
    assert status(simulator, order_id) == "SHIPPED"
    await platform.set_tracking(OrderRef(id=order_id), [DPD])
    assert len(sent(simulator)) == 1, "what is there is not told again"


async def test_several_parcels_share_the_pieces(simulator: AmazonSimulator, platform: Amazon, order_id: str) -> None:
    parcels = [DPD, Parcel(carrier="GLS", number="2")]
    await platform.set_tracking(OrderRef(id=order_id), parcels)
    first, second = sent(simulator)
    assert [one["quantity"] for one in first["packageDetail"]["orderItems"]] == [1]
    assert [one["quantity"] for one in second["packageDetail"]["orderItems"]] == [1, 1]
    assert status(simulator, order_id) == "SHIPPED"
    assert simulator.market.numbers(order_id) == ["1Z 999 AA1", "2"]


async def test_a_parcel_that_comes_later_gets_a_piece_of_an_earlier_one(
    simulator: AmazonSimulator, platform: Amazon, order_id: str
) -> None:
    parcels = [DPD]
    for number in ("2", "3"):
        await platform.set_tracking(OrderRef(id=order_id), parcels)
        parcels.append(Parcel(carrier="GLS", number=number))
    await platform.set_tracking(OrderRef(id=order_id), parcels)
    packages = simulator.market.kept(order_id).document["packages"]
    assert {one["trackingNumber"]: [item["quantity"] for item in one["packageItems"]] for one in packages} == {
        "1Z 999 AA1": [1],
        "2": [1],
        "3": [1],
    }
    assert status(simulator, order_id) == "SHIPPED"


@pytest.mark.parametrize("fate", [Fate.LOST, Fate.FAILED_AFTER, Fate.DROPPED, Fate.DOWN])
@pytest.mark.parametrize("struck", [1, 2])
async def test_a_piece_on_its_way_to_another_parcel_is_not_lost(
    simulator: AmazonSimulator, platform: Amazon, order_id: str, fate: Fate, struck: int
) -> None:
    await platform.set_tracking(OrderRef(id=order_id), [DPD])
    parcels = [DPD, Parcel(carrier="GLS", number="2")]
    simulator.script("*", "", *[Fate.GOOD] * struck, fate)
    with pytest.raises(PlatformError):
        await platform.set_tracking(OrderRef(id=order_id), parcels)
    await platform.set_tracking(OrderRef(id=order_id), parcels)
    assert sorted(simulator.market.numbers(order_id)) == ["1Z 999 AA1", "2"]
    assert status(simulator, order_id) == "SHIPPED"


async def test_a_package_of_somebody_else_is_not_touched(
    simulator: AmazonSimulator, platform: Amazon, order_id: str
) -> None:
    items = simulator.market.kept(order_id).document["orderItems"]
    await platform.set_tracking(OrderRef(id=order_id), [DPD])
    simulator.market.kept(order_id).document["packages"][0]["packageReferenceId"] = "7"
    with pytest.raises(Rejected, match="none is left for 2"):
        await platform.set_tracking(OrderRef(id=order_id), [DPD, Parcel(carrier="GLS", number="2")])
    (package,) = simulator.market.kept(order_id).document["packages"]
    assert len(package["packageItems"]) == len(items)


async def test_a_parcel_too_many_is_refused_after_the_others_are_told(
    simulator: AmazonSimulator, platform: Amazon, clock: VirtualClock
) -> None:
    one_piece = simulator.market.purchase({"SKU-001": 1})
    await clock.advance(60)
    parcels = [Parcel(carrier="DPD", number="1"), Parcel(carrier="DPD", number="2")]
    for _ in range(2):
        with pytest.raises(Rejected, match=r"none is left for 2; add it in Seller Central"):
            await platform.set_tracking(OrderRef(id=one_piece), parcels)
    assert simulator.market.numbers(one_piece) == ["1"]
    assert status(simulator, one_piece) == "SHIPPED"
    assert len(sent(simulator)) == 1


async def test_a_number_that_the_seller_entered_himself_is_not_told(
    simulator: AmazonSimulator, platform: Amazon, order_id: str
) -> None:
    document = simulator.market.kept(order_id).document
    package = {"packageReferenceId": "7", "carrier": "dpd", "trackingNumber": "1z999aa1", "packageItems": []}
    document["packages"] = [package]
    await platform.set_tracking(OrderRef(id=order_id), [DPD])
    assert sent(simulator) == []


@pytest.mark.parametrize("fate", [Fate.LOST, Fate.FAILED_AFTER])
async def test_a_confirmation_whose_answer_is_lost_is_found_the_next_time(
    simulator: AmazonSimulator, platform: Amazon, order_id: str, fate: Fate
) -> None:
    simulator.script("POST", "shipmentConfirmation", fate)
    with pytest.raises(Unsure):
        await platform.set_tracking(OrderRef(id=order_id), [DPD])
    await platform.set_tracking(OrderRef(id=order_id), [DPD])
    assert simulator.market.numbers(order_id) == ["1Z 999 AA1"]
    assert len(sent(simulator)) == 1


async def test_a_package_that_is_not_shown_yet_is_edited_and_not_doubled(
    simulator: AmazonSimulator, platform: Amazon, order_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reads may lag: the same reference again is the same package."""
    await platform.set_tracking(OrderRef(id=order_id), [DPD])
    shown = simulator.market.shown

    def without_packages(wanted: str) -> Json:
        return {**shown(wanted), "packages": []}

    monkeypatch.setattr(simulator.market, "shown", without_packages)
    await platform.set_tracking(OrderRef(id=order_id), [DPD])
    first, second = sent(simulator)
    assert first["packageDetail"]["packageReferenceId"] == second["packageDetail"]["packageReferenceId"]
    assert simulator.market.numbers(order_id) == ["1Z 999 AA1"]


async def test_a_partly_shipped_order_gets_the_rest(
    simulator: AmazonSimulator, platform: Amazon, order_id: str, clock: VirtualClock
) -> None:
    items = simulator.market.kept(order_id).document["orderItems"]
    by_hand = {
        "marketplaceId": "A1C3SOZRARQ6R3",
        "packageDetail": {
            "packageReferenceId": "1",
            "carrierCode": "DHL",
            "trackingNumber": "00",
            "shipDate": clock.now().isoformat(),
            "orderItems": [{"orderItemId": items[0]["orderItemId"], "quantity": 2}],
        },
    }
    simulator.market.confirm(order_id, by_hand)
    assert status(simulator, order_id) == "PARTIALLY_SHIPPED"
    await platform.set_tracking(OrderRef(id=order_id), [Parcel(carrier="DHL", number="00"), DPD])
    (body,) = sent(simulator)
    assert body["packageDetail"]["orderItems"] == [{"orderItemId": items[1]["orderItemId"], "quantity": 1}]
    assert status(simulator, order_id) == "SHIPPED"


async def test_an_order_that_amazon_ships_takes_none(simulator: AmazonSimulator, platform: Amazon) -> None:
    placed = simulator.market.purchase(fulfilled_by="AMAZON")
    with pytest.raises(Rejected, match="shipped by Amazon itself"):
        await platform.set_tracking(OrderRef(id=placed), [DPD])


@pytest.mark.parametrize("what", ["cancelled", "unknown"])
async def test_amazon_s_own_refusal_is_told(
    simulator: AmazonSimulator, platform: Amazon, order_id: str, what: str
) -> None:
    wanted = "000-0000000-0000000"
    if what == "cancelled":
        wanted = order_id
        simulator.market.kept(order_id).document["fulfillment"]["fulfillmentStatus"] = "CANCELLED"
    with pytest.raises(Rejected, match="InvalidInput" if what == "cancelled" else "NotFound"):
        await platform.set_tracking(OrderRef(id=wanted), [DPD])


async def test_the_ship_date_is_never_in_the_future_nor_before_the_purchase(
    simulator: AmazonSimulator, platform: Amazon, order_id: str
) -> None:
    await platform.set_tracking(OrderRef(id=order_id), [DPD])
    fresh = simulator.market.purchase()
    await platform.set_tracking(OrderRef(id=fresh), [DPD])  # the simulator refuses any other
    assert [status(simulator, one) for one in (order_id, fresh)] == ["SHIPPED", "SHIPPED"]


@pytest.mark.parametrize(
    ("carrier", "codes", "code", "name"),
    [
        ("DPD", {}, "DPD", None),
        ("Kurier DPD (pobranie)", {}, "DPD", None),
        ("Hermes", {}, "Hermes Logistik Gruppe", None),
        ("Hermes Logistik Gruppe", {}, "Hermes Logistik Gruppe", None),
        ("InPost", {}, "Other", "InPost"),
        ("Paczkomaty InPost", {"InPost": "INPOST_PL"}, "INPOST_PL", None),
        ("inpost", {"InPost": "INPOST_PL"}, "INPOST_PL", None),
        ("DPD", {"dpd": "DPD Germany"}, "DPD Germany", None),
        ("Kurier DPD", {"dpd": "DPD Germany"}, "DPD Germany", None),
        ("INPOST_PL", {"InPost": "INPOST_PL"}, "INPOST_PL", None),
        ("Zuch", {"zuch": "Z"}, "Z", None),
        ("Zuch", {}, "Other", "Zuch"),
        ("  ", {}, "Other", "Other"),
    ],
)
def test_carriers_in_amazon_s_words(carrier: str, codes: dict[str, str], code: str, name: str | None) -> None:
    told = tracking.confirmations(an_order(1), [Parcel(carrier=carrier, number="1")], codes, START)
    detail = told.bodies[0]["packageDetail"]
    assert (detail["carrierCode"], detail.get("carrierName")) == (code, name)


async def test_the_list_of_carriers_holds_the_seller_s_own(platform: Amazon) -> None:
    listed = await platform.list_choices(ChoiceKind.CARRIERS)
    assert "Hermes Logistik Gruppe" in {choice.id for choice in listed}
    own = tracking.choices({"InPost": "INPOST_PL"})
    assert ("INPOST_PL", "InPost") in {(choice.id, choice.title) for choice in own}
    assert len(own) == len(listed) + 1


async def test_deliveries_are_amazon_s_speeds_and_there_are_no_other_lists(platform: Amazon) -> None:
    assert "NEXT_DAY" in {choice.id for choice in await platform.list_choices(ChoiceKind.DELIVERIES)}
    with pytest.raises(Rejected, match="statuses"):
        await platform.list_choices(ChoiceKind.STATUSES)


def an_order(*quantities: int) -> wire.Order:
    items = tuple(
        wire.Item(order_item_id=f"i{n}", quantity_ordered=quantity, product=wire.Product())
        for n, quantity in enumerate(quantities)
    )
    channel = wire.SalesChannel(channel_name="AMAZON", marketplace_id="A1C3SOZRARQ6R3")
    return wire.Order(
        order_id="1", created_time=START, last_updated_time=START, sales_channel=channel, order_items=items
    )


@settings(max_examples=50)
@given(
    quantities=st.lists(st.integers(0, 4), min_size=1, max_size=4),
    numbers=st.lists(st.text("AB12", min_size=1, max_size=3), max_size=5),
)
def test_every_piece_is_in_exactly_one_parcel(quantities: list[int], numbers: list[str]) -> None:
    told = tracking.confirmations(
        an_order(*quantities), [Parcel(carrier="DPD", number=one) for one in numbers], {}, START
    )
    packed: dict[str, int] = {}
    for body in told.bodies:
        assert body["packageDetail"]["orderItems"], "no parcel is empty"
        for one in body["packageDetail"]["orderItems"]:
            packed[one["orderItemId"]] = packed.get(one["orderItemId"], 0) + one["quantity"]
    different = len({number.casefold() for number in numbers})
    if different and sum(quantities):
        assert packed == {f"i{n}": quantity for n, quantity in enumerate(quantities) if quantity}
    assert len(told.bodies) == min(different, sum(quantities))
    assert len(told.bodies) + len(told.left) == different


@given(st.text(min_size=1, max_size=64))
def test_a_reference_is_a_positive_number_and_stays_the_same(number: str) -> None:
    reference = tracking.reference(number)
    assert reference.isdigit()
    assert int(reference) > 0
    assert tracking.reference(f" {number} ") == reference
