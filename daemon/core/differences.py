"""An order as an account got it, beside the order as it is now: what the seller may want to put right there."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from orderferry import Address, Delivery, Invoice, Line, Order


class Difference(Struct, frozen=True, kw_only=True):
    """One thing that has changed: as the account got it, and as it is now; None where there is none."""

    what: str
    was: str | None
    now: str | None


def differences(given: Order, now: Order) -> tuple[Difference, ...]:
    """All that differs; of what travels by itself (status, payment, parcels) nothing."""
    pairs = [*_lines(given, now), *_rest(given, now)]
    return tuple(Difference(what=what, was=was, now=is_now) for what, was, is_now in pairs if was != is_now)


def _lines(given: Order, now: Order) -> Iterator[tuple[str, str | None, str | None]]:
    before = {line.id: line for line in given.lines}
    after = {line.id: line for line in now.lines}
    for key in dict.fromkeys([*before, *after]):
        old, new = before.get(key), after.get(key)
        named = new or old
        yield f"product {named.name if named else key}", _line(old), _line(new)


def _rest(given: Order, now: Order) -> Iterator[tuple[str, str | None, str | None]]:
    yield "total", str(given.total), str(now.total)
    yield "delivery cost", str(given.delivery.cost), str(now.delivery.cost)
    yield "delivery method", given.delivery.method, now.delivery.method
    yield "delivery address", _address(given.delivery.address), _address(now.delivery.address)
    yield "pickup point", _point(given.delivery), _point(now.delivery)
    yield "invoice", _invoice(given.invoice), _invoice(now.invoice)
    yield "e-mail", given.buyer.email, now.buyer.email
    yield "telephone", given.buyer.phone, now.buyer.phone
    yield "comment", given.comment, now.comment


def _line(line: Line | None) -> str | None:
    return None if line is None else f"{line.quantity} x {line.unit_price}"


def _address(address: Address | None) -> str | None:
    if address is None:
        return None
    name = " ".join(part for part in (address.first_name, address.last_name) if part)
    town = " ".join(part for part in (address.postcode, address.city) if part)
    parts = (name, address.company, address.street, address.street2, town, address.country, address.phone)
    return ", ".join(part for part in parts if part)


def _point(delivery: Delivery) -> str | None:
    return delivery.pickup_point.id if delivery.pickup_point else None


def _invoice(invoice: Invoice | None) -> str | None:
    if invoice is None:
        return None
    return ", ".join(part for part in (invoice.tax_id, _address(invoice.address)) if part)
