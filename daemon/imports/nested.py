"""A nested element (JSON's or XML's) -> flat rows: one for each of its lines, the path of each value as its column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from daemon.core.import_fields import LISTS_OF_LINES
from daemon.core.import_orders import Row
from daemon.core.import_values import folded
from daemon.imports.faults import MAX_DEPTH

Node: TypeAlias = "str | bool | Mapping[str, Node] | Sequence[Node] | None"


def lines_of(element: Mapping[str, Node]) -> str | None:
    """Where the element has its lines, if a name tells: "items", or "items.item" where one more element is between."""
    for key, value in element.items():
        if folded(key) not in LISTS_OF_LINES:
            continue
        if _is_list(value):
            return key
        if isinstance(value, Mapping):
            inner = [(name, node) for name, node in value.items() if isinstance(node, Mapping) or _is_list(node)]
            return f"{key}.{inner[0][0]}" if len(inner) == len(value) == 1 else key
    return None


def rows_of(element: Mapping[str, Node], lines: str | None, *, line: int, record: int) -> Iterator[Row]:
    """The rows of one element; a list that is not that of the lines is left out."""
    path = lines.split(".") if lines else []
    common = dict(_flat(element, "", path, 0))
    items = _below(element, path)
    if not path or items is None:
        problem = None if not path else f"has no lines at {lines}"
        yield Row(line=line, cells=common, lines=lines, record=record, problem=problem)
        return
    for item in items:
        own = _flat(item, f"{lines}.", [], 0) if isinstance(item, Mapping) else ()
        problem = None if isinstance(item, Mapping) else f"a line at {lines} is not an object"
        yield Row(line=line, cells={**common, **dict(own)}, lines=lines, record=record, problem=problem)


def _below(element: Mapping[str, Node], path: Sequence[str]) -> Sequence[Node] | None:
    node: Node = element
    for part in path:
        if not isinstance(node, Mapping) or part not in node:
            return None
        node = node[part]
    if isinstance(node, Mapping):  # XML can't say that one line is a list of one
        return [node]
    return node if _is_list(node) and node else None  # type: ignore[return-value] # _is_list has just told


def _is_list(node: Node) -> bool:
    return isinstance(node, Sequence) and not isinstance(node, str)


def _flat(node: Mapping[str, Node], prefix: str, without: Sequence[str], depth: int) -> Iterator[tuple[str, str]]:
    for key, value in node.items():
        inner = without[1:] if without and without[0] == key else []
        if without and without[0] == key and not inner:
            continue
        if isinstance(value, Mapping):
            if depth < MAX_DEPTH:
                yield from _flat(value, f"{prefix}{key}.", inner, depth + 1)
        elif isinstance(value, bool):
            yield prefix + key, "true" if value else "false"
        elif value is None:
            yield prefix + key, ""
        elif isinstance(value, str):
            yield prefix + key, value
