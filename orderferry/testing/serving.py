"""A simulator as a process of its own: its options, the line that it prints, and its end.

The line is JSON: where the simulator is (`url`), and what else config.toml must have to reach it.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable, Iterable, Mapping

import msgspec

from orderferry.testing.simulator import Fate, Faults, Simulator

EVERY_FAULT = tuple(fate for fate in Fate if fate is not Fate.GOOD)


def arguments(what: str) -> argparse.ArgumentParser:
    """The options of every simulator: `port`, `seed` and `faults`."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--port", type=int, default=0, help="0 takes any free one")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--faults", type=float, default=0.0, help="chance from 0 to 1 that a request is struck")
    return parser


def struck(rate: float, by: Iterable[Fate] = EVERY_FAULT) -> Faults:
    """Faults in which so many of all requests are struck, by each of these fates as often."""
    kinds = tuple(by)
    return Faults(rates=dict.fromkeys(kinds, rate / len(kinds)))


def run(
    simulator: Simulator,
    port: int,
    told: Callable[[], Mapping[str, object]],
    begin: Callable[[], None] = lambda: None,
) -> None:
    """Prints the line with what `told` answers once the simulator serves, begins, and ends with SIGTERM or Ctrl-C."""
    asyncio.run(_serve(simulator, port, told, begin))


async def _serve(
    simulator: Simulator, port: int, told: Callable[[], Mapping[str, object]], begin: Callable[[], None]
) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await simulator.start(port)
    try:
        sys.stdout.write(msgspec.json.encode({"url": simulator.url, **told()}).decode() + "\n")
        sys.stdout.flush()
        begin()
        await ended.wait()
    finally:
        await simulator.stop()
