"""Files of orders as sellers have them: every format, encoding and separator, and none that fills the memory."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.core.import_fields import FileShape, SourceMap, UnclearColumns
from daemon.core.import_orders import Complaint, Row
from daemon.imports.faults import MAX_RECORD, FileFault
from daemon.imports.json_rows import json_rows
from daemon.imports.reading import Batch, Reading
from daemon.imports.source import open_file, open_source
from orderferry import Order

NOW = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
HEAD = ["Numer zamówienia", "Nazwa produktu", "SKU", "Ilość", "Cena", "Waluta", "Ulica", "Miasto", "Kraj"]
CELLS = ["Z-1", 'Kubek "Łoś"; duży, biały|\n2 szt', "K-1", "2", "12,50", "PLN", "Żabia 1", "Łódź", "PL"]


def quoted(cells: list[str], separator: str) -> str:
    return separator.join('"' + cell.replace('"', '""') + '"' for cell in cells)


def csv_text(separator: str, ending: str = "\r\n") -> str:
    return ending.join((separator.join(HEAD), quoted(CELLS, separator), ""))


def whole(path: Path, mapping: SourceMap | None = None) -> list[Batch]:
    with Reading(path, mapping or SourceMap(), NOW) as reading:
        return list(reading.batches)


def found(path: Path, mapping: SourceMap | None = None) -> tuple[list[Order], list[Complaint]]:
    read = whole(path, mapping)
    return [one for batch in read for one in batch.orders], [one for batch in read for one in batch.complaints]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "orders"


@pytest.mark.parametrize("separator", [";", ",", "\t", "|"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("encoding", "name"),
    [("utf-8", "UTF-8"), ("utf-8-sig", "UTF-8"), ("cp1250", "Windows-1250"), ("utf-16", "UTF-16")],
)
def test_separator_encoding_and_line_ends_are_found(
    path: Path, separator: str, ending: str, encoding: str, name: str
) -> None:
    path.write_bytes(csv_text(separator, ending).encode(encoding))
    (order,), bad = found(path)
    assert not bad
    (line,) = order.lines
    assert (order.external_id, line.name, str(line.total)) == ("Z-1", CELLS[1], "25.00 PLN")
    assert order.delivery.address is not None
    assert order.delivery.address.city == "Łódź"
    with Reading(path, SourceMap(), NOW) as reading:
        assert (name in reading.about, reading.undated) == (True, True)


def test_a_letter_far_behind_the_first_bytes_decides_the_encoding_as_well(path: Path) -> None:
    rows = [[f"Z-{number}", "Kubek", "K", "1", "1,50", "PLN", "Solna 1", "Poznan", "PL"] for number in range(3000)]
    rows[-1][7] = "Łódź"
    text = "\n".join([";".join(HEAD), *(";".join(row) for row in rows)])
    path.write_bytes(text.encode("cp1250").replace("Numer zamówienia;".encode("cp1250"), b"number;"))
    orders, _ = found(path)
    assert orders[-1].delivery.address is not None
    assert orders[-1].delivery.address.city == "Łódź"


def test_an_encoding_that_is_neither_is_named_in_the_mapping(path: Path) -> None:
    path.write_bytes(csv_text(";").encode("iso-8859-2"))
    mapping = SourceMap(file=FileShape(encoding="iso-8859-2"))
    assert found(path, mapping)[0][0].lines[0].name == CELLS[1]
    with pytest.raises(FileFault, match="which nobody knows"):
        found(path, SourceMap(file=FileShape(encoding="klingon")))
    path.write_bytes(csv_text(";").encode() + b"\x81\x83;")
    with pytest.raises(FileFault, match=r"^holds a letter that is not charmap"):
        found(path)


def test_lines_are_counted_over_line_breaks_in_quotes_and_empty_lines(path: Path) -> None:
    bad = ["Z-2", "Kubek", "K-1", "x", *CELLS[4:]]
    path.write_text("\n".join([";".join(HEAD), quoted(CELLS, ";"), "", ";;;", quoted(bad, ";")]), encoding="utf-8")
    _, (complaint,) = found(path)
    assert (complaint.line, complaint.number, complaint.reason) == (6, "Z-2", "Ilość: is not a number such as 12,50")


def test_a_row_that_is_too_long_is_told_and_a_short_one_lacks_its_cells(path: Path) -> None:
    long, short = [*CELLS, "more"], CELLS[:4]
    text = "\n".join([";".join(HEAD), quoted(long, ";"), quoted(["Z-2", *short[1:]], ";")])
    path.write_text(text, encoding="utf-8")
    _, (first, second) = found(path)
    assert (first.line, first.number, first.reason) == (2, "Z-1", "has 10 cells, but the header has 9 columns")
    assert (second.number, second.reason) == ("Z-2", "Waluta: is empty")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"a;b;a\n", "has the column 'a' twice"),
        (b'number;sku\n1;"abc\n', "line 2: can't be read as CSV from here on"),
        (b";".join(b"c%d" % number for number in range(600)), "has 600 columns"),
        (b"[1, 2", "line 1: is not JSON"),
        (b'[{"a": NaN}]', "NaN and Infinity are no JSON"),
        (b'{"orders": [{"a": 1}]', "line 1: is not JSON: , is missing"),
        (b'[{"a": 1}] x', "something stands behind its end"),
        (b'{"a" 1}', "line 1: is not JSON: : is missing"),
        (b"[" * 50_000, "nested too deep"),
        (b"<orders><order></orders>", "line 1: is not XML"),
        (b"<orders>\n<order>", "line 2: is not XML"),
        (b"<a>" * 100, "nested too deep"),
        (b'<?xml version="1.0" encoding="klingon"?><a/>', "can't be read"),
    ],
)
def test_what_is_no_such_file_is_told_with_its_line(path: Path, content: bytes, sentence: str) -> None:
    path.write_bytes(content)
    with pytest.raises(FileFault, match=sentence):
        found(path)


BOMBS = {
    "entities": '<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><orders><order>&d;</order></orders>',
    "an outer file": '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]><orders><order>&b;</order></orders>',
    "a DTD elsewhere": '<!DOCTYPE a SYSTEM "http://127.0.0.1/a.dtd"><orders><order/></orders>',
    "a bare DTD": "<!DOCTYPE a><orders><order/></orders>",
    "a parameter": '<!DOCTYPE a [<!ENTITY % b SYSTEM "http://127.0.0.1/b">%b;]><orders/>',
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_xml_that_declares_anything_is_refused(path: Path, bomb: str) -> None:
    path.write_text(bomb)
    with pytest.raises(FileFault, match="declares a DTD or entities"):
        found(path)


ENDLESS = {
    "a line": (b"number;sku\n", b"x" * 65536),
    "a line of cells": (b"number;sku;quantity;price;currency;paczkomat\n1;", b"x;" * 32768),
    "a cell": (b'number;sku\n1;"', b"x\n" * 32768),
    "a JSON text": (b'[{"a": "', b"x" * 65536),
    "a JSON list": (b'[{"a": [', b"1, " * 20000),
    "a JSON object": (b"{", b'"' + b"a" * 4000 + b'": 1, '),
    "an XML text": (b"<orders><order>", b"x" * 65536),
    "XML elements": (b"<orders><order>", b"<a/>" * 16000),
    "an XML attribute": (b'<orders><order a="', b"x" * 65536),
}


class _Pouring:
    """A file of many GB that costs no disk."""

    def __init__(self, begins: bytes, goes_on: bytes) -> None:
        self.poured = 0
        self._begins = begins
        self._goes_on = goes_on

    def pieces(self) -> Iterator[bytes]:
        yield self._begins
        while True:
            self.poured += len(self._goes_on)
            assert self.poured < 100 * MAX_RECORD, "it reads on and on"
            yield self._goes_on


@pytest.mark.parametrize(("begins", "goes_on"), ENDLESS.values(), ids=ENDLESS)
def test_what_never_ends_is_given_up_before_it_fills_the_memory(path: Path, begins: bytes, goes_on: bytes) -> None:
    pouring = _Pouring(begins, goes_on)
    with path.open("wb") as file:
        for piece in pouring.pieces():
            file.write(piece)
            if pouring.poured > 20 * MAX_RECORD:
                break
    tracemalloc.start()
    try:
        with pytest.raises((FileFault, UnclearColumns)):
            found(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16 * MAX_RECORD


ORDER: dict[str, Any] = {
    "id": "J-1",
    "created": "2026-11-01T10:00:00Z",
    "currency": "PLN",
    "paid": True,
    "buyer": {"email": "a@b.pl", "name": "Jan Kowalski"},
    "shipping": {"address": {"street": "Solna 1", "city": "Poznań", "country": "PL"}, "cost": 9.99},
    "tags": ["a", "b"],
    "items": [{"name": "Mug", "quantity": 2, "price": 12.5}, {"name": "Plate", "quantity": 1, "price": 1.125e1}],
}


@pytest.mark.parametrize(
    "content",
    [
        json.dumps([ORDER, {**ORDER, "id": 7}]),
        json.dumps({"page": {"of": 3}, "orders": [ORDER, {**ORDER, "id": 7}], "more": None}),
        "\n".join([json.dumps(ORDER), json.dumps({**ORDER, "id": 7}), ""]),
    ],
    ids=["a list", "below a key", "a line each"],
)
def test_json_in_its_three_shapes(path: Path, content: str) -> None:
    path.write_text(content)
    mapping = SourceMap(columns={"delivery_cost": "shipping.cost"})
    (first, second), bad = found(path, mapping)
    assert not bad
    assert (first.external_id, second.external_id) == ("J-1", "7")
    assert [(line.name, str(line.total)) for line in first.lines] == [("Mug", "25.00 PLN"), ("Plate", "11.25 PLN")]
    assert (str(first.total), first.paid, first.buyer.email) == ("46.24 PLN", True, "a@b.pl")
    assert first.buyer.last_name == "Kowalski"


def test_a_single_order_in_json_and_flat_rows(path: Path) -> None:
    path.write_text(json.dumps(ORDER))
    assert [order.external_id for order in found(path)[0]] == ["J-1"]
    flat = {"number": "1", "sku": "K", "quantity": 1, "price": 2, "currency": "PLN", "pickup_point": "P1"}
    path.write_text(json.dumps([flat, {**flat, "sku": "L"}, {**flat, "number": "2"}, 5]))
    orders, (bad,) = found(path)
    assert [(order.external_id, len(order.lines)) for order in orders] == [("1", 2), ("2", 1)]
    assert bad.reason == "is not an object with the order's fields"


def test_json_s_list_of_orders_and_of_lines_may_be_named(path: Path) -> None:
    order = {key: value for key, value in ORDER.items() if key != "items"} | {"cart": {"rows": ORDER["items"]}}
    path.write_text(json.dumps({"orders": 3, "exported": [order]}))
    mapping = SourceMap(file=FileShape(orders="exported", lines="cart.rows"))
    (only,), _ = found(path, mapping)
    assert len(only.lines) == 2


def test_a_key_that_only_later_orders_have_may_be_named(path: Path) -> None:
    rows = [
        {"number": number, "sku": "a", "quantity": 1, "price": 2, "currency": "PLN", "paczkomat": "P"}
        for number in range(150)
    ]
    rows[-1]["code"] = "590123"
    path.write_text(json.dumps(rows))
    orders, bad = found(path, SourceMap(columns={"ean": "code"}))
    assert not bad
    assert [order.lines[0].ean for order in orders if order.lines[0].ean] == ["590123"]


def test_keys_that_are_different_in_each_element_are_given_up(path: Path) -> None:
    path.write_text(json.dumps([{f"key-{number}": "x"} for number in range(3000)]))
    with pytest.raises(UnclearColumns):
        found(path)
    named = {"number": "1", "sku": "a", "quantity": 1, "price": 2, "currency": "PLN", "paczkomat": "P"}
    path.write_text(json.dumps([named, *({f"key-{number}": "x"} for number in range(3000))]))
    with pytest.raises(UnclearColumns, match="more than 2,000 different columns"):
        found(path)


def test_a_json_number_of_three_decimals_is_no_thousand(path: Path) -> None:
    path.write_text(
        '[{"number": 1, "sku": "a", "quantity": 2.000, "price": 12.500, "currency": "PLN", "paczkomat": "P"}]'
    )
    (order,), _ = found(path)
    assert str(order.total) == "25.00 PLN"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.dictionaries(st.text(max_size=4), JSON, max_size=4), max_size=6), st.integers(1, 9), st.booleans())
def test_json_is_the_same_however_it_comes_in_pieces(values: list[dict[str, Any]], piece: int, indented: bool) -> None:
    text = json.dumps(values, indent=2 if indented else None)

    class Slow(StringIO):
        def read(self, _size: int | None = -1) -> str:
            return super().read(piece)

    def rows(source: StringIO) -> list[Row]:
        return list(json_rows(source, FileShape(lines="items")))

    assert rows(Slow(text)) == rows(StringIO(text))
    assert len({row.record for row in rows(StringIO(text))}) == len(values)


XML = """<?xml version="1.0" encoding="{encoding}"?>
<export xmlns="urn:x"><order id="X-1">
  <date>2026-11-01</date><currency>PLN</currency>
  <client><email>a@b.pl</email></client>
  <delivery><address><street>Żabia 1</street><city>Łódź</city><country>PL</country></address></delivery>
  <items>
    <item><name>Kubek</name><sku>K-1</sku><quantity>2</quantity><price>12,50</price></item>{more}
  </items>
</order>
<order id="X-2"><currency>PLN</currency></order></export>"""
SECOND = "<item><name>Talerz</name><quantity>1</quantity><price>1</price></item>"


@pytest.mark.parametrize("encoding", ["utf-8", "windows-1250", "iso-8859-2", "utf-16"])
@pytest.mark.parametrize("more", ["", SECOND], ids=["one line", "two lines"])
def test_xml_with_one_line_or_two_in_its_own_encoding(path: Path, encoding: str, more: str) -> None:
    path.write_bytes(XML.format(encoding=encoding, more=more).encode(encoding))
    (order,), (bad,) = found(path)
    assert (order.external_id, len(order.lines)) == ("X-1", 2 if more else 1)
    assert order.delivery.address is not None
    assert order.delivery.address.city == "Łódź"
    assert (bad.line, bad.number, bad.reason) == (10, "X-2", "has no lines at items.item")


def test_xml_s_element_may_be_named(path: Path) -> None:
    text = (
        XML.format(encoding="utf-8", more="").replace("<export", "<a><b/><export").replace("/export>", "/export></a>")
    )
    path.write_text(text)
    assert [order.external_id for order in found(path, SourceMap(file=FileShape(orders="order")))[0]] == ["X-1"]


def test_columns_that_are_no_use_are_known_afterwards(path: Path) -> None:
    path.write_text(csv_text(";").replace("SKU", "Kolor"), encoding="utf-8")
    with Reading(path, SourceMap(), NOW) as reading:
        assert len(list(reading.batches)) == 1
        assert reading.unused() == ("Kolor",)
        assert reading.read() == reading.size


def test_a_file_that_is_no_file(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone", Path("/dev/null")):
        with pytest.raises(FileFault, match=r"can't be read|is no regular file"):
            open_file(path)


def test_a_separator_may_be_named(path: Path) -> None:
    path.write_text("number^sku\n1^2\n")
    file, _ = open_file(path)
    with file:
        source = open_source(file, FileShape(separator="^"))
        assert source.columns == ["number", "sku"]
    with pytest.raises(FileFault, match="must be one character"):
        found(path, SourceMap(file=FileShape(separator="ab")))
