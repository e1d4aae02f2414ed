"""An order's state + settings + capabilities -> the jobs that are owed, and those that are no longer wanted.

The one entry is `reconcile`: it looks at what the hub wants and at what each account has been told, and answers the
difference. It is asked again after every change and every finished job, so nothing depends on the order of events, and
asking twice changes nothing. `syncs` is the one place where flags and settings decide what applies to an account.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from msgspec import Struct

from daemon.core.job import JobEvent, JobKind, JobState
from daemon.core.ticking import FOUR_HOURLY, HOURLY, IMMEDIATE, Every, next_tick
from orderferry import Capability, Role, Stage

MAIL = "mail"
"""The account that is the seller's mail server: config.toml has one such section, and it has no name of its own."""


class Sync(Struct, frozen=True, kw_only=True):
    """How often an account is told each of the three things that are kept in step."""

    status: Every = HOURLY
    payment: Every = FOUR_HOURLY
    tracking: Every = IMMEDIATE


class Target(Struct, frozen=True, kw_only=True):
    """An account as routing sees it: what it can do, and what the seller wants of it.

    `missing` says why it lacks a capability that its platform has, by the flag's name. `fetched_status` is the hub's
    status of the orders that are fetched from it, `fetches` whether that happens by itself. `forwards_since` is when
    forwarding into it was switched on; `forward_since` is about the orders that come from it. `thanks_since` is when
    its buyers began to get a mail for an order; None where they get none.
    """

    name: str
    role: Role
    capabilities: Capability
    missing: Mapping[str, str] = {}
    forwards: bool = False
    fetches: bool = True
    fetched_status: str = "new"
    passes_payment: bool = True
    statuses: Mapping[str, str] = {}
    sync: Sync = Sync()
    forward_marketplace_stock: bool = False
    forward_since: datetime | None = None
    forwards_since: datetime | None = None
    thanks_since: datetime | None = None
    added_at: datetime

    def why_not(self, *flags: Capability) -> str | None:
        """Why the account can't do this; None where it can. All the flags are needed."""
        for flag in flags:
            if flag not in self.capabilities:
                reason = self.missing.get((flag.name or "").lower())
                return f"{self.name} can't do this" + (f": {reason}" if reason else "")
        return None


class Told(Struct, frozen=True, kw_only=True):
    """What an account has been told of an order that stands there.

    `status` is None where it may stand anywhere, since the account moved it by itself, and "" where it was told none.
    """

    status: str | None = ""
    paid: bool | None = None
    parcels: frozenset[str] = frozenset()


class Owed(Struct, frozen=True, kw_only=True):
    """An unfinished job of the order; `doubtful` where the account may have done it.

    `begun_as` is the account's status with which its adding has begun: a part of the order may stand there already.
    None where nothing of it does.
    """

    id: int
    account: str
    kind: JobKind
    state: JobState
    by_hand: bool = False
    doubtful: bool = False
    begun_as: str | None = None


class State(Struct, frozen=True, kw_only=True):
    """An order with all that matters for its jobs; `told` is by account, for those where the order stands.

    `ready_at` is when the hub first saw it ready. `has_email` says that the buyer's address is known, `thanked` that
    there is or was a mail for the order.
    """

    account: str
    stage: Stage
    status: str
    ordered_at: datetime
    ready_at: datetime | None = None
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


class Keep(Struct, frozen=True, kw_only=True):
    """A job that goes on although its order is wanted no more."""

    job: int
    why: str


class Park(Struct, frozen=True, kw_only=True):
    """A job that a person has to settle, since the account may have done a part of it."""

    job: int
    why: str


class Plan(Struct, frozen=True, kw_only=True):
    """What is to be done; `held` says why a ready order isn't forwarded by itself, None if nothing holds it."""

    make: tuple[NewJob, ...] = ()
    drop: tuple[Drop, ...] = ()
    keep: tuple[Keep, ...] = ()
    park: tuple[Park, ...] = ()
    held: str | None = None


def syncs(target: Target) -> Mapping[JobKind, str | None]:
    """For each kind of job: None where it applies to the account, else the reason why it does not."""
    shop = target.role is Role.SHOP
    return {
        JobKind.ADD_ORDER: (
            "only a shop takes orders"
            if not shop
            else target.why_not(Capability.ADD_ORDER)
            or (None if target.forwards else f"forwarding is off ([shops.{target.name}.forward] enabled)")
        ),
        JobKind.SET_STATUS: (
            target.why_not(Capability.SET_STATUS)
            or _switched_off(target, target.sync.status, "status")
            or (None if target.statuses else "no status is mapped")
        ),
        JobKind.SET_PAYMENT: (
            "a marketplace knows by itself what is paid"
            if not shop
            else target.why_not(Capability.SET_PAYMENT)
            or _switched_off(target, target.sync.payment, "payment")
            or (None if target.passes_payment else f"payment is not passed ([shops.{target.name}.forward] pass)")
        ),
        JobKind.SET_TRACKING: (
            target.why_not(Capability.SET_TRACKING) or _switched_off(target, target.sync.tracking, "tracking")
        ),
    }


def _switched_off(target: Target, every: Every, what: str) -> str | None:
    section = "shops" if target.role is Role.SHOP else "marketplaces"
    return None if every.on else f'it is switched off ([{section}.{target.name}.sync] {what} = "off")'


def every(target: Target, kind: JobKind) -> Every:
    """How often the account is told this; orders are added at once."""
    return {
        JobKind.SET_STATUS: target.sync.status,
        JobKind.SET_PAYMENT: target.sync.payment,
        JobKind.SET_TRACKING: target.sync.tracking,
    }.get(kind, IMMEDIATE)


class Function(Struct, frozen=True, kw_only=True):
    """One thing that is done with an account: `when` it is done, or `why_not`."""

    name: str
    when: str | None = None
    why_not: str | None = None


def functions(target: Target, poll_every: str) -> tuple[Function, ...]:
    """Everything that can be done with an account, and whether it is: the seller's table."""
    shop, applies = target.role is Role.SHOP, syncs(target)
    reads = target.why_not(Capability.FETCH_ORDERS)
    asked = f"every {poll_every}" if target.fetches else f"only by `orderferry fetch {target.name}`"
    rows = [Function(name="orders are fetched", when=None if reads else asked, why_not=reads)]
    if shop:
        reads_back = reads or target.why_not(Capability.PAYMENT_READ)
        rows += [
            _function("orders are put in", applies[JobKind.ADD_ORDER], IMMEDIATE),
            Function(
                name="paid or not is read back",
                when=None if reads_back else "with each fetch",
                why_not=reads_back,
            ),
            _function("paid or not is told", applies[JobKind.SET_PAYMENT], target.sync.payment),
        ]
    return (
        *rows,
        _function("status is told", applies[JobKind.SET_STATUS], target.sync.status),
        _function("tracking numbers are told", applies[JobKind.SET_TRACKING], target.sync.tracking),
    )


def _function(name: str, why_not: str | None, how_often: Every) -> Function:
    when = f"every {how_often}" if how_often.interval else "at once"
    return Function(name=name, when=None if why_not else when, why_not=why_not)


def holds_back(state: State, source: Target) -> str | None:
    """Why an order that is ready is not forwarded by itself; None if it is."""
    if state.ships_itself and not source.forward_marketplace_stock:
        return "the marketplace ships it from its own stock"
    if source.forward_since is not None and state.ordered_at < source.forward_since:
        return f"it was bought before {source.forward_since:%Y-%m-%d} (forward_since)"
    before = state.ordered_at < source.added_at.replace(microsecond=0)  # many platforms tell whole seconds only
    if before and source.role is Role.SHOP:
        return f"it was bought before {source.name} was added"
    if before and state.shipped:
        return f"it had been bought and shipped before {source.name} was added"
    return None


def came_before(state: State, target: Target) -> str | None:
    """Why a shop that forwards does not get this order by itself: it was ready before forwarding was switched on."""
    if state.ready_at is None or target.forwards_since is None or state.ready_at >= target.forwards_since:
        return None
    return f"it was ready before forwarding into {target.name} was switched on"


def reconcile(state: State, targets: Mapping[str, Target], now: datetime) -> Plan:
    """The jobs to make and to drop so that every account gets to know what the hub knows."""
    source = targets.get(state.account)
    held = holds_back(state, source) if source is not None and state.stage is Stage.READY else None
    steps: list[NewJob | Drop | Keep | Park] = list(_thanking(state, source, now))
    for target in targets.values():
        told = _told(state, target)
        if told is None:
            steps += _adding(state, target, held, now)
        else:
            steps += _keeping(state, target, told, now)
    return Plan(
        make=tuple(step for step in steps if isinstance(step, NewJob)),
        drop=tuple(step for step in steps if isinstance(step, Drop)),
        keep=tuple(step for step in steps if isinstance(step, Keep)),
        park=tuple(step for step in steps if isinstance(step, Park)),
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
        # the order was made there: its status stands where every such order's begins until the hub says more
        return Told(status=target.statuses.get(target.fetched_status) or "", paid=state.paid)
    return None


def _adding(state: State, target: Target, held: str | None, now: datetime) -> Iterator[NewJob | Drop | Keep | Park]:
    job = _owed(state, target).get(JobKind.ADD_ORDER)
    if job is None:
        applies = syncs(target)[JobKind.ADD_ORDER] is None and came_before(state, target) is None
        if state.stage is Stage.READY and held is None and applies:
            why = "the delivery form is complete"
            yield NewJob(account=target.name, kind=JobKind.ADD_ORDER, due=now, why=why)
        return
    if job.state not in {JobState.WAITING, JobState.PARKED} or job.doubtful:
        return  # what the shop may have already is for a person to settle, also when it is wanted no more
    if state.stage is Stage.PLACED and job.by_hand:
        return
    why_not = _UNWANTED.get(state.stage)
    if why_not is None:
        return
    if job.begun_as is None:
        yield Drop(job=job.id, event=JobEvent.CANCEL, why=why_not)
    else:
        yield from _half_made(state, target, job, job.begun_as)


def _half_made(state: State, target: Target, job: Owed, begun_as: str) -> Iterator[Keep | Park]:
    """What becomes of a begun order that is wanted no more: dropped, a part of it might stay there for ever.

    It goes on and ends as if the order had been forwarded just before: what is called off is then told to the shop.
    Where that can't be, and where the adding was stuck already, a person has to look.
    """
    begun = f"its adding had begun when {_CAME[state.stage]}"
    if state.stage not in _GONE:
        if job.state is JobState.WAITING:
            yield Keep(job=job.id, why=f"{begun}, so it is completed")
        return
    untold = _untold(state, target, begun_as)
    if untold is None and job.state is JobState.WAITING:
        yield Keep(job=job.id, why=f"{begun}, so it is completed, and then cancelled there")
        return
    stands = f"{begun}, so a part of it may stand in {target.name}"
    yield Park(job=job.id, why=f"{stands}, which can't be told to cancel it ({untold})" if untold else stands)


def _untold(state: State, target: Target, begun_as: str) -> str | None:
    """Why an account where the order was begun would not be told that it is called off; None where it would be."""
    off = syncs(target)[JobKind.SET_STATUS]
    if off is not None:
        return off
    wanted = target.statuses.get(state.status)
    if wanted is None:
        return f"the status {state.status} is not mapped"
    return "its status there would stay the same" if wanted == begun_as else None


_GONE = frozenset({Stage.CANCELLED, Stage.MERGED})
_UNWANTED = {
    Stage.CANCELLED: "the order was cancelled before it was forwarded",
    Stage.MERGED: "the order was merged into another one, which carries its lines",
    Stage.PLACED: "the marketplace took back that the delivery form is complete",
}
_CAME = {
    Stage.CANCELLED: "the order was cancelled",
    Stage.MERGED: "the order was merged into another one",
    Stage.PLACED: _UNWANTED[Stage.PLACED],
}


def _keeping(state: State, target: Target, told: Told, now: datetime) -> Iterator[NewJob | Drop]:
    applies, owed = syncs(target), _owed(state, target)
    at_source = target.name == state.account
    wanted = target.statuses.get(state.status)
    gone = state.stage in _GONE
    # marketplaces pay a cancelled order back, and most shops can't be told so: the cancellation says it there
    said_otherwise = gone and not state.paid and wanted is not None and applies[JobKind.SET_STATUS] is None
    differs = {
        JobKind.SET_STATUS: wanted is not None and wanted != told.status and not (at_source and gone),
        JobKind.SET_PAYMENT: state.paid != bool(told.paid) and not at_source and not said_otherwise,
        JobKind.SET_TRACKING: bool(state.parcels - told.parcels),
    }
    for kind, differ in differs.items():
        job = owed.get(kind)
        if not differ:
            if job is not None and job.state in {JobState.WAITING, JobState.PARKED}:
                yield Drop(job=job.id, event=JobEvent.CANCEL, why=f"{target.name} has it already")
        elif job is None and applies[kind] is None:
            # what the account itself has moved is put right at once, and not left wrong until the next tick
            moved = kind is JobKind.SET_STATUS and told.status is None
            due = now if moved else next_tick(every(target, kind), target.name, now)
            yield NewJob(account=target.name, kind=kind, due=due, why=_WHY[kind])


_WHY = {
    JobKind.SET_STATUS: "the status has changed",
    JobKind.SET_PAYMENT: "the payment has changed",
    JobKind.SET_TRACKING: "there is a new tracking number",
}
