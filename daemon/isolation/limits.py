"""How an account's platform is run, and the limits of one that has a process of its own."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Isolation(StrEnum):
    """Where an account's platform runs."""

    PROCESS = "process"
    DAEMON = "daemon"


class Limits(Struct, frozen=True, kw_only=True):
    """How long a child may take for what, in seconds; what else it may take is the seller's to say.

    A child that leaves `unanswered` pings, one every
    `ping_every`, without a sign of life is blocked. A call that was given up must end within `patience`.
    """

    start: float = 30.0
    ping_every: float = 1.0
    unanswered: int = 5
    patience: float = 5.0
    end: float = 2.0
    first_pause: float = 1.0
    longest_pause: float = 60.0
