"""The second half of the demo: a status, parcels and a payment travel from the hub to where they belong."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from daemon.control.client import Client
from daemon.demo.cast import MARKETPLACES, SHOPS, Part

PATIENCE = 60.0
CARRIER, FIRST_NUMBER = "INPOST", 620000000000000000000001

Ask = Callable[[Part], Mapping[str, Any]]  # a part of the demo -> its simulator's summary
Row = Mapping[str, Any]  # an order in the control API's list


class Travel(Struct, frozen=True, kw_only=True):
    """One thing that was told to the hub, where it arrived, and after how many seconds; None if it never did."""

    what: str
    where: str
    seconds: float | None


def play(client: Client, ask: Ask) -> tuple[Travel, ...]:
    """Tells the hub of a status, a parcel for each marketplace and a payment, each of an order of its own, and waits.

    What no order is left for does not travel: a short demo may have no unpaid one.
    """
    free = list(_suitable(client, ask))
    found: list[Travel] = []

    def tell(order: Row, verb: str, body: Mapping[str, object], what: str, there: Mapping[Part, _Test]) -> None:
        free.remove(order)
        client.post("orders", order["external_id"], verb, body=body)
        arrived = _wait(lambda: all(test(ask(part)) for part, test in there.items()))
        titles = [part.title for part in there]
        where = f"{', '.join(titles[:-1])} and {titles[-1]}"
        found.append(Travel(what=what, where=where, seconds=arrived))

    for part in MARKETPLACES:
        if part.sent and (order := _first(free, part, paid=True)):
            number = order["external_id"]
            tell(
                order,
                "status",
                {"status": "sent"},
                "the status 'sent'",
                {
                    **{shop: _equals("statuses", number, shop.sent) for shop in SHOPS},
                    part: _equals("fulfillment", number, part.sent),
                },
            )
    for tracking, part in enumerate(MARKETPLACES, start=FIRST_NUMBER):
        if order := _first(free, part, paid=True):
            number = order["external_id"]
            tell(
                order,
                "parcels",
                {"carrier": CARRIER, "number": str(tracking)},
                "a tracking number",
                {
                    **{shop: _holds("parcels", number, str(tracking)) for shop in SHOPS},
                    part: _holds("shipments", number, str(tracking)),
                },
            )
    if order := next((one for one in free if not one["paid"]), None):
        number = order["external_id"]
        tell(order, "payment", {"paid": True}, "a payment", {shop: _holds("paid", None, number) for shop in SHOPS})
    return tuple(found)


_Test = Callable[[Mapping[str, Any]], bool]


def _suitable(client: Client, ask: Ask) -> Iterator[Row]:
    """The orders that stand in every shop and carry the marketplace's id there, which the tests below look for."""
    noted = [ask(shop)["statuses"] for shop in SHOPS]
    for order in client.get("orders", stage="ready", limit=500).value["orders"]:
        if len(order["shops"]) == len(SHOPS) and all(order["external_id"] in statuses for statuses in noted):
            yield order


def _first(orders: list[Row], part: Part, *, paid: bool) -> Row | None:
    return next((one for one in orders if one["account"] == part.account and one["paid"] is paid), None)


def _equals(key: str, order: str, wanted: str | None) -> _Test:
    return lambda summary: summary[key].get(order) == wanted


def _holds(key: str, order: str | None, wanted: str) -> _Test:
    return lambda summary: wanted in (summary[key] if order is None else summary[key].get(order, ()))


def _wait(there: Callable[[], bool]) -> float | None:
    began = time.monotonic()
    while not there():
        if time.monotonic() - began > PATIENCE:
            return None
        time.sleep(0.1)
    return time.monotonic() - began
