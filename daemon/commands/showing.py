"""One order with everything in it, as lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from daemon.commands import words
from daemon.commands.words import Column


def order_lines(view: Mapping[str, Any], most: int | None) -> Iterator[str]:
    """All that is known of an order."""
    order = view["order"]
    delivery, payment, buyer = order["delivery"], order["payment"], order["buyer"]
    yield words.clean(f"Order {view['id']}, {view['account']} {order['external_id']}")
    yield from words.fields(
        [
            ("stage", view["stage"] + (f", merged into order {view['merged_into']}" if view["merged_into"] else "")),
            ("status", view["status"]),
            ("held", view["held"]),
            ("bought", words.when(order["ordered_at"])),
            ("came", words.when(view["first_seen"])),
            ("changed", words.when(order["updated_at"])),
            ("total", money(order["total"])),
            ("payment", _payment(payment, paid=view["paid"])),
            ("buyer", _joined(buyer["login"], _person(buyer), buyer["email"], buyer["phone"])),
            ("delivery", _joined(delivery["method"], money(delivery["cost"]))),
            ("pickup point", _joined(*_point(delivery["pickup_point"]))),
            ("address", address(delivery["address"])),
            ("invoice", _invoice(order["invoice"])),
            ("comment", order["comment"]),
            ("ships itself", "yes, from the marketplace's own stock" if order["ships_itself"] else None),
        ]
    )
    yield ""
    columns = [Column("QTY", right=True), Column("PRODUCT", elastic=True), Column("SKU"), Column("EAN")]
    columns += [Column("OFFER"), Column("PRICE", right=True), Column("TOTAL", right=True)]
    rows = [
        (n["quantity"], n["name"], n["sku"], n["ean"], n["offer_id"], money(n["unit_price"]), money(n["total"]))
        for n in order["lines"]
    ]
    yield from words.table(columns, rows, most)
    yield ""
    for link in view["links"]:
        yield words.clean(f"in {link['account']} as order {link['number']} since {words.when(link['since'])}")
    if not view["links"]:
        yield "in no shop yet"
    for parcel in view["parcels"]:
        yield words.clean(f"parcel {parcel['carrier']} {parcel['number']}")
    for job in view["jobs"]:
        what = f"job {job['id']} {job['kind']} for {job['account']} is {job['state']}"
        yield words.clean(": ".join(part for part in (what, job["reason"], job["remedy"]) if part))
    for warning in view["warnings"]:
        yield words.clean(f"! {warning}")


def money(value: Mapping[str, Any] | None) -> str | None:
    """An amount with its currency."""
    return None if value is None else f"{value['amount']} {value['currency']}"


def address(value: Mapping[str, Any] | None) -> str | None:
    """An address on one line."""
    if value is None:
        return None
    town = " ".join(part for part in (value["postcode"], value["city"]) if part)
    return _joined(_person(value), value["company"], value["street"], value["street2"], town, value["country"])


def _person(value: Mapping[str, Any]) -> str | None:
    return " ".join(part for part in (value["first_name"], value["last_name"]) if part) or None


def _point(value: Mapping[str, Any] | None) -> tuple[str | None, ...]:
    return () if value is None else (value["id"], value["name"], address(value["address"]))


def _invoice(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else _joined(value["tax_id"], address(value["address"]))


def _payment(value: Mapping[str, Any], *, paid: bool) -> str:
    came = money(value["paid"])
    state = "paid" if paid else "not paid"
    return f"{state}, {value['kind'].replace('_', ' ')}" + (f", {came} came in" if came else "")


def _joined(*parts: str | None) -> str | None:
    return ", ".join(part for part in parts if part) or None
