"""What PrestaShop takes of a text, and our note."""

from __future__ import annotations

import pytest
from defusedxml import EntitiesForbidden
from hypothesis import given
from hypothesis import strategies as st

from orderferry import Malformed
from plugins.shops.prestashop import texts, wire
from plugins.shops.prestashop.simulator_tables import FORMATS, LONGEST
from plugins.shops.prestashop.texts import Marks
from tests.plugins.prestashop.asking import order

TEXT = st.text(max_size=300)


@given(TEXT)
def test_a_cleaned_name_is_one_that_the_shop_takes(text: str) -> None:
    name = texts.name(text)
    assert 0 < len(name) <= 255
    assert FORMATS["customers"]["lastname"].fullmatch(name)
    assert FORMATS["addresses"]["lastname"].fullmatch(name)


@given(TEXT, TEXT)
def test_a_street_is_two_lines_that_the_shop_takes(first: str, second: str) -> None:
    for line in texts.street(first, second):
        assert len(line) <= LONGEST["addresses"]["address1"]
        assert FORMATS["addresses"]["address1"].fullmatch(line)


@given(TEXT)
def test_a_written_text_is_read_as_it_was(text: str) -> None:
    legal = wire.record(wire.write("order", {"id": 1, "note": text})).get("note")
    assert legal == wire._ILLEGAL.sub("", text).replace("\r\n", "\n").replace("\r", "\n").strip()


@pytest.mark.parametrize("mark", [Marks.PAID, Marks.UNPAID, Marks.UNKNOWN, Marks.CASH_ON_DELIVERY, Marks.STATUS])
def test_the_word_on_the_payment_is_changed_and_nothing_else(mark: str) -> None:
    note = texts.note_of(order(fields={"Payment": "a field of the seller's"}))
    changed = texts.marked(note, mark)
    assert texts.mark_in(changed) == mark
    assert [line for line in changed.splitlines() if not line.startswith("Payment: ")] == [
        line for line in note.splitlines() if not line.startswith("Payment: ")
    ]
    assert "(PayU, pay-4711)" in changed


def test_scripts_do_not_get_into_a_note() -> None:
    assert texts.html("<script>x</script> javascript:y onclick=z", 100) == " script x /script  javascript y onclick z"


def test_the_marketplaces_id_is_read_from_a_note() -> None:
    assert texts.source_in(texts.note_of(order())) == "e-of-kit-1"
    assert texts.source_in("Bought at a fair") is None


BOMB = b'<?xml version="1.0"?><!DOCTYPE p [<!ENTITY a "aaaa">]><prestashop><order><id>&a;</id></order></prestashop>'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html></html>",
        b"<prestashop><order><id>1</id>",
        b"<prestashop/>",
        b"<prestashop><errors><error/></errors></prestashop>",
        BOMB,
    ],
)
def test_what_is_no_answer_is_never_taken_for_one(body: bytes) -> None:
    for read in (wire.record, wire.records, wire.rights):
        with pytest.raises(ValueError):  # noqa: PT011 - whatever the reason, it must be this
            read(body)


def test_entities_are_refused() -> None:
    assert issubclass(EntitiesForbidden, ValueError)
    with pytest.raises(ValueError, match="DTD"):
        wire.record(BOMB)


def test_a_field_that_is_no_number_is_named() -> None:
    record = wire.record(b"<prestashop><order><id>1</id><total_paid>much</total_paid></order></prestashop>")
    for read in (record.amount, record.number):
        with pytest.raises(Malformed, match=r"order\.total_paid"):
            read("total_paid")
    with pytest.raises(Malformed, match=r"order\.reference is missing"):
        record.text("reference")
    with pytest.raises(Malformed, match=r"order\.note"):
        record.body({"note": "x"})
