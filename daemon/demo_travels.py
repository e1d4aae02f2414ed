"""The second half of the demo: a status, a payment and a parcel travel from the hub to where they belong."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from daemon.control.client import Client

PATIENCE = 60.0
CARRIER, NUMBER = "INPOST", "620000000000000000000001"

Summary = Callable[[], Mapping[str, Any]]


class Travel(Struct, frozen=True, kw_only=True):
    """One thing that was told to the hub, where it arrived, and after how many seconds; None if it never did."""

    what: str
    where: str
    seconds: float | None


def play(client: Client, market: Summary, shop: Summary) -> tuple[Travel, ...]:
    """Tells the hub of a status, a payment and a parcel, each of an order of its own, and waits until they arrive."""
    orders = [one for one in client.get("orders", stage="ready", limit=500).value["orders"] if one["shops"]]
    paid, unpaid = [one for one in orders if one["paid"]], [one for one in orders if not one["paid"]]
    found = []
    if paid:
        order = paid[0]["external_id"]
        client.post("orders", order, "status", body={"status": "sent"})
        arrived = _wait(
            lambda: shop()["statuses"].get(order) == "completed" and market()["fulfillment"][order] == "SENT"
        )
        found.append(Travel(what="the status 'sent'", where="the shop and Allegro", seconds=arrived))
    if len(paid) > 1:
        order = paid[1]["external_id"]
        client.post("orders", order, "parcels", body={"carrier": CARRIER, "number": NUMBER})
        arrived = _wait(
            lambda: NUMBER in shop()["parcels"].get(order, ()) and NUMBER in market()["shipments"].get(order, ())
        )
        found.append(Travel(what="a tracking number", where="the shop and Allegro", seconds=arrived))
    if unpaid:
        order = unpaid[0]["external_id"]
        client.post("orders", order, "payment", body={"paid": True})
        arrived = _wait(lambda: order in shop()["paid"])
        found.append(Travel(what="a payment", where="the shop", seconds=arrived))
    return tuple(found)


def _wait(there: Callable[[], bool]) -> float | None:
    began = time.monotonic()
    while not there():
        if time.monotonic() - began > PATIENCE:
            return None
        time.sleep(0.1)
    return time.monotonic() - began
