"""The demo's course: purchases come in, the daemon is killed once, things travel, and all is counted."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from daemon.control.client import DaemonAway, Refused
from daemon.demo import counting, travels
from daemon.demo.cast import FAULTS, MARKETPLACES, SHOPS, Part
from daemon.demo.counting import Sales
from daemon.demo.screen import Result, Screen, tell
from daemon.demo.stage import Stage, Summary

PATIENCE = 180.0
KILL_AT = 0.4  # of the orders, in the middle of the work
PARKED = "parked"


def run(
    *, orders: int = 200, seed: int = 7, seconds: float = 20.0, keep: Path | None = None, quiet: bool = False
) -> int:
    """Plays the demo and prints what came of it; 0 only if in no shop anything is doubled, lost or wrong in stock."""
    folder = keep or Path(tempfile.mkdtemp(prefix="orderferry-demo-"))
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    stage = Stage(folder, seed)
    try:
        stage.open()
        result = play(stage, orders, seconds, Screen(quiet=quiet))
    finally:
        stage.close()
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    tell(result)
    if not result.good:
        print("\nSomething is wrong, and this program's promise is broken. Please report it with the seed", seed)  # noqa: T201 - the demo's own words
    return 0 if result.good else 1


def play(stage: Stage, orders: int, seconds: float, screen: Screen) -> Result:
    """Lets the purchases happen, kills the daemon once, and counts when all has settled."""
    before = {shop: counting.stock(stage.summary(shop)) for shop in SHOPS}
    markets, shops = (", ".join(part.title for part in parts) for parts in (MARKETPLACES, SHOPS))
    screen.say(f"Simulated: {markets}, and the shops {shops}.")
    screen.say(f"About every {1 / FAULTS:.0f}th request will go wrong{_fewer()}.")
    screen.say(f"{orders} purchases come in within {seconds:.0f} seconds; the daemon is killed once on the way.")
    stage.start_daemon()
    installation = stage.client.get("status").value["installation"]
    stage.buy(orders, seconds)
    until = time.monotonic() + seconds + PATIENCE
    kills = 0
    while time.monotonic() < until:
        sold, held = _sales(stage, installation), _shops(stage)
        screen.show(_line(sold, held))
        there = [shop["orders"] for shop in held.values()]
        half_way = sum(there) >= max(1, KILL_AT * orders * len(SHOPS))
        if not kills and (half_way or not sold.running):
            found = " and ".join(f"{count} orders in {shop.title}" for count, shop in zip(there, held, strict=True))
            screen.say(f"kill -9 with {found}; it starts again and looks up what was under way.")
            stage.kill_daemon()
            stage.start_daemon()
            kills += 1
        elif kills and not sold.running and _settled(stage, sold, held, before):
            break
        time.sleep(0.2)
    # what the last answers lost may hide in the settle window: one more look after it
    time.sleep(1)
    screen.say("Now a status, tracking numbers and a payment are told to the hub.")
    arrived = travels.play(stage.client, stage.summary)
    sold, held = _sales(stage, installation), _shops(stage)
    return Result(
        sold=sold,
        shops=_counts(sold, held, before),
        seconds=_seconds(stage),
        travels=arrived,
        put_aside=stage.client.get("status").value["jobs"].get(PARKED, 0),
        kills=kills,
        faults=sum(_faults(stage.summary(part)) for part in (*MARKETPLACES, *SHOPS)),
    )


def _fewer() -> str:
    """Where less goes wrong than elsewhere."""
    parts = [part for part in (*MARKETPLACES, *SHOPS) if part.faults != FAULTS]
    return "".join(f", of {part.title}'s every {1 / part.faults:.0f}th" for part in parts)


def _line(sold: Sales, shops: Mapping[Part, Summary]) -> str:
    told = "".join(f"   {shop.title} {summary['orders']:4}" for shop, summary in shops.items())
    return f"bought {sum(sold.bought.values()):4}   to be forwarded {len(sold.must):4}{told}"


def _sales(stage: Stage, installation: str) -> Sales:
    return counting.sales({part: stage.summary(part) for part in MARKETPLACES}, installation)


def _shops(stage: Stage) -> Mapping[Part, Summary]:
    return {part: stage.summary(part) for part in SHOPS}


def _counts(sold: Sales, held: Mapping[Part, Summary], before: Mapping[Part, int]) -> tuple[counting.ShopCount, ...]:
    return tuple(counting.in_shop(part.title, summary, sold, before=before[part]) for part, summary in held.items())


def _settled(stage: Stage, sold: Sales, held: Mapping[Part, Summary], before: Mapping[Part, int]) -> bool:
    """Whether nothing is left to wait for; what is doubled or unwanted does not go away by waiting."""
    for shop in _counts(sold, held, before):
        if shop.lost or shop.stock_before - shop.stock_after != shop.sold:
            return False
    try:
        jobs = stage.client.get("status").value["jobs"]
    except (DaemonAway, Refused, OSError):
        return False
    return set(jobs) <= {PARKED}  # what is put aside waits for a person


def _seconds(stage: Stage) -> tuple[tuple[float, ...], ...]:
    """For each shop and order the seconds from its complete form to the shop, by the daemon's own journal."""
    received: dict[int, datetime] = {}
    found: dict[str | None, list[float]] = {part.account: [] for part in SHOPS}
    after = 0
    while entries := stage.client.get("journal", after=after, limit=500).value["entries"]:
        for entry in entries:
            order, at = entry["order"], datetime.fromisoformat(entry["at"])
            if _became_ready(entry):
                received[order] = at
            elif entry["kind"] == "job_done" and entry["data"]["what"] == "add_order" and order in received:
                found[entry["account"]].append((at - received[order]).total_seconds())
        after = entries[-1]["id"]
    return tuple(tuple(sorted(times)) for times in found.values())


def _became_ready(entry: Mapping[str, Any]) -> bool:  # an entry of the journal, as the control API tells it
    return entry["kind"] in {"order_new", "order_changed"} and entry["data"].get("stage") == "ready"


def _faults(summary: Summary) -> int:
    return sum(count for fate, count in summary["fates"].items() if fate != "good")
