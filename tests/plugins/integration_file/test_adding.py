"""Adding orders to shops with integration files, good and bad ones."""

from __future__ import annotations

import json
from decimal import Decimal

import msgspec
import pytest

from orderferry import Line, Money, PaymentKind, Rejected, Unsure
from orderferry.forward import ForwardPayment
from orderferry.testing.simulator import Fate
from plugins.shops.integration_file.platform import IntegrationFile
from plugins.shops.integration_file.simulator import KEY, FileSimulator
from tests.plugins.integration_file.asking import SINCE, add, order, sent
from tests.plugins.integration_file.conftest import OpenShop


async def test_the_form_says_what_the_protocol_asks(sim: FileSimulator, shop: IntegrationFile) -> None:
    made = await add(shop, order(7))
    (form,) = sent(sim, "OrderAdd")
    told = {key: form[key] for key in ("baselinker_id", "previous_order_id", "currency", "paid", "payment_method_cod")}
    assert told == {
        "baselinker_id": "7", "previous_order_id": "", "currency": "PLN", "paid": "1", "payment_method_cod": "0",
    }  # fmt: skip
    assert form["user_comments"] == "of-kit-7\nplease ring twice"
    assert (form["service"], form["service_account"]) == ("allegro", "tested-marketplace")
    assert (form["transaction_id"], form["client_login"]) == ("e-of-kit-7", "kupujaca_zaneta")
    assert (form["delivery_fullname"], form["delivery_postcode"]) == ("Żaneta Brzęczyszczewska", "55-080")
    assert (form["invoice_company"], form["invoice_nip"]) == ("Ćwiekowska Sp. z o.o.", "5252248481")
    assert (form["delivery_point_id"], form["delivery_price"]) == ("WRO117M", "9.99")
    mug, shirt = json.loads(form["products"])
    assert (mug["price"], mug["quantity"], mug["auction_id"]) == (13.34, 1, "770001")
    parent = next(product for product in sim.shop.products.values() if product.sku == "KOSZ")
    assert (shirt["id"], shirt["variant_id"]) == (parent.id, sim.shop.goods("KOSZ-M").id)
    assert made.warnings == ()
    assert made.stock_fell is True
    assert made.total is not None
    assert made.total.amount == order(7).total.amount


async def test_what_is_withheld_is_in_no_request(sim: FileSimulator, shop: IntegrationFile) -> None:
    whole = order(1)
    lines = tuple(msgspec.structs.replace(line, offer_id=None) for line in whole.lines)
    buyer = msgspec.structs.replace(whole.buyer, login=None)
    delivery = msgspec.structs.replace(whole.delivery, method=None)
    bare = msgspec.structs.replace(whole, lines=lines, buyer=buyer, delivery=delivery, payment=None, comment=None)
    await add(shop, bare)
    text = b"".join(served.body for served in sim.served).decode()
    for secret in ("770001", "kupujaca_zaneta", "pay-4711", "PayU", "ring+twice", "Parcel+locker+24"):
        assert secret not in text


async def test_the_buyers_mail_can_be_kept_from_the_shop(sim: FileSimulator, open_shop: OpenShop) -> None:
    await add(open_shop(send_email=False), order(1))
    assert sent(sim, "OrderAdd")[0]["email"] == ""


async def test_cash_on_delivery_and_mapped_methods(sim: FileSimulator, open_shop: OpenShop) -> None:
    whole = order(1)
    payment = ForwardPayment(kind=PaymentKind.CASH_ON_DELIVERY, paid=False, shop_method="11")
    delivery = msgspec.structs.replace(whole.delivery, shop_method="21")
    await add(open_shop(payment_method="10"), order(1, payment=payment, delivery=delivery))
    await add(open_shop(payment_method="10", delivery_method="20"), order(2))
    mapped, default = sent(sim, "OrderAdd")
    assert (mapped["payment_method_id"], mapped["payment_method_cod"], mapped["paid"]) == ("11", "1", "0")
    assert mapped["delivery_method_id"] == "21"
    assert (default["payment_method_id"], default["delivery_method_id"]) == ("10", "20")


async def test_own_fields_become_further_fields_of_the_form(sim: FileSimulator, shop: IntegrationFile) -> None:
    mine = {"warehouse": "B", "bl_pass": "stolen", "email": "x@example.com"}
    made = await add(shop, order(1, fields=mine))
    (form,) = sent(sim, "OrderAdd")
    assert (form["warehouse"], form["bl_pass"]) == ("B", KEY)
    assert form["email"] == "zaneta.kupujaca@example.com"
    assert sum("the protocol's own" in warning for warning in made.warnings) == 2


async def test_a_line_whose_total_is_no_multiple_keeps_its_total(sim: FileSimulator, shop: IntegrationFile) -> None:
    price, total = Money(Decimal("3.33"), "PLN"), Money(Decimal("10.00"), "PLN")
    line = Line(id="1", name="Mug", quantity=3, unit_price=price, total=total, sku="KUB-330")
    made = await add(shop, order(1, lines=(line,), total=total + order(1).delivery.cost))
    assert made.total == total + order(1).delivery.cost
    assert made.stock_fell is True
    assert sim.shop.goods("KUB-330").stock == 97


async def test_a_product_that_is_not_there_goes_in_with_a_warning(sim: FileSimulator, shop: IntegrationFile) -> None:
    made = await add(shop, order(1, "NOWHERE"))
    (product,) = json.loads(sent(sim, "OrderAdd")[0]["products"])
    assert (product["id"], product["sku"]) == ("", "NOWHERE")
    assert made.warnings[0].startswith("SKU NOWHERE was not found")
    assert made.stock_fell is None


async def test_a_filter_that_is_ignored_binds_no_wrong_product(sim: FileSimulator, shop: IntegrationFile) -> None:
    sim.ignores.add("filter_sku")
    await add(shop, order(1, "NOWHERE", "KUB-330"))
    wrong, right = json.loads(sent(sim, "OrderAdd")[0]["products"])
    assert (wrong["id"], right["id"]) == ("", sim.shop.goods("KUB-330").id)


async def test_stock_that_did_not_fall_is_told(sim: FileSimulator, shop: IntegrationFile) -> None:
    add_order = sim.shop.add_order
    sim.shop.add_order = lambda form: add_order({**form, "change_products_quantity": "0"})  # type: ignore[method-assign] # a shop that forgets
    made = await add(shop, order(1))
    assert made.stock_fell is False
    assert "The shop's stock did not fall for every line." in made.warnings


@pytest.mark.parametrize("swallows", [True, False])
async def test_an_order_without_a_number_is_a_failure(
    sim: FileSimulator, shop: IntegrationFile, *, swallows: bool
) -> None:
    await add(shop, order(1))
    sim.swallows = swallows
    sim.broken.add("OrderAdd")
    with pytest.raises(Rejected):
        await add(shop, order(2))
    assert len(sim.shop.orders) == 1


async def test_an_order_without_a_number_that_is_there_all_the_same_is_found(
    sim: FileSimulator, shop: IntegrationFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    act = sim._act

    def failing_late(action: str, form: dict[str, str]) -> object:
        answer = act(action, form)
        return {"order_id": None} if action == "OrderAdd" else answer

    monkeypatch.setattr(sim, "_act", failing_late)
    made = await add(shop, order(1))
    assert [made.id] == list(sim.shop.orders)


async def test_without_a_list_of_orders_a_missing_number_is_a_doubt(sim: FileSimulator, shop: IntegrationFile) -> None:
    sim.methods = tuple(name for name in sim.methods if name != "OrdersGet")
    sim.swallows = True
    sim.broken.add("OrderAdd")
    with pytest.raises(Unsure, match="without the order's number"):
        await add(shop, order(1))


@pytest.mark.parametrize("fate", [Fate.LOST, Fate.FAILED_AFTER, Fate.CUT, Fate.GARBAGE])
async def test_a_shop_that_knows_its_numbers_is_simply_asked_again(
    sim: FileSimulator, open_shop: OpenShop, fate: Fate
) -> None:
    sim.like("sylius")
    shop = open_shop(unique_numbers=True)
    await shop.find_products([])  # now it knows the methods
    sim.script("POST", "", Fate.GOOD, fate)  # the product is looked up first
    made = await add(shop, order(1, "KUB-330"))
    assert [made.id] == list(sim.shop.orders)
    assert len(sent(sim, "OrderAdd")) == 2


async def test_an_old_order_under_the_same_number_is_not_taken_for_the_new_one(
    sim: FileSimulator, open_shop: OpenShop
) -> None:
    sim.knows_numbers = True
    await add(open_shop(), order(1, number=5))
    with pytest.raises(Rejected, match="knew the number 5 already"):
        await add(open_shop(), order(2, number=5))
    made = await add(open_shop(number_base=1000), order(2, number=5))
    assert [made.id, "1005"] == [list(sim.shop.orders)[1], sim.shop.orders[made.id]["_number"]]


async def test_a_number_beyond_the_protocol_is_refused_before_it_is_sent(
    sim: FileSimulator, open_shop: OpenShop
) -> None:
    with pytest.raises(Rejected, match="number_base"):
        await add(open_shop(number_base=2**31 - 1), order(1))
    assert not sent(sim, "OrderAdd")


async def test_a_shop_that_drops_comments_is_told_of(sim: FileSimulator, shop: IntegrationFile) -> None:
    sim.shop.keeps_comments = False
    made = await add(shop, order(1))
    assert any("does not show the comment" in warning for warning in made.warnings)


async def test_an_order_that_cannot_be_read_back_is_added_all_the_same(
    sim: FileSimulator, shop: IntegrationFile
) -> None:
    sim.broken.add("OrdersGet")
    made = await add(shop, order(1))
    assert [made.id] == list(sim.shop.orders)
    assert made.total is None


async def test_whole_prices_show_in_the_total(sim: FileSimulator, shop: IntegrationFile) -> None:
    sim.shop.whole_prices = True
    made = await add(shop, order(1))
    assert made.total is not None
    assert made.total.amount < order(1).total.amount


async def test_no_request_carries_the_key_in_its_address(sim: FileSimulator, shop: IntegrationFile) -> None:
    await add(shop, order(1))
    await shop.find_order("of-kit-1", SINCE)
    assert all(KEY not in served.path and not served.query for served in sim.served)
