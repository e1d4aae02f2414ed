"""An order's state + settings + capabilities -> the jobs that are owed, and those that are no longer wanted.

The one entry is `reconcile`: it looks at what the hub wants and at what each account has been told, and answers the
difference. It is asked again after every change and every finished job, so nothing depends on the order of events, and
asking twice changes nothing. `syncs` is the one place where flags and settings decide what applies to an account.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from msgspec import Struct

from daemon.core.job import JobEvent, JobKind, JobState
from orderferry import Capability, Role, Stage

NOW = timedelta(0)
MAIL = "mail"
"""The account that is the seller's mail server: config.toml has one such section, and it has no name of its own."""


class Delays(Struct, frozen=True, kw_only=True):
    """How long a change is collected before an account is told."""

    status: timedelta = NOW
    payment: timedelta = NOW
    tracking: timedelta = NOW


class Target(Struct, frozen=True, kw_only=True):
    """An account as routing sees it: what it can do, and what the seller wants of it.

    `thanks_since` is when its buyers began to get a mail for an order; None where they get none.
    """

    name: str
    role: Role
    capabilities: Capability
    forwards: bool = False
    statuses: Mapping[str, str] = {}
    delays: Delays = Delays()
    forward_marketplace_stock: bool = False
    forward_since: datetime | None = None
    thanks_since: datetime | None = None
    added_at: datetime


class Told(Struct, frozen=True, kw_only=True):
    """What an account has been told of an order that stands there."""

    status: str | None = None
    paid: bool | None = None
    parcels: frozenset[str] = frozenset()


class Owed(Struct, frozen=True, kw_only=True):
    """An unfinished job of the order; `doubtful` where the account may have done it."""

    id: int
    account: str
    kind: JobKind
    state: JobState
    by_hand: bool = False
    doubtful: bool = False


class State(Struct, frozen=True, kw_only=True):
    """An order with all that matters for its jobs; `told` is by account, for those where the order stands.

    `has_email` says that the buyer's address is known, `thanked` that there is or was a mail for the order.
    """

    account: str
    stage: Stage
    status: str
    ordered_at: datetime
    paid: bool
    parcels: frozenset[str] = frozenset()
    shipped: bool = False
    ships_itself: bool = False
    has_email: bool = False
    thanked: bool = False
    told: Mapping[str, Told] = {}
    owed: tuple[Owed, ...] = ()


class NewJob(Struct, frozen=True, kw_only=True):
    """A job to be made."""

    account: str
    kind: JobKind
    due: datetime
    why: str
    by_hand: bool = False


class Drop(Struct, frozen=True, kw_only=True):
    """A job that is no longer wanted."""

    job: int
    event: JobEvent
    why: str


class Plan(Struct, frozen=True, kw_only=True):
    """What is to be done; `held` says why a ready order isn't forwarded by itself, None if nothing holds it."""

    make: tuple[NewJob, ...] = ()
    drop: tuple[Drop, ...] = ()
    held: str | None = None


def syncs(target: Target) -> Mapping[JobKind, str | None]:
    """For each kind of job: None where it applies to the account, else the reason why it does not."""
    lacks = f"{target.name} can't do this"
    shop = target.role is Role.SHOP
    return {
        JobKind.ADD_ORDER: (
            None
            if target.forwards and Capability.ADD_ORDER in target.capabilities
            else lacks
            if Capability.ADD_ORDER not in target.capabilities
            else "forwarding is switched off"
        ),
        JobKind.SET_STATUS: None if Capability.SET_STATUS in target.capabilities else lacks,
        JobKind.SET_PAYMENT: (
            None
            if shop and Capability.SET_PAYMENT in target.capabilities
            else lacks
            if shop
            else "a marketplace knows by itself what is paid"
        ),
        JobKind.SET_TRACKING: None if Capability.SET_TRACKING in target.capabilities else lacks,
    }


def holds_back(state: State, source: Target) -> str | None:
    """Why an order that is ready is not forwarded by itself; None if it is."""
    if state.ships_itself and not source.forward_marketplace_stock:
        return "the marketplace ships it from its own stock"
    if source.forward_since is not None and state.ordered_at < source.forward_since:
        return f"it was bought before {source.forward_since:%Y-%m-%d} (forward_since)"
    before = state.ordered_at < source.added_at
    if before and source.role is Role.SHOP:
        return f"it was bought before {source.name} was added"
    if before and state.shipped:
        return f"it had been bought and shipped before {source.name} was added"
    return None


def reconcile(state: State, targets: Mapping[str, Target], now: datetime) -> Plan:
    """The jobs to make and to drop so that every account gets to know what the hub knows."""
    source = targets.get(state.account)
    held = holds_back(state, source) if source is not None and state.stage is Stage.READY else None
    steps: list[NewJob | Drop] = list(_thanking(state, source, now))
    for target in targets.values():
        told = _told(state, target)
        if told is None:
            steps += _adding(state, target, held, now)
        else:
            steps += _keeping(state, target, told, now)
    return Plan(
        make=tuple(step for step in steps if isinstance(step, NewJob)),
        drop=tuple(step for step in steps if isinstance(step, Drop)),
        held=held,
    )


def _thanking(state: State, source: Target | None, now: datetime) -> Iterator[NewJob | Drop]:
    """The one mail of an order that was bought since its account's buyers get one; counted by whole days (UTC)."""
    for job in state.owed:
        unsent = job.state in {JobState.WAITING, JobState.PARKED} and not job.doubtful
        if job.kind is JobKind.SEND_MAIL and unsent and state.stage in _GONE:
            yield Drop(job=job.id, event=JobEvent.CANCEL, why=f"the order is {state.stage}")
    since = source.thanks_since if source is not None else None
    if since is None or state.thanked or state.stage is not Stage.READY or not state.has_email:
        return
    if state.ordered_at.date() >= since.date():
        yield NewJob(account=MAIL, kind=JobKind.SEND_MAIL, due=now, why="the order is ready")


def _owed(state: State, target: Target) -> Mapping[JobKind, Owed]:
    return {job.kind: job for job in state.owed if job.account == target.name}


def _told(state: State, target: Target) -> Told | None:
    if target.name in state.told:
        return state.told[target.name]
    if target.name == state.account:
        # the order was made there: its status stands where every order's begins until the hub says more
        return Told(status=target.statuses.get("new"), paid=state.paid)
    return None


def _adding(state: State, target: Target, held: str | None, now: datetime) -> Iterator[NewJob | Drop]:
    job = _owed(state, target).get(JobKind.ADD_ORDER)
    if job is None:
        if state.stage is Stage.READY and held is None and syncs(target)[JobKind.ADD_ORDER] is None:
            why = "the delivery form is complete"
            yield NewJob(account=target.name, kind=JobKind.ADD_ORDER, due=now, why=why)
        return
    if job.state not in {JobState.WAITING, JobState.PARKED} or job.doubtful:
        return  # what the shop may have already is for a person to settle, also when it is wanted no more
    why_not = _UNWANTED.get(state.stage)
    if why_not is None and state.stage is Stage.PLACED and not job.by_hand:
        why_not = "the marketplace took back that the delivery form is complete"
    if why_not is not None:
        yield Drop(job=job.id, event=JobEvent.CANCEL, why=why_not)


_GONE = frozenset({Stage.CANCELLED, Stage.MERGED})
_UNWANTED = {
    Stage.CANCELLED: "the order was cancelled before it was forwarded",
    Stage.MERGED: "the order was merged into another one, which carries its lines",
}


def _keeping(state: State, target: Target, told: Told, now: datetime) -> Iterator[NewJob | Drop]:
    applies, owed = syncs(target), _owed(state, target)
    at_source = target.name == state.account
    wanted = target.statuses.get(state.status)
    gone = state.stage in _GONE
    differs = {
        JobKind.SET_STATUS: wanted is not None and wanted != told.status and not (at_source and gone),
        JobKind.SET_PAYMENT: state.paid != bool(told.paid) and not at_source,
        JobKind.SET_TRACKING: bool(state.parcels - told.parcels),
    }
    delays = {
        JobKind.SET_STATUS: target.delays.status,
        JobKind.SET_PAYMENT: target.delays.payment,
        JobKind.SET_TRACKING: target.delays.tracking,
    }
    for kind, differ in differs.items():
        job = owed.get(kind)
        if not differ:
            if job is not None and job.state in {JobState.WAITING, JobState.PARKED}:
                yield Drop(job=job.id, event=JobEvent.CANCEL, why=f"{target.name} has it already")
        elif job is None and applies[kind] is None:
            yield NewJob(account=target.name, kind=kind, due=now + delays[kind], why=_WHY[kind])


_WHY = {
    JobKind.SET_STATUS: "the status has changed",
    JobKind.SET_PAYMENT: "the payment has changed",
    JobKind.SET_TRACKING: "there is a new tracking number",
}
