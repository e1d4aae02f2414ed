"""The mapping file: what it says, and every mistake in it with its line."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from daemon.core.import_fields import FileShape, SourceMap
from daemon.imports.faults import FileFault
from daemon.imports.mapping import read_mapping
from orderferry import PaymentKind

GOOD_MAPPING = """
[file]
decimal = ","
dates = "%d/%m/%Y"
[columns]
number = "Nr"
ean = ""
[defaults]
currency = "PLN"
[payments]
"Za pobr." = "cash_on_delivery"
"""


def test_a_mapping_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mapping.toml"
    path.write_bytes(codecs.BOM_UTF8 + GOOD_MAPPING.encode())
    assert read_mapping(path) == SourceMap(
        file=FileShape(decimal=",", dates="%d/%m/%Y"),
        columns={"number": "Nr", "ean": ""},
        defaults={"currency": "PLN"},
        payments={"Za pobr.": PaymentKind.CASH_ON_DELIVERY},
    )


def test_every_mistake_of_a_mapping_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "mapping.toml"
    path.write_text(
        '[file]\ndecimal = ";"\n[columns]\nnumbr = "Nr"\nsku = 3\nean = "E"\nproduct = "E"\n'
        '[defaults]\nquantity = "1"\n[payments]\ncod = "cash"\n[cols]\n'
    )
    with pytest.raises(FileFault) as caught:
        read_mapping(path)
    told = str(caught.value)
    for line, word in (
        (2, "decimal"),
        (4, "numbr"),
        (5, "sku"),
        (7, "same column as ean"),
        (9, "quantity"),
        (11, "cash"),
    ):
        assert any(f":{line}:" in sentence and word in sentence for sentence in told.splitlines()), (line, told)
    assert "cols" in told


@pytest.mark.parametrize(
    ("content", "sentence"), [(b"\xff", "is not TOML"), (b"= 1", "is not TOML"), (None, "can't be read")]
)
def test_a_mapping_that_is_none(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    path = tmp_path / "mapping.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FileFault, match=sentence):
        read_mapping(path)
