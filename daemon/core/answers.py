"""A plugin's answer, checked against what its hook promises, in every part.

A wrong answer is a bug of the plugin, told as such before anything is built upon it. In a page each order stands for
itself: one that is typed wrongly becomes a `MalformedOrder` of its own, and its neighbours go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from types import NoneType
from typing import Any, TypeVar, get_origin, get_type_hints

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from daemon.core.retry import PluginBugError
from orderferry import Echo, MalformedOrder, Order, Page, Platform

MOST_ORDERS = 10_000
LONGEST_CURSOR = 1024 * 1024
LONGEST_RAW = 256 * 1024

T = TypeVar("T", bound=Struct)

_ENCODER = msgspec.msgpack.Encoder()
_WRONG = (msgspec.MsgspecError, TypeError, ValueError, RecursionError, OverflowError)


@cache
def signature(hook: str) -> Mapping[str, Any]:
    """The types of a hook's arguments by name, and of its answer under "return", as the contract says them."""
    callbacks = {"AskOwner": Callable}  # of which the contract imports the type for checkers alone
    return get_type_hints(getattr(Platform, hook), localns=callbacks)


def checked(hook: str, answer: Any) -> Any:  # whatever a plugin answers, and then what its hook says
    """The answer with every part of the promised type; raises `PluginBugError` that says what is wrong.

    The answer of a hook that promises none is left out, whatever it was.
    """
    kind = signature(hook)["return"]
    if kind is NoneType:
        return None
    if kind is Page:
        return _page(answer)
    if not isinstance(answer, tuple | list if get_origin(kind) is tuple else kind):
        raise _wrong(hook, answer, "it is of another type")
    try:
        return msgspec.msgpack.decode(_ENCODER.encode(answer), type=kind)
    except _WRONG as error:
        raise _wrong(hook, answer, _reason(error)) from error


def _page(answer: object) -> Page:
    if not isinstance(answer, Page) or not isinstance(answer.cursor, str):
        raise _wrong("fetch_orders", answer, "it must be a Page with a cursor")
    if len(answer.cursor) > LONGEST_CURSOR:
        raise PluginBugError(
            f"its page's cursor has {len(answer.cursor):,} characters; the limit is {LONGEST_CURSOR:,}"
        )
    parts = (answer.orders, answer.malformed, answer.echoes)
    if not all(isinstance(part, tuple | list) for part in parts):
        raise _wrong("fetch_orders", answer, "its orders, malformed and echoes must be tuples")
    if (count := sum(map(len, parts))) > MOST_ORDERS:
        raise PluginBugError(f"its page has {count:,} orders; the limit is {MOST_ORDERS:,}: answer less, with `more`")
    malformed: list[MalformedOrder] = []
    orders = _each(answer.orders, Order, malformed)
    told = _each(answer.malformed, MalformedOrder, malformed)
    echoes = _each(answer.echoes, Echo, malformed)
    try:
        frame = msgspec.msgpack.decode(_ENCODER.encode(replace(answer, orders=(), malformed=(), echoes=())), type=Page)
    except _WRONG as error:
        raise _wrong("fetch_orders", answer, _reason(error)) from error
    return replace(frame, orders=tuple(orders), malformed=(*told, *malformed), echoes=tuple(echoes))


def _each(parts: Iterable[object], kind: type[T], malformed: list[MalformedOrder]) -> list[T]:
    """The good ones of a page's parts; the others go to the malformed, so that none stops its neighbours."""
    good = []
    for part in parts:
        try:
            if not isinstance(part, kind):
                raise TypeError(f"it is a {type(part).__name__}")
            good.append(msgspec.msgpack.decode(_ENCODER.encode(part), type=kind))
        except _WRONG as error:
            reason = f"the plugin's {kind.__name__} is not what the contract says: {_reason(error)}"
            malformed.append(MalformedOrder(external_id=_id(part), reason=reason, raw=_raw(part)))
    return good


def _id(part: object) -> str | None:
    """By what the order would have been known, where it says that at all."""
    found = part.get("external_id") if isinstance(part, dict) else getattr(part, "external_id", None)
    if not isinstance(found, str | int) or isinstance(found, bool) or found == "":
        return None
    return _plain(str(found))[:200].decode()


def _raw(part: object) -> bytes:
    try:
        return _plain(repr(part)[:LONGEST_RAW])
    except Exception as error:  # noqa: BLE001 - a stranger's __repr__ may raise anything
        return type(error).__name__.encode()


def _plain(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


def _reason(error: Exception) -> str:
    """What was wrong and where in the value, never the value itself."""
    if isinstance(error, UnicodeError):
        return "a text holds half a letter, which can't be written down"
    return str(error)[:300]


def _wrong(hook: str, answer: object, why: str) -> PluginBugError:
    return PluginBugError(f"its `{hook}` answered a {type(answer).__name__} that is not what the contract says: {why}")
