"""A disk that is full, or that fails, for an engine of the tests."""

from __future__ import annotations

import sqlite3

from tests.daemon.engine import Engine


class FullDisk:
    """Makes the store's commits fail with a code of SQLite, until it is mended."""

    def __init__(self, engine: Engine, code: int, *, on: str = "commit") -> None:
        self.failing = True
        self.failed = 0
        whole = getattr(engine.store, on)

        async def failing() -> None:
            if self.failing:
                self.failed += 1
                error = sqlite3.OperationalError("database or disk is full")
                error.sqlite_errorcode = code
                raise error
            await whole()

        setattr(engine.store, on, failing)
