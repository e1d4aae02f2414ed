"""References inside free text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderferry.references import carries, reference_in


@pytest.mark.parametrize(
    "text",
    [
        "of-kit-1",
        "of-kit-1\nplease ring",
        "please ring\r\nof-kit-1",
        "<p>of-kit-1<br/>please ring</p>",
        "[of-kit-1]",
        "note (of-kit-1), urgent",
    ],
)
def test_a_whole_reference_is_seen(text: str) -> None:
    assert carries(text, "of-kit-1")
    assert reference_in(text, "of-kit-") == "of-kit-1"


@pytest.mark.parametrize("text", ["", "of-kit-12", "xof-kit-1", "of-kit-", "of-kit-1x"])
def test_what_only_begins_or_ends_alike_is_not_it(text: str) -> None:
    assert not carries(text, "of-kit-1")


@given(st.text(), st.text())
def test_whatever_stands_around_it_on_other_lines(before: str, after: str) -> None:
    assert carries(f"{before}\nferry7abc\n{after}", "ferry7abc")
