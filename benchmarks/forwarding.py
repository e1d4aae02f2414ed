"""How many orders a second the daemon carries from the marketplace into the shop, beside a bare aiohttp loop.

    python -m benchmarks.forwarding [--orders 2000] [--rounds 5] [--concurrency 0] [--way journal|sweep]
                                    [--full] [--pin] [--json]

In turns: the daemon forwards new purchases, then the bare loop makes the very same calls again. Both are timed by the
platforms' own processes, from the first page that tells of an order to the last order in the shop. What the figures
mean, and what not, stands in README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
from msgspec import Struct

from benchmarks import calls
from benchmarks.stage import MARKET, SHOP, DaemonProcess, Obeying, config, milliseconds, wait_for

SWEEP_EVERY = 1.0


class Turn(Struct, frozen=True, kw_only=True):
    """One round: orders a second of the daemon and of the bare loop, and what the daemon used for it."""

    daemon: float
    bare: float
    daemon_cpu_us: float  # of all threads, an order
    bare_cpu_us: float
    commits: float  # an order
    calls: float  # an order

    @property
    def ratio(self) -> float:
        """The daemon's part of the bare loop's speed."""
        return self.daemon / self.bare


class Report(Struct, frozen=True, kw_only=True):
    """All rounds of a run; `peak_mb` is the daemon's, the log and a store of all rounds included."""

    way: str
    servers: str
    orders: int
    concurrency: int
    pinned: bool
    turns: tuple[Turn, ...]
    peak_mb: float
    bare_peak_mb: float

    def told(self) -> dict[str, Any]:
        """As JSON: the medians with their range, then every round."""
        names = ("ratio", *Turn.__struct_fields__)
        values = {name: [float(getattr(turn, name)) for turn in self.turns] for name in names}
        return {
            **{name: getattr(self, name) for name in self.__struct_fields__ if name != "turns"},
            **{name: {"median": median(found), "min": min(found), "max": max(found)} for name, found in values.items()},
            "turns": msgspec.to_builtins(self.turns),
        }


class Contest:
    """The daemon and the bare loop on one stage."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.folder = Path(tempfile.mkdtemp(prefix="ferry-bench-"))
        cores = sorted(os.sched_getaffinity(0))
        first, others = (set(cores[:1]), set(cores[1:])) if options.pin and len(cores) > 1 else (None, None)
        full = ("--full",) if options.full else ()
        self.market = Obeying("benchmarks.side", MARKET, *full, greets=True, cores=others)
        self.shop = Obeying("benchmarks.side", SHOP, *full, greets=True, cores=others)
        self.bare = Obeying("benchmarks.bare", cores=first)
        sweep_every = f"{SWEEP_EVERY:g}s" if options.way == "sweep" else "24h"
        settings = config(
            self.folder, self.market.greeting, self.shop.greeting, poll_every="24h", sweep_every=sweep_every
        )
        program = [sys.executable, "-m", "benchmarks.eager", str(options.concurrency)]
        self.daemon = DaemonProcess(self.folder, settings, program, cores=first)

    def play(self) -> Report:
        """One round to warm both up, then those that count."""
        options = self.options
        self._prepare(0, 0)
        self.daemon.login(self.market.greeting["refresh_token"])
        self.daemon.start()
        self.daemon.ready()
        turns, bare_peak = [], 0.0
        for number in range(options.rounds + 1):
            turn, bare_peak = self._turn(number + 1)
            if number:
                turns.append(turn)
                if not options.json:
                    print(f"round {number}: {turn.daemon:6.0f} of {turn.bare:6.0f} orders/s, {turn.ratio:.2f}")
        return Report(
            way=options.way,
            servers="the simulators" if options.full else "lean servers",
            orders=options.orders,
            concurrency=options.concurrency,
            pinned=options.pin,
            turns=tuple(turns),
            peak_mb=self.daemon.memory(),
            bare_peak_mb=bare_peak,
        )

    def close(self) -> None:
        """Ends every process that was started here."""
        self.daemon.stop()
        for one in (self.market, self.shop, self.bare):
            one.close()
        if self.options.keep:
            print(f"kept: {self.folder}", file=sys.stderr)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _prepare(self, orders: int, seed: int) -> None:
        for side in (self.market, self.shop):
            side.tell(do="prepare", orders=orders, seed=seed, journal=self.options.way == "journal")

    def _turn(self, seed: int) -> tuple[Turn, float]:
        orders = self.options.orders
        if self.options.way == "sweep":
            time.sleep(SWEEP_EVERY)  # the next sweep is due only then
        self._prepare(orders, seed)
        self._begin()
        since, cpu = milliseconds(), self.daemon.cpu()
        asking = self.daemon.fetch()
        daemon_seconds = self._wait("daemon")
        asking.join()
        wait_for(lambda: not self.daemon.unfinished(), 60, "the daemon did not finish its jobs")
        cpu = self.daemon.cpu() - cpu
        commits = self.daemon.rounds(since)
        self._begin()
        files = {f"{side}_calls": str(self._file("daemon", side)) for side in (MARKET, SHOP)}
        at_once = self.options.concurrency
        bare = self.bare.tell(
            market=self.market.greeting["url"],
            shop=self.shop.greeting["url"],
            market_at_once=at_once or 8,
            shop_at_once=at_once or 4,
            **files,
        )
        bare_seconds = self._wait("bare")
        for side in (MARKET, SHOP):
            made, again = (calls.read(self._file(who, side)).shape() for who in ("daemon", "bare"))
            if made != again:
                raise SystemExit(f"the bare loop made {len(again)} calls to the {side}, not the daemon's {len(made)}")
        count = sum(len(calls.read(self._file("daemon", side)).calls) for side in (MARKET, SHOP))
        turn = Turn(
            daemon=orders / daemon_seconds,
            bare=orders / bare_seconds,
            daemon_cpu_us=cpu / orders * 1e6,
            bare_cpu_us=bare["cpu"] / orders * 1e6,
            commits=commits / orders,
            calls=count / orders,
        )
        return turn, bare["peak_mb"]

    def _begin(self) -> None:
        self.market.tell(do="begin")
        self.shop.tell(do="begin")

    def _wait(self, who: str) -> float:
        ended = float(self.shop.tell(do="wait")["ended"])
        began = float(self.market.tell(do="calls", file=str(self._file(who, MARKET)))["began"])
        self.shop.tell(do="calls", file=str(self._file(who, SHOP)))
        return ended - began

    def _file(self, who: str, side: str) -> Path:
        return self.folder / f"{who}-{side}.calls"


def tell(report: Report) -> None:
    """For people."""
    told = report.told()
    at_once = f"{report.concurrency} calls at once" if report.concurrency else "8 calls at once there, 4 here"
    print(f"\n{report.orders} orders a round by the {report.way}, {report.servers}, {at_once}")

    def line(title: str, name: str, form: str) -> None:
        found = told[name]
        print(f"  {title:<34} {found['median']:{form}}   ({found['min']:{form}} to {found['max']:{form}})")

    line("of the bare loop", "ratio", ".2f")
    line("orders/s, daemon", "daemon", ".0f")
    line("orders/s, bare loop", "bare", ".0f")
    line("HTTP calls an order", "calls", ".2f")
    line("commits an order", "commits", ".3f")
    line("CPU us an order, daemon", "daemon_cpu_us", ".0f")
    line("CPU us an order, bare loop", "bare_cpu_us", ".0f")
    print(f"  {'peak memory, daemon':<34} {report.peak_mb:.0f} MB (bare loop {report.bare_peak_mb:.0f} MB)")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.forwarding", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--orders", type=int, default=2000, help="a round")
    parser.add_argument("--rounds", type=int, default=5, help="that count; one more goes before them")
    parser.add_argument("--concurrency", type=int, default=0, help="calls at once to each; 0: as the plugins say")
    parser.add_argument("--way", choices=("journal", "sweep"), default="journal", help="how the orders are told")
    parser.add_argument("--full", action="store_true", help="against the product's simulators (journal only)")
    parser.add_argument("--pin", action="store_true", help="daemon and loop on one core, the servers on the others")
    parser.add_argument("--keep", action="store_true", help="leave store and log behind")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.full and options.way == "sweep":
        parser.error("the simulators list their forms too slowly for the sweep to be measured with them")
    contest = Contest(options)
    try:
        report = contest.play()
    finally:
        contest.close()
    if options.json:
        print(json.dumps(report.told()))
    else:
        tell(report)


if __name__ == "__main__":
    main()
