"""`orderferry top`: each picture is what it must be, fits its screen, and the terminal is left as it was."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from daemon.cli import cli
from daemon.commands import group, words
from daemon.commands.panel import Line, View, frame
from tests.daemon.control_fakes import NOW, FakeHub, daemon_thread
from tests.daemon.control_views import ENTRIES, STATUS, account

GOLDEN = Path(__file__).parent / "test_top_golden"


@pytest.fixture(autouse=True)
def _in_warsaw(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Warsaw")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def plain(value: object) -> Any:
    """A view as its JSON says it."""
    return json.loads(msgspec.json.encode(value))


def view(accounts: int = 0, **status: object) -> View:
    more = [account(f"shop-{number}", platform="woocommerce", health="ok") for number in range(accounts)]
    down = account("my-shop", health="down", parked_jobs=1, unfinished_jobs=2)
    return View(
        NOW,
        status=plain(STATUS) | status,
        accounts=plain([account("allegro-main"), down, *more]),
        journal=plain(ENTRIES),
        new=7,
        done=12,
    )


PICTURES: Mapping[str, Callable[[], list[Line]]] = {
    "wide": lambda: frame(view(), NOW, 100, 24),
    "narrow": lambda: frame(view(), NOW, 40, 24),
    "low": lambda: frame(view(accounts=20), NOW, 80, 16),
    "away": lambda: frame(view(), NOW + timedelta(minutes=1), 80, 24, "no daemon answers at /run/s"),
    "unbounded": lambda: frame(view(accounts=2, problems=["a", "b", "c", "d"], oldest_unfinished=None), NOW, 120, None),
}


@pytest.mark.parametrize("name", PICTURES)
def test_the_picture_is_as_it_was_looked_at(name: str) -> None:
    shown = "".join(f"{colour or '-':<6} |{text}\n" for text, colour in PICTURES[name]())
    assert shown == (GOLDEN / f"{name}.txt").read_text("utf-8")


@given(st.integers(1, 200), st.integers(1, 60), st.integers(0, 30), st.booleans())
def test_it_fits_every_screen(columns: int, lines: int, accounts: int, away: bool) -> None:
    shown = frame(view(accounts=accounts), NOW, columns, lines, "gone" if away else None)
    assert len(shown) <= lines
    assert all(words.width(text) <= columns for text, _ in shown)


def test_nothing_from_outside_steers_the_terminal() -> None:
    shown = frame(view(problems=["\x1b[2J"]), NOW, 80, 24, "\x1b]0;x\x07")
    assert not any("\x1b" in text or "\x07" in text for text, _ in shown)


def test_before_the_first_answer_it_says_what_it_waits_for() -> None:
    assert frame(None, NOW, 80, 24, "no daemon answers at /s") == [("! no daemon answers at /s; waiting for it", "red")]


@pytest.fixture
def hub() -> FakeHub:
    return FakeHub()


@pytest.fixture
def socket(hub: FakeHub, tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "o.sock"
    with daemon_thread(hub, path):
        yield path


def test_without_a_terminal_it_is_one_picture(hub: FakeHub, socket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "now", lambda: NOW)
    hub.entries = (*ENTRIES, structs.replace(ENTRIES[0], id=4, at=NOW - timedelta(minutes=1)))
    result = CliRunner().invoke(cli, ["top", "--socket", str(socket)])
    assert result.exit_code == 0
    assert result.stdout.startswith("orderferry 0.1.0 is degraded, started 2 h ago; 10:00:00\n")
    assert "orders  0.1 a minute; 1 ready, 1 placed, 1 could not be read\n" in result.stdout
    assert "\x1b" not in result.stdout


def test_json_is_one_value(socket: Path) -> None:
    result = CliRunner().invoke(cli, ["top", "--json", "--socket", str(socket)])
    value = json.loads(result.stdout)
    assert set(value) == {"at", "status", "accounts", "per_minute", "journal"}
    assert value["status"]["version"] == "0.1.0"
    assert set(value["per_minute"]) == {"orders", "jobs_done"}


def test_without_a_daemon_the_one_picture_fails(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["top", "--once", "--socket", str(tmp_path / "none")])
    assert result.exit_code == group.AWAY


@pytest.mark.parametrize("text", ["0", "0.1s", "2m", "soon", "-1s", "1e3s", "9999s"])
def test_a_time_that_makes_no_sense_is_refused(text: str) -> None:
    result = CliRunner().invoke(cli, ["top", "--every", text])
    assert result.exit_code == group.USAGE
    assert "is not a time such as 2s" in result.stderr


class Terminal:
    """A terminal of a certain size with `orderferry top` in it."""

    def __init__(self, socket: Path, columns: int, lines: int) -> None:
        self.master, slave = pty.openpty()
        self.resize(columns, lines)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        command = [sys.executable, "-c", "from daemon.cli import main; main()", "top", "--socket", str(socket)]
        self.process = subprocess.Popen(  # noqa: S603 - the program itself
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "NO_COLOR": "1"},
            start_new_session=True,
        )
        self.seen = b""

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def until(self, wanted: bytes) -> None:
        end = time.monotonic() + 20
        while wanted not in self.seen:
            assert time.monotonic() < end, (wanted, self.seen)
            if select.select([self.master], [], [], 0.1)[0]:
                self.seen += os.read(self.master, 65536)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.slave)
        os.close(self.master)


@pytest.fixture
def terminal(socket: Path) -> Iterator[Terminal]:
    opened = Terminal(socket, 90, 20)
    yield opened
    opened.close()


def test_in_a_terminal_it_draws_and_leaves_with_q(terminal: Terminal) -> None:
    terminal.until(b"q leaves")
    assert terminal.seen.startswith(b"\x1b[?1049h")
    assert b"is degraded" in terminal.seen
    os.write(terminal.master, b"q")
    terminal.until(b"\x1b[?1049l")
    assert terminal.process.wait(timeout=20) == 0
    assert termios.tcgetattr(terminal.slave) == terminal.before


def test_another_size_is_drawn_at_once(terminal: Terminal) -> None:
    terminal.until(b"LAST FETCH")
    terminal.seen = b""
    terminal.resize(30, 10)
    os.kill(terminal.process.pid, 28)  # SIGWINCH, which a session of its own does not get from this terminal
    terminal.until(b"q leaves")
    assert b"LAST FETCH" not in terminal.seen
