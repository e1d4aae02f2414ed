"""The line map knows every key that the parser knows, and the line in which a writer put it."""

from __future__ import annotations

import string
from typing import Any

import tomli
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.toml_lines import KeyPath, line_of_each_key

TEXT = '''\
# [not.a.table]
title = "a # [b]"
"quoted key".'other one' = 'its'

[servers.alpha]  # the first
ip = "10.0.0.1"
notes = """
[servers.beta]
ip = 1 \\"""
quotes: ""\\""" "" """""
'single' = \'\'\'
key = 1''\'\'\'

[[products]]
at = 2026-01-31 10:00:00
sizes = [ 1, # one
  { w = 2,
    h = 3 }, [4,
  5],
]
[products.maker]
name = "x"
[[products]]
[servers]
count = 2
a.b.c = { d = 1, e.f = [] }
'''


def test_each_kind_of_key_has_its_line() -> None:
    text = TEXT
    tomli.loads(text)
    expected = {
        (): 1,
        ("title",): 2,
        ("quoted key",): 3,
        ("quoted key", "other one"): 3,
        ("servers",): 24,
        ("servers", "alpha"): 5,
        ("servers", "alpha", "ip"): 6,
        ("servers", "alpha", "notes"): 7,
        ("servers", "alpha", "single"): 11,
        ("products",): 14,
        ("products", 0): 14,
        ("products", 0, "at"): 15,
        ("products", 0, "sizes"): 16,
        ("products", 0, "sizes", 0): 16,
        ("products", 0, "sizes", 1): 17,
        ("products", 0, "sizes", 1, "w"): 17,
        ("products", 0, "sizes", 1, "h"): 18,
        ("products", 0, "sizes", 2): 18,
        ("products", 0, "sizes", 2, 0): 18,
        ("products", 0, "sizes", 2, 1): 19,
        ("products", 0, "maker"): 21,
        ("products", 0, "maker", "name"): 22,
        ("products", 1): 23,
        ("servers", "count"): 25,
        ("servers", "a"): 26,
        ("servers", "a", "b"): 26,
        ("servers", "a", "b", "c"): 26,
        ("servers", "a", "b", "c", "d"): 26,
        ("servers", "a", "b", "c", "e"): 26,
        ("servers", "a", "b", "c", "e", "f"): 26,
    }
    assert line_of_each_key(text) == expected
    assert line_of_each_key(text.replace("\n", "\r\n")) == expected


BARE = st.text(string.ascii_letters + string.digits + "-_", min_size=1, max_size=4)
KEYS = BARE | st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=4)
NUMBERS = ("1", "-2.5e3", "true", "inf", "0xff")
TIMES = ("2026-01-31", "2026-01-31T10:00:00", "2026-01-31 10:00:00Z", "07:32:00")
SHORT = ('""', '"a # b"', '"[x]"', r'"\"\\"', "''", "'{\"'", r"'\'", '""""""', "''''''")
LONG = ('"""\nx = 1\n[y]\n"""', '"""a""b"""""', "'''\n'a''\n'''", '"""a \\\n   b\\""" """')
SCALARS = st.sampled_from((*NUMBERS, *TIMES, *SHORT, *LONG))
NOISE = st.sampled_from(["", "", " ", "\t", "  # a [comment] = 'x' \"\n", "\n", "\n\n# }]\n  "])


def shown(key: str, draw: st.DrawFn) -> str:
    if key and all(letter in string.ascii_letters + string.digits + "-_" for letter in key) and draw(st.booleans()):
        return key
    if "'" not in key and key.isprintable() and draw(st.booleans()):
        return f"'{key}'"
    return (
        '"'
        + "".join(
            f"\\U{ord(letter):08x}" if letter in '"\\' or ord(letter) < 32 or ord(letter) == 127 else letter
            for letter in key
        )
        + '"'
    )


class Writer:
    """Writes a random document, and notes in which line it put what."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.text = ""
        self.lines: dict[KeyPath, int] = {(): 1}

    def put(self, text: str) -> None:
        self.text += text

    def note(self, path: KeyPath, *, again: bool = False) -> None:
        line = self.text.count("\n") + 1
        if again:
            self.lines[path] = line
        else:
            self.lines.setdefault(path, line)

    def blank(self) -> None:
        self.put(self.draw(st.sampled_from(["", " ", "\t "])))

    def noise(self) -> None:
        self.put(self.draw(NOISE))

    def key(self, path: KeyPath, parts: list[str]) -> None:
        for index, part in enumerate(parts):
            path = (*path, part)
            self.note(path)
            self.put((" . " if index and self.draw(st.booleans()) else "." if index else "") + shown(part, self.draw))
        self.blank()

    def value(self, path: KeyPath, depth: int) -> None:
        kind = self.draw(st.sampled_from(["scalar", "scalar", "list", "table"] if depth else ["scalar"]))
        if kind == "scalar":
            self.put(self.draw(SCALARS))
        elif kind == "list":
            self.put("[")
            for index in range(self.draw(st.integers(0, 3))):
                self.put("," if index else "")
                self.noise()
                self.note((*path, index))
                self.value((*path, index), depth - 1)
                self.noise()
            self.noise()
            self.put("]")
        else:
            self.put("{")
            for index, key in enumerate(self.draw(st.lists(KEYS, max_size=3, unique=True))):
                self.put("," if index else "")
                self.noise()
                self.pair(path, [key], depth - 1)
                self.noise()
            self.put("}")

    def pair(self, path: KeyPath, parts: list[str], depth: int) -> None:
        self.key(path, parts)
        self.put("=")
        self.blank()
        self.value((*path, *parts), depth)

    def table(self, path: KeyPath) -> None:
        for key in self.draw(st.lists(KEYS, max_size=3, unique=True)):
            more = self.draw(st.lists(KEYS, max_size=2))
            self.noise()
            self.put("" if self.text.endswith("\n") or not self.text else "\n")
            self.blank()
            self.pair(path, [f"k{key}", *more], depth=2)
            self.put("\n")

    def document(self) -> None:
        self.table(())
        for name in self.draw(st.lists(KEYS, max_size=4, unique=True)):
            many = self.draw(st.booleans())
            for index in range(self.draw(st.integers(1, 2)) if many else 1):
                parts = [f"t{name}", "inner"]
                self.noise()
                self.put("" if self.text.endswith("\n") or not self.text else "\n")
                self.note((parts[0],))
                self.note((*parts,), again=not many)
                self.put(("[[" if many else "[") + ".".join(shown(part, self.draw) for part in parts))
                path: KeyPath = (*parts, index) if many else (*parts,)
                self.note(path)
                self.put("]]" if many else "]")
                self.put("\n")
                self.table(path)


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, dict[KeyPath, int]]:
    writer = Writer(draw)
    writer.document()
    return writer.text, writer.lines


def paths(value: Any, path: KeyPath = ()) -> set[KeyPath]:  # TOML's values are of many types
    if isinstance(value, dict):
        return {path}.union(*(paths(inside, (*path, key)) for key, inside in value.items()))
    if isinstance(value, list):
        return {path}.union(*(paths(inside, (*path, index)) for index, inside in enumerate(value)))
    return {path}


@settings(max_examples=300, deadline=None)
@given(documents(), st.booleans())
def test_every_key_of_the_parser_is_where_the_writer_put_it(
    document: tuple[str, dict[KeyPath, int]], windows: bool
) -> None:
    text, written = document
    found = line_of_each_key(text.replace("\n", "\r\n") if windows else text)
    assert set(found) == paths(tomli.loads(text))
    assert found == written
