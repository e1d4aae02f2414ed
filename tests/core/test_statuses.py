"""Rules lead an order on through the seller's statuses, and only a cancellation leads it anywhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.statuses import Happening, Ladder, Rules

KEYS = ("new", "paid", "packing", "sent", "delivered", "cancelled", "returned")
LADDER = Ladder(keys=KEYS, rules=Rules(paid="paid", parcel_sent="sent"))


@pytest.mark.parametrize(
    ("status", "happening", "expected"),
    [
        ("new", Happening.PAID, "paid"),
        ("sent", Happening.PAID, "sent"),
        ("paid", Happening.PARCEL_SENT, "sent"),
        ("delivered", Happening.PARCEL_SENT, "delivered"),
        ("returned", Happening.CANCELLED, "cancelled"),
        ("cancelled", Happening.PAID, "cancelled"),
        ("gone-from-the-list", Happening.PAID, "paid"),
    ],
)
def test_a_rule_leads_on_and_never_back(status: str, happening: Happening, expected: str) -> None:
    assert LADDER.after(status, happening) == expected


def test_without_a_rule_nothing_changes() -> None:
    plain = Ladder(keys=KEYS)
    assert plain.after("new", Happening.PAID) == "new"
    assert plain.after("new", Happening.PARCEL_SENT) == "new"
    assert plain.after("sent", Happening.CANCELLED) == "cancelled"


@given(st.lists(st.sampled_from([Happening.PAID, Happening.PARCEL_SENT]), max_size=8))
def test_whatever_order_things_happen_in_the_end_is_the_same(happenings: list[Happening]) -> None:
    status = "new"
    for happening in happenings:
        status = LADDER.after(status, happening)
    expected = "sent" if Happening.PARCEL_SENT in happenings else "paid" if happenings else "new"
    assert status == expected


def test_the_beginnings_are_the_statuses_with_which_an_order_is_put_into_a_shop() -> None:
    assert LADDER.beginnings == ("new", "paid")
    assert Ladder(keys=KEYS).beginnings == ("new",)
