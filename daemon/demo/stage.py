"""The processes that take part in the demo, and what they are asked."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from daemon.control.client import Client, DaemonAway
from daemon.demo.cast import MARKETPLACES, PRODUCTS, SHOPS, Part

Summary = Mapping[str, Any]  # a simulator's answer, in the shape that its platform's page describes

_PROGRAM = (sys.executable, "-c", "from daemon.cli import main; main()")


class Stage:
    """The simulators and the daemon; `client` asks the daemon."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.seed = seed
        self.config = folder / "config.toml"
        self.client = Client(folder / "run" / "orderferry.sock", timeout=10)
        self._simulators: dict[str, subprocess.Popen[bytes]] = {}
        self._daemon: subprocess.Popen[bytes] | None = None
        self._urls: dict[str, str] = {}

    def open(self) -> None:
        """Starts all simulators, writes the settings, and logs the marketplaces' accounts in."""
        products = self.folder / "products.json"
        products.write_text(json.dumps(PRODUCTS), encoding="utf-8")
        for part in MARKETPLACES:
            self._start(part, "--products", str(products))
        for part in SHOPS:
            self._start(part)
        said = {part: self._said(part) for part in (*MARKETPLACES, *SHOPS)}
        for part in SHOPS:
            _ask(f"{self._urls[part.platform]}/_sim/products", PRODUCTS)
        sections = [
            _DAEMON.format(folder=self.folder),
            *(_section("marketplaces", part, said[part]) for part in MARKETPLACES),
            *(_section("shops", part, said[part]) + _SHOP.format(account=part.account) for part in SHOPS),
        ]
        self.config.write_text("\n".join(sections), encoding="utf-8")
        self.config.chmod(0o600)
        for part in MARKETPLACES:
            kept = self.folder / f"refresh-token-{part.platform}"
            kept.write_text(said[part]["refresh_token"], encoding="utf-8")
            self._orderferry("login", part.account, "--refresh-token-file", str(kept))

    def buy(self, orders: int, seconds: float) -> None:
        """Lets so many purchases begin to come in, split over the marketplaces."""
        for number, part in enumerate(MARKETPLACES):
            share = (orders + len(MARKETPLACES) - 1 - number) // len(MARKETPLACES)
            run = {"orders": share, "seconds": seconds, "seed": self.seed + number}
            _ask(f"{self._urls[part.platform]}/_sim/run", run)

    def summary(self, part: Part) -> Summary:
        """What the simulator of this platform tells of itself."""
        return _ask(f"{self._urls[part.platform]}/_sim/summary")

    def start_daemon(self) -> None:
        """Starts the daemon, and returns when it answers."""
        with (self.folder / "daemon.log").open("ab") as log:
            self._daemon = subprocess.Popen(  # noqa: S603 - this very program
                [*_PROGRAM, "run", "--config", str(self.config)], stderr=log, stdout=log
            )
        _wait(self._answers, 30, "the daemon did not start; see daemon.log in the folder given by --keep")

    def kill_daemon(self) -> None:
        """Ends it without warning, as kill -9 does."""
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon.wait()

    def close(self) -> None:
        """Ends every process that was started here."""
        for process in [self._daemon, *self._simulators.values()]:
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in [self._daemon, *self._simulators.values()]:
            if process is not None:
                try:
                    process.wait(35)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def _start(self, part: Part, *options: str) -> None:
        """Starts a simulator without waiting for it, so that all of them start together."""
        module = next(entry.value for entry in entry_points(group="orderferry") if entry.name == part.platform)
        seed = str(self.seed + len(self._simulators))  # else the same requests would be struck everywhere
        command = [sys.executable, "-m", f"{module}.simulator", "--seed", seed, "--faults", str(part.faults)]
        self._simulators[part.platform] = subprocess.Popen([*command, *part.options, *options], stdout=subprocess.PIPE)  # noqa: S603 - our own simulator

    def _said(self, part: Part) -> dict[str, str]:
        """What the simulator says once it is up."""
        said = self._simulators[part.platform].stdout
        answer: dict[str, str] = json.loads(said.readline() if said is not None else b"")
        self._urls[part.platform] = answer["url"]
        return answer

    def _answers(self) -> bool:
        if self._daemon is not None and self._daemon.poll() is not None:
            raise SystemExit(f"the daemon ended with {self._daemon.returncode}; see {self.folder / 'daemon.log'}")
        try:
            return bool(self.client.get("status").value["version"])
        except (DaemonAway, OSError):
            return False

    def _orderferry(self, *words: str) -> None:
        command = [*_PROGRAM, *words, "--config", str(self.config)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - this very program


_DAEMON = """\
[daemon]
data_dir = "{folder}/data"
socket = "{folder}/run/orderferry.sock"
"""
_SHOP = """
[shops.{account}.forward]
enabled = true

[shops.{account}.sync]
status = "at once"
payment = "at once"
"""


def _section(role: str, part: Part, said: Mapping[str, str]) -> str:
    keys = [("platform", part.platform), *((key, said[key]) for key in part.told), *part.settings]
    return "\n".join([f"[{role}.{part.account}]", *(f"{key} = {json.dumps(value)}" for key, value in keys), ""])


def _ask(url: str, body: object = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})  # noqa: S310 - our own simulator
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - likewise
        value = json.loads(answer.read())
    return value if isinstance(value, dict) else {"result": value}


def _wait(ready: Callable[[], bool], seconds: float, what: str) -> None:
    until = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > until:
            raise SystemExit(what)
        time.sleep(0.05)
