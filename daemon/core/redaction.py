"""Blots out of sentences what must not go on: secrets by their shape, and a buyer's data by what his order says.

A platform's own words are repeated to the seller, and some repeat what they were sent. Whoever wants to know which
value was meant looks at the order itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec

from orderferry import Address, Order

BLOT = "***"
SHORTEST = 3

_UUID = r"(?![0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b)"
_SHAPES = re.compile(
    r"(?i:\b(?:bearer|basic))\s+[\w.~+/=-]{8,}"
    r"|\b(?:ck|cs|sk|shp[a-z]{2}|amzn1\.oa2-cs\.v1)[._][\w.-]{8,}"
    r"|\bAtz[a-z]\|[\w|/+=-]{8,}|\bv\^1\.1#[\w#^+/=.-]{8,}"
    r"|\beyJ[\w-]{8,}\.[\w.-]+"
    r"|[\w.+-]+(?:@|%40)[\w-]+\.[\w.-]+"
    r"|\b[A-Z]{2}\d{2}(?:[ ]?\d{4}){3,6}(?:[ ]?\d{1,3})?\b"
    r"|\+\d(?:[ ()-]?\d){7,14}\b|\b\d{3}[ -]\d{3}[ -]\d{3}\b"
    r"|\b" + _UUID + r"(?=[\w+-]*\d)(?=[\w+-]*[A-Za-z])(?![a-z]+(?:_[a-z0-9]+)+\b)[A-Za-z0-9+_-]{32,}={0,2}"
)


def scrubbed(text: str) -> str:
    """The text without what looks like a token, a key, an e-mail address, a phone number or a bank account."""
    return _SHAPES.sub(BLOT, text)


def redacted(text: str, order: Order) -> str:
    """The text, scrubbed, without anything that the order says of its buyer."""
    values = sorted(set(personal(order)), key=len, reverse=True)
    if values:
        text = re.sub(
            "|".join(rf"(?<!\w){re.escape(value)}(?!\w)" for value in values), BLOT, text, flags=re.IGNORECASE
        )
    return scrubbed(text)


def personal(order: Order) -> Iterator[str]:
    """What tells who the buyer is or where he lives; words too short to tell anything are left out."""
    for value in _values(order):
        if value is not None and len(value.strip()) >= SHORTEST:
            yield value.strip()


def _values(order: Order) -> Iterator[str | None]:
    buyer, delivery, invoice = order.buyer, order.delivery, order.invoice
    yield order.comment
    yield from (buyer.login, buyer.email, buyer.phone, buyer.first_name, buyer.last_name, buyer.company)
    yield from _of(delivery.address)
    if invoice is not None:
        yield invoice.tax_id
        yield from _of(invoice.address)


def _of(address: Address | None) -> Iterable[str | None]:
    if address is None:
        return ()
    every = msgspec.structs.asdict(address)
    return (value for name, value in every.items() if name not in {"country", "state"})
