"""What PHP shops put around their JSON."""

from __future__ import annotations

import re

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
