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
    Rejected,
    Role,
    ShopOrder,
    hookimpl,
)
from plugins.shops.medusa import checking, fetching, finding, telling
from plugins.shops.medusa.adding import Adding
from plugins.shops.medusa.client import MedusaClient
from plugins.shops.medusa.knowledge import Catalogue, Match, Taxes
from plugins.shops.medusa.settings import MedusaSettings

C = Capability


class Medusa(Platform[MedusaSettings]):
    """A Medusa shop (Admin API; measured on 2.21.2)."""

    id = "medusa"
    title = "Medusa"
    role = Role.SHOP
    Settings = MedusaSettings
    poll_every: ClassVar[timedelta] = timedelta(hours=1)
    concurrency: ClassVar[int] = 4
    statuses: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "new": "pending",
            "paid": "pending",
            "packing": "pending",
            "sent": "completed",
            "delivered": "completed",
            "cancelled": "canceled",
        }
    )
    why_not: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "login": "The secret key in the settings is enough.",
            "find_purchase": "Medusa's orders can't be searched for what another tool may have written into them.",
            "list_carriers": "Medusa keeps no carriers: a parcel is a label with its number and address.",
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
        | C.LIST_STATUSES
        | C.LIST_PAYMENTS
        | C.LIST_DELIVERIES
        | C.KEEPS_PRICES
        | C.STOCK_ON_ADD
        | C.ADD_IS_MULTI_STEP
        | C.REF_WINDOW
        | C.CARRIES_LOGIN
        | C.CARRIES_OFFER_NUMBER
        | C.CARRIES_COMMENT
        | C.CARRIES_INVOICE
        | C.CARRIES_PICKUP_POINT
        | C.CARRIES_PAYMENT
        | C.CARRIES_DELIVERY_METHOD
        | C.STATUS_ACTIONS
        | C.PARCELS_MANY
    )

    def __init__(self, account: Account[MedusaSettings]) -> None:
        super().__init__(account)
        self._client = client = MedusaClient(account)
        self._catalogue = Catalogue(client, account.clock)
        self._taxes = Taxes()

    @hookimpl
    async def fetch_orders(self, cursor: str | None, since: datetime | None) -> Page:
        """One page of the shop's orders that were changed; ours among them as echoes."""
        return await fetching.fetch_page(self._client, self.account, cursor, since)

    @hookimpl
    async def add_order(self, order: ForwardOrder, progress: Progress) -> ShopOrder:
        """Adds the order as a draft that is paid and then becomes an order."""
        keys = [ProductKey(sku=line.sku, ean=line.ean) if line.goods else ProductKey() for line in order.lines]
        matches = await self._catalogue.find(keys)
        try:
            return await Adding(
                client=self._client,
                settings=self.account.settings,
                log=self.account.log,
                taxes=self._taxes,
                order=order,
                matches=matches,
                progress=progress,
            ).run()
        except Rejected:
            self._catalogue.forget()  # a variant may be gone
            raise

    @hookimpl
    async def find_order(self, reference: str, since: datetime) -> ShopOrder | None:
        """Looks through all orders since."""
        return await finding.find(self._client, self.account.settings, reference, since)

    @hookimpl
    async def set_status(self, ref: OrderRef, status: str) -> None:
        """Fulfils, completes, archives or cancels."""
        await telling.tell_status(self._client, self.account.settings, ref, status)

    @hookimpl
    async def set_payment(self, ref: OrderRef, payment: PaymentState) -> None:
        """Makes the order known as paid."""
        await telling.tell_payment(self._client, ref, payment)

    @hookimpl
    async def set_tracking(self, ref: OrderRef, parcels: Sequence[Parcel]) -> None:
        """Packs and ships the order with the numbers of its parcels."""
        await telling.tell_parcels(self._client, self.account.settings, ref, parcels)

    @hookimpl
    async def list_choices(self, kind: ChoiceKind) -> tuple[Choice, ...]:
        """Statuses, payment providers or shipping options."""
        return await checking.choices(self._client, kind)

    @hookimpl
    async def find_products(self, keys: Sequence[ProductKey]) -> tuple[Product | None, ...]:
        """Variants, by SKU and then by EAN or barcode."""
        return tuple(_product(match) for match in await self._catalogue.find(keys))

    @hookimpl
    async def check(self) -> CheckReport:
        """Reads orders, products and what the settings name."""
        return await checking.check(self._client, self.account)


def _product(match: Match) -> Product | None:
    found = match.variant
    if found is None:
        return None
    title = found.product.title if found.product else ""
    return Product(
        id=found.id,
        parent_id=found.product_id,
        sku=found.sku or None,
        ean=found.ean or found.barcode or None,
        name=f"{title} {found.title}".strip() or None,
        stock=int(found.inventory_quantity)
        if found.manage_inventory and found.inventory_quantity is not None
        else None,
    )
