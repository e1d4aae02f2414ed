"""The executable as a process: what it loads, how it ends, what it leaves unsaid."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.control_fakes import FakeHub, daemon_thread

HEAVY = ("aiohttp", "structlog", "msgspec", "asyncio", "pluggy", "orderferry", "aiosqlite", "cryptography", "tomli")
MAIN = "import sys; sys.argv[0] = 'orderferry'; from daemon.cli import main; main()"
LOADED = (
    "import sys\n"
    "sys.argv[0] = 'orderferry'\n"
    "from daemon.cli import main\n"
    "try:\n    main()\n"
    "finally:\n    sys.stderr.write('LOADED ' + ' '.join(sorted(sys.modules)) + '\\n')\n"
)


@pytest.fixture
def hub() -> FakeHub:
    return FakeHub()


@pytest.fixture
def socket(hub: FakeHub, tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "o.sock"
    with daemon_thread(hub, path):
        yield path


def start(
    socket: Path, *args: str, script: str = MAIN, stdout: int = subprocess.PIPE, **env: str
) -> subprocess.Popen[str]:
    given = {**os.environ, "ORDERFERRY_SOCKET": str(socket), **env}
    command = [sys.executable, "-c", script, *args]
    return subprocess.Popen(command, env=given, text=True, stdout=stdout, stderr=subprocess.PIPE)  # noqa: S603 - our own


def end(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=30)
    return process.returncode, out, err


@pytest.mark.parametrize(
    "args",
    [
        ["status"],
        ["status", "--json"],
        ["orders"],
        ["show", "12"],
        ["plugins"],
        ["fetch"],
        ["forward", "12"],
        ["--help"],
        ["init", "--help"],
        ["map", "--help"],
        ["show", "x"],
    ],
    ids=" ".join,
)
def test_a_client_verb_loads_nothing_heavy(socket: Path, args: list[str]) -> None:
    code, out, err = end(start(socket, *args, script=LOADED))
    loaded = err.rpartition("LOADED ")[2].split()
    assert "click" in loaded
    assert (code == 0) == bool(out)
    assert [module for module in loaded if module.partition(".")[0] in HEAVY] == []


def test_a_reader_that_leaves_ends_it_quietly(socket: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = start(socket, "orders", stdout=writing)
    os.close(writing)
    code, _, err = end(process)
    assert (code, err) == (141, "")


def test_ctrl_c_ends_it_quietly(socket: Path) -> None:
    process = start(socket, "tail", "--after", "0")
    assert process.stdout is not None
    assert "order_new" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    code, _, err = end(process)
    assert (code, err.strip()) == (130, "")


def test_errors_of_the_program_stay_visible(socket: Path, hub: FakeHub) -> None:
    hub.fails["status"] = RuntimeError("x")
    assert end(start(socket, "status")) == (1, "", "orderferry: the daemon made a mistake; its log says more\n")


def on_a_terminal(socket: Path, *args: str, **env: str) -> str:
    """What it prints on a terminal of 60 columns."""
    leader, follower = pty.openpty()
    process = start(socket, *args, stdout=follower, COLUMNS="60", **env)
    os.close(follower)
    received = b""
    while True:
        try:
            chunk = os.read(leader, 65536)
        except OSError:  # how a terminal of Linux says that all have left
            break
        if not chunk:
            break
        received += chunk
    os.close(leader)
    code, _, err = end(process)
    assert (code, "Traceback" in err) == (0, False)
    return received.decode().replace("\r\n", "\n")


def test_a_terminal_gets_colours_and_lines_that_fit(socket: Path) -> None:
    shown = on_a_terminal(socket, "orders", NO_COLOR="")
    assert "\x1b[1m" in shown
    assert "…" in shown


def test_no_color_is_respected(socket: Path) -> None:
    shown = on_a_terminal(socket, "orders", NO_COLOR="1")
    assert "\x1b" not in shown
    assert max(len(line) for line in shown.splitlines()[:3]) <= 60


def test_json_on_a_terminal_is_for_the_eye(socket: Path) -> None:
    assert on_a_terminal(socket, "status", "--json").startswith('{\n  "version": "0.1.0",\n')
