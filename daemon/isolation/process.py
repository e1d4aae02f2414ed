"""A child process as the operating system has it: started with little, heard line by line, ended with its group."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Self

LONGEST_LINE = 300
_CHUNK = 64 * 1024
_LAST_PIECES = 4  # of what it printed before it ended
_KEPT = (
    "PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR",
    "PYTHONPATH", "PYTHONHOME", "SSL_CERT_FILE", "SSL_CERT_DIR",
)  # fmt: skip


class Process:
    """A started child; `exited` is done with its exit status once it has ended and is reaped."""

    def __init__(self, child: subprocess.Popen[bytes], output: int, line: Callable[[str], object]) -> None:
        self._loop = asyncio.get_running_loop()
        self.exited: asyncio.Future[int] = self._loop.create_future()
        self.pid = child.pid
        self._child = child
        self._output = output
        self._line = line
        self._part = b""
        self._watch = os.pidfd_open(child.pid)
        self._loop.add_reader(self._watch, self._ended)
        os.set_blocking(output, False)
        self._loop.add_reader(output, self._read)

    @classmethod
    def start(cls, end: int, line: Callable[[str], object]) -> Self:
        """Starts `python -m daemon.isolation` with this end of the stream; `line` gets what it prints.

        It has a session of its own, and neither secrets nor settings in its arguments or its environment. Raises
        `OSError` where none can be started.
        """
        reading, writing = os.pipe2(os.O_CLOEXEC)
        try:
            child = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-P", "-m", "daemon.isolation", str(end), str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                pass_fds=(end,),
                start_new_session=True,
                env={name: os.environ[name] for name in _KEPT if name in os.environ},
                cwd="/",
            )
        except OSError:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        try:
            return cls(child, reading, line)
        except OSError:  # no pidfd: an old kernel, or no descriptor left
            os.close(reading)
            child.kill()
            child.wait()
            raise

    def kill(self) -> None:
        """Ends it, and whatever it has started in its session, at once."""
        if not self.exited.done():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    def _ended(self) -> None:
        self._loop.remove_reader(self._watch)
        os.close(self._watch)
        for _ in range(_LAST_PIECES):
            self._read()
        self._tell(self._part)
        self._loop.remove_reader(self._output)
        os.close(self._output)
        self.kill()  # others of its group; until it is waited for, its number can't be another's
        self.exited.set_result(self._child.wait())

    def _read(self) -> None:
        """One piece of what it has printed, so that a flood leaves the loop to others; a long line is cut."""
        try:
            piece = os.read(self._output, _CHUNK)
        except OSError:  # nothing there just now
            return
        if not piece:
            self._loop.remove_reader(self._output)
        *lines, self._part = (self._part[:LONGEST_LINE] + piece).split(b"\n")
        for text in lines:
            self._tell(text)

    def _tell(self, text: bytes) -> None:
        if text.strip():
            self._line(text[:LONGEST_LINE].decode("utf-8", "replace"))


def told(status: int) -> str:
    """How a process ended, in words."""
    if status == -signal.SIGKILL:
        return "it was killed from outside, perhaps because the machine's memory was full"
    if status < 0:
        return f"it crashed (signal {-status}, {signal.strsignal(-status)})"
    return f"it ended by itself with status {status}"
