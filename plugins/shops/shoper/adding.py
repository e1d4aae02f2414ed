"""Adding an order in several calls: the customer, the order without lines, each line, and the note that ends it.

Shoper lowers the stock with each line, and neither the order nor a line may be made twice. So:

- everything that could be refused is looked up before anything is written;
- the order carries its reference from the first moment, with the mark that its adding has not ended;
- its lines are saved as progress before the order is sent, so that a later try means the very same ones;
- a later try finds the order by its reference, reads its lines, and adds only those that it lacks;
- a call whose answer was lost ends the try in doubt: only when the settle window is over is the shop asked again;
- at last the mark is taken away, and only then can the order be found.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from orderferry import (
    Account,
    ForwardOrder,
    Malformed,
    PlatformError,
    ProductKey,
    Progress,
    Rejected,
    ShopOrder,
    Unavailable,
    Unsure,
)
from orderferry.php import text
from plugins.shops.shoper import catalogue, finding, mapping
from plugins.shops.shoper.catalogue import Match
from plugins.shops.shoper.client import ShoperClient
from plugins.shops.shoper.knowledge import Facts
from plugins.shops.shoper.orders import held
from plugins.shops.shoper.settings import ShoperSettings


class Saved(Struct, frozen=True, kw_only=True):
    """What a later try has to know: since when the order may be there, and its lines as they are sent."""

    began: datetime
    lines: list[dict[str, Any]]


class Ready(Struct, frozen=True, kw_only=True):
    """All that was looked up before anything is written."""

    matches: tuple[Match | None, ...]
    lines: list[dict[str, Any]]
    shipping_tax: str


async def add(
    client: ShoperClient, account: Account[ShoperSettings], facts: Facts, order: ForwardOrder, progress: Progress
) -> ShopOrder:
    """Adds the order, or what it lacks, and answers it as the shop shows it."""
    saved = _load(progress.value)
    # asked even at the first try: progress may be lost with a store that was put back from a backup
    row = await finding.by_reference(client, facts, order.reference, saved.began if saved else None)
    if row is not None and not mapping.is_open(text(row.notes_priv), order.reference):
        return held(row, facts)
    ready = await _prepare(client, account.settings, facts, order)
    if saved is None:
        saved = Saved(began=account.clock.now(), lines=ready.lines)
        await progress.save(_dump(saved))
    if row is None:
        user_id = account.settings.user or await _customer(client, account.settings, order)
        body = mapping.header(order, facts, ready.shipping_tax, user_id, account.settings)
        order_id = await client.add_order(body)
        lacking = saved.lines
    else:
        order_id = text(row.order_id)
        lacking = mapping.missing(saved.lines, await client.lines([order_id]))
    for line in lacking:
        await _add_line(client, order_id, line)
    await client.change_order(order_id, {"notes_priv": mapping.note(order, complete=True)})
    return await _described(client, facts, order, ready, order_id, fresh=row is None)


async def _prepare(client: ShoperClient, settings: ShoperSettings, facts: Facts, order: ForwardOrder) -> Ready:
    keys = [ProductKey(sku=line.sku, ean=line.ean) if line.goods else ProductKey() for line in order.lines]
    matches = await catalogue.find(client, keys)
    taxes: dict[str, str] = {}
    for line, match in zip(order.lines, matches, strict=True):
        if match is not None and line.tax_rate is None and match.product_id not in taxes:
            taxes[match.product_id] = text((await client.product(match.product_id)).tax_id)
    delivery = mapping.delivery_of(order, facts, settings)
    tax = facts.deliveries[delivery].tax or text((await client.shipping(delivery)).tax_id) or facts.default_tax
    if not tax:
        raise Rejected(f"the shop tells no tax for its delivery method {delivery}")
    ready = Ready(matches=tuple(matches), lines=mapping.lines(order, matches, taxes, facts), shipping_tax=tax)
    mapping.header(order, facts, tax, "0", settings)  # whatever it would refuse is refused before anything is written
    return ready


async def _customer(client: ShoperClient, settings: ShoperSettings, order: ForwardOrder) -> str:
    """The customer with the buyer's address; the shop itself sees to it that there is only one."""
    email = mapping.email_of(order, settings)
    found = await _known_customer(client, email)
    if found is not None:
        return found
    try:
        return await client.add_user(mapping.customer(order, settings))
    except (Rejected, Unsure) as error:  # somebody made him meanwhile; or we did, and the answer was lost
        found = await _known_customer(client, email)
        if found is not None:
            return found
        if isinstance(error, Unsure):
            raise Unavailable("the shop did not say whether it made the customer; the order was not sent") from error
        raise


async def _known_customer(client: ShoperClient, email: str) -> str | None:
    wanted = email.casefold()
    return next((text(row.user_id) for row in await client.users(email) if text(row.email).casefold() == wanted), None)


async def _add_line(client: ShoperClient, order_id: str, line: dict[str, Any]) -> None:
    try:
        await client.add_line({"order_id": int(order_id), **line})
    except Rejected as error:
        raise Rejected(
            f"order {order_id} was made, but the shop refused one of its lines: {error}. "
            "Mend it there and retry: what is missing is added then"
        ) from error


async def _described(
    client: ShoperClient, facts: Facts, order: ForwardOrder, ready: Ready, order_id: str, *, fresh: bool
) -> ShopOrder:
    """The order as the shop shows it; that it can't be read changes nothing, as it is there."""
    unfound = zip(order.lines, ready.matches, strict=True)
    warnings = tuple(mapping.unbound(line) for line, match in unfound if line.goods and match is None)
    fell: bool | None = None
    try:
        if fresh:  # at a later try the stock had fallen before it was looked at
            bought = [(match, line.quantity) for match, line in zip(ready.matches, order.lines, strict=True)]
            fell = await catalogue.stock_fell(client, bought)
        if fell is False:
            warnings = (*warnings, "The shop's stock did not fall for every line.")
        return held(await client.order(order_id), facts, stock_fell=fell, warnings=warnings)
    except PlatformError:
        return ShopOrder(id=order_id, number=order_id, stock_fell=fell, warnings=warnings)


def _load(value: str | None) -> Saved | None:
    if value is None:
        return None
    try:
        return msgspec.json.decode(value, type=Saved)
    except msgspec.MsgspecError as error:
        raise Malformed("what was saved of an earlier try can't be read") from error


def _dump(saved: Saved) -> str:
    return _encode(saved).decode()


_encode = msgspec.json.Encoder(decimal_format="number").encode
