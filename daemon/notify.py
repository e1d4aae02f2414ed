"""What the program tells the service manager that started it, by the protocol of sd_notify(3).

Without NOTIFY_SOCKET nobody listens, and nothing happens.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from enum import Enum, auto
from typing import Self

import structlog

log = structlog.get_logger("orderferry.daemon")

PATIENCE = 0.5  # the manager reads at once; one that does not must not hold up the orders


class Phase(Enum):
    """Where the program is in its life."""

    STARTING = auto()
    RUNNING = auto()
    STOPPING = auto()


class Notifier:
    """Tells one service manager.

    `watchdog` is after how many seconds without food it restarts the program, None for never; `refused` says that the
    settings, when they were last read anew, were not taken.
    """

    def __init__(self, address: str | None = None, watchdog: float | None = None) -> None:
        """`address` is a path, or a name in the abstract namespace after "@"."""
        self.watchdog = watchdog
        self.phase = Phase.STARTING
        self.refused = False
        self._address = address
        self._status = ""
        self._failing = False
        self._socket: socket.socket | None = None
        if address is not None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.settimeout(PATIENCE)

    @classmethod
    def of(cls, environ: MutableMapping[str, str]) -> Self:
        """From what the manager has put into the environment; it is taken out, so that no child believes it its own."""
        address = environ.pop("NOTIFY_SOCKET", "")
        usec, pid = environ.pop("WATCHDOG_USEC", ""), environ.pop("WATCHDOG_PID", "")
        if not address.startswith(("/", "@")):
            return cls()
        meant = pid in {"", str(os.getpid())} and usec.isascii() and usec.isdigit() and int(usec) > 0
        return cls(address, int(usec) / 1e6 if meant else None)

    @property
    def heard(self) -> bool:
        """Whether anybody listens."""
        return self._socket is not None

    def say(self, status: str) -> None:
        """Shows this line in `systemctl status`; the same line is not sent twice in a row."""
        line = " ".join(status.split())
        if line != self._status and self._send(f"STATUS={line}"):
            self._status = line

    def ready(self) -> None:
        """The start is over, or the settings were read anew."""
        if self.phase is not Phase.STOPPING:
            self.phase = Phase.RUNNING
            self._send("READY=1")

    def feed(self) -> None:
        """All is well; the manager restarts a program that has not said so for its time."""
        self._send("WATCHDOG=1")

    @contextmanager
    def reloading(self) -> Iterator[None]:
        """The settings are read anew meanwhile."""
        if self.phase is not Phase.STOPPING:
            self._send(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")
        self.refused = True
        try:
            yield
            self.refused = False
        finally:
            self.ready()

    def stopping(self) -> None:
        """The end has begun."""
        self.phase = Phase.STOPPING
        self._send("STOPPING=1")

    def extend(self, seconds: float) -> None:
        """Asks for so much time from now on, where the manager would give less."""
        self._send(f"EXTEND_TIMEOUT_USEC={int(seconds * 1e6)}")

    def close(self) -> None:
        """Says nothing any more."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, text: str) -> bool:
        if self._socket is None or self._address is None:
            return False
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            self._socket.sendto(text.encode(), address)
        except OSError as error:
            if not self._failing:
                log.warning("service_manager_not_told", what=text.partition("=")[0], error=str(error))
            self._failing = True
            return False
        self._failing = False
        return True
