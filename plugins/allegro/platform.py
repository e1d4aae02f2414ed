"""The platform `allegro`: what it can do, and which part of this package does it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType

from orderferry import (
    Account,
    Capability,
    CheckReport,
    Choice,
    ChoiceKind,
    NeedsLogin,
    OrderRef,
    Page,
    Parcel,
    Platform,
    Rejected,
    Role,
    Unavailable,
    hookimpl,
)
from orderferry.oauth import AskOwner
from orderferry.oauth_login import Login
from plugins.allegro import auth, writeback
from plugins.allegro.client import Client, open_http
from plugins.allegro.cursor import stamp
from plugins.allegro.fetching import Fetching
from plugins.allegro.settings import AllegroSettings


class Allegro(Platform[AllegroSettings]):
    """Orders come from here; fulfilment status and tracking numbers go back."""

    id = "allegro"
    title = "Allegro"
    role = Role.MARKETPLACE
    Settings = AllegroSettings
    capabilities = (
        Capability.FETCH_ORDERS
        | Capability.SET_STATUS
        | Capability.SET_TRACKING
        | Capability.PARCELS_MANY
        | Capability.LOGIN
        | Capability.LIST_STATUSES
        | Capability.LIST_DELIVERIES
        | Capability.LIST_CARRIERS
        | Capability.MERGES_ORDERS
        | Capability.SHIPS_ITSELF
    )
    why_not = MappingProxyType({"list_payments": "Allegro has no list of them: an order tells one of five kinds."})
    poll_every = timedelta(seconds=30)
    statuses = MappingProxyType(
        {
            "new": "NEW",
            "paid": "NEW",  # Allegro keeps payment apart; its NEW is "nothing done yet"
            "packing": "PROCESSING",
            "sent": "SENT",
            "delivered": "PICKED_UP",
            "cancelled": "CANCELLED",
        }
    )

    def __init__(self, account: Account[AllegroSettings]) -> None:
        super().__init__(account)
        self._client = Client(open_http(account, auth.bearer(account)))
        self._fetching = Fetching(self._client, account.clock, account.log, account.settings.sweep_every)
        self._carriers = writeback.Carriers(self._client, account.clock)

    @hookimpl
    async def fetch_orders(self, cursor: str | None, since: datetime | None) -> Page:
        """A page of the journal, or of a sweep; reaching back is a sweep by itself."""
        return await self._fetching.page(cursor, since)

    @hookimpl
    async def set_status(self, ref: OrderRef, status: str) -> None:
        """Sets the fulfilment status."""
        await writeback.set_status(self._client, ref.id, status)

    @hookimpl
    async def set_tracking(self, ref: OrderRef, parcels: Sequence[Parcel]) -> None:
        """Adds the tracking numbers that are not there yet."""
        await writeback.set_tracking(self._client, self._carriers, ref.id, parcels)

    @hookimpl
    async def list_choices(self, kind: ChoiceKind) -> tuple[Choice, ...]:
        """Statuses, delivery methods or carriers."""
        if kind is ChoiceKind.STATUSES:
            return writeback.status_choices()
        if kind is ChoiceKind.DELIVERIES:
            return tuple(Choice(id=one.id, title=one.name) for one in await self._client.delivery_methods())
        if kind is ChoiceKind.CARRIERS:
            return tuple(Choice(id=one.id, title=one.name or one.id) for one in await self._carriers.known())
        raise Rejected("Allegro has no list of payment methods to choose from")

    @hookimpl
    async def login(self, show: Callable[[str], None], ask: AskOwner, refresh_token: str | None) -> str:
        """Logs in by the device flow, or with a refresh token; the new tokens are proven by a first call."""
        login = Login(self.account, auth.login(self.account, refresh_token), show, ask)
        try:
            await Client(open_http(self.account, login)).latest_event()
        except Unavailable:
            if not login.done:
                raise
            return "Allegro has given the tokens, and they are kept; Allegro can't be asked for orders just now."
        return "Allegro has accepted the login; the tokens are kept and renew themselves."

    @hookimpl
    async def check(self) -> CheckReport:
        """Reads the journal's newest event, and under which name the account is known where that is allowed."""
        latest = await self._client.latest_event()
        at = stamp(latest.occurred_at) if latest and latest.occurred_at else None
        newest = f"the newest event is of {at}" if at else "there has been no event yet"
        try:
            name = (await self._client.me()).login
        except (NeedsLogin, Rejected):  # the orders can be read, as was just proven; only this right is missing
            note = "The login's name can't be shown: the application has no right to read the profile."
            return CheckReport(summary=f"Orders can be read; {newest}.", notes=(note,))
        return CheckReport(summary=f"Logged in as {name}; {newest}.")
