"""Where orders are handed in, by the control API or a watched folder: accounts without a platform take them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from daemon import acts
from daemon.account_settings import IMPLICIT_IMPORT
from daemon.accounts import Accounts, AccountState, Health
from daemon.imported import unpack_import
from daemon.round import Rounds
from daemon.views import CommandError, ImportView, UnreadableOrder
from orderferry import Clock, Order, Role


class Importer:
    """Takes orders into the accounts of [imports.NAME]; without such a section into one that is made when needed."""

    def __init__(self, accounts: Accounts, rounds: Rounds, clock: Clock) -> None:
        self._accounts = accounts
        self._rounds = rounds
        self._clock = clock

    async def take(
        self,
        name: str,
        orders: Sequence[Order],
        unreadable: Sequence[UnreadableOrder] = (),
        *,
        undated: bool = False,
        dry_run: bool = False,
        uid: int | None = None,
    ) -> ImportView:
        """Stores the orders, or with `dry_run` only says what would come of them; raises `CommandError`."""
        state = self._state(name)
        if state is not None and state.paused:
            raise CommandError("conflict", f"{name} is paused; say `orderferry resume {name}`")
        if state is None and not dry_run:
            state = await self._add(name)
        batch = unpack_import(name, orders, unreadable, undated=undated, dry_run=dry_run, uid=uid)
        view = await self._rounds.take(batch)
        if state is not None and not dry_run:
            state.last_fetch = self._clock.now()
        return view

    def _state(self, name: str) -> AccountState | None:
        """The account; None where it is the implicit one, which is not there yet."""
        imports = [state.name for state in self._accounts if state.settings.role is Role.IMPORT]
        if name in imports:
            return self._accounts[name]
        if name in self._accounts:
            role = self._accounts[name].settings.role
            raise CommandError("invalid", f"{name} is a {role}; orders are imported into an account of [imports.NAME]")
        if imports or name != IMPLICIT_IMPORT.name:
            known = imports or [IMPLICIT_IMPORT.name]
            near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
            raise CommandError("not_found", f"there is no account {name!r} to import into", tuple(near or known))
        return None

    async def _add(self, name: str) -> AccountState:
        state = AccountState(name=name, settings=IMPLICIT_IMPORT, added_at=self._clock.now(), health=Health.OK)
        self._accounts.add(state)
        await self._rounds.act(acts.add_account(name, IMPLICIT_IMPORT.platform, IMPLICIT_IMPORT.role.value))
        return state
