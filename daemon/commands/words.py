"""Answers as people read them: times, tables, fields. Text from outside can't steer the terminal."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from unicodedata import category, combining, east_asian_width

NOTHING = "-"
NARROWEST = 8

_SPANS = ((90, 1, "s"), (90 * 60, 60, "min"), (36 * 3600, 3600, "h"))


def now() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


def clean(text: object) -> str:
    """Text on one line: line breaks become spaces, and what could steer a terminal a visible mark."""
    plain = re.sub(r"\s+", " ", str(text)).strip()
    return "".join("\N{REPLACEMENT CHARACTER}" if category(char) in {"Cc", "Cf", "Cs"} else char for char in plain)


def width(text: str) -> int:
    """How many columns of a terminal the text takes."""
    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)


def cut(text: str, most: int) -> str:
    """The text in at most so many columns, with an ellipsis where something was left out."""
    if width(text) <= most:
        return text
    taken, room = [], most - 1
    for char in text:
        room -= width(char)
        if room < 0:
            break
        taken.append(char)
    return "".join(taken) + "…"


def screen() -> int | None:
    """The terminal's width; None where the output goes elsewhere, and nothing is to be cut."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def hint(moment: datetime, at: datetime) -> str:
    """How far the moment is from `at`: "2 min ago", "in 30 s", "now"."""
    seconds = (moment - at).total_seconds()
    far = abs(seconds)
    if far < 2:
        return "now"
    span = next((f"{far / unit:.0f} {name}" for most, unit, name in _SPANS if far < most), f"{far / 86400:.0f} d")
    return f"in {span}" if seconds > 0 else f"{span} ago"


def when(text: str | None, *, seconds: bool = False) -> str:
    """A time of the API in local time, with a hint of how far it is from now."""
    if text is None:
        return NOTHING
    moment = datetime.fromisoformat(text)
    local = moment.astimezone()
    return (
        f"{local:%Y-%m-%d %H:%M:%S} ({hint(moment, now())})"
        if seconds
        else f"{local:%Y-%m-%d %H:%M} ({hint(moment, now())})"
    )


def since(text: str, at: datetime) -> datetime:
    """The moment meant by 2026-11-01, by an ISO time (local unless it says otherwise), or by "3d", "12h", "30min".

    Raises `ValueError`.
    """
    span = re.fullmatch(r"(\d{1,6}) ?(s|m|min|h|d|w)", text.strip())
    if span is not None:
        seconds = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}[span[2]]
        return datetime.fromtimestamp(max(0.0, at.timestamp() - int(span[1]) * seconds), UTC)
    moment = datetime.fromisoformat(text.strip())
    return moment.astimezone(UTC)  # a time without an offset counts as local


class Column:
    """A column of a table; an `elastic` one gives way where the terminal is narrow."""

    def __init__(self, title: str, *, right: bool = False, elastic: bool = False) -> None:
        self.title = title
        self.right = right
        self.elastic = elastic


def table(columns: Sequence[Column], rows: Iterable[Sequence[object]], most: int | None) -> list[str]:
    """Aligned lines under their titles, none wider than `most`; a cell of None or "" is shown as a dash."""
    texts = [[NOTHING if cell in {None, ""} else clean(cell) for cell in row] for row in rows]
    sizes = [
        max(width(column.title), *(width(row[place]) for row in texts)) if texts else width(column.title)
        for place, column in enumerate(columns)
    ]
    if most is not None:
        _narrow(columns, sizes, most)
    lines = []
    for row in [[column.title for column in columns], *texts]:
        cells = []
        for column, size, cell in zip(columns, sizes, row, strict=True):
            shown = cut(cell, size)
            gap = " " * (size - width(shown))
            cells.append(gap + shown if column.right else shown + gap)
        line = "  ".join(cells).rstrip()
        lines.append(line if most is None else cut(line, most))
    return lines


def _narrow(columns: Sequence[Column], sizes: list[int], most: int) -> None:
    """Takes what is too much from the widest elastic column, again and again."""
    elastic = [place for place, column in enumerate(columns) if column.elastic]
    over = sum(sizes) + 2 * (len(sizes) - 1) - most
    while over > 0:
        widest = max(elastic, key=lambda place: sizes[place], default=None)
        if widest is None or sizes[widest] <= NARROWEST:
            return
        sizes[widest] -= 1
        over -= 1


def fields(pairs: Iterable[tuple[str, object]]) -> list[str]:
    """Lines of a name and its value; those without a value are left out."""
    shown = [(name, clean(value)) for name, value in pairs if value not in {None, ""}]
    widest = max((len(name) for name, _ in shown), default=0)
    return [f"{name:<{widest}}  {value}" for name, value in shown]


def yes(value: object) -> str:
    """Yes or no."""
    return "yes" if value else "no"
