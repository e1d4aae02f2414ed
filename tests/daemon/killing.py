"""Kills a piece of work before each of the things that it does to the disk, one after the other."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable
from typing import Any


class Dying(sqlite3.Connection):
    """Tells each statement that is carried out."""

    about: Callable[[], None]

    def execute(self, *given: Any) -> sqlite3.Cursor:  # as sqlite3 takes them
        if not str(given[0]).startswith(("select", "update")):  # neither lasts before its commit
            type(self).about()
        return super().execute(*given)


EFFECTS = ("open", "os.rename", "os.remove", "os.utime", "sqlite3.connect")


def effects(work: Callable[[], object], dies_at: int = 0) -> int:
    """How many times `work` does something to the disk; it is killed right before the time `dies_at`. In a child."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        count = 0

        def about() -> None:
            nonlocal count
            count += 1
            if count == dies_at:
                os._exit(9)

        Dying.about = about
        connect = sqlite3.connect
        sqlite3.connect = lambda *given, **named: connect(*given, **named, factory=Dying)  # type: ignore[assignment] # a narrower signature
        sys.addaudithook(lambda event, _: about() if event in EFFECTS else None)
        try:
            work()
            os.write(writing, str(count).encode())
        finally:
            os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.close(writing)
    told = os.read(reading, 20)
    os.close(reading)
    assert code == (9 if dies_at else 0)
    return int(told or 0)
