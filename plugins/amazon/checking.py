"""Proving that an account's tokens and roles are good, with one search and one list of marketplaces."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from orderferry import CheckReport, NeedsLogin, Order, Rejected, Unavailable
from plugins.amazon import mapping, wire
from plugins.amazon.cursor import bound, stamp
from plugins.amazon.marketplaces import BY_ID, Marketplace

if TYPE_CHECKING:
    from plugins.amazon.client import Client

REACH: Final = timedelta(days=30)
ROLE: Final = "Direct-to-Consumer Delivery (Restricted)"


async def probe(client: Client, now: datetime, marketplaces: Iterable[Marketplace]) -> wire.OrderList:
    """Searches for one order that the seller has to ship himself."""
    return await client.search(
        {
            "lastUpdatedAfter": stamp(now - REACH),
            "lastUpdatedBefore": stamp(bound(now)),
            "fulfillmentStatuses": "UNSHIPPED,PARTIALLY_SHIPPED",
            "fulfilledBy": "MERCHANT",
            "marketplaceIds": ",".join(one.id for one in marketplaces),
            "includedData": "RECIPIENT,PROCEEDS,FULFILLMENT",
            "maxResultsPerPage": "1",
        }
    )


async def report(client: Client, now: datetime, marketplaces: Sequence[Marketplace]) -> CheckReport:
    """What the search shows; the marketplaces are only worth a note, for their list needs a role of its own."""
    orders = (await probe(client, now, marketplaces)).orders
    notes = [address_note(mapping.order_or_malformed(orders[0]))] if orders else [NOTHING_OPEN]
    try:
        notes += marketplace_notes(await client.participations(), marketplaces)
    except (NeedsLogin, Rejected, Unavailable):
        notes.append("Amazon did not tell on which of its marketplaces you sell.")
    countries = ", ".join(one.country for one in marketplaces)
    return CheckReport(summary=f"Orders can be read from {countries}.", notes=tuple(note for note in notes if note))


NOTHING_OPEN: Final = "No order is open, so it can't be seen whether Amazon hands out addresses to your application."


def address_note(found: object) -> str | None:
    """What is to be done where an open order came without an address."""
    if isinstance(found, Order) and found.delivery.address is None:
        return f"Amazon hands out no addresses, so no order will become ready: your application lacks the role {ROLE}."
    return None


def marketplace_notes(found: Iterable[wire.MarketplaceParticipation], asked: Iterable[Marketplace]) -> list[str]:
    """The European marketplaces where the seller takes part and that are not asked for orders."""
    sold = {one.marketplace.id for one in found if one.participation.is_participating}
    left = [BY_ID[one].name for one in sorted(sold - {one.id for one in asked}) if one in BY_ID]
    return [f"You also sell on {', '.join(left)}, which is not in `marketplaces`."] if left else []
