"""The platform `amazon`: what it can do, and which part of this package does it."""

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
from plugins.amazon import checking, mapping, tracking
from plugins.amazon.auth import AccessToken, Login
from plugins.amazon.client import Client
from plugins.amazon.fetching import Fetching
from plugins.amazon.marketplaces import named
from plugins.amazon.settings import AmazonSettings


class Amazon(Platform[AmazonSettings]):
    """Orders come from here; tracking numbers go back, which marks an order as shipped."""

    id = "amazon"
    title = "Amazon"
    role = Role.MARKETPLACE
    Settings = AmazonSettings
    capabilities = (
        Capability.FETCH_ORDERS
        | Capability.SET_TRACKING
        | Capability.PARCELS_MANY
        | Capability.LOGIN
        | Capability.LIST_DELIVERIES
        | Capability.LIST_CARRIERS
        | Capability.SHIPS_ITSELF
    )
    why_not = MappingProxyType(
        {
            "set_status": "Amazon has no status that could be set: a confirmed parcel makes an order shipped.",
            "list_statuses": "There are none to choose from.",
            "list_payments": "Amazon collects the money itself, and tells no methods.",
        }
    )
    poll_every = timedelta(minutes=3)
    longest_keep = timedelta(days=30)  # Acceptable Use Policy: buyers' data no longer than 30 days after delivery

    def __init__(self, account: Account[AmazonSettings]) -> None:
        super().__init__(account)
        self._client = Client(account, AccessToken(account))
        self._marketplaces = named(account.settings.marketplaces)
        self._fetching = Fetching(
            self._client,
            account.clock,
            account.log,
            marketplaces=self._marketplaces,
            sweep_every=account.settings.sweep_every,
        )

    @hookimpl
    async def fetch_orders(self, cursor: str | None, since: datetime | None) -> Page:
        """A page of the orders that were updated, or of the sweep; reaching back is a search by itself."""
        return await self._fetching.page(cursor, since)

    @hookimpl
    async def set_tracking(self, ref: OrderRef, parcels: Sequence[Parcel]) -> None:
        """Confirms the packages that are not there yet."""
        account = self.account
        await tracking.set_tracking(self._client, account.clock, account.settings.carrier_codes, ref.id, parcels)

    @hookimpl
    async def list_choices(self, kind: ChoiceKind) -> tuple[Choice, ...]:
        """The delivery speeds, or the carriers that have a code."""
        if kind is ChoiceKind.DELIVERIES:
            return tuple(Choice(id=one, title=title) for one, title in mapping.SERVICE_LEVELS.items())
        if kind is ChoiceKind.CARRIERS:
            return tracking.choices(self.account.settings.carrier_codes)
        raise Rejected(f"Amazon has no list of {kind.value} to choose from")

    @hookimpl
    async def login(self, show: Callable[[str], None], ask: AskOwner, refresh_token: str | None) -> str:  # noqa: ARG002 - nothing is asked
        """Trades the refresh token of the self-authorisation; a first call proves the new tokens."""
        if refresh_token is None:
            raise NeedsLogin(
                "Amazon gives a refresh token on its own page: in the Solution Provider Portal choose Authorize beside "
                f"the application, save what is shown in a file, and run "
                f"`orderferry login {self.account.name} --refresh-token-file FILE`"
            )
        auth = Login(self.account, show, refresh_token)
        try:
            await checking.probe(Client(self.account, auth), self.account.clock.now(), self._marketplaces)
        except Unavailable:
            if not auth.done:
                raise
            return "Amazon has given the tokens, and they are kept; Amazon can't be asked for orders just now."
        return "Amazon has accepted the login; the tokens are kept and renew themselves."

    @hookimpl
    async def check(self) -> CheckReport:
        """Searches for one open order, which also shows whether addresses are handed out, and lists marketplaces."""
        return await checking.report(self._client, self.account.clock.now(), self._marketplaces)
