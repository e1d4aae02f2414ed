"""A form that can't be understood is kept with a reason that names the field, and never tells what is in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderferry import Malformed, MalformedOrder, Order
from plugins.allegro import mapping

Json = dict[str, Any]

PERSONAL = ("Kowalski", "Nowak", "Grunwaldzka", "user-email", "500600700", "600 700", "red color", "Fakturowa", "Udix")


FORM = Path(__file__).with_name("whole_form.json").read_text(encoding="utf-8")


def set_at(*path: str | int, value: object) -> Callable[[Json], None]:
    def change(form: Json) -> None:
        place: Any = form
        for part in path[:-1]:
            place = place[part]
        place[path[-1]] = value

    return change


def drop(*path: str | int) -> Callable[[Json], None]:
    def change(form: Json) -> None:
        place: Any = form
        for part in path[:-1]:
            place = place[part]
        del place[path[-1]]

    return change


LINE = ("lineItems", 0)
BROKEN: list[tuple[str, Callable[[Json], None], str]] = [
    ("unknown status", set_at("status", value="ON_THE_MOON"), "$.status"),
    ("no status", drop("status"), "status"),
    ("no id", drop("id"), "id"),
    ("number for id", set_at("id", value=7), "$.id"),
    ("empty id", set_at("id", value=""), "id"),
    ("no buyer", drop("buyer"), "buyer"),
    ("buyer is text", set_at("buyer", value="Jan Kowalski"), "$.buyer"),
    ("login is a list", set_at("buyer", "login", value=["Kowalski"]), "$.buyer.login"),
    ("name of a novel", set_at("buyer", "firstName", value="Kowalski" * 100), "Buyer.first_name"),
    ("no lines", set_at("lineItems", value=[]), "lineItems"),
    ("lines are null", set_at("lineItems", value=None), "$.lineItems"),
    ("no offer", drop(*LINE, "offer"), "offer"),
    ("no offer name", drop(*LINE, "offer", "name"), "name"),
    ("no price", drop(*LINE, "price"), "price"),
    ("price is a number", set_at(*LINE, "price", "amount", value=41.15), "$.lineItems[0].price.amount"),
    ("price is a word", set_at(*LINE, "price", "amount", value="much"), "$.lineItems[0].price"),
    ("price is infinite", set_at(*LINE, "price", "amount", value="Infinity"), "$.lineItems[0].price"),
    ("price is no number", set_at(*LINE, "price", "amount", value="NaN"), "$.lineItems[0].price"),
    ("price of a planet", set_at(*LINE, "price", "amount", value="1e30"), "$.lineItems[0].price"),
    ("price times quantity", set_at(*LINE, "price", "amount", value="999999999"), "amount"),
    ("currency of nowhere", set_at(*LINE, "price", "currency", value="złoty"), "$.lineItems[0].price"),
    ("two currencies", set_at(*LINE, "price", "currency", value="EUR"), "PLN"),
    ("quantity of text", set_at(*LINE, "quantity", value="3"), "$.lineItems[0].quantity"),
    ("half a quantity", set_at(*LINE, "quantity", value=1.5), "$.lineItems[0].quantity"),
    ("no quantity", set_at(*LINE, "quantity", value=0), "quantity"),
    ("less than none", set_at(*LINE, "quantity", value=-1), "quantity"),
    ("quantity of atoms", set_at(*LINE, "quantity", value=10**12), "quantity"),
    ("quantity beyond numbers", set_at(*LINE, "quantity", value=10**40), "quantity"),
    ("tax of 400 per cent", set_at(*LINE, "tax", value={"rate": "400"}), "$.lineItems[0].tax.rate"),
    ("never bought", set_at(*LINE, "boughtAt", value=None), "boughtAt"),
    ("bought some day", set_at(*LINE, "boughtAt", value="yesterday"), "boughtAt"),
    ("bought nowhere in time", set_at(*LINE, "boughtAt", value="2026-03-01T12:20:43"), "boughtAt"),
    ("never changed", set_at("updatedAt", value=None), "$.updatedAt"),
    ("no total", drop("summary"), "summary"),
    ("total is null", set_at("summary", "totalToPay", value=None), "$.summary.totalToPay"),
    ("total in another currency", set_at("summary", "totalToPay", "currency", value="CZK"), "CZK"),
    ("no delivery cost", set_at("delivery", "cost", value=None), "$.delivery.cost"),
    ("no delivery", set_at("delivery", value=None), "$.delivery"),
    ("no street", drop("delivery", "address", "street"), "$.delivery.address"),
    ("a country in words", set_at("delivery", "address", "countryCode", value="Kowalski"), "$.delivery.address"),
    ("a street of a mile", set_at("delivery", "address", "street", value="Grunwaldzka" * 99), "Address.street"),
    ("2 MB of comment", set_at("messageToSeller", value="red color" * 222_222), "Order.comment"),
    ("paid in another currency", set_at("payment", "paidAmount", "currency", value="EUR"), "surcharge"),
    ("finished some day", set_at("payment", "finishedAt", value="soon"), "$.payment.finishedAt"),
    ("invoice to nobody", set_at("invoice", "address", value=None), "$.invoice.address"),
    ("invoice abroad", set_at("invoice", "address", "countryCode", value="Udix"), "$.invoice.address"),
    ("services are text", set_at(*LINE, "selectedAdditionalServices", value="x"), "selectedAdditionalServices"),
    ("2,001 lines", lambda form: form.update(lineItems=form["lineItems"] * 2001), "2,001 lines"),
]


@pytest.mark.parametrize(("change", "named"), [pytest.param(c, n, id=i) for i, c, n in BROKEN])
def test_broken_forms(change: Callable[[Json], None], named: str) -> None:
    form = json.loads(FORM)
    if named == "surcharge":
        form["surcharges"] = [{"id": "1", "type": "ONLINE", "paidAmount": {"amount": "1.00", "currency": "PLN"}}]
        named = "currencies"
    change(form)
    raw = json.dumps(form).encode()
    found = mapping.order_or_malformed(raw)
    assert isinstance(found, MalformedOrder)
    assert named in found.reason
    assert not [word for word in PERSONAL if word in found.reason]
    assert len(found.reason) <= 400
    assert found.raw == raw
    assert found.external_id == (form.get("id") if isinstance(form.get("id"), str) and form.get("id") else None)


@pytest.mark.parametrize("raw", [b"", b"null", b"[]", b"<html>", b'{"id": "a"', b"\xff\xfe", b"[" * 100_000, b"7"])
def test_no_form_at_all(raw: bytes) -> None:
    with pytest.raises(Malformed):
        mapping.order(raw)
    assert isinstance(mapping.order_or_malformed(raw), MalformedOrder)


def _paths(value: object, before: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found: list[tuple[str | int, ...]] = [before] if before else []
    if isinstance(value, dict):
        for key, part in value.items():
            found += _paths(part, (*before, key))
    elif isinstance(value, list):
        for place, part in enumerate(value):
            found += _paths(part, (*before, place))
    return found


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["", "NaN", "-0", "1e9999999", "\x00", "9" * 600, "🎁", "2026-01-01T00:00:00"]),
    st.lists(st.none(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.none(), max_size=2),
)


@given(path=st.sampled_from(_paths(json.loads(FORM))), value=ODD)
def test_anything_anywhere_gives_an_order_or_a_malformed_one(path: tuple[str | int, ...], value: object) -> None:
    form = json.loads(FORM)
    set_at(*path, value=value)(form)
    found = mapping.order_or_malformed(json.dumps(form).encode())
    assert isinstance(found, Order | MalformedOrder)
    if isinstance(found, MalformedOrder):
        assert not [word for word in PERSONAL if word in found.reason]
