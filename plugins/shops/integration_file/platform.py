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
    ProbeReport,
    Product,
    ProductKey,
    Progress,
    Role,
    ShopOrder,
    hookimpl,
)
from plugins.shops.integration_file import adding, catalogue, checking, fetching, finding, probing, telling
from plugins.shops.integration_file.client import FileClient
from plugins.shops.integration_file.settings import FileSettings

C = Capability


class IntegrationFile(Platform[FileSettings]):
    """A shop that serves an integration file (standard 4); what the file leaves out, `check` takes away."""

    id = "integration-file"
    title = "Integration file"
    role = Role.SHOP
    Settings = FileSettings
    poll_every: ClassVar[timedelta] = timedelta(hours=1)
    why_not: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "login": "The communication key in the settings is enough.",
            "find_purchase": "The protocol has no search for what another tool may have written into an order.",
            "list_carriers": "The protocol has no list of them: the marketplace's name is passed on.",
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
        | C.PROBE
        | C.LIST_STATUSES
        | C.LIST_PAYMENTS
        | C.LIST_DELIVERIES
        | C.KEEPS_PRICES
        | C.STOCK_ON_ADD
        | C.REF_WINDOW
        | C.CARRIES_LOGIN
        | C.CARRIES_OFFER_NUMBER
        | C.CARRIES_COMMENT
        | C.CARRIES_INVOICE
        | C.CARRIES_PICKUP_POINT
        | C.CARRIES_DELIVERY_METHOD
        | C.STATUS_CUSTOM
        | C.PAYMENT_READ
    )

    def __init__(self, account: Account[FileSettings]) -> None:
        super().__init__(account)
        self._client = FileClient(account)

    @hookimpl
    async def fetch_orders(self, cursor: str | None, since: datetime | None) -> Page:
        """One page of the orders placed lately; ours among them as echoes."""
        return await fetching.fetch_page(self._client, self.account, cursor, since)

    @hookimpl
    async def add_order(self, order: ForwardOrder, progress: Progress) -> ShopOrder:  # noqa: ARG002 - one request, no steps
        """Adds the order in one request, and reads it back where the file can."""
        return await adding.add(self._client, self.account, order)

    @hookimpl
    async def find_order(self, reference: str, since: datetime) -> ShopOrder | None:
        """Reads all orders since and compares their comments."""
        return await finding.find(self._client, self.account, reference, since)

    @hookimpl
    async def set_status(self, ref: OrderRef, status: str) -> None:
        """Sets a status, and reads it back where the file can."""
        await telling.tell_status(self._client, ref, status)

    @hookimpl
    async def set_payment(self, ref: OrderRef, payment: PaymentState) -> None:
        """Says whether the order is paid, and reads it back where the file can."""
        await telling.tell_payment(self._client, ref, payment)

    @hookimpl
    async def set_tracking(self, ref: OrderRef, parcels: Sequence[Parcel]) -> None:
        """Sets the order's shipping number."""
        await telling.tell_parcels(self._client, ref, parcels)

    @hookimpl
    async def list_choices(self, kind: ChoiceKind) -> tuple[Choice, ...]:
        """Statuses, payment or delivery methods."""
        return await checking.choices(self._client, kind)

    @hookimpl
    async def find_products(self, keys: Sequence[ProductKey]) -> tuple[Product | None, ...]:
        """Products and variants, by SKU and then by EAN."""
        return tuple(match.product() if match else None for match in await catalogue.find(self._client, keys))

    @hookimpl
    async def probe(self) -> ProbeReport:
        """Tries what the file promises, and changes nothing."""
        return await probing.probe(self._client, self.account)

    @hookimpl
    async def check(self) -> CheckReport:
        """Proves the key, and takes away what the file does not offer."""
        return await checking.check(self._client, self.account.settings)
