"""All metrics, in a registry of their own: what is counted where it happens, and gauges that are read at a scrape.

The rule of this file: a metric that isn't here does not exist; docs/reference/metrics.md is tested against it. Labels
are accounts and words of ours, never an order's number: their values stay few.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import prometheus_client
from msgspec import Struct
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from daemon.core.job import JobKind
from daemon.core.journal import Entry, Kind
from orderferry.meter import Ending, Meter, Waiting

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

FORM_TO_SHOP = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600, 14400)
REQUEST = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
COMMIT = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)

ENDED: Mapping[Kind, str] = {Kind.JOB_DONE: "done", Kind.JOB_CANCELLED: "cancelled", Kind.JOB_PARKED: "parked"}


class Snapshot(Struct, kw_only=True):
    """What the gauges show; taken at each scrape. Times are seconds since 1970, ages seconds."""

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
    unreadable: Mapping[str, int]
    alarms: Mapping[str, int]  # by topic
    health: Mapping[str, str]  # by account, as in daemon.accounts
    caught_up: Mapping[str, float]  # by account


class Metrics:
    """What is measured; `expose` writes all of it for a scrape."""

    def __init__(self) -> None:
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call] # theirs; half of all lines go
        self._registry = registry = CollectorRegistry()
        self._gauges = _Gauges()
        registry.register(self._gauges)
        ProcessCollector(namespace="orderferry", registry=registry)
        self._form_to_shop = Histogram(
            "orderferry_form_to_shop_seconds",
            "From the moment the hub first saw an order's form complete to its link with the shop being on disk.",
            ["account"],
            registry=registry,
            buckets=FORM_TO_SHOP,
        )
        self._ended = Counter(
            "orderferry_jobs_ended_total",
            "Jobs that ended since the start: done, cancelled as no longer wanted, or parked for a person.",
            ["account", "kind", "outcome"],
            registry=registry,
        )
        self._requests = Counter(
            "orderferry_requests_total",
            "Requests to an account's platform since the start, by how they ended.",
            ["account", "outcome"],
            registry=registry,
        )
        self._seconds = Histogram(
            "orderferry_request_seconds",
            "How long a request to an account's platform took, without the wait for its turn.",
            ["account"],
            registry=registry,
            buckets=REQUEST,
        )
        self._waits = Counter(
            "orderferry_rate_limit_wait_seconds_total",
            "Seconds that requests waited for our own pace, or that the platform asked us to wait by a 429.",
            ["account", "reason"],
            registry=registry,
        )
        self._commit = Histogram(
            "orderferry_store_commit_seconds",
            "How long a commit of the store took, until the disk had it.",
            registry=registry,
            buckets=COMMIT,
        )

    def meter(self, account: str) -> Meter:
        """What the account's HTTP client tells."""
        return _AccountMeter(
            {ending: self._requests.labels(account, ending.value) for ending in Ending},
            self._seconds.labels(account),
            {why: self._waits.labels(account, why.value) for why in Waiting},
        )

    def committed(self, seconds: float) -> None:
        """A commit is on disk."""
        self._commit.observe(seconds)

    def linked(self, account: str, seconds: float) -> None:
        """An order stands in this shop so long after its form was complete."""
        self._form_to_shop.labels(account).observe(max(seconds, 0.0))

    def journaled(self, entries: Sequence[Entry]) -> None:
        """These rows of the journal are on disk."""
        for entry in entries:
            outcome = ENDED.get(entry.kind)
            if outcome is not None and entry.account is not None and entry.data.get("what") in _KINDS:
                self._ended.labels(entry.account, str(entry.data["what"]), outcome).inc()

    def expose(self, snapshot: Snapshot) -> str:
        """All metrics in Prometheus's text format 0.0.4."""
        self._gauges.snapshot = snapshot
        return generate_latest(self._registry).decode()


_KINDS = frozenset(kind.value for kind in JobKind)


class _AccountMeter:
    """The children of one account, looked up once and not with every request."""

    def __init__(
        self, requests: Mapping[Ending, Counter], seconds: Histogram, waits: Mapping[Waiting, Counter]
    ) -> None:
        self._requests = requests
        self._seconds = seconds
        self._waits = waits

    def asked(self, ending: Ending, seconds: float) -> None:
        self._requests[ending].inc()
        self._seconds.observe(seconds)

    def waited(self, why: Waiting, seconds: float) -> None:
        self._waits[why].inc(seconds)


class _Gauges(Collector):
    """The snapshot of the scrape as metrics: what is gone from it is gone from them."""

    snapshot: Snapshot | None = None

    def collect(self) -> Iterable[Metric]:
        """Nothing before the first snapshot."""
        now = self.snapshot
        if now is None:
            return
        about = {"version": now.version, "python": now.python, "sqlite": now.sqlite}
        yield InfoMetricFamily("orderferry", "The program's version, and those of Python and SQLite.", about)
        yield _one("orderferry_start_time_seconds", "When the daemon started, in seconds since 1970.", now.started_at)
        yield _one("orderferry_store_degraded", "1 while the store can't be written: nothing is sent.", now.degraded)
        rounds = "Rounds of the store since the start: each writes in one commit all that has come in."
        yield CounterMetricFamily("orderferry_store_rounds", rounds, now.rounds)
        yield _one("orderferry_journal_rows", "Rows that the journal has had, ever.", now.journal_rows)
        yield _many("orderferry_orders", "Orders in the hub.", ("account", "stage"), now.orders.items())
        jobs = "Jobs that are not ended: waiting, sending, unsure or parked."
        yield _many("orderferry_jobs", jobs, ("account", "kind", "state"), now.jobs.items())
        oldest = "Age of the oldest order that still has to be put into this shop, a parked one too."
        yield _many("orderferry_oldest_unfinished_order_seconds", oldest, ("account",), _single(now.oldest))
        unreadable = "Orders that could not be read."
        yield _many("orderferry_unreadable_orders", unreadable, ("account",), _single(now.unreadable))
        yield _many("orderferry_alarms", "Alarms that are open.", ("topic",), _single(now.alarms))
        for name, about_it, wanted in _HEALTH:
            so = {account: float(health == wanted) for account, health in now.health.items()}
            yield _many(name, about_it, ("account",), _single(so))
        fetched = "When an account's orders were last fetched to the end, in seconds since 1970; since the start."
        yield _many("orderferry_last_fetch_time_seconds", fetched, ("account",), _single(now.caught_up))


_HEALTH = (
    ("orderferry_account_up", "1 for an account whose last call went well.", "ok"),
    ("orderferry_account_needs_login", "1 for an account that refuses our login.", "needs_login"),
    ("orderferry_account_paused", "1 for an account that somebody has paused.", "paused"),
)


def _one(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(name, about, value=float(value))


def _many(name: str, about: str, labels: Sequence[str], values: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    family = GaugeMetricFamily(name, about, labels=labels)
    for key, value in sorted(values):
        family.add_metric(key, float(value))
    return family


def _single(values: Mapping[str, float]) -> Iterable[tuple[tuple[str], float]]:
    return [((label,), value) for label, value in values.items()]
