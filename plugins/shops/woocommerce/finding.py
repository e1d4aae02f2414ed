"""Finding an order again by its reference.

First by the exact filter on `created_via` (recording 23), then through every order since, the trash included, comparing
`created_via` and our note on the order. WooCommerce ignores parameters that it does not know and then answers every
order, so each answer is compared here, and whatever fails raises: "not there" is only said after both looks came whole.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from orderferry import Account, ProductKey, Rejected, ShopOrder, Unavailable
from plugins.shops.woocommerce.client import ORDER_FIELDS, PAGE, REFERENCE_FIELDS, WooClient
from plugins.shops.woocommerce.fetching import gmt, number_in, shop_time
from plugins.shops.woocommerce.knowledge import Catalogue
from plugins.shops.woocommerce.mapping import carries_reference, shop_order, unreduced
from plugins.shops.woocommerce.settings import WooSettings
from plugins.shops.woocommerce.wire import OrderAnswer

SLACK = timedelta(minutes=15)  # beyond what the Date header tells of the shop's clock
MAKING = timedelta(minutes=1)  # how long a new order may be pending because the shop is still at work on it
KEPT_IN = ("any", "trash")  # "any" leaves the trash out (recording 20)


async def find(
    client: WooClient, catalogue: Catalogue, account: Account[WooSettings], reference: str, since: datetime
) -> ShopOrder | None:
    """The order with exactly this reference; None when the shop has truly said that it has none."""
    order_id, lag = await _exactly(client, account, reference)
    if order_id is None:
        order_id = await _in_window(client, account, reference, since - lag - SLACK)
    if order_id is None:
        return None
    return await _described(client, catalogue, account, str(order_id))


async def _exactly(client: WooClient, account: Account[WooSettings], reference: str) -> tuple[int | None, timedelta]:
    """The order's id, and by how much the shop's clock is behind ours."""
    lag = timedelta(0)
    for status in KEPT_IN:
        query = {"created_via": reference, "status": status, "per_page": str(PAGE)}
        try:
            found, response = await client.orders(query, REFERENCE_FIELDS)
        except Rejected:
            continue  # a shop that knows the parameter and refuses it: the window decides
        now = account.clock.now()
        lag = max(lag, now - shop_time(response.headers, now))
        for answer in found:
            if carries_reference(answer, reference, account.settings):
                return answer.id, lag
    return None, lag


async def _in_window(client: WooClient, account: Account[WooSettings], reference: str, since: datetime) -> int | None:
    for status in KEPT_IN:
        page, total = 1, 0
        while True:
            query = {
                "after": gmt(since),
                "dates_are_gmt": "true",
                "status": status,
                "orderby": "id",
                "order": "asc",
                "per_page": str(PAGE),
                "page": str(page),
            }
            found, response = await client.orders(query, REFERENCE_FIELDS)
            for answer in found:
                if carries_reference(answer, reference, account.settings):
                    return answer.id
            counted = number_in(response.headers, "x-wp-total")
            if page > 1 and 0 < counted < total:
                raise Unavailable("orders were deleted while they were searched, so one may have been overlooked")
            if len(found) < PAGE and page >= number_in(response.headers, "x-wp-totalpages"):
                break
            page, total = page + 1, counted
    return None


async def _described(
    client: WooClient, catalogue: Catalogue, account: Account[WooSettings], order_id: str
) -> ShopOrder:
    answer = await client.order(order_id, ORDER_FIELDS)
    if answer.status == "pending" and _young(answer, account.clock.now()):
        # seen 60 ms after sending (recording 27): all is there but the status, and so the stock
        raise Unavailable(f"the shop is still making order {answer.id}", retry_after=5)
    fell = await _stock_fell(catalogue, answer)
    warnings = []
    if answer.status == "trash":
        warnings.append(f"Order {answer.id} lies in the shop's trash.")
    if fell is False:
        warnings.append("The shop's stock did not fall for every line.")
    return shop_order(answer, fell, warnings)


def _young(answer: OrderAnswer, now: datetime) -> bool:
    try:
        made = datetime.fromisoformat(f"{answer.date_created_gmt}+00:00")
    except ValueError:
        return False
    return timedelta(0) <= now - made < MAKING


async def _stock_fell(catalogue: Catalogue, answer: OrderAnswer) -> bool | None:
    """True when every line of a product with counted stock took from it; None where no product counts its stock."""
    bound = [line for line in answer.line_items if line.product_id]
    left = unreduced(answer)
    if not left:
        return True if bound else None
    matches = await catalogue.find([ProductKey(sku=line.sku) for line in left])
    if any(match.product is not None and match.product.manage_stock for match in matches):
        return False
    return True if len(left) < len(bound) else None
