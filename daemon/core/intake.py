"""Known order + fetched order -> what has changed: a repeat or an older state changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from orderferry import Order, Stage


class Known(Struct, frozen=True, kw_only=True):
    """What is compared of an order that the hub has: `digest` is of the whole order as it was fetched."""

    id: int
    external_id: str
    digest: bytes
    stage: Stage
    updated_at: datetime


class Verdict(StrEnum):
    """How a fetched order stands to what is known."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    OLDER = "older"  # a state from before the one that we have
    REPLACED = "replaced"  # merged into another order, which we have: its own old state means nothing any more


def compare(known: Known | None, fetched: Order, digest: bytes) -> Verdict:
    """Decides by content first, then by time: of two different states the one updated later is the truth.

    A platform may change an order without moving its `updated_at` (Allegro's fulfilment status), so an equal time with
    another content counts as a change.
    """
    if known is None:
        return Verdict.NEW
    if known.digest == digest:
        return Verdict.SAME
    if known.stage is Stage.MERGED:
        return Verdict.REPLACED
    if fetched.updated_at < known.updated_at:
        return Verdict.OLDER
    return Verdict.CHANGED


def remembered(before: Order, fetched: Order) -> Order:
    """The fetched state with what its platform told once and tells no longer, as a buyer's data must be at hand later.

    eBay shows an e-mail address for 14 days, and name, phone and street for 90.
    """
    buyer, delivery = fetched.buyer, fetched.delivery
    gone = {name: told for name in _FORGOTTEN if getattr(buyer, name) is None and (told := getattr(before.buyer, name))}
    if gone:
        buyer = replace(buyer, **gone)
    if delivery.address is None and before.delivery.address is not None:
        delivery = replace(delivery, address=before.delivery.address)
    if buyer is fetched.buyer and delivery is fetched.delivery:
        return fetched
    return replace(fetched, buyer=buyer, delivery=delivery)


def replaced_by(fetched: Order, owners: Mapping[str, Known]) -> tuple[Known, ...]:
    """The known orders whose lines this one carries now: they were merged into it.

    `owners` maps line ids to the known orders that hold them. An order never replaces a later one, nor itself.
    """
    found: dict[int, Known] = {}
    for line in fetched.lines:
        owner = owners.get(line.id)
        if owner is None or owner.external_id == fetched.external_id or owner.stage is Stage.MERGED:
            continue
        if owner.updated_at <= fetched.updated_at:
            found[owner.id] = owner
    return tuple(found.values())


def latest(orders: Iterable[Order]) -> tuple[Order, ...]:
    """One state for each order of a page: the newest, in the order in which they first came."""
    newest: dict[str, Order] = {}
    for order in orders:
        seen = newest.get(order.external_id)
        if seen is None or seen.updated_at <= order.updated_at:
            newest[order.external_id] = order
    return tuple(newest.values())


def changed_fields(before: Order, after: Order) -> tuple[str, ...]:
    """The names of the fields that differ, without the marks of the state itself."""
    return tuple(
        name for name in Order.__struct_fields__ if name not in _MARKS and getattr(before, name) != getattr(after, name)
    )


_FORGOTTEN = ("email", "phone", "first_name", "last_name")
_MARKS = frozenset({"external_id", "revision", "updated_at"})
