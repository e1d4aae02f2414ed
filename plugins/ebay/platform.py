"""The platform `ebay`: what it can do, and which part of this package does it."""

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
from plugins.ebay import auth, carriers, telling
from plugins.ebay.client import Client, open_http
from plugins.ebay.cursor import reach_back
from plugins.ebay.fetching import Fetching
from plugins.ebay.settings import EbaySettings

LOOKED_AT = timedelta(days=30)


class Ebay(Platform[EbaySettings]):
    """Orders come from here; tracking numbers go back."""

    id = "ebay"
    title = "eBay"
    role = Role.MARKETPLACE
    Settings = EbaySettings
    capabilities = (
        Capability.FETCH_ORDERS
        | Capability.SET_TRACKING
        | Capability.PARCELS_MANY
        | Capability.LOGIN
        | Capability.LIST_CARRIERS
        | Capability.MERGES_ORDERS
        | Capability.SHIPS_ITSELF
    )
    why_not = MappingProxyType(
        {
            "set_status": "There is none that could be set: a tracking number makes an order shipped.",
            "list_statuses": "There are none to choose from.",
            "list_payments": "The money is collected by eBay itself, which tells no methods.",
            "list_deliveries": "The delivery services are the seller's own, and no list of them is given.",
        }
    )
    poll_every = timedelta(minutes=1)

    def __init__(self, account: Account[EbaySettings]) -> None:
        super().__init__(account)
        self._client = Client(open_http(account, auth.bearer(account)))
        self._fetching = Fetching(self._client, account.clock, account.log, account.settings.recheck_every)

    @hookimpl
    async def fetch_orders(self, cursor: str | None, since: datetime | None) -> Page:
        """A window of the changed orders, or of the open ones."""
        return await self._fetching.page(cursor, since)

    @hookimpl
    async def set_tracking(self, ref: OrderRef, parcels: Sequence[Parcel]) -> None:
        """Adds the tracking numbers that are not there yet."""
        await telling.set_tracking(self._client, ref.id, parcels)

    @hookimpl
    async def list_choices(self, kind: ChoiceKind) -> tuple[Choice, ...]:
        """The carriers' codes."""
        if kind is ChoiceKind.CARRIERS:
            return carriers.choices()
        raise Rejected(f"eBay has no list of {kind.value} to choose from")

    @hookimpl
    async def login(self, show: Callable[[str], None], ask: AskOwner, refresh_token: str | None) -> str:
        """Logs in with a code that the owner pastes, or with a refresh token; a first call proves the new tokens."""
        login = Login(self.account, auth.login(self.account, refresh_token), show, ask)
        try:
            await self._count(Client(open_http(self.account, login)))
        except Unavailable:
            if not login.done:
                raise
            return "eBay has given the tokens, and they are kept; eBay can't be asked for orders just now."
        return "eBay has accepted the login; the tokens are kept and renew themselves for about 18 months."

    @hookimpl
    async def check(self) -> CheckReport:
        """Counts the orders of the last days, and tells when the login is about to end."""
        count = await self._count(self._client)
        tokens = await self.account.tokens.load()
        ends = tokens.refresh_expires_at if tokens else None
        return CheckReport(
            summary=f"Orders can be read; {count} changed in the last {LOOKED_AT.days} days.",
            notes=auth.ending(self.account.name, ends, self.account.clock.now()),
        )

    async def _count(self, client: Client) -> int:
        now = self.account.clock.now()
        scan = reach_back(now - LOOKED_AT, now).scan
        assert scan is not None  # noqa: S101 - reaching back is a scan
        return (await client.orders(scan.criteria, 1)).total
