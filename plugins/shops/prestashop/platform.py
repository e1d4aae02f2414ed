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
from plugins.shops.prestashop import checking, fetching, finding, telling
from plugins.shops.prestashop.adding import Adder
from plugins.shops.prestashop.catalogue import Catalogue
from plugins.shops.prestashop.client import PrestaClient
from plugins.shops.prestashop.knowledge import read_shop
from plugins.shops.prestashop.settings import PrestaSettings

C = Capability


class PrestaShop(Platform[PrestaSettings]):
    """A PrestaShop (webservice; 1.7.8, 8 and 9; measured on 8.2.1).

    One call at a time: PrestaShop loses stock where two orders of one product are made at once (recording 26).
    """

    id = "prestashop"
    title = "PrestaShop"
    role = Role.SHOP
    Settings = PrestaSettings
    poll_every: ClassVar[timedelta] = timedelta(hours=1)
    concurrency: ClassVar[int] = 1
    call_limit: ClassVar[float] = 300.0
    statuses: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"new": "11", "paid": "2", "packing": "3", "sent": "4", "delivered": "5", "cancelled": "6", "returned": "7"}
    )
    capabilities = (
        C.FETCH_ORDERS
        | C.ADD_ORDER
        | C.FIND_ORDER
        | C.FIND_PURCHASE
        | C.SET_STATUS
        | C.SET_PAYMENT
        | C.SET_TRACKING
        | C.FIND_PRODUCTS
        | C.LIST_STATUSES
        | C.LIST_PAYMENTS
        | C.LIST_DELIVERIES
        | C.LIST_CARRIERS
        | C.KEEPS_PRICES
        | C.STOCK_ON_ADD
        | C.ADD_IS_MULTI_STEP
        | C.MAILS_ON_ADD
        | C.REF_EXACT
        | C.CARRIES_LOGIN
        | C.CARRIES_OFFER_NUMBER
        | C.CARRIES_COMMENT
        | C.CARRIES_INVOICE
        | C.CARRIES_PICKUP_POINT
        | C.CARRIES_PAYMENT
        | C.CARRIES_DELIVERY_METHOD
        | C.STATUS_CUSTOM
        | C.STATUS_MOVES_ON_PAYMENT
        | C.PAYMENT_READ
    )

    why_not: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "login": "The key of its webservice needs no login.",
            "parcels_many": "The numbers share one short field, with commas between them: only a few fit.",
        }
    )

    def __init__(self, account: Account[PrestaSettings]) -> None:
        super().__init__(account)
        self._client = client = PrestaClient(account)
        self._shop = Kept(lambda: read_shop(client, account.settings.id_shop), account.clock)
        self._catalogue = Catalogue(client, account.clock)
        self._adder = Adder(client, account, self._shop, self._catalogue)

    @hookimpl
    async def fetch_orders(self, cursor: str | None, since: datetime | None) -> Page:
        """One page of the shop's orders that were changed; ours among them as echoes."""
        return await fetching.fetch_page(self._client, await self._shop.get(), self.account, cursor, since)

    @hookimpl
    async def add_order(self, order: ForwardOrder, progress: Progress) -> ShopOrder:
        """Adds customer, addresses, cart, prices and the order; `progress` holds the cart."""
        return await self._adder.add(order, progress)

    @hookimpl
    async def find_order(self, reference: str, since: datetime) -> ShopOrder | None:  # noqa: ARG002 - the search is exact
        """Looks by the exact filter on the reference, whenever the order was added."""
        return await finding.find(self._client, await self._shop.get(), reference)

    @hookimpl
    async def find_purchase(self, order: ForwardOrder) -> ShopOrder | None:
        """Looks for the marketplace's order id and payment id in payments, notes and gift messages."""
        prefix = self.account.reference_prefix
        return await finding.find_purchase(self._client, await self._shop.get(), prefix, order)

    @hookimpl
    async def set_status(self, ref: OrderRef, status: str) -> None:
        """Gives the order one of the shop's states, by its id."""
        await telling.tell_status(self._client, await self._shop.get(), ref, status)

    @hookimpl
    async def set_payment(self, ref: OrderRef, payment: PaymentState) -> None:
        """Tells that the order is paid; this moves it to the state of accepted payments."""
        await telling.tell_payment(self._client, await self._shop.get(), ref, payment)

    @hookimpl
    async def set_tracking(self, ref: OrderRef, parcels: Sequence[Parcel]) -> None:
        """Writes the numbers that are missing to the order's carrier."""
        await telling.tell_parcels(self._client, await self._shop.get(), ref, parcels)

    @hookimpl
    async def list_choices(self, kind: ChoiceKind) -> tuple[Choice, ...]:
        """States of orders, payment modules, or carriers (for deliveries and parcels alike)."""
        return await checking.choices(self._client, await self._shop.get(), self.account.settings, kind)

    @hookimpl
    async def find_products(self, keys: Sequence[ProductKey]) -> tuple[Product | None, ...]:
        """Products and combinations, by reference and then by EAN."""
        if not keys:
            return ()
        shop = await self._shop.get()
        return await self._catalogue.with_stock(keys, counts=shop.counts_stock)

    @hookimpl
    async def check(self) -> CheckReport:
        """Compares the key's rights with what is needed, and tells what the shop's settings mean."""
        settings = self.account.settings
        return await checking.check(self._client, await self._shop.get(), self._catalogue, settings)
