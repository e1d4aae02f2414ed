"""Says what is still waited for, after a second: quick answers need no such line."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self, TextIO

PATIENCE = 1.0


class Progress:
    """A line on standard error; on a terminal it is kept up to date and taken away at the end."""

    def __init__(self, out: TextIO, patience: float = PATIENCE) -> None:
        self._out = out
        self._live = out.isatty()
        self._lock = threading.Lock()
        self._waiting: frozenset[str] = frozenset()
        self._shown = False
        self._timer = threading.Timer(patience, self._begin)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            if self._shown and self._live:
                self._out.write("\r\x1b[K")
                self._out.flush()

    def tell(self, waiting: frozenset[str]) -> None:
        """These are still waited for."""
        with self._lock:
            self._waiting = waiting
            if self._shown and self._live and waiting:
                self._say()

    def _begin(self) -> None:
        with self._lock:
            if self._waiting:
                self._shown = True
                self._say()

    def _say(self) -> None:
        line = f"asking {', '.join(sorted(self._waiting))} ..."
        self._out.write(f"\r\x1b[K{line}" if self._live else f"{line}\n")
        self._out.flush()
