"""How long the hub keeps a buyer's data: when an order is over, when its data is due to go, and what follows from that.

The rule of this file. An order is over ("final") once it is cancelled or merged, or handed to a carrier, and no job of
it is unfinished. From that moment its account's time runs; when it is up, all that tells who the buyer is goes. What
stays is the order's key: ids, amounts, states, times, and where it stands, so that it can never be forwarded again.

An order that was erased stays so, however often its platform tells of it. Its stage, payment and status are followed;
its document, its parcels and its buyer are not taken again. One thing brings it back whole: the marketplace itself
opens the purchase again, while it stands in no shop (`begins_anew`). Then there is a sale to be made, and its data is
needed for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from daemon.core.job import JobEvent, JobKind, JobState
from daemon.core.routing import Drop, Park, Plan, State
from daemon.core.statuses import Ladder
from orderferry import Stage

NEEDS_BUYER = frozenset({JobKind.ADD_ORDER, JobKind.SEND_MAIL, JobKind.SET_TRACKING})
"""Kinds of job that can't be done without what an erasing takes away."""

ERASED = "the buyer's data was erased"


class Keeps(Struct, frozen=True, kw_only=True):
    """How long buyers' data is kept after an order's end: in general, by account, and at most by platform."""

    general: timedelta
    by_account: Mapping[str, timedelta] = MappingProxyType({})
    longest: Mapping[str, timedelta] = MappingProxyType({})

    def of(self, account: str, platform: str) -> timedelta:
        """How long for this account; a platform's limit holds also where the account is in the settings no more."""
        wanted = self.by_account.get(account, self.general)
        return min(wanted, self.longest.get(platform, wanted))


def is_final(
    stage: Stage, status: str, ladder: Ladder, *, shipped: bool, has_parcel: bool = False, unfinished: bool
) -> bool:
    """Whether nothing is to be done with an order any more.

    It is sent where its status is the one that `rules.parcel_sent` gives, or comes behind it; where the marketplace
    says that every line was handed to a carrier; and, in a hub without that rule, where it has a parcel.
    """
    if unfinished:
        return False
    rules, keys = ladder.rules, ladder.keys
    if stage in {Stage.CANCELLED, Stage.MERGED} or status == rules.cancelled or shipped:
        return True
    sent = rules.parcel_sent
    if sent is None or sent not in keys:
        return has_parcel
    return status in keys and keys.index(status) >= keys.index(sent)


def ended(state: State, ladder: Ladder) -> bool:
    """The same of an order as routing sees it."""
    return is_final(
        state.stage,
        state.status,
        ladder,
        shipped=state.shipped,
        has_parcel=bool(state.parcels),
        unfinished=bool(state.owed),
    )


def final_since(before: datetime | None, state: State, ladder: Ladder, now: datetime) -> datetime | None:
    """Since when an order is over: what moves again after its end begins a new time at its next one."""
    return (before or now) if ended(state, ladder) else None


def begins_anew(was: Stage, now: Stage, *, shipped: bool, in_a_shop: bool) -> bool:
    """Whether an erased order is a purchase again, so that its document is taken once more."""
    return now is not was and now in {Stage.PLACED, Stage.READY} and not shipped and not in_a_shop


def without_buyer(plan: Plan, state: State) -> Plan:
    """What is owed for an erased order: nothing that needs its buyer.

    An order that waits to be added is dropped; one whose adding has begun is a person's to look after.
    """
    adding = [job for job in state.owed if job.kind is JobKind.ADD_ORDER]
    free = [job for job in adding if job.state in {JobState.WAITING, JobState.PARKED} and not job.doubtful]
    ours = {job.id for job in adding}
    drops = tuple(Drop(job=job.id, event=JobEvent.CANCEL, why=ERASED) for job in free if job.begun_as is None)
    parks = tuple(
        Park(job=job.id, why=f"{ERASED}, and a part of the order may stand in {job.account}")
        for job in free
        if job.begun_as is not None
    )
    return replace(
        plan,
        make=tuple(job for job in plan.make if job.kind not in NEEDS_BUYER),
        drop=(*(drop for drop in plan.drop if drop.job not in ours), *drops),
        keep=tuple(keep for keep in plan.keep if keep.job not in ours),
        park=(*(park for park in plan.park if park.job not in ours), *parks),
        held=None,
    )


def day(moment: datetime) -> str:
    """The day of an erasing, as people are told it (UTC)."""
    return f"{moment:%Y-%m-%d}"
