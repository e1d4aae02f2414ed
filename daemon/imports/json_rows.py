"""Orders in JSON, one element at a time: a list, a list below a key such as "orders", or an object in each line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import IO, Any

from daemon.core.import_fields import LISTS_OF_ORDERS, FileShape
from daemon.core.import_orders import Row
from daemon.core.import_values import folded
from daemon.imports.faults import MAX_RECORD, FileFault
from daemon.imports.nested import lines_of, rows_of

CHUNK = 64 * 1024
_SPACE = re.compile(r"[ \t\r\n]*")


def json_rows(text: IO[str], shape: FileShape) -> Iterator[Row]:
    """The rows of the elements, as they are read; raises `FileFault` where the text is no such JSON."""
    lines = shape.lines
    for record, (line, element) in enumerate(_elements(_Stream(text), shape.orders), 1):
        if not isinstance(element, dict):
            yield Row(line=line, cells={}, record=record, problem="is not an object with the order's fields")
            continue
        lines = lines or lines_of(element)
        yield from rows_of(element, lines, line=line, record=record if lines else 0)


def _number(text: str) -> str:
    """A JSON number has a decimal point: with a zero behind three decimals nobody takes it for thousands."""
    return f"{text}0" if re.fullmatch(r"-?\d+\.\d{3}", text) else text


def _no_constant(_: str) -> str:
    raise ValueError("NaN and Infinity are no JSON")


class _Stream:
    """A text read in pieces, of which no more is held than the value that is being read."""

    def __init__(self, text: IO[str]) -> None:
        self.line = 1
        self.passed = 0
        self._text = text
        self._held = ""
        self._at = 0
        self._ended = False
        self._decoder = json.JSONDecoder(parse_float=_number, parse_int=str, parse_constant=_no_constant)

    def next(self) -> str:
        """The next character that is no space, which stays; "" at the end."""
        while True:
            end = _SPACE.match(self._held, self._at).end()  # type: ignore[union-attr] # it matches nothing as well
            self._pass(end)
            if self._at < len(self._held):
                return self._held[self._at]
            if not self._more():
                return ""

    def take(self, char: str) -> None:
        """Passes this very character."""
        if self.next() != char:
            raise FileFault(f"is not JSON: {char} is missing", self.line)
        self._pass(self._at + 1)

    def value(self) -> tuple[int, Any]:
        """The next value with the line that it begins in."""
        self.next()
        line = self.line
        while True:
            try:
                value, end = self._decoder.raw_decode(self._held, self._at)
            except RecursionError:
                raise FileFault("is nested too deep", line) from None
            except ValueError as error:
                if self._more():
                    continue
                told = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
                raise FileFault(f"is not JSON: {told}", line) from None
            # a number or a word at the very end of what is held may go on
            if end == len(self._held) and not isinstance(value, dict | list) and self._more():
                continue
            self._pass(end)
            return line, value

    def _pass(self, end: int) -> None:
        self.line += self._held.count("\n", self._at, end)
        self.passed += end - self._at
        self._at = end

    def _more(self) -> bool:
        """Reads on; twice as much each time, so that a long value isn't tried too often."""
        if self._ended:
            return False
        self._held = self._held[self._at :]
        self._at = 0
        if len(self._held) > MAX_RECORD:
            raise FileFault(f"an element of more than {MAX_RECORD:,} characters, or one that never ends", self.line)
        try:
            chunk = self._text.read(max(CHUNK, len(self._held)))
        except UnicodeDecodeError as error:
            raise FileFault(f"holds a letter that is not {error.encoding}", self.line) from None
        self._ended = not chunk
        self._held += chunk
        return not self._ended


def _elements(stream: _Stream, below: str | None) -> Iterator[tuple[int, Any]]:
    if stream.next() == "[":
        yield from _list(stream)
        if stream.next():
            raise FileFault("is not JSON: something stands behind its end", stream.line)
        return
    while stream.next():
        yield from _object(stream, below)


def _list(stream: _Stream) -> Iterator[tuple[int, Any]]:
    stream.take("[")
    if stream.next() == "]":
        return stream.take("]")
    while True:
        yield stream.value()
        if stream.next() == "]":
            return stream.take("]")
        stream.take(",")


def _object(stream: _Stream, below: str | None) -> Iterator[tuple[int, Any]]:
    """The elements of the list of orders in this object; or the object itself, if there is no such list in it."""
    stream.take("{")
    line, begins, wraps = stream.line, stream.passed, False
    held: dict[str, Any] = {}
    while stream.next() != "}":
        key = stream.value()[1]
        if not isinstance(key, str):
            raise FileFault("is not JSON: a key is no text in quotes", stream.line)
        stream.take(":")
        if stream.next() == "[" and (key == below or (below is None and folded(key) in LISTS_OF_ORDERS)):
            wraps = True
            yield from _list(stream)
        else:
            held[key] = stream.value()[1]
        if wraps:
            held.clear()
        elif stream.passed - begins > MAX_RECORD:
            raise FileFault(f"an element of more than {MAX_RECORD:,} characters", line)
        if stream.next() == "}":
            break
        stream.take(",")
    stream.take("}")
    if not wraps:
        yield line, held
