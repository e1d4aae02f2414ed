"""People's names, where a platform has only one text for them."""

from __future__ import annotations


def first_and_last(full_name: str | None) -> tuple[str | None, str | None]:
    """First names and last name: the last word is taken for the last name, which is what most shops ask for."""
    words = (full_name or "").split()
    return (" ".join(words[:-1]) or None, words[-1]) if words else (None, None)
