"""What PrestaShop takes of a text: each field's forbidden signs and length, and our note on an order.

Sources: the formats and lengths of recording 02; classes/Validate.php for what each format forbids.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from orderferry import ForwardOrder, Line, PaymentKind

NAME = re.compile(r"[0-9!<>,;?=+()/\\@#\"°*`{}_^$%:¤\[\]|]")
GENERIC = re.compile(r"[<>={}]")
ADDRESS = re.compile(r"[!<>?=+@{}_$%]")
CITY = re.compile(r"[!<>;?=+@#\"°{}_$%]")
POSTCODE = re.compile(r"[^a-zA-Z0-9 -]")
PHONE = re.compile(r"[^+0-9. ()/-]")
DNI = re.compile(r"[^0-9A-Za-z.-]")
MESSAGE = re.compile(r"[<>{}]")
LONGEST_MESSAGE = 1600
LONGEST_NOTE = 20_000


class Marks:
    """What the line "Payment" of our note says: how a state that claims a payment is to be read."""

    PAID = "paid"
    UNPAID = "unpaid"
    UNKNOWN = "not told"  # nobody told us, and the shop books a payment all the same
    CASH_ON_DELIVERY = "cash on delivery"  # likewise
    STATUS = "unpaid, moved"  # unpaid, and it was our own change of the state that claims a payment


_SOURCE = re.compile(r"^Bought: \S+ (\S+) \(", re.MULTILINE)
_MARK = re.compile(r"^Payment: ([a-z ,]+?)(?: \(|$)", re.MULTILINE)


def clean(text: str | None, forbidden: re.Pattern[str], longest: int) -> str:
    """The text without the signs that the field refuses, and no longer than it may be."""
    return " ".join(forbidden.sub(" ", text or "").split())[:longest].rstrip()


def name(text: str | None, longest: int = 255) -> str:
    """A first or last name; a dot stays only at the end of a word, and a name of nothing is "-"."""
    dotted = re.sub(r"\.(?=\S)", ". ", clean(text, NAME, longest))
    return dotted[:longest].strip() or "-"


def street(first: str, second: str | None) -> tuple[str, str]:
    """Both lines of an address; what is too long for the first goes on in the second."""
    whole = clean(first, ADDRESS, 255)
    if len(whole) > 128:
        cut = whole.rfind(" ", 0, 128)
        cut = cut if cut > 0 else 128
        whole, rest = whole[:cut], whole[cut:].strip()
        second = f"{rest} {second or ''}"
    return whole or "-", clean(second, ADDRESS, 128)


def html(text: str, longest: int) -> str:
    """A text for a field that is checked for scripts (isCleanHtml); line breaks stay."""
    plain = text.replace("<", " ").replace(">", " ")
    plain = re.sub(r"(?i)script\s*:", "script ", plain)
    return re.sub(r"(?i)\b(on[a-z]+)\s*=", r"\1 ", plain)[:longest]


def note_of(order: ForwardOrder) -> str:
    """Our note on the order: for the seller to read, and its line "Payment" for us."""
    return html("\n".join(_lines(order)), LONGEST_NOTE)


def mark_in(note: str) -> str | None:
    """What the note says of the payment; None where the line is gone."""
    found = _MARK.search(note.replace("\r", ""))
    return found[1] if found else None


def source_in(note: str) -> str | None:
    """The marketplace's order id in our note; None where it is no note of ours."""
    found = _SOURCE.search(note)
    return found[1] if found else None


def marked(note: str, mark: str) -> str:
    """The note with another word on the payment; what stands in brackets behind it stays."""
    return _MARK.sub(lambda found: found[0].replace(found[1], mark, 1), note.replace("\r", ""), count=1)


def _lines(order: ForwardOrder) -> Iterable[str]:
    yield f"Orderferry: {order.reference} (order {order.number} in the hub)"
    yield f"Bought: {order.source_platform} {order.external_id} ({order.source})"
    yield f"Payment: {_payment(order)}"
    if order.buyer.login:
        yield f"Login: {order.buyer.login}"
    if order.delivery.method:
        yield f"Delivery: {order.delivery.method}"
    if order.delivery.pickup_point:
        yield f"Pickup point: {pickup_point(order)}"
    if order.invoice and order.invoice.tax_id:
        yield f"Tax id: {order.invoice.tax_id}"
    for line in order.lines:
        if line.offer_id:
            yield f"Offer {line.offer_id}: {what(line)}"
        elif not line.goods:
            yield f"Service: {what(line)}"
    for key, value in order.fields.items():
        yield f"{key}: {value}"


def _payment(order: ForwardOrder) -> str:
    payment = order.payment
    if payment is None:
        return Marks.UNKNOWN
    details = ", ".join(part for part in (payment.provider, payment.id) if part)
    if payment.paid:
        mark = Marks.PAID
    else:
        mark = Marks.CASH_ON_DELIVERY if payment.kind is PaymentKind.CASH_ON_DELIVERY else Marks.UNPAID
    return f"{mark} ({details})" if details else mark


def pickup_point(order: ForwardOrder) -> str:
    """The pickup point in one line, its code first; empty where there is none."""
    point = order.delivery.pickup_point
    return ", ".join(part for part in (point.id, point.name, point.description) if part) if point else ""


def what(line: Line) -> str:
    """A line's goods in one line."""
    return f"{line.quantity} x {line.name}" + (f" (SKU {line.sku})" if line.sku else "")
