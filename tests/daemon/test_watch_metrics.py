"""The metrics as a scraper reads them: counted where it happens, with few labels, and cheap to read."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from daemon.store.reader import Reader
from daemon.store.watching import QUERIES, tallies
from daemon.views import CommandError
from daemon.watch.exposition import CONTENT_TYPE
from daemon.watch.metrics import Metrics, Spread
from daemon.watch.watch import Watch
from orderferry import MalformedOrder, Rejected, Stage
from orderferry.meter import Ending, Waiting
from tests.daemon.engine import VAULT, Engine, EngineClock, order, page
from tests.daemon.engine_platforms import ShopWorld

CHEAP = re.compile(
    r"SCAN (tally|alarm|malformed)( USING .*)?|SEARCH journal|USE TEMP B-TREE .*"
    r"|(SCAN|SEARCH) job USING INDEX job_open|SCAN link USING INDEX link_doubled"
)
"""Steps that touch what is open, and never all that there has been."""


class Watched:
    """An engine that is measured."""

    def __init__(self, engine: Engine, reader: Reader) -> None:
        self.engine = engine
        self.reader = reader
        self.metrics = Metrics()
        self.watch = Watch(
            self.metrics,
            version="1.2.3",
            started_at=engine.clock.now(),
            accounts=engine.accounts,
            rounds=engine.rounds,
            reader=reader,
            clock=engine.clock,
        )
        engine.rounds._meter = self.metrics
        engine.rounds._publish = self._publish

    def _publish(self, entries: Any) -> None:
        self.engine.published.extend(entries)
        self.metrics.journaled(entries)

    async def samples(self) -> dict[tuple[str, frozenset[str]], float]:
        return {
            (sample.name, frozenset(f"{name}={value}" for name, value in sample.labels.items())): sample.value
            for family in text_string_to_metric_families(await self.watch.exposition())
            for sample in family.samples
        }

    async def value(self, name: str, *labels: str) -> float | None:
        return (await self.samples()).get((name, frozenset(labels)))


@pytest.fixture
def clock() -> EngineClock:
    return EngineClock()


@pytest.fixture
def shop(clock: EngineClock) -> ShopWorld:
    return ShopWorld(clock)


@pytest.fixture
async def watched(tmp_path: Path, shop: ShopWorld, clock: EngineClock) -> AsyncIterator[Watched]:
    async with await Engine.between(tmp_path, shop, clock=clock) as engine:
        reader = await Reader.open(engine.store.path, VAULT)
        try:
            yield Watched(engine, reader)
        finally:
            await reader.close()


async def test_an_order_s_way_is_measured_from_its_form_to_its_link(
    watched: Watched, shop: ShopWorld, clock: EngineClock
) -> None:
    engine = watched.engine
    await engine.receive(page(order(1, stage=Stage.PLACED)))
    await engine.pass_time(3600)
    shop.close_gate()
    await engine.receive(page(order(1, revision="r2", updated_at=clock.now())))
    await engine.settle()
    await clock.advance(3)
    shop.open_gate()
    await engine.settle()
    assert await watched.value("orderferry_form_to_shop_seconds_count", "account=shop") == 1
    assert await watched.value("orderferry_form_to_shop_seconds_sum", "account=shop") == pytest.approx(3, abs=0.01)
    assert await watched.value("orderferry_jobs_ended_total", "account=shop", "kind=add_order", "outcome=done") == 1


async def test_gauges_follow_the_store_and_the_accounts(watched: Watched, shop: ShopWorld) -> None:
    engine = watched.engine
    shop.then("add_order", Rejected("no"))
    await engine.receive(page(order(1)))
    await engine.settle()
    await engine.receive(page(order(2, stage=Stage.PLACED), order(3)))
    await engine.receive(page(malformed=(MalformedOrder(external_id="o-9", reason="no total", raw=b"{}"),)))
    await engine.settle()
    engine.accounts.pause(engine.accounts["market"], paused=True)
    await engine.pass_time(60)
    samples = await watched.samples()

    def value(name: str, *labels: str) -> float | None:
        return samples.get((f"orderferry_{name}", frozenset(labels)))

    assert value("orders", "account=market", "stage=ready") == 2
    assert value("orders", "account=market", "stage=placed") == 1
    assert value("jobs", "account=shop", "kind=add_order", "state=parked") == 1
    assert value("unreadable_orders", "account=market") == 1
    assert value("oldest_unfinished_order_seconds", "account=shop") == pytest.approx(60, abs=1)
    assert value("account_paused", "account=market") == 1
    assert (value("account_up", "account=market"), value("account_up", "account=shop")) == (0, 1)
    assert value("journal_rows") == len(engine.published)
    assert (
        value(
            "info",
            "version=1.2.3",
            *(label for name, labels in samples if name == "orderferry_info" for label in labels),
        )
        == 1
    )
    commits = value("store_commit_seconds_count")
    assert commits is not None
    assert 0 < commits <= (value("store_rounds_total") or 0)
    engine.rounds.degraded = "the disk is full"
    assert await watched.value("orderferry_store_degraded") == 1
    engine.rounds.degraded = None


async def test_a_meter_counts_what_the_http_client_tells(watched: Watched) -> None:
    meter = watched.metrics.meter("shop")
    meter.asked(Ending.OK, 0.2)
    meter.asked(Ending.UNSURE, 30.0)
    meter.waited(Waiting.OWN_LIMIT, 1.5)
    meter.waited(Waiting.PLATFORM, 60.0)
    assert await watched.value("orderferry_requests_total", "account=shop", "outcome=ok") == 1
    assert await watched.value("orderferry_requests_total", "account=shop", "outcome=unsure") == 1
    assert await watched.value("orderferry_request_seconds_sum", "account=shop") == pytest.approx(30.2)
    assert await watched.value("orderferry_rate_limit_wait_seconds_total", "account=shop", "reason=own_limit") == 1.5


@given(st.lists(st.floats(0, 100)), st.lists(st.floats(0.01, 50), min_size=1, unique=True).map(sorted))
def test_a_spread_counts_every_value_below_each_bound(values: list[float], bounds: list[float]) -> None:
    spread = Spread(bounds)
    for value in values:
        spread.observe(value)
    expected = [(str(bound), float(sum(value <= bound for value in values))) for bound in bounds]
    assert spread.below() == [*expected, ("+Inf", float(len(values)))]
    assert spread.total == pytest.approx(sum(values))


def test_a_clock_that_was_set_back_makes_no_negative_time() -> None:
    spread = Spread((1.0,))
    spread.observe(-5.0)
    assert (spread.below(), spread.total) == ([("1.0", 1.0), ("+Inf", 1.0)], 0.0)


async def test_labels_are_few_and_never_an_order(watched: Watched) -> None:
    engine = watched.engine
    before = len(await watched.samples())
    await engine.receive(page(order(1)))
    await engine.settle()
    one = await watched.samples()
    for number in range(2, 30):
        await engine.receive(page(order(number)))
    await engine.settle()
    many = await watched.samples()
    assert before < len(one) == len(many)
    text = await watched.watch.exposition()
    assert "o-1" not in text
    assert "_created" not in text
    assert CONTENT_TYPE == "text/plain; version=0.0.4; charset=utf-8"


async def test_ready_says_why_not(watched: Watched) -> None:
    watch, rounds = watched.watch, watched.engine.rounds
    with pytest.raises(CommandError, match="is starting"):
        await watch.ready()
    watch.started = True
    await watch.ready()
    rounds.degraded = "the store can't be written (disk full); free some space on its disk"
    with pytest.raises(CommandError, match="free some space") as refused:
        await watch.ready()
    assert refused.value.problem.code == "unavailable"
    rounds.degraded = None
    await watched.reader.close()
    with pytest.raises(CommandError, match="the store does not answer"):
        await watch.ready()


async def test_the_tally_is_the_count_whatever_happens_to_orders(watched: Watched) -> None:
    engine, store = watched.engine, watched.engine.store
    for number, stage in enumerate((Stage.PLACED, Stage.READY, Stage.PLACED, Stage.CANCELLED), 1):
        await engine.receive(page(order(number, stage=stage)))
    later = engine.clock.now() + timedelta(hours=1)
    moved: dict[str, Any] = {"revision": "r2", "updated_at": later}
    await engine.receive(page(order(1, **moved), order(3, stage=Stage.PLACED, **moved)))
    await engine.settle()

    async def same() -> None:
        counted = await store.fetch("select account, stage, count(*) from orders group by account, stage")
        told = {key: count for key, count in (await tallies(watched.reader)).orders.items() if count}
        assert told == {(account, stage): count for account, stage, count in counted}

    await same()
    await store._db.execute("delete from orders where id = 2")
    await same()


@pytest.mark.parametrize("query", QUERIES)
async def test_no_scrape_and_no_look_reads_a_whole_table(watched: Watched, query: str) -> None:
    sql = QUERIES[query]
    plan = await watched.reader.fetch(f"explain query plan {sql}", *[0] * sql.count("?"))
    assert plan
    assert [step for *_, step in plan if not CHEAP.fullmatch(step)] == []
