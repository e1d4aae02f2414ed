"""The life of a job, as one literal table.

The rule of this file: nothing else in the program decides what state a job goes to.

A job is one hook call that is owed to one account. The store holds its state; every change of state is one row of
TRANSITIONS, applied inside the round in which it was decided.

Theory. Adding an order can't be undone and may not be repeated, and an answer can get lost: at that moment nobody can
know whether the shop has the order. So the intent is on disk before the request leaves (WAITING -> SENDING). Whatever
then happens ends in one of four ways: the shop said yes (DONE), it said no for good (PARKED), it certainly did nothing
(WAITING again, later), or nobody knows (UNSURE). A doubt is settled by looking the order up by its reference, and only
a shop that has truly said "not there", after the settle window in which it might still apply the late request, lets
the job go back to WAITING. A process that dies leaves its SENDING jobs behind: the next start takes each as UNSURE.

For the other kinds of job a repeat is harmless (they read, compare and write what is missing), so a doubt simply makes
them wait and go again. They carry no value: such a job means "bring this account up to date", and takes what the hub
holds at the moment when it is sent. So an order never has two of a kind for one account, and several changes that
wait become one call with the newest value.

A mail can't be taken back either, and no mail server can be asked whether it had one. So a doubt about a mail is
settled by nobody but a person: it is parked at once, and an order has one such job in its life.

    WAITING ──claim──▶ SENDING ──succeed──▶ DONE
       ▲  ▲               │ ├────postpone──▶ WAITING (later)
       │  │               │ ├────reject────▶ PARKED ◀──give_up── WAITING, UNSURE
       │  └──absent── UNSURE ◀─doubt─┘           │
       │                 └──found──▶ DONE        │
       └──────────────── retry (a person) ◀──────┘
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class JobKind(StrEnum):
    """The hook that the job calls."""

    ADD_ORDER = "add_order"
    SET_STATUS = "set_status"
    SET_PAYMENT = "set_payment"
    SET_TRACKING = "set_tracking"
    SEND_MAIL = "send_mail"


class JobState(StrEnum):
    """Where the job stands."""

    WAITING = "waiting"  # due at its time
    SENDING = "sending"  # its intent is on disk; the request may have left
    UNSURE = "unsure"  # the answer was lost: being looked up
    DONE = "done"
    PARKED = "parked"  # waits for a person; the reason and the command are with it
    CANCELLED = "cancelled"  # no longer wanted; why is with it


class JobEvent(StrEnum):
    """What happens to a job."""

    CLAIM = "claim"
    RELEASE = "release"  # claimed, but certainly not begun: the daemon is stopping, the account is held
    SUCCEED = "succeed"
    POSTPONE = "postpone"
    DOUBT = "doubt"
    REJECT = "reject"
    FOUND = "found"
    ABSENT = "absent"  # looked up after the settle window: not there
    LOOK_LATER = "look_later"  # not there yet, or the look-up failed
    GIVE_UP = "give_up"
    CANCEL = "cancel"
    RETRY = "retry"  # by a person
    RESOLVE_FOUND = "resolve_found"  # by a person: "it is there"
    RESOLVE_AGAIN = "resolve_again"  # by a person: "send again"


_S = JobState
_E = JobEvent

TRANSITIONS: Mapping[tuple[JobState, JobEvent], JobState] = MappingProxyType(
    {
        (_S.WAITING, _E.CLAIM): _S.SENDING,
        (_S.WAITING, _E.CANCEL): _S.CANCELLED,
        (_S.WAITING, _E.GIVE_UP): _S.PARKED,
        (_S.WAITING, _E.RETRY): _S.WAITING,
        (_S.SENDING, _E.RELEASE): _S.WAITING,
        (_S.SENDING, _E.SUCCEED): _S.DONE,
        (_S.SENDING, _E.POSTPONE): _S.WAITING,
        (_S.SENDING, _E.DOUBT): _S.UNSURE,
        (_S.SENDING, _E.REJECT): _S.PARKED,
        (_S.SENDING, _E.GIVE_UP): _S.PARKED,
        (_S.UNSURE, _E.FOUND): _S.DONE,
        (_S.UNSURE, _E.ABSENT): _S.WAITING,
        (_S.UNSURE, _E.LOOK_LATER): _S.UNSURE,
        (_S.UNSURE, _E.GIVE_UP): _S.PARKED,
        (_S.UNSURE, _E.RETRY): _S.UNSURE,
        (_S.UNSURE, _E.RESOLVE_FOUND): _S.DONE,
        (_S.UNSURE, _E.RESOLVE_AGAIN): _S.WAITING,
        (_S.PARKED, _E.RETRY): _S.WAITING,
        (_S.PARKED, _E.GIVE_UP): _S.PARKED,  # for one more reason: the order was called off, half made
        (_S.PARKED, _E.CANCEL): _S.CANCELLED,
        (_S.PARKED, _E.RESOLVE_FOUND): _S.DONE,
        (_S.PARKED, _E.RESOLVE_AGAIN): _S.WAITING,
    }
)

ONCE: frozenset[JobKind] = frozenset({JobKind.ADD_ORDER, JobKind.SEND_MAIL})
"""Kinds whose doubt must not be settled by simply doing them again."""

OPEN: frozenset[JobState] = frozenset({_S.WAITING, _S.SENDING, _S.UNSURE})
"""States in which the job will still do something by itself."""

FINAL: frozenset[JobState] = frozenset({_S.DONE, _S.CANCELLED})
"""States that nothing leaves."""


class ImpossibleError(Exception):
    """This event can't happen to a job in this state."""


def after(state: JobState, event: JobEvent) -> JobState:
    """The state that follows; raises `ImpossibleError` for a pair that is not in the table."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise ImpossibleError(f"a job that is {state} can't {event.replace('_', ' ')}") from None


def remedies(job: int, kind: str, *, in_doubt: bool) -> tuple[str, ...]:
    """The commands that resolve a job that is stuck; a doubtful one must not simply be tried again."""
    if kind in ONCE and in_doubt:
        found = "--sent" if kind == JobKind.SEND_MAIL else "--shop-order N"
        return (f"orderferry resolve {job} {found}", f"orderferry resolve {job} --send-again")
    return (f"orderferry retry {job}",)


def remedy(job: int, kind: str, *, in_doubt: bool) -> str:
    """The same as a sentence's end."""
    return ", or ".join(remedies(job, kind, in_doubt=in_doubt))
