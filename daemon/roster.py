"""Opens and closes the accounts of the settings: each with its platform, what the store knows of it, and its poller."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from daemon import acts
from daemon.account_settings import IMPLICIT_IMPORT, AccountSettings
from daemon.accounts import Accounts, AccountState, Health
from daemon.core.journal import Kind
from daemon.dispatcher import Dispatcher
from daemon.fetching import Fetching
from daemon.importer import Importer
from daemon.opening import Opener
from daemon.poller import Poller
from daemon.reloading import Changes
from daemon.round import Rounds
from daemon.store.case import when
from daemon.store.store import Store
from daemon.watcher import Watcher
from orderferry import Capability, Clock, Role

log = structlog.get_logger("orderferry.daemon")


class Roster:
    """The open accounts; `pollers` are those of them that are asked for orders by themselves.

    `failed` is called where a poller has ended by itself, which none ever should.
    """

    def __init__(
        self,
        *,
        accounts: Accounts,
        opener: Opener,
        store: Store,
        rounds: Rounds,
        dispatcher: Dispatcher,
        importer: Importer,
        clock: Clock,
        failed: Callable[[], None],
    ) -> None:
        self.pollers: dict[str, Fetching] = {}
        self._accounts = accounts
        self._opener = opener
        self._store = store
        self._rounds = rounds
        self._dispatcher = dispatcher
        self._importer = importer
        self._clock = clock
        self._polling: dict[str, asyncio.Task[None]] = {}
        self._failed = failed

    @property
    def polling(self) -> Sequence[asyncio.Task[None]]:
        """The pollers' tasks."""
        return tuple(self._polling.values())

    async def open(self, settings: AccountSettings) -> None:
        """Opens one account; where its plugin can't be started it is refused alone."""
        name, imports = settings.name, settings.role is Role.IMPORT
        state = AccountState(name=name, settings=settings, added_at=self._clock.now())
        self._accounts.add(state)
        if imports:
            state.health = Health.OK
        elif not await self._open_platform(state):
            return
        await self._recall(state)
        if not imports:
            self.pollers[name] = Poller(self._accounts, state, self._rounds, self._clock)
        elif settings.folder is not None:
            self.pollers[name] = Watcher(
                self._accounts, state, self._importer, self._rounds, self._clock, folder=settings.folder
            )

    async def open_all(self, settings: Sequence[AccountSettings]) -> None:
        """Opens the accounts of the settings, and the one for imports that no section names once there was one."""
        for account in (*settings, *await self._implicit(settings)):
            await self.open(account)

    def start(self) -> None:
        """Begins to fetch from all accounts."""
        for name in self.pollers:
            self._start(name)

    async def stop(self) -> None:
        """Ends fetching everywhere."""
        await _cancel(list(self._polling.values()))

    async def follow(self, plan: Changes) -> None:
        """Does what a reload of the settings asks for, without losing work in hand."""
        for name in (*plan.removed, *(account.name for account in plan.reopened)):
            await self._close(name)
        for account in plan.retuned:
            self._accounts[account.name].settings = account
            if account.name in self.pollers:
                await self._note_switches(self._accounts[account.name])
                self._accounts[account.name].checked = False
                self.pollers[account.name].ring()
        for account in (*plan.added, *plan.reopened):
            await self.open(account)
            self._start(account.name)

    def _start(self, name: str) -> None:
        if name in self.pollers:
            task = self._polling[name] = asyncio.create_task(self.pollers[name].run())
            task.add_done_callback(self._poller_ended)

    def _poller_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("poller_ended", error=repr(error))
            self._failed()

    async def _close(self, name: str) -> None:
        """Ends an account in order: nothing more is asked of it, and what is under way is waited for."""
        state = self._accounts[name]
        state.paused = True
        self.pollers.pop(name, None)
        if task := self._polling.pop(name, None):
            await _cancel([task])
        await self._dispatcher.finish(name)
        self._accounts.remove(name)  # before its platform is gone: rounds go on, and look at all accounts
        await self._opener.shut(name)

    async def _open_platform(self, state: AccountState) -> bool:
        """Makes the account's platform; where its plugin can't be started it is refused alone."""
        try:
            self._opener.open(state.settings)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a plugin raises concerns this account alone
            state.health = Health.REFUSED
            state.problem = f"its plugin can't be started: {type(error).__name__}: {error}"
            log.warning("account_refused", account=state.name, error=state.problem)
            await self._rounds.note(Kind.ACCOUNT_REFUSED, state.name, {"reason": state.problem})
            return False
        state.logs_in = Capability.LOGIN in self._accounts.capabilities(state.name)
        return True

    async def _recall(self, state: AccountState) -> None:
        """What the store knows of the account; a new one is made known to it."""
        name, settings, store = state.name, state.settings, self._store
        if not await store.fetch("select 1 from account where name = ?", (name,)):
            await self._rounds.act(acts.add_account(name, settings.platform, settings.role.value))
        await self._note_switches(state)
        query = "select added_at, cursor, fetched_at, paused from account where name = ?"
        added_at, cursor, fetched_at, paused = (await store.fetch(query, (name,)))[0]
        state.added_at = when(added_at)
        state.cursor = cursor
        state.last_fetch = None if fetched_at is None else when(fetched_at)
        if paused:
            self._accounts.pause(state, paused=True)

    async def _implicit(self, settings: Sequence[AccountSettings]) -> list[AccountSettings]:
        name, role = IMPLICIT_IMPORT.name, IMPLICIT_IMPORT.role
        if any(account.role is role or account.name == name for account in settings):
            return []
        rows = await self._store.fetch("select 1 from account where name = ? and role = ?", (name, role.value))
        return [IMPLICIT_IMPORT] if rows else []

    async def _note_switches(self, state: AccountState) -> None:
        """Notes since when orders are forwarded into the account, and since when its buyers are thanked.

        What was ready before is left to the seller, and who bought before that day gets no mail.
        """
        name, rounds = state.name, self._rounds
        await rounds.act(acts.switch_forwarding(name, on=state.forwards))
        await rounds.act(acts.switch_thanks(name, on=state.settings.thank_you))
        query = "select forwards_since, thanks_since from account where name = ?"
        since = [None if cell is None else when(cell) for cell in (await self._store.fetch(query, (name,)))[0]]
        state.forwards_since, state.thanks_since = since


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
