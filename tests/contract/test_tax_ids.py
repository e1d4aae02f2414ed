"""Tax ids as buyers write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderferry.tax_ids import SHAPES, TaxIdKind, read, valid_nip

NIP, EU, OTHER = TaxIdKind.NIP, TaxIdKind.EU_VAT, TaxIdKind.OTHER


@pytest.mark.parametrize(
    ("text", "country", "kind", "international"),
    [
        ("5252248481", None, NIP, "PL5252248481"),
        ("525-224-84-81", "PL", NIP, "PL5252248481"),
        ("PL 525 224 84 81", "DE", NIP, "PL5252248481"),
        ("NIP: 525-22-48-481", "PL", NIP, "PL5252248481"),
        ("pl5252248481", None, NIP, "PL5252248481"),
        ("5252248482", "PL", OTHER, "5252248482"),
        ("PL5252248482", "PL", OTHER, "PL5252248482"),
        ("DE123456789", None, EU, "DE123456789"),
        ("DE 123.456.789", "PL", EU, "DE123456789"),
        ("123456789", "DE", EU, "DE123456789"),
        ("123456789", None, OTHER, "123456789"),
        ("5252248481", "DE", OTHER, "5252248481"),
        ("ATU12345678", "AT", EU, "ATU12345678"),
        ("U12345678", "AT", EU, "ATU12345678"),
        ("EL123456789", "GR", EU, "EL123456789"),
        ("123456789", "GR", EU, "EL123456789"),
        ("FR AB 123456789", None, EU, "FRAB123456789"),
        ("IE1234567WA", None, EU, "IE1234567WA"),
        ("NL123456789B01", None, EU, "NL123456789B01"),
        ("GB123456789", None, OTHER, "GB123456789"),
        ("CHE-123.456.789", "CH", OTHER, "CHE123456789"),
    ],
)
def test_a_tax_id_is_taken_apart(text: str, country: str | None, kind: TaxIdKind, international: str) -> None:
    found = read(text, country)
    assert found is not None
    assert (found.kind, found.international) == (kind, international)


@pytest.mark.parametrize(
    ("text", "country", "written"),
    [("PL5252248481", "PL", "5252248481"), ("5252248481", "DE", "PL5252248481"), ("EL123456789", "GR", "123456789")],
)
def test_a_country_writes_its_own_numbers_bare(text: str, country: str, written: str) -> None:
    found = read(text)
    assert found is not None
    assert found.within(country) == written


@pytest.mark.parametrize("text", [None, "", "  ", "-", "NIP"])
def test_nothing_is_no_tax_id(text: str | None) -> None:
    assert read(text) is None


@pytest.mark.parametrize("number", ["", "525224848", "52522484811", "525224848A", "٥٢٥٢٢٤٨٤٨١", "1000000000"])
def test_not_a_nip(number: str) -> None:
    assert not valid_nip(number)


@given(st.integers(0, 999_999_999))
def test_at_most_one_check_digit_is_right(first_nine: int) -> None:
    good = [digit for digit in range(10) if valid_nip(f"{first_nine:09d}{digit}")]
    assert len(good) <= 1


@given(st.text(max_size=30), st.sampled_from([None, "PL", "DE", "GR", "US"]))
def test_reading_what_was_read_changes_nothing(text: str, country: str | None) -> None:
    once = read(text, country)
    if once is None or once.kind is OTHER:
        return
    assert read(once.international, country) == once


@pytest.mark.parametrize("prefix", sorted(SHAPES.keys() - {"PL"}))
def test_letters_and_spaces_alone_fit_no_country(prefix: str) -> None:
    found = read(f"{prefix}ABC")
    assert found is not None
    assert found.kind is OTHER
