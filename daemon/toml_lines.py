"""In which line of a TOML text each key stands: what a complaint about a value needs, and the parser does not tell.

The text must be good TOML (1.1) that a real parser has already read; nothing is checked here again.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import Final

import tomli

KeyPath = tuple[str | int, ...]
"""Where a value stands: the tables' and the key's own names, and for what is inside a list its place in it, from 0."""

_BLANK = re.compile(r"[ \t]*")
_BETWEEN = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_PART = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
_TEXT = re.compile(
    r'''"""(?:"{0,2}(?:[^"\\]|\\[\s\S]))*"{3,5}'''
    r"""|'''(?:'{0,2}[^'])*'{3,5}"""
    r'''|"(?:[^"\\\n]|\\.)*"'''
    r"""|'[^'\n]*'"""
)
_BARE = re.compile(r"\d{4}-\d\d-\d\d \d\d:[^\s,\]}#]*|[^\s,\]}#]+")  # a date and its time may stand apart


def line_of_each_key(text: str) -> dict[KeyPath, int]:
    """Each table, key and list item -> its line, counted from 1; () stands for the document itself.

    A table that has a header of its own is where that header is, any other where its name is first met.
    """
    return _Scanner(text.replace("\r\n", "\n")).document()


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text: Final = text
        self._at = 0
        self._ends = [place for place, letter in enumerate(text) if letter == "\n"]
        self._lines: dict[KeyPath, int] = {(): 1}
        self._tables: dict[KeyPath, int] = {}  # list of tables -> how many there are so far

    def document(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        while True:
            self._skip(_BETWEEN)
            if self._at == len(self._text):
                return self._lines
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> KeyPath:
        line = self._line()
        many = self._text.startswith("[[", self._at)
        self._at += 2 if many else 1
        parts = self._key()
        self._at += 2 if many else 1
        table: KeyPath = ()
        for depth, part in enumerate(parts, 1):
            table = (*table, part)
            if depth < len(parts) or not many:
                self._lines.setdefault(table, line)
                if table in self._tables:
                    table = (*table, self._tables[table] - 1)
        if many:
            self._lines.setdefault(table, line)
            count = self._tables[table] = self._tables.get(table, 0) + 1
            table = (*table, count - 1)
        self._lines[table] = line
        return table

    def _pair(self, table: KeyPath) -> None:
        line = self._line()
        path = table
        for part in self._key():
            path = (*path, part)
            self._lines.setdefault(path, line)
        self._at += 1  # the equals sign
        self._skip(_BLANK)
        self._value(path)

    def _key(self) -> list[str]:
        parts = []
        while True:
            self._skip(_BLANK)
            part = self._take(_PART)
            parts.append(tomli.loads(f"part = {part}")["part"] if part[0] in "\"'" else part)
            self._skip(_BLANK)
            if self._text[self._at] != ".":
                return parts
            self._at += 1

    def _value(self, path: KeyPath) -> None:
        first = self._text[self._at]
        if first in "\"'":
            self._take(_TEXT)
        elif first in "[{":
            self._inside(path, "]" if first == "[" else "}")
        else:
            self._take(_BARE)

    def _inside(self, path: KeyPath, end: str) -> None:
        self._at += 1
        index = 0
        while True:
            self._skip(_BETWEEN)
            if self._text[self._at] == end:
                self._at += 1
                return
            if end == "}":
                self._pair(path)
            else:
                self._lines[(*path, index)] = self._line()
                self._value((*path, index))
            index += 1
            self._skip(_BETWEEN)
            if self._text[self._at] == ",":
                self._at += 1

    def _skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self._text, self._at)
        self._at = found.end() if found else self._at

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise ValueError(f"line {self._line()} is not good TOML")
        self._at = found.end()
        return found.group()

    def _line(self) -> int:
        return bisect_left(self._ends, self._at) + 1
