"""Tracking numbers go to eBay once, whatever happens to the answers."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderferry import ChoiceKind, OrderRef, Parcel, Rejected, Unsure
from orderferry.testing.simulator import Fate
from plugins.ebay import telling
from plugins.ebay.carriers import choices
from plugins.ebay.platform import Ebay
from plugins.ebay.simulator import EbaySimulator
from plugins.ebay.wire import Fulfillment


@pytest.fixture
def order_id(simulator: EbaySimulator) -> str:
    return simulator.market.purchase({"SKU-001": 1, "SKU-002": 2})


def posts(simulator: EbaySimulator) -> list[bytes]:
    return [one.body for one in simulator.served if one.method == "POST"]


async def test_parcels_are_added_once_with_all_lines(simulator: EbaySimulator, platform: Ebay, order_id: str) -> None:
    parcels = [Parcel(carrier="dhl", number="00 34-043"), Parcel(carrier="InPost", number="620000000001")]
    for _ in range(2):
        await platform.set_tracking(OrderRef(id=order_id), parcels)
    there = simulator.market.fulfillments[order_id]
    assert [(one["shippingCarrierCode"], one["shipmentTrackingNumber"]) for one in there] == [
        ("DHL", "0034043"),
        ("Other", "620000000001"),
    ]
    items = simulator.market.orders[order_id].order["lineItems"]
    assert there[0]["lineItems"] == [{"lineItemId": one["lineItemId"], "quantity": one["quantity"]} for one in items]
    assert len(posts(simulator)) == 2
    assert set(json.loads(posts(simulator)[0])) == {"lineItems", "shippingCarrierCode", "trackingNumber"}


async def test_what_the_seller_entered_himself_is_not_added_again(
    simulator: EbaySimulator, platform: Ebay, order_id: str
) -> None:
    line = simulator.market.orders[order_id].order["lineItems"][0]["lineItemId"]
    entered = {"lineItems": [{"lineItemId": line}], "trackingNumber": "AB12", "shippingCarrierCode": "DPD"}
    simulator.market.add_fulfillment(order_id, entered)
    await platform.set_tracking(OrderRef(id=order_id), [Parcel(carrier="GLS", number="ab-12")])
    assert posts(simulator) == []


@pytest.mark.parametrize("fate", [Fate.LOST, Fate.FAILED_AFTER, Fate.CUT, Fate.GARBAGE])
async def test_a_parcel_of_which_the_answer_is_lost_is_added_once(
    simulator: EbaySimulator, platform: Ebay, order_id: str, fate: Fate
) -> None:
    parcels = [Parcel(carrier="DPD", number=f"00000{n}") for n in range(2)]
    simulator.script("POST", "/shipping_fulfillment", fate)
    with pytest.raises(Unsure):
        await platform.set_tracking(OrderRef(id=order_id), parcels)
    await platform.set_tracking(OrderRef(id=order_id), parcels)
    assert [one["shipmentTrackingNumber"] for one in simulator.market.fulfillments[order_id]] == ["000000", "000001"]


async def test_a_parcel_that_somebody_else_adds_meanwhile_is_taken_for_there(
    simulator: EbaySimulator, platform: Ebay, order_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = platform._client.lines

    async def then_added(wanted: str) -> object:
        found = await lines(wanted)
        simulator.market.add_fulfillment(wanted, telling.fulfillment(Parcel(carrier="DHL", number="77"), found))
        return found

    monkeypatch.setattr(platform._client, "lines", then_added)
    await platform.set_tracking(OrderRef(id=order_id), [Parcel(carrier="DHL", number="77")])
    assert [one["shipmentTrackingNumber"] for one in simulator.market.fulfillments[order_id]] == ["77"]


async def test_too_many_parcels_are_refused(platform: Ebay, order_id: str) -> None:
    parcels = [Parcel(carrier="DHL", number=f"{n:04d}") for n in range(21)]
    with pytest.raises(Rejected, match="34100"):
        await platform.set_tracking(OrderRef(id=order_id), parcels)


@pytest.mark.parametrize("number", ["- -", "ąć", "///"])
async def test_a_number_of_other_signs_alone_is_refused_here(
    simulator: EbaySimulator, platform: Ebay, order_id: str, number: str
) -> None:
    with pytest.raises(Rejected, match="letters and digits"):
        await platform.set_tracking(OrderRef(id=order_id), [Parcel(carrier="DHL", number=number)])
    assert posts(simulator) == []


async def test_an_order_that_is_gone_is_refused(platform: Ebay) -> None:
    with pytest.raises(Rejected, match="32100"):
        await platform.set_tracking(OrderRef(id="01-00000-00000"), [Parcel(carrier="DHL", number="1")])


async def test_lists(platform: Ebay) -> None:
    assert await platform.list_choices(ChoiceKind.CARRIERS) == choices()
    with pytest.raises(Rejected, match="statuses"):
        await platform.list_choices(ChoiceKind.STATUSES)


NUMBERS = st.sampled_from(["a1", "A 1", "b2", "c-3", "C3"])


@given(wanted=st.lists(NUMBERS), there=st.lists(NUMBERS))
def test_nothing_is_added_twice_and_nothing_forgotten(wanted: list[str], there: list[str]) -> None:
    def keys(numbers: list[str]) -> list[str]:
        return [telling.number(one).lower() for one in numbers]

    present = [Fulfillment(shipment_tracking_number=one) for one in there]
    added = telling.missing([Parcel(carrier="DHL", number=one) for one in wanted], present)
    new = keys([one.number for one in added])
    assert len(set(new)) == len(new)
    assert set(new) == set(keys(wanted)) - set(keys(there))


def test_a_parcel_without_a_number_of_its_own_hides_nothing() -> None:
    added = telling.missing([Parcel(carrier="DHL", number="1")], [Fulfillment()])
    assert len(added) == 1
