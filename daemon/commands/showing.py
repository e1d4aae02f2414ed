"""One order with everything in it, as lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from daemon.commands import words
from daemon.commands.words import Column

MOST_ALARMS = 20


def order_lines(view: Mapping[str, Any], most: int | None) -> Iterator[str]:
    """All that is known of an order."""
    order = view["order"]
    if order is None:
        yield from _erased_lines(view)
        return
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
    yield from _state_lines(view)
    yield from _differences(view["differences"], most)


def _erased_lines(view: Mapping[str, Any]) -> Iterator[str]:
    """What is left of an order whose buyer's data was erased."""
    yield words.clean(f"Order {view['id']}, {view['account']} {view['external_id']}")
    yield f"Its buyer's data was erased on {view['erased_at'][:10]}. What is left:"
    yield from words.fields(
        [
            ("stage", view["stage"] + (f", merged into order {view['merged_into']}" if view["merged_into"] else "")),
            ("status", view["status"]),
            ("bought", words.when(view["ordered_at"])),
            ("came", words.when(view["first_seen"])),
            ("changed", words.when(view["updated_at"])),
            ("total", view["total"]),
            ("payment", "paid" if view["paid"] else "not paid"),
        ]
    )
    yield ""
    yield from _state_lines(view)


def _state_lines(view: Mapping[str, Any]) -> Iterator[str]:
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


def alarm_lines(alarms: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The alarms that are open, the oldest first; of very many the first ones."""
    for alarm in alarms[:MOST_ALARMS]:
        yield words.clean(f"alarm: {alarm['text']}, since {words.when(alarm['since'])}: {alarm['command']}")
    if len(alarms) > MOST_ALARMS:
        yield f"and {len(alarms) - MOST_ALARMS} alarms more: `orderferry status --json` has all"


def _differences(found: list[Mapping[str, Any]], most: int | None) -> Iterator[str]:
    if not found:
        return
    yield ""
    yield "Changed since it was forwarded. This stays in the hub; put it right in the shop if need be:"
    columns = [Column("IN"), *(Column(title, elastic=True) for title in ("WHAT", "THERE IT IS", "NOW"))]
    yield from words.table(columns, [(one["account"], one["what"], one["was"], one["now"]) for one in found], most)


def plan_lines(plan: Mapping[str, Any], most: int | None) -> Iterator[str]:
    """What a shop would be told of an order."""
    told = plan["told"]
    delivery, payment, buyer = told["delivery"], told["payment"], told["buyer"]
    yield words.clean(f"Order {plan['order']} for {plan['shop']}: nothing is sent by this")
    if plan["why_not"]:
        yield words.clean(f"It is not put in by itself: {plan['why_not']}.")
    yield from words.fields(
        [
            ("reference", told["reference"]),
            ("from", _joined(told["source"], told["external_id"])),
            ("bought", words.when(told["ordered_at"])),
            ("status", told["status"] or "the shop's own choice"),
            ("total", money(told["total"])),
            ("delivery", _joined(delivery["method"], money(delivery["cost"]))),
            ("shop's delivery", delivery["shop_method"]),
            ("pickup point", _joined(*_point(delivery["pickup_point"]))),
            ("address", address(delivery["address"])),
            ("payment", _told_payment(payment)),
            ("shop's payment", payment["shop_method"] if payment else None),
            ("invoice", _invoice(told["invoice"])),
            ("buyer", _joined(buyer["login"], _person(buyer), buyer["email"], buyer["phone"])),
            ("comment", told["comment"]),
            *((f"field {key}", value) for key, value in told["fields"].items()),
        ]
    )
    yield ""
    columns = [Column("QTY", right=True), Column("PRODUCT", elastic=True), Column("SKU"), Column("OFFER")]
    columns += [Column("TOTAL", right=True), Column("TAKES FROM", elastic=True)]
    rows = [
        (line["quantity"], line["name"], line["sku"], line["offer_id"], money(line["total"]), _takes(found))
        for line, found in zip(told["lines"], plan["lines"], strict=True)
    ]
    yield from words.table(columns, rows, most)
    yield ""
    for one in plan["withheld"]:
        yield words.clean(f"withheld: {one['what'].replace('_', ' ')}, since {one['why']}")
    for one in plan["unmapped"]:
        became = f"becomes {one['became']}" if one["became"] else "the shop's default is taken"
        yield words.clean(f"no entry in {one['kind']} for {one['method']!r} of {one['account']}: {became}")
    if plan["problem"]:
        yield words.clean(f"! {plan['problem']}")


def _takes(line: Mapping[str, Any]) -> str:
    if not line["looked_up"]:
        return "not looked up"
    if line["product"] is None:
        return "no product of the shop"
    stock = "" if line["stock"] is None else f", {line['stock']} there"
    return f"product {line['product']}{stock}"


def _told_payment(payment: Mapping[str, Any] | None) -> str | None:
    if payment is None:
        return None
    return _joined("paid" if payment["paid"] else "not paid", payment["kind"].replace("_", " "), payment["provider"])


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


def account_lines(one: Mapping[str, Any], unmapped: list[Mapping[str, Any]], most: int | None) -> Iterator[str]:
    """All about one account: how it is, what is done with it, what is wrong in its maps, and what they lack."""
    yield from words.fields(
        [
            ("account", f"{one['name']}, {one['platform']}, {one['role']}"),
            ("health", one["health"] + (f": {one['problem']}" if one["problem"] else "")),
            ("what helps", one["remedy"]),
            ("held until", words.when(one["held_until"]) if one["held_until"] else None),
            *(
                [
                    ("last fetch", words.when(one["last_fetch"], seconds=True)),
                    ("next fetch", words.when(one["next_fetch"], seconds=True)),
                    ("orders", one["orders"]),
                ]
                if one["role"] != "mail"
                else []
            ),
            ("jobs", f"{one['unfinished_jobs']} unfinished, {one['parked_jobs']} parked"),
            ("can", ", ".join(one["capabilities"]) or "nothing"),
            *(("can't", f"{flag}: {why}") for flag, why in one["missing"].items()),
            *(("note", note) for note in one["notes"]),
        ]
    )
    if one["functions"]:
        yield ""
        columns = [Column("WHAT IS DONE"), Column("WHEN"), Column("WHY NOT", elastic=True)]
        rows = [(row["name"], row["when"] or "no", row["why_not"]) for row in one["functions"]]
        yield from words.table(columns, rows, most)
    for fault in one["faults"]:
        yield words.clean(f"! {fault}")
    if unmapped:
        yield ""
        yield "Methods that came and have no entry:"
        columns = [Column("MAP"), Column("FROM"), Column("METHOD", elastic=True), Column("BECAME")]
        columns += [Column("ORDER", right=True)]
        lacks = [(lack["kind"], lack["account"], lack["method"], lack["became"], lack["order"]) for lack in unmapped]
        yield from words.table(columns, lacks, most)
        for kind in dict.fromkeys(lack["kind"] for lack in unmapped):
            yield f"To add entries: orderferry map {one['name']} {kind} --write, then orderferry reload"
