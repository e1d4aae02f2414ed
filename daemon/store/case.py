"""One order with everything that hangs on it, as a round works on it: read, changed in memory, written back once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import Struct

from daemon.core.job import FINAL, JobEvent, JobKind, JobState, after
from daemon.core.routing import Owed, State, Told
from daemon.store.batch import Batch
from orderferry import Order, Stage

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


def ms(moment: datetime) -> int:
    """A moment as the store keeps it: whole milliseconds since 1970, UTC."""
    return (moment - _EPOCH) // _MS


def when(stored: int) -> datetime:
    """The moment that the store keeps so."""
    return _EPOCH + stored * _MS


def _maybe_ms(moment: datetime | None) -> int | None:
    return None if moment is None else ms(moment)


class OrderRecord(Struct, kw_only=True):
    """A row of `orders`; `held` says why a ready order isn't forwarded by itself, `ready_at` since when it is ready.

    `final_at` says since when nothing is to be done with it any more, `erased_at` when its buyer's data was erased.
    """

    id: int
    account: str
    external_id: str
    digest: bytes
    stage: Stage
    status: str
    ordered_at: datetime
    updated_at: datetime
    first_seen: datetime
    total: str
    paid: bool
    shipped: bool
    ships_itself: bool
    has_email: bool = False
    held: str | None = None
    merged_into: int | None = None
    warnings: int = 0
    ready_at: datetime | None = None
    final_at: datetime | None = None
    erased_at: datetime | None = None


class LinkRecord(Struct, kw_only=True):
    """A row of `link`: the order stands in this account, and this is what the account has been told.

    `told_status` is None where the account has moved its status by itself, and "" where it was told none. `doubled_as`
    is a second order there with the same reference, which should never be.
    """

    account: str
    shop_order: str
    number: str
    reference: str
    linked_at: datetime
    total: str | None = None
    told_status: str | None = ""
    told_paid: bool | None = None
    told_parcels: frozenset[str] = frozenset()
    doubled_as: str | None = None


class JobRecord(Struct, kw_only=True):
    """A row of `job`; `was` is the state that the store holds, None while the row is new.

    `sure` is a person's word that the shop does not have the order. `told_status` and `told_paid` are what its request
    says, noted with the intent; once a part of the order may stand in the shop, they stay as they were then.
    `was_reason` is the reason that the store holds; `progress` is sealed, and text where an earlier version kept it.
    """

    id: int
    order_id: int
    account: str
    kind: JobKind
    state: JobState
    due: datetime
    made_at: datetime
    attempt: int = 0
    first_tried: datetime | None = None
    sent_at: datetime | None = None
    doubt_at: datetime | None = None
    by_hand: bool = False
    progress: bytes | str | None = None
    reason: str | None = None
    told_status: str | None = None
    told_paid: bool | None = None
    sure: bool = False
    was: JobState | None = None
    was_reason: str | None = None

    @property
    def begun(self) -> bool:
        """Whether an earlier try has got so far that a part of the order may stand in the shop."""
        return self.kind is JobKind.ADD_ORDER and self.progress is not None

    def go(self, event: JobEvent) -> None:
        """Follows the table; an impossible event raises and changes nothing."""
        self.state = after(self.state, event)


class Case(Struct, kw_only=True):
    """An order, its links by account, all its jobs by id, its parcels by number."""

    order: OrderRecord
    links: dict[str, LinkRecord] = {}
    jobs: dict[int, JobRecord] = {}
    parcels: dict[str, str] = {}
    document: Order | None = None  # set where the round got or needs the order itself
    new: bool = False
    changed: bool = False
    document_changed: bool = False
    links_changed: set[str] = set()
    jobs_changed: set[int] = set()
    parcels_added: list[tuple[str, str, datetime]] = []
    lines_owned: bool = False

    def state(self) -> State:
        """The order as routing sees it."""
        order = self.order
        return State(
            account=order.account,
            stage=order.stage,
            status=order.status,
            ordered_at=order.ordered_at,
            ready_at=order.ready_at,
            paid=order.paid,
            parcels=frozenset(self.parcels),
            shipped=order.shipped,
            ships_itself=order.ships_itself,
            has_email=order.has_email,
            thanked=any(job.kind is JobKind.SEND_MAIL for job in self.jobs.values()),
            told={
                name: Told(status=link.told_status, paid=link.told_paid, parcels=link.told_parcels)
                for name, link in self.links.items()
            },
            owed=tuple(
                Owed(
                    id=job.id,
                    account=job.account,
                    kind=job.kind,
                    state=job.state,
                    by_hand=job.by_hand,
                    doubtful=job.doubt_at is not None,
                    begun_as=(job.told_status or "") if job.begun else None,
                )
                for job in self.jobs.values()
                if job.state not in FINAL
            ),
        )

    def move(self, job: JobRecord, event: JobEvent) -> None:
        """Takes one of the order's jobs on, and marks it to be written."""
        job.go(event)
        self.jobs_changed.add(job.id)

    def link(self, record: LinkRecord) -> None:
        """Puts a link in, or its new state."""
        self.links[record.account] = record
        self.links_changed.add(record.account)

    def add_parcel(self, carrier: str, number: str, at: datetime) -> bool:
        """Adds a parcel; False if the order has this number already."""
        if number in self.parcels:
            return False
        self.parcels[number] = carrier
        self.parcels_added.append((number, carrier, at))
        return True

    def write(self, batch: Batch) -> None:
        """Puts into the batch whatever differs from the store; jobs that are new need a due time and no more."""
        order = self.order
        if self.new:
            batch.add(
                "add_order",
                order.id,
                order.account,
                order.external_id,
                order.digest,
                order.stage.value,
                order.status,
                ms(order.ordered_at),
                ms(order.updated_at),
                ms(order.first_seen),
                order.total,
                order.paid,
                order.shipped,
                order.ships_itself,
                order.has_email,
                order.held,
                order.merged_into,
                order.warnings,
                _maybe_ms(order.ready_at),
                _maybe_ms(order.final_at),
                _maybe_ms(order.erased_at),
            )
        elif self.changed:
            batch.add(
                "change_order",
                order.digest,
                order.stage.value,
                order.status,
                ms(order.ordered_at),
                ms(order.updated_at),
                order.total,
                order.paid,
                order.shipped,
                order.ships_itself,
                order.has_email,
                order.held,
                order.merged_into,
                order.warnings,
                _maybe_ms(order.ready_at),
                _maybe_ms(order.final_at),
                _maybe_ms(order.erased_at),
                order.id,
            )
        if self.lines_owned and self.document is not None:
            for line in self.document.lines:
                batch.add("own_line", order.account, line.id, order.id)
        for number, carrier, at in self.parcels_added:
            batch.add("add_parcel", order.id, number, carrier, ms(at))
        for name in sorted(self.links_changed):
            self._write_link(batch, self.links[name])
        for job in sorted(self.jobs_changed):
            self._write_job(batch, self.jobs[job])

    def _write_link(self, batch: Batch, link: LinkRecord) -> None:
        batch.add(
            "write_link",
            self.order.id,
            link.account,
            link.shop_order,
            link.number,
            link.reference,
            ms(link.linked_at),
            link.total,
            link.told_status,
            link.told_paid,
            msgspec.json.encode(sorted(link.told_parcels)).decode(),
            link.doubled_as,
        )

    def _write_job(self, batch: Batch, job: JobRecord) -> None:
        if job.was is None:
            batch.add(
                "add_job",
                job.id,
                job.order_id,
                job.account,
                job.kind.value,
                job.state.value,
                ms(job.due),
                ms(job.made_at),
                job.by_hand,
                _maybe_ms(job.sent_at),
                _maybe_ms(job.doubt_at),
                job.reason,
            )
            return
        batch.add(
            "change_job",
            job.state.value,
            ms(job.due),
            job.attempt,
            _maybe_ms(job.first_tried),
            _maybe_ms(job.sent_at),
            _maybe_ms(job.doubt_at),
            job.by_hand,
            job.progress,
            job.reason,
            job.sure,
            job.id,
            job.was.value,
        )
