"""Every metric of the program with one value each, as a scrape shows it."""

from __future__ import annotations

from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from daemon.core.job import JobKind, JobState
from daemon.core.journal import Entry, Kind
from daemon.watch.exposition import Snapshot, expose
from daemon.watch.metrics import Metrics
from orderferry.meter import Ending, Waiting
from tests.daemon.control_views import NOW

SNAPSHOT = Snapshot(
    version="1.2.3",
    python="3.11.9",
    sqlite="3.40.1",
    started_at=1_700_000_000.0,
    degraded=False,
    rounds=7,
    journal_rows=70,
    orders={("allegro-main", "ready"): 3},
    jobs={("my-shop", JobKind.ADD_ORDER, JobState.WAITING): 1},
    oldest={"my-shop": 12.5},
    unreadable={"allegro-main": 2},
    alarms={"parked": 1},
    health={"allegro-main": "ok", "my-shop": "needs_login"},
    caught_up={"allegro-main": 1_700_000_100.0},
)


def families() -> list[Metric]:
    """All families with their samples."""
    metrics = Metrics()
    meter = metrics.meter("my-shop")
    meter.asked(Ending.OK, 0.1)
    meter.waited(Waiting.PLATFORM, 1.0)
    metrics.committed(0.001)
    metrics.linked("my-shop", 0.5)
    metrics.journaled([Entry(at=NOW, kind=Kind.JOB_DONE, account="my-shop", data={"what": JobKind.ADD_ORDER})])
    return list(text_string_to_metric_families(expose(metrics, SNAPSHOT)))
