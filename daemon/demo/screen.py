"""What the demo shows: one line while it plays, and the count at its end."""
# ruff: noqa: T201 - the demo's own words

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

from msgspec import Struct

from daemon.demo.counting import Sales, ShopCount
from daemon.demo.travels import Travel


class Result(Struct, frozen=True, kw_only=True):
    """What the demo found; `seconds` are, for each shop, the times from an order's complete form to the shop.

    `put_aside` are jobs that wait for a person, of which this story needs none.
    """

    sold: Sales
    shops: tuple[ShopCount, ...]
    seconds: tuple[tuple[float, ...], ...]
    travels: tuple[Travel, ...]
    put_aside: int
    kills: int
    faults: int

    @property
    def good(self) -> bool:
        """Whether the daemon was killed, and every shop is right and all has arrived without a person's help."""
        arrived = all(travel.seconds is not None for travel in self.travels)
        return bool(self.kills) and all(shop.good for shop in self.shops) and arrived and not self.put_aside


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
            print(f"\r{text:<{self._width}}" if self._tty else text, flush=True)
            self._width = 0

    def show(self, text: str) -> None:
        """The state of things, written over by the next."""
        now = time.monotonic()
        if self._quiet or (not self._tty and now - self._last < 2):
            return
        self._last = now
        if self._tty:
            print(f"\r{text:<{self._width}}", end="", flush=True)
            self._width = len(text)
        else:
            print(text, flush=True)


def tell(result: Result) -> None:
    """Prints the count."""
    bought = result.sold.bought
    each = ", ".join(f"{count} at {title}" for title, count in bought.items())
    print()
    print(f"  {'orders bought':<18} {sum(bought.values())} ({each})")
    print(f"  {'to be forwarded':<18} {len(result.sold.must)}, into each shop")
    print()
    for name, cells in _table(result):
        print(f"  {name:<18} " + " ".join(f"{cell:>13}" for cell in cells))
    print()
    for travel in result.travels:
        arrival = "never arrived" if travel.seconds is None else f"reached {travel.where} in {travel.seconds:.1f} s"
        print(f"  {travel.what:<18} {arrival}")
    print(f"  {'put aside':<18} {result.put_aside} job(s) for a person to settle")
    print(f"  {'on the way':<18} {result.faults} requests went wrong, the daemon was killed {result.kills} time(s)")


def _table(result: Result) -> list[tuple[str, list[str]]]:
    shops = result.shops
    rows: list[tuple[str, Callable[[ShopCount], object]]] = [
        ("", lambda shop: shop.title),
        ("in the shop", lambda shop: shop.orders),
        ("  cancelled later", lambda shop: shop.called_off),
        ("  unwanted", lambda shop: shop.unwanted),
        ("doubled", lambda shop: shop.doubled),
        ("lost", lambda shop: shop.lost),
        ("stock before", lambda shop: shop.stock_before),
        ("stock after", lambda shop: shop.stock_after),
        ("sold", lambda shop: shop.sold),
    ]
    lines = [(name, [str(value(shop)) for shop in shops]) for name, value in rows]
    lines.append(("from form to shop", [f"{_at(times, 0.5):.2f} s" for times in result.seconds]))
    lines.append(("  at most", [f"{_at(times, 1.0):.2f} s" for times in result.seconds]))
    return lines


def _at(times: Sequence[float], share: float) -> float:
    return times[min(int(len(times) * share), len(times) - 1)] if times else 0.0
