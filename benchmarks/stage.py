"""The processes that take part in a measurement, and what is read of them from outside."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from daemon.control.client import Client, DaemonAway

ROOT = Path(__file__).parents[1]
MARKET, SHOP = "market", "shop"

CONFIG = """
[daemon]
data_dir = "{folder}/data"
socket = "{folder}/run/orderferry.sock"

[marketplaces.market]
platform = "allegro"
api_url = "{market[url]}"
auth_url = "{market[auth_url]}"
client_id = "{market[client_id]}"
client_secret = "{market[client_secret]}"
poll_every = "{poll_every}"
sweep_every = "{sweep_every}"

[shops.shop]
platform = "woocommerce"
url = "{shop[url]}"
consumer_key = "{shop[consumer_key]}"
consumer_secret = "{shop[consumer_secret]}"
poll_every = "24h"

[shops.shop.forward]
enabled = true
"""


def config(folder: Path, market: Mapping[str, str], shop: Mapping[str, str], **more: str) -> Path:
    """Writes the settings into the folder; `more` are poll_every and sweep_every."""
    path = folder / "config.toml"
    path.write_text(CONFIG.format(folder=folder, market=market, shop=shop, **more), encoding="utf-8")
    path.chmod(0o600)
    return path


class Obeying:
    """A process that answers each line of JSON on its standard input with one; ends with it."""

    def __init__(self, *words: str, greets: bool = False, cores: set[int] | None = None) -> None:
        self.process = subprocess.Popen(  # noqa: S603 - a module of ours
            [sys.executable, "-m", *words],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        pin(self.process.pid, cores)
        self.greeting: dict[str, str] = self._answer() if greets else {}

    def tell(self, **command: object) -> dict[str, Any]:
        """Gives a command and waits for the answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command).encode() + b"\n")
        self.process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """Lets it end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(20)

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{' '.join(map(str, self.process.args))} ended too early")  # type: ignore[arg-type] # a list here
        answer: dict[str, Any] = json.loads(line)
        return answer


class DaemonProcess:
    """A running daemon with a store and a log of its own in the folder."""

    def __init__(self, folder: Path, settings: Path, program: Sequence[str], cores: set[int] | None = None) -> None:
        self.folder = folder
        self.settings = settings
        self.client = Client(folder / "run" / "orderferry.sock", timeout=60)
        self._program = program
        self._cores = cores
        self._process: subprocess.Popen[bytes] | None = None
        self._started = datetime.now(UTC)

    @property
    def pid(self) -> int:
        """The process's number."""
        assert self._process is not None
        return self._process.pid

    def login(self, refresh_token: str) -> None:
        """Gives the marketplace's account its tokens."""
        token = self.folder / "refresh-token"
        token.write_text(refresh_token, encoding="utf-8")
        words = ["login", "market", "--refresh-token-file", str(token), "--config", str(self.settings)]
        subprocess.run([*self._program, *words], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - this very program

    def start(self) -> None:
        """Starts it and returns at once; the log is JSON in a file."""
        self._started = datetime.now(UTC)
        with (self.folder / "daemon.log").open("ab") as log:
            command = [*self._program, "run", "--config", str(self.settings)]
            self._process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)  # noqa: S603 - this very program
        pin(self.pid, self._cores)

    def ready(self) -> None:
        """Returns when every account has been fetched from since the start."""
        wait_for(self._fetched, 60, f"the daemon did not start; see {self.folder / 'daemon.log'}")

    def fetch(self) -> threading.Thread:
        """Asks it to fetch from the marketplace now, and lets it."""
        asking = threading.Thread(target=self._fetch)
        asking.start()
        return asking

    def unfinished(self) -> int:
        """Jobs that are not done yet."""
        return sum(self.client.get("status").value["jobs"].values())

    def stop(self) -> None:
        """Ends it as systemd would."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(40)

    def cpu(self) -> float:
        """Seconds of processor time used so far, by all of its threads."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self, name: str = "VmHWM") -> float:
        """Resident memory in MB: VmHWM is the most so far, VmRSS what is used now."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) / 1024
        raise LookupError(name)

    def rounds(self, since: int) -> int:
        """Transactions since a moment (ms since 1970).

        Each stamps its own moment on whatever it writes, journal rows, claims and cursors alike, so the store itself
        tells how many there were; two within one millisecond would count as one, but none is so short.
        """
        path = f"file:{self.folder / 'data' / 'orders.db'}?mode=ro"
        store = sqlite3.connect(path, uri=True)
        try:
            moments = (
                "select at from journal where at >= ?1 union select sent_at from job where sent_at >= ?1"
                " union select fetched_at from account where fetched_at >= ?1"
            )
            count: int = store.execute(f"select count(*) from ({moments})", (since,)).fetchone()[0]  # noqa: S608 - fixed text
            return count
        finally:
            store.close()

    def _fetch(self) -> None:
        for _ in self.client.lines("accounts", MARKET, "fetch"):
            pass

    def _fetched(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise SystemExit(f"the daemon ended; see {self.folder / 'daemon.log'}")
        try:
            accounts = self.client.get("accounts").value
        except DaemonAway:
            return False
        moments = [one["last_fetch"] for one in _listed(accounts)]
        return all(text and datetime.fromisoformat(text) > self._started for text in moments)


def _listed(value: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = value["accounts"] if isinstance(value, dict) else value
    return found


def pin(pid: int, cores: set[int] | None) -> None:
    """Keeps a process to these cores."""
    if cores:
        os.sched_setaffinity(pid, cores)


def wait_for(done: Callable[[], bool], seconds: float, what: str, *, every: float = 0.02) -> None:
    """Looks again and again; ends the program with `what` when it takes too long."""
    until = time.monotonic() + seconds
    while not done():
        if time.monotonic() > until:
            raise SystemExit(what)
        time.sleep(every)


def milliseconds() -> int:
    """The present moment as the store keeps it."""
    return time.time_ns() // 1_000_000
