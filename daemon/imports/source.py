"""A file of orders, opened: which format, which encoding, and its rows one after another in bounded memory."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import IO, Literal

from msgspec import Struct

from daemon.core.import_fields import FileShape
from daemon.core.import_orders import Row
from daemon.imports.faults import MAX_RECORD, FileFault
from daemon.imports.json_rows import json_rows
from daemon.imports.xml_rows import xml_rows

SAMPLE = 64 * 1024
SEPARATORS = ";,\t|"
MAX_COLUMNS = 500


class Source(Struct, frozen=True, kw_only=True):
    """An opened file: `rows` may be gone through once; `about` says how it is read, `stream` is to be closed."""

    about: str
    columns: Sequence[str] | None  # of a CSV file; nested formats show theirs row by row
    rows: Iterator[Row]
    stream: IO[bytes] | IO[str]


def open_source(file: io.BufferedReader, shape: FileShape) -> Source:
    """Looks at the file's first bytes and opens it; raises `FileFault`, and then leaves it open."""
    start = file.read(SAMPLE)
    file.seek(0)
    match _format(start):
        case "xml":
            return Source(about="XML", columns=None, rows=xml_rows(file, shape), stream=file)
        case "json":
            text, name = _text(file, shape)
            return Source(about=f"JSON, {name}", columns=None, rows=json_rows(text, shape), stream=text)
        case "csv":
            return _open_csv(file, shape)


def _format(start: bytes) -> Literal["xml", "json", "csv"]:
    plain = start.removeprefix(codecs.BOM_UTF8).replace(b"\0", b"").removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff")
    begins = plain.lstrip()[:1]
    return "xml" if begins == b"<" else "json" if begins in {b"[", b"{"} else "csv"


def _text(file: io.BufferedReader, shape: FileShape) -> tuple[IO[str], str]:
    """The file as text, and the name of its encoding."""
    name = shape.encoding or _encoding(file)
    try:
        codecs.lookup(name)
    except LookupError:
        raise FileFault(f"the mapping names the encoding {name!r}, which nobody knows") from None
    shown = {"utf-8-sig": "UTF-8", "cp1250": "Windows-1250", "utf-16": "UTF-16"}.get(name, name)
    return io.TextIOWrapper(file, name, newline=""), shown


def _encoding(file: io.BufferedReader) -> str:
    """UTF-16 by its mark, else UTF-8 if the whole file is, else Windows-1250."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    first = True
    try:
        while chunk := file.read(1024 * 1024):
            if first and chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                return "utf-16"
            first = False
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1250"
    finally:
        file.seek(0)
    return "utf-8-sig"


def _open_csv(file: io.BufferedReader, shape: FileShape) -> Source:
    text, encoding = _text(file, shape)
    lines = _Lines(text)
    separator = shape.separator or _separator(lines)
    if len(separator) != 1 or separator in '"\r\n':
        raise FileFault("the mapping's separator must be one character")
    reader = csv.reader(lines, delimiter=separator, strict=True)
    header = _header(reader)
    name = {"\t": "a tab"}.get(separator, f'"{separator}"')
    return Source(
        about=f"CSV, separated by {name}, {encoding}",
        columns=header,
        rows=_csv_rows(reader, lines, header),
        stream=text,
    )


class _Lines:
    """The lines of a text, none longer than makes sense; `number` is the line that was read last."""

    def __init__(self, text: IO[str]) -> None:
        self.number = 0
        self._text = text
        self._ahead: list[str] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._ahead.pop() if self._ahead else self._read()
        self.number += 1
        return line

    def peek(self) -> str:
        """The next line, which still comes."""
        if not self._ahead:
            self._ahead.append(self._read())
        return self._ahead[-1]

    def _read(self) -> str:
        try:
            line = self._text.readline(MAX_RECORD + 1)
        except UnicodeDecodeError as error:
            raise FileFault(
                f"holds a letter that is not {error.encoding}; say in the mapping under [file] which encoding it has"
            ) from None
        if not line:
            raise StopIteration
        if len(line) > MAX_RECORD:
            raise FileFault(f"a line of more than {MAX_RECORD:,} characters; is this a CSV file?", self.number + 1)
        return line


def _separator(lines: _Lines) -> str:
    try:
        head = lines.peek()
    except StopIteration:
        raise FileFault("is empty") from None
    plain = "".join(head.split('"')[::2])
    return max(SEPARATORS, key=plain.count)


def _header(reader: Iterator[list[str]]) -> list[str]:
    try:
        header = [cell.strip() for cell in next(reader)]
    except StopIteration:
        raise FileFault("is empty") from None
    except csv.Error as error:
        raise FileFault(f"can't be read as CSV ({error})", 1) from None
    while header and not header[-1]:
        header.pop()
    if len(header) > MAX_COLUMNS:
        raise FileFault(f"has {len(header):,} columns; the most that make sense are {MAX_COLUMNS}", 1)
    twice = next((cell for place, cell in enumerate(header) if cell and cell in header[:place]), None)
    if twice is not None:
        raise FileFault(f"has the column {twice!r} twice; rename one of the two", 1)
    return header


def _csv_rows(reader: Iterator[list[str]], lines: _Lines, header: list[str]) -> Iterator[Row]:
    while True:
        begins = lines.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise FileFault(f"can't be read as CSV from here on ({error}); is a quote missing?", begins) from None
        if not any(cell.strip() for cell in cells):
            continue
        spare = [cell for cell in cells[len(header) :] if cell.strip()]
        problem = f"has {len(cells)} cells, but the header has {len(header)} columns" if spare else None
        named = {column: cell for column, cell in zip_longest(header, cells[: len(header)], fillvalue="") if column}
        yield Row(line=begins, cells=named, problem=problem)


def open_file(path: Path) -> tuple[io.BufferedReader, int]:
    """Opens a regular file, and says how long it is; raises `FileFault`."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise FileFault(f"can't be read: {error.strerror}") from None
    if not path.is_file():
        file.close()
        raise FileFault("is no regular file; save the orders into one")
    return file, path.stat().st_size
