"""Tracking numbers go to Etsy once, and the buyer is mailed once, whatever happens to the answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderferry import ChoiceKind, OrderRef, Parcel, Rejected, Unsure
from orderferry.testing.clock import VirtualClock
from orderferry.testing.simulator import Fate
from plugins.etsy import telling
from plugins.etsy.platform import Etsy
from plugins.etsy.simulator import EtsySimulator
from plugins.etsy.simulator_form import CARRIERS
from plugins.etsy.wire import Shipment


@pytest.fixture
def receipt(simulator: EtsySimulator) -> str:
    return simulator.market.purchase()


def posts(simulator: EtsySimulator) -> list[bytes]:
    return [one.body for one in simulator.served if one.method == "POST"]


async def test_parcels_are_added_once_and_the_buyer_is_mailed_once_for_each(
    simulator: EtsySimulator, platform: Etsy, receipt: str
) -> None:
    parcels = [Parcel(carrier="inpost", number="62 00"), Parcel(carrier="Zuch", number="AB-1")]
    for _ in range(3):
        await platform.set_tracking(OrderRef(id=receipt), parcels)
    there = simulator.market.kept(receipt).receipt["shipments"]
    assert [(one["carrier_name"], one["tracking_code"]) for one in there] == [("InPost", "62 00"), ("other", "AB-1")]
    assert simulator.market.mails[receipt] == 2
    assert posts(simulator)[0] == b"tracking_code=62+00&carrier_name=InPost"


async def test_what_the_seller_entered_himself_is_not_added_again(
    simulator: EtsySimulator, platform: Etsy, receipt: str
) -> None:
    simulator.market.add_tracking(receipt, "AB 12", "DPD")
    await platform.set_tracking(OrderRef(id=receipt), [Parcel(carrier="GLS", number="ab-12")])
    assert posts(simulator) == []
    assert simulator.market.mails[receipt] == 1


@pytest.mark.parametrize("fate", [Fate.LOST, Fate.FAILED_AFTER, Fate.CUT, Fate.GARBAGE])
async def test_a_parcel_of_which_the_answer_is_lost_is_added_once(
    simulator: EtsySimulator, platform: Etsy, receipt: str, fate: Fate
) -> None:
    parcels = [Parcel(carrier="DPD", number=f"00000{n}") for n in range(2)]
    simulator.script("POST", "/tracking", fate)
    with pytest.raises(Unsure):
        await platform.set_tracking(OrderRef(id=receipt), parcels)
    await platform.set_tracking(OrderRef(id=receipt), parcels)
    assert simulator.market.parcels(receipt) == ["000000", "000001"]
    assert simulator.market.mails[receipt] == 2


async def test_a_number_that_etsy_does_not_keep_is_told_to_the_seller_and_not_again_to_the_buyer(
    simulator: EtsySimulator, platform: Etsy, receipt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "carrier_name", lambda *_: "a carrier that Etsy knows no longer")
    with pytest.raises(Rejected, match="own page"):
        await platform.set_tracking(OrderRef(id=receipt), [Parcel(carrier="DPD", number="1")])
    assert simulator.market.mails[receipt] == 1


@pytest.mark.parametrize("there", [True, False])
async def test_a_conflict_is_settled_by_looking(
    *, simulator: EtsySimulator, platform: Etsy, receipt: str, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    async def conflict(receipt_id: str, carrier: str, number: str) -> object:
        if there:
            simulator.market.add_tracking(receipt_id, number, carrier)
        raise Rejected("conflict", status=409)

    monkeypatch.setattr(platform._client, "add_tracking", conflict)
    told = platform.set_tracking(OrderRef(id=receipt), [Parcel(carrier="DPD", number="1")])
    if there:
        await told
    else:
        with pytest.raises(Rejected, match="has not kept"):
            await told


async def test_an_order_that_is_gone_is_refused(platform: Etsy) -> None:
    with pytest.raises(Rejected, match="Could not find"):
        await platform.set_tracking(OrderRef(id="1"), [Parcel(carrier="DPD", number="1")])
    with pytest.raises(Rejected, match="no number"):
        await platform.set_tracking(OrderRef(id="../1"), [Parcel(carrier="DPD", number="1")])


async def test_carriers_are_asked_once_a_day(simulator: EtsySimulator, platform: Etsy, clock: VirtualClock) -> None:
    choices = await platform.list_choices(ChoiceKind.CARRIERS)
    await platform.list_choices(ChoiceKind.CARRIERS)
    assert [one.id for one in choices] == [*CARRIERS, "other"]
    assert [one.query for one in simulator.served] == [{"origin_country_iso": "PL"}]
    await clock.advance(24 * 3600)
    await platform.list_choices(ChoiceKind.CARRIERS)
    assert len(simulator.served) == 3, "the list again, and a new access token before it"
    with pytest.raises(Rejected, match="statuses"):
        await platform.list_choices(ChoiceKind.STATUSES)


@pytest.mark.parametrize(
    ("carrier", "expected"),
    [("InPost", "InPost"), ("in-post", "InPost"), ("POCZTA_POLSKA", "Poczta Polska"), ("Zuch", "other"), ("", "other")],
)
def test_carriers_by_any_spelling(carrier: str, expected: str) -> None:
    assert telling.carrier_name(carrier, CARRIERS) == expected


NUMBERS = st.sampled_from(["a1", "A 1", "b2", "c-3", "C3"])


@given(wanted=st.lists(NUMBERS), there=st.lists(NUMBERS))
def test_nothing_is_added_twice_and_nothing_forgotten(wanted: list[str], there: list[str]) -> None:
    def keys(numbers: list[str]) -> list[str]:
        return ["".join(sign for sign in one.lower() if sign.isalnum()) for one in numbers]

    present = [Shipment(tracking_code=one) for one in there]
    added = telling.missing([Parcel(carrier="DPD", number=one) for one in wanted], present)
    new = keys([one.number for one in added])
    assert len(set(new)) == len(new)
    assert set(new) == set(keys(wanted)) - set(keys(there))
