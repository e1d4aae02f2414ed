"""Finding an order again by the reference in its comments, by reading all orders since.

Some files answer an empty list whenever something in them failed, and some keep no comments. So "not there" is only
said where another order of ours was seen with its reference in the same look.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from orderferry import Account, Malformed, ShopOrder, Unavailable
from orderferry.php import text
from orderferry.references import carries, reference_in
from plugins.shops.integration_file import fetching
from plugins.shops.integration_file.client import FileClient
from plugins.shops.integration_file.orders import decode, held
from plugins.shops.integration_file.settings import FileSettings

SLACK = timedelta(hours=1)  # the shop's clock may be behind ours
PROOF = timedelta(days=30)  # how far back an order of ours is looked for that proves the look


async def find(client: FileClient, account: Account[FileSettings], reference: str, since: datetime) -> ShopOrder | None:
    """The order with exactly this reference; None when the look has proved that there is none."""
    for begin in (since - SLACK, since - PROOF):
        proved = False
        async for order_id, raw in fetching.since(client, begin):
            try:
                comments = text(decode(raw).user_comments)
            except Malformed as error:
                if reference.encode() in raw:
                    raise Unavailable(f"order {order_id} carries the reference, but can't be read") from error
                continue
            if carries(comments, reference):
                return held(order_id, raw, account.settings)
            proved = proved or reference_in(comments, account.reference_prefix) is not None
        if proved:
            return None
    raise Unavailable("no order of ours shows its reference in this shop, so that one is not found proves nothing")
