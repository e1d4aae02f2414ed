"""What PHP shops put around their JSON, and the loose types that they put into it."""

from __future__ import annotations

import re
from typing import TypeAlias

Scalar: TypeAlias = str | int | float | bool | None
"""A value of whatever type: the same field is a number in one shop, its text in the next, false in a third."""

_BEGINNING = re.compile(rb'\n(?:\[\s*["{\[\]]|\{\s*["}])')  # not "[23-Nov-2026 ...]", as a log line begins


def without_notices(body: bytes) -> bytes:
    """The body without what PHP printed before the JSON (display_errors), or without a byte order mark.

    PHP ends each notice with a line feed, so the answer begins a line. The first line that begins like JSON is taken
    for it and no later one: an answer that was cut off must stay unreadable, and never turn into a part of itself.
    """
    text = body.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text[:1] in {b"{", b"["}:
        return text
    found = _BEGINNING.search(text)
    return text[found.start() + 1 :] if found else text


def text(value: Scalar) -> str:
    """A value as text, stripped; nothing and false are empty."""
    return "" if value is None or value is False else str(value).strip()


def truth(value: Scalar) -> bool:
    """A flag, however PHP wrote it."""
    return text(value).casefold() not in {"", "0", "0.0", "0.00", "false", "no"}


def count(value: Scalar) -> int | None:
    """A whole number, also where it is written with decimals; None where it is none."""
    try:
        return int(float(text(value)))
    except (ValueError, OverflowError):
        return None
