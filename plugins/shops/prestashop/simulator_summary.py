"""What the simulated shop tells of itself to tests and the demo, by the marketplace orders that were put into it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from plugins.shops.prestashop import texts
from plugins.shops.prestashop.simulator_tables import Row


def summary(orders: Iterable[Row], carriers: Iterable[Row]) -> dict[str, Any]:
    """All orders and those with a reference; of each marketplace order how often it is here, and how it stands.

    Which marketplace order one is stands in its note, so one whose note was never written is known by reference alone.
    """
    every = list(orders)
    references = Counter(order["gift_message"] for order in every if order["gift_message"])
    ours = {order["id"]: source for order in every if (source := texts.source_in(order["note"]))}
    parcels: dict[str, list[str]] = {source: [] for source in ours.values()}
    for carrier in carriers:
        if carrier["id_order"] in ours:
            numbers = [number for number in carrier["tracking_number"].split(",") if number]
            parcels[ours[carrier["id_order"]]] += numbers
    return {
        "orders": len(every),
        "references": dict(references),
        "sources": dict(Counter(ours.values())),
        "twice": sorted(reference for reference, count in references.items() if count > 1),
        "statuses": {ours[order["id"]]: order["current_state"] for order in every if order["id"] in ours},
        "parcels": parcels,
        "paid": sorted(
            ours[order["id"]]
            for order in every
            if order["id"] in ours and texts.mark_in(order["note"]) == texts.Marks.PAID
        ),
    }
