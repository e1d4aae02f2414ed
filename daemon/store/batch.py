"""What one round writes: rows by statement, carried out together in one transaction.

The order of STATEMENTS is the order in which they run. Within one statement the rows keep the order in which they were
added. A statement with `exact` must touch just as many rows as it was given: a shortfall means that the store is not
what the round believed it to be, and raises.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from daemon.store.erasure import ERASING, ERASING_UNREAD

Cell: TypeAlias = str | int | bytes | None
Row: TypeAlias = tuple[Cell, ...]


class Statement(NamedTuple):
    """A named piece of SQL that takes one row."""

    sql: str
    exact: bool = False


_OPEN = "state in ('waiting', 'sending', 'unsure')"

STATEMENTS: dict[str, Statement] = {
    "add_order": Statement(
        "insert into orders (id, account, external_id, digest, stage, status, ordered_at, updated_at, first_seen,"
        " total, paid, shipped, ships_itself, has_email, held, merged_into, warnings, ready_at, final_at, erased_at)"
        " values (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
    ),
    "change_order": Statement(
        "update orders set digest = ?, stage = ?, status = ?, ordered_at = ?, updated_at = ?, total = ?, paid = ?,"
        " shipped = ?, ships_itself = ?, has_email = ?, held = ?, merged_into = ?, warnings = ?, ready_at = ?,"
        " final_at = ?, erased_at = ? where id = ?",
        exact=True,
    ),
    "write_document": Statement("insert or replace into document (order_id, body) values (?,?)"),
    "own_line": Statement("insert or replace into line (account, line_id, order_id) values (?,?,?)"),
    "add_parcel": Statement("insert or ignore into parcel (order_id, number, carrier, added_at) values (?,?,?,?)"),
    "write_link": Statement(
        "insert or replace into link (order_id, account, shop_order, number, reference, linked_at, total,"
        " told_status, told_paid, told_parcels, doubled_as) values (?,?,?,?,?,?,?,?,?,?,?)"
    ),
    # a job is changed before any is added: the one that is superseded must be out of the way of its successor
    "change_job": Statement(
        "update job set state = ?, due = ?, attempt = ?, first_tried = ?, sent_at = ?, doubt_at = ?, by_hand = ?,"
        " progress = ?, reason = ?, sure = ? where id = ? and state = ?",
        exact=True,
    ),
    "add_job": Statement(
        "insert into job (id, order_id, account, kind, state, due, made_at, by_hand, sent_at, doubt_at, reason)"
        " values (?,?,?,?,?,?,?,?,?,?,?)"
    ),
    "claim_job": Statement(
        "update job set state = 'sending', sent_at = ?, told_status = ?, told_paid = ?"
        " where id = ? and state = 'waiting'",
        exact=True,
    ),
    # a clock that was set: what waits keeps its distance from now, and a doubt its settle window; the last condition is
    # the very one of the index `job_due`: without it every job that there ever was would be read
    "shift_waiting": Statement(f"update job set due = due + ? where account = ? and state = 'waiting' and {_OPEN}"),  # noqa: S608 - fixed text
    "shift_doubts": Statement(
        f"update job set due = due + ?, doubt_at = doubt_at + ? where account = ? and state = 'unsure' and {_OPEN}"  # noqa: S608 - fixed text
    ),
    "bring_forward": Statement(
        f"update job set due = ? where account = ? and kind = ? and state = 'waiting' and due > ? and {_OPEN}"  # noqa: S608 - fixed text
    ),
    "forget_forwarded": Statement("delete from forwarded where order_id = ? and account = ?"),
    "keep_forwarded": Statement("insert or ignore into forwarded (order_id, account, body) values (?,?,?)"),
    "note_unmapped": Statement(
        "insert or replace into unmapped (shop, kind, account, method, became, last_order, last_seen)"
        " values (?,?,?,?,?,?,?)"
    ),
    "save_progress": Statement("update job set progress = ? where id = ? and state = 'sending'", exact=True),
    "note_malformed": Statement(
        "insert into malformed (id, account, external_id, reason, raw, first_seen, last_seen) values (?,?,?,?,?,?,?)"
        " on conflict (account, external_id) do update set reason = excluded.reason, raw = excluded.raw,"
        " last_seen = excluded.last_seen, times = times + 1"
    ),
    "understand": Statement("delete from malformed where account = ? and external_id = ?"),
    "add_account": Statement(
        "insert into account (name, platform, role, added_at) values (?,?,?,?)"
        " on conflict (name) do update set platform = excluded.platform, role = excluded.role"
    ),
    "switch_forwarding": Statement(
        "update account set forwards_since = case when ? then coalesce(forwards_since, ?) end where name = ?",
        exact=True,
    ),
    "move_cursor": Statement("update account set cursor = ?, fetched_at = ? where name = ?", exact=True),
    "switch_thanks": Statement(
        "update account set thanks_since = case when ? then coalesce(thanks_since, ?) end where name = ?", exact=True
    ),
    "pause_account": Statement("update account set paused = ? where name = ?", exact=True),
    "raise_alarm": Statement(
        "insert or replace into alarm (key, topic, account, order_id, job, since, command, raised_at)"
        " values (?,?,?,?,?,?,?,?)"
    ),
    "end_alarm": Statement("delete from alarm where key = ?"),
    "mail_alarm": Statement("update alarm set told_by_mail = 1 where key = ? and raised_at = ?"),
    "forget_double": Statement("update link set doubled_as = null where account = ? and order_id = ?"),
    "mark_final": Statement("update orders set final_at = ? where id = ?"),
    **{name: Statement(sql) for name, sql in (*ERASING.items(), *ERASING_UNREAD.items())},
    "set_meta": Statement("insert or replace into meta (key, value) values (?,?)"),
    "journal": Statement("insert into journal (id, at, kind, order_id, account, job, data) values (?,?,?,?,?,?,?)"),
}


class Batch:
    """The rows of one round."""

    def __init__(self) -> None:
        self._rows: dict[str, list[Row]] = {}

    def add(self, statement: str, *row: Cell) -> None:
        """One more row for this statement."""
        self._rows.setdefault(statement, []).append(row)

    def __bool__(self) -> bool:
        return bool(self._rows)

    def __iter__(self) -> Iterator[tuple[Statement, list[Row]]]:
        return ((STATEMENTS[name], self._rows[name]) for name in STATEMENTS if name in self._rows)
