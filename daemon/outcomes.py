"""What came of a hook call onto the round's desk: the job's next state, the link, what the account has been told."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct

from daemon.core.job import JobEvent, JobKind, JobState, remedy
from daemon.core.journal import Kind
from daemon.core.maps import Unmapped
from daemon.core.retry import Cause, Failure, Verdict, after_failure, after_look, leaves_doubt, next_look
from daemon.desk import Desk, Needs
from daemon.store.case import Case, JobRecord, LinkRecord, ms
from orderferry import ShopOrder, Stage


class Said(Struct, frozen=True, kw_only=True):
    """What a hook call told the account: it becomes what the account has been told."""

    status: str | None = None
    paid: bool | None = None
    parcels: frozenset[str] = frozenset()


class Outcome(Struct, frozen=True, kw_only=True):
    """The end of one hook call for a job.

    Exactly one of these is the case: `released` (never begun), `failure`, or success. `looked` marks a look-up: then
    success with `shop_order` None means "not there". `others_worked`: the account did something else meanwhile.
    """

    job: int
    order: int
    account: str
    sent_at: datetime
    ended_at: datetime
    looked: bool = False
    released: bool = False
    failure: Failure | None = None
    shop_order: ShopOrder | None = None
    reference: str = ""
    said: Said = Said()
    moves_status: bool = False
    can_find: bool = True
    settle: timedelta = timedelta(0)
    others_worked: bool = False
    draw: float = 0.0
    unmapped: tuple[Unmapped, ...] = ()

    def needs(self) -> Needs:
        """The order that the job belongs to."""
        return Needs(numbers={self.order})


def settle_outcome(desk: Desk, outcome: Outcome) -> None:
    """Takes the job on by what came of its call; a job that a person has moved meanwhile is left as it is."""
    case = desk.cases[outcome.order]
    job = case.jobs[outcome.job]
    expected = JobState.UNSURE if outcome.looked else JobState.SENDING
    if job.state is not expected:
        return
    desk.touch(case)
    if outcome.released:
        case.move(job, JobEvent.RELEASE)
        job.sent_at = None
    elif outcome.looked:
        _looked(desk, case, job, outcome)
    elif outcome.failure is not None:
        _failed(desk, case, job, outcome, outcome.failure)
    else:
        case.move(job, JobEvent.SUCCEED)
        _succeeded(desk, case, job, outcome)


def _succeeded(desk: Desk, case: Case, job: JobRecord, outcome: Outcome) -> None:
    job.reason = None
    if job.kind is JobKind.ADD_ORDER and outcome.shop_order is not None:
        _linked(desk, case, job, outcome, outcome.shop_order)
        return
    if job.kind is JobKind.SEND_MAIL:
        desk.note_job(Kind.JOB_DONE, job, attempt=job.attempt + 1, sent_at=outcome.sent_at.isoformat())
        return
    link = case.links.get(job.account) or LinkRecord(
        account=job.account,
        shop_order=case.order.external_id,
        number=case.order.external_id,
        reference="",
        linked_at=desk.now,
        told_paid=case.order.paid,
    )
    said = outcome.said
    if job.kind is JobKind.SET_STATUS:
        link.told_status = said.status
    elif job.kind is JobKind.SET_PAYMENT:
        link.told_paid = said.paid
    else:
        link.told_parcels |= said.parcels
    if outcome.moves_status:
        link.told_status = None
    case.link(link)
    desk.note_job(
        Kind.JOB_DONE,
        job,
        attempt=job.attempt + 1,
        sent_at=outcome.sent_at.isoformat(),
        status=said.status,
        paid=said.paid,
        parcels=sorted(said.parcels) or None,
    )


def _linked(desk: Desk, case: Case, job: JobRecord, outcome: Outcome, shop_order: ShopOrder) -> None:
    order = case.order
    for one in outcome.unmapped:
        row = (job.account, one.kind.value, one.account, one.method, one.became, order.id, ms(desk.now))
        desk.batch.add("note_unmapped", *row)
    total = None if shop_order.total is None else str(shop_order.total)
    said = outcome.said
    if said.paid is None:
        # no intent was noted: a store that was put back from a backup knows less than the shop, so it keeps silent
        said = Said(status=desk.targets[job.account].statuses.get(order.status), paid=order.paid)
    case.link(
        LinkRecord(
            account=job.account,
            shop_order=shop_order.id,
            number=shop_order.number,
            reference=outcome.reference,
            linked_at=desk.now,
            total=total,
            told_status=said.status or "",
            told_paid=said.paid,
        )
    )
    desk.note_job(
        Kind.JOB_DONE,
        job,
        attempt=job.attempt + 1,
        sent_at=outcome.sent_at.isoformat(),
        shop_order=shop_order.id,
        number=shop_order.number,
        total=total,
        stock_fell=shop_order.stock_fell,
    )
    if order.ready_at is not None and not job.by_hand:
        desk.linked.append((job.account, order.ready_at))
    called_off = order.stage in {Stage.CANCELLED, Stage.MERGED}  # some platforms then empty the order
    if total is not None and total != order.total and not called_off:
        desk.warn(case, f"{job.account} makes it {total}, the marketplace {order.total}", job.account)
    for text in shop_order.warnings:
        desk.warn(case, text, job.account)


def _failed(desk: Desk, case: Case, job: JobRecord, outcome: Outcome, failure: Failure) -> None:
    job.first_tried = job.first_tried or outcome.sent_at
    verdict = after_failure(
        failure,
        job.kind,
        attempt=job.attempt + 1,
        first_tried=job.first_tried,
        now=desk.now,
        draw=outcome.draw,
        can_find=outcome.can_find,
        others_worked=outcome.others_worked,
    )
    job.doubt_at = outcome.ended_at if leaves_doubt(failure, job.kind) else None
    if failure.cause is Cause.FOREIGN:
        job.sent_at = None  # nothing was sent: whatever order the seller names has been told nothing by us
    apply_verdict(desk, case, job, verdict, settle=outcome.settle, detail=failure.detail)


def _looked(desk: Desk, case: Case, job: JobRecord, outcome: Outcome) -> None:
    doubt_at = job.doubt_at or outcome.sent_at
    settled = doubt_at + outcome.settle
    if outcome.failure is not None:
        # an account that is away is held as a whole: once it may be asked again, the doubt comes first
        job.due = desk.now if outcome.failure.of_account else next_look(doubt_at, settled, desk.now)
        job.reason = f"the look-up failed: {outcome.failure.message}"
        case.move(job, JobEvent.LOOK_LATER)
        return
    found = outcome.shop_order is not None
    verdict = after_look(found=found, attempt=job.attempt, doubt_at=doubt_at, settle=outcome.settle, now=desk.now)
    desk.note_job(
        Kind.JOB_LOOKED,
        job,
        found=found,
        shop_order=outcome.shop_order.id if outcome.shop_order is not None else None,
        settled_at=None if found else settled.isoformat(),
    )
    if outcome.shop_order is not None:
        case.move(job, JobEvent.FOUND)
        _succeeded(desk, case, job, outcome)
        return
    if verdict.event is not JobEvent.LOOK_LATER:
        job.doubt_at = None
    apply_verdict(desk, case, job, verdict, settle=outcome.settle)


def apply_verdict(
    desk: Desk, case: Case, job: JobRecord, verdict: Verdict, *, settle: timedelta, detail: str | None = None
) -> None:
    """Moves the job by a verdict and says so in the journal."""
    case.move(job, verdict.event)
    job.due = verdict.due
    job.reason = verdict.reason
    job.attempt += verdict.counts
    match job.state:
        case JobState.UNSURE if verdict.event is JobEvent.DOUBT and job.doubt_at is not None:
            desk.note_job(
                Kind.JOB_UNSURE,
                job,
                attempt=job.attempt,
                error=verdict.reason,
                look_at=job.due.isoformat(),
                settled_at=(job.doubt_at + settle).isoformat(),
                detail=detail,
            )
        case JobState.PARKED:
            desk.note_job(
                Kind.JOB_PARKED,
                job,
                reason=verdict.reason,
                command=remedy(job.id, job.kind, in_doubt=job.doubt_at is not None),
                detail=detail,
            )
        case JobState.WAITING:
            desk.note_job(
                Kind.JOB_LATER,
                job,
                attempt=job.attempt,
                error=verdict.reason,
                until=job.due.isoformat(),
                detail=detail,
            )
        case _:
            pass
