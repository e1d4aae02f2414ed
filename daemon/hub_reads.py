"""What can be asked of the hub: its orders, jobs, accounts and journal as views."""

from __future__ import annotations

import asyncio
import difflib
import sqlite3
from collections.abc import Callable, Mapping
from datetime import datetime

from msgspec import Struct

from daemon import planning, shown
from daemon.accounts import Accounts, AccountState, Health, login_command
from daemon.config import Config
from daemon.core import forwarding
from daemon.core.job import JobState
from daemon.core.retention import ERASED, day
from daemon.core.routing import State, functions
from daemon.events import Feed
from daemon.fetching import Fetching
from daemon.hub_journal import HubJournal
from daemon.importer import Importer
from daemon.keeper import Keeper
from daemon.round import Rounds
from daemon.store import watching
from daemon.store.case import when
from daemon.store.reader import Filter, Reader
from daemon.views import (
    AccountView,
    ChoiceView,
    CommandError,
    JobsView,
    OrdersView,
    OrderView,
    PlanView,
    StatusView,
    StoryView,
    UnmappedView,
)
from orderferry import Choice, ChoiceKind, Clock, Order, PlatformError, Role, Stage
from orderferry.capability import names as flag_names

CHOICES_LIMIT = 60.0


class Facts(Struct, frozen=True, kw_only=True):
    """What the daemon knows of itself."""

    version: str
    started_at: datetime
    installation: str
    epoch: int


class HubReads(HubJournal):
    """The reading half of `daemon.control.hub.Hub`."""

    keeper: Keeper

    def __init__(
        self,
        config: Callable[[], Config],
        facts: Facts,
        *,
        accounts: Accounts,
        pollers: Mapping[str, Fetching],
        rounds: Rounds,
        importer: Importer,
        reader: Reader,
        feed: Feed,
        clock: Clock,
    ) -> None:
        self._current = config
        self._facts = facts
        self._accounts = accounts
        self._pollers = pollers
        self._rounds = rounds
        self._importer = importer
        self._reader = reader
        self._feed = feed
        self._clock = clock
        self.troubles: list[Callable[[], str | None]] = []  # of what runs beside the main job

    @property
    def _config(self) -> Config:
        """The settings as they are now: a reload replaces them."""
        return self._current()

    async def status(self) -> StatusView:
        """The daemon at a glance."""
        stages, states, malformed, oldest = await self._reader.counts()
        problems = [self._rounds.degraded] if self._rounds.degraded else []
        for state in self._accounts:
            if state.health in {Health.DOWN, Health.NEEDS_LOGIN, Health.REFUSED}:
                remedy = self._remedy(state)
                said = remedy is None or remedy in (state.problem or "")
                problems.append(f"{state.name}: {state.problem}" + ("" if said else f"; {remedy}"))
            problems += [f"{state.name}: {fault}; {_MEND}" for fault in state.faults]
        if states.get(JobState.PARKED):
            problems.append(f"{states[JobState.PARKED]} jobs are parked: `orderferry jobs --state parked` shows them")
        for name, (_, unfinished, _) in (await self._reader.account_counts()).items():
            if unfinished and name not in self._accounts:
                problems.append(f"{unfinished} jobs wait for {name}, which is no longer in {self._config.path.name}")
        if malformed:
            problems.append(f"{malformed} orders could not be read: `orderferry jobs --state parked` shows them")
        problems += [trouble for ask in self.troubles if (trouble := ask()) is not None]
        problems += self.keeper.problems
        return StatusView(
            version=self._facts.version,
            health="degraded" if self._rounds.degraded else "ok",
            problems=tuple(problems),
            started_at=self._facts.started_at,
            data_dir=str(self._config.daemon.data_dir),
            sqlite=sqlite3.sqlite_version,
            installation=self._facts.installation,
            epoch=self._facts.epoch,
            accounts={state.name: state.health.value for state in self._accounts},
            orders={stage.value: stages.get(stage.value, 0) for stage in Stage},
            jobs=states,
            malformed=malformed,
            oldest_unfinished=oldest,
            alarms=tuple(shown.alarm_view(one.alarm) for one in await watching.open_alarms(self._reader)),
            statuses={status.key: status.label for status in self._config.statuses},
        )

    async def accounts(self) -> tuple[AccountView, ...]:
        """Every configured account."""
        counts = await self._reader.account_counts()
        return tuple(self._view(state, counts.get(state.name, (0, 0, 0))) for state in self._accounts)

    async def account(self, name: str) -> AccountView:
        """One account."""
        counts = await self._reader.account_counts()
        return self._view(self._state(name), counts.get(name, (0, 0, 0)))

    async def choices(self, name: str, kind: str) -> tuple[ChoiceView, ...]:
        """The platform's own list, asked now."""
        state = self._state(name)
        if kind not in {entry.value for entry in ChoiceKind}:
            raise CommandError("invalid", f"{kind!r} is not a list", tuple(entry.value for entry in ChoiceKind))
        if f"list_{kind}" not in flag_names(self._accounts.capabilities(name)):
            raise CommandError("invalid", f"{name} has no list of {kind}")
        if not self._accounts.may_ask(state):
            raise CommandError("unavailable", f"{name} can't be asked now: {state.problem or 'it is paused'}")
        try:
            async with asyncio.timeout(CHOICES_LIMIT):
                found: tuple[Choice, ...] = await self._accounts.hooks.ask(name, "list_choices", kind=ChoiceKind(kind))
        except PlatformError as error:
            raise CommandError("unavailable", f"{name}: {error}") from error
        except TimeoutError as error:
            raise CommandError("unavailable", f"{name} did not answer in {CHOICES_LIMIT:.0f} s") from error
        return tuple(ChoiceView(id=choice.id, title=choice.title) for choice in found)

    async def orders(
        self,
        *,
        account: str | None = None,
        stage: str | None = None,
        status: str | None = None,
        since: datetime | None = None,
        unfinished: bool = False,
        warnings: bool = False,
        before: int | None = None,
        limit: int = 50,
    ) -> OrdersView:
        """A page of the orders that fit."""
        if account is not None:
            self._state(account)
        if stage is not None and stage not in {entry.value for entry in Stage}:
            raise CommandError("invalid", f"{stage!r} is not a stage", tuple(entry.value for entry in Stage))
        if status is not None:
            self._status(status)
        rows = await self._reader.orders(
            Filter(
                account=account,
                stage=stage,
                status=status,
                since=since,
                unfinished=unfinished,
                warnings=warnings,
                before=before,
                limit=limit,
            )
        )
        numbers = [row[0] for row in rows]
        links = await self._reader.links(numbers)
        texts = await self._reader.warnings(row[0] for row in rows if row[9])
        shown_rows = tuple(shown.order_row(row, links, texts.get(row[0], [])) for row in rows)
        return OrdersView(orders=shown_rows, next=numbers[-1] if len(numbers) == limit else None)

    async def order(self, order: str) -> OrderView:
        """Everything of one order."""
        number = await self._number(order)
        row = await self._reader.row(number)
        document = await self._reader.document(number)
        if document is None and row[14] is None:
            raise CommandError("conflict", f"the stored order {number} can't be read")
        return shown.order_view(
            row,
            document,
            platform=self._accounts.platform_of(row[1]),
            links=await self._reader.links([number]),
            jobs=await self._reader.jobs(order=number),
            parcels=await self._reader.parcels(number),
            warnings=(await self._reader.warnings([number])).get(number, []),
            forwarded=await self._reader.forwarded(number),
        )

    async def plan(self, order: str, *, shop: str | None = None) -> tuple[PlanView, ...]:
        """What the shop, or each shop that forwards, would be told of an order now."""
        number = await self._number(order)
        if shop is not None and self._state(shop).settings.role is not Role.SHOP:
            shops = tuple(state.name for state in self._accounts if state.settings.role is Role.SHOP)
            raise CommandError("invalid", f"{shop} is no shop", shops)
        chosen = [state for state in self._accounts if shop == state.name or (shop is None and state.forwards)]
        if not chosen:
            raise CommandError("conflict", "no shop forwards orders; name one with --shop, or see [shops.NAME.forward]")
        row = await self._reader.row(number)
        document = await self._reader.document(number)
        if document is None:
            gone = None if row[14] is None else f"{ERASED} from order {number} on {day(when(row[14]))}"
            raise CommandError("conflict", gone or f"the stored order {number} can't be read")
        links = {link[1]: link[3] for link in await self._reader.links([number])}
        state = State(
            account=row[1],
            stage=Stage(row[3]),
            status=row[4],
            ordered_at=document.ordered_at,
            ready_at=None if row[13] is None else when(row[13]),
            paid=bool(row[8]),
            shipped=document.shipped,
            ships_itself=document.ships_itself,
        )
        return tuple([await self._plan(one, document, state, number, links.get(one.name)) for one in chosen])

    async def _plan(self, shop: AccountState, order: Order, state: State, number: int, there: str | None) -> PlanView:
        told = forwarding.build(
            order,
            number=number,
            status=state.status,
            paid=state.paid,
            source=state.account,
            source_platform=self._accounts.platform_of(state.account),
            mark=forwarding.reference(forwarding.prefix(self._facts.installation), state.account, order.external_id),
            passing=shop.passing,
        )
        return await planning.plan(self._accounts, shop, order, state, told, there=there)

    async def unmapped(self, name: str) -> tuple[UnmappedView, ...]:
        """The marketplaces' methods that orders for this shop had, and that have no entry in its maps."""
        self._state(name)
        maps = self._accounts[name].maps
        return tuple(
            view
            for view in map(shown.unmapped_view, await self._reader.unmapped(name))
            if maps.methods(ChoiceKind(view.kind)).find([view.method], view.account) is None
        )

    async def explain(self, order: str) -> StoryView:
        """An order's story."""
        number = await self._number(order)
        row = await self._reader.row(number)
        return shown.story_view(
            row,
            links=await self._reader.links([number]),
            jobs=await self._reader.jobs(order=number),
            entries=await self._reader.journal(order=number, limit=5_000),
            accounts={view.name: view for view in await self.accounts()},
            now=self._clock.now(),
        )

    async def jobs(self, *, state: str | None = None, account: str | None = None, limit: int = 100) -> JobsView:
        """Jobs, unfinished ones unless a state is named; with parked ones also the orders that could not be read."""
        if state is not None and state not in {entry.value for entry in JobState}:
            raise CommandError("invalid", f"{state!r} is not a job's state", tuple(entry.value for entry in JobState))
        if account is not None:
            self._state(account)
        rows = await self._reader.jobs(state=state, account=account, limit=limit)
        unread = await self._reader.malformed(limit) if state in {None, JobState.PARKED.value} else []
        return JobsView(
            jobs=tuple(shown.job_view(row) for row in rows),
            malformed=tuple(
                shown.malformed_view(row, imported=self._imports(row[1])) for row in unread if account in {None, row[1]}
            ),
        )

    def _status(self, status: str) -> None:
        keys = tuple(entry.key for entry in self._config.statuses)
        if status not in keys:
            near = difflib.get_close_matches(status, keys, n=2, cutoff=0.4)
            raise CommandError("invalid", f"{status!r} is not one of the hub's statuses", tuple(near) or keys)

    def _state(self, name: str) -> AccountState:
        if name not in self._accounts:
            names = self._accounts.names()
            near = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
            raise CommandError("not_found", f"there is no account {name!r}", tuple(near) or names)
        return self._accounts[name]

    def _imports(self, name: str) -> bool:
        return name in self._accounts and self._accounts[name].settings.role is Role.IMPORT

    def _remedy(self, state: AccountState) -> str | None:
        match state.health:
            case Health.NEEDS_LOGIN:
                return login_command(state)
            case Health.PAUSED:
                return f"orderferry resume {state.name}"
            case _:
                return None

    def _view(self, state: AccountState, counts: tuple[int, int, int]) -> AccountView:
        settings, targets = state.settings, self._accounts.targets()
        return AccountView(
            name=state.name,
            platform=settings.platform,
            role=settings.role.value,
            health=state.health.value,
            problem=state.problem,
            remedy=self._remedy(state),
            held_until=state.held_until,
            capabilities=flag_names(self._accounts.capabilities(state.name)),
            missing=state.missing,
            notes=state.notes,
            poll_every=str(settings.poll_every),
            folder=None if settings.folder is None else str(settings.folder),
            mapping=None if settings.mapping is None else str(settings.mapping),
            last_fetch=state.last_fetch,
            next_fetch=state.next_fetch,
            forwards=state.forwards,
            functions=functions(targets[state.name], str(settings.poll_every)) if state.name in targets else (),
            faults=tuple(map(str, state.faults)),
            orders=counts[0],
            unfinished_jobs=counts[1],
            parked_jobs=counts[2],
        )


_MEND = "it counts as not written until config.toml is mended; then say `orderferry reload`"
