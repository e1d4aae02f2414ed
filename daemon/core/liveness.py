"""Whether the program is alive, and what it says of itself in one line, as `systemctl status` shows it."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

ACCOUNTS_NAMED = 3


class Stage(Struct, frozen=True, kw_only=True):
    """Something that is under way: since when (seconds of the monotonic clock), and how long it may take."""

    name: str
    since: float
    limit: float


def stuck(stages: Iterable[Stage], now: float) -> tuple[str, ...]:
    """The names of those that should have ended by now; while there is one the watchdog is not fed."""
    return tuple(stage.name for stage in stages if now - stage.since > stage.limit)


class Ailing(Struct, frozen=True, kw_only=True):
    """An account that can't be asked, in words that follow its name, and the command that helps, where there is one."""

    account: str
    how: str
    command: str | None = None


class Standing(Struct, frozen=True, kw_only=True):
    """How things stand: orders that a shop is still owed, jobs that wait for a person, and what is wrong.

    `degraded` is the sentence of a store that can't be written, `refused` says that the last reload changed nothing.
    """

    on_the_way: int
    parked: int
    degraded: str | None = None
    refused: bool = False
    stuck: tuple[str, ...] = ()
    ailing: tuple[Ailing, ...] = ()


def running(standing: Standing) -> str:
    """While it runs: "forwarding: 3 orders on their way, none parked", and behind it whatever is wrong."""
    said = [f"nothing is sent: {standing.degraded}"] if standing.degraded else [f"forwarding: {_work(standing)}"]
    said += [f"{name} is stuck" for name in standing.stuck]
    for one in standing.ailing[:ACCOUNTS_NAMED]:
        said.append(f"{one.account} {one.how}" + (f" ({one.command})" if one.command else ""))
    if (more := len(standing.ailing) - ACCOUNTS_NAMED) > 0:
        said.append(f"and {_count(more, 'more account')} (orderferry status)")
    if standing.refused:
        said.append("the changed settings have mistakes, so the old ones hold (orderferry check)")
    return "; ".join(said)


def settling(orders: int) -> str:
    """While it starts: what the last process left open is looked up."""
    return f"settling {_count(orders, 'order')} that {'was' if orders == 1 else 'were'} under way"


def stopping(requests: int) -> str:
    """While it stops."""
    return f"waiting for {_count(requests, 'request')}" if requests else "stopping"


def _work(standing: Standing) -> str:
    count = standing.on_the_way
    orders = (
        "no order on its way" if not count else f"{_count(count, 'order')} on {'its' if count == 1 else 'their'} way"
    )
    parked = f"{standing.parked} parked (orderferry jobs --state parked)" if standing.parked else "none parked"
    return f"{orders}, {parked}"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
