"""One of the two platforms in a process of its own: `python -m benchmarks.side market|shop [--full]`.

Without `--full` a lean server stands before the product's own simulator. Prints one line of JSON that tells where it
is, then obeys lines of JSON on its standard input, each answered by one:

    {"do": "prepare", "orders": N, "seed": S, "journal": true}   new purchases; told by the journal or by the list alone
    {"do": "begin"}                                              forget what was counted; a round begins
    {"do": "wait"}                                               answered when the shop has all of them
    {"do": "calls", "file": PATH}                                write down the round's calls
    {"do": "first"}                                              when the round's very first request came

Times are of the machine's one monotonic clock, so those of two processes can be compared.
"""

from __future__ import annotations

import argparse
import asyncio
import bisect
import sys
import time
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import msgspec
from aiohttp import web

from benchmarks import purchases
from benchmarks.calls import OWN_HEADERS, Call, Calls, write
from benchmarks.lean import LeanServer, answer, joined
from orderferry.testing.simulator import Fate, Handle, Served, Simulator
from plugins.allegro.simulator import CLIENT_ID, CLIENT_SECRET, MEDIA_TYPE, AllegroSimulator
from plugins.shops.woocommerce.simulator import KEY, SECRET, WooSimulator

FORM: Final = "/order/checkout-forms/"
EVENTS: Final = "/order/events"
ORDERS: Final = "/wp-json/wc/v3/orders"
PAGE: Final = 100
WP_JSON: Final = "application/json; charset=UTF-8"


def now() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


class Round:
    """What is counted of a round; `wanted` orders have to arrive."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.first: float | None = None  # the very first request, whatever it asks
        self.began: float | None = None
        self.ended: float | None = None
        self.arrived = 0
        self.calls = Calls()
        self.done = asyncio.Event()

    def note(self, method: str, target: str, head: Mapping[str, str] | bytes, body: bytes, gives: int) -> None:
        """A request, just before it is answered; what comes before the round begins or after its end is none of it."""
        if self.first is None:
            self.first = time.monotonic()
        if self.began is None or self.done.is_set():
            return
        if not self.calls.calls:
            headers = _parsed(head) if isinstance(head, bytes) else dict(head)
            self.calls.headers = {name: text for name, text in headers.items() if name.lower() not in OWN_HEADERS}
        self.calls.calls.append(Call(method, target, body, gives))

    def begin(self) -> None:
        """The first page that tells of orders is asked for."""
        if self.began is None:
            self.began = time.monotonic()

    def arrive(self) -> None:
        """An order is in the shop."""
        self.arrived += 1
        if self.arrived == self.wanted:
            self.ended = time.monotonic()
            self.done.set()


class Market:
    """The marketplace: the journal, the forms, the list of forms."""

    def __init__(self, *, full: bool) -> None:
        self.full = full
        self.simulator = _RecordedAllegro(self) if full else AllegroSimulator()
        self.round = Round(0)
        self._seen: set[str] = set()
        self._events: list[tuple[int, bytes]] = []
        self._forms: dict[str, bytes] = {}
        self._changed: list[tuple[str, bytes]] = []

    def told(self, port: int) -> dict[str, str]:
        """Where it is, and the account's keys."""
        url = f"http://127.0.0.1:{port}"
        tokens = self.simulator.oauth.issue()
        return {
            "url": url,
            "auth_url": f"{url}/auth/oauth",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "refresh_token": str(tokens["refresh_token"]),
        }

    def prepare(self, orders: int, seed: int, *, journal: bool) -> None:
        """New purchases in the place of those before."""
        market = purchases.new_market(seed, now)
        purchases.fill_market(market, orders)
        self._forms = {name: msgspec.json.encode(kept.form) for name, kept in market.forms.items()}
        self._changed = sorted((kept.form["updatedAt"], self._forms[name]) for name, kept in market.forms.items())
        self._events = [(int(event["id"]), msgspec.json.encode(event)) for event in market.events] if journal else []
        if self.full:
            self.simulator.market = market

    def begin(self, orders: int) -> None:
        """A round begins."""
        self.round = Round(orders)
        self._seen.clear()

    def note(self, method: str, target: str, head: bytes, body: bytes, gives: int) -> None:
        """For the lean server."""
        self.round.note(method, target, head, body, gives)

    def quick(self, method: str, target: str, body: bytes) -> tuple[bytes, int] | None:  # noqa: ARG002 - a shape shared with the shop
        """The answers to what is asked once an order or once a page."""
        if method != "GET" or not target.startswith("/order/"):
            return None
        if target.startswith(FORM):
            form = target[len(FORM) :]
            return (answer(self._forms[form], MEDIA_TYPE), self.first(form)) if form in self._forms else None
        if target.startswith(EVENTS + "?"):
            found = self._journal(target)
        elif target.startswith("/order/checkout-forms?"):
            found = self._list(target)
        else:
            return None
        if found[1]:
            self.round.begin()
        return answer(found[0], MEDIA_TYPE), found[1] if "checkout" in target else 0

    def first(self, form: str) -> int:
        """1 when this form is read for the first time in the round."""
        new = form not in self._seen
        self._seen.add(form)
        return int(new)

    def _journal(self, target: str) -> tuple[bytes, int]:
        after = int(parse_qs(urlsplit(target).query).get("from", ["0"])[0])
        page = [raw for number, raw in self._after(after)]
        return joined(page, "events"), len(page)

    def _after(self, number: int) -> list[tuple[int, bytes]]:
        at = bisect.bisect_right(self._events, (number, b"\xff"))
        return self._events[at : at + PAGE]

    def _list(self, target: str) -> tuple[bytes, int]:
        query = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
        if "status" in query:  # forms that aren't ready: there are none
            return joined([], "checkoutForms"), 0
        at = bisect.bisect_left(self._changed, (query["updatedAt.gte"], b"")) + int(query["offset"])
        page = self._changed[at : at + PAGE]
        return joined([raw for _, raw in page], "checkoutForms"), sum(self.first(str(at + n)) for n in range(len(page)))


class Shop:
    """The shop: takes orders."""

    def __init__(self, *, full: bool) -> None:
        self.full = full
        self.simulator = _RecordedWoo(self) if full else WooSimulator(samples=False)
        self.simulator.shop = purchases.new_shop(now)
        self.round = Round(0)
        self._answers: dict[bytes, bytes] = {}

    def told(self, port: int) -> dict[str, str]:
        """Where it is, and its keys."""
        return {"url": f"http://127.0.0.1:{port}", "consumer_key": KEY, "consumer_secret": SECRET}

    def prepare(self, orders: int, seed: int, *, journal: bool) -> None:  # noqa: ARG002 - a shape shared with the market
        """An empty shop, with the answers to what will come."""
        self.simulator.shop = purchases.new_shop(now)
        if not self.full:
            made = purchases.answers(seed, orders, self.simulator.shop, now)
            self._answers = {key: answer(body, WP_JSON, status="201 Created") for key, body in made.items()}
            self.simulator.shop = purchases.new_shop(now)

    def begin(self, orders: int) -> None:
        """A round begins."""
        self.round = Round(orders)
        self.round.begin()

    def note(self, method: str, target: str, head: bytes, body: bytes, gives: int) -> None:
        """For the lean server."""
        self.round.note(method, target, head, body, gives)
        if method == "POST":
            self.round.arrive()

    def quick(self, method: str, target: str, body: bytes) -> tuple[bytes, int] | None:
        """The answer to an order."""
        if method != "POST" or target != ORDERS:
            return None
        found = purchases.EXTERNAL_ID.search(body)
        return (self._answers[found[1]], 0) if found else None


class _RecordedAllegro(AllegroSimulator):
    """The full simulator, with its calls written down."""

    def __init__(self, side: Market) -> None:
        super().__init__()
        self._side = side
        self.served: deque[Served] = deque(maxlen=1)

    async def _end(self, request: web.Request, handle: Handle, fate: Fate) -> web.StreamResponse:
        side, path = self._side, request.path
        if path == EVENTS and self.market.events_after(request.query.get("from"), 1):
            side.round.begin()
        gives = side.first(path) if path.startswith(FORM) else 0
        side.round.note(request.method, request.path_qs, request.headers, b"", gives)
        return await super()._end(request, handle, fate)


class _RecordedWoo(WooSimulator):
    """The full simulator, with its calls written down."""

    def __init__(self, side: Shop) -> None:
        super().__init__(samples=False)
        self._side = side
        self.served: deque[Served] = deque(maxlen=1)

    async def _end(self, request: web.Request, handle: Handle, fate: Fate) -> web.StreamResponse:
        side = self._side
        side.round.note(request.method, request.path_qs, request.headers, await request.read(), 0)
        done = await super()._end(request, handle, fate)
        if request.method == "POST" and request.path == ORDERS:
            side.round.arrive()
        return done


async def serve(name: str, *, full: bool) -> None:
    """Serves until standard input ends."""
    side = Market(full=full) if name == "market" else Shop(full=full)
    simulator: Simulator = side.simulator
    await simulator.start()
    port = int(simulator.url.rpartition(":")[2])
    lean = LeanServer(side.quick, side.note, port)
    if not full:
        await lean.start()
        port = lean.port
    say(side.told(port))
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    orders = 0
    while line := await reader.readline():
        told: dict[str, Any] = msgspec.json.decode(line)
        match told.pop("do"):
            case "prepare":
                orders = told["orders"]
                side.prepare(**told)
                say({})
            case "begin":
                side.begin(orders)
                say({})
            case "wait":
                await side.round.done.wait()
                say({"ended": side.round.ended})
            case "calls":
                write(Path(told["file"]), side.round.calls)
                say({"began": side.round.began})
            case "first":
                say({"first": side.round.first})
            case other:
                raise ValueError(f"there is nothing called {other!r} to do")
    await lean.stop()
    await simulator.stop()


def say(value: object) -> None:
    """One line of JSON to whoever started this."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()


def _parsed(head: bytes) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in head.decode("latin-1").split("\r\n")[1:])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.side")
    parser.add_argument("side", choices=("market", "shop"))
    parser.add_argument("--full", action="store_true")
    options = parser.parse_args()
    asyncio.run(serve(options.side, full=options.full))
