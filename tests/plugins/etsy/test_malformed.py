"""A receipt that can't be understood is kept with a reason that names the field, and never tells what is in it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderferry import Malformed, MalformedOrder, Order
from plugins.etsy import mapping
from tests.plugins.etsy.made import RECEIPT, Json, a_receipt, encoded, money

PERSONAL = ("Schmidt", "Anna", "Roma", "Milano", "mail.example", "red please", "For Ola")
Path = tuple[str | int, ...]


def line(**changes: Any) -> Json:
    return {"transactions": [{**RECEIPT["transactions"][0], **changes}, RECEIPT["transactions"][1]]}


BROKEN: list[tuple[str, Json, str]] = [
    ("text for id", {"receipt_id": "Anna"}, "$.receipt_id"),
    ("no id", {"receipt_id": None}, "$.receipt_id"),
    ("unknown status", {"status": "on the moon"}, "$.status"),
    ("no status", {"status": None}, "$.status"),
    ("no lines", {"transactions": []}, "$.transactions"),
    ("lines are null", {"transactions": None}, "$.transactions"),
    ("no total", {"grandtotal": None}, "$.grandtotal"),
    ("total in words", {"grandtotal": {"amount": "much", "divisor": 100, "currency_code": "EUR"}}, "$.grandtotal"),
    ("half a cent", {"grandtotal": {"amount": 1.5, "divisor": 100, "currency_code": "EUR"}}, "$.grandtotal"),
    ("divided by nothing", {"grandtotal": money(1, 0)}, "$.grandtotal.divisor"),
    ("divided by less", {"grandtotal": money(1, -100)}, "$.grandtotal.divisor"),
    ("total of a planet", {"grandtotal": money(10**30)}, "$.grandtotal"),
    ("currency of nowhere", {"grandtotal": money(1, 100, "złoty")}, "$.grandtotal"),
    ("two currencies", {"total_shipping_cost": money(1, 100, "PLN")}, "currencies"),
    ("a coupon in another", {"discount_amt": money(1, 100, "PLN")}, "currencies"),
    ("a line in another", line(price=money(1, 100, "PLN")), "currencies"),
    ("no price", line(price=None), "$.transactions[0].price"),
    ("no quantity", line(quantity=0), "$.transactions[0].quantity"),
    ("half a quantity", line(quantity=1.5), "$.transactions[0].quantity"),
    ("quantity of atoms", line(quantity=10**40), "$.transactions[0].quantity"),
    ("never bought", {"created_timestamp": None, "create_timestamp": None}, "$.created_timestamp"),
    ("bought at the end of time", {"created_timestamp": 10**18}, "$.created_timestamp"),
    ("never changed", {"updated_timestamp": None, "update_timestamp": None}, "$.updated_timestamp"),
    ("refunded some day", {"refunds": [{"created_timestamp": "soon"}]}, "$.refunds[0].created_timestamp"),
    ("refunded at the end of time", {"refunds": [{"created_timestamp": 10**18}]}, "$.refunds[0].created_timestamp"),
    ("no city", {"city": None}, "no city"),
    ("no country", {"country_iso": ""}, "no country_iso"),
    ("a country in words", {"country_iso": "Schmidt"}, "$.country_iso"),
    ("a street of a mile", {"first_line": "Via Roma" * 99}, "Address.street"),
    ("name of a novel", {"name": "Schmidt" * 100}, "Address.last_name"),
    ("2 MB of a message", {"message_from_buyer": "red please" * 200_000}, "Order.comment"),
    ("2,002 lines", {"transactions": RECEIPT["transactions"] * 1001}, "lines is beyond"),
]


@pytest.mark.parametrize(("changes", "named"), [pytest.param(c, n, id=i) for i, c, n in BROKEN])
def test_broken_receipts(changes: Json, named: str) -> None:
    with pytest.raises(Malformed) as caught:
        mapping.order(encoded(a_receipt(**changes)))
    assert named in str(caught.value)
    assert not [word for word in PERSONAL if word in str(caught.value)]


@pytest.mark.parametrize("raw", [b"", b"<html>", b"null", b"[]", b"\xff", b'{"receipt_id":' + b"[" * 5000])
def test_what_is_no_receipt_at_all(raw: bytes) -> None:
    found = mapping.order_or_malformed(raw)
    assert isinstance(found, MalformedOrder)
    assert found.external_id is None
    assert found.raw == raw


def test_a_malformed_receipt_keeps_its_number_and_its_times() -> None:
    raw = encoded(a_receipt(grandtotal=None))
    found = mapping.order_or_malformed(raw)
    assert found.external_id == "3000000001"
    assert mapping.peek(raw) == mapping.Peek(receipt_id="3000000001", created=1_767_600_000, updated=1_767_600_600)


def _paths(value: object, before: Path = ()) -> list[Path]:
    found = [before] if before else []
    if isinstance(value, dict):
        found += [path for key, part in value.items() for path in _paths(part, (*before, key))]
    elif isinstance(value, list):
        found += [path for n, part in enumerate(value) for path in _paths(part, (*before, n))]
    return found


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["", "-1", "1e999999", "\x00", "9" * 600, "🎁", 10**400, -(10**400), 2**63]),
    st.lists(st.none(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.none(), max_size=2),
)


@given(path=st.sampled_from(_paths(RECEIPT)), value=ODD)
def test_anything_anywhere_gives_an_order_or_a_malformed_one(path: Path, value: object) -> None:
    receipt = copy.deepcopy(RECEIPT)
    place: Any = receipt
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    raw = encoded(receipt)
    found = mapping.order_or_malformed(raw)
    assert isinstance(found, Order | MalformedOrder)
    if isinstance(found, MalformedOrder):
        assert not [word for word in PERSONAL if word in found.reason]
    mapping.peek(raw)
