"""Requests that a plugin makes in a process of its own are measured like all others."""

from __future__ import annotations

from typing import Any, cast

import msgspec
import pytest
from msgspec import Raw

from daemon.isolation.hosted import RemoteMeter
from daemon.isolation.peer import Peer
from daemon.isolation.remote import Surroundings
from orderferry.meter import Ending, Waiting
from orderferry.testing.memory import MemoryLog, MemoryTokens


class Counted:
    """A meter that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, float]] = []

    def asked(self, ending: Ending, seconds: float) -> None:
        self.told.append((ending, seconds))

    def waited(self, why: Waiting, seconds: float) -> None:
        self.told.append((why, seconds))


class Stream:
    """Stands for the stream between the two processes."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings

    def tell(self, name: str, body: bytes = b"") -> None:
        self._surroundings.hear(name, Raw(body))


def test_what_the_child_measures_is_counted_in_the_daemon() -> None:
    counted = Counted()
    meter = RemoteMeter(cast("Peer", Stream(Surroundings(MemoryTokens(), MemoryLog(), counted))))
    meter.asked(Ending.OK, 0.25)
    meter.asked(Ending.RATE_LIMITED, 0.5)
    meter.waited(Waiting.PLATFORM, 30.0)
    assert counted.told == [(Ending.OK, 0.25), (Ending.RATE_LIMITED, 0.5), (Waiting.PLATFORM, 30.0)]


@pytest.mark.parametrize(
    "said", [["ok", -1.0], ["ok", float("nan")], ["ok", float("inf")], ["nonsense", 1.0], ["ok"], "ok", ["ok", "1"]]
)
def test_a_figure_that_cannot_be_is_not_counted(said: object) -> None:
    counted, log = Counted(), MemoryLog()
    Surroundings(MemoryTokens(), log, counted).hear("asked", Raw(msgspec.msgpack.encode(said)))
    assert not counted.told
    assert [event.event for event in log.events] == ["plugin_said_nonsense"]
