"""The requests to Medusa's Admin API, one method each.

Source: https://docs.medusajs.com/api/admin, and Medusa 2.21.2 where it says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Raw, Struct

from orderferry import Account, Rejected
from orderferry.http import BasicAuth
from plugins.shops.medusa import wire
from plugins.shops.medusa.settings import MedusaSettings

T = TypeVar("T")

PAGE = 100
FETCH_PAGE = 25
_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")

BASIC = "id,status,display_id,currency_code,total,metadata"
STATE = (
    f"{BASIC},payment_status,fulfillment_status,*items,*items.tax_lines,*items.detail,*shipping_methods,"
    "*shipping_methods.tax_lines,*fulfillments,*fulfillments.labels,*fulfillments.items,*payment_collections"
)
FETCH = (
    f"{BASIC},created_at,updated_at,email,customer_id,payment_status,fulfillment_status,shipping_total,*items,"
    "*items.tax_lines,*items.detail,*shipping_methods,*shipping_address,*billing_address"
)
REFERENCE = "id,created_at,metadata"
VARIANT = "id,title,product_id,product.title,sku,ean,barcode,manage_inventory,inventory_quantity,*inventory_items"


class _Order(Struct, Generic[T]):
    order: T


class _Draft(Struct):
    draft_order: wire.Order


class _Orders(Struct, Generic[T]):
    orders: list[T]


class _Drafts(Struct):
    draft_orders: list[wire.Referenced]


class _Variants(Struct):
    variants: list[wire.Variant]


class _Reservations(Struct):
    reservations: list[wire.Reservation]


class _Levels(Struct):
    inventory_levels: list[wire.Level]


class _Collection(Struct):
    payment_collection: wire.PaymentCollection


class _Region(Struct):
    region: wire.Region


class _Channel(Struct):
    sales_channel: wire.Named


class _Options(Struct):
    shipping_options: list[wire.Named]


class _Providers(Struct):
    payment_providers: list[wire.Named]


def reader(shape: type[T]) -> Any:
    """A `decode` for `orderferry.http`; amounts become Decimals without a detour through floats."""
    return msgspec.json.Decoder(shape, float_hook=Decimal).decode


_order = reader(_Order[wire.Order])
_draft = reader(_Draft)
_fetched = reader(_Orders[Raw])
_references = reader(_Orders[wire.Referenced])
_drafts = reader(_Drafts)
_variants = reader(_Variants)
_reservations = reader(_Reservations)
_levels = reader(_Levels)
_collection = reader(_Collection)
_region = reader(_Region)
_channel = reader(_Channel)
_options = reader(_Options)
_providers = reader(_Providers)
_anything = reader(Raw)


class MedusaClient:
    """One shop. Every method raises the contract's errors; those that read may be repeated at will."""

    def __init__(self, account: Account[MedusaSettings]) -> None:
        key = account.settings.api_key.reveal()
        self._http = account.http(f"{account.settings.url}/admin", auth=BasicAuth(key, ""), explain=wire.explain)

    async def make_draft(self, body: Mapping[str, Any]) -> wire.Order:
        """Makes a draft of an order, which takes no stock: to be repeated only after a look for it."""
        answer: _Draft = await self._http.send("POST", "/draft-orders", _draft, json=body, query={"fields": STATE})
        return answer.draft_order

    async def delete_draft(self, draft_id: str) -> None:
        """Deletes a draft."""
        await self._http.send("DELETE", f"/draft-orders/{checked(draft_id)}", _anything)

    async def convert(self, draft_id: str) -> wire.Order:
        """Makes an order of a draft, and reserves its stock; of an order that is one already it is refused."""
        path = f"/draft-orders/{checked(draft_id)}/convert-to-order"
        answer: _Order[wire.Order] = await self._http.send("POST", path, _order, query={"fields": STATE})
        return answer.order

    async def drafts_since(self, since: datetime, offset: int) -> list[wire.Referenced]:
        """A page of the drafts made since, with their metadata."""
        query = _since("created_at", since, REFERENCE, PAGE, offset)
        answer: _Drafts = await self._http.get("/draft-orders", _drafts, query=query)
        return answer.draft_orders

    async def orders_since(self, since: datetime, offset: int) -> list[wire.Referenced]:
        """A page of the orders made since, with their metadata; drafts are none."""
        query = _since("created_at", since, REFERENCE, PAGE, offset)
        answer: _Orders[wire.Referenced] = await self._http.get("/orders", _references, query=query)
        return answer.orders

    async def changed_since(self, since: datetime, offset: int) -> list[Raw]:
        """A page of the orders changed since, each still raw."""
        query = _since("updated_at", since, FETCH, FETCH_PAGE, offset)
        answer: _Orders[Raw] = await self._http.get("/orders", _fetched, query=query)
        return answer.orders

    async def order(self, order_id: str) -> wire.Order:
        """An order or a draft, with all that was done to it."""
        answer: _Order[wire.Order] = await self._http.get(
            f"/orders/{checked(order_id)}", _order, query={"fields": STATE}
        )
        return answer.order

    async def act(self, order_id: str, action: str) -> None:
        """Completes, archives or cancels an order."""
        await self._http.send("POST", f"/orders/{checked(order_id)}/{action}", _anything, json={})

    async def note(self, order_id: str, metadata: Mapping[str, str]) -> None:
        """Adds to an order's metadata; what else is there stays."""
        await self._http.send("POST", f"/orders/{checked(order_id)}", _anything, json={"metadata": metadata})

    async def ask_payment(self, order_id: str, amount: Decimal) -> wire.PaymentCollection:
        """Makes a payment to be paid."""
        body = {"order_id": order_id, "amount": float(amount)}  # the API takes no text here
        answer: _Collection = await self._http.send("POST", "/payment-collections", _collection, json=body)
        return answer.payment_collection

    async def mark_paid(self, collection_id: str, order_id: str, provider: str | None) -> None:
        """Marks a payment as paid; of one that is paid it is refused."""
        body = {"order_id": order_id, **({"provider_id": provider} if provider else {})}
        path = f"/payment-collections/{checked(collection_id)}/mark-as-paid"
        await self._http.send("POST", path, _anything, json=body)

    async def fulfil(self, order_id: str, items: Mapping[str, int], location: str | None, *, notify: bool) -> None:
        """Packs so many of each line."""
        body: dict[str, Any] = {"items": _quantities(items), "no_notification": not notify}
        if location is not None:
            body["location_id"] = location
        await self._http.send("POST", f"/orders/{checked(order_id)}/fulfillments", _anything, json=body)

    async def ship(
        self, order_id: str, fulfillment: wire.Fulfillment, labels: Mapping[str, str], *, notify: bool
    ) -> None:
        """Hands a fulfilment to its carrier; `labels` are tracking number -> carrier. It can be done once."""
        body = {
            "items": _quantities({item.line_item_id: int(item.quantity) for item in fulfillment.items}),
            "labels": [{"tracking_number": number, "tracking_url": "", "label_url": ""} for number in labels],
            "metadata": {"carriers": ", ".join(dict.fromkeys(labels.values()))},
            "no_notification": not notify,
        }
        path = f"/orders/{checked(order_id)}/fulfillments/{checked(fulfillment.id)}/shipments"
        await self._http.send("POST", path, _anything, json=body)

    async def reservations(self, line_items: Sequence[str]) -> list[wire.Reservation]:
        """The stock that is held for these lines."""
        path = "/reservations?" + urlencode([("line_item_id[]", item) for item in line_items] + [("limit", "500")])
        answer: _Reservations = await self._http.get(path, _reservations)
        return answer.reservations

    async def levels(self, inventory_item: str) -> list[wire.Level]:
        """Where an inventory item lies."""
        path = f"/inventory-items/{checked(inventory_item)}/location-levels"
        answer: _Levels = await self._http.get(path, _levels)
        return answer.inventory_levels

    async def reserve(self, line_item: str, inventory_item: str, location: str, quantity: int) -> None:
        """Holds stock for a line."""
        body = {
            "line_item_id": line_item,
            "inventory_item_id": inventory_item,
            "location_id": location,
            "quantity": quantity,
        }
        await self._http.send("POST", "/reservations", _anything, json=body)

    async def variants(self, field: str, values: Sequence[str]) -> list[wire.Variant]:
        """The variants with one of these SKUs, EANs or barcodes."""
        pairs = [(f"{field}[]", value) for value in values]
        query = urlencode([*pairs, ("fields", VARIANT), ("limit", "500")], quote_via=quote)
        answer: _Variants = await self._http.get(f"/product-variants?{query}", _variants)
        return answer.variants

    async def region(self, region_id: str) -> wire.Region:
        """A region."""
        query = {"fields": "id,name,currency_code"}
        answer: _Region = await self._http.get(f"/regions/{checked(region_id)}", _region, query=query)
        return answer.region

    async def sales_channel(self, channel_id: str) -> wire.Named:
        """A sales channel."""
        answer: _Channel = await self._http.get(f"/sales-channels/{checked(channel_id)}", _channel)
        return answer.sales_channel

    async def shipping_options(self) -> list[wire.Named]:
        """The delivery methods."""
        answer: _Options = await self._http.get(
            "/shipping-options", _options, query={"fields": "id,name", "limit": "500"}
        )
        return answer.shipping_options

    async def payment_providers(self) -> list[wire.Named]:
        """The ways to pay; they have no names but their ids."""
        answer: _Providers = await self._http.get("/payments/payment-providers", _providers)
        return answer.payment_providers


def _since(field: str, since: datetime, fields: str, limit: int, offset: int) -> dict[str, str]:
    moment = since.astimezone(UTC).isoformat(timespec="milliseconds")
    where = {"order": field, f"{field}[$gte]": moment}
    return {**where, "fields": fields, "limit": str(limit), "offset": str(offset)}


def _quantities(items: Mapping[str, int]) -> list[dict[str, Any]]:
    return [{"id": item, "quantity": quantity} for item, quantity in items.items()]


def checked(identifier: str) -> str:
    """An id, checked before it becomes part of a path."""
    if not _ID.fullmatch(identifier):
        raise Rejected(f"{identifier[:40]!r} is not an id of Medusa's")
    return identifier
