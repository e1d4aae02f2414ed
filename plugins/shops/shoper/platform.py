"""The platform's hooks: each hands on to the file that does the work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import ClassVar

from orderferry import (
    Account,
    Capability,
    CheckReport,
    Choice,
    ChoiceKind,
    ForwardOrder,
    OrderRef,
    Page,
    Parcel,
    PaymentState,
    Platform,
    Product,
    ProductKey,
    Progress,
    Role,
    ShopOrder,
    hookimpl,
)
from orderferry.kept import Kept
from plugins.shops.shoper import adding, catalogue, checking, fetching, finding, telling
from plugins.shops.shoper.client import ShoperClient
from plugins.shops.shoper.knowledge import read_facts
from plugins.shops.shoper.settings import ShoperSettings

C = Capability


class Shoper(Platform[ShoperSettings]):
    """A Shoper shop (REST webapi; facts of shop version 5.26)."""

    id = "shoper"
    title = "Shoper"
    role = Role.SHOP
    Settings = ShoperSettings
    poll_every: ClassVar[timedelta] = timedelta(hours=1)
    concurrency: ClassVar[int] = 2
    why_not: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "login": "The token, or the administrator's name and password, in the settings is enough.",
            "list_carriers": "A parcel in Shoper is a number without a carrier.",
        }
    )
    capabilities = (
        C.FETCH_ORDERS
        | C.ADD_ORDER
        | C.FIND_ORDER
        | C.SET_STATUS
        | C.SET_PAYMENT
        | C.SET_TRACKING
        | C.FIND_PRODUCTS
        | C.FIND_PURCHASE
        | C.LIST_STATUSES
        | C.LIST_PAYMENTS
        | C.LIST_DELIVERIES
        | C.KEEPS_PRICES
        | C.STOCK_ON_ADD
        | C.ADD_IS_MULTI_STEP
        | C.REF_EXACT
        | C.REF_WINDOW
        | C.CARRIES_LOGIN
        | C.CARRIES_OFFER_NUMBER
        | C.CARRIES_COMMENT
        | C.CARRIES_INVOICE
        | C.CARRIES_PICKUP_POINT
        | C.CARRIES_PAYMENT
        | C.CARRIES_DELIVERY_METHOD
        | C.STATUS_CUSTOM
        | C.STATUS_MOVES_ON_PAYMENT
        | C.STATUS_MOVES_ON_TRACKING
        | C.PAYMENT_READ
    )

    def __init__(self, account: Account[ShoperSettings]) -> None:
        super().__init__(account)
        self._client = client = ShoperClient(account)
        self._facts = Kept(lambda: read_facts(client), account.clock)

    @hookimpl
    async def fetch_orders(self, cursor: str | None, since: datetime | None) -> Page:
        """One page of the shop's orders that are new or whose status has moved; ours among them as echoes."""
        return await fetching.fetch_page(self._client, self.account, await self._facts.get(), cursor, since)

    @hookimpl
    async def add_order(self, order: ForwardOrder, progress: Progress) -> ShopOrder:
        """Adds the order in several steps, or what an earlier try left out."""
        return await adding.add(self._client, self.account, await self._facts.get(), order, progress)

    @hookimpl
    async def find_order(self, reference: str, since: datetime) -> ShopOrder | None:
        """Looks by the note's text first, then through all orders since."""
        return await finding.find(self._client, await self._facts.get(), reference, since)

    @hookimpl
    async def find_purchase(self, order: ForwardOrder) -> ShopOrder | None:
        """Looks for the marketplace's number in notes and in what Shoper's own marketplace module keeps."""
        prefix = self.account.reference_prefix
        return await finding.find_purchase(self._client, await self._facts.get(), order, prefix)

    @hookimpl
    async def set_status(self, ref: OrderRef, status: str) -> None:
        """Sets any of the shop's statuses."""
        await telling.tell_status(self._client, ref, status)

    @hookimpl
    async def set_payment(self, ref: OrderRef, payment: PaymentState) -> None:
        """Tells that the order is paid, and reads it back."""
        await telling.tell_payment(self._client, ref, payment)

    @hookimpl
    async def set_tracking(self, ref: OrderRef, parcels: Sequence[Parcel]) -> None:
        """Makes a parcel with the number; this moves the order's status."""
        await telling.tell_parcels(self._client, ref, parcels)

    @hookimpl
    async def list_choices(self, kind: ChoiceKind) -> tuple[Choice, ...]:
        """Statuses, payment or delivery methods."""
        return checking.choices(await self._facts.get(), kind)

    @hookimpl
    async def find_products(self, keys: Sequence[ProductKey]) -> tuple[Product | None, ...]:
        """Variants, by SKU and then by EAN."""
        return tuple(match.product() if match else None for match in await catalogue.find(self._client, keys))

    @hookimpl
    async def check(self) -> CheckReport:
        """Reads what the hooks read, and proves the right to write without writing."""
        return await checking.check(self._client, self.account.settings)
