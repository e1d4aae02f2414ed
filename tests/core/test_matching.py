"""Matching our words with a platform's choices: what is proposed, and what never is."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.matching import Ours, likeness, meaning, plain, propose
from orderferry import Choice, ChoiceKind

STATUSES, PAYMENTS, DELIVERIES = ChoiceKind.STATUSES, ChoiceKind.PAYMENTS, ChoiceKind.DELIVERIES

WOO = {
    "pending": "Pending payment",
    "processing": "Processing",
    "on-hold": "On hold",
    "completed": "Completed",
    "cancelled": "Cancelled",
    "refunded": "Refunded",
    "failed": "Failed",
}
POLISH = {
    "1": "Oczekiwanie na płatność czekiem",
    "2": "Płatność zaakceptowana",
    "3": "Przygotowanie w toku",
    "4": "Wysłane",
    "5": "Dostarczone",
    "6": "Anulowane",
    "7": "Zwrot",
    "8": "Błąd płatności",
}
GATEWAYS = {"bacs": "Direct bank transfer", "cheque": "Check payments", "cod": "Cash on delivery", "p24": "Przelewy24"}
POLISH_GATEWAYS = {"1": "Przelew tradycyjny", "2": "Za pobraniem", "3": "Szybkie płatności PayU", "4": "Inne"}
ZONES = {
    "flat_rate:1": "Polska: InPost Paczkomaty 24/7",
    "flat_rate:2": "Polska: Kurier InPost",
    "flat_rate:3": "Polska: DPD courier",
    "flat_rate:4": "Polska: Kurier DPD (płatność przy odbiorze)",
    "flat_rate:5": "Registered letter",
    "local_pickup:6": "Local pickup",
}


def choices(titles: dict[str, str]) -> tuple[Choice, ...]:
    return tuple(Choice(id=key, title=title) for key, title in titles.items())


def proposed(name: str, titles: dict[str, str], kind: ChoiceKind) -> str | None:
    found = propose([Ours(key="k", names=(name,))], choices(titles), kind)
    return found["k"].id if found else None


@pytest.mark.parametrize(
    ("ours", "titles", "theirs"),
    [
        ("new", WOO, None),
        ("paid", WOO, "processing"),
        ("packing", WOO, "processing"),
        ("Pakowanie", WOO, "processing"),
        ("sent", WOO, "completed"),
        ("Wysłane", WOO, "completed"),
        ("delivered", WOO, "completed"),
        ("cancelled", WOO, "cancelled"),
        ("Zwrócone", WOO, "refunded"),
        ("paid", POLISH, "2"),
        ("packing", POLISH, "3"),
        ("sent", POLISH, "4"),
        ("delivered", POLISH, "5"),
        ("cancelled", POLISH, "6"),
        ("returned", POLISH, "7"),
        ("Opłacone", {"1": "Awaiting bank wire payment", "2": "Payment accepted"}, "2"),
        ("Gotowe do wysłania", {"1": "Wysłane", "2": "Ready for shipment"}, "2"),
        ("waiting for the tailor", {"1": "At the tailor's", "2": "Waiting for the tailor"}, "2"),
    ],
)
def test_statuses(ours: str, titles: dict[str, str], theirs: str | None) -> None:
    assert proposed(ours, titles, STATUSES) == theirs


@pytest.mark.parametrize(
    ("ours", "titles", "theirs"),
    [
        ("online", GATEWAYS, "p24"),
        ("cash_on_delivery", GATEWAYS, "cod"),
        ("transfer", GATEWAYS, "bacs"),
        ("deferred", GATEWAYS, None),
        ("other", GATEWAYS, None),
        ("online", POLISH_GATEWAYS, "3"),
        ("cash_on_delivery", POLISH_GATEWAYS, "2"),
        ("transfer", POLISH_GATEWAYS, "1"),
        ("other", POLISH_GATEWAYS, "4"),
        ("P24", {"a": "Przelewy24", "b": "PayU"}, "a"),
        ("PAYU", {"a": "Przelewy24", "b": "PayU"}, "b"),
        ("deferred", {"a": "PayPo - kup teraz, zapłać później", "b": "Przelew"}, "a"),
    ],
)
def test_payments(ours: str, titles: dict[str, str], theirs: str | None) -> None:
    assert proposed(ours, titles, PAYMENTS) == theirs


@pytest.mark.parametrize(
    ("ours", "titles", "theirs"),
    [
        ("Allegro Paczkomaty InPost", ZONES, "flat_rate:1"),
        ("InPost parcel locker", ZONES, "flat_rate:1"),
        ("Allegro miniKurier24 InPost", ZONES, "flat_rate:2"),
        ("Allegro Kurier DPD", ZONES, "flat_rate:3"),
        ("Allegro Kurier DPD pobranie", ZONES, "flat_rate:4"),
        ("DPD courier, cash on delivery", ZONES, "flat_rate:4"),
        ("List polecony priorytetowy", ZONES, "flat_rate:5"),
        ("Odbiór osobisty", ZONES, "local_pickup:6"),
        ("Allegro Kurier UPS", ZONES, None),
        ("Przesyłka elektroniczna (e-mail)", ZONES, None),
        ("Allegro Kurier UPS", {"1": "Kurier", "2": "Paczkomat"}, "1"),
    ],
)
def test_deliveries(ours: str, titles: dict[str, str], theirs: str | None) -> None:
    assert proposed(ours, titles, DELIVERIES) == theirs


def test_the_shop_s_id_may_say_what_its_title_does_not() -> None:
    assert proposed("Odbiór osobisty", {"local_pickup:1": "Przyjdź do nas"}, DELIVERIES) == "local_pickup:1"


def test_two_that_are_equally_alike_leave_it_to_the_seller() -> None:
    assert proposed("packing", {"1": "przyjęte do realizacji", "2": "w trakcie kompletowania"}, STATUSES) is None


def test_what_no_order_may_be_given_is_never_proposed() -> None:
    sent = Choice(id="4", title="Sent", never="it would mail every buyer")
    assert not propose([Ours(key="sent", names=("sent",))], [sent], STATUSES)


def test_what_no_order_may_be_added_with_is_proposed_for_later_statuses_alone() -> None:
    paid = Choice(id="2", title="Paid", not_new="the shop adds no paid order")
    assert not propose([Ours(key="paid", names=("paid",), begins=True)], [paid], STATUSES)
    assert propose([Ours(key="paid", names=("paid",))], [paid], STATUSES) == {"paid": paid}


NAMES = st.one_of(st.sampled_from([*ZONES.values(), *POLISH.values(), *GATEWAYS.values()]), st.text(max_size=40))
KINDS = st.sampled_from([STATUSES, PAYMENTS, DELIVERIES])


@given(NAMES, KINDS)
def test_case_diacritics_and_blanks_do_not_matter(name: str, kind: ChoiceKind) -> None:
    bare = "".join(letter for letter in unicodedata.normalize("NFD", name) if not unicodedata.combining(letter))
    assert meaning(f"  {name.casefold()} ", kind) == meaning(name, kind)
    assert meaning(bare, kind) == meaning(name, kind)
    assert plain(plain(name)) == plain(name)


@given(NAMES, NAMES, KINDS)
def test_likeness_is_mutual_and_between_nothing_and_whole(one: str, other: str, kind: ChoiceKind) -> None:
    mine, theirs = meaning(one, kind), meaning(other, kind)
    assert 0 <= likeness(mine, theirs) == likeness(theirs, mine) <= 1
    assert likeness(mine, mine) == (1 if mine else 0)


@given(st.lists(NAMES, max_size=6), st.lists(NAMES, max_size=6), KINDS, st.randoms())
def test_the_order_of_the_lists_does_not_matter(
    ours: list[str], theirs: list[str], kind: ChoiceKind, chance: object
) -> None:
    mine = [Ours(key=name, names=(name,)) for name in ours]
    listed = [Choice(id=str(place), title=title) for place, title in enumerate(theirs)]
    found = propose(mine, listed, kind)
    chance.shuffle(listed)  # type: ignore[attr-defined] # hypothesis' own Random
    assert propose(reversed(mine), listed, kind) == found
    assert set(found.values()) <= set(listed)
