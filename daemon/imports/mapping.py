"""The seller's mapping file (TOML) -> a `SourceMap`, with every mistake told by its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tomli

from daemon.core.import_fields import FIELDS, FileShape, SourceMap
from daemon.imports.faults import FileFault
from daemon.secret_sources import WrongValueError
from daemon.toml_lines import line_of_each_key
from daemon.toml_values import TableReader
from orderferry import PaymentKind

MAX_MAPPING = 256 * 1024


def read_mapping(path: Path) -> SourceMap:
    """Reads the file; raises `FileFault` with all mistakes in it, a line each."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_MAPPING + 1)
        if len(content) > MAX_MAPPING:
            raise FileFault(f"{path}: is no mapping: it has more than {MAX_MAPPING:,} bytes")
        text = content.decode("utf-8-sig")
        document = tomli.loads(text)
    except OSError as error:
        raise FileFault(f"{path}: can't be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise FileFault(f"{path}: is not TOML in UTF-8 ({error})") from None
    reader = TableReader(path, line_of_each_key(text), {})
    reader.check_keys(document, ("file", "columns", "defaults", "payments"), ())
    shape = reader.struct(
        FileShape, reader.table(document.get("file", {}), ("file",), "[file] and its keys"), ("file",)
    )
    columns = _texts(reader, document, "columns", [*FIELDS])
    _each_once(reader, columns)
    of_order = [field for field, about in FIELDS.items() if not about.of_line and field != "number"]
    defaults = _texts(reader, document, "defaults", of_order)
    payments = reader.table(document.get("payments", {}), ("payments",), '[payments] and lines such as "COD" = "..."')
    kinds = {}
    for word, kind in payments.items():
        try:
            kinds[word] = reader.value(PaymentKind, kind, ("payments", word))
        except WrongValueError as wrong:
            reader.complain(("payments", word), str(wrong))
    if reader.problems or shape is None:
        raise FileFault("\n".join(map(str, reader.problems)))
    return SourceMap(file=shape, columns=columns, defaults=defaults, payments=kinds)


def _texts(reader: TableReader, document: dict[str, Any], section: str, known: list[str]) -> dict[str, str]:
    table = reader.table(document.get(section, {}), (section,), f"[{section}] and its keys")
    reader.check_keys(table, known, (section,))
    found = {}
    for key, raw in table.items():
        try:
            found[key] = reader.value(str, raw, (section, key))
        except WrongValueError as wrong:
            reader.complain((section, key), str(wrong))
    return found


def _each_once(reader: TableReader, columns: dict[str, str]) -> None:
    first: dict[str, str] = {}
    for field, column in columns.items():
        if column and column in first:
            reader.complain(("columns", field), f"names the same column as {first[column]}; a column is one field")
        first.setdefault(column, field)
