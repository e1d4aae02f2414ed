"""Adding orders: what the shop makes of them, and how a try goes on where the last one ended."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from orderferry import ForwardOrder, Invoice, Line, Money, PaymentKind, PickupPoint, Rejected, Unsure
from orderferry.forward import ForwardPayment
from orderferry.testing.clock import VirtualClock
from orderferry.testing.samples import ADDRESS, PERSONAL
from orderferry.testing.simulator import Fate
from plugins.shops.prestashop.platform import PrestaShop
from plugins.shops.prestashop.simulator import PrestaSimulator
from plugins.shops.prestashop.simulator_tables import Row
from tests.plugins.prestashop.asking import add, all_of, held, order, requests
from tests.plugins.prestashop.conftest import OpenShop

UNPAID = ForwardPayment(kind=PaymentKind.ONLINE, paid=False, provider="PayU", id="pay-4711")
WRAPPED = Money(Decimal("4.50"), "PLN")
CASH = ForwardPayment(kind=PaymentKind.CASH_ON_DELIVERY, paid=False)


def costing(cost: str, number: int = 1) -> ForwardOrder:
    """A sample order with another delivery cost."""
    whole = order(number)
    paid = Money(Decimal(cost), "PLN")
    delivery = msgspec.structs.replace(whole.delivery, cost=paid)
    return msgspec.structs.replace(whole, delivery=delivery, total=whole.total - whole.delivery.cost + paid)


async def test_lines_have_the_marketplaces_prices_and_the_delivery_a_row(
    shop: PrestaShop, sim: PrestaSimulator
) -> None:
    added = await add(shop, order())
    rows = all_of(sim, added.id)["rows"]
    told = [(row["product_reference"], row["product_quantity"], row["unit_price_tax_incl"]) for row in rows]
    cents = [(sku, pieces, round(Decimal(unit), 2)) for sku, pieces, unit in told]
    assert [(sku, pieces, str(unit)) for sku, pieces, unit in cents] == [
        ("KUB-330", "1", "13.34"),
        ("KOSZ-M", "2", "14.34"),
        ("DELIVERY", "1", "9.99"),
    ]
    assert added.total == order().total
    assert (added.status, added.stock_fell, added.warnings) == ("11", True, ())
    assert added.number == held(sim, added.id)["reference"]


async def test_a_free_delivery_needs_no_row(shop: PrestaShop, sim: PrestaSimulator) -> None:
    added = await add(shop, costing("0.00"))
    assert [row["product_reference"] for row in all_of(sim, added.id)["rows"]] == ["KUB-330", "KOSZ-M"]
    assert added.total == costing("0.00").total


async def test_the_mapped_carrier_stands_in_the_order_though_a_free_one_was_in_the_cart(
    shop: PrestaShop, sim: PrestaSimulator
) -> None:
    wanted = order()
    wanted = msgspec.structs.replace(wanted, delivery=msgspec.structs.replace(wanted.delivery, shop_method="6"))
    added = await add(shop, wanted)
    assert held(sim, added.id)["id_carrier"] == "6"
    assert [row["id_carrier"] for row in all_of(sim, added.id)["carriers"]] == ["6"]
    assert sim.shop.rows["carts"][1]["id_carrier"] == "1"
    assert added.total == wanted.total


async def test_a_carrier_of_just_the_right_price_carries_the_cost_itself(
    open_shop: OpenShop, sim: PrestaSimulator
) -> None:
    added = await add(open_shop(delivery_product="", carrier="5"), order())
    assert held(sim, added.id)["total_shipping_tax_incl"] == "9.990000"
    assert (added.total, added.status, added.warnings) == (order().total, "11", ())


async def test_without_product_and_carrier_the_cost_can_go_nowhere(open_shop: OpenShop, sim: PrestaSimulator) -> None:
    with pytest.raises(Rejected, match="delivery_product"):
        await add(open_shop(delivery_product=""), order())
    assert not sim.shop.rows["customers"], "nothing may be made for an order that is refused"


async def test_all_texts_are_where_the_seller_looks_for_them(shop: PrestaShop, sim: PrestaSimulator) -> None:
    added = await add(shop, order(fields={"Warehouse": "B 7"}))
    there = all_of(sim, added.id)
    assert there["delivery"]["other"] == "WRO117M, Parcel locker WRO117M, by the church"
    assert (there["invoice"]["company"], there["invoice"]["vat_number"]) == ("Ćwiekowska Sp. z o.o.", "5252248481")
    assert [row["message"] for row in there["messages"]] == ["please ring twice"]
    assert [row["transaction_id"] for row in there["payments"]] == ["pay-4711"]
    note = there["order"]["note"].splitlines()
    assert "Login: kupujaca_zaneta" in note
    assert "Payment: paid (PayU, pay-4711)" in note
    assert "Warehouse: B 7" in note
    assert (there["order"]["module"], there["order"]["payment"]) == ("ps_wirepayment", "PayU")
    assert there["customer"]["is_guest"] == "1"


async def test_what_is_withheld_is_in_no_request(shop: PrestaShop, sim: PrestaSimulator) -> None:
    whole = order()
    held_back = {
        "kupujaca_zaneta": msgspec.structs.replace(whole.buyer, login=None),
        "Parcel locker 24/7": msgspec.structs.replace(whole.delivery, method=None),
    }
    lines = tuple(msgspec.structs.replace(line, offer_id=None) for line in whole.lines)
    buyer, delivery = held_back.values()
    told = msgspec.structs.replace(whole, buyer=buyer, delivery=delivery, lines=lines, comment=None, payment=None)
    added = await add(shop, told)
    sent = b"".join(served.body for served in sim.served).decode()
    for text in (*held_back, "770001", "ring twice", "pay-4711", "PayU"):
        assert text not in sent
    assert held(sim, added.id)["payment"] == "Marketplace"
    assert "Payment: not told" in held(sim, added.id)["note"]


async def test_without_send_email_the_shop_gets_an_address_that_nothing_reaches(
    open_shop: OpenShop, sim: PrestaSimulator
) -> None:
    added = await add(open_shop(send_email=False), order())
    assert all_of(sim, added.id)["customer"]["email"] == "of-kit-1@orderferry.invalid"
    assert "zaneta.kupujaca" not in b"".join(served.body for served in sim.served).decode()


async def test_names_and_streets_that_the_shop_refuses_are_cleaned(shop: PrestaShop, sim: PrestaSimulator) -> None:
    odd = msgspec.structs.replace(
        ADDRESS,
        first_name="P.H.U. 24",
        last_name="Kowal/Nowak (firma) 24",
        street="ul. " + "Bardzo Długa " * 12 + "7",
        phone="tel. +48 600 700 811 (wieczorem)",
    )
    whole = order(invoice=None)
    added = await add(
        shop, msgspec.structs.replace(whole, delivery=msgspec.structs.replace(whole.delivery, address=odd))
    )
    there = all_of(sim, added.id)["delivery"]
    assert (there["firstname"], there["lastname"]) == ("P. H. U.", "Kowal Nowak firma")
    assert f"{there['address1']} {there['address2']}" == odd.street
    assert there["phone"] == ". +48 600 700 811 ( )"
    assert held(sim, added.id)["id_address_invoice"] == held(sim, added.id)["id_address_delivery"]


async def test_a_parcel_locker_alone_gives_the_address(shop: PrestaShop, sim: PrestaSimulator) -> None:
    whole = order()
    point = PickupPoint(id="WRO117M", address=msgspec.structs.replace(ADDRESS, street="Kościelna 1"))
    delivery = msgspec.structs.replace(whole.delivery, address=None, pickup_point=point)
    added = await add(shop, msgspec.structs.replace(whole, delivery=delivery))
    assert all_of(sim, added.id)["delivery"]["address1"] == "Kościelna 1"


async def test_a_country_that_needs_a_number_gets_the_tax_id_twice(shop: PrestaShop, sim: PrestaSimulator) -> None:
    sim.shop.rows["countries"][14]["need_identification_number"] = "1"
    added = await add(shop, order())
    assert all_of(sim, added.id)["invoice"]["dni"] == "5252248481"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"status": "6"}, "takes nothing from the stock"),
        ({"status": "8"}, "takes nothing from the stock"),
        ({"status": "77"}, "not the id of a state"),
        ({"reference": "a|b"}, "reference"),
        ({"invoice": Invoice(address=msgspec.structs.replace(ADDRESS, country="AU"))}, "AU is not active"),
    ],
)
async def test_what_cannot_be_added_is_refused(
    changed: dict[str, Any], said: str, shop: PrestaShop, sim: PrestaSimulator
) -> None:
    with pytest.raises(Rejected, match=said):
        await add(shop, order(**changed))
    assert not sim.shop.rows["orders"]


async def test_goods_that_the_shop_does_not_know_are_refused_or_stood_in_for(
    open_shop: OpenShop, sim: PrestaSimulator
) -> None:
    with pytest.raises(Rejected, match="SKU NONE"):
        await add(open_shop(), order(1, "NONE"))
    with pytest.raises(Rejected, match="on a product with combinations"):
        await add(open_shop(), order(1, "KOSZ"))
    sim.shop.add_product("OTHER", 0, type="virtual")
    added = await add(open_shop(other_product="OTHER"), order(2, "NONE", "KUB-330", "NEITHER"))
    rows = all_of(sim, added.id)["rows"]
    assert [(row["product_reference"], row["product_quantity"]) for row in rows] == [
        ("OTHER", "1"),
        ("KUB-330", "2"),
        ("DELIVERY", "1"),
    ]
    assert added.total == order(2, "NONE", "KUB-330", "NEITHER").total
    assert len(added.warnings) == 2


@pytest.mark.parametrize(("cost", "other"), [("9.99", ""), ("0.00", ""), ("9.99", "OTHER")])
async def test_a_service_of_the_marketplace_goes_where_the_delivery_cost_goes(
    cost: str, other: str, open_shop: OpenShop, sim: PrestaSimulator
) -> None:
    sim.shop.add_product("OTHER", 0, type="virtual")
    wrapping = Line(
        id="wrap", name="Gift wrapping", quantity=1, unit_price=WRAPPED, total=WRAPPED, goods=False, sku="KUB-330"
    )
    whole = costing(cost)
    wanted = msgspec.structs.replace(whole, lines=(*whole.lines, wrapping), total=whole.total + WRAPPED)
    added = await add(open_shop(other_product=other), wanted)
    assert (added.total, added.warnings) == (wanted.total, ())
    row = all_of(sim, added.id)["rows"][2]
    carried = WRAPPED.amount if other else WRAPPED.amount + Decimal(cost)
    assert row["product_reference"] == (other or "DELIVERY")
    assert round(Decimal(row["unit_price_tax_incl"]), 2) == carried
    assert "Service: 1 x Gift wrapping" in held(sim, added.id)["note"]


@pytest.mark.parametrize(
    ("payment", "status", "state"),
    [
        (UNPAID, None, "10"),
        (UNPAID, "12", "12"),
        (CASH, "2", "13"),
        (None, "3", "3"),
        (msgspec.structs.replace(UNPAID, paid=True), "2", "2"),
    ],
)
async def test_only_a_paid_order_gets_a_state_that_claims_a_payment(
    payment: ForwardPayment | None, status: str | None, state: str, shop: PrestaShop, sim: PrestaSimulator
) -> None:
    before = sim.shop.stock_of("KUB-330")
    added = await add(shop, order(payment=payment, status=status))
    assert (added.status, added.stock_fell) == (state, True)
    assert sim.shop.stock_of("KUB-330") == before - 1
    assert held(sim, added.id)["module"] == ("ps_cashondelivery" if payment is CASH else "ps_wirepayment")


# --- payment errors


@pytest.mark.parametrize("stocked", ["1", "0"])
async def test_another_price_of_the_carrier_is_mended(stocked: str, open_shop: OpenShop, sim: PrestaSimulator) -> None:
    sim.shop.configure("PS_STOCK_MANAGEMENT", stocked)
    before = sim.shop.stock_of("KUB-330")
    added = await add(open_shop(delivery_product="", carrier="6"), order())
    there = all_of(sim, added.id)
    assert (added.total, added.status) == (order().total, "11")
    assert there["order"]["total_shipping_tax_incl"] == there["carriers"][0]["shipping_cost_tax_incl"][:4] + "0000"
    assert there["order"]["total_paid_real"] == f"{order().total.amount:.6f}"
    assert [row["amount"] for row in there["payments"]] == [f"{order().total.amount:.6f}"]
    assert (added.stock_fell, sim.shop.stock_of("KUB-330")) == (
        (True, before - 1) if stocked == "1" else (None, before)
    )
    assert any("payment error" in warning for warning in added.warnings)
    assert not any(text in warning for text in PERSONAL for warning in added.warnings)


@pytest.mark.parametrize("fate", [Fate.LOST, Fate.DOWN, Fate.FAILED_AFTER, Fate.BUSY])
async def test_mending_survives_a_fault_at_each_request(
    fate: Fate, open_shop: OpenShop, sim: PrestaSimulator, clock: VirtualClock
) -> None:
    shop = open_shop(delivery_product="", carrier="6")
    await add(shop, order(90))
    begun = len(sim.served)
    await add(shop, order(91))
    asked = requests(sim)[begun:]
    posted = asked.index("POST orders") + 1
    for struck in range(posted, len(asked)):
        wanted = order(struck)
        sim.script("*", "", *[Fate.GOOD] * struck, fate)
        added = await clock.run(add(shop, wanted))
        sim.forget_script()
        assert added.total == wanted.total, (asked[struck], added.warnings)
        assert added.stock_fell is True
        booked = [row["amount"] for row in all_of(sim, added.id)["payments"]]
        assert booked == [f"{wanted.total.amount:.6f}"], asked[struck]


async def test_a_shop_that_comes_to_other_goods_is_told_of_and_takes_its_stock(
    open_shop: OpenShop, sim: PrestaSimulator
) -> None:
    """A tax that we can't know of makes other line totals: nothing is painted over, but the stock falls."""
    shop = open_shop()
    await add(shop, order(1))
    sim.shop.rows["taxes"][1]["rate"] = "8.000"  # changed within the minutes in which we keep it
    before = sim.shop.stock_of("KUB-330")
    added = await add(shop, order(2))
    assert added.total is not None
    assert added.total != order(2).total
    assert (added.status, added.stock_fell, sim.shop.stock_of("KUB-330")) == ("11", True, before - 1)
    assert any("came to" in warning for warning in added.warnings)


async def test_what_cannot_be_mended_is_said(open_shop: OpenShop, sim: PrestaSimulator, clock: VirtualClock) -> None:
    sim.script("POST", "/order_histories", *[Fate.DOWN] * 2)
    added = await clock.run(add(open_shop(delivery_product="", carrier="6"), order()))
    assert (added.status, added.stock_fell) == ("8", False)
    assert any("stock did not fall" in warning for warning in added.warnings)


async def test_an_order_that_cannot_be_read_back_is_a_doubt(shop: PrestaShop, sim: PrestaSimulator) -> None:
    place = sim.shop.place

    def odd(fields: Row) -> Row:
        made = place(fields)
        made["total_paid_tax_incl"] = "much"
        return made

    sim.shop.place = odd  # type: ignore[method-assign] # the simulated shop answers nonsense from here on
    with pytest.raises(Unsure, match="can't be read"):
        await add(shop, order())
