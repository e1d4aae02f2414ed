"""What a file promises against what it does; and what a check takes away."""

from __future__ import annotations

from copy import deepcopy

import pytest

from orderferry import Finding, NeedsLogin, Rejected
from orderferry.testing.simulator import Fate
from plugins.shops.integration_file.platform import IntegrationFile
from plugins.shops.integration_file.simulator import FileSimulator
from tests.plugins.integration_file.asking import add, order, sent
from tests.plugins.integration_file.conftest import OpenShop


async def probed(shop: IntegrationFile) -> dict[str, Finding]:
    return {finding.what: finding for finding in (await shop.probe()).findings}


async def test_a_good_file_keeps_every_promise_and_nothing_is_changed(
    sim: FileSimulator, shop: IntegrationFile
) -> None:
    await add(shop, order(1))
    before = deepcopy(sim.shop.orders)
    found = await probed(shop)
    assert not [finding for finding in found.values() if finding.broken]
    tried = {what for what, finding in found.items() if finding.real}
    assert {"the key", "OrdersGet", "OrdersGet: time_from", "ProductsData", "the reference", "addresses"} <= tried
    assert sim.shop.orders == before
    assert len(sent(sim, "OrderAdd")) == 1
    assert {form["orders_ids"] for form in sent(sim, "OrderUpdate")} == {str(2**31 - 1)}


async def test_the_sylius_file_is_found_out(sim: FileSimulator, shop: IntegrationFile) -> None:
    sim.like("sylius")
    found = await probed(shop)
    assert {what for what, finding in found.items() if finding.broken} == {
        "OrderUpdate: status",
        "OrderUpdate: delivery_number",
    }
    assert found["OrdersGet"].promised is False
    assert (found["OrderAdd"].promised, found["OrderAdd"].real) == (True, None)


async def test_lost_postcodes_and_ignored_filters_are_found_out(sim: FileSimulator, shop: IntegrationFile) -> None:
    sim.shop.keeps_postcodes = False
    sim.ignores |= {"filter_sku", "time_from"}
    await add(shop, order(1))
    found = await probed(shop)
    assert {what for what, finding in found.items() if finding.broken} == {
        "ProductsList: filter_sku",
        "OrdersGet: time_from",
        "addresses",
    }


async def test_a_file_that_lets_everybody_in_is_found_out(sim: FileSimulator, shop: IntegrationFile) -> None:
    sim.ignores_key = True
    found = await probed(shop)
    assert found["the key"].broken
    assert "anybody" in found["the key"].says


async def test_an_action_that_fails_is_a_finding_and_the_rest_is_tried(
    sim: FileSimulator, shop: IntegrationFile
) -> None:
    sim.broken |= {"StatusesList", "ProductsList"}
    found = await probed(shop)
    assert found["StatusesList"].broken
    assert "SQLSTATE" in found["StatusesList"].says
    assert found["PaymentMethodsList"].real is True
    sim.swallows = True
    found = await probed(shop)
    assert "as it comes when it fails" in found["StatusesList"].says


async def test_a_check_takes_away_what_is_not_offered(sim: FileSimulator, open_shop: OpenShop) -> None:
    sim.like("sylius")
    report = await open_shop().check()
    assert set(report.missing) == {"fetch_orders", "find_order", "payment_read", "list_payments", "list_deliveries"}
    assert "does not offer OrdersGet" in report.missing["find_order"]
    assert "you will be asked" in report.notes[0]
    assert report.summary == "Sylius by spinbits 4.0.0, 9 methods."
    assert "sending again" in (await open_shop(unique_numbers=True).check()).notes[0]


@pytest.mark.parametrize("real_statuses", [True, False])
async def test_a_wrong_key_needs_the_owner(sim: FileSimulator, open_shop: OpenShop, *, real_statuses: bool) -> None:
    sim.real_statuses = real_statuses
    with pytest.raises(NeedsLogin, match="hasło"):
        await open_shop(key=type(open_shop().account.settings.key)("wrong")).check()


async def test_a_path_that_leads_elsewhere_is_said_to(sim: FileSimulator, open_shop: OpenShop) -> None:
    with pytest.raises(Rejected, match="404"):
        await open_shop(path="/elsewhere").check()
    assert sim.asked.total() == 0


async def test_notices_before_the_answer_do_no_harm(sim: FileSimulator, shop: IntegrationFile) -> None:
    sim.script("POST", "", *[Fate.NOTICES] * 20)
    made = await add(shop, order(1))
    assert [made.id] == list(sim.shop.orders)
