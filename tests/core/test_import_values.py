"""The text of a cell -> a value: what sellers' programs write is read, and what allows two readings is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core import import_values as values
from daemon.core.import_values import BadCell
from orderferry import PaymentKind

WARSAW = timezone(timedelta(hours=1))


@pytest.mark.parametrize(
    ("text", "decimal", "expected"),
    [
        ("12,50", None, "12.50"),
        ("12.5", None, "12.5"),
        ("1 234,56", None, "1234.56"),
        ("1\u00a0234,56 zł", None, "1234.56"),
        ("1.234,56", None, "1234.56"),
        ("1,234.56", None, "1234.56"),
        ("1.234.567", None, "1234567"),
        ("1,234,567", None, "1234567"),
        ("0,125", None, "0.125"),
        ("12.5000", None, "12.5000"),
        ("PLN 7", None, "7"),
        ("-3", None, "-3"),
        ("1,234", ",", "1.234"),
        ("1,234", ".", "1234"),
        ("1.234", ",", "1234"),
        ("1.234", ".", "1.234"),
        ("1'234.50", None, "1234.50"),
    ],
)
def test_numbers(text: str, decimal: str | None, expected: str) -> None:
    assert values.number(text, decimal) == Decimal(expected)


@pytest.mark.parametrize(
    "text", ["", "x", "1,2,3", "12,34.5", "1.23.456", "--1", "1e5", "NaN", "٣٠", "1,", "12 zl", "0x1", "1_000", ",5"]
)
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(BadCell, match="is not a number"):
        values.number(text, None)


@pytest.mark.parametrize("text", ["1,234", "12.500", "-1.234"])
def test_a_number_that_allows_two_readings_is_not_guessed(text: str) -> None:
    with pytest.raises(BadCell, match="thousands or a fraction"):
        values.number(text, None)


@given(st.decimals(0, 10**8, places=2), st.sampled_from(["{:.2f}", "{:,.2f}"]), st.booleans())
def test_every_amount_of_two_decimals_is_read_as_it_was_written(value: Decimal, form: str, comma: bool) -> None:
    text = form.format(value)
    written = text.translate(str.maketrans(",.", ".,")) if comma else text
    assert values.amount(written, None) == value
    assert values.amount(written, "," if comma else ".") == value


@given(st.text(max_size=30))
def test_any_text_is_a_number_or_a_bad_cell_that_does_not_repeat_it(text: str) -> None:
    for decimal in (None, ",", "."):
        told = ""
        try:
            values.number(text, decimal)
        except BadCell as bad:
            told = str(bad)
        assert len(text) < 8 or text not in told


@pytest.mark.parametrize(("text", "why"), [("-1", "below zero"), ("1.2345", "more than two decimals")])
def test_what_is_no_amount(text: str, why: str) -> None:
    with pytest.raises(BadCell, match=why):
        values.amount(text, None)


def test_pieces_are_whole() -> None:
    assert values.quantity("2,00", None) == 2
    with pytest.raises(BadCell, match="whole number"):
        values.quantity("2,5", None)


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        ("2026-03-02", None, "2026-03-01T23:00"),
        ("2026-03-02 10:30", None, "2026-03-02T09:30"),
        ("2026-03-02T10:30:15", None, "2026-03-02T09:30:15"),
        ("2026-03-02T10:30:00Z", None, "2026-03-02T10:30"),
        ("2026-03-02T10:30:00+05:00", None, "2026-03-02T05:30"),
        ("02.03.2026", None, "2026-03-01T23:00"),
        ("02.03.2026 10:30", None, "2026-03-02T09:30"),
        ("02-03-2026 10:30:15", None, "2026-03-02T09:30:15"),
        ("03/02/2026", "%m/%d/%Y", "2026-03-01T23:00"),
    ],
)
def test_moments(text: str, form: str | None, expected: str) -> None:
    assert values.moment(text, form, WARSAW) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "form"),
    [("02/03/2026", None), ("yesterday", None), ("46083", None), ("2026-02-30", None), ("2026-03-02", "%d.%m.%Y")],
)
def test_what_is_no_date(text: str, form: str | None) -> None:
    with pytest.raises(BadCell, match="is not a date"):
        values.moment(text, form, WARSAW)


@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31T23:59:59-05:00", "1066-10-14"])
def test_dates_beyond_the_calendar(text: str) -> None:
    with pytest.raises(BadCell, match="beyond the calendar"):
        values.moment(text, None, WARSAW)


@pytest.mark.parametrize("text", ["tak", "TAK", "Opłacone", "yes", "1", "true", "paid"])
def test_yes(text: str) -> None:
    assert values.yes(text)


@pytest.mark.parametrize("text", ["nie", "Nieopłacone", "no", "0", "false", "unpaid"])
def test_no(text: str) -> None:
    assert not values.yes(text)


def test_neither_yes_nor_no() -> None:
    with pytest.raises(BadCell, match="neither yes nor no"):
        values.yes("maybe")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Płatność za pobraniem", PaymentKind.CASH_ON_DELIVERY),
        ("COD", PaymentKind.CASH_ON_DELIVERY),
        ("Przelewy24", PaymentKind.ONLINE),
        ("przelew bankowy", PaymentKind.TRANSFER),
        ("BLIK", PaymentKind.ONLINE),
        ("gold", PaymentKind.OTHER),
        ("theirs", PaymentKind.DEFERRED),
    ],
)
def test_kinds_of_payment(text: str, kind: PaymentKind) -> None:
    assert values.payment_kind(text, {"theirs": PaymentKind.DEFERRED}) is kind


@pytest.mark.parametrize(("text", "code"), [("pl", "PL"), ("Polska", "PL"), ("Węgry", "HU"), ("DEU", "DE")])
def test_countries(text: str, code: str) -> None:
    assert values.country(text) == code


def test_an_unknown_country() -> None:
    with pytest.raises(BadCell, match="two letters"):
        values.country("Atlantis")


@pytest.mark.parametrize(
    ("text", "expected"), [("23", "23"), ("23%", "23"), ("8,00 %", "8.00"), ("7.125", "7.125"), ("0", "0")]
)
def test_tax_rates(text: str, expected: str) -> None:
    assert values.rate(text) == Decimal(expected)


def test_what_is_exempt_has_no_rate_and_a_hundred_per_cent_is_none() -> None:
    assert values.rate("zw") is None
    with pytest.raises(BadCell, match="tax rate"):
        values.rate("100")
