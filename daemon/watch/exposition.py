"""All metrics as a scrape shows them: names, meanings, labels.

The rule of this file: a metric that isn't here does not exist, and docs/reference/metrics.md is tested against it.
Labels are accounts and words of ours, never an order's number, so that their values stay few.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from daemon.watch.metrics import Metrics, Spread

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

Values = Iterable[tuple[tuple[str, ...], float]]  # the labels' values, and the metric's


class Snapshot(Struct, frozen=True, kw_only=True):
    """What is read at a scrape, and not counted. Times are seconds since 1970, ages seconds."""

    version: str
    python: str
    sqlite: str
    started_at: float
    degraded: bool
    rounds: int
    journal_rows: int
    orders: Mapping[tuple[str, str], int]  # by account and stage
    jobs: Mapping[tuple[str, str, str], int]  # by account, kind and state
    oldest: Mapping[str, float]  # by account
    unreadable: Mapping[str, int]  # by account
    alarms: Mapping[str, int]  # by topic
    health: Mapping[str, str]  # by account, as in daemon.accounts
    caught_up: Mapping[str, float]  # by account


def expose(metrics: Metrics, now: Snapshot) -> str:
    """All metrics in Prometheus's text format 0.0.4."""
    registry = CollectorRegistry()
    registry.register(_Families([*_of_orders(metrics, now), *_of_accounts(metrics, now), *_of_itself(metrics, now)]))
    ProcessCollector(namespace="orderferry", registry=registry)
    return generate_latest(registry).decode()


class _Families(Collector):
    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _of_orders(metrics: Metrics, now: Snapshot) -> Iterable[Metric]:
    yield _gauge("orders", "Orders in the hub.", now.orders.items(), "account", "stage")
    yield _histogram(
        "form_to_shop_seconds",
        "From the moment the hub first saw an order's form complete to its link with the shop being on disk.",
        metrics.form_to_shop,
        "account",
    )
    yield _gauge(
        "oldest_unfinished_order_seconds",
        "Age of the oldest order that still has to be put into this shop, a parked one too.",
        _single(now.oldest),
        "account",
    )
    jobs = "Jobs that are not ended: waiting, sending, unsure or parked."
    yield _gauge("jobs", jobs, now.jobs.items(), "account", "kind", "state")
    yield _counter(
        "jobs_ended",
        "Jobs that ended since the start: done, cancelled as no longer wanted, or parked for a person.",
        metrics.ended.items(),
        *("account", "kind", "outcome"),
    )
    yield _gauge("unreadable_orders", "Orders that could not be read.", _single(now.unreadable), "account")
    yield _gauge("alarms", "Alarms that are open.", _single(now.alarms), "topic")


def _of_accounts(metrics: Metrics, now: Snapshot) -> Iterable[Metric]:
    for name, about, wanted in (
        ("account_up", "1 for an account whose last call went well.", "ok"),
        ("account_needs_login", "1 for an account that refuses our login.", "needs_login"),
        ("account_paused", "1 for an account that somebody has paused.", "paused"),
    ):
        yield _gauge(name, about, [((one,), health == wanted) for one, health in now.health.items()], "account")
    yield _gauge(
        "last_fetch_time_seconds",
        "When an account's orders were last fetched to the end, in seconds since 1970; since the start.",
        _single(now.caught_up),
        "account",
    )
    requests = "Requests to an account's platform since the start, by how they ended."
    yield _counter("requests", requests, metrics.requests.items(), "account", "outcome")
    took = "How long a request to an account's platform took, without the wait for its turn."
    yield _histogram("request_seconds", took, metrics.request_seconds, "account")
    waits = "Seconds that requests waited for our own pace, or that the platform asked us to wait by a 429."
    yield _counter("rate_limit_wait_seconds", waits, metrics.waits.items(), "account", "reason")


def _of_itself(metrics: Metrics, now: Snapshot) -> Iterable[Metric]:
    yield _gauge("store_degraded", "1 while the store can't be written: nothing is sent.", [((), now.degraded)])
    commits = "How long a commit of the store took, until the disk had it."
    yield _histogram("store_commit_seconds", commits, {(): metrics.commit_seconds})
    rounds = "Rounds of the store since the start: each writes in one commit all that has come in."
    yield _counter("store_rounds", rounds, [((), now.rounds)])
    yield _gauge("journal_rows", "Rows that the journal has had, ever.", [((), now.journal_rows)])
    versions = {"version": now.version, "python": now.python, "sqlite": now.sqlite}
    yield InfoMetricFamily("orderferry", "The program's version, and those of Python and SQLite.", versions)
    yield _gauge("start_time_seconds", "When the daemon started, in seconds since 1970.", [((), now.started_at)])


def _gauge(name: str, about: str, values: Values, *labels: str) -> Metric:
    family = GaugeMetricFamily(f"orderferry_{name}", about, labels=labels)
    for key, value in sorted(values):
        family.add_metric(key, float(value))
    return family


def _counter(name: str, about: str, values: Values, *labels: str) -> Metric:
    family = CounterMetricFamily(f"orderferry_{name}", about, labels=labels)
    for key, value in sorted(values):
        family.add_metric(key, float(value))
    return family


def _histogram(name: str, about: str, spreads: Mapping[tuple[str, ...], Spread], *labels: str) -> Metric:
    family = HistogramMetricFamily(f"orderferry_{name}", about, labels=labels)
    for key, spread in sorted(spreads.items(), key=lambda item: item[0]):
        family.add_metric(key, buckets=spread.below(), sum_value=spread.total)
    return family


def _single(values: Mapping[str, float]) -> Values:
    return [((label,), value) for label, value in values.items()]
