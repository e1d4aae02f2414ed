"""Rows of a source -> orders and complaints: whole orders or none, each number once, totals to the cent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.core.import_fields import FIELDS, Columns, SourceMap, UnclearColumns
from daemon.core.import_orders import MAX_TEXTS, Complaint, Row, Times, orders
from daemon.imports.reading import batches
from orderferry import Money, Order, PaymentKind, Stage
from orderferry.model import MAX_LINES

FILE_TIME = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
NOW = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
TIMES = Times(now=NOW, file=FILE_TIME, zone=UTC)
SECRET = "Kanaria"

CELLS = {
    "number": "1001",
    "product": "Mug",
    "sku": "MUG-1",
    "quantity": "2",
    "price": "12.50",
    "currency": "PLN",
    "street": "Solna 1",
    "city": SECRET,
    "country": "PL",
}


def row(line: int = 2, **cells: str | None) -> Row:
    whole: dict[str, str | None] = {**CELLS, **cells}
    return Row(line=line, cells={column: text for column, text in whole.items() if text is not None})


def made(*rows: Row, mapping: SourceMap | None = None) -> list[Order | Complaint]:
    mapping = mapping or SourceMap()
    return list(orders(rows, Columns(mapping), mapping, TIMES))


def one(*rows: Row, mapping: SourceMap | None = None) -> Order:
    (found,) = made(*rows, mapping=mapping)
    assert isinstance(found, Order), found
    return found


def refused(*rows: Row, mapping: SourceMap | None = None) -> Complaint:
    (found,) = made(*rows, mapping=mapping)
    assert isinstance(found, Complaint), found
    return found


def pln(amount: str) -> Money:
    return Money(Decimal(amount), "PLN")


def test_a_row_is_an_order_of_one_line() -> None:
    order = one(row())
    assert (order.external_id, order.stage, order.total) == ("1001", Stage.READY, pln("25.00"))
    (line,) = order.lines
    assert (line.name, line.sku, line.quantity, line.unit_price, line.total) == (
        "Mug", "MUG-1", 2, pln("12.50"), pln("25.00"),
    )  # fmt: skip
    assert (order.ordered_at, order.updated_at) == (FILE_TIME, NOW)
    assert order.delivery.cost == pln("0.00")
    assert (order.payment.kind, order.paid, order.invoice) == (PaymentKind.OTHER, False, None)


def test_rows_of_one_number_that_stand_together_are_its_lines() -> None:
    order = one(
        row(delivery_cost="9,99", total="44,99"),
        row(3, product="Plate", sku=None, quantity="1", price="10", street="", city="", country=None, currency=None),
    )
    assert [line.name for line in order.lines] == ["Mug", "Plate"]
    assert order.total == pln("44.99")


def test_what_is_given_of_an_order_arrives() -> None:
    order = one(
        row(
            ordered_at="2026-11-01 10:00",
            recipient="Jan Maria Kowalski",
            company="Kowalski sp. z o.o.",
            street="Długa",
            house="7",
            flat="12",
            postcode="00-001",
            email="a@b.pl",
            phone="600100200",
            login="jan",
            comment="x" * 600,
            delivery_method="Kurier",
            payment="Przelew",
            paid="tak",
            tax_id="5250001009",
            ean="5901234123457",
            tax_rate="23",
            pickup_point="POZ08A",
        )
    )
    address = order.delivery.address
    assert address is not None
    assert (address.first_name, address.last_name, address.street) == ("Jan Maria", "Kowalski", "Długa 7/12")
    assert (order.buyer.first_name, order.buyer.login, order.buyer.company) == (
        "Jan Maria",
        "jan",
        "Kowalski sp. z o.o.",
    )
    assert order.ordered_at == datetime(2026, 11, 1, 10, 0, tzinfo=UTC)
    assert (order.payment.kind, order.payment.paid) == (PaymentKind.TRANSFER, pln("25.00"))
    assert order.invoice is not None
    assert (order.invoice.tax_id, order.invoice.address) == ("5250001009", address)
    assert order.delivery.pickup_point is not None
    assert order.lines[0].tax_rate == 23


def test_an_invoice_may_have_an_address_of_its_own() -> None:
    own: dict[str, Any] = {"invoice_company": "ACME", "invoice_street": "Rynek 1", "invoice_city": "Kraków"}
    invoice = one(row(**own)).invoice
    assert invoice is not None
    assert (invoice.address.company, invoice.address.city, invoice.address.country) == ("ACME", "Kraków", "PL")
    named = one(row(invoice_name="Anna Nowak", company="Other")).invoice
    assert named is not None
    assert (named.address.last_name, named.address.street) == ("Nowak", "Solna 1")


def test_an_amount_that_came_in_goes_before_yes_and_no() -> None:
    assert one(row(paid_amount="10,00")).payment.paid == pln("10.00")
    assert one(row(paid_amount="0")).payment.paid is None
    assert not one(row(paid="nie")).paid
    assert "does not agree" in refused(row(paid="nie", paid_amount="25")).reason
    assert "does not agree" in refused(row(paid="tak", paid_amount="24.99")).reason


def test_defaults_hold_where_a_cell_is_empty() -> None:
    mapping = SourceMap(defaults={"currency": "EUR", "country": "DE", "payment": "cod", "delivery_cost": "5"})
    order = one(row(currency="", country=None, delivery_cost=""), row(3, currency=None, country=None), mapping=mapping)
    assert order.total == Money(Decimal("55.00"), "EUR")
    assert order.payment.kind is PaymentKind.CASH_ON_DELIVERY
    other = one(row(country=None), row(3, currency=None, country=None), mapping=mapping)
    assert other.total.currency == "PLN", "a default of a later row does not speak against the first"


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"price": "abc"}, "price: is not a number"),
        ({"price": ""}, "price: is empty"),
        ({"price": "-1"}, "price: is below zero"),
        ({"quantity": "0"}, "quantity: is less than one"),
        ({"quantity": "2000000"}, "a quantity of 2000000 can't be right"),
        ({"product": "", "sku": None}, "product: is empty, and so is the SKU"),
        ({"total": "24.99"}, "total: is 24.99, but lines and delivery make 25.00"),
        ({"line_total": "24.99"}, "line_total: is 24.99, but 2 x 12.50 is 25.00"),
        ({"currency": "złoty"}, "currency: is not a currency's three letters"),
        ({"currency": ""}, "currency: is empty"),
        ({"street": "", "city": ""}, "neither an address nor a pickup point"),
        ({"street": ""}, "street: is empty"),
        ({"country": "Narnia"}, "country: is not a country's two letters"),
        ({"ordered_at": ""}, "ordered_at: is empty"),
        ({"ordered_at": "soon"}, "ordered_at: is not a date"),
        ({"product": "x" * 501}, "product: has more than 500 characters"),
        ({"street": "", "city": "", "pickup_point": "P1", "tax_id": "1"}, "an invoice needs an address"),
    ],
)
def test_what_is_no_order_is_told_with_its_column(cells: Mapping[str, str | None], reason: str) -> None:
    found = refused(row(7, **cells))
    assert (found.line, found.number) == (7, "1001")
    assert reason in found.reason
    assert SECRET not in found.reason


def test_one_bad_row_makes_its_whole_order_a_complaint_with_that_row_s_line() -> None:
    found = refused(row(2), row(3, price="x"), row(4))
    assert (found.line, found.number) == (3, "1001")
    assert SECRET in found.raw


def test_rows_of_an_order_must_not_say_different_things_of_it() -> None:
    assert "city: differs from the order's first row, in line 2" in refused(row(2), row(3, city="Elsewhere")).reason


def test_a_number_that_comes_again_later_is_a_complaint_and_the_first_stands() -> None:
    first, other, again = made(row(2), row(3, number="1002"), row(4))
    assert isinstance(first, Order)
    assert isinstance(other, Order)
    assert isinstance(again, Complaint)
    assert (again.line, again.again) == (4, True)
    assert "came before" in again.reason


def test_rows_without_a_number_or_with_one_that_is_no_text_are_told() -> None:
    nameless, other = made(row(2, number=""), row(3, number="\x07"))
    assert isinstance(nameless, Complaint)
    assert (nameless.number, nameless.reason) == (None, "the order's number is missing")
    assert isinstance(other, Complaint)
    assert other.number is None


def test_elements_of_one_number_are_not_one_order() -> None:
    rows = [Row(line=place, cells=CELLS, record=place, lines="items") for place in (1, 2)]
    first, second = made(*rows)
    assert isinstance(first, Order)
    assert isinstance(second, Complaint)


def test_an_order_without_end_is_refused_without_being_held() -> None:
    found = refused(*(row(place) for place in range(2, MAX_LINES + 500)))
    assert "beyond the limit" in found.reason
    long = refused(*(row(place, product="x" * 500) for place in range(2, 2 + MAX_TEXTS // 500 + 1)))
    assert "its lines have more than" in long.reason
    wide = Columns(SourceMap())
    rows = (Row(line=place, cells={**CELLS, "unused": "x" * 1_000_000}) for place in range(2, 1_000))
    (bulky,) = orders(rows, wide, SourceMap(), TIMES)
    assert isinstance(bulky, Complaint)
    assert "its rows have more than" in bulky.reason


CELL = st.sampled_from(["", "1", "2", "1,5", "1,234", "x", "-1", "PLN", "tak", "nie", "2026-01-01", "Solna 1", "zw"])
FREE_ROWS = st.lists(st.dictionaries(st.sampled_from([*FIELDS]), CELL, max_size=12), max_size=12)


@settings(max_examples=60, deadline=None)
@given(FREE_ROWS)
def test_whatever_is_in_the_cells_every_number_ends_as_an_order_or_with_a_complaint(
    given_rows: list[dict[str, str]],
) -> None:
    rows = [Row(line=line, cells={**CELLS, **cells}) for line, cells in enumerate(given_rows, 2)]
    found = made(*rows)
    told = {one.external_id if isinstance(one, Order) else one.number for one in found}
    assert told == {r.cells["number"].strip() or None for r in rows}
    whole = [one for one in found if isinstance(one, Order)]
    assert len({order.external_id for order in whole}) == len(whole)
    for order in whole:
        assert order.total.amount == sum(line.total.amount for line in order.lines) + order.delivery.cost.amount


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=30), st.integers(1, 10), st.integers(1, 5_000))
def test_any_split_into_batches_holds_the_same_in_the_same_order(sizes: list[int], most: int, size: int) -> None:
    rows: list[Row] = []
    for number, lines in enumerate(sizes):
        price = "x" if number % 7 == 3 else "1.00"
        rows += [row(len(rows) + 2 + place, number=f"N{number}", price=price) for place in range(lines)]
    found = made(*rows)
    cut = list(batches(found, most, size))
    assert [one for batch in cut for one in batch.orders] == [one for one in found if isinstance(one, Order)]
    assert [one for batch in cut for one in batch.complaints] == [one for one in found if isinstance(one, Complaint)]
    for batch in cut:
        held = sum(map(len, batch.encoded)) + 6 * sum(len(one.raw) for one in batch.complaints)
        count = len(batch.orders) + len(batch.complaints)
        assert count <= most
        assert held <= size or count == 1


def columns(names: str, mapping: SourceMap | None = None, lines: str | None = None) -> dict[str, str]:
    return Columns(mapping or SourceMap(), lines).fields(names.split("|"))


@pytest.mark.parametrize(
    ("names", "lines", "fields"),
    [
        ("Nr zamówienia|Ilość|Cena|Nazwa|Waluta", None, "number quantity price product currency"),
        ("Order ID|Qty|Unit price|Product name|Ship date", None, "number quantity price product -"),
        ("id|customer.name|billing.city|shipping.address.city|items.name|items.total", "items",
         "number recipient invoice_city city product line_total"),
        ("order.number|total|delivery.cost|items.item.price", "items.item", "number total delivery_cost price"),
        ("@id|buyer.email|currency", "items", "number email currency"),
        ("Name|Kod", None, "- -"),
    ],
)  # fmt: skip
def test_columns_are_known_by_their_names(names: str, lines: str | None, fields: str) -> None:
    expected = {name: field for name, field in zip(names.split("|"), fields.split(), strict=True) if field != "-"}
    assert columns(names, lines=lines) == expected


def test_no_two_fields_have_one_name() -> None:
    for inside in (False, True):
        for of_line in (False, True):
            fields = [about for about in FIELDS.values() if not inside or about.of_line is of_line]
            names = [name for about in fields for name in (*about.names, *(about.inside if inside else ()))]
            assert len(names) == len(set(names))


@pytest.mark.parametrize("field", FIELDS)
def test_a_column_may_have_the_field_s_own_name(field: str) -> None:
    assert columns(field) == {field: field}


def test_two_columns_for_one_field_are_not_guessed_and_a_mapping_decides() -> None:
    with pytest.raises(UnclearColumns, match="'Cena' and 'Cena brutto' both look like price"):
        columns("Cena|Cena brutto")
    mapping = SourceMap(columns={"price": "Cena brutto", "sku": ""})
    assert columns("Cena|Cena brutto|SKU", mapping) == {"Cena brutto": "price"}


def test_what_is_missing_is_named_with_a_mapping_to_begin_with() -> None:
    names = ['Nr "zam"', "SKU", "Preis"]
    with pytest.raises(UnclearColumns) as caught:
        Columns(SourceMap()).check(names)
    for word in ("number", "quantity", "price", "currency", "street and city"):
        assert word in str(caught.value)
    assert 'sku = "SKU"' in caught.value.start
    assert r'#   "Nr \"zam\""' in caught.value.start
    with pytest.raises(UnclearColumns, match="'Gone', which is not in the file"):
        Columns(SourceMap(columns={"ean": "Gone"})).check([*CELLS])
    Columns(SourceMap()).check([*CELLS])


def test_a_country_is_only_needed_for_an_address() -> None:
    needed: list[Any] = [column for column in CELLS if column not in {"street", "city", "country"}]
    Columns(SourceMap()).check([*needed, "pickup_point"])
    with pytest.raises(UnclearColumns, match='no country = "PL" under'):
        Columns(SourceMap()).check([*needed, "street", "city"])
