"""The shop's GraphQL Admin API: one method for each thing that is asked of it.

Source: https://shopify.dev/docs/api/admin-graphql
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from msgspec import Raw

from orderferry import Account, NeedsLogin, Rejected, Unavailable
from orderferry.graphql import GraphQL, Operation
from orderferry.http import Limits
from plugins.shops.shopify import documents as doc
from plugins.shops.shopify import wire
from plugins.shops.shopify.auth import auth_of
from plugins.shops.shopify.settings import ShopifySettings

T = TypeVar("T")

VERSION = "2026-10"
NOT_SERVED = {402: "frozen, as its plan is not paid", 423: "locked by Shopify"}
MOST_PAGES = 200


class ShopifyClient:
    """One shop. Every method raises the contract's errors; those that read may be repeated at will."""

    def __init__(self, account: Account[ShopifySettings]) -> None:
        http = account.http(
            account.settings.url,
            auth=auth_of(account.settings, account.clock),
            limits=Limits(backoff=5),
            explain=wire.explain,
        )
        self._graphql = GraphQL(http, f"/admin/api/{VERSION}/graphql.json", account.clock)

    async def add(self, order: Mapping[str, Any], options: Mapping[str, Any]) -> doc.AddedPayload:
        """Makes an order, or answers why not: never to be repeated without a look-up."""
        return (await self._ask(doc.ADD, order=order, options=options)).payload

    async def by_reference(self, reference: str) -> wire.State | None:
        """The order whose metafield has exactly this value; the definition must be there."""
        custom = {"namespace": doc.NAMESPACE, "key": doc.KEY, "value": reference}
        return (await self._ask(doc.BY_REFERENCE, identifier={"customId": custom})).order

    async def created_since(self, since: datetime, after: str | None) -> wire.Connection[wire.Referenced]:
        """A page of the orders added since, with their references."""
        search = f"created_at:>='{moment(since)}'"
        return (await self._ask(doc.REFERENCES, search=search, after=after)).orders

    async def changed_since(self, since: datetime, after: str | None) -> wire.Connection[Raw]:
        """A page of the orders changed since, each still raw."""
        search = f"updated_at:>='{moment(since)}'"
        return (await self._ask(doc.CHANGED, search=search, after=after)).orders

    async def lines(self, order_id: str, after: str | None) -> wire.Connection[wire.Line]:
        """Further lines of an order; `order_id` as Shopify gave it."""
        found = (await self._ask(doc.LINES, id=order_id, after=after)).order
        if found is None:
            raise Unavailable(f"{order_id} was deleted while it was read")
        return found.line_items

    async def naming(self, texts: Sequence[str]) -> list[wire.Purchase]:
        """The newest orders that Shopify's search finds for any of these texts, in whatever field."""
        fields = ("", "source_identifier:", "po_number:", "tag:", "name:")
        search = " OR ".join(f"{field}{quoted(text)}" for text in texts for field in fields)
        return (await self._ask(doc.PURCHASES, search=search)).orders.nodes

    async def variants(self, field: str, values: Sequence[str]) -> list[wire.Variant]:
        """All variants that Shopify's search finds by SKU or barcode; it may find more than was asked for."""
        search = " OR ".join(f"{field}:{quoted(value)}" for value in values)
        found: list[wire.Variant] = []
        after: str | None = None
        for _ in range(MOST_PAGES):
            page = (await self._ask(doc.VARIANTS, search=search, after=after)).product_variants
            found += page.nodes
            if page.page_info is None or not page.page_info.has_next_page:
                return found
            after = page.page_info.end_cursor
        raise Unavailable("the shop's search for products does not end")

    async def state(self, order_id: str) -> wire.State:
        """How an order stands; `order_id` is the number in Shopify's id."""
        found = (await self._ask(doc.STATE, id=wire.gid("Order", order_id))).order
        return _there(found, order_id)

    async def shipping(self, order_id: str) -> wire.Shipping:
        """An order's fulfilments."""
        found = (await self._ask(doc.SHIPPING, id=wire.gid("Order", order_id))).order
        return _there(found, order_id)

    async def defined(self) -> bool:
        """Whether the shop knows our reference as a metafield of orders."""
        return bool((await self._ask(doc.DEFINITION)).metafield_definitions.nodes)

    async def define(self) -> None:
        """Makes it known: of type `id`, whose values are unique and can be looked up.

        Source: https://shopify.dev/docs/apps/build/custom-data/metafields/working-with-custom-ids
        """
        definition = {
            "name": "orderferry's reference",
            "namespace": doc.NAMESPACE,
            "key": doc.KEY,
            "ownerType": "ORDER",
            "type": "id",
        }
        errors = (await self._ask(doc.DEFINE, definition=definition)).done.user_errors
        wire.accept("making the metafield of the reference", [error for error in errors if error.code != "TAKEN"])

    async def fulfil(self, fulfillment_order: str, tracking: Mapping[str, Any] | None, *, notify: bool) -> None:
        """Marks all that is left of a fulfilment order as sent."""
        body: dict[str, Any] = {
            "lineItemsByFulfillmentOrder": [{"fulfillmentOrderId": fulfillment_order}],
            "notifyCustomer": notify,
        }
        if tracking is not None:
            body["trackingInfo"] = tracking
        wire.accept("the fulfilment", (await self._ask(doc.FULFIL, fulfillment=body)).done.user_errors)

    async def track(self, fulfillment: str, tracking: Mapping[str, Any], *, notify: bool) -> None:
        """Replaces the tracking numbers of a fulfilment."""
        done = (await self._ask(doc.TRACK, id=fulfillment, tracking=tracking, notify=notify)).done
        wire.accept("the tracking number", done.user_errors)

    async def change(self, operation: Operation[doc.DoneData], order_id: str, **more: Any) -> None:
        """One of the changes that need nothing but the order: paid, closed, opened, tags."""
        done = (await self._ask(operation, id=wire.gid("Order", order_id), **more)).done
        wire.accept(operation.name, done.user_errors)

    async def cancel(self, order_id: str) -> None:
        """Cancels an order: its goods go back into the stock, nothing is refunded, nobody is mailed."""
        done = (await self._ask(doc.CANCEL, id=wire.gid("Order", order_id))).done
        wire.accept("cancelling", done.user_errors)

    async def standing(self) -> wire.Standing:
        """The shop, our rights in it, and the versions of its API."""
        return await self._ask(doc.STANDING)

    async def read_buyers_data(self) -> None:
        """Reads a buyer's data; `NeedsLogin` where the app may not."""
        await self._ask(doc.READABLE)

    async def _ask(self, operation: Operation[T], **variables: Any) -> T:
        try:
            return await self._graphql.ask(operation, **variables)
        except Rejected as error:
            if error.status in NOT_SERVED:
                raise NeedsLogin(f"the shop is {NOT_SERVED[error.status]}: {error}") from error
            raise


def _there(found: T | None, order_id: str) -> T:
    if found is None:
        raise Rejected(f"the shop has no order {order_id} (any more)")
    return found


def moment(when: datetime) -> str:
    """A moment in UTC as the search reads it."""
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def quoted(text: str) -> str:
    """A text for the search, taken as it is."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
