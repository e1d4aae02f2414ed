"""Rows of a source -> orders, and complaints about those that are no order.

Rows that stand together under one number are the lines of one order. A number that comes again later is a complaint,
since nobody knows whether it was meant as more of the same order. One bad row makes its whole order a complaint: half
an order is worse than none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, tzinfo
from decimal import Decimal
from itertools import groupby
from typing import ParamSpec, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from daemon.core import import_values as values
from daemon.core.import_fields import FIELDS, Columns, SourceMap
from daemon.core.import_values import BadCell
from orderferry import (
    Address,
    Buyer,
    Delivery,
    Invoice,
    Line,
    Malformed,
    Money,
    Order,
    Payment,
    PaymentKind,
    PickupPoint,
    Stage,
)
from orderferry.model import MAX_LINES, MAX_TEXT

P = ParamSpec("P")
T = TypeVar("T")

MAX_NUMBER = 200
MAX_RAW = 2_000
MAX_COLUMN = 60  # of a column's name in a complaint
MAX_ROWS = 2_000_000  # characters of all rows of an order together: so much of a file is held at once
MAX_TEXTS = 70_000  # of all lines of an order together: with it no order is too long for the control API


class Row(Struct, frozen=True, kw_only=True):
    """A row of a source: the line it begins in, and its cells by column.

    `lines` is the path below which a nested source had this row's own cells, and `record` tells its elements apart, so
    that two of one number are not taken for one order. `problem` says why the row can't be read at all.
    """

    line: int
    cells: Mapping[str, str]
    lines: str | None = None
    record: int = 0
    problem: str | None = None


class Complaint(Struct, frozen=True, kw_only=True):
    """A row, or an order, that was not taken: its line, its number where it has one, and why.

    The reason holds no cell of the file. `raw` does: the order's first row as it was read. `again` says that the order
    of this number was met before, and stands.
    """

    line: int
    number: str | None
    reason: str
    raw: str = ""
    again: bool = False


class Times(Struct, frozen=True, kw_only=True):
    """When the import takes place, when the file was last changed, and the zone of times without an offset."""

    now: datetime
    file: datetime
    zone: tzinfo | None = None


class _Fields:
    """A row's cells by field; what is asked for and can't be read is told with its column."""

    def __init__(self, row: Row, columns: Columns, mapping: SourceMap) -> None:
        self.row = row
        self.size = sum(map(len, row.cells.values()))
        self._columns = columns
        self._decimal = mapping.file.decimal
        fields = columns.fields(row.cells)
        self.own = {field: text for column, field in fields.items() if (text := row.cells[column].strip())}
        self.given: Mapping[str, str] = {**mapping.defaults, **self.own}

    def text(self, field: str) -> str | None:
        """The cell's text, None where it is empty."""
        text = self.given.get(field)
        if text is not None and len(text) > MAX_TEXT and field != "comment":
            raise self.bad(field, f"has more than {MAX_TEXT} characters")
        return text

    def has_column(self, field: str) -> bool:
        """Whether the source has a column for it, empty in this row or not."""
        return self._columns.column(field) is not None

    def needed(self, field: str) -> str:
        """The cell's text; a complaint where it is empty."""
        text = self.text(field)
        if text is None:
            raise self.bad(field, "is empty")
        return text

    def amount(self, field: str) -> Decimal | None:
        """An amount of money."""
        return None if (text := self.text(field)) is None else self.tried(field, values.amount, text, self._decimal)

    def pieces(self) -> int:
        """The quantity."""
        return self.tried("quantity", values.quantity, self.needed("quantity"), self._decimal)

    def tried(self, field: str, read: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
        """What `read` makes of it; what it says of a bad cell becomes the complaint about this field."""
        try:
            return read(*given, **named)
        except BadCell as bad:
            raise self.bad(field, str(bad)) from None

    def bad(self, field: str, sentence: str) -> _BadRow:
        """The complaint about a field of this row."""
        return _BadRow(self.row.line, f"{(self._columns.column(field) or field)[:MAX_COLUMN]}: {sentence}")


class _BadRow(Exception):  # noqa: N818 - a signal inside this module
    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


def orders(rows: Iterable[Row], columns: Columns, mapping: SourceMap, times: Times) -> Iterator[Order | Complaint]:
    """The orders of these rows, in their order; raises `UnclearColumns` at a column that is meant twice."""
    taken: set[str] = set()
    fields = (_Fields(row, columns, mapping) for row in rows)
    for (number, _), group in groupby(fields, key=lambda one: (one.given.get("number"), one.row.record)):
        if number is None:
            yield from (_complaint(one, None, "the order's number is missing") for one in group)
            continue
        lines = _held(group)
        first = lines[0]
        if len(number) > MAX_NUMBER or not number.isprintable():
            yield _complaint(
                first, None, f"the order's number is longer than {MAX_NUMBER} characters, or no plain text"
            )
        elif number in taken:
            reason = "the number came before; the lines of one order must stand together"
            yield replace(_complaint(first, number, reason), again=True)
        else:
            taken.add(number)
            yield _order(number, lines, mapping, times)


def _held(group: Iterable[_Fields]) -> list[_Fields]:
    """The rows of an order, but no more of them than it takes to see that it has no end."""
    held: list[_Fields] = []
    size = 0
    for one in group:
        if len(held) <= MAX_LINES and size <= MAX_ROWS:
            held.append(one)
            size += one.size
    return held


def _complaint(at: _Fields, number: str | None, reason: str, line: int | None = None) -> Complaint:
    raw = " | ".join(f"{column}: {text}" for column, text in at.row.cells.items())[:MAX_RAW]
    return Complaint(line=line or at.row.line, number=number, reason=at.row.problem or reason, raw=raw)


def _order(number: str, rows: list[_Fields], mapping: SourceMap, times: Times) -> Order | Complaint:
    first = rows[0]
    try:
        _belong_together(rows)
        return _made(number, rows, mapping, times)
    except _BadRow as bad:
        return _complaint(first, number, str(bad), bad.line)
    except Malformed as error:
        return _complaint(first, number, str(error))


def _belong_together(rows: list[_Fields]) -> None:
    """All rows can be read, and what they say of the order itself is the same, or said once, in the first."""
    first = rows[0]
    for one in rows:
        if one.row.problem is not None:
            raise _BadRow(one.row.line, one.row.problem)
        for field, text in one.own.items():
            if not FIELDS[field].of_line and text != first.given.get(field):
                raise one.bad(field, f"differs from the order's first row, in line {first.row.line}")
    if sum(len(text) for one in rows for field, text in one.own.items() if FIELDS[field].of_line) > MAX_TEXTS:
        raise _BadRow(first.row.line, f"its lines have more than {MAX_TEXTS:,} characters")
    if sum(one.size for one in rows) > MAX_ROWS:
        raise _BadRow(first.row.line, f"its rows have more than {MAX_ROWS:,} characters")


def _made(number: str, rows: list[_Fields], mapping: SourceMap, times: Times) -> Order:
    first = rows[0]
    currency = first.tried("currency", values.currency, first.needed("currency"))
    lines = tuple(_line(place, one, currency) for place, one in enumerate(rows, 1))
    cost = first.amount("delivery_cost") or Decimal("0.00")
    total = sum((line.total.amount for line in lines), cost)
    stated = first.amount("total")
    if stated is not None and stated != total:
        raise first.bad("total", f"is {stated}, but lines and delivery make {total}")
    address = _address(first, "")
    point = first.text("pickup_point")
    if address is None and point is None:
        raise _BadRow(first.row.line, "it has neither an address nor a pickup point")
    given_name, last_name = _person(first, "recipient", first.text("first_name"), first.text("last_name"))
    when = first.text("ordered_at")
    if when is None and first.has_column("ordered_at"):
        raise first.bad("ordered_at", "is empty")
    bought = (
        times.file if when is None else first.tried("ordered_at", values.moment, when, mapping.file.dates, times.zone)
    )
    return Order(
        external_id=number,
        stage=Stage.READY,
        ordered_at=bought,
        updated_at=times.now,
        buyer=Buyer(
            login=first.text("login"),
            email=first.text("email"),
            phone=first.text("phone"),
            first_name=given_name,
            last_name=last_name,
            company=first.text("company"),
        ),
        lines=lines,
        delivery=Delivery(
            method=first.text("delivery_method"),
            cost=Money(cost, currency),
            address=address,
            pickup_point=None if point is None else PickupPoint(id=point),
        ),
        payment=_payment(first, Money(total, currency), mapping),
        total=Money(total, currency),
        invoice=_invoice(first, address),
        comment=first.text("comment"),
    )


def _line(place: int, row: _Fields, currency: str) -> Line:
    sku, name = row.text("sku"), row.text("product")
    if name is None and sku is None:
        raise row.bad("product", "is empty, and so is the SKU")
    count, price = row.pieces(), row.amount("price")
    if price is None:
        raise row.bad("price", "is empty")
    if count < 1:
        raise row.bad("quantity", "is less than one")
    stated = row.amount("line_total")
    if stated is not None and stated != price * count:
        raise row.bad("line_total", f"is {stated}, but {count} x {price} is {price * count}")
    try:
        return Line(
            id=str(place),
            name=name or sku or "",
            quantity=count,
            unit_price=Money(price, currency),
            total=Money(price * count, currency),
            sku=sku,
            ean=row.text("ean"),
            tax_rate=_rate(row),
        )
    except Malformed as error:
        raise _BadRow(row.row.line, str(error)) from None


def _rate(row: _Fields) -> Decimal | None:
    text = row.text("tax_rate")
    return None if text is None else row.tried("tax_rate", values.rate, text)


def _person(row: _Fields, field: str, first: str | None, last: str | None) -> tuple[str | None, str | None]:
    whole = row.text(field)
    if first is not None or last is not None or whole is None:
        return first, last
    given, _, family = whole.rpartition(" ")
    return given.strip() or None, family


def _address(row: _Fields, owner: str) -> Address | None:
    """The delivery address, or with "invoice_" the invoice's; None where neither street nor town is given."""
    street, city = row.text(f"{owner}street"), row.text(f"{owner}city")
    if street is None and city is None:
        return None
    if owner:
        first, last = _person(row, "invoice_name", None, None)
    else:
        first, last = _person(row, "recipient", row.text("first_name"), row.text("last_name"))
        street = _with_house(row, street)
    if street is None or city is None:
        raise row.bad(f"{owner}street" if street is None else f"{owner}city", "is empty")
    country = row.text(f"{owner}country") or row.needed("country")
    return Address(
        first_name=first,
        last_name=last,
        company=row.text(f"{owner}company"),
        street=street,
        street2=None if owner else row.text("street2"),
        city=city,
        postcode=row.text(f"{owner}postcode"),
        state=None if owner else row.text("state"),
        country=row.tried(f"{owner}country" if row.text(f"{owner}country") else "country", values.country, country),
        phone=None if owner else row.text("phone"),
    )


def _with_house(row: _Fields, street: str | None) -> str | None:
    house, flat = row.text("house"), row.text("flat")
    number = f"{house}/{flat}" if house and flat else house or flat
    return f"{street} {number}" if street and number else street


def _invoice(row: _Fields, delivery: Address | None) -> Invoice | None:
    """An invoice is wanted where there is a tax number, or anything of an invoice's address."""
    tax_id, company, address = row.text("tax_id"), row.text("invoice_company"), _address(row, "invoice_")
    if tax_id is None and company is None and address is None and row.text("invoice_name") is None:
        return None
    if address is None:
        if delivery is None:
            raise row.bad("tax_id", "an invoice needs an address, and there is none")
        name, family = _person(row, "invoice_name", None, None)
        whose = {"first_name": name, "last_name": family, "company": company}
        address = replace(delivery, **{field: text for field, text in whose.items() if text is not None})
    return Invoice(address=address, tax_id=tax_id)


def _payment(row: _Fields, total: Money, mapping: SourceMap) -> Payment:
    text, paid, came = row.text("payment"), row.text("paid"), row.amount("paid_amount")
    kind = PaymentKind.OTHER if text is None else values.payment_kind(text, mapping.payments)
    whole = None if paid is None else row.tried("paid", values.yes, paid)
    if came is not None and ((whole is True and came < total.amount) or (whole is False and came >= total.amount)):
        raise row.bad("paid", "does not agree with the amount that came in")
    amount = Money(came, total.currency) if came else total if whole else None
    return Payment(kind=kind, provider=text, paid=amount)
