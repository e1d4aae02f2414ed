"""Orders in XML, one element at a time: the children of the root, or every element of the mapping's name.

Read by defusedxml, which refuses a DTD and entities: with them a small file could fill the memory, or read others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import IO, Any
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from daemon.core.import_fields import FileShape
from daemon.core.import_orders import Row
from daemon.imports.faults import MAX_DEPTH, MAX_RECORD, FileFault
from daemon.imports.nested import Node, lines_of, rows_of

CHUNK = 64 * 1024
COST = 32  # what an element counts for itself: many empty ones take memory as well


def xml_rows(file: IO[bytes], shape: FileShape) -> Iterator[Row]:
    """The rows of the elements, as they are read; raises `FileFault` where the text is no such XML."""
    elements = _Elements(shape.orders)
    parser = DefusedXMLParser(target=elements, forbid_dtd=True, forbid_entities=True, forbid_external=True)
    elements.parser = parser.parser
    record, lines = 0, shape.lines
    more = True
    while more:
        chunk = file.read(CHUNK)
        more = bool(chunk)
        elements.silent += len(chunk)
        try:
            if more:
                parser.feed(chunk)
            else:
                parser.close()
        except DefusedXmlException:
            raise FileFault("declares a DTD or entities, which are refused; save it without", elements.line()) from None
        except ParseError as error:
            raise FileFault(f"is not XML ({str(error).partition(':')[0]})", error.position[0]) from None
        except (ValueError, LookupError):
            raise FileFault("has an encoding that can't be read; save it as UTF-8", 1) from None
        if elements.silent > MAX_RECORD:
            raise FileFault(f"a tag or a comment of more than {MAX_RECORD:,} characters", elements.line())
        while elements.done:
            line, element = elements.done.popleft()
            record += 1
            if not isinstance(element, dict):
                yield Row(line=line, cells={}, record=record, problem="has no elements with the order's fields in it")
                continue
            lines = lines or lines_of(element)
            yield from rows_of(element, lines, line=line, record=record if lines else 0)


class _Open:
    """An element that has begun."""

    def __init__(self, tag: str, attributes: dict[str, str]) -> None:
        self.tag = tag
        self.text: list[str] = []
        self.children: dict[str, Any] = {f"@{_local(name)}": value for name, value in attributes.items()}

    def add(self, tag: str, node: Node) -> None:
        """Takes a child in; several of one name become a list."""
        there = self.children.get(tag)
        if tag not in self.children:
            self.children[tag] = node
        elif isinstance(there, list):
            there.append(node)
        else:
            self.children[tag] = [there, node]

    def node(self) -> Node:
        """The element as a nested value: its text alone, where it has nothing else."""
        text = "".join(self.text).strip()
        if not self.children:
            return text
        return {**self.children, **({"#text": text} if text else {})}


class _Elements:
    """What the parser tells, gathered into whole elements."""

    def __init__(self, name: str | None) -> None:
        self.done: deque[tuple[int, Node]] = deque()
        self.parser: Any = None  # expat's, which has no type
        self.silent = 0  # bytes since the parser told anything: it holds a tag until its end
        self._name = name
        self._depth = 0
        self._open: list[_Open] = []
        self._begins = 0
        self._held = 0

    def line(self) -> int:
        """Where the parser stands."""
        return int(self.parser.CurrentLineNumber)

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        self.silent = 0
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise FileFault("is nested too deep", self.line())
        name = _local(tag)
        begins = self._depth == 2 if self._name is None else name == self._name
        if self._open or begins:
            if not self._open:
                self._begins, self._held = self.line(), 0
            self._open.append(_Open(name, attributes))
            self._hold(COST + len(tag) + sum(len(key) + len(value) for key, value in attributes.items()))

    def data(self, text: str) -> None:
        """Text inside an element."""
        self.silent = 0
        if self._open:
            self._hold(len(text))
            self._open[-1].text.append(text)

    def end(self, _tag: str) -> None:
        """An element ends."""
        self.silent = 0
        self._depth -= 1
        if not self._open:
            return
        closed = self._open.pop()
        if self._open:
            self._open[-1].add(closed.tag, closed.node())
        else:
            self.done.append((self._begins, closed.node()))

    def close(self) -> None:
        """The file ends."""

    def _hold(self, size: int) -> None:
        self._held += size
        if self._held > MAX_RECORD:
            raise FileFault(f"an element of more than {MAX_RECORD:,} characters", self._begins)


def _local(name: str) -> str:
    return name.rpartition("}")[2]
