"""How things stand, in a few figures: for a screen at home, not for the work itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct


class LastOrder(Struct, frozen=True, kw_only=True):
    """The order that came last: the hub's number, the marketplace's, and when it came."""

    order: int
    account: str
    external_id: str
    at: datetime


class Oldest(Struct, frozen=True, kw_only=True):
    """The order that has waited longest to get into a shop, and since when."""

    order: int
    since: datetime


class Figures(Struct, frozen=True, kw_only=True):
    """What the store says of the state."""

    waiting: int
    parked: int
    oldest: Oldest | None = None
    last: LastOrder | None = None


class State(Struct, frozen=True, kw_only=True):
    """How things stand. `waiting` orders are on their way into a shop, what is `parked` waits for a person."""

    waiting: int
    parked: int
    oldest_seconds: int
    oldest_order: int | None
    last_order: LastOrder | None
    accounts: Mapping[str, str]


def state(figures: Figures, accounts: Mapping[str, str], now: datetime) -> State:
    """How things stand now; `accounts` is the health of each."""
    waited = timedelta() if figures.oldest is None else max(now - figures.oldest.since, timedelta())
    return State(
        waiting=figures.waiting,
        parked=figures.parked,
        oldest_seconds=int(waited.total_seconds()),
        oldest_order=None if figures.oldest is None else figures.oldest.order,
        last_order=figures.last,
        accounts=dict(accounts),
    )
