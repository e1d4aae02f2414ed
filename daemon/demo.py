"""`orderferry demo`: the main job, end to end, before one's eyes.

A simulated Allegro and a simulated WooCommerce in processes of their own, both misbehaving on purpose; the real daemon
on a real store in a temporary folder; purchases coming in over some seconds; and in the middle of it the daemon is
killed without warning. At the end the shop is counted: the demo has succeeded only if no order is doubled or lost.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from msgspec import Struct

from daemon import demo_travels
from daemon.control.client import Client, DaemonAway, Refused

STOCK = 1_000
FAULTS = 0.05
SETTLE = 3
PATIENCE = 180.0
PRODUCTS = [
    {
        "sku": f"SKU-{number:03d}",
        "ean": f"590000000{number:04d}",
        "name": name,
        "price": price,
        "stock": STOCK,
    }
    for number, (name, price) in enumerate(
        (
            ("Kubek ceramiczny 330 ml", "49.99"),
            ("Koszulka bawełniana M", "79.90"),
            ("Notes A5 w kropki", "24.50"),
            ("Lampka biurkowa", "129.00"),
            ("Herbata zielona 100 g", "18.99"),
            ("Świeca sojowa", "34.00"),
            ("Plecak miejski 20 l", "219.99"),
            ("Zestaw kredek 24", "27.49"),
            ("Butelka termiczna", "89.90"),
            ("Puzzle 1000 elementów", "59.99"),
            ("Koc polarowy", "64.95"),
            ("Długopis żelowy", "7.99"),
        ),
        start=1,
    )
]


class Result(Struct, frozen=True, kw_only=True):
    """What the demo counted at its end."""

    bought: int
    forwardable: int
    in_shop: int
    doubled: int
    lost: int
    unwanted: int
    stock_before: int
    stock_after: int
    sold: int
    seconds: tuple[float, ...]
    travels: tuple[demo_travels.Travel, ...]
    kills: int
    faults: int

    @property
    def good(self) -> bool:
        """Whether every order that had to be forwarded stands in the shop exactly once, and the stock agrees."""
        fits = self.stock_before - self.stock_after == self.sold
        arrived = all(travel.seconds is not None for travel in self.travels)
        return not (self.doubled or self.lost or self.unwanted) and fits and arrived


def run(
    *, orders: int = 200, seed: int = 7, seconds: float = 20.0, keep: Path | None = None, quiet: bool = False
) -> int:
    """Plays the demo and prints what came of it; 0 only if nothing is doubled, lost or wrong in the stock."""
    folder = keep or Path(tempfile.mkdtemp(prefix="orderferry-demo-"))
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    stage = Stage(folder, seed)
    try:
        stage.open()
        result = stage.play(orders, seconds, Screen(quiet=quiet))
    finally:
        stage.close()
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    _tell(result)
    if not result.good:
        print("\nSomething is wrong, and this program's promise is broken. Please report it with the seed", seed)  # noqa: T201 - the demo's own words
    return 0 if result.good else 1


class Screen:
    """The live view: one line that is written over on a terminal, a line every few seconds elsewhere."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._tty = sys.stdout.isatty()
        self._last = 0.0
        self._width = 0

    def say(self, text: str) -> None:
        """A line that stays."""
        if not self._quiet:
            print(f"\r{text:<{self._width}}" if self._tty else text, flush=True)  # noqa: T201 - the demo's own words
            self._width = 0

    def show(self, text: str) -> None:
        """The state of things, written over by the next."""
        now = time.monotonic()
        if self._quiet or (not self._tty and now - self._last < 2):
            return
        self._last = now
        if self._tty:
            print(f"\r{text:<{self._width}}", end="", flush=True)  # noqa: T201 - the demo's own words
            self._width = len(text)
        else:
            print(text, flush=True)  # noqa: T201 - the demo's own words


class Stage:
    """The processes that take part, and what they are asked."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.seed = seed
        self.config = folder / "config.toml"
        self._processes: list[subprocess.Popen[bytes]] = []
        self._daemon: subprocess.Popen[bytes] | None = None
        self._market = ""
        self._shop = ""
        self._client = Client(folder / "run" / "orderferry.sock", timeout=10)

    def open(self) -> None:
        """Starts both simulators and logs the account in."""
        products = self.folder / "products.json"
        products.write_text(json.dumps(PRODUCTS), encoding="utf-8")
        market = self._simulator("allegro", "--products", str(products))
        shop = self._simulator("woocommerce")
        self._market, self._shop = market["url"], shop["url"]
        _ask(f"{self._shop}/_sim/products", PRODUCTS)
        self.config.write_text(_CONFIG.format(folder=self.folder, settle=SETTLE, market=market, shop=shop), "utf-8")
        self.config.chmod(0o600)
        token = self.folder / "refresh-token"
        token.write_text(market["refresh_token"], encoding="utf-8")
        self._orderferry("login", "allegro-demo", "--refresh-token-file", str(token))

    def play(self, orders: int, seconds: float, screen: Screen) -> Result:
        """Lets the purchases happen, kills the daemon once, and counts when all has settled."""
        before = sum(self._shop_summary()["stock"].get(product["sku"], 0) for product in PRODUCTS)
        screen.say(f"A simulated Allegro and WooCommerce are up; about every {1 / FAULTS:.0f}th request will go wrong.")
        screen.say(f"{orders} purchases come in within {seconds:.0f} seconds; the daemon is killed once on the way.")
        self._start_daemon()
        _ask(f"{self._market}/_sim/run", {"orders": orders, "seconds": seconds, "seed": self.seed})
        until = time.monotonic() + seconds + PATIENCE
        killed = False
        while time.monotonic() < until:
            market, shop = self._market_summary(), self._shop_summary()
            bought, there = sum(market["forms"].values()), shop["orders"]
            screen.show(f"bought {bought:4}   to be forwarded {len(market['must']):4}   in the shop {there:4}")
            if not killed and there >= max(1, int(orders * 0.4)):
                screen.say(f"kill -9 with {there} orders in the shop; it starts again and looks up what was under way.")
                self._kill_daemon()
                self._start_daemon()
                killed = True
            if not market["running"] and killed and self._settled(market, shop):
                break
            time.sleep(0.1)
        # what the last answers lost may hide in the settle window: one more look after it
        time.sleep(1)
        screen.say("Now a status, a tracking number and a payment are told to the hub.")
        travels = demo_travels.play(self._client, self._market_summary, self._shop_summary)
        return self._count(before, kills=int(killed), travels=travels)

    def close(self) -> None:
        """Ends every process that was started here."""
        for process in [self._daemon, *self._processes]:
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in [self._daemon, *self._processes]:
            if process is not None:
                try:
                    process.wait(35)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def _settled(self, market: dict[str, Any], shop: dict[str, Any]) -> bool:
        if set(market["must"]) - shop["sources"].keys() or self._stock(shop) != STOCK * len(PRODUCTS) - sum(
            market["sold"].values()
        ):
            return False
        try:
            return not self._client.get("status").value["jobs"]
        except (DaemonAway, Refused, OSError):
            return False

    def _count(self, before: int, *, kills: int, travels: tuple[demo_travels.Travel, ...]) -> Result:
        market, shop = self._market_summary(), self._shop_summary()
        sources: dict[str, int] = shop["sources"]
        must, allowed = set(market["must"]), {*market["must"], *market["may"]}
        return Result(
            bought=sum(market["forms"].values()) + len(market["merged"]),
            forwardable=len(must),
            in_shop=sum(sources.values()),
            doubled=sum(count - 1 for count in sources.values()),
            lost=len(must - sources.keys()),
            unwanted=len(sources.keys() - allowed),
            stock_before=before,
            stock_after=self._stock(shop),
            sold=sum(market["sold"].values()),
            seconds=self._seconds(),
            travels=travels,
            kills=kills,
            faults=sum(
                count for one in (market, shop) for fate, count in one.get("fates", {}).items() if fate != "good"
            ),
        )

    def _seconds(self) -> tuple[float, ...]:
        """For each order the seconds from its complete form to the shop, by the daemon's own journal."""
        received: dict[int, str] = {}
        found: list[float] = []
        after = 0
        while entries := self._client.get("journal", after=after, limit=500).value["entries"]:
            for entry in entries:
                data, number = entry["data"], entry["order"]
                if entry["kind"] in {"order_new", "order_changed"} and data.get("stage") == "ready":
                    received[number] = entry["at"]
                elif entry["kind"] == "job_done" and data["what"] == "add_order" and number in received:
                    found.append(_moment(entry["at"]) - _moment(received[number]))
            after = entries[-1]["id"]
        return tuple(sorted(found))

    def _stock(self, shop: dict[str, Any]) -> int:
        return sum(shop["stock"].get(product["sku"], 0) for product in PRODUCTS)

    def _market_summary(self) -> dict[str, Any]:
        return _ask(f"{self._market}/_sim/summary")

    def _shop_summary(self) -> dict[str, Any]:
        return _ask(f"{self._shop}/_sim/summary")

    def _simulator(self, platform: str, *options: str) -> dict[str, str]:
        module = next(entry.value for entry in entry_points(group="orderferry") if entry.name == platform)
        command = [sys.executable, "-m", f"{module}.simulator", "--seed", str(self.seed), "--faults", str(FAULTS)]
        process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE)  # noqa: S603 - our own simulator
        self._processes.append(process)
        line = process.stdout.readline() if process.stdout is not None else b""
        answer: dict[str, str] = json.loads(line)
        return answer

    def _start_daemon(self) -> None:
        log = (self.folder / "daemon.log").open("ab")
        self._daemon = subprocess.Popen(  # noqa: S603 - this very program
            [*_PROGRAM, "run", "--config", str(self.config)], stderr=log, stdout=log
        )
        log.close()
        _wait(self._answers, 30, "the daemon did not start; see daemon.log in the folder given by --keep")

    def _answers(self) -> bool:
        if self._daemon is not None and self._daemon.poll() is not None:
            raise SystemExit(f"the daemon ended with {self._daemon.returncode}; see {self.folder / 'daemon.log'}")
        try:
            return bool(self._client.get("status").value["version"])
        except (DaemonAway, OSError):
            return False

    def _kill_daemon(self) -> None:
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon.wait()

    def _orderferry(self, *words: str) -> None:
        command = [*_PROGRAM, *words, "--config", str(self.config)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ})  # noqa: S603 - this very program


_PROGRAM = [sys.executable, "-c", "from daemon.cli import main; main()"]

_CONFIG = """
[daemon]
data_dir = "{folder}/data"
socket = "{folder}/run/orderferry.sock"

[marketplaces.allegro-demo]
platform = "allegro"
api_url = "{market[api_url]}"
auth_url = "{market[auth_url]}"
client_id = "{market[client_id]}"
client_secret = "{market[client_secret]}"
poll_every = "0.5s"
sweep_every = "4s"

[shops.demo-shop]
platform = "woocommerce"
url = "{shop[url]}"
consumer_key = "{shop[consumer_key]}"
consumer_secret = "{shop[consumer_secret]}"
settle = "{settle}s"

[shops.demo-shop.forward]
enabled = true

[shops.demo-shop.sync]
status = "at once"
payment = "at once"
"""


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


def _moment(text: str) -> float:
    from datetime import datetime  # noqa: PLC0415 - needed at the very end alone

    return datetime.fromisoformat(text).timestamp()


def _tell(result: Result) -> None:
    middle = result.seconds[len(result.seconds) // 2] if result.seconds else 0.0
    most = result.seconds[-1] if result.seconds else 0.0
    cancelled = result.in_shop - result.forwardable - result.doubled + result.lost - result.unwanted
    lines = (
        ("orders bought", f"{result.bought} ({result.forwardable} of them to be forwarded)"),
        ("in the shop", f"{result.in_shop}" + (f" ({cancelled} of them cancelled later)" if cancelled else "")),
        ("doubled", f"{result.doubled}"),
        ("lost", f"{result.lost}"),
        ("stock before", f"{result.stock_before}"),
        ("stock after", f"{result.stock_after} ({result.sold} sold)"),
        ("from form to shop", f"{middle:.2f} s in the middle, {most:.2f} s at most"),
        *((travel.what, _arrival(travel)) for travel in result.travels),
        ("on the way", f"{result.faults} requests went wrong, the daemon was killed {result.kills} time(s)"),
    )
    print()  # noqa: T201 - the demo's own words
    for name, value in lines:
        print(f"  {name:<18} {value}")  # noqa: T201 - likewise


def _arrival(travel: demo_travels.Travel) -> str:
    return "never arrived" if travel.seconds is None else f"reached {travel.where} in {travel.seconds:.1f} s"
