"""Fetching the shop's own orders, finding orders and products, lists and the check."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from orderferry import ChoiceKind, NeedsLogin, PaymentKind, ProductKey, Secret, Stage, Unavailable
from orderferry.testing.clock import VirtualClock
from orderferry.testing.simulator import Fate
from plugins.shops.prestashop.platform import PrestaShop
from plugins.shops.prestashop.simulator import READ_KEY, PrestaSimulator
from tests.plugins.prestashop.asking import add, every_page, held, order, requests
from tests.plugins.prestashop.conftest import OpenShop

# --- the shop's own orders


async def test_an_order_of_the_shop_is_fetched_whole(shop: PrestaShop, sim: PrestaSimulator) -> None:
    made = sim.place_order({"quantity": 3})
    sim.shop.rows["addresses"][int(made["id_address_invoice"])] |= {"vat_number": "PL5252248481", "company": "X"}
    (page,) = await every_page(shop)
    (fetched,) = page.orders
    assert (fetched.external_id, fetched.stage, fetched.revision) == (made["id"], Stage.READY, made["date_upd"])
    assert fetched.ordered_at == datetime.strptime(made["date_add"], "%Y-%m-%d %H:%M:%S").replace(
        tzinfo=sim.shop.zone
    ).astimezone(UTC)
    (line,) = fetched.lines
    assert (line.sku, line.ean, line.quantity, line.total.amount) == ("KUB-330", "5901234123457", 3, Decimal("149.97"))
    assert (fetched.total.amount, fetched.delivery.cost.amount) == (Decimal("159.96"), Decimal("9.99"))
    assert (fetched.delivery.method_id, fetched.delivery.method) == ("5", "InPost Paczkomaty 24/7")
    assert (fetched.buyer.email, fetched.buyer.last_name) == ("ola@example.com", "Testowa")
    assert fetched.invoice is not None
    assert (fetched.invoice.tax_id, fetched.invoice.address.company) == ("PL5252248481", "X")
    assert (fetched.payment.kind, fetched.paid) == (PaymentKind.TRANSFER, True)


@pytest.mark.parametrize(
    ("state", "module", "stage", "paid", "shipped"),
    [
        ("10", "ps_wirepayment", Stage.READY, False, False),
        ("6", "ps_wirepayment", Stage.CANCELLED, False, False),
        ("8", "ps_wirepayment", Stage.CANCELLED, False, False),
        ("4", "ps_wirepayment", Stage.READY, True, True),
        ("4", "ps_cashondelivery", Stage.READY, False, True),
    ],
)
async def test_a_state_says_how_far_an_order_is(  # noqa: PLR0917 - a table's columns
    state: str, module: str, stage: Stage, paid: bool, shipped: bool, shop: PrestaShop, sim: PrestaSimulator
) -> None:
    sim.shop.move(sim.place_order({"module": module}), state)
    (page,) = await every_page(shop)
    (fetched,) = page.orders
    assert (fetched.stage, fetched.paid, fetched.shipped) == (stage, paid, shipped)


async def test_discounts_and_wrapping_are_lines(shop: PrestaShop, sim: PrestaSimulator) -> None:
    made = sim.place_order()
    made |= {"total_discounts_tax_incl": "5.000000", "total_wrapping_tax_incl": "2.000000"}
    (page,) = await every_page(shop)
    extra = [(line.name, line.total.amount) for line in page.orders[0].lines if not line.goods]
    assert extra == [("Wrapping", Decimal("2.00")), ("Discount", Decimal("-5.00"))]


async def test_pages_are_turned_by_id_so_that_deleted_orders_move_nobody(
    shop: PrestaShop, sim: PrestaSimulator, clock: VirtualClock
) -> None:
    changed = (clock.now() - timedelta(days=2)).astimezone(sim.shop.zone).strftime("%Y-%m-%d %H:%M:%S")
    placed = []
    for _ in range(60):
        made = sim.place_order()
        made["date_upd"] = changed
        placed.append(made["id"])
    first = await shop.fetch_orders(None, None)
    assert first.more
    for number in placed[:20]:
        del sim.shop.rows["orders"][int(number)]
    rest = await every_page(shop, first.cursor)
    assert [fetched.external_id for page in (first, *rest) for fetched in page.orders] == placed


async def test_the_next_window_overlaps_and_holds_only_what_changed(shop: PrestaShop, sim: PrestaSimulator) -> None:
    old = sim.place_order()
    (page,) = await every_page(shop)
    old["date_upd"] = (sim.now() - timedelta(days=400)).astimezone(sim.shop.zone).strftime("%Y-%m-%d %H:%M:%S")
    new = sim.place_order()
    pages = await every_page(shop, page.cursor)
    assert [fetched.external_id for each in pages for fetched in each.orders] == [new["id"]]


async def test_an_order_without_its_address_is_kept_raw(shop: PrestaShop, sim: PrestaSimulator) -> None:
    made = sim.place_order()
    del sim.shop.rows["addresses"][int(made["id_address_delivery"])]
    (page,) = await every_page(shop)
    (malformed,) = page.malformed
    assert malformed.external_id == made["id"]
    assert "id_address_delivery" in malformed.reason
    assert b"<id_address_delivery" in malformed.raw


async def test_our_own_orders_cost_no_look_at_buyers(shop: PrestaShop, sim: PrestaSimulator) -> None:
    added = await add(shop, order())
    sim.served.clear()
    (page,) = await every_page(shop)
    assert [(echo.id, echo.reference, echo.paid, echo.status) for echo in page.echoes] == [
        (added.id, "of-kit-1", True, "11")
    ]
    assert requests(sim) == ["GET orders"]


# --- finding


async def test_an_order_is_found_by_exactly_its_reference(shop: PrestaShop, sim: PrestaSimulator) -> None:
    added = await add(shop, order())
    found = await shop.find_order("of-kit-1", datetime(2026, 1, 1, tzinfo=UTC))
    assert found == added
    assert await shop.find_order("OF-KIT-1", datetime(2026, 1, 1, tzinfo=UTC)) is None
    held(sim, added.id)["current_state"] = "8"
    failed = await shop.find_order("of-kit-1", datetime(2026, 1, 1, tzinfo=UTC))
    assert failed is not None
    assert failed.stock_fell is False


async def test_an_order_whose_making_was_cut_short_does_not_count_and_is_never_made_twice(
    shop: PrestaShop, sim: PrestaSimulator
) -> None:
    added = await add(shop, order())
    held(sim, added.id)["note"] = ""
    assert await shop.find_order("of-kit-1", datetime(2026, 1, 1, tzinfo=UTC)) is None
    again = await add(shop, order())  # by a store that has forgotten how far it came
    assert again.id == added.id
    assert "cut short" in again.warnings[0]
    assert len(sim.shop.rows["orders"]) == 1


async def test_an_order_that_is_there_twice_is_said_to_be(shop: PrestaShop, sim: PrestaSimulator) -> None:
    first, second = await add(shop, order(1)), await add(shop, order(2))
    held(sim, second.id)["gift_message"] = "of-kit-1"  # as of several requests at once for one cart (recording 26)
    found = await shop.find_order("of-kit-1", datetime(2026, 1, 1, tzinfo=UTC))
    assert found is not None
    assert found.id == first.id
    assert "2 times" in found.warnings[0]


@pytest.mark.parametrize(
    ("note", "transaction", "there"),
    [
        ("Allegro e-of-kit-1, BaseLinker", "", True),
        ("", "pay-4711", True),
        ("", "e-of-kit-1", True),
        ("Allegro e-of-kit-12", "pay-47110", False),
        ("", "", False),
    ],
)
async def test_an_order_that_another_tool_has_put_in_is_found(
    note: str, transaction: str, there: bool, shop: PrestaShop, sim: PrestaSimulator
) -> None:
    made = sim.place_order({"note": note})
    sim.shop.rows["order_payments"][1]["transaction_id"] = transaction
    found = await shop.find_purchase(order())
    assert (found is not None) is there
    assert found is None or found.id == made["id"]


async def test_our_own_order_is_no_other_tools(shop: PrestaShop) -> None:
    await add(shop, order())
    assert await shop.find_purchase(order()) is None


# --- products


async def test_products_and_combinations_are_found_by_sku_and_ean_with_their_stock(
    shop: PrestaShop, sim: PrestaSimulator
) -> None:
    keys = [
        ProductKey(sku="kosz-m"),
        ProductKey(sku="none", ean="5901234123457"),
        ProductKey(sku="KOSZ"),
        ProductKey(sku="A|B"),
        ProductKey(),
    ]
    combination, product, *missing = await shop.find_products(keys)
    assert combination is not None
    assert (combination.id, combination.parent_id, combination.sku, combination.stock) == ("1", "2", "KOSZ-M", 100)
    assert product is not None
    assert (product.id, product.parent_id, product.sku, product.ean) == ("1", None, "KUB-330", "5901234123457")
    assert missing == [None, None, None]
    sim.shop.add_product("KUB-330")
    fresh = ProductKey(ean="5901234123457")
    assert (await shop.find_products([fresh]))[0] is not None


async def test_a_reference_that_two_products_have_binds_none(shop: PrestaShop, sim: PrestaSimulator) -> None:
    sim.shop.add_product("KUB-330")
    assert await shop.find_products([ProductKey(sku="KUB-330")]) == (None,)


# --- lists and the check


async def test_states_say_where_they_must_not_be_used(shop: PrestaShop) -> None:
    states = {choice.id: choice for choice in await shop.list_choices(ChoiceKind.STATUSES)}
    assert states["2"].title == "Payment accepted"
    assert [number for number, choice in states.items() if choice.never] == ["8"]
    assert {number for number, choice in states.items() if choice.not_new} == {"6", "8"}


async def test_carriers_are_named_by_what_stays_when_they_are_edited(shop: PrestaShop, sim: PrestaSimulator) -> None:
    sim.shop.rows["carriers"][5] |= {"deleted": "1"}
    sim.shop.insert("carriers", {"id_reference": "5", "name": "InPost", "active": "1", "deleted": "0", "is_free": "0"})
    carriers = {choice.id: choice.title for choice in await shop.list_choices(ChoiceKind.DELIVERIES)}
    assert carriers == {"1": "Click and collect", "2": "My carrier", "6": "Kurier InPost", "5": "InPost"}
    assert await shop.list_choices(ChoiceKind.CARRIERS) == await shop.list_choices(ChoiceKind.DELIVERIES)


async def test_payment_modules_are_learnt_from_orders(shop: PrestaShop, sim: PrestaSimulator) -> None:
    sim.shop.modules.add("przelewy24")
    sim.place_order({"module": "przelewy24"})
    payments = {choice.id: choice.title for choice in await shop.list_choices(ChoiceKind.PAYMENTS)}
    assert payments == {
        "ps_wirepayment": "ps_wirepayment",
        "ps_cashondelivery": "ps_cashondelivery",
        "przelewy24": "Bank transfer",
    }


async def test_the_check_tells_what_it_found(shop: PrestaShop) -> None:
    report = await shop.check()
    assert report.summary == "PrestaShop 8.2.1, shop 'SklepTestowy', PLN, time zone Europe/Warsaw."
    assert not report.missing
    assert [note for note in report.notes if "mails the buyer" in note]
    assert "an order with goods that the shop doesn't know is refused" not in " ".join(report.notes)


async def test_the_check_says_what_the_shop_lacks(open_shop: OpenShop, sim: PrestaSimulator) -> None:
    sim.shop.configure("PS_STOCK_MANAGEMENT", "0")
    sim.shop.rows["carriers"][1]["active"] = "0"
    report = await open_shop(delivery_product="FREIGHT", other_product="OTHER").check()
    notes = " ".join(report.notes)
    assert "stock_on_add" in report.missing
    for told in ("no stock will fall", "free shipping", "FREIGHT", "OTHER"):
        assert told in notes


async def test_a_key_with_few_rights_can_do_what_they_allow(open_shop: OpenShop, sim: PrestaSimulator) -> None:
    sim.closed |= {"messages", "stock_availables"}
    missing = (await open_shop().check()).missing
    assert set(missing) == {"add_order", "find_products"}
    assert "messages: GET" in missing["add_order"]
    missing = (await open_shop(key=Secret(READ_KEY)).check()).missing
    assert set(missing) == {"add_order", "find_products", "set_status", "set_payment", "set_tracking"}
    sim.closed.add("currencies")
    with pytest.raises(NeedsLogin, match="currencies"):
        await open_shop().check()


async def test_a_time_zone_that_this_machine_does_not_know_is_said(shop: PrestaShop, sim: PrestaSimulator) -> None:
    sim.shop.configure("PS_TIMEZONE", "Mars/Olympus")
    with pytest.raises(Unavailable, match="tzdata"):
        await shop.check()


async def test_one_of_several_shops_is_asked_for_in_every_request(open_shop: OpenShop, sim: PrestaSimulator) -> None:
    await add(open_shop(id_shop=1), order())
    assert all(served.query.get("id_shop") == "1" for served in sim.served)
    sim.script("GET", "/orders", Fate.GOOD)
    with pytest.raises(Exception, match="no shop 7"):
        await open_shop(id_shop=7).check()


async def test_notices_before_the_xml_are_passed_over(shop: PrestaShop, sim: PrestaSimulator) -> None:
    sim.script("*", "", *[Fate.NOTICES] * 200)
    added = await add(shop, order())
    assert added.total == order().total
    assert msgspec.structs.replace(added, warnings=()) == added
