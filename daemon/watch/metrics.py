"""What is counted where it happens, in plain numbers, so that it costs next to nothing."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence

from daemon.core.job import JobKind
from daemon.core.journal import Entry, Kind
from orderferry.meter import Ending, Meter, Waiting

FORM_TO_SHOP = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0, 14400.0)
REQUEST = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
COMMIT = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)

ENDED: Mapping[Kind, str] = {Kind.JOB_DONE: "done", Kind.JOB_CANCELLED: "cancelled", Kind.JOB_PARKED: "parked"}

_KINDS = frozenset(kind.value for kind in JobKind)


class Spread:
    """How many values fell below each bound, and their sum: a histogram. Bounds and values are seconds."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.total = 0.0
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)

    def observe(self, value: float) -> None:
        """One more value; one that a clock which was set has made negative counts as nothing."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self.total += max(value, 0.0)

    def below(self) -> list[tuple[str, float]]:
        """For each bound how many values are not above it, as Prometheus writes it."""
        found, count = [], 0
        for bound, more in zip((*map(str, self._bounds), "+Inf"), self._counts, strict=True):
            count += more
            found.append((bound, float(count)))
        return found


class Metrics:
    """The counts since the start, by their labels; `daemon.watch.exposition` says what they mean."""

    def __init__(self) -> None:
        self.requests: defaultdict[tuple[str, ...], float] = defaultdict(float)  # account and outcome
        self.waits: defaultdict[tuple[str, ...], float] = defaultdict(float)  # account and reason
        self.ended: defaultdict[tuple[str, ...], float] = defaultdict(float)  # account, kind and outcome
        self.request_seconds: defaultdict[tuple[str, ...], Spread] = defaultdict(lambda: Spread(REQUEST))
        self.form_to_shop: defaultdict[tuple[str, ...], Spread] = defaultdict(lambda: Spread(FORM_TO_SHOP))
        self.commit_seconds = Spread(COMMIT)

    def meter(self, account: str) -> Meter:
        """What the account's HTTP client tells."""
        return _AccountMeter(self, account)

    def committed(self, seconds: float) -> None:
        """A commit is on disk."""
        self.commit_seconds.observe(seconds)

    def linked(self, account: str, seconds: float) -> None:
        """An order stands in this shop, so long after its form was complete."""
        self.form_to_shop[account,].observe(seconds)

    def journaled(self, entries: Sequence[Entry]) -> None:
        """These rows of the journal are on disk."""
        for entry in entries:
            outcome, kind = ENDED.get(entry.kind), entry.data.get("what")
            if outcome is not None and entry.account is not None and kind in _KINDS:
                self.ended[entry.account, str(kind), outcome] += 1


class _AccountMeter:
    def __init__(self, metrics: Metrics, account: str) -> None:
        self._metrics = metrics
        self._account = account
        self._seconds = metrics.request_seconds[account,]

    def asked(self, ending: Ending, seconds: float) -> None:
        self._metrics.requests[self._account, ending] += 1
        self._seconds.observe(seconds)

    def waited(self, why: Waiting, seconds: float) -> None:
        self._metrics.waits[self._account, why] += seconds
