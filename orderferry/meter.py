"""What is measured of an account's requests: how each ended, how long it took, how long it had to wait for its turn."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from orderferry.errors import Malformed, NeedsLogin, RateLimited, Rejected, Unavailable, Unsure


class Ending(StrEnum):
    """How a request ended, by the error that came of it."""

    OK = "ok"
    UNAVAILABLE = "unavailable"
    RATE_LIMITED = "rate_limited"
    REJECTED = "rejected"
    UNSURE = "unsure"
    NEEDS_LOGIN = "needs_login"
    MALFORMED = "malformed"
    BROKEN_OFF = "broken_off"  # cancelled while it was under way, or a bug of the plugin


class Waiting(StrEnum):
    """Why a request had to wait."""

    OWN_LIMIT = "own_limit"  # our own pace for this platform
    PLATFORM = "platform"  # it answered 429, and asked for so long a wait


class Meter(Protocol):
    """Told of every request by the account's HTTP client; both methods return at once and never raise."""

    def asked(self, ending: Ending, seconds: float) -> None: ...
    def waited(self, why: Waiting, seconds: float) -> None: ...


class _Nothing:
    def asked(self, ending: Ending, seconds: float) -> None:
        pass

    def waited(self, why: Waiting, seconds: float) -> None:
        pass


UNMEASURED: Meter = _Nothing()
"""Measures nothing."""

_ENDINGS = (
    (RateLimited, Ending.RATE_LIMITED),  # before Unavailable, of which it is a kind
    (Unavailable, Ending.UNAVAILABLE),
    (NeedsLogin, Ending.NEEDS_LOGIN),
    (Unsure, Ending.UNSURE),
    (Rejected, Ending.REJECTED),
    (Malformed, Ending.MALFORMED),
)


def ending_of(error: BaseException) -> Ending:
    """What an error says of the request that it came of."""
    return next((ending for kind, ending in _ENDINGS if isinstance(error, kind)), Ending.BROKEN_OFF)
