"""Carriers' spellings come down to one name each, and what names nobody stays unknown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderferry.carriers import SPELLINGS, _words, canonical

NAMED = [(name, spelling) for name, others in SPELLINGS.items() for spelling in (name, *others)]


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("DPD", "DPD"),
        ("dpd", "DPD"),
        ("Kurier DPD (pobranie)", "DPD"),
        ("INPOST", "InPost"),
        ("Allegro Paczkomaty InPost", "InPost"),
        ("Paczkomaty 24/7", "InPost"),
        ("POCZTA_POLSKA", "Poczta Polska"),
        ("Zásilkovna", "Packeta"),
        ("Przesyłkownia", "Packeta"),
        ("Oesterreichische Post", "Österreichische Post"),
        ("österreichische post", "Österreichische Post"),
        ("Deutsche Post DHL", "DHL"),
        ("Deutsche Post", "Deutsche Post"),
        ("Hermes UK", "Evri"),
        ("Hermes Logistik Gruppe", "Hermes"),
        ("Correos Express", "Correos Express"),
        ("Česká Pošta", "Česká pošta"),
        ("B-Post", "bpost"),
    ],
)
def test_spellings(spelling: str, name: str) -> None:
    assert canonical(spelling) == name


@pytest.mark.parametrize("spelling", ["", "  ", "Other", "Zuch Kurier", "post", "DPDX", "upsala", "DPD lub GLS", "?"])
def test_what_names_nobody_or_two_is_unknown(spelling: str) -> None:
    assert canonical(spelling) is None


def test_no_spelling_belongs_to_two_carriers() -> None:
    seen: dict[str, str] = {}
    for name, spelling in NAMED:
        assert seen.setdefault(_words(spelling), name) == name


@pytest.mark.parametrize(("name", "spelling"), NAMED)
def test_every_listed_spelling_leads_to_its_name(name: str, spelling: str) -> None:
    assert canonical(spelling) == name
    assert canonical(f"  {spelling.upper()}! ") == name


@given(st.text(max_size=40))
def test_any_text_has_an_answer_and_a_name_is_its_own(text: str) -> None:
    found = canonical(text)
    assert found is None or canonical(found) == found
