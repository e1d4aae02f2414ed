"""The hub as the control API sees it: what it knows as views, what it is told to do as acts of a round."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime
from decimal import Decimal

from daemon import acts
from daemon.accounts import AccountState
from daemon.core import forwarding
from daemon.fetching import all_at_once
from daemon.hooks import Catalogue
from daemon.hub_watch import HubWatch
from daemon.plugin_views import plugin_views
from daemon.privacy.hub import PrivacyHub
from daemon.views import (
    BackupProgress,
    CommandError,
    Done,
    FetchProgress,
    ImportView,
    PluginView,
    UnreadableOrder,
)
from orderferry import Order, Role

NUMBER = re.compile(r"[\w\- ().]{1,64}")


class Hub(HubWatch, PrivacyHub):
    """Implements `daemon.control.hub.Hub` on the running daemon; `HubReads` has what is only asked."""

    reloader: Callable[[int], Awaitable[Done]]
    catalogue: Catalogue

    async def reload(self, uid: int) -> Done:
        """Takes config.toml as it is now; where it is broken the settings stay as they are."""
        return await self.reloader(uid)

    async def plugins(self) -> tuple[PluginView, ...]:
        """Every plugin that is installed, and what runs of it."""
        return plugin_views(self.catalogue, self._config.accounts)

    async def fetch(
        self, names: Sequence[str], uid: int, since: datetime | None = None
    ) -> AsyncIterator[FetchProgress]:
        """Fetches now from these accounts, all at once; yields progress until each is done."""
        for name in names:
            self._running(name)
            if name not in self._pollers:
                raise CommandError("conflict", f"{name} has no folder to look into; say `orderferry import FILE`")
        chosen = names or [name for name in self._pollers if self._accounts[name].settings.role is not Role.MAIL]
        async for line in all_at_once(self._pollers[name].fetch_now(uid, since) for name in chosen):
            yield line

    def backup(self, uid: int) -> AsyncIterator[BackupProgress]:
        """Makes a backup now."""
        return self.keeper.make(uid)

    async def import_orders(
        self,
        name: str,
        orders: Sequence[Order],
        malformed: Sequence[UnreadableOrder],
        *,
        undated: bool,
        dry_run: bool,
        uid: int,
    ) -> ImportView:
        """Takes orders in that somebody hands us."""
        return await self._importer.take(name, orders, malformed, undated=undated, dry_run=dry_run, uid=uid)

    async def forward(self, order: str, shop: str | None, uid: int) -> Done:
        """Forwards an order by hand."""
        number = await self._number(order)
        return await self._rounds.act(acts.forward(number, shop, uid), [number])

    async def retry(self, job: int, uid: int) -> Done:
        """Lets a job try again now."""
        number = await self._order_of(job)
        return await self._rounds.act(acts.retry(number, job, uid), [number])

    async def resolve(self, job: int, *, shop_order: str | None, sent: bool, send_again: bool, uid: int) -> Done:
        """Settles a doubt by hand."""
        if [shop_order is not None, sent, send_again].count(True) != 1:
            raise CommandError(
                "invalid", "say one: which order of the shop it is, that it was sent, or to send it again"
            )
        number = await self._order_of(job)
        if sent:
            return await self._rounds.act(acts.resolve_sent(number, job, uid), [number])
        if shop_order is None:
            return await self._rounds.act(acts.resolve_again(number, job, uid), [number])
        row = await self._reader.row(number)
        mark = forwarding.reference(forwarding.prefix(self._facts.installation), row[1], row[2])
        return await self._rounds.act(acts.resolve_found(number, job, shop_order, mark, uid), [number])

    async def set_status(self, order: str, status: str, uid: int) -> Done:
        """Sets the hub's status of an order."""
        self._status(status)
        number = await self._number(order)
        return await self._rounds.act(acts.set_status(number, status, uid), [number])

    async def set_payment(self, order: str, *, paid: bool, amount: Decimal | None, uid: int) -> Done:
        """Says whether an order is paid."""
        number = await self._number(order)
        return await self._rounds.act(acts.set_payment(number, amount, uid, paid=paid), [number])

    async def add_parcel(self, order: str, carrier: str, number: str, uid: int) -> Done:
        """Adds a parcel."""
        if not NUMBER.fullmatch(number) or not carrier.strip():
            raise CommandError("invalid", "a parcel has a carrier, and a tracking number of 1 to 64 letters and digits")
        found = await self._number(order)
        return await self._rounds.act(acts.add_parcel(found, carrier.strip(), number.strip(), uid), [found])

    async def pause(self, name: str, uid: int) -> Done:
        """Stops asking an account."""
        return await self._pause(name, uid, paused=True)

    async def resume(self, name: str, uid: int) -> Done:
        """Lets an account go on, at once."""
        return await self._pause(name, uid, paused=False)

    async def _pause(self, name: str, uid: int, *, paused: bool) -> Done:
        state = self._running(name)
        done = await self._rounds.act(acts.pause(name, uid, paused=paused))
        self._accounts.pause(state, paused=paused)
        if name in self._pollers:
            self._pollers[name].ring()
        self._rounds.wake()
        return done

    async def _order_of(self, job: int) -> int:
        number = await self._reader.order_of(job)
        if number is None:
            raise CommandError("not_found", f"there is no job {job}; `orderferry jobs` lists them")
        return number

    def _running(self, name: str) -> AccountState:
        state = self._state(name)
        if not self._accounts.running(state):
            raise CommandError("conflict", f"{name} does not run: {state.problem}")
        return state
