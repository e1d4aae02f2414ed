"""Fetching the shop's orders, window by window.

A window begins at a moment of modification and is turned page by page in the order of the ids, with no upper bound: an
order that is changed meanwhile keeps its place. Only one that is deleted moves the others up; then the total has
fallen, and the window is begun again. The next window begins where this one began to be read, less an overlap.
Times are the shop's own, by its Date header, where its clock is behind ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import msgspec
from msgspec import Struct

from orderferry import Account, Echo, MalformedOrder, Order, Page
from plugins.shops.woocommerce.client import PAGE, WooClient
from plugins.shops.woocommerce.orders import understand
from plugins.shops.woocommerce.settings import WooSettings

FIRST = timedelta(days=3)
OVERLAP = timedelta(minutes=10)


class Cursor(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where fetching stands: orders changed after `after`, `page`; `began` and `total` are the first page's."""

    after: datetime
    page: int = 1
    began: datetime | None = None
    total: int = 0


async def fetch_page(
    client: WooClient, account: Account[WooSettings], text: str | None, since: datetime | None
) -> Page:
    """The next page; `since` begins a window that reaches back so far."""
    now = account.clock.now()
    cursor = _cursor(text, now) if since is None else Cursor(after=since)
    query = {
        "modified_after": gmt(cursor.after),
        "dates_are_gmt": "true",
        "status": "any",
        "orderby": "id",
        "order": "asc",
        "per_page": str(PAGE),
        "page": str(cursor.page),
    }
    raws, response = await client.fetch(query)
    began = cursor.began or shop_time(response.headers, now)
    total = number_in(response.headers, "x-wp-total")
    more = len(raws) >= PAGE or cursor.page < number_in(response.headers, "x-wp-totalpages")
    found = [understand(bytes(raw), account.settings, account.reference_prefix) for raw in raws]
    following, more = _following(cursor, began, total, more=more)
    return Page(
        orders=tuple(entry for entry in found if isinstance(entry, Order)),
        echoes=tuple(entry for entry in found if isinstance(entry, Echo)),
        malformed=tuple(entry for entry in found if isinstance(entry, MalformedOrder)),
        cursor=msgspec.json.encode(following).decode(),
        more=more,
    )


def gmt(moment: datetime) -> str:
    """A moment as the API reads it with `dates_are_gmt`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _following(cursor: Cursor, began: datetime, total: int, *, more: bool) -> tuple[Cursor, bool]:
    if cursor.page > 1 and 0 < total < cursor.total:
        return Cursor(after=cursor.after, began=began), True
    if more:
        return Cursor(after=cursor.after, page=cursor.page + 1, began=began, total=total), True
    return Cursor(after=max(began - OVERLAP, cursor.after)), False


def _cursor(text: str | None, now: datetime) -> Cursor:
    return Cursor(after=now - FIRST) if text is None else msgspec.json.decode(text, type=Cursor)


def shop_time(headers: Mapping[str, str], now: datetime) -> datetime:
    """The present moment by the shop's clock where that is behind ours, else by ours."""
    try:
        return min(now, parsedate_to_datetime(headers.get("date", "")).astimezone(UTC))
    except (ValueError, TypeError):
        return now


def number_in(headers: Mapping[str, str], name: str) -> int:
    """A count in an answer's headers; 0 where there is none."""
    text = headers.get(name, "")
    return int(text) if text.isdigit() else 0
