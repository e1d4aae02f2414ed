"""The arithmetic of taxes: against what a real shop answered, and against the simulator's own."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from plugins.shops.woocommerce import prices
from plugins.shops.woocommerce.prices import Goods, Item, Place, Rate, TaxRules
from plugins.shops.woocommerce.simulator_state import SimShop
from plugins.shops.woocommerce.simulator_taxes import SimRate, SimTaxes
from tests.plugins.woocommerce.recorded import NEEDED, Exchange, added, exchanges, recording

ZERO = Decimal(0)
RATES = (
    Rate(id=1, tax_class="", percent=Decimal(23), country="PL"),
    Rate(id=2, tax_class="reduced-rate", percent=Decimal(8), country="PL"),
    Rate(id=3, tax_class="zero-rate", percent=ZERO, country="PL"),
)
POLISH = TaxRules(
    enabled=True, prices_include_tax=True, shop=Place("PL"), classes=("reduced-rate", "zero-rate"), rates=RATES
)
PL = Place("PL")


def items_of(body: dict[str, Any], answer: dict[str, Any], rules: TaxRules, place: Place) -> list[Item]:
    items = []
    for sent, made in zip(body["line_items"], answer["line_items"], strict=True):
        net = amount(sent["total"]) if "total" in sent else Decimal("81.284553")  # two mugs by the catalogue
        items.append(Item(net, prices.rates_for(made["tax_class"], rules, place), made["tax_class"]))
    return items


def amount(text: str) -> Decimal:
    return Decimal(text) if text.replace(".", "").lstrip("-").isdigit() else ZERO


@NEEDED
@pytest.mark.parametrize(
    "exchange", added("06", "07", "08", "09", "11", "12", "13", "14", "15", "16", "17", "18", "22", "23", "29", "30")
)
def test_the_total_foreseen_is_the_one_that_the_real_shop_made(exchange: Exchange) -> None:
    body, answer = exchange["request"]["body"], exchange["response"]["body"]
    if not all("total" in line or line.get("product_id") != 999999 for line in body["line_items"]):
        pytest.skip("a line of no product and no price")
    exempt = any(entry["key"] == "is_vat_exempt" for entry in answer["meta_data"])
    subtotal = exchange is exchanges("12")[1]
    rules = TaxRules(
        enabled=not exempt,
        prices_include_tax=True,
        shop=PL,
        round_at_subtotal=subtotal,
        classes=POLISH.classes,
        rates=RATES,
    )
    country = answer["shipping"]["country"] or answer["billing"]["country"] or "PL"
    place = Place(country)
    items = items_of(body, answer, rules, place)
    goods = [Goods(item.net, item.tax_class or "") for item in items]
    tax_class = prices.shipping_class(goods, rules)
    rates = prices.rates_for(tax_class or "", rules, place) if tax_class is not None else ()
    shipping = Item(amount(body["shipping_lines"][0]["total"]), rates, tax_class)
    fee = sum((amount(line["total"]) for line in body.get("fee_lines", [])), ZERO)
    assert prices.foresee(items, shipping, fee, rules, place) == Decimal(answer["total"])


@NEEDED
def test_the_recordings_of_prices_are_all_there() -> None:
    assert len(recording("11")["summary"]) == 12
    assert len(added("11", "12", "13")) == 17


cents = st.integers(1, 500_000).map(lambda value: Decimal(value).scaleb(-2))
percents = st.sampled_from([Decimal(23), Decimal(8), Decimal(5), ZERO, Decimal(20), Decimal("5.5"), Decimal("8.1")])
goods_lists = st.lists(
    st.tuples(cents, st.sampled_from(["", "reduced-rate", "zero-rate"]), st.sampled_from(["taxable", "none"])),
    min_size=1,
    max_size=7,
)


@settings(deadline=None)
@example(  # only the end rounds, and a half of a cent of the delivery is over
    lines=[(Decimal("0.01"), "", "taxable")],
    delivery=Decimal("0.93"),
    standard=Decimal(20),
    reduced=ZERO,
    inclusive=False,
    at_subtotal=True,
    enabled=True,
    country="PL",
)
@given(
    lines=goods_lists,
    delivery=st.one_of(st.just(ZERO), cents),
    standard=percents,
    reduced=percents,
    inclusive=st.booleans(),
    at_subtotal=st.booleans(),
    enabled=st.booleans(),
    country=st.sampled_from(["PL", "DE"]),
)
def test_the_simulated_shop_arrives_at_the_marketplaces_total(  # noqa: PLR0917 - hypothesis names them all
    lines: list[tuple[Decimal, str, str]],
    delivery: Decimal,
    standard: Decimal,
    reduced: Decimal,
    inclusive: bool,
    at_subtotal: bool,
    enabled: bool,
    country: str,
) -> None:
    """Whatever the rates and the settings: the foreseen total is the simulator's, and both are the wanted one."""
    rules = TaxRules(
        enabled=enabled,
        prices_include_tax=inclusive,
        shop=PL,
        round_at_subtotal=at_subtotal,
        classes=POLISH.classes,
        rates=(
            Rate(id=1, tax_class="", percent=standard, country="PL"),
            Rate(id=2, tax_class="reduced-rate", percent=reduced, country="PL"),
        ),
    )
    goods = [Goods(gross, tax_class, status) for gross, tax_class, status in lines]
    total = sum((line.gross for line in goods), delivery)
    priced = prices.price(goods, delivery, total, rules, Place(country))
    shop = simulated(rules)
    products = [
        shop.add_product(f"P{n}", tax_class=line.tax_class, tax_status=line.status) for n, line in enumerate(goods)
    ]
    body: dict[str, Any] = {
        "shipping": {"country": country},
        "line_items": [
            {"product_id": product.id, "quantity": 1, "total": f"{net:f}", "subtotal": f"{net:f}"}
            for product, net in zip(products, priced.lines, strict=True)
        ],
        "shipping_lines": [{"method_id": "other", "total": f"{priced.delivery:f}"}],
    }
    if priced.fee:
        body["fee_lines"] = [{"name": "Rounding", "total": f"{priced.fee:f}", "tax_status": "none"}]
    made = Decimal(shop.add_order(body)["total"])
    assert made == priced.total == total
    assert abs(priced.fee) <= Decimal("0.01") * (len(goods) + 1)


def simulated(rules: TaxRules) -> SimShop:
    shop = SimShop(lambda: datetime(2026, 1, 5, tzinfo=UTC))
    shop.taxes = SimTaxes(
        enabled=rules.enabled,
        prices_include_tax=rules.prices_include_tax,
        round_at_subtotal=rules.round_at_subtotal,
        classes=list(rules.classes),
        rates=[
            SimRate(id=rate.id, country="PL", rate=int(rate.percent * 10_000), name="VAT", tax_class=rate.tax_class)
            for rate in rules.rates
        ],
    )
    return shop


def test_a_gap_larger_than_rounding_is_left_to_be_seen() -> None:
    priced = prices.price([Goods(Decimal("99.98"))], ZERO, Decimal("89.98"), POLISH, PL)
    assert priced.fee == 0
    assert priced.total == Decimal("99.98")


def test_a_gross_price_that_no_net_price_reaches_gets_a_fee_of_a_cent() -> None:
    """0.03 at 20 %: net 0.025 and tax 0.005 both lie in the middle, and both are rounded down."""
    rules = TaxRules(
        enabled=True, prices_include_tax=True, rates=(Rate(id=1, tax_class="", percent=Decimal(20), country="PL"),)
    )
    priced = prices.price([Goods(Decimal("0.03"))], ZERO, Decimal("0.03"), rules, PL)
    assert (priced.fee, priced.total) == (Decimal("0.01"), Decimal("0.03"))


@pytest.mark.parametrize(
    ("based_on", "method", "expected"),
    [
        ("shipping", "other", "CZ"),
        ("billing", "other", "DE"),
        ("base", "other", "PL"),
        ("shipping", "local_pickup", "PL"),
    ],
)
def test_where_an_order_is_taxed(based_on: str, method: str, expected: str) -> None:
    rules = TaxRules(enabled=True, based_on=based_on, shop=PL)
    assert prices.place_of(Place("DE"), Place("CZ"), method, rules).country == expected


def test_without_a_delivery_address_the_billing_one_counts_and_then_the_shops() -> None:
    rules = TaxRules(enabled=True, shop=PL)
    assert prices.place_of(Place("DE"), Place(), "other", rules).country == "DE"
    assert prices.place_of(Place(), Place(), "other", rules).country == "PL"


def test_of_each_priority_the_most_exact_rate_applies() -> None:
    rules = TaxRules(
        enabled=True,
        rates=(
            Rate(id=1, tax_class="", percent=Decimal(10)),
            Rate(id=2, tax_class="", percent=Decimal(20), country="US", state="CA"),
            Rate(id=3, tax_class="", percent=Decimal(21), country="US", state="CA", postcodes=("902*",)),
            Rate(id=4, tax_class="", percent=Decimal(22), country="US", state="CA", postcodes=("90000...90100",)),
            Rate(id=5, tax_class="", percent=Decimal(1), country="US", priority=2, compound=True),
        ),
    )

    def ids(place: Place) -> list[int]:
        return [rate.id for rate in prices.rates_for("", rules, place)]

    assert ids(Place("FR")) == [1]
    assert ids(Place("US", "CA", "10001")) == [2, 5]
    assert ids(Place("US", "CA", "90210")) == [3, 5]
    assert ids(Place("US", "CA", "90 050")) == [4, 5]


def test_compound_rates_tax_the_taxes_before_them() -> None:
    rules = TaxRules(
        enabled=True,
        rates=(
            Rate(id=1, tax_class="", percent=Decimal(5), country="CA"),
            Rate(id=2, tax_class="", percent=Decimal(10), country="CA", priority=2, compound=True),
        ),
    )
    priced = prices.price([Goods(Decimal("115.50"))], ZERO, Decimal("115.50"), rules, Place("CA"))
    assert priced.lines == (Decimal("100.000000"),)
    assert (priced.fee, priced.total) == (ZERO, Decimal("115.50"))


def test_the_delivery_is_taxed_like_the_first_class_of_the_goods() -> None:
    assert prices.shipping_class([Goods(ZERO, "zero-rate"), Goods(ZERO, "reduced-rate")], POLISH) == "reduced-rate"
    assert prices.shipping_class([Goods(ZERO, "reduced-rate"), Goods(ZERO)], POLISH) == ""
    assert prices.shipping_class([Goods(ZERO, "", "none")], POLISH) is None


def test_a_rate_that_does_not_tax_deliveries_leaves_their_price_whole() -> None:
    rate = Rate(id=1, tax_class="", percent=Decimal(23), country="PL", shipping=False)
    rules = TaxRules(enabled=True, rates=(rate,))
    priced = prices.price([Goods(Decimal("12.30"))], Decimal("9.99"), Decimal("22.29"), rules, PL)
    assert (priced.lines, priced.delivery) == ((Decimal("10.000000"),), Decimal("9.990000"))
    assert (priced.fee, priced.total) == (ZERO, Decimal("22.29"))


def test_a_delivery_of_a_set_class_is_taxed_by_that() -> None:
    rules = TaxRules(enabled=True, shipping_class="reduced-rate", rates=RATES)
    priced = prices.price([Goods(Decimal("12.30"))], Decimal("10.80"), Decimal("23.10"), rules, PL)
    assert (priced.delivery, priced.total) == (Decimal("10.000000"), Decimal("23.10"))
