"""Adding an order: the products are looked up, the order is sent once, and what the shop made of it is read back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from msgspec.structs import replace

from orderferry import Account, ForwardOrder, PlatformError, ProductKey, Rejected, ShopOrder, Unsure
from orderferry.php import text
from orderferry.references import carries, reference_in
from plugins.shops.integration_file import catalogue, finding, mapping
from plugins.shops.integration_file.catalogue import Match
from plugins.shops.integration_file.client import FileClient
from plugins.shops.integration_file.orders import decode, held
from plugins.shops.integration_file.settings import FileSettings

TRIES = 3
SWALLOWED = "the shop answered without the order's number, which is how it says that adding failed; its log says why"


async def add(client: FileClient, account: Account[FileSettings], order: ForwardOrder) -> ShopOrder:
    """Adds the order and answers it as the shop shows it."""
    keys = [ProductKey(sku=line.sku, ean=line.ean) if line.goods else ProductKey() for line in order.lines]
    matches = await catalogue.find(client, keys)
    fields, warnings = mapping.fields(order, matches, account.settings, account.clock.now())
    number = await _send(client, fields, TRIES if account.settings.unique_numbers else 1)
    if number is None:
        return await _settle(client, account, order)
    made = await _shown(client, account, order, ShopOrder(id=number, number=number, warnings=warnings))
    bought = [(match, line.quantity) for match, line in zip(matches, order.lines, strict=True)]
    return await _with_stock(client, bought, made)


async def _send(client: FileClient, fields: Mapping[str, str], tries: int) -> str | None:
    """Sends the order; more than once only where the shop answers the same order for the same number."""
    try:
        return await client.add_order(fields)
    except Unsure:
        if tries <= 1:
            raise
    return await _send(client, fields, tries - 1)


async def _settle(client: FileClient, account: Account[FileSettings], order: ForwardOrder) -> ShopOrder:
    """The answer came, so the request is over: the order is there now, or it never will be."""
    if not await client.supports("OrdersGet"):
        raise Unsure(SWALLOWED)
    try:
        found = await finding.find(client, account, order.reference, account.clock.now() - timedelta(hours=1))
    except PlatformError as error:
        raise Unsure(SWALLOWED) from error
    if found is None:
        raise Rejected(SWALLOWED)
    return found


async def _shown(client: FileClient, account: Account[FileSettings], order: ForwardOrder, made: ShopOrder) -> ShopOrder:
    """The order read back; one that is not ours, though the shop gave its number, is refused."""
    try:
        raw = await client.order(made.id) if await client.supports("OrdersGet") else None
        if raw is None:
            return made
        comments = text(decode(raw).user_comments)
        shown = held(made.id, raw, account.settings, made.warnings)
    except PlatformError as error:  # the order is there all the same
        account.log.warning("integration_file.not_read_back", order=made.id, error=type(error).__name__)
        return made
    if carries(comments, order.reference):
        return shown
    if reference_in(comments, account.reference_prefix):
        number = mapping.order_number(order, account.settings)
        raise Rejected(
            f"the shop answered its order {made.id}, which is another one: it knew the number {number} already. "
            "Set number_base to more than the highest number it has, and retry"
        )
    lost = "The shop does not show the comment with the order's reference: after a lost answer you will be asked."
    return replace(shown, warnings=(*made.warnings, lost))


async def _with_stock(client: FileClient, bought: list[tuple[Match | None, int]], made: ShopOrder) -> ShopOrder:
    try:
        fell = await catalogue.stock_fell(client, bought)
    except PlatformError:
        fell = None  # what can't be read is not known; the order is there all the same
    if fell is None:
        return made
    warnings = made.warnings if fell else (*made.warnings, "The shop's stock did not fall for every line.")
    return replace(made, stock_fell=fell, warnings=warnings)
