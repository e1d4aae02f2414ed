"""An order's story: the journal's rows as plain sentences, what comes next, and the commands for what is stuck.

    tell(subject, entries, jobs, links, now, accounts=...) -> Story

- `subject`: the order's own facts.
- `entries`: the journal's rows of the order in their order; rows of its accounts may be among them.
- `jobs`: all jobs of the order, as `daemon.views.JobView` shows them, or anything else of that shape.
- `links`: where it stands, shaped as `daemon.views.LinkView`; the account that it was made on is not among them.
- `now`: the present moment; spans are told in relation to it, so that no time zone is needed.
- `accounts`: by name, shaped as `daemon.views.AccountView`; what is missing here counts as well.

Every kind of row has a sentence, also where its data is sparse. Nothing of the buyer is in it, since nothing of him is
in the journal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from daemon.core.job import ONCE, JobKind, JobState, remedies
from daemon.core.journal import Entry, Kind
from daemon.core.retention import day
from daemon.core.telling import again, doing, sentence
from orderferry import Stage


class Subject(Struct, frozen=True, kw_only=True):
    """The order that the story is about."""

    id: int
    account: str
    external_id: str
    stage: str
    status: str
    held: str | None = None
    merged_into: int | None = None
    erased_at: datetime | None = None


class JobFacts(Protocol):
    """A job, as far as it matters here."""

    @property
    def id(self) -> int: ...
    @property
    def account(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def due(self) -> datetime: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def remedy(self) -> str | None: ...


class LinkFacts(Protocol):
    """A shop in which the order stands."""

    @property
    def account(self) -> str: ...
    @property
    def number(self) -> str: ...


class AccountFacts(Protocol):
    """An account; `health` is ok, or says in a word what is wrong."""

    @property
    def health(self) -> str: ...
    @property
    def problem(self) -> str | None: ...
    @property
    def remedy(self) -> str | None: ...


class Step(Struct, frozen=True, kw_only=True):
    """One thing that happened."""

    at: datetime
    text: str


class Story(Struct, frozen=True, kw_only=True):
    """Where it stands in a sentence or two, what happened, what comes next, and commands to be typed as they are.

    In a command only what is in capitals is to be filled in: `orderferry resolve 17 --shop-order N`.
    """

    summary: str
    steps: tuple[Step, ...]
    next: tuple[str, ...]
    commands: tuple[str, ...]


def tell(
    subject: Subject,
    entries: Sequence[Entry],
    jobs: Sequence[JobFacts],
    links: Sequence[LinkFacts],
    now: datetime,
    *,
    accounts: Mapping[str, AccountFacts] | None = None,
) -> Story:
    """The story of an order; see the top of this file for what is handed in."""
    open_jobs = [job for job in jobs if job.state in _OPEN]
    troubles = {job.account: _trouble(job.account, entries, accounts or {}) for job in open_jobs}
    doubtful = {job.id for job in open_jobs if _in_doubt(job, entries)}
    coming: list[str] = []
    commands: list[str] = []
    for job in open_jobs:
        trouble = troubles[job.account]
        coming.append(_coming(subject, job, trouble, now, doubtful=job.id in doubtful))
        commands += _commands(job, doubtful=job.id in doubtful)
        commands += trouble.commands if job.state != JobState.PARKED else ()
    more = _by_hand(subject, open_jobs, links)
    coming += [text for text, _ in more]
    commands += [command for _, command in more if command]
    return Story(
        summary=_summary(subject, open_jobs, links),
        steps=tuple(Step(at=entry.at, text=sentence(entry)) for entry in entries),
        next=tuple(coming) or ("Nothing is left to be done.",),
        commands=tuple(dict.fromkeys(commands)),
    )


_OPEN = frozenset({JobState.WAITING, JobState.SENDING, JobState.UNSURE, JobState.PARKED})


class _Trouble(Struct, frozen=True):
    """What keeps an account from being asked; nothing where `text` is None."""

    text: str | None = None
    commands: tuple[str, ...] = ()


def _trouble(name: str, entries: Sequence[Entry], accounts: Mapping[str, AccountFacts]) -> _Trouble:
    account = accounts.get(name)
    if account is not None:
        return _of_health(name, account.health, account.problem, account.remedy)
    health, told, remedy = "ok", None, None
    for entry in entries:
        if entry.account == name and entry.kind in _HEALTH:
            health = _HEALTH[entry.kind]
            told = _text(entry, "error") or _text(entry, "reason")
            remedy = _text(entry, "command")
    return _of_health(name, health, told, remedy)


_HEALTH: Mapping[Kind, str] = {
    Kind.ACCOUNT_DOWN: "down",
    Kind.ACCOUNT_NEEDS_LOGIN: "needs_login",
    Kind.ACCOUNT_PAUSED: "paused",
    Kind.ACCOUNT_REFUSED: "refused",
    Kind.ACCOUNT_UP: "ok",
    Kind.ACCOUNT_RESUMED: "ok",
}


def _of_health(name: str, health: str, problem: str | None, remedy: str | None) -> _Trouble:
    why = f" ({problem})" if problem else ""
    match health:
        case "needs_login":
            told = _commands_in(remedy, name) or (f"orderferry login {name}",)
            more = f"; {remedy}" if remedy and remedy not in told else ""
            return _Trouble(f"{name} wants a login first{why}{more}", told)
        case "paused":
            return _Trouble(f"{name} is paused", (f"orderferry resume {name}",))
        case "refused":
            return _Trouble(f"{name} could not be started{why}", ("orderferry check",))
        case "down":
            return _Trouble(f"{name} can't be reached just now{why}; it is tried again by itself")
        case _:
            return _Trouble()


def _commands_in(remedy: str | None, name: str) -> tuple[str, ...]:
    """The commands for an account that a sentence about what helps names."""
    return tuple(re.findall(rf"orderferry [a-z-]+ {re.escape(name)}(?![\w-])", remedy or ""))


def _in_doubt(job: JobFacts, entries: Sequence[Entry]) -> bool:
    """Whether nobody knows if it was done: then a simple retry could do it twice."""
    if job.kind not in ONCE:
        return False
    if job.state == JobState.UNSURE:
        return True
    if job.state != JobState.PARKED:
        return False
    commands = [job.remedy, *(_text(entry, "command") for entry in reversed(entries) if entry.job == job.id)]
    told = next((command for command in commands if command), "")
    return "orderferry resolve" in told


def _coming(subject: Subject, job: JobFacts, trouble: _Trouble, now: datetime, *, doubtful: bool) -> str:
    what = f"Job {job.id}, to {doing(job.kind, job.account)},"
    why = f": {job.reason}" if job.reason else ""
    match job.state:
        case JobState.PARKED if doubtful and job.kind == JobKind.SEND_MAIL:
            return f"{what} waits for you{why}. Look first whether it went out: sent again, it would come twice."
        case JobState.PARKED if doubtful and subject.stage in {Stage.CANCELLED, Stage.MERGED}:
            return (
                f"{what} waits for you{why}. Look into {job.account}: if anything of it is there, cancel it and say "
                "its number; if nothing is, say so, and nothing is sent."
            )
        case JobState.PARKED if doubtful:
            return f"{what} waits for you{why}. Look into {job.account} first, since sending it again could double it."
        case JobState.PARKED:
            return f"{what} waits for you{why}."
        case JobState.UNSURE:
            when = f"; {trouble.text}" if trouble.text else f" {again(job.due, now)}"
            return (
                f"Nobody knows yet whether {job.account} did what job {job.id} asked{why}. It is searched there{when}, "
                "and sent again only once it is sure that it is not there."
            )
        case JobState.SENDING:
            return f"{what} is under way."
        case _ if trouble.text:
            return f"{what} waits: {trouble.text}."
        case _:
            return f"{what} is done {again(job.due, now)}{why}."


def _commands(job: JobFacts, *, doubtful: bool) -> tuple[str, ...]:
    stuck = doubtful or job.state == JobState.PARKED
    return remedies(job.id, job.kind, in_doubt=doubtful) if stuck else ()


def _by_hand(
    subject: Subject, jobs: Sequence[JobFacts], links: Sequence[LinkFacts]
) -> tuple[tuple[str, str | None], ...]:
    """What the order itself waits for, with the command that does not wait."""
    if links or subject.erased_at or any(job.kind == JobKind.ADD_ORDER for job in jobs):
        return ()
    forward = f"orderferry forward {subject.id}"
    match subject.stage:
        case Stage.PLACED:
            return (("It is forwarded by itself once the buyer's delivery form is complete.", forward),)
        case Stage.READY if subject.held:
            return ((f"It is not forwarded by itself: {subject.held}.", forward),)
        case Stage.READY:
            why = "none forwards orders, it was made there, or it was ready before forwarding was switched on"
            return ((f"No shop takes it by itself: {why}.", forward),)
        case _:
            return ()


def _summary(subject: Subject, jobs: Sequence[JobFacts], links: Sequence[LinkFacts]) -> str:
    return " ".join(_where(subject, jobs, links))


def _where(subject: Subject, jobs: Sequence[JobFacts], links: Sequence[LinkFacts]) -> Iterator[str]:
    match subject.stage:
        case Stage.MERGED:
            into = f"order {subject.merged_into}" if subject.merged_into else "another order"
            yield f"It was merged into {into}, which carries its lines."
        case Stage.CANCELLED:
            yield "It was cancelled."
        case Stage.PLACED:
            yield "It is bought, and its delivery form is not complete."
        case _:
            yield "It is ready."
    if links:
        places = ", ".join(f"{link.account} as order {link.number}" for link in links)
        yield f"It stands in {places}."
    elif subject.stage in {Stage.PLACED, Stage.READY}:
        yield "It is in no shop yet."
    parked = sum(job.state == JobState.PARKED for job in jobs)
    if parked:
        yield f"{'One job waits' if parked == 1 else f'{parked} jobs wait'} for you."
    elif any(job.state == JobState.UNSURE for job in jobs):
        yield "An answer was lost, and is being settled."
    elif jobs:
        yield f"{'A job is' if len(jobs) == 1 else f'{len(jobs)} jobs are'} under way."
    yield f"Its status is {subject.status}."
    if subject.erased_at:
        yield f"Its buyer's data was erased on {day(subject.erased_at)}: only its numbers are left."


def _text(entry: Entry, key: str) -> str | None:
    value = entry.data.get(key)
    return value if isinstance(value, str) else None
