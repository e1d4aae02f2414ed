"""Orders that something else has put into the shop: another tool, or a person, for a purchase that is ours to add.

WooCommerce's search finds no notes (recording 20), so the orders since the purchase are read and compared: whatever
they carry in their notes, their transaction's number or the buyer's comment may name it. They are read once and then
only what has come since, so that a look costs one short request, and within a few seconds none.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from msgspec import Struct

from orderferry import Account, ForwardOrder, Money, ShopOrder, Unavailable
from plugins.shops.woocommerce.client import PAGE, WooClient
from plugins.shops.woocommerce.fetching import gmt, number_in, shop_time
from plugins.shops.woocommerce.orders import reference_of
from plugins.shops.woocommerce.settings import WooSettings
from plugins.shops.woocommerce.wire import NamedOrder

FRESH = 5.0  # seconds in which a look is not repeated
SLACK = timedelta(minutes=15)
REACH = timedelta(days=14)  # an older purchase is looked for among the orders of this time alone
SHORTEST = 8  # a shorter id may stand in a note by chance
MOST_PAGES = 50
MOST_KEPT = 20_000
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*[A-Za-z0-9]")


class Seen(Struct, frozen=True):
    """One of the shop's orders that is not ours, and all the ids that it names."""

    order: NamedOrder
    names: frozenset[str]


class Others:
    """What is known of the shop's orders that are not ours."""

    def __init__(self, client: WooClient, account: Account[WooSettings]) -> None:
        self._client = client
        self._account = account
        self._seen: dict[int, Seen] = {}
        self._since: datetime | None = None
        self._until = account.clock.now()
        self._fresh_until = 0.0
        self._looking = asyncio.Lock()

    async def find(self, order: ForwardOrder) -> ShopOrder | None:
        """The order of this purchase that is not ours; None where there is none."""
        wanted = names_of(order)
        if not wanted:
            return None
        await self._look(order.ordered_at)
        for seen in self._seen.values():
            if same_purchase(seen, wanted, order):
                total = Money.of(seen.order.total, seen.order.currency) if seen.order.currency else None
                number = str(seen.order.number or seen.order.id)
                return ShopOrder(id=str(seen.order.id), number=number, total=total, status=seen.order.status)
        return None

    async def _look(self, ordered_at: datetime) -> None:
        async with self._looking:
            now = self._account.clock.now()
            since = (max(ordered_at, now - REACH) - SLACK).replace(hour=0, minute=0, second=0, microsecond=0)
            if self._since is None or since < self._since or len(self._seen) > MOST_KEPT:
                self._seen.clear()
                began = await self._read("after", since)
                self._since = since
            elif self._account.clock.monotonic() < self._fresh_until:
                return
            else:
                began = await self._read("modified_after", self._until)
            self._until = began - SLACK
            self._fresh_until = self._account.clock.monotonic() + FRESH

    async def _read(self, what: str, since: datetime) -> datetime:
        """Reads all orders since then; answers when the first page was read, by the shop's clock."""
        began: datetime | None = None
        for page in range(1, MOST_PAGES + 1):
            query = {what: gmt(since), "dates_are_gmt": "true", "status": "any", "orderby": "id", "order": "asc"}
            found, response = await self._client.named_orders(query | {"per_page": str(PAGE), "page": str(page)})
            now = self._account.clock.now()
            began = began or shop_time(response.headers, now)
            for answer in found:
                self._take(answer)
            if len(found) < PAGE and page >= number_in(response.headers, "x-wp-totalpages"):
                return began
        most = MOST_PAGES * PAGE
        raise Unavailable(f"the shop has more than {most} orders since {since:%Y-%m-%d}, too many to look through")

    def _take(self, answer: NamedOrder) -> None:
        account = self._account
        if reference_of(answer, account.settings, account.reference_prefix) is None:
            self._seen[answer.id] = Seen(answer, frozenset(_words(answer)))


def names_of(order: ForwardOrder) -> frozenset[str]:
    """The ids by which a purchase can be known: the marketplace's and the payment's, where they are long enough."""
    ids = (order.external_id, order.payment.id if order.payment else None)
    return frozenset(one.casefold() for one in ids if one and len(one) >= SHORTEST)


def same_purchase(seen: Seen, wanted: frozenset[str], order: ForwardOrder) -> bool:
    """Whether the shop's order names this purchase; a bare number counts only where the total is the same."""
    named = wanted & seen.names
    if not named or seen.order.status in {"cancelled", "failed", "trash"}:
        return False
    same_total = (seen.order.total, seen.order.currency) == (f"{order.total.amount:.2f}", order.total.currency)
    return same_total or any(not one.isdigit() for one in named)


def _words(answer: NamedOrder) -> Iterator[str]:
    """Every whole word that may be an id, in small letters."""
    texts: list[object] = [answer.transaction_id, answer.customer_note, answer.created_via]
    texts += [note.value for note in answer.meta_data]
    for text in texts:
        if isinstance(text, str | int):
            yield from (word.casefold() for word in _WORD.findall(str(text)) if len(word) >= SHORTEST)
