"""The journal's rows: kinds have names that stay, and what a row holds comes back as it was."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core import telling
from daemon.core.journal import Data, Entry, Kind

AT = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
SCALAR = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20)
DATA = st.dictionaries(st.text(min_size=1, max_size=10), SCALAR | st.lists(st.text(max_size=5), max_size=3), max_size=5)


@pytest.mark.parametrize("kind", list(Kind))
def test_a_kind_is_its_own_name_in_small_letters(kind: Kind) -> None:
    assert kind.value == kind.name.lower()
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", kind.value)


def test_every_kind_has_its_sentence_and_every_sentence_its_kind() -> None:
    assert set(telling._SENTENCES) == set(Kind)


@given(DATA, st.sampled_from(list(Kind)))
def test_a_row_comes_back_from_json_as_it_was(data: Data, kind: Kind) -> None:
    entry = Entry(id=3, at=AT, kind=kind, order=12, account="my-shop", job=17, data=data)
    assert msgspec.json.decode(msgspec.json.encode(entry), type=Entry) == entry


def test_a_row_needs_no_more_than_its_kind_and_its_moment() -> None:
    bare = Entry(at=AT, kind=Kind.FETCHED)
    assert (bare.id, bare.order, bare.account, bare.job, bare.data) == (0, None, None, None, {})


def test_a_row_is_not_changed_once_it_is_made() -> None:
    with pytest.raises(AttributeError):
        Entry(at=AT, kind=Kind.FETCHED).id = 5  # type: ignore[misc] # that is what is tested
