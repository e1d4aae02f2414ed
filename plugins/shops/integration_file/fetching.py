"""Fetching the shop's orders: each fetch reads again all that was placed within `look_back`.

The protocol lists orders by the time at which they were placed and knows no time of change, so a payment or a
cancellation shows only when an order is read again. A page that could not be read is therefore read again anyway.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import count

import msgspec
from msgspec import Struct

from orderferry import Account, Echo, MalformedOrder, Order, Page, Unavailable
from plugins.shops.integration_file.client import FileClient
from plugins.shops.integration_file.orders import understand
from plugins.shops.integration_file.settings import FileSettings
from plugins.shops.integration_file.wire import Orders

MOST_PAGES = 1000  # the protocol's own limit


class Cursor(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where fetching stands: orders placed since `after`, the page or the number to go on from; `began` is the first's.

    Both times are unix times. A file that tells its pages is turned by `page`, another one by `id_from`.
    """

    after: int
    page: int = 1
    id_from: int = 0
    began: int = 0


async def fetch_page(
    client: FileClient, account: Account[FileSettings], stored: str | None, since: datetime | None
) -> Page:
    """The next page; `since` begins a look that reaches back so far."""
    settings, now = account.settings, account.clock.now()
    if since is not None:
        cursor = Cursor(after=int(since.timestamp()))
    elif stored is None:
        cursor = Cursor(after=int((now - settings.look_back).timestamp()))
    else:
        cursor = msgspec.json.decode(stored, type=Cursor)
    began = cursor.began or int(now.timestamp())
    answer = await client.orders(query(cursor))
    found = [
        understand(order_id, bytes(raw), settings, account.reference_prefix) for order_id, raw in answer.raws.items()
    ]
    following = next_page(cursor, answer)
    reached = datetime.fromtimestamp(began, UTC) - settings.look_back
    done = Cursor(after=max(int(reached.timestamp()), 0))
    stored_next = done if following is None else msgspec.structs.replace(following, began=began)
    return Page(
        orders=tuple(entry for entry in found if isinstance(entry, Order)),
        echoes=tuple(entry for entry in found if isinstance(entry, Echo)),
        malformed=tuple(entry for entry in found if isinstance(entry, MalformedOrder)),
        cursor=msgspec.json.encode(stored_next).decode(),
        more=following is not None,
    )


def query(cursor: Cursor) -> dict[str, str]:
    """The form fields that ask for this page."""
    wanted = {"time_from": str(cursor.after), "only_paid": "0", "page": str(cursor.page)}
    return wanted | ({"id_from": str(cursor.id_from)} if cursor.id_from else {})


def next_page(cursor: Cursor, answer: Orders) -> Cursor | None:
    """What to ask next; None at the end.

    A file that tells no pages may cut its answer silently, so it is asked once more from its highest number on, until
    nothing higher comes.
    """
    if answer.pages:
        more = cursor.page < min(answer.pages, MOST_PAGES)
        return msgspec.structs.replace(cursor, page=cursor.page + 1) if more else None
    highest = max((int(number) for number in answer.raws if number.isdigit()), default=0)
    return msgspec.structs.replace(cursor, id_from=highest) if highest > cursor.id_from else None


async def since(client: FileClient, moment: datetime) -> AsyncIterator[tuple[str, bytes]]:
    """Every order placed since then, with its number; raises where the end is not reached."""
    cursor: Cursor | None = Cursor(after=max(int(moment.timestamp()), 0))
    for turned in count():
        if cursor is None:
            return
        if turned > MOST_PAGES:
            raise Unavailable(f"the shop's orders did not end after {MOST_PAGES} pages")
        answer = await client.orders(query(cursor))
        for order_id, raw in answer.raws.items():
            yield order_id, bytes(raw)
        cursor = next_page(cursor, answer)
