"""The contract's errors on their way between two processes, with all their fields."""

from __future__ import annotations

import asyncio
from types import MappingProxyType

import msgspec
from msgspec import Raw, Struct

from daemon.core.retry import PluginBugError, bug_of
from orderferry import Malformed, NeedsLogin, PlatformError, RateLimited, Rejected, Unavailable, Unsure

LONGEST_TEXT = 4000

# from the special to the general: the first that fits is the decision that the error stands for
_KINDS: MappingProxyType[str, type[PlatformError]] = MappingProxyType(
    {
        "rate_limited": RateLimited,
        "unavailable": Unavailable,
        "unsure": Unsure,
        "needs_login": NeedsLogin,
        "rejected": Rejected,
        "malformed": Malformed,
    }
)


class _Fault(Struct, frozen=True, kw_only=True, omit_defaults=True):
    kind: str
    message: str = ""
    retry_after: float | None = None
    status: int | None = None
    detail: str | None = None


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Fault)


def fault_of(error: BaseException) -> bytes:
    """The error, encoded; anything that is none of the contract's becomes a bug without its text."""
    return _ENCODER.encode(_fault(error))


def raised(body: Raw) -> Exception:
    """The error that was encoded."""
    fault = _DECODER.decode(body)
    if fault.kind == "timeout":
        return TimeoutError(fault.message)
    kind = _KINDS.get(fault.kind)
    if kind is None:
        return PluginBugError(fault.message, fault.detail)
    if issubclass(kind, Unavailable):
        return kind(fault.message, retry_after=fault.retry_after)
    if kind is Rejected:
        return Rejected(fault.message, status=fault.status)
    return kind(fault.message)


def _fault(error: BaseException) -> _Fault:
    if isinstance(error, asyncio.CancelledError):
        return _Fault(kind="bug", message="its call was cancelled")
    if isinstance(error, TimeoutError):
        return _Fault(kind="timeout")
    for name, kind in _KINDS.items():
        if isinstance(error, kind):
            return _Fault(
                kind=name,
                message=_text(error),
                retry_after=_number(getattr(error, "retry_after", None)),
                status=_whole(getattr(error, "status", None)),
            )
    bug = bug_of(error)
    detail = None if bug.detail is None else _clean(bug.detail)
    return _Fault(kind="bug", message=_clean(str(bug)), detail=detail)


def _text(error: Exception) -> str:
    try:
        return _clean(str(error))
    except Exception as wrong:  # noqa: BLE001 - a stranger's __str__ may raise anything
        return f"a {type(error).__name__} whose text can't be read ({type(wrong).__name__})"


def _clean(text: str) -> str:
    return text[:LONGEST_TEXT].encode("utf-8", "backslashreplace").decode()


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and -(2**63) <= value < 2**63 else None
