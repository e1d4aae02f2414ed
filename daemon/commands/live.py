"""`orderferry top` on a terminal: asks, draws, waits for a key or the next time, and leaves the terminal as it was."""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import click

from daemon.commands import words
from daemon.commands.group import colours
from daemon.commands.panel import SPAN, Line, View, frame
from daemon.control.client import Client, DaemonAway, Refused

JOURNAL = 60
MOST = 1000
LEAVE = frozenset(b"qQ\x04")  # q, and the end of input

_ENTER, _EXIT = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
_HOME, _REST_OF_LINE, _REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"


def ask(daemon: Client) -> View:
    """All that is shown, from the control API alone. Raises `DaemonAway` and `Refused`."""
    at = words.now()
    since = (at - SPAN).isoformat()

    def count(kind: str) -> int:
        return len(daemon.get("journal", kind=kind, since=since, newest=True, limit=MOST).value["entries"])

    return View(
        at,
        status=daemon.get("status").value,
        accounts=daemon.get("accounts").value,
        journal=daemon.get("journal", newest=True, limit=JOURNAL).value["entries"],
        new=count("order_new"),
        done=count("job_done"),
    )


def show(daemon: Client, every: float) -> None:
    """Draws until q is pressed; a daemon that goes away is told and waited for."""
    view: View | None = None
    with _terminal() as wait:
        while True:
            away = None
            try:
                view = ask(daemon)
            except DaemonAway as error:
                away = str(error)
            except Refused as refused:
                if refused.code != "unavailable":
                    raise
                away = str(refused)
            until = time.monotonic() + every
            draw(view, away)
            while (left := until - time.monotonic()) > 0:
                key = wait(left)
                if key is not None and LEAVE & set(key):
                    return
                if key == b"":  # the terminal has another size
                    draw(view, away)


def draw(view: View | None, away: str | None) -> None:
    """Puts a frame on the screen without clearing it first, so that nothing flickers."""
    size = os.get_terminal_size(sys.stdout.fileno())
    lines = [painted(line) + _REST_OF_LINE for line in frame(view, words.now(), size.columns, size.lines - 1, away)]
    lines.append(words.cut("q leaves", size.columns) + _REST_OF_LINE)
    sys.stdout.write(_HOME + "\r\n".join(lines) + _REST_OF_SCREEN)
    sys.stdout.flush()


def painted(line: Line) -> str:
    """The line in its colour, where there are colours."""
    text, colour = line
    if colour is None or not colours():
        return text
    return click.style(text, bold=True) if colour == "bold" else click.style(text, fg=colour)


@contextmanager
def _terminal() -> Iterator[Callable[[float], bytes | None]]:
    """A screen of its own; yields what waits so many seconds: for keys, b"" for another size, None for neither."""
    keys = sys.stdin.fileno() if sys.stdin.isatty() else None
    with ExitStack() as after:
        bell, rung = os.pipe()
        after.callback(os.close, bell)
        after.callback(os.close, rung)
        os.set_blocking(rung, False)
        after.callback(signal.signal, signal.SIGWINCH, signal.signal(signal.SIGWINCH, lambda *_: None))
        after.callback(signal.set_wakeup_fd, signal.set_wakeup_fd(rung, warn_on_full_buffer=False))
        after.callback(signal.signal, signal.SIGTERM, signal.signal(signal.SIGTERM, signal.default_int_handler))
        if keys is not None:
            after.callback(termios.tcsetattr, keys, termios.TCSADRAIN, termios.tcgetattr(keys))
            tty.setcbreak(keys)
        after.callback(_write, _EXIT)
        _write(_ENTER)

        def wait(seconds: float) -> bytes | None:
            ready, _, _ = select.select([bell] if keys is None else [bell, keys], [], [], seconds)
            if bell in ready:
                os.read(bell, 512)
                return b""
            return (os.read(keys, 512) or b"\x04") if keys is not None and ready else None

        yield wait


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
