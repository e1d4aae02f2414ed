"""Values as they are written in a TOML file, always on one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def toml(value: Any) -> str:  # whatever TOML has
    """The value as text: a text in quotes, a list in brackets, a table in braces."""
    import tomlkit  # noqa: PLC0415 - only needed where something is written

    if isinstance(value, Mapping):
        return (
            "{ " + ", ".join(f"{tomlkit.key(key).as_string()} = {toml(inner)}" for key, inner in value.items()) + " }"
        )
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml, value))}]"
    text: str = tomlkit.item(value).as_string()
    return text
