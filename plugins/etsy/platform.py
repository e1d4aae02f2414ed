"""The platform `etsy`: what it can do, and which part of this package does it."""

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
from plugins.etsy import auth, telling
from plugins.etsy.client import Client, open_http
from plugins.etsy.fetching import Fetching
from plugins.etsy.settings import EtsySettings


class Etsy(Platform[EtsySettings]):
    """Orders come from here; tracking numbers go back."""

    id = "etsy"
    title = "Etsy"
    role = Role.MARKETPLACE
    Settings = EtsySettings
    capabilities = (
        Capability.FETCH_ORDERS
        | Capability.SET_TRACKING
        | Capability.PARCELS_MANY
        | Capability.LOGIN
        | Capability.LIST_CARRIERS
    )
    why_not = MappingProxyType(
        {
            "set_status": "Etsy has no status that could be set: a tracking number makes an order shipped.",
            "list_statuses": "There are none to choose from.",
            "list_payments": "Etsy collects the money itself, and tells no methods.",
            "list_deliveries": "The delivery options are part of the listings, and no list of them is given.",
        }
    )
    poll_every = timedelta(hours=1)

    def __init__(self, account: Account[EtsySettings]) -> None:
        super().__init__(account)
        settings = account.settings
        self._client = Client(open_http(account, auth.bearer(account)))
        self._fetching = Fetching(self._client, account.clock, account.log, settings.sweep_every)
        self._carriers = telling.Carriers(self._client, account.clock, settings.ships_from)

    @hookimpl
    async def fetch_orders(self, cursor: str | None, since: datetime | None) -> Page:
        """A page of what was changed, or cancelled, or bought."""
        return await self._fetching.page(cursor, since)

    @hookimpl
    async def set_tracking(self, ref: OrderRef, parcels: Sequence[Parcel]) -> None:
        """Adds the tracking numbers that are not there yet; Etsy mails the buyer of each."""
        await telling.set_tracking(self._client, self._carriers, ref.id, parcels)

    @hookimpl
    async def list_choices(self, kind: ChoiceKind) -> tuple[Choice, ...]:
        """The carriers of the seller's country."""
        if kind is ChoiceKind.CARRIERS:
            names = dict.fromkeys((*await self._carriers.known(), telling.OTHER))
            return tuple(Choice(id=name, title=name) for name in names)
        raise Rejected(f"Etsy has no list of {kind.value} to choose from")

    @hookimpl
    async def login(self, show: Callable[[str], None], ask: AskOwner, refresh_token: str | None) -> str:
        """Logs in with a code that the owner pastes, or with a refresh token; a first call proves the new tokens."""
        login = Login(self.account, auth.login(self.account, refresh_token), show, ask)
        try:
            me = await Client(open_http(self.account, login)).me()
        except Unavailable:
            if not login.done:
                raise
            return "Etsy has given the tokens, and they are kept; Etsy can't be asked just now."
        return f"Etsy has accepted the login for shop {me.shop_id}; the tokens are kept and renew themselves."

    @hookimpl
    async def check(self) -> CheckReport:
        """Reads which shop it is, and its newest order."""
        me = await self._client.me()
        listed = await self._client.receipts({"limit": "1"})
        return CheckReport(summary=f"Shop {me.shop_id}: orders can be read; it has {listed.count} so far.")
