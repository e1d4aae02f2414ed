"""What the simulated shop tells of itself to tests and the demo, by the marketplace orders that were put into it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

Order = Mapping[str, Any]  # a JSON object of the API


def summary(orders: Iterable[Order]) -> dict[str, Any]:
    """All orders and those with a reference; of each marketplace order how often it is here, and how it stands."""
    every = list(orders)
    references = Counter(order["created_via"] for order in every if order["created_via"] != "checkout")
    noted = [(order, _notes(order)) for order in every]
    ours = [(order, notes["_orderferry_order"], notes) for order, notes in noted if "_orderferry_order" in notes]
    return {
        "orders": len(every),
        "references": dict(references),
        "sources": dict(Counter(source for _, source, _ in ours)),
        "twice": sorted(reference for reference, count in references.items() if count > 1),
        "statuses": {source: order["status"] for order, source, _ in ours},
        "parcels": {source: _parcels(notes) for _, source, notes in ours},
        "paid": sorted(source for _, source, notes in ours if notes.get("_orderferry_payment") == "paid"),
    }


def _notes(order: Order) -> dict[str, Any]:
    return {entry["key"]: entry["value"] for entry in order["meta_data"]}


def _parcels(notes: Mapping[str, Any]) -> list[str]:
    return [parcel["number"] for parcel in msgspec.json.decode(notes.get("_orderferry_tracking", "[]"))]
