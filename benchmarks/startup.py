"""How long a command takes, how long the daemon takes to its first request, and what memory it has then.

    python -m benchmarks.startup [--stored 0 100000] [--rounds 7] [--json]

For each number of stored orders, the median of several starts: from the start of the process to its first request at
the marketplace, and to the moment when both platforms have been asked for orders; and of several `orderferry status`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from benchmarks import purchases
from benchmarks.stage import MARKET, ROOT, SHOP, DaemonProcess, Obeying, config
from daemon.core.job import JobKind, JobState
from daemon.core.journal import Kind
from daemon.receive import unpack
from daemon.store.batch import Batch
from daemon.store.case import Case, JobRecord, LinkRecord, OrderRecord, ms
from daemon.store.store import Store
from daemon.vault import Vault
from orderferry import Order, Page
from plugins.allegro import mapping

PROGRAM = [sys.executable, "-c", "from daemon.cli import main; main()"]
EACH = 1000  # orders in a transaction
SOME = 500  # different ones


class Found(Struct, frozen=True, kw_only=True):
    """What was measured with so many stored orders; times in ms, medians with their range; memory in MB."""

    stored: int
    store_mb: float
    first_request: tuple[float, float, float]
    fetched: tuple[float, float, float]
    status: tuple[float, float, float]
    memory: float


async def fill(data_dir: Path, count: int) -> None:
    """Writes so many forwarded orders of the last months into the store."""
    vault = Vault.open(data_dir, {})
    store = await Store.open(data_dir, vault)
    try:
        market = purchases.new_market(1, purchases_clock)
        purchases.fill_market(market, SOME)
        models = [mapping.order(msgspec.json.encode(kept.form)) for kept in market.forms.values()]
        for start in range(0, count, EACH):
            batch = Batch()
            for number in range(start, min(start + EACH, count)):
                _add(store, batch, replace(models[number % SOME], external_id=f"{number:036d}"), number)
            await store.begin()
            await store.write(batch)
            await store.commit()
    finally:
        await store.close()


def purchases_clock() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


def _add(store: Store, batch: Batch, order: Order, number: int) -> None:
    ((order, body, digest),) = unpack(MARKET, Page(orders=(order,), cursor=""), merges=False, caught_up=None).orders
    at = purchases_clock() - timedelta(minutes=number)
    record = OrderRecord(
        id=store.new_id("orders"),
        account=MARKET,
        external_id=order.external_id,
        digest=digest,
        stage=order.stage,
        status="new",
        ordered_at=at,
        updated_at=at,
        first_seen=at,
        total=str(order.total),
        paid=order.paid,
        shipped=False,
        ships_itself=False,
    )
    case = Case(order=record, document=order, new=True)
    batch.add("write_document", record.id, store.seal_document(record.id, order, body))
    for place, _ in enumerate(order.lines):
        batch.add("own_line", MARKET, f"{number}-{place}", record.id)
    job = JobRecord(
        id=store.new_id("job"),
        order_id=record.id,
        account=SHOP,
        kind=JobKind.ADD_ORDER,
        state=JobState.DONE,
        due=at,
        made_at=at,
    )
    case.jobs[job.id] = job
    case.jobs_changed.add(job.id)
    shop_order, reference = str(record.id), f"benchmark{record.id:020d}"
    case.link(
        LinkRecord(
            account=SHOP,
            shop_order=shop_order,
            number=shop_order,
            reference=reference,
            linked_at=at,
            total=record.total,
            told_status="processing",
            told_paid=record.paid,
        )
    )
    case.write(batch)
    for kind in (Kind.ORDER_NEW, Kind.JOB_MADE, Kind.JOB_DONE):
        batch.add(
            "journal", store.new_id("journal"), ms(at), kind.value, record.id, SHOP, job.id, '{"what":"add_order"}'
        )


def measure(stored: int, rounds: int) -> Found:
    """Starts the daemon again and again on one store."""
    folder = Path(tempfile.mkdtemp(prefix="ferry-bench-"))
    market = Obeying("benchmarks.side", MARKET, greets=True)
    shop = Obeying("benchmarks.side", SHOP, greets=True)
    settings = config(folder, market.greeting, shop.greeting, poll_every="24h", sweep_every="24h")
    daemon = DaemonProcess(folder, settings, PROGRAM)
    first, fetched, status, memory = [], [], [], 0.0
    try:
        for side in (market, shop):
            side.tell(do="prepare", orders=0, seed=0, journal=True)
        daemon.login(market.greeting["refresh_token"])
        asyncio.run(fill(folder / "data", stored))
        for _ in range(rounds):
            market.tell(do="begin")
            began = time.monotonic()
            daemon.start()
            daemon.ready()
            fetched.append(time.monotonic() - began)
            first.append(float(market.tell(do="first")["first"]) - began)
            status.append(_status(folder))
            memory = max(memory, daemon.memory("VmRSS"))
            daemon.stop()
    finally:
        daemon.stop()
        market.close()
        shop.close()
        size = sum(path.stat().st_size for path in (folder / "data").glob("orders.db*")) / 1e6
        shutil.rmtree(folder, ignore_errors=True)
    return Found(
        stored=stored,
        store_mb=size,
        first_request=_range(first),
        fetched=_range(fetched),
        status=_range(status),
        memory=memory,
    )


def _status(folder: Path) -> float:
    words = ["--socket", str(folder / "run" / "orderferry.sock"), "status"]
    began = time.monotonic()
    subprocess.run([*PROGRAM, *words], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - this very program
    return time.monotonic() - began


def _range(seconds: list[float]) -> tuple[float, float, float]:
    found = [second * 1000 for second in seconds]
    return median(found), min(found), max(found)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.startup", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--stored", type=int, nargs="+", default=[0, 100_000], help="orders in the store")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = [measure(stored, options.rounds) for stored in options.stored]
    if options.json:
        print(json.dumps(msgspec.to_builtins(found)))
        return
    for one in found:
        print(f"{one.stored:,} orders stored ({one.store_mb:.0f} MB), daemon's memory {one.memory:.0f} MB")
        for title, (middle, least, most) in (
            ("start to the first request", one.first_request),
            ("start until all is fetched", one.fetched),
            ("orderferry status", one.status),
        ):
            print(f"  {title:<28} {middle:5.0f} ms   ({least:.0f} to {most:.0f})")


if __name__ == "__main__":
    main()
