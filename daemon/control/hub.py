"""What the control API needs of the hub; `daemon.hub` is the real one, tests may hand in another."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from daemon.core.journal import Entry
from daemon.privacy.views import ErasureView, PrivacyReport, SearchLine
from daemon.views import (
    AccountView,
    BackupProgress,
    ChoiceView,
    Done,
    FetchProgress,
    HealthView,
    ImportView,
    JobsView,
    JournalView,
    OrdersView,
    OrderView,
    PlanView,
    PluginView,
    StatusView,
    StoryView,
    UnmappedView,
    UnreadableOrder,
)
from orderferry import Order


class Hub(Protocol):
    """Reads and commands; `order` is the hub's number or the marketplace's id. All may raise `CommandError`.

    `uid` is the peer that gives a command, for the journal.
    """

    async def status(self) -> StatusView: ...
    async def plugins(self) -> tuple[PluginView, ...]: ...
    async def accounts(self) -> tuple[AccountView, ...]: ...
    async def account(self, name: str) -> AccountView: ...
    async def choices(self, name: str, kind: str) -> tuple[ChoiceView, ...]: ...

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
    ) -> OrdersView: ...
    async def order(self, order: str) -> OrderView: ...
    async def plan(self, order: str, *, shop: str | None = None) -> tuple[PlanView, ...]: ...
    async def unmapped(self, name: str) -> tuple[UnmappedView, ...]: ...
    async def explain(self, order: str) -> StoryView: ...
    async def jobs(self, *, state: str | None = None, account: str | None = None, limit: int = 100) -> JobsView: ...
    async def journal(
        self,
        *,
        after: int = 0,
        since: datetime | None = None,
        order: str | None = None,
        account: str | None = None,
        kind: str | None = None,
        newest: bool = False,
        limit: int = 100,
    ) -> JournalView: ...

    def follow(self, after: int | None) -> AsyncIterator[Entry]:
        """Every row after that id as it comes, without end; None begins with the next one."""

    def fetch(self, names: Sequence[str], uid: int, since: datetime | None = None) -> AsyncIterator[FetchProgress]:
        """Fetches now from these accounts, or from all for none; yields progress until each is done."""

    async def healthz(self) -> HealthView: ...
    async def readyz(self) -> HealthView: ...
    async def metrics(self) -> str: ...
    def backup(self, uid: int) -> AsyncIterator[BackupProgress]:
        """Makes a backup in the folder of the settings; yields how far it is, and at last where it stands."""

    async def reload(self, uid: int) -> Done: ...
    async def import_orders(
        self,
        name: str,
        orders: Sequence[Order],
        malformed: Sequence[UnreadableOrder],
        *,
        undated: bool,
        dry_run: bool,
        uid: int,
    ) -> ImportView: ...
    async def forward(self, order: str, shop: str | None, uid: int) -> Done: ...
    async def retry(self, job: int, uid: int) -> Done: ...
    async def resolve(self, job: int, *, shop_order: str | None, sent: bool, send_again: bool, uid: int) -> Done: ...
    async def set_status(self, order: str, status: str, uid: int) -> Done: ...
    async def set_payment(self, order: str, *, paid: bool, amount: Decimal | None, uid: int) -> Done: ...
    async def add_parcel(self, order: str, carrier: str, number: str, uid: int) -> Done: ...
    async def privacy(self) -> PrivacyReport: ...
    def privacy_export(
        self, buyer: str | None, login: str | None, account: str | None, uid: int
    ) -> AsyncIterator[SearchLine]: ...
    async def privacy_erase(
        self,
        buyers: Sequence[str],
        login: str | None,
        account: str | None,
        *,
        even_unfinished: bool,
        dry_run: bool,
        uid: int,
    ) -> ErasureView: ...
    async def pause(self, name: str, uid: int) -> Done: ...
    async def resume(self, name: str, uid: int) -> Done: ...
