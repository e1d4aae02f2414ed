"""Adding an order, in steps of which only the last counts: draft, payment, and the draft becomes an order.

A draft takes no stock and is shown nowhere but among the drafts, so one that is left behind does no harm. `progress`
says how far it came: "begun" before a draft is made, "draft ID" once it is. A draft that was begun is looked for by its
reference, so that no second one is made.

Measured on Medusa 2.21.2: a draft takes payments; its becoming an order reserves the stock at the sales channel's
locations. Older versions reserve nothing, so what is missing is reserved here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from msgspec import Struct

from orderferry import ForwardOrder, PlatformError, Progress, Rejected, ShopOrder
from orderferry.surroundings import Log
from plugins.shops.medusa import mapping
from plugins.shops.medusa.client import PAGE, MedusaClient
from plugins.shops.medusa.finding import MOST_PAGES
from plugins.shops.medusa.knowledge import Match, Taxes
from plugins.shops.medusa.settings import MedusaSettings
from plugins.shops.medusa.wire import Order, Variant, cents

BEGUN, DRAFT = "begun", "draft "
SLACK = timedelta(hours=1)  # by which the shop's clock may be behind the marketplace's
OPEN = frozenset({"not_paid", "awaiting"})


class Adding(Struct, frozen=True, kw_only=True):
    """One order on its way into the shop; `matches` are the variants of its lines, in their order."""

    client: MedusaClient
    settings: MedusaSettings
    log: Log
    taxes: Taxes
    order: ForwardOrder
    matches: Sequence[Match]
    progress: Progress

    async def run(self) -> ShopOrder:
        """Carries the order to its end from wherever the last try has left it."""
        warnings = mapping.warnings_of(self.order, self.matches)
        left = await self._left_behind()
        if left is not None and left.status != "draft":  # it had become an order after all
            return mapping.shop_order(left, warnings=warnings)
        made = await self._right_draft(left)
        payment = self.order.payment
        if payment is not None and payment.paid:
            await pay(self.client, made, payment.shop_method)
        added = await self.client.convert(made.id)
        fell, lost = await self._reserved(added)
        return mapping.shop_order(added, stock_fell=fell, warnings=[*warnings, *lost])

    async def _left_behind(self) -> Order | None:
        saved = self.progress.value
        if saved is None:
            return None
        draft_id = saved.removeprefix(DRAFT) if saved.startswith(DRAFT) else await self._find_draft()
        if draft_id is None:
            return None
        try:
            return await self.client.order(draft_id)
        except Rejected as error:
            if error.status == 404:  # deleted: by us, for another, or by the seller
                return None
            raise

    async def _find_draft(self) -> str | None:
        key = mapping.reference_key(self.settings)
        for page in range(MOST_PAGES):
            drafts = await self.client.drafts_since(self.order.ordered_at - SLACK, page * PAGE)
            for draft in drafts:
                if (draft.metadata or {}).get(key) == self.order.reference:
                    return draft.id
            if len(drafts) < PAGE:
                break
        return None

    async def _right_draft(self, left: Order | None) -> Order:
        """A draft with the marketplace's total: where taxes that weren't known have raised it, it is made once more.

        What is known of the taxes may change meanwhile, as other orders learn as well. A total that differs though all
        was known stays, to be shown to the seller.
        """
        sent: mapping.JsonObject | None = None
        made = left
        for last in (False, False, True):
            if made is None:
                sent = self._body()
                await self.progress.save(BEGUN)
                made = await self.client.make_draft(sent)
            await self.progress.save(DRAFT + made.id)
            if last or made.money == self.order.total:
                break
            self.taxes.learn(mapping.country_of(self.order), made)
            if sent == self._body():
                break
            await self.client.delete_draft(made.id)
            made = None
        assert made is not None  # noqa: S101 - the loop ends with one
        return made

    def _body(self) -> mapping.JsonObject:
        return mapping.draft(self.order, self.matches, self.taxes, self.settings)

    async def _reserved(self, added: Order) -> tuple[bool | None, list[str]]:
        """Whether all stock is reserved, after reserving what is not; the order stands whatever happens here."""
        variants = {match.variant.id: match.variant for match in self.matches if match.variant is not None}
        counted = {
            item.id: variant
            for item in added.items
            if (variant := variants.get(item.variant_id or "")) is not None and variant.manage_inventory
        }
        if not counted:
            return None, []
        try:
            held = {reservation.line_item_id for reservation in await self.client.reservations(list(counted))}
            for item in added.items:
                if item.id in counted and item.id not in held:
                    await self._reserve(item.id, int(item.quantity), counted[item.id])
        except PlatformError as error:
            self.log.warning("medusa.stock_not_reserved", order=added.id, error=type(error).__name__)
            return False, [f"The order was added, but its stock could not be seen as reserved: {error}"]
        return True, []

    async def _reserve(self, line_item: str, quantity: int, variant: Variant) -> None:
        for part in variant.inventory_items:
            levels = await self.client.levels(part.inventory_item_id)
            if not levels:
                raise Rejected(f"variant {variant.id} lies at no stock location")
            fullest = max(levels, key=lambda level: level.available_quantity)
            needed = quantity * int(part.required_quantity)
            await self.client.reserve(line_item, part.inventory_item_id, fullest.location_id, needed)


async def pay(client: MedusaClient, order: Order, provider: str | None = None) -> None:
    """Makes the order known as paid; pays nothing twice."""
    missing = order.total - captured(order)
    if cents(missing) <= 0:
        return
    asked = next((payment for payment in order.payment_collections if payment.status in OPEN), None)
    asked = asked or await client.ask_payment(order.id, missing)
    await client.mark_paid(asked.id, order.id, provider)


def captured(order: Order) -> Decimal:
    """What has come in."""
    return sum((payment.captured_amount or Decimal(0) for payment in order.payment_collections), Decimal(0))
