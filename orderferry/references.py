"""References inside free text: for shops that keep one in a note or a comment, among whatever else stands there."""

from __future__ import annotations

import re

_BETWEEN = re.compile(r"[\s<>\[\]()|;,&\"']+")  # line breaks may have become <br />, and quotes entities


def words(text: str) -> list[str]:
    """The words of a text, without tags, brackets and what else may stand around them."""
    return [word for word in _BETWEEN.split(text) if word]


def carries(text: str, reference: str) -> bool:
    """Whether exactly this reference stands in the text; one that only begins alike does not count."""
    return reference in words(text)


def reference_in(text: str, prefix: str) -> str | None:
    """The first word that begins so: a reference of this installation; None where there is none."""
    return next((word for word in words(text) if word.startswith(prefix)), None)
