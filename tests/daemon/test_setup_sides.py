"""Both sides of a map: what is written, what holds without it, what is proposed, and what is open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from daemon.setup.sides import Came, Row, State, Word, deliveries, payments, rows, statuses
from orderferry import Choice, ChoiceKind

ZONES = (
    Choice(id="flat_rate:1", title="InPost Paczkomaty 24/7"),
    Choice(id="flat_rate:2", title="Kurier DPD"),
)
DPD = Choice(id="m-1", title="Allegro Kurier DPD")
LOCKER = Choice(id="m-2", title="Allegro Paczkomaty InPost")


def mapped(
    ours: tuple[Word, ...],
    kind: ChoiceKind = ChoiceKind.DELIVERIES,
    *,
    choices: tuple[Choice, ...] = ZONES,
    written: Mapping[str, Any] | None = None,
    preset: Mapping[str, str] | None = None,
) -> dict[str, tuple[State, str | None]]:
    found = rows(ours, choices, kind, written=written or {}, preset=preset or {})
    return {row.key: (row.state, row.choice) for row in found}


def test_a_status_is_preset_written_switched_off_proposed_or_open() -> None:
    hub = statuses({"new": "New", "paid": "Paid", "packing": "Packing", "sent": "Wysłane", "lent": "Lent"}, ())
    woo = (Choice(id="processing", title="Processing"), Choice(id="completed", title="Completed"))
    found = mapped(
        hub,
        ChoiceKind.STATUSES,
        choices=woo,
        written={"paid": "on-hold", "packing": ""},
        preset={"new": "processing", "paid": "on-hold"},
    )
    assert found == {
        "new": (State.PRESET, "processing"),
        "paid": (State.WRITTEN, "on-hold"),
        "packing": (State.OFF, None),
        "sent": (State.PROPOSED, "completed"),
        "lent": (State.OPEN, None),
    }


def test_an_order_is_not_added_with_what_the_shop_refuses_for_new_ones() -> None:
    choices = (Choice(id="1", title="New", not_new="it would mail"), Choice(id="2", title="Sent", not_new="likewise"))
    found = mapped(statuses({"new": "New", "sent": "Sent"}, {"new"}), ChoiceKind.STATUSES, choices=choices)
    assert found == {"new": (State.OPEN, None), "sent": (State.PROPOSED, "2")}


def test_payments_are_our_kinds_and_the_providers_that_came() -> None:
    came = [Came(account="a", method="P24"), Came(account="b", method="p24"), Came(account="a", method="ONLINE")]
    ours = payments(came)
    assert [one.key for one in ours] == ["online", "cash_on_delivery", "transfer", "deferred", "other", "P24"]
    assert ours[-1].accounts == ("a", "b")
    found = mapped(ours, ChoiceKind.PAYMENTS, choices=(Choice(id="p24", title="Przelewy24"),))
    assert found["P24"] == (State.PROPOSED, "p24")


def test_a_delivery_method_is_written_by_its_name_once_for_all_accounts() -> None:
    ours = deliveries({"a": (DPD, LOCKER), "b": (Choice(id="x-9", title="allegro  kurier DPD"),)})
    assert [(one.key, one.accounts) for one in ours] == [(DPD.title, ("a", "b")), (LOCKER.title, ("a",))]
    assert mapped(ours) == {
        DPD.title: (State.PROPOSED, "flat_rate:2"),
        LOCKER.title: (State.PROPOSED, "flat_rate:1"),
    }


def test_a_name_that_says_not_which_method_is_meant_gives_way_to_the_id() -> None:
    two = (DPD, Choice(id="m-3", title="Allegro kurier dpd"))
    ours = deliveries({"a": two})
    assert [one.key for one in ours] == ["m-1", "m-3"]
    by_name = mapped(ours, written={DPD.title: "flat_rate:1", "m-3": "flat_rate:2"})
    assert by_name["m-1"] == (State.WRITTEN, "flat_rate:1"), "an entry by name is for all of that name"
    taken = (Choice(id="1", title="Default"), Choice(id="2", title="SHOP"))  # they mean something else in that table
    assert [one.key for one in deliveries({"shop": taken})] == ["1", "2"]


def test_what_is_written_by_name_or_by_id_or_for_every_account_is_not_proposed_again() -> None:
    ours = deliveries({"a": (DPD,), "b": (DPD,)})
    for written in (
        {"ALLEGRO  kurier dpd": "flat_rate:1"},
        {"m-1": "flat_rate:1"},
        {"a": {"m-1": "flat_rate:1"}, "b": {DPD.title: "flat_rate:1"}},
    ):
        assert mapped(ours, written=written)[DPD.title] == (State.WRITTEN, "flat_rate:1")
    half = mapped(ours, written={"a": {"m-1": "flat_rate:1"}})
    assert half == {DPD.title: (State.PROPOSED, "flat_rate:2")}


def test_an_entry_that_is_none_of_our_words_is_shown() -> None:
    written = {"default": "flat_rate:2", "Old": "gone", "a": {"default": "flat_rate:1", "m-2": "flat_rate:1"}}
    found = rows(deliveries({"a": (LOCKER,)}), ZONES, ChoiceKind.DELIVERIES, written=written, preset={})
    assert [(row.key, row.choice, row.choice_title) for row in found] == [
        (LOCKER.title, "flat_rate:1", "InPost Paczkomaty 24/7"),
        ("default", "flat_rate:2", "Kurier DPD"),
        ("Old", "gone", None),
        ("a.default", "flat_rate:1", "InPost Paczkomaty 24/7"),
    ]


def test_what_came_is_listed_beside_what_the_marketplaces_list() -> None:
    came = [Came(account="b", method="Kurier GLS"), Came(account="a", method="m-1")]
    assert [(one.key, one.accounts) for one in deliveries({"a": (DPD,)}, came)] == [
        (DPD.title, ("a",)),
        ("Kurier GLS", ("b",)),
    ]


CHOICES = st.lists(
    st.builds(
        Choice, id=st.text(min_size=1, max_size=4), title=st.sampled_from(["Kurier DPD", "kurier dpd", "List", "a"])
    ),
    max_size=5,
    unique_by=lambda choice: choice.id,
)


@given(st.dictionaries(st.sampled_from(["a", "b"]), CHOICES), CHOICES)
def test_writing_all_that_is_proposed_leaves_nothing_to_propose(
    lists: dict[str, list[Choice]], choices: list[Choice]
) -> None:
    ours = deliveries(lists)
    first = rows(ours, choices, ChoiceKind.DELIVERIES, written={}, preset={})
    proposed = {row.key: row.choice or "" for row in first if row.state is State.PROPOSED}
    again: tuple[Row, ...] = rows(ours, choices, ChoiceKind.DELIVERIES, written=proposed, preset={})
    assert [row.key for row in again if row.state is State.PROPOSED] == []
    assert {row.key for row in again} == {row.key for row in first}
