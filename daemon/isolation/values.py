"""The contract's values on their way between two processes: arguments, answers, and an account's settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import PurePath
from types import MappingProxyType, NoneType
from typing import Annotated, Any, TypeAlias, get_origin

import msgspec
from msgspec import Raw, Struct

from daemon.core.answers import signature
from orderferry import Duration, Progress, Secret, Settings
from orderferry.meter import Ending, Waiting

Seconds: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1e9)]


class Begin(Struct, frozen=True, kw_only=True):
    """What a child needs to open the account; `settings` are encoded by themselves.

    `memory` is in bytes, 0 for as much as there is.
    """

    module: str
    name: str
    account: str
    role: str
    settings: bytes
    prefix: str
    memory: int
    files: int

    def __repr__(self) -> str:
        return f"Begin({self.account})"  # the settings hold secrets


class Line(Struct, frozen=True, array_like=True):
    """One line of the plugin's log."""

    level: str
    event: str
    values: dict[str, Any]


class Asked(Struct, frozen=True, array_like=True):
    """A request that the plugin's HTTP client made."""

    ending: Ending
    seconds: Seconds


class Waited(Struct, frozen=True, array_like=True):
    """A wait of the plugin's HTTP client."""

    why: Waiting
    seconds: Seconds


class Said(Struct, frozen=True, array_like=True):
    """Something said on behalf of one of the daemon's calls, by that call's number."""

    call: int
    text: str


def _plain(value: Any) -> Any:  # whatever msgpack has no form for
    match value:
        case Secret():
            return value.reveal()
        case Duration():
            return value.total_seconds()
        case Mapping():
            return dict(value)
        case str():
            return str.__str__(value)
        case PurePath():
            return str(value)
    raise NotImplementedError(f"a {type(value).__name__} can't be told to another process")


def _whole(kind: type[Any], raw: Any) -> Any:  # the reverse
    if kind is Duration:
        return Duration(seconds=raw)
    if issubclass(kind, Secret | str | PurePath):
        return kind(raw)
    if kind is MappingProxyType:
        return MappingProxyType(raw)
    raise NotImplementedError(f"a {kind} can't be told to another process")


_ENCODER = msgspec.msgpack.Encoder(enc_hook=_plain)
_LOG_ENCODER = msgspec.msgpack.Encoder(enc_hook=str)


def encode(value: Any) -> bytes:  # any of the contract's values
    """As msgpack."""
    return _ENCODER.encode(value)


def decode(body: Raw | bytes, kind: Any) -> Any:  # a type or an annotation, and its value
    """A value of this type; raises `msgspec.MsgspecError` for anything else."""
    return _decoder(kind).decode(body)


def encode_line(line: Line) -> bytes:
    """A line of the log, whatever stands in it."""
    return _LOG_ENCODER.encode(line)


def encode_arguments(hook: str, arguments: Mapping[str, Any]) -> bytes:
    """A hook's arguments; of a `Progress` what it remembers, and of callbacks nothing: they are called back."""
    told = [_told(arguments[name]) for name in _crossing(hook)]
    return _ENCODER.encode(told)


def decode_arguments(hook: str, body: Raw) -> dict[str, Any]:
    """A hook's arguments by name, without its callbacks; of a `Progress` what it remembers."""
    values = _decoder(_arguments(hook)).decode(body)
    return {name: getattr(values, name) for name in _crossing(hook)}


def decode_answer(hook: str, body: Raw) -> Any:  # as the hook's answer is
    """A hook's answer; raises `msgspec.MsgspecError` for anything else."""
    kind = signature(hook)["return"]
    return None if kind is NoneType else decode(body, kind)


def decode_settings(body: bytes, kind: type[Settings]) -> Settings:
    """An account's settings, as its platform declares them."""
    settings: Settings = decode(body, kind)
    return settings


def _told(value: Any) -> Any:  # an argument
    return value.value if hasattr(value, "save") else value


@cache
def _crossing(hook: str) -> Mapping[str, Any]:
    """The arguments that are sent, with their types."""
    found: dict[str, Any] = {}
    for name, kind in signature(hook).items():
        if kind is Progress:
            found[name] = str | None
        elif name != "return" and (get_origin(kind) or kind) is not Callable:
            found[name] = kind
    return found


@cache
def _arguments(hook: str) -> type[Struct]:
    return msgspec.defstruct(hook, list(_crossing(hook).items()), array_like=True)


@cache
def _decoder(kind: Any) -> msgspec.msgpack.Decoder[Any]:  # a type or an annotation
    return msgspec.msgpack.Decoder(kind, dec_hook=_whole)
