"""The platform `order-hook`: what it can do, and which part of this package does it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from types import MappingProxyType

from orderferry import (
    Account,
    Capability,
    CheckReport,
    ForwardOrder,
    OrderRef,
    Parcel,
    PaymentState,
    Platform,
    Progress,
    Rejected,
    Role,
    ShopOrder,
    hookimpl,
)

from orderferry_order_hook import mapping
from orderferry_order_hook.client import Client
from orderferry_order_hook.settings import OrderHookSettings


class OrderHook(Platform[OrderHookSettings]):
    """Hands orders to a program of the seller's own."""

    id = "order-hook"
    title = "Order hook"
    role = Role.SHOP
    Settings = OrderHookSettings
    capabilities = (
        Capability.ADD_ORDER
        | Capability.FIND_ORDER
        | Capability.SET_STATUS
        | Capability.SET_PAYMENT
        | Capability.SET_TRACKING
        | Capability.KEEPS_PRICES
        | Capability.REF_UNIQUE
        | Capability.REF_EXACT
        | Capability.CARRIES_LOGIN
        | Capability.CARRIES_OFFER_NUMBER
        | Capability.CARRIES_COMMENT
        | Capability.CARRIES_INVOICE
        | Capability.CARRIES_PICKUP_POINT
        | Capability.CARRIES_PAYMENT
        | Capability.CARRIES_DELIVERY_METHOD
        | Capability.STATUS_CUSTOM
        | Capability.PARCELS_MANY
    )
    why_not = MappingProxyType(
        {
            "fetch_orders": "The seller's program hands orders in by the control API, if it has any.",
            "find_products": "Products are looked up by the seller's program itself.",
        }
    )
    statuses = MappingProxyType(
        {key: key for key in ("new", "paid", "packing", "sent", "delivered", "cancelled", "returned")}
    )

    def __init__(self, account: Account[OrderHookSettings]) -> None:
        super().__init__(account)
        self._client = Client(account)

    @hookimpl
    async def check(self) -> CheckReport:
        """Asks whether the program is there, and takes the signature."""
        return CheckReport(summary=f"{await self._client.name()} answers, and knows the secret.")

    @hookimpl
    async def add_order(self, order: ForwardOrder, progress: Progress) -> ShopOrder:  # noqa: ARG002 - one request, no steps
        """Puts the order under its reference: the same reference again makes no second one."""
        return mapping.shop_order(await self._client.put(order.reference, mapping.body(order)))

    @hookimpl
    async def find_order(self, reference: str, since: datetime) -> ShopOrder | None:  # noqa: ARG002 - an exact search
        """Asks for exactly this reference."""
        held = await self._client.order(reference)
        return None if held is None else mapping.shop_order(held)

    @hookimpl
    async def set_status(self, ref: OrderRef, status: str) -> None:
        """Tells the status, in the seller's own words."""
        await self._client.change(ref.id, status=status)

    @hookimpl
    async def set_payment(self, ref: OrderRef, payment: PaymentState) -> None:
        """Tells whether the order is paid."""
        await self._client.change(ref.id, paid=payment.paid)

    @hookimpl
    async def set_tracking(self, ref: OrderRef, parcels: Sequence[Parcel]) -> None:
        """Reads which parcels are there, and tells all of them where one is missing."""
        held = await self._client.order(ref.id)
        if held is None:
            raise Rejected(f"the order {ref.id} is no longer there")
        if (told := mapping.all_parcels(held, parcels)) is not None:
            await self._client.change(ref.id, parcels=told)
