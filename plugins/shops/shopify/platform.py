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
from plugins.shops.shopify import checking, fetching, finding, mapping, telling, wire
from plugins.shops.shopify.client import ShopifyClient
from plugins.shops.shopify.knowledge import Catalogue, Match
from plugins.shops.shopify.settings import ShopifySettings

C = Capability


class Shopify(Platform[ShopifySettings]):
    """A Shopify shop (GraphQL Admin API, version 2026-10)."""

    id = "shopify"
    title = "Shopify"
    role = Role.SHOP
    Settings = ShopifySettings
    poll_every: ClassVar[timedelta] = timedelta(hours=1)
    concurrency: ClassVar[int] = 4
    statuses: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "new": "open",
            "paid": "open",
            "packing": "tag:packing",
            "sent": "fulfilled",
            "delivered": "closed",
            "cancelled": "cancelled",
        }
    )
    why_not: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "login": "The app's token in the settings is enough.",
            "list_payments": "Shopify takes any name of a payment, and keeps no list of those that an app may use.",
            "list_deliveries": "Any name of a delivery is taken: it is a line of the order.",
            "list_carriers": "Shopify keeps no list of them: any name is taken.",
        }
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
        | C.KEEPS_PRICES
        | C.STOCK_ON_ADD
        | C.REF_EXACT
        | C.REF_WINDOW
        | C.CARRIES_LOGIN
        | C.CARRIES_OFFER_NUMBER
        | C.CARRIES_COMMENT
        | C.CARRIES_INVOICE
        | C.CARRIES_PICKUP_POINT
        | C.CARRIES_PAYMENT
        | C.CARRIES_DELIVERY_METHOD
        | C.STATUS_ACTIONS
        | C.STATUS_MOVES_ON_TRACKING
        | C.PAYMENT_READ
        | C.PARCELS_MANY
    )

    def __init__(self, account: Account[ShopifySettings]) -> None:
        super().__init__(account)
        self._client = client = ShopifyClient(account)
        self._catalogue = Catalogue(client, account.clock)
        self._defined = False

    @hookimpl
    async def fetch_orders(self, cursor: str | None, since: datetime | None) -> Page:
        """One page of the shop's orders that were changed; ours among them as echoes."""
        return await fetching.fetch_page(self._client, self.account, cursor, since)

    @hookimpl
    async def add_order(self, order: ForwardOrder, progress: Progress) -> ShopOrder:  # noqa: ARG002 - one request, no steps
        """Adds the order in one request, after a read of whatever is not known of its goods.

        A refusal is sure to have added nothing: where it is about something that can be spared, the order is sent again
        without that.
        """
        await self._define_reference()
        keys = [ProductKey(sku=line.sku, ean=line.ean) if line.goods else ProductKey() for line in order.lines]
        sent = mapping.draft(order, await self._catalogue.find(keys), self.account.settings)
        answer = await self._client.add(sent.order, sent.options)
        if answer.user_errors and (softer := mapping.softened(sent, answer.user_errors)):
            sent = softer
            answer = await self._client.add(sent.order, sent.options)
        wire.accept("the order", answer.user_errors)
        made = wire.present(answer.order)
        for variant in mapping.missing(made, sent):
            self._catalogue.forget(variant.id)
        return mapping.added(made, sent, self.account.settings)

    @hookimpl
    async def find_order(self, reference: str, since: datetime) -> ShopOrder | None:
        """Looks the reference up exactly, then through all orders since."""
        return await finding.find(self._client, self.account.settings, reference, since)

    @hookimpl
    async def find_purchase(self, order: ForwardOrder) -> ShopOrder | None:
        """Searches the shop for the marketplace's number of the order, and for that of the payment."""
        return await finding.find_purchase(self._client, self.account, order)

    @hookimpl
    async def set_status(self, ref: OrderRef, status: str) -> None:
        """Does what the status stands for: fulfil, close, cancel, reopen, or a tag."""
        await telling.tell_status(self._client, self.account.settings, ref, status)

    @hookimpl
    async def set_payment(self, ref: OrderRef, payment: PaymentState) -> None:
        """Marks the order as paid."""
        await telling.tell_payment(self._client, ref, payment)

    @hookimpl
    async def set_tracking(self, ref: OrderRef, parcels: Sequence[Parcel]) -> None:
        """Adds the parcels that are missing, which marks the order as sent."""
        await telling.tell_parcels(self._client, self.account.settings, ref, parcels)

    @hookimpl
    async def list_choices(self, kind: ChoiceKind) -> tuple[Choice, ...]:
        """The actions; Shopify has no list of payment or delivery methods that an order could name, nor of carriers."""
        return telling.choices(self.account.settings) if kind is ChoiceKind.STATUSES else ()

    @hookimpl
    async def find_products(self, keys: Sequence[ProductKey]) -> tuple[Product | None, ...]:
        """Variants, by SKU and then by barcode."""
        return tuple(_product(match) for match in await self._catalogue.find(keys))

    @hookimpl
    async def check(self) -> CheckReport:
        """Reads the shop, the app's scopes and one order."""
        return await checking.check(self._client)

    async def _define_reference(self) -> None:
        """Makes the metafield of the reference known to the shop, once: what is not defined can't be looked up."""
        if not self._defined:
            if not await self._client.defined():
                await self._client.define()
            self._defined = True


def _product(match: Match) -> Product | None:
    found = match.variant
    if found is None:
        return None
    return Product(
        id=wire.number_of(found.id),
        parent_id=wire.number_of(found.product.id),
        sku=found.sku or None,
        ean=found.barcode or None,
        name=found.display_name or None,
        stock=found.inventory_quantity if found.inventory_item.tracked else None,
    )
