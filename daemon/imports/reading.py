"""A file -> batches of orders and complaints, ready for the hub; nothing here speaks to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
from msgspec import Struct

from daemon.core.import_fields import Columns, SourceMap
from daemon.core.import_orders import Complaint, Row, Times, orders
from daemon.imports.source import open_file, open_source
from daemon.views import UnreadableOrder
from orderferry import Order

MOST_ORDERS = 200
MOST_BYTES = 700_000  # of the control API's 1 MiB for a body; the rest is for the complaints
LONGEST_ESCAPE = 6  # of one character in JSON
LOOKED_AT = 100

_encode = msgspec.json.Encoder().encode


class Batch(Struct, frozen=True, kw_only=True):
    """Some orders of a file in their order, each also as JSON, and the complaints among them."""

    orders: tuple[Order, ...] = ()
    encoded: tuple[bytes, ...] = ()
    complaints: tuple[Complaint, ...] = ()


class Reading:
    """A file that is being read: `batches` may be gone through once, then `unused` names the columns of no use.

    Making one raises `FileFault` and `UnclearColumns`, and so does going on. As a context it closes the file.
    """

    def __init__(self, path: Path, mapping: SourceMap, now: datetime) -> None:
        self._file, self.size = open_file(path)
        try:
            self._source = source = open_source(self._file, mapping.file)
            seen, rows = _look_ahead(source.rows)
            self._columns = Columns(mapping, next((row.lines for row in seen if row.lines), None))
            names = source.columns or dict.fromkeys(column for row in seen for column in row.cells)
            self._columns.check([*names], whole=source.columns is not None)
        except BaseException:
            self._file.close()
            raise
        self.about = source.about
        self.undated = "ordered_at" not in self._columns.found.values()
        changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        self.batches = batches(orders(rows, self._columns, mapping, Times(now=now, file=changed)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file."""
        self._source.stream.close()

    def read(self) -> int:
        """How many of the file's bytes have been read."""
        return self._file.tell()

    def unused(self) -> tuple[str, ...]:
        """The columns that were of no use."""
        return self._columns.unused()


def _look_ahead(rows: Iterator[Row]) -> tuple[list[Row], Iterator[Row]]:
    seen = []
    for row in rows:
        seen.append(row)
        if len(seen) >= LOOKED_AT:
            break
    return seen, chain(seen, rows)


def parked(complaints: Iterable[Complaint]) -> tuple[UnreadableOrder, ...]:
    """Those complaints that the hub keeps and shows, until an order of the same number comes whole."""
    return tuple(
        UnreadableOrder(external_id=one.number, reason=f"line {one.line}: {one.reason}", raw=one.raw)
        for one in complaints
        if one.number is not None and not one.again
    )


def batches(found: Iterable[Order | Complaint], most: int = MOST_ORDERS, size: int = MOST_BYTES) -> Iterator[Batch]:
    """Cuts the orders of a file into batches of at most so many orders and bytes, and as many complaints."""
    taken: list[Order] = []
    encoded: list[bytes] = []
    complaints: list[Complaint] = []
    held = 0
    for one in found:
        body = b"" if isinstance(one, Complaint) else _encode(one)
        more = LONGEST_ESCAPE * len(one.raw) if isinstance(one, Complaint) else len(body)
        if (taken or complaints) and (len(taken) + len(complaints) >= most or held + more > size):
            yield Batch(orders=tuple(taken), encoded=tuple(encoded), complaints=tuple(complaints))
            taken, encoded, complaints, held = [], [], [], 0
        held += more
        if isinstance(one, Complaint):
            complaints.append(one)
        else:
            taken.append(one)
            encoded.append(body)
    if taken or complaints:
        yield Batch(orders=tuple(taken), encoded=tuple(encoded), complaints=tuple(complaints))
