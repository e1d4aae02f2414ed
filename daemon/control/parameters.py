"""Parameters of the control API's paths and queries, and how their texts become values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from difflib import get_close_matches
from typing import Any, Literal, TypeAlias
from urllib.parse import parse_qsl, unquote

from msgspec import Struct

from daemon.views import CommandError

MAX_ID = 2**63 - 1
MAX_PARAMETER = 500

Kind: TypeAlias = Literal["text", "number", "flag", "time"]


class Param(Struct, frozen=True, kw_only=True):
    """A parameter in the path or in the query; a `time` is RFC 3339 with its offset, a `flag` is true or false."""

    name: str
    kind: Kind = "text"
    summary: str
    choices: tuple[str, ...] = ()
    least: int = 0
    most: int = MAX_ID


def decoded(text: str) -> str:
    """A part of a path without its percent-encoding; raises `CommandError`."""
    try:
        plain = unquote(text, errors="strict")
    except UnicodeDecodeError:
        plain = ""
    if not plain or len(plain) > MAX_PARAMETER or not plain.isprintable():
        raise CommandError("invalid", "a part of the path is empty, too long, or not text")
    return plain


def query_of(path: str, query: Sequence[Param], text: str) -> dict[str, Any]:
    """The values of a path's query; raises `CommandError` for an unknown name, a repeated one, or a bad value."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=50)
    except ValueError:
        raise CommandError("invalid", "the query can't be read") from None
    params = {param.name: param for param in query}
    values: dict[str, Any] = {}
    for name, value in pairs:
        param = params.get(name)
        if param is None:
            near = tuple(get_close_matches(name[:MAX_PARAMETER], params, n=3))
            has = "knows " + ", ".join(params) if params else "takes no query"
            raise CommandError("invalid", f"the query has a parameter that isn't known; {path} {has}", near)
        if name in values:
            raise CommandError("invalid", f"`{name}` is in the query twice")
        values[name] = value_of(param, value)
    return values


def value_of(param: Param, text: str) -> str | int | bool | datetime:
    """The value of a parameter's text; raises `CommandError` saying what would be right."""
    if len(text) > MAX_PARAMETER:
        raise CommandError("invalid", f"`{param.name}` is too long")
    match param.kind:
        case "number":
            if text.isascii() and text.isdigit() and len(text) < 20 and param.least <= int(text) <= param.most:
                return int(text)
            most = f" to {param.most}" if param.most != MAX_ID else " or more"
            raise CommandError("invalid", f"`{param.name}` must be a whole number, {param.least}{most}")
        case "flag":
            if text in {"true", "false"}:
                return text == "true"
            raise CommandError("invalid", f"`{param.name}` must be true or false", ("true", "false"))
        case "time":
            return _time(param.name, text)
        case "text":
            if param.choices and text not in param.choices:
                near = tuple(get_close_matches(text, param.choices, n=3)) or param.choices
                raise CommandError("invalid", f"`{param.name}` must be one of {', '.join(param.choices)}", near)
            return text


def _time(name: str, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise CommandError("invalid", f"`{name}` must be a time with its offset, such as 2026-11-01T00:00:00Z")
    return moment
