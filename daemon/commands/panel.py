"""What `orderferry top` shows, as lines: a pure function of what the control API said, and of the screen's size."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from daemon.commands import rows, words
from daemon.commands.words import Column

SPAN = timedelta(minutes=10)
"""Over how long the rates are measured."""

MOST_PROBLEMS = 3
LEAST_ROWS = 3
INDENT = " " * 8
JOB_STATES = ("waiting", "sending", "unsure", "parked")
HEALTH: Mapping[str, str] = {"ok": "green", "starting": "yellow", "paused": "yellow"}
"""The colour of each health; any other is red."""

Line = tuple[str, str | None]
"""A line and its colour."""


class View:
    """The control API's answers of one moment: `new` and `done` are how many there were within `SPAN`."""

    def __init__(
        self,
        at: datetime,
        *,
        status: Mapping[str, Any],
        accounts: Sequence[Mapping[str, Any]],
        journal: Sequence[Mapping[str, Any]],
        new: int,
        done: int,
    ) -> None:
        self.at = at
        self.status = status
        self.accounts = accounts
        self.journal = journal
        self.new = new
        self.done = done

    @property
    def rates(self) -> dict[str, float]:
        """Orders that came and jobs that were done, in a minute."""
        minutes = SPAN.total_seconds() / 60
        return {"orders": self.new / minutes, "jobs_done": self.done / minutes}

    def as_json(self) -> dict[str, object]:
        """What `--json` prints."""
        return {
            "at": self.at.isoformat(),
            "status": self.status,
            "accounts": self.accounts,
            "per_minute": self.rates,
            "journal": self.journal,
        }


def frame(view: View | None, at: datetime, width: int, height: int | None, away: str | None = None) -> list[Line]:
    """The whole screen: no line wider than `width`, and no more of them than `height`, where it is bounded.

    `away` says why the daemon does not answer now; what it said last is shown below it.
    """
    lines: list[Line] = []
    if away is not None:
        lines.append((f"! {words.clean(away)}; waiting for it", "red"))
    if view is not None:
        for text, colour in [*_head(view, at), *_problems(view.status["problems"])]:
            lines += [(part, colour) for part in textwrap.wrap(text, width, subsequent_indent=INDENT[: width - 1])]
        taken = len(lines) + 2 + LEAST_ROWS
        lines += [("", None), *_accounts(view.accounts, at, width, None if height is None else height - taken)]
        room = len(view.journal) if height is None else max(0, height - len(lines) - 1)
        shown = view.journal[-room:] if room else []
        lines += [("", None), *((rows.line(row, at), rows.WEIGHTS.get(row["kind"])) for row in shown)]
    return [(words.cut(text, width), colour) for text, colour in lines[:height]]


def _head(view: View, at: datetime) -> list[Line]:
    status = view.status
    jobs = ", ".join(f"{status['jobs'].get(state, 0)} {state}" for state in JOB_STATES)
    orders = ", ".join(f"{count} {stage}" for stage, count in status["orders"].items() if count) or "none yet"
    oldest = status["oldest_unfinished"]
    waiting = "nothing is unfinished" if oldest is None else f"oldest unfinished {_hint(oldest, at)}"
    parked = status["jobs"].get("parked", 0) + status["malformed"]
    unread = f", {status['malformed']} could not be read" if status["malformed"] else ""
    state = f"orderferry {words.clean(status['version'])} is {status['health']}"
    since = f"started {_hint(status['started_at'], at)}; {view.at.astimezone():%H:%M:%S}"
    return [
        (f"{state}, {since}", "green" if status["health"] == "ok" else "red"),
        (f"orders  {view.rates['orders']:.1f} a minute; {orders}{unread}", None),
        (f"jobs    {view.rates['jobs_done']:.1f} a minute; {jobs}; {waiting}", "red" if parked else None),
    ]


def _problems(problems: Sequence[str]) -> list[Line]:
    shown: list[Line] = [(f"! {words.clean(problem)}", "red") for problem in problems[:MOST_PROBLEMS]]
    more = len(problems) - len(shown)
    return [*shown, (f"! {more} more: orderferry status", "red")] if more > 0 else shown


def _accounts(accounts: Sequence[Mapping[str, Any]], at: datetime, width: int, room: int | None) -> list[Line]:
    columns = [("ACCOUNT", "name", True), ("HEALTH", "health", False)]
    if width >= 72:
        columns.insert(1, ("PLATFORM", "platform", False))
        columns.append(("ORDERS", "orders", False))
    columns += [("OPEN", "unfinished_jobs", False), ("PARKED", "parked_jobs", False)]
    if width >= 52:
        columns += [("LAST FETCH", "last_fetch", False), ("NEXT", "next_fetch", False)]
    accounts = sorted(accounts, key=lambda one: one["health"] == "ok")  # what needs a look is never the one cut off
    numbers = {"orders", "unfinished_jobs", "parked_jobs"}
    title, *lines = words.table(
        [Column(title, right=key in numbers, elastic=elastic) for title, key, elastic in columns],
        [[_cell(one[key], at) if key.endswith("_fetch") else one[key] for _, key, _ in columns] for one in accounts],
        width,
    )
    colours = [HEALTH.get(one["health"], "red") for one in accounts]
    table: list[Line] = [
        (line, None if colour == "green" else colour) for line, colour in zip(lines, colours, strict=True)
    ]
    if room is not None and len(table) > max(1, room):
        kept = max(0, room - 1)
        table = [*table[:kept], (f"and {len(table) - kept} more accounts: orderferry accounts", None)]
    return [(title, "bold"), *table]


def _cell(moment: str | None, at: datetime) -> str:
    return words.NOTHING if moment is None else _hint(moment, at)


def _hint(moment: str, at: datetime) -> str:
    return words.hint(datetime.fromisoformat(moment), at)
