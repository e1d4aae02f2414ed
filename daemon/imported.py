"""Orders that are handed to us onto the round's desk: each of them is judged and answered by itself."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from daemon.core.intake import Verdict, changed_fields, compare
from daemon.core.journal import Kind
from daemon.desk import Desk
from daemon.receive import Fetched, Received, encoded, receive, unpack
from daemon.views import ImportedOrder, ImportView, UnreadableOrder
from orderferry import MalformedOrder, Order, Page, Stage


class Imported(Struct, frozen=True, kw_only=True):
    """A batch on its way into the store; `refused` are those of its orders that can't be taken at all, with the reason.

    `undated` says that the source knows no dates: an order's first `ordered_at` then stays. With `dry_run` the batch is
    only judged. `uid` is None where a watched folder brought it.
    """

    received: Received
    refused: tuple[MalformedOrder, ...] = ()
    undated: bool = False
    dry_run: bool = False
    uid: int | None = None


def unpack_import(
    account: str,
    orders: Sequence[Order],
    unreadable: Sequence[UnreadableOrder] = (),
    *,
    undated: bool = False,
    dry_run: bool = False,
    uid: int | None = None,
) -> Imported:
    """Prepares a batch; of an order that it holds twice, the newest state stays."""
    page = Page(orders=tuple(orders), cursor="")
    received = unpack(account, page, merges=False, caught_up=None, keeps_place=True)
    malformed = tuple(
        MalformedOrder(external_id=one.external_id, reason=one.reason, raw=one.raw.encode("utf-8", "backslashreplace"))
        for one in unreadable
    )
    refused = received.page.malformed
    received = replace(received, page=replace(page, orders=(), malformed=(*malformed, *refused)))
    return Imported(received=received, refused=refused, undated=undated, dry_run=dry_run, uid=uid)


def take(desk: Desk, imported: Imported) -> ImportView:
    """Takes the batch's orders in, and says of each whether it was new, changed, the same, or refused and why."""
    received = imported.received
    told = [
        ImportedOrder(external_id=one.external_id or "", verdict="refused", reason=one.reason)
        for one in imported.refused
    ]
    fresh: list[Fetched] = []
    for fetched in received.orders:
        verdict, current = _judged(desk, received.account, fetched, undated=imported.undated)
        order = current[0]
        if verdict in {Verdict.NEW, Verdict.CHANGED}:
            fresh.append(current)
        elif verdict is Verdict.SAME and not imported.dry_run:
            desk.batch.add("understand", received.account, order.external_id)
        told.append(_told(order, verdict))
    counts = {word: sum(one.verdict == word for one in told) for word in ("new", "changed", "same", "refused")}
    malformed = len(received.page.malformed) - len(imported.refused)
    if not imported.dry_run:
        receive(desk, replace(received, orders=tuple(fresh)))
        desk.note(
            Kind.IMPORTED,
            account=received.account,
            new=counts["new"],
            changed=counts["changed"],
            same=counts["same"],
            malformed=malformed + counts["refused"],
            uid=imported.uid,
        )
    return ImportView(
        account=received.account, malformed=malformed, dry_run=imported.dry_run, orders=tuple(told), **counts
    )


def _judged(desk: Desk, account: str, fetched: Fetched, *, undated: bool) -> tuple[Verdict, Fetched]:
    """How the order stands to what is known; it is compared by content, since each import has a time of its own."""
    order, _, digest = fetched
    known = desk.known.get((account, order.external_id))
    verdict = Verdict.REPLACED if order.stage is Stage.MERGED else compare(known, order, digest)
    before = desk.cases[known.id].document if known is not None else None
    if verdict not in {Verdict.CHANGED, Verdict.OLDER} or before is None:
        return verdict, fetched
    if undated:
        order = replace(order, ordered_at=before.ordered_at)
    if not changed_fields(before, order):
        return Verdict.SAME, fetched
    return verdict, encoded(order)


def _told(order: Order, verdict: Verdict) -> ImportedOrder:
    reason = _REFUSED.get(verdict)
    return ImportedOrder(
        external_id=order.external_id, verdict=verdict.value if reason is None else "refused", reason=reason
    )


_REFUSED = {
    Verdict.OLDER: "the hub has a newer state of it: `updated_at` is earlier than the known one",
    Verdict.REPLACED: "it was merged into another order, which only a marketplace can say of its own",
}
