"""Fulfilment status and tracking numbers go to Allegro once, whatever happens to the answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderferry import ChoiceKind, OrderRef, Parcel, Rejected, Unavailable, Unsure
from orderferry.testing.clock import VirtualClock
from orderferry.testing.simulator import Fate
from plugins.allegro import writeback
from plugins.allegro.platform import Allegro
from plugins.allegro.simulator import AllegroSimulator
from plugins.allegro.wire import Carrier
from plugins.allegro.wire import Shipment as There

CARRIERS = (Carrier(id="INPOST", name="InPost"), Carrier(id="POCZTA_POLSKA", name="Poczta Polska"), Carrier(id="OTHER"))


@pytest.fixture
def form_id(simulator: AllegroSimulator) -> str:
    found = simulator.market.buy({"SKU-001": 1, "SKU-002": 2})
    simulator.market.fill(found)
    simulator.market.ready(found)
    return found


def writes(simulator: AllegroSimulator) -> list[tuple[str, str, bytes]]:
    return [(one.method, one.path.rpartition("/")[2], one.body) for one in simulator.served if one.method != "GET"]


async def test_a_status_is_set(simulator: AllegroSimulator, platform: Allegro, form_id: str) -> None:
    revision = simulator.market.forms[form_id].form["revision"]
    await platform.set_status(OrderRef(id=form_id), "PROCESSING")
    assert simulator.market.summary()["fulfillment"] == {form_id: "PROCESSING"}
    (put,) = [one for one in simulator.served if one.method == "PUT"]
    assert put.query == {"checkoutForm.revision": revision}
    assert put.headers["Content-Type"] == put.headers["Accept"] == "application/vnd.allegro.public.v1+json"
    assert put.headers["User-Agent"].startswith("orderferry/")


async def test_an_unchanged_status_is_not_sent(simulator: AllegroSimulator, platform: Allegro, form_id: str) -> None:
    await platform.set_status(OrderRef(id=form_id), "NEW")
    assert writes(simulator) == []


async def test_a_status_of_which_the_answer_is_lost_is_set_once(
    simulator: AllegroSimulator, platform: Allegro, form_id: str
) -> None:
    simulator.script("PUT", "/fulfillment", Fate.LOST)
    with pytest.raises(Unsure):
        await platform.set_status(OrderRef(id=form_id), "SENT")
    await platform.set_status(OrderRef(id=form_id), "SENT")
    assert simulator.market.forms[form_id].status_changes == 1


async def test_a_form_that_changed_meanwhile_is_read_again(
    simulator: AllegroSimulator, platform: Allegro, form_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    changing_after_reads(simulator, platform, form_id, monkeypatch, times=1)
    await platform.set_status(OrderRef(id=form_id), "SENT")
    assert [one.status for one in simulator.served if one.method == "PUT"] == [409, 204]


async def test_a_form_that_keeps_changing_is_left_for_later(
    simulator: AllegroSimulator, platform: Allegro, form_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    changing_after_reads(simulator, platform, form_id, monkeypatch, times=9)
    with pytest.raises(Unavailable, match="faster"):
        await platform.set_status(OrderRef(id=form_id), "SENT")
    assert simulator.market.forms[form_id].status_changes == 0


def changing_after_reads(
    simulator: AllegroSimulator, platform: Allegro, form_id: str, monkeypatch: pytest.MonkeyPatch, *, times: int
) -> None:
    left = times
    read = platform._client.fulfillment

    async def then_changed(wanted: str) -> object:
        nonlocal left
        found = await read(wanted)
        if left:
            left -= 1
            simulator.market.change_address(form_id, "ul. Nowa 1")
        return found

    monkeypatch.setattr(platform._client, "fulfillment", then_changed)


async def test_too_many_changes_are_refused_for_good(
    simulator: AllegroSimulator, platform: Allegro, form_id: str
) -> None:
    simulator.market.status_cap = 0
    with pytest.raises(Rejected, match="SellerOrdersStoreUnprocessableEntityException"):
        await platform.set_status(OrderRef(id=form_id), "SENT")


@pytest.mark.parametrize("status", ["RETURNED", "sent", "", "x" * 99])
async def test_a_status_that_allegro_does_not_take_is_refused_here(
    simulator: AllegroSimulator, platform: Allegro, form_id: str, status: str
) -> None:
    with pytest.raises(Rejected, match="PROCESSING"):
        await platform.set_status(OrderRef(id=form_id), status)
    assert not simulator.served


async def test_an_order_that_is_gone_is_refused(platform: Allegro) -> None:
    with pytest.raises(Rejected, match="CheckoutFormNotFoundException"):
        await platform.set_status(OrderRef(id="29738e61-7f6a-11e8-ac45-09db60ede9d6"), "SENT")


def test_every_status_of_the_default_map_can_be_set() -> None:
    assert set(Allegro.statuses.values()) <= set(writeback.STATUSES)


async def test_parcels_are_added_once(simulator: AllegroSimulator, platform: Allegro, form_id: str) -> None:
    parcels = [Parcel(carrier="inpost", number="620000000001"), Parcel(carrier="Mój kurier", number="AB-1")]
    for _ in range(2):
        await platform.set_tracking(OrderRef(id=form_id), parcels)
    there = simulator.market.shipments[form_id]
    assert [(one["carrierId"], one["carrierName"], one["waybill"]) for one in there] == [
        ("INPOST", None, "620000000001"),
        ("OTHER", "Mój kurier", "AB-1"),
    ]
    assert simulator.market.forms[form_id].form["fulfillment"]["shipmentSummary"] == {"lineItemsSent": "ALL"}


@pytest.mark.parametrize("fate", [Fate.LOST, Fate.FAILED_AFTER, Fate.CUT, Fate.GARBAGE])
async def test_a_parcel_of_which_the_answer_is_lost_is_added_once(
    simulator: AllegroSimulator, platform: Allegro, form_id: str, fate: Fate
) -> None:
    parcels = [Parcel(carrier="DPD", number=f"00000{n}") for n in range(2)]
    simulator.script("POST", "/shipments", fate)
    with pytest.raises(Unsure):
        await platform.set_tracking(OrderRef(id=form_id), parcels)
    await platform.set_tracking(OrderRef(id=form_id), parcels)
    assert [one["waybill"] for one in simulator.market.shipments[form_id]] == ["000000", "000001"]


@pytest.mark.parametrize("number", ["with space", "ąć", "a/b", "1\n", "<b>"])
async def test_a_number_that_allegro_does_not_take_is_refused_here(
    simulator: AllegroSimulator, platform: Allegro, form_id: str, number: str
) -> None:
    with pytest.raises(Rejected, match="no spaces"):
        await platform.set_tracking(OrderRef(id=form_id), [Parcel(carrier="DPD", number=number)])
    assert not simulator.served


async def test_a_number_used_too_often_is_refused(simulator: AllegroSimulator, platform: Allegro, form_id: str) -> None:
    for n in range(10):
        simulator.market.shipments[f"other-{n}"] = [{"waybill": "1", "carrierId": "DPD", "lineItems": []}]
    with pytest.raises(Rejected, match="WaybillUsageExceeded"):
        await platform.set_tracking(OrderRef(id=form_id), [Parcel(carrier="DPD", number="1")])


async def test_carriers_are_asked_once_a_day(
    simulator: AllegroSimulator, platform: Allegro, clock: VirtualClock
) -> None:
    choices = await platform.list_choices(ChoiceKind.CARRIERS)
    await platform.list_choices(ChoiceKind.CARRIERS)
    await clock.advance(10)
    assert [one.path for one in simulator.served] == ["/order/carriers"]
    assert ("INPOST", "InPost") in [(one.id, one.title) for one in choices]
    await clock.advance(24 * 3600)
    await platform.list_choices(ChoiceKind.CARRIERS)
    assert [one.path for one in simulator.served].count("/order/carriers") == 2


async def test_lists(platform: Allegro) -> None:
    statuses = await platform.list_choices(ChoiceKind.STATUSES)
    assert [one.id for one in statuses] == list(writeback.STATUSES)
    deliveries = await platform.list_choices(ChoiceKind.DELIVERIES)
    assert "Allegro Paczkomaty InPost" in {one.title for one in deliveries}
    with pytest.raises(Rejected, match="payment"):
        await platform.list_choices(ChoiceKind.PAYMENTS)


@pytest.mark.parametrize(
    ("carrier", "carrier_id", "name"),
    [
        ("INPOST", "INPOST", None),
        ("inpost", "INPOST", None),
        ("poczta polska", "POCZTA_POLSKA", None),
        (" Poczta_Polska ", "POCZTA_POLSKA", None),
        ("Kurier z bardzo długą nazwą własną", "OTHER", "Kurier z bardzo długą nazwą wł"),
        ("other", "OTHER", "other"),
        ("", "OTHER", None),
    ],
)
def test_carriers_by_id_and_by_name(carrier: str, carrier_id: str, name: str | None) -> None:
    (shipment,) = writeback.missing([Parcel(carrier=carrier, number="1")], [], CARRIERS)
    assert (shipment.carrier_id, shipment.carrier_name) == (carrier_id, name)


PARCELS = st.lists(
    st.builds(
        Parcel, carrier=st.sampled_from(["InPost", "inpost", "Zuch"]), number=st.sampled_from(["a1", "A1", "b2", "c3"])
    )
)


@given(parcels=PARCELS, there=PARCELS)
def test_nothing_is_added_twice_and_nothing_forgotten(parcels: list[Parcel], there: list[Parcel]) -> None:
    present = [
        There(carrier_id="INPOST" if one.carrier.lower() == "inpost" else "OTHER", waybill=one.number) for one in there
    ]
    added = writeback.missing(parcels, present, CARRIERS)
    keys = [(one.carrier_id or "", (one.waybill or "").lower()) for one in present]
    new = [(one.carrier_id, one.waybill.lower()) for one in added]
    wanted = {("INPOST" if one.carrier.lower() == "inpost" else "OTHER", one.number.lower()) for one in parcels}
    assert len(set(new)) == len(new)
    assert not set(new) & set(keys)
    assert wanted <= set(new) | set(keys)
    assert set(new) <= wanted
