"""A round's desk: the cases that it works on, what it writes into the journal, and what it will write to the store.

Everything here happens between two awaits of the round, in memory; `write` then puts the whole into one batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from daemon.core.intake import Known
from daemon.core.job import ONCE, JobEvent, JobKind, JobState, remedy
from daemon.core.journal import Data, Entry, Kind, Scalar
from daemon.core.retention import final_since, without_buyer
from daemon.core.routing import NewJob, Target, reconcile
from daemon.core.statuses import Happening, Ladder
from daemon.store.batch import Batch
from daemon.store.case import Case, JobRecord, ms
from daemon.store.store import Store
from orderferry import Capability

LONG_AGO = timedelta(days=30)  # beyond any settle window


class Needs(msgspec.Struct, kw_only=True):
    """What an item wants to find on the desk: orders by number or by external id, and who carries these lines.

    `unreadable` asks which of these ids are already kept as malformed; `digests` are of orders as they came, so that
    the documents of those that differ are at hand for comparison; `references` are of our own orders, met in a shop.
    """

    numbers: set[int] = set()
    external: dict[str, set[str]] = {}
    lines: dict[str, set[str]] = {}
    unreadable: dict[str, set[str]] = {}
    digests: dict[tuple[str, str], bytes] = {}
    references: dict[str, set[str]] = {}


class Desk:
    """What one round knows and decides; made new for every round."""

    def __init__(self, store: Store, targets: Mapping[str, Target], now: datetime, ladder: Ladder) -> None:
        self.store = store
        self.targets = targets
        self.now = now
        self.ladder = ladder
        self.cases: dict[int, Case] = {}
        self.known: dict[tuple[str, str], Known] = {}
        self.owners: dict[tuple[str, str], Known] = {}
        self.unreadable: dict[tuple[str, str], str] = {}
        self.referred: dict[tuple[str, str], int] = {}
        self.entries: list[Entry] = []
        self.linked: list[tuple[str, datetime]] = []  # shops that got an order by itself, and when that was ready
        self.batch = Batch()
        self._touched: dict[int, Case] = {}

    async def lay_out(self, needs: Sequence[Needs]) -> None:
        """Reads all that the round's items need, a few queries for all of them together."""
        numbers: set[int] = set()
        external: dict[str, set[str]] = {}
        lines: dict[str, set[str]] = {}
        for need in needs:
            numbers |= need.numbers
            for account, ids in need.external.items():
                external.setdefault(account, set()).update(ids)
            for account, ids in need.lines.items():
                lines.setdefault(account, set()).update(ids)
        for account, ids in external.items():
            for external_id, known in (await self.store.known(account, ids)).items():
                self.known[account, external_id] = known
                numbers.add(known.id)
        for account, ids in lines.items():
            for line_id, known in (await self.store.owners(account, ids)).items():
                self.owners[account, line_id] = known
                numbers.add(known.id)
        for need in needs:
            for account, references in need.references.items():
                for reference, number in (await self.store.referred(account, references)).items():
                    self.referred[account, reference] = number
                    numbers.add(number)
            for account, ids in need.unreadable.items():
                for external_id, reason in (await self.store.unreadable(account, ids)).items():
                    self.unreadable[account, external_id] = reason
        if numbers:
            self.cases = await self.store.cases(numbers)
        differing = {
            before.id
            for need in needs
            for key, digest in need.digests.items()
            if (before := self.known.get(key)) is not None and before.digest != digest
        }
        for number, document in (await self.store.documents(differing)).items():
            self.cases[number].document = document

    def open_case(self, case: Case) -> None:
        """Puts a new order on the desk."""
        self.cases[case.order.id] = case
        self.touch(case)

    def touch(self, case: Case) -> None:
        """Marks a case to be routed again and written."""
        self._touched[case.order.id] = case

    def note(
        self,
        kind: Kind,
        *,
        order: int | None = None,
        account: str | None = None,
        job: int | None = None,
        **data: Scalar | list[str],
    ) -> None:
        """Writes a row of the journal; what is None is left out."""
        self.write_entry(kind, order, account, job, data)

    def note_job(self, kind: Kind, job: JobRecord, **data: Scalar | list[str]) -> None:
        """The same about a job."""
        self.note(kind, order=job.order_id, account=job.account, job=job.id, what=job.kind.value, **data)

    def write_entry(self, kind: Kind, order: int | None, account: str | None, job: int | None, data: Data) -> None:
        """The same, with the data as a whole."""
        told: Data = {key: value for key, value in data.items() if value is not None}
        number = self.store.new_id("journal")
        self.entries.append(Entry(id=number, at=self.now, kind=kind, order=order, account=account, job=job, data=told))

    def set_status(self, case: Case, status: str, *, rule: str | None = None, uid: int | None = None) -> bool:
        """Gives the order a status of the hub, with its row in the journal; False where it has it already."""
        was = case.order.status
        if was == status:
            return False
        case.order.status = status
        case.changed = True
        self.touch(case)
        account = case.order.account if uid is None else None
        self.note(Kind.STATUS_SET, order=case.order.id, account=account, was=was, status=status, rule=rule, uid=uid)
        return True

    def happened(self, case: Case, happening: Happening) -> None:
        """Gives the order the status that the seller's rule for this wants."""
        self.set_status(case, self.ladder.after(case.order.status, happening), rule=happening.value)

    def warn(self, case: Case, text: str, account: str | None = None) -> None:
        """A warning that stays with the order."""
        case.order.warnings += 1
        case.changed = True
        self.touch(case)
        self.note(Kind.ORDER_WARNING, order=case.order.id, account=account, text=text)

    def make_job(self, case: Case, wanted: NewJob) -> JobRecord:
        """A new job of a case, with its row in the journal."""
        job = JobRecord(
            id=self.store.new_id("job"),
            order_id=case.order.id,
            account=wanted.account,
            kind=wanted.kind,
            state=JobState.WAITING,
            due=wanted.due,
            made_at=self.now,
            by_hand=wanted.by_hand,
        )
        case.jobs[job.id] = job
        case.jobs_changed.add(job.id)
        if job.kind in ONCE and self._forgotten(case):
            self._doubt(case, job)
        self.note_job(
            Kind.JOB_MADE,
            job,
            due=job.due.isoformat(),
            why=wanted.why,
        )
        return job

    def _forgotten(self, case: Case) -> bool:
        """Whether the order may have been sent on in the time that a restored store knows nothing of."""
        restored_at = self.store.restored_at
        return restored_at is not None and case.order.ordered_at < restored_at

    def _doubt(self, case: Case, job: JobRecord) -> None:
        """As if it had been sent long ago and its answer lost: it is looked up first, or a person decides."""
        adds = job.kind is JobKind.ADD_ORDER
        can_find = adds and Capability.FIND_ORDER in self.targets[job.account].capabilities
        job.go(JobEvent.CLAIM)
        job.go(JobEvent.DOUBT if can_find else JobEvent.GIVE_UP)
        job.sent_at, job.doubt_at = case.order.ordered_at, case.order.ordered_at - LONG_AGO
        may_be = "the shop may have this order already" if adds else "this mail may have gone out already"
        job.reason = f"the store was put back from a backup: {may_be}"

    def route(self) -> None:
        """Makes the jobs that the touched orders owe now, and drops those that they don't."""
        for case in self._touched.values():
            self._route(case)

    def _route(self, case: Case) -> None:
        plan = reconcile(case.state(), self.targets, self.now)
        order = case.order
        if order.erased_at is not None:
            plan = without_buyer(plan, case.state())
        if plan.held != order.held:
            order.held = plan.held
            case.changed = True
            if plan.held is not None:
                self.note(Kind.ORDER_HELD, order=order.id, account=order.account, reason=plan.held)
        for drop in plan.drop:
            job = case.jobs[drop.job]
            case.move(job, drop.event)
            job.reason = drop.why
            self.note_job(
                Kind.JOB_CANCELLED,
                job,
                why=drop.why,
            )
        for keep in plan.keep:
            self._keep(case, case.jobs[keep.job], keep.why)
        for park in plan.park:
            self._park(case, case.jobs[park.job], park.why)
        for wanted in plan.make:
            self.make_job(case, wanted)

    def _keep(self, case: Case, job: JobRecord, why: str) -> None:
        """Says beside whatever failed last why the job goes on; into the journal it comes once."""
        if why in (job.reason or ""):
            return
        if why not in (job.was_reason or ""):
            self.note_job(Kind.JOB_KEPT, job, why=why)
        job.reason = f"{job.reason}; {why}" if job.reason else why
        case.jobs_changed.add(job.id)

    def _park(self, case: Case, job: JobRecord, why: str) -> None:
        case.move(job, JobEvent.GIVE_UP)
        job.doubt_at = self.now
        job.reason = f"{why}; {job.reason}" if job.reason else why
        self.note_job(Kind.JOB_PARKED, job, reason=job.reason, command=remedy(job.id, job.kind, in_doubt=True))

    def write(self) -> Batch:
        """All of it as one batch."""
        for case in self._touched.values():
            since = final_since(case.order.final_at, case.state(), self.ladder, self.now)
            case.changed |= since != case.order.final_at
            case.order.final_at = since
            case.write(self.batch)
        for entry in self.entries:
            self.batch.add(
                "journal",
                entry.id,
                ms(entry.at),
                entry.kind.value,
                entry.order,
                entry.account,
                entry.job,
                msgspec.json.encode(entry.data).decode(),
            )
        return self.batch
