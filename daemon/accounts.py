"""The accounts at run time: how each one is, when it may be asked, and what it can do.

Whether an account may be asked is decided here alone, for the poller and the dispatcher alike: a paused one never, one
that is held not before its time, and then by a single call first, the probe, whose success lets all the others go.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

import structlog
from msgspec import Struct

from daemon.account_settings import AccountSettings
from daemon.core.forwarding import Passed, Passing
from daemon.core.journal import Data, Kind
from daemon.core.maps import Fault, Maps, usable
from daemon.core.retry import Cause, Failure, hold_for
from daemon.core.routing import Target
from daemon.core.statuses import Ladder
from daemon.hooks import Hooks, effective
from orderferry import Capability, Clock, Role

log = structlog.get_logger("orderferry.accounts")

QUIET = timedelta(minutes=15)
LONGEST_HOLD = timedelta(hours=1.2)  # beyond what any failure asks for: a hold that seems longer is a clock set back


class Health(StrEnum):
    """How an account is."""

    STARTING = "starting"
    OK = "ok"
    DOWN = "down"
    NEEDS_LOGIN = "needs_login"
    PAUSED = "paused"
    REFUSED = "refused"


class AccountState(Struct, kw_only=True):
    """One account; only this module changes its health.

    `firm` says that the platform itself asked for the hold, so that a call from before it does not lift it. `checked`
    says that its keys and maps were looked at since they last changed. `faults` are entries of its maps that its
    platform does not know or take: they count as not written. `troubled_since` is when its health last turned worse.
    """

    name: str
    settings: AccountSettings
    added_at: datetime
    thanks_since: datetime | None = None
    health: Health = Health.STARTING
    problem: str | None = None
    held_until: datetime | None = None
    streak: int = 0
    paused: bool = False
    probing: bool = False
    firm: bool = False
    logs_in: bool = False
    checked: bool = False
    missing: dict[str, str] = {}
    notes: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    cursor: str | None = None
    last_fetch: datetime | None = None
    next_fetch: datetime | None = None
    caught_up: datetime | None = None
    forwards_since: datetime | None = None
    last_success: datetime | None = None
    troubled_since: datetime | None = None

    @property
    def forwards(self) -> bool:
        """Whether the seller wants orders put into this account by themselves."""
        return self.settings.role is Role.SHOP and self.settings.forward.enabled

    @property
    def maps(self) -> Maps:
        """The account's maps, as far as its platform takes them."""
        return usable(self.settings.maps, self.faults)

    @property
    def passing(self) -> Passing:
        """What a shop may be told of an order."""
        forward = self.settings.forward
        return Passing(passed=forward.passed, maps=self.maps, fields=forward.fields)


class Turn(StrEnum):
    """How an account's health has turned, for the journal."""

    WORSE = "worse"
    BETTER = "better"
    SAME = "same"


class Accounts:
    """All configured accounts by name; those that a plugin refused are here too, with the reason.

    `ladder` holds the hub's statuses and rules, which the orders of every account follow.
    """

    def __init__(self, clock: Clock, hooks: Hooks, draw: Callable[[], float] = random.random) -> None:
        self.hooks = hooks
        self._clock = clock
        self._draw = draw
        self._states: dict[str, AccountState] = {}
        self.ladder = Ladder()

    def add(self, state: AccountState) -> None:
        """Takes an account in."""
        self._states[state.name] = state

    def remove(self, name: str) -> None:
        """Lets an account go that is no longer in the settings."""
        self._states.pop(name, None)

    def __iter__(self) -> Iterator[AccountState]:
        return iter(self._states.values())

    def __contains__(self, name: str) -> bool:
        return name in self._states

    def __getitem__(self, name: str) -> AccountState:
        return self._states[name]

    def names(self) -> tuple[str, ...]:
        """All names, in the settings' order."""
        return tuple(self._states)

    def running(self, state: AccountState) -> bool:
        """Whether the account's platform is open at all."""
        return state.health is not Health.REFUSED

    def platform_of(self, name: str) -> str:
        """An account's platform; nothing for one that is no longer in the settings."""
        return self._states[name].settings.platform if name in self._states else ""

    def capabilities(self, name: str) -> Capability:
        """What the account can do, after its check; nothing where it has no platform."""
        state = self._states[name]
        if not self.running(state) or not state.settings.platform:
            return Capability.NONE
        return effective(self.hooks.platform(name), state.missing)

    def targets(self) -> Mapping[str, Target]:
        """The accounts as routing sees them."""
        found = {}
        for state in self._states.values():
            if not self.running(state):
                continue
            settings = state.settings
            found[state.name] = Target(
                name=state.name,
                role=settings.role,
                capabilities=self.capabilities(state.name),
                missing={**self._why_not(state), **state.missing},
                forwards=state.forwards,
                fetches=settings.fetch,
                fetched_status=settings.fetched_status or self.ladder.rules.new,
                passes_payment=Passed.PAYMENT in settings.forward.passed,
                statuses=state.maps.statuses,
                sync=settings.sync,
                forward_marketplace_stock=settings.forward_marketplace_stock,
                forward_since=settings.forward_since,
                forwards_since=state.forwards_since,
                thanks_since=state.thanks_since if settings.thank_you else None,
                added_at=state.added_at,
            )
        return found

    def _why_not(self, state: AccountState) -> Mapping[str, str]:
        return self.hooks.platform(state.name).why_not if state.settings.platform else {}

    def may_ask(self, state: AccountState) -> bool:
        """Whether a call may begin now; for a held account whose time has come, only one at a time."""
        if state.paused or not self.running(state) or not state.settings.platform:
            return False
        if state.held_until is None:
            return True
        return not self.held_for(state) and not state.probing

    def held_for(self, state: AccountState) -> timedelta:
        """How long the account is still held; nothing where it isn't, or where the clock was set back meanwhile."""
        left = state.held_until - self._clock.now() if state.held_until is not None else timedelta(0)
        return left if timedelta(0) < left <= LONGEST_HOLD else timedelta(0)

    def begin(self, state: AccountState) -> bool:
        """A call begins: for a held account it is the probe, which `succeeded` or `failed` is then told."""
        probe = state.held_until is not None
        state.probing = state.probing or probe
        return probe

    def succeeded(self, state: AccountState, *, probe: bool = False) -> Turn:
        """A call went well: the account is up, unless the call is from before a hold that the platform asked for."""
        state.last_success = self._clock.now()
        if probe:
            state.probing = False
        elif state.held_until is not None and state.firm:
            return Turn.SAME
        was = state.health
        state.streak = 0
        state.held_until = None
        state.problem = None
        state.health = Health.PAUSED if state.paused else Health.OK
        return Turn.BETTER if was in {Health.DOWN, Health.NEEDS_LOGIN} else Turn.SAME

    def failed(self, state: AccountState, failure: Failure, *, probe: bool = False) -> Turn:
        """A call failed: where the account itself is the reason, it is held back."""
        if not failure.of_account and failure.cause in _ANSWERED:
            return self.succeeded(state, probe=probe)
        if probe:
            state.probing = False
        if not failure.of_account:
            return Turn.SAME
        was = state.health
        state.streak += 1
        now = self._clock.now()
        until = now + hold_for(failure, state.streak, self._draw())
        state.held_until = max(state.held_until, until) if state.held_until and state.held_until > now else until
        state.firm = failure.cause is not Cause.UNAVAILABLE or failure.retry_after is not None
        state.problem = failure.message
        if not state.paused:
            state.health = Health.NEEDS_LOGIN if failure.cause is Cause.NEEDS_LOGIN else Health.DOWN
            state.troubled_since = now if state.health is not was else state.troubled_since
        return Turn.WORSE if state.health is not was and not state.paused else Turn.SAME

    def pause(self, state: AccountState, *, paused: bool) -> None:
        """By a person: stops asking, or goes on at once whatever had held the account."""
        state.paused = paused
        if paused:
            state.health = Health.PAUSED
        else:
            state.health = Health.STARTING if state.settings.platform else Health.OK
            state.held_until = None
            state.streak = 0
            state.problem = None


_ANSWERED = frozenset({Cause.REJECTED, Cause.MALFORMED})


class Journal(Protocol):
    """Where a row of the journal is written: the round."""

    async def note(self, kind: Kind, account: str | None = None, data: Data | None = None) -> None: ...


async def tell_turn(journal: Journal, state: AccountState, turn: Turn) -> None:
    """Writes into the journal how an account's health has turned."""
    if turn is Turn.BETTER:
        await journal.note(Kind.ACCOUNT_UP, state.name)
        return
    if turn is Turn.WORSE and state.health is Health.NEEDS_LOGIN:
        data = {"error": state.problem, "command": login_command(state)}
        await journal.note(Kind.ACCOUNT_NEEDS_LOGIN, state.name, dict(data))
        return
    until = state.held_until.isoformat() if state.held_until is not None else None
    await journal.note(Kind.ACCOUNT_DOWN, state.name, {"error": state.problem, "until": until})


def login_command(state: AccountState) -> str:
    """What the owner of an account that refuses us has to type; one that needs no login has its keys in config.toml."""
    if state.logs_in:
        return f"orderferry login {state.name}"
    return f"orderferry resume {state.name}  # once its key is good; to put another key into config.toml, restart"
