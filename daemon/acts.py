"""What a person commands, onto the round's desk: each is checked against the order as it stands in this very round."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TypeAlias

from daemon.core import retention
from daemon.core.job import FINAL, ONCE, ImpossibleError, JobEvent, JobKind, JobState, remedies
from daemon.core.journal import Kind
from daemon.core.routing import NewJob, syncs
from daemon.core.statuses import Happening
from daemon.core.telling import again
from daemon.desk import Desk
from daemon.store.case import Case, JobRecord, LinkRecord, ms
from daemon.views import CommandError, Done
from orderferry import Capability, Role, Stage

Act: TypeAlias = Callable[[Desk], Done]


def forward(number: int, shop: str | None, uid: int) -> Act:
    """Forwards an order by hand, whatever holds it back; to one shop, or to every one that forwards."""

    def act(desk: Desk) -> Done:
        case = _case(desk, number)
        order = case.order
        if order.stage in {Stage.CANCELLED, Stage.MERGED}:
            raise CommandError("conflict", f"order {number} is {order.stage}; it can't be forwarded")
        _whole(case, "forwarded")
        if shop is not None and (shop not in desk.targets or desk.targets[shop].role is not Role.SHOP):
            raise CommandError("not_found", f"there is no shop {shop}", _shops(desk))
        names = [shop] if shop is not None else [name for name in _shops(desk) if desk.targets[name].forwards]
        made: dict[str, int] = {}
        reasons: list[str] = []
        for name in names:
            job = _open_job(case, name, JobKind.ADD_ORDER)
            if name == order.account:
                reasons.append(f"it was made in {name} itself")
            elif name in case.links:
                reasons.append(f"{name} has it already, as {case.links[name].number}")
            elif job is not None:
                reasons.append(f"job {job.id} for {name} is {job.state} already")
            elif Capability.ADD_ORDER not in desk.targets[name].capabilities:
                reasons.append(f"{name} can't take orders")
            else:
                wanted = NewJob(
                    account=name, kind=JobKind.ADD_ORDER, due=desk.now, why=f"by hand (uid {uid})", by_hand=True
                )
                made[name] = desk.make_job(case, wanted).id
        if not made:
            raise CommandError("conflict", "; ".join(reasons) or "no shop forwards orders; see [shops.NAME.forward]")
        desk.touch(case)
        text = f"order {number} is on its way to {', '.join(made)}"
        rest = f" ({'; '.join(reasons)})" if reasons else ""
        return Done(text=text + rest, order=number, jobs=tuple(made.values()))

    return act


def retry(number: int, job_id: int, uid: int) -> Act:
    """Lets a parked job try again now, or makes a waiting or doubtful one go at once."""

    def act(desk: Desk) -> Done:
        case, job = _job(desk, number, job_id)
        if job.state is JobState.PARKED and job.kind in ONCE and job.doubt_at is not None:
            mails = job.kind is JobKind.SEND_MAIL
            where = "your mail server has sent it" if mails else "the shop has it"
            ways = "`, or `".join(remedies(job_id, job.kind, in_doubt=True))
            raise CommandError(
                "conflict",
                f"job {job_id} is in doubt: it may be done already, and a retry could do it twice. "
                f"Look whether {where}, then say `{ways}`",
            )
        if job.kind in retention.NEEDS_BUYER and job.state is not JobState.UNSURE:  # a look needs no buyer
            _whole(case, "sent")
        _move(case, job, JobEvent.RETRY)
        job.due = desk.now
        job.attempt = 0
        job.first_tried = None
        desk.touch(case)
        desk.note_job(Kind.JOB_RETRIED, job, uid=uid)
        return Done(text=f"job {job_id} tries again now", order=number, jobs=(job_id,))

    return act


def resolve_found(number: int, job_id: int, shop_order: str, reference: str, uid: int) -> Act:
    """Settles a doubt: the order stands in the shop as this one."""

    def act(desk: Desk) -> Done:
        case, job = _job(desk, number, job_id)
        _only(job, JobKind.ADD_ORDER)
        _move(case, job, JobEvent.RESOLVE_FOUND)
        job.reason = None
        ours = job.sent_at is not None  # else it is something else's order, and has been told nothing
        case.link(
            LinkRecord(
                account=job.account,
                shop_order=shop_order,
                number=shop_order,
                reference=reference,
                linked_at=desk.now,
                told_status=(job.told_status or "") if ours else None,
                told_paid=job.told_paid if ours else None,
            )
        )
        desk.touch(case)
        desk.note_job(
            Kind.JOB_RESOLVED,
            job,
            how="found",
            shop_order=shop_order,
            uid=uid,
        )
        return Done(text=f"order {number} is order {shop_order} in {job.account}", order=number, jobs=(job_id,))

    return act


def resolve_sent(number: int, job_id: int, uid: int) -> Act:
    """Settles a doubt: the mail went out."""

    def act(desk: Desk) -> Done:
        case, job = _job(desk, number, job_id)
        _only(job, JobKind.SEND_MAIL)
        _move(case, job, JobEvent.RESOLVE_FOUND)
        job.reason = None
        desk.touch(case)
        desk.note_job(Kind.JOB_RESOLVED, job, how="sent", uid=uid)
        return Done(text=f"the buyer of order {number} was thanked by mail", order=number, jobs=(job_id,))

    return act


def resolve_again(number: int, job_id: int, uid: int) -> Act:
    """Settles a doubt: the shop does not have the order, or the mail did not go out, so it is sent again.

    An order that was called off meanwhile is not: routing then drops the job, of which nothing stands in the shop.
    """

    def act(desk: Desk) -> Done:
        case, job = _job(desk, number, job_id)
        _only(job, *ONCE)
        _move(case, job, JobEvent.RESOLVE_AGAIN)
        job.due = desk.now
        job.attempt = 0
        job.first_tried = None
        job.doubt_at = None
        job.sure = True
        desk.touch(case)
        erased = case.order.erased_at is not None
        if job.kind is JobKind.ADD_ORDER and (erased or case.order.stage in {Stage.CANCELLED, Stage.MERGED}):
            job.progress = None
            desk.note_job(Kind.JOB_RESOLVED, job, how="not_there", uid=uid)
            why = retention.ERASED if erased else f"it is {case.order.stage}"
            text = f"nothing of order {number} is in {job.account}, and nothing is sent: {why}"
            return Done(text=text, order=number, jobs=(job_id,))
        desk.note_job(Kind.JOB_RESOLVED, job, how="send_again", uid=uid)
        again = f"order {number} is sent to {job.account} again"
        if job.kind is JobKind.SEND_MAIL:
            again = f"the buyer of order {number} is thanked by mail again"
        return Done(text=again, order=number, jobs=(job_id,))

    return act


def set_status(number: int, status: str, uid: int) -> Act:
    """Sets the hub's own status; the accounts that map it are told."""

    def act(desk: Desk) -> Done:
        case = _case(desk, number)
        if not desk.set_status(case, status, uid=uid):
            return Done(text=f"order {number} is {status} already", order=number)
        return _told(desk, case, JobKind.SET_STATUS, f"order {number} is {status} now")

    return act


def set_payment(number: int, amount: Decimal | None, uid: int, *, paid: bool) -> Act:
    """Says by hand whether an order is paid, such as for a bank transfer past the marketplace."""

    def act(desk: Desk) -> Done:
        case = _case(desk, number)
        if case.order.paid == paid:
            return Done(text=f"order {number} is {'paid' if paid else 'unpaid'} already", order=number)
        case.order.paid = paid
        case.changed = True
        told = None if amount is None else str(amount)
        desk.note(Kind.PAYMENT_SET, order=number, paid=paid, amount=told, uid=uid)
        if paid:
            desk.happened(case, Happening.PAID)
        return _told(desk, case, JobKind.SET_PAYMENT, f"order {number} is {'paid' if paid else 'unpaid'} now")

    return act


def add_parcel(number: int, carrier: str, tracking: str, uid: int) -> Act:
    """Adds a parcel's tracking number; the shop and the marketplace are told."""

    def act(desk: Desk) -> Done:
        case = _case(desk, number)
        _whole(case, "given a parcel")
        if not case.add_parcel(carrier, tracking, desk.now):
            return Done(text=f"order {number} has the parcel {tracking} already", order=number)
        desk.note(Kind.PARCEL_ADDED, order=number, carrier=carrier, number=tracking, uid=uid)
        desk.happened(case, Happening.PARCEL_SENT)
        return _told(desk, case, JobKind.SET_TRACKING, f"the parcel {tracking} is added to order {number}")

    return act


def pause(name: str, uid: int, *, paused: bool) -> Act:
    """Pauses an account, or lets it go on; the round's caller then stops asking it."""

    def act(desk: Desk) -> Done:
        desk.batch.add("pause_account", paused, name)
        desk.note(Kind.ACCOUNT_PAUSED if paused else Kind.ACCOUNT_RESUMED, account=name, uid=uid)
        return Done(text=f"{name} is paused: nothing is asked of it" if paused else f"{name} goes on")

    return act


def switch_thanks(name: str, *, on: bool) -> Act:
    """Notes that an account's buyers are thanked by mail from this day on, or no longer; what is noted stays."""

    def act(desk: Desk) -> Done:
        desk.batch.add("switch_thanks", on, ms(desk.now), name)
        return Done(text=name)

    return act


def add_account(name: str, platform: str, role: str) -> Act:
    """Makes an account known to the store; the day it was added stays."""

    def act(desk: Desk) -> Done:
        desk.batch.add("add_account", name, platform, role, ms(desk.now))
        return Done(text=name)

    return act


def switch_forwarding(name: str, *, on: bool) -> Act:
    """Notes that orders are forwarded into this account from now on, or no longer; what is noted already stays."""

    def act(desk: Desk) -> Done:
        desk.batch.add("switch_forwarding", on, ms(desk.now), name)
        return Done(text=name)

    return act


def _told(desk: Desk, case: Case, kind: JobKind, text: str) -> Done:
    """Routes the change at once, wakes parked jobs of this kind, and says who is told and who can't be."""
    for job in case.jobs.values():
        if job.kind is kind and job.state is JobState.PARKED:
            _move(case, job, JobEvent.RETRY)
            job.due, job.attempt, job.first_tried = desk.now, 0, None
    before = set(case.jobs)
    desk.touch(case)
    desk.route()
    made = [job for number, job in case.jobs.items() if number not in before]
    open_jobs = [job for job in case.jobs.values() if job.kind is kind and job.state not in FINAL]
    telling = ", ".join(
        f"{job.account} {again(job.due, desk.now)}" for job in sorted(open_jobs, key=lambda job: job.account)
    )
    cannot = "; ".join(
        why
        for name, target in desk.targets.items()
        if name in case.links and (why := syncs(target)[kind]) is not None and name != case.order.account
    )
    text += f"; told: {telling}" if telling else "; nobody has to be told"
    return Done(text=text + (f" ({cannot})" if cannot else ""), order=case.order.id, jobs=tuple(job.id for job in made))


def _case(desk: Desk, number: int) -> Case:
    case = desk.cases.get(number)
    if case is None:
        raise CommandError("not_found", f"there is no order {number}")
    return case


def _whole(case: Case, what: str) -> None:
    """Raises where the order's buyer, and all that this needs, is no longer known."""
    if case.order.erased_at is not None:
        day = retention.day(case.order.erased_at)
        raise CommandError(
            "conflict", f"{retention.ERASED} from order {case.order.id} on {day}, so it can't be {what} any more"
        )


def _job(desk: Desk, number: int, job_id: int) -> tuple[Case, JobRecord]:
    case = _case(desk, number)
    if job_id not in case.jobs:
        raise CommandError("not_found", f"there is no job {job_id}")
    return case, case.jobs[job_id]


def _move(case: Case, job: JobRecord, event: JobEvent) -> None:
    try:
        case.move(job, event)
    except ImpossibleError as error:
        raise CommandError("conflict", f"job {job.id}: {error}") from error


def _only(job: JobRecord, *kinds: JobKind) -> None:
    if job.kind in kinds:
        return
    if job.kind in ONCE:
        ways = "` or `".join(remedies(job.id, job.kind, in_doubt=True))
        raise CommandError("invalid", f"job {job.id} is settled with `{ways}`")
    raise CommandError("invalid", f"job {job.id} may be done twice: `orderferry retry {job.id}` is safe")


def _open_job(case: Case, account: str, kind: JobKind) -> JobRecord | None:
    for job in case.jobs.values():
        if job.account == account and job.kind is kind and job.state not in FINAL:
            return job
    return None


def _shops(desk: Desk) -> tuple[str, ...]:
    return tuple(name for name, target in desk.targets.items() if target.role is Role.SHOP)
