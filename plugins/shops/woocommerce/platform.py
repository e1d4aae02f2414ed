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
    PlatformError,
    Product,
    ProductKey,
    Progress,
    Role,
    ShopOrder,
    hookimpl,
)
from orderferry.kept import Kept
from plugins.shops.woocommerce import checking, fetching, finding, mapping, telling
from plugins.shops.woocommerce.client import WooClient
from plugins.shops.woocommerce.knowledge import Catalogue, Match, read_taxes
from plugins.shops.woocommerce.settings import WooSettings

C = Capability


class WooCommerce(Platform[WooSettings]):
    """A WooCommerce shop (REST API v3; measured on 9.9.5)."""

    id = "woocommerce"
    title = "WooCommerce"
    role = Role.SHOP
    Settings = WooSettings
    poll_every: ClassVar[timedelta] = timedelta(hours=1)
    concurrency: ClassVar[int] = 4
    statuses: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "new": "processing",
            "paid": "processing",
            "packing": "processing",
            "sent": "completed",
            "delivered": "completed",
            "cancelled": "cancelled",
            "returned": "refunded",
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
        | C.MAILS_ON_ADD
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
        | C.PAYMENT_READ
        | C.PARCELS_MANY
    )

    def __init__(self, account: Account[WooSettings]) -> None:
        super().__init__(account)
        self._client = client = WooClient(account)
        self._catalogue = Catalogue(client, account.clock)
        self._taxes = Kept(lambda: read_taxes(client), account.clock)
        self._index = Kept(client.index, account.clock)

    @hookimpl
    async def fetch_orders(self, cursor: str | None, since: datetime | None) -> Page:
        """One page of the shop's orders that were changed; ours among them as echoes."""
        return await fetching.fetch_page(self._client, self.account, cursor, since)

    @hookimpl
    async def add_order(self, order: ForwardOrder, progress: Progress) -> ShopOrder:  # noqa: ARG002 - one request, no steps
        """Adds the order in one request, after a read of whatever is not known of its goods and the taxes."""
        matches = await self._match(order)
        sent = mapping.draft(order, matches, await self._taxes.get(), self.account.settings)
        answer = await self._client.add_order(sent.body)
        self._catalogue.forget(mapping.stale(answer, sent))
        shop_order = mapping.added(answer, sent)
        if sent.then is None:
            return shop_order
        try:
            moved = await self._client.change_order(shop_order.id, {"status": sent.then})
        except PlatformError as error:  # the order is there: only its status is not
            self.account.log.warning("woocommerce.status_not_set", order=shop_order.id, error=type(error).__name__)
            warning = f"The order was added as {sent.body['status']!r}; the status {sent.then!r} could not be set."
            return mapping.shop_order(answer, shop_order.stock_fell, (*shop_order.warnings, warning))
        return mapping.shop_order(moved, shop_order.stock_fell, shop_order.warnings)

    @hookimpl
    async def find_order(self, reference: str, since: datetime) -> ShopOrder | None:
        """Looks by the exact filter first, then through all orders since."""
        return await finding.find(self._client, self._catalogue, self.account, reference, since)

    @hookimpl
    async def set_status(self, ref: OrderRef, status: str) -> None:
        """Sets any of the shop's statuses but `pending`, which would put the goods back into the stock."""
        await telling.tell_status(self._client, self.account.settings, ref, status)

    @hookimpl
    async def set_payment(self, ref: OrderRef, payment: PaymentState) -> None:
        """Tells that the order is paid; this moves it to processing."""
        await telling.tell_payment(self._client, self.account.settings, ref, payment)

    @hookimpl
    async def set_tracking(self, ref: OrderRef, parcels: Sequence[Parcel]) -> None:
        """Adds the parcels that are missing, in the shop's tracking extension or as notes."""
        index = await self._index.get()
        await telling.tell_parcels(self._client, self.account, index.namespaces, ref, parcels)

    @hookimpl
    async def list_choices(self, kind: ChoiceKind) -> tuple[Choice, ...]:
        """Statuses, payment gateways or the delivery methods of all zones."""
        return await checking.choices(self._client, kind)

    @hookimpl
    async def find_products(self, keys: Sequence[ProductKey]) -> tuple[Product | None, ...]:
        """Products and variations, by SKU and then by EAN."""
        return tuple(_product(match) for match in await self._catalogue.find(keys))

    @hookimpl
    async def check(self) -> CheckReport:
        """Reads orders, products and settings, and proves the right to write without writing."""
        return await checking.check(self._client)

    async def _match(self, order: ForwardOrder) -> list[Match]:
        keys = [ProductKey(sku=line.sku, ean=line.ean) if line.goods else ProductKey() for line in order.lines]
        return await self._catalogue.find(keys)


def _product(match: Match) -> Product | None:
    found = match.product
    if found is None:
        return None
    counted = found.manage_stock and found.stock_quantity is not None
    return Product(
        id=str(found.id),
        parent_id=str(found.parent_id) if found.parent_id else None,
        sku=found.sku or None,
        ean=found.global_unique_id or None,
        name=found.name or None,
        stock=int(found.stock_quantity) if counted and found.stock_quantity is not None else None,
    )
