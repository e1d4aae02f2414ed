"""Rows of the journal as lines for people, each with the colour of its weight."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from daemon.commands.words import clean

WEIGHTS: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "order_malformed",
            "double_found",
            "job_parked",
            "account_needs_login",
            "account_refused",
            "store_degraded",
        ),
        "red",
    ),
    **dict.fromkeys(
        (
            "order_gap",
            "order_held",
            "order_warning",
            "order_differs",
            "job_later",
            "job_unsure",
            "account_down",
            "account_paused",
            "daemon_stopping",
        ),
        "yellow",
    ),
    **dict.fromkeys(
        ("order_new", "job_done", "job_resolved", "account_up", "account_resumed", "daemon_started", "store_recovered"),
        "green",
    ),
}
"""Red is for a person to act on, yellow to know of, green what has been reached; other kinds have no colour."""


def line(row: Mapping[str, Any], at: datetime) -> str:
    """A row in local time, with its day where that isn't the day of `at`."""
    moment, today = datetime.fromisoformat(row["at"]).astimezone(), at.astimezone().date()
    time = f"{moment:%H:%M:%S}" if moment.date() == today else f"{moment:%Y-%m-%d %H:%M:%S}"
    named = [f"{name}={row[name]}" for name in ("order", "account", "job") if row[name] is not None]
    told = [f"{name}={_short(value)}" for name, value in row["data"].items() if value is not None]
    return f"{time}  {clean(row['kind']):<19}  {clean('  '.join([*named, *told]))}".rstrip()


def _short(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
