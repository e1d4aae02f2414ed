"""Erasing, onto the round's desk: each order is checked as it stands in this very round, and goes at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from daemon.acts import Act
from daemon.core.job import FINAL, JobEvent, JobKind, JobState, remedy
from daemon.core.journal import Kind
from daemon.core.retention import ERASED, NEEDS_BUYER, Keeps, day, ended
from daemon.desk import Desk
from daemon.privacy.views import ErasedOrder
from daemon.store.case import Case, JobRecord, ms
from daemon.store.erasure import ERASING, ERASING_UNREAD
from daemon.views import CommandError, Done

RULE = "keep_buyer_data"
WANTED = "store_wants_rewriting"
"""The store's note that something was erased since its file was last written anew."""


def mark_ended(ended_at: Mapping[int, datetime]) -> Act:
    """Notes since when these orders are over: for those that were so before this was noted, or by new rules."""

    def act(desk: Desk) -> Done:
        for number, moment in ended_at.items():
            case = desk.cases[number]
            if case.order.final_at is None and ended(case.state(), desk.ladder):
                desk.batch.add("mark_final", ms(moment), number)
        return Done(text="")

    return act


def erase_due(numbers: Sequence[int], keeps: Keeps, platforms: Mapping[str, str]) -> Act:
    """Erases those of these orders whose time is up; `platforms` is by account. Answers their numbers as `jobs`."""

    def act(desk: Desk) -> Done:
        gone = []
        for number in numbers:
            case = desk.cases[number]
            order = case.order
            if order.erased_at is not None or order.final_at is None:
                continue
            if not ended(case.state(), desk.ladder):  # the seller's rules have changed since
                desk.batch.add("mark_final", None, number)
            elif order.final_at + keeps.of(order.account, platforms.get(order.account, "")) <= desk.now:
                _erase(desk, case)
                desk.note(Kind.BUYER_DATA_ERASED, order=number, account=order.account, rule=RULE)
                gone.append(number)
        return Done(text="", jobs=tuple(gone))

    return act


def erase_by_hand(number: int, uid: int, *, even_unfinished: bool) -> Act:
    """Erases an order now; raises `CommandError` where `refusal` says why not."""

    def act(desk: Desk) -> Done:
        case = desk.cases[number]
        verdict = judged(case, desk, even_unfinished=even_unfinished)
        if verdict.verdict != "erase":
            raise CommandError("conflict", f"order {number}: {verdict.reason}")
        stuck = _erase(desk, case)
        desk.note(Kind.BUYER_DATA_ERASED, order=number, account=case.order.account, uid=uid)
        return Done(text="; ".join(stuck), order=number)

    return act


def judge(number: int, found: list[ErasedOrder], *, even_unfinished: bool) -> Act:
    """Only says what erasing would do; what it finds goes into the list."""

    def act(desk: Desk) -> Done:
        found.append(judged(desk.cases[number], desk, even_unfinished=even_unfinished))
        return Done(text="")

    return act


def judged(case: Case, desk: Desk, *, even_unfinished: bool) -> ErasedOrder:
    """What erasing this order now would do: `verdict` is erase, erased (it is so already), or refused with a reason."""
    order, number = case.order, case.order.id

    def said(verdict: str, reason: str | None = None, command: str | None = None) -> ErasedOrder:
        return ErasedOrder(
            order=number,
            account=order.account,
            external_id=order.external_id,
            verdict=verdict,
            reason=reason,
            command=command,
        )

    if order.erased_at is not None:
        return said("erased", f"{ERASED} on {day(order.erased_at)} already")
    unfinished = [job for job in case.jobs.values() if job.state not in FINAL]
    for job in unfinished:
        if job.state is JobState.SENDING:
            return said(
                "refused", f"job {job.id} is under way at {job.account} at this moment; say it again in a minute"
            )
    if even_unfinished or ended(case.state(), desk.ladder):
        return said("erase")
    for job in unfinished:
        command = f"orderferry explain {number}"
        if job.state in {JobState.PARKED, JobState.UNSURE}:
            command = remedy(job.id, job.kind, in_doubt=job.doubt_at is not None)
        return said("refused", f"job {job.id} ({job.kind} for {job.account}) is {job.state}", command)
    sent = desk.ladder.rules.parcel_sent
    command = f"orderferry set-status {number} {sent}" if sent else f"orderferry add-parcel {number} CARRIER NUMBER"
    return said("refused", f"it is {order.status}, and neither sent nor cancelled", command)


def erase_unread(texts: Sequence[tuple[str, str]], *, uid: int | None = None) -> Act:
    """Erases the kept texts of orders that could not be read, named by account and external id."""

    def act(desk: Desk) -> Done:
        for account, external_id in texts:
            for statement in ERASING_UNREAD:
                desk.batch.add(statement, account, external_id)
            who = {"rule": RULE} if uid is None else {"uid": uid}
            desk.note(Kind.BUYER_DATA_ERASED, account=account, external_id=external_id, **who)
        desk.batch.add("set_meta", WANTED, "1")
        return Done(text="")

    return act


def rewritten(at: datetime) -> Act:
    """Notes that the store's file was written anew."""

    def act(desk: Desk) -> Done:
        desk.batch.add("set_meta", WANTED, "0")
        desk.batch.add("set_meta", "rewritten_at", str(ms(at)))
        return Done(text="")

    return act


def _erase(desk: Desk, case: Case) -> list[str]:
    """Takes the buyer out of an order; answers in sentences what a person still has to look after."""
    order = case.order
    stuck = list(_settle(desk, case))
    order.erased_at = desk.now
    order.has_email = False
    case.parcels.clear()
    case.document = None
    for link in case.links.values():
        link.told_parcels = frozenset()
    case.changed = True
    desk.store.forget_document(order.id)
    for statement in ERASING:
        desk.batch.add(statement, order.id)
    desk.batch.add("set_meta", WANTED, "1")
    desk.touch(case)
    return stuck


def _settle(desk: Desk, case: Case) -> Iterator[str]:
    """Ends what can't be done without the buyer; status and payment go on, and so does the look for a lost answer."""
    for job in case.jobs.values():
        if job.state in FINAL or job.kind not in NEEDS_BUYER:
            continue
        doubtful = job.kind is JobKind.ADD_ORDER and (job.doubt_at is not None or job.begun)
        if job.state is JobState.UNSURE:
            job.reason = f"{ERASED}; it is looked up at {job.account}, and not sent again"
            case.jobs_changed.add(job.id)
            yield f"job {job.id} goes on to look whether {job.account} has it; it is not sent again"
        elif doubtful:
            _park(desk, case, job)
            yield f"job {job.id}: {job.reason}: `{remedy(job.id, job.kind, in_doubt=True)}`"
        else:
            case.move(job, JobEvent.CANCEL)
            job.reason = ERASED
            desk.note_job(Kind.JOB_CANCELLED, job, why=ERASED)


def _park(desk: Desk, case: Case, job: JobRecord) -> None:
    case.move(job, JobEvent.GIVE_UP)
    job.doubt_at = job.doubt_at or desk.now
    job.reason = f"{ERASED}, and {job.account} may have the order, or a part of it"
    desk.note_job(Kind.JOB_PARKED, job, reason=job.reason, command=remedy(job.id, job.kind, in_doubt=True))
