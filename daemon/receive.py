"""A fetched page onto the round's desk: orders new and changed, merges, unreadable ones, our own met again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from daemon.core.intake import Known, Verdict, changed_fields, compare, latest, remembered, replaced_by
from daemon.core.job import FINAL, JobEvent, JobKind, JobState
from daemon.core.journal import Kind
from daemon.core.routing import MAIL, NewJob
from daemon.core.statuses import Happening
from daemon.desk import Desk, Needs
from daemon.privacy.following import comes_back, follow
from daemon.store.case import Case, JobRecord, OrderRecord, ms
from orderferry import Echo, MalformedOrder, Order, Page, Role, Stage

_ENCODER = msgspec.msgpack.Encoder()
MAX_RAW = 256 * 1024
GAP = timedelta(minutes=10)


Fetched: TypeAlias = tuple[Order, bytes, bytes]
"""An order, encoded, and the digest of that."""


class Counts(Struct):
    """What a page, or a whole fetch, brought."""

    pages: int = 0
    new: int = 0
    changed: int = 0
    malformed: int = 0

    def add(self, other: Counts) -> None:
        """Takes another page's counts in."""
        self.pages += other.pages
        self.new += other.new
        self.changed += other.changed
        self.malformed += other.malformed


class Received(Struct, frozen=True, kw_only=True):
    """A page on its way into the store, encoded and digested once."""

    account: str
    page: Page
    orders: tuple[Fetched, ...]
    merges: bool
    caught_up: datetime | None = None  # when the account's feed was last read to its end
    keeps_place: bool = False  # a page of a look back: the account's cursor stays where it is

    def needs(self) -> Needs:
        """What intake compares with."""
        ids = {order.external_id for order, _, _ in self.orders}
        ids |= {entry.external_id for entry in self.page.malformed if entry.external_id}
        lines = {line.id for order, _, _ in self.orders for line in order.lines} if self.merges else set()
        unreadable = {malformed_id(entry) for entry in self.page.malformed}
        return Needs(
            external={self.account: ids} if ids else {},
            lines={self.account: lines} if lines else {},
            unreadable={self.account: unreadable} if unreadable else {},
            digests={(self.account, order.external_id): digest for order, _, digest in self.orders},
            references={self.account: {echo.reference for echo in self.page.echoes}} if self.page.echoes else {},
        )


def unpack(
    account: str, page: Page, *, merges: bool, caught_up: datetime | None, keeps_place: bool = False
) -> Received:
    """Prepares a page; of an order that a page holds twice, the newest state stays."""
    orders: list[Fetched] = []
    malformed = list(page.malformed)
    for order in latest(page.orders):
        try:
            orders.append(encoded(order))
        except (TypeError, ValueError) as error:  # a text with half a letter, a value of a wrong type
            malformed.append(_unwritable(order, error))
    return Received(
        account=account,
        page=replace(page, malformed=tuple(malformed)),
        orders=tuple(orders),
        merges=merges,
        caught_up=caught_up,
        keeps_place=keeps_place,
    )


def encoded(order: Order) -> Fetched:
    """An order as the store keeps it; raises `TypeError` and `ValueError` for what can't be written down."""
    body = _ENCODER.encode(order)
    return order, body, hashlib.blake2b(body, digest_size=16).digest()


def _unwritable(order: Order, error: Exception) -> MalformedOrder:
    return MalformedOrder(
        external_id=_plain(str(order.external_id)).decode(),
        reason=f"the plugin's order can't be written down ({type(error).__name__})",
        raw=_plain(repr(order)),
    )


def _plain(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


def receive(desk: Desk, received: Received) -> Counts:
    """Puts the page onto the desk: orders, journal, and the cursor with them."""
    counts = Counts(pages=1)
    for order, body, digest in received.orders:
        known = desk.known.get((received.account, order.external_id))
        verdict = compare(known, order, digest)
        if verdict is Verdict.NEW:
            _take_new(desk, received, (order, body, digest))
            counts.new += 1
        elif verdict is Verdict.CHANGED and known is not None:
            _take_changed(desk, received, desk.cases[known.id], (order, body, digest))
            counts.changed += 1
        desk.batch.add("understand", received.account, order.external_id)
    for entry in received.page.malformed:
        counts.malformed += _keep_malformed(desk, received, entry)
    for echo in received.page.echoes:
        number = desk.referred.get((received.account, echo.reference))
        if number is not None:
            _hear_echo(desk, received.account, desk.cases[number], echo)
    if not received.keeps_place:
        desk.batch.add("move_cursor", received.page.cursor, ms(desk.now), received.account)
    return counts


def _take_new(desk: Desk, received: Received, fetched: Fetched) -> None:
    order, body, digest = fetched
    number = desk.store.new_id("orders")
    status = _first_status(desk, received.account, order)
    case = Case(
        order=OrderRecord(
            id=number,
            account=received.account,
            external_id=order.external_id,
            digest=digest,
            stage=order.stage,
            status=status,
            ordered_at=order.ordered_at,
            updated_at=order.updated_at,
            first_seen=desk.now,
            total=str(order.total),
            paid=order.paid,
            shipped=order.shipped,
            ships_itself=order.ships_itself,
            ready_at=desk.now if order.stage is Stage.READY else None,
            has_email=bool(order.buyer.email),
        ),
        document=order,
        new=True,
        lines_owned=received.merges,
    )
    desk.open_case(case)
    desk.known[received.account, order.external_id] = _as_known(case)
    desk.batch.add("write_document", number, desk.store.seal_document(number, order, body))
    desk.note(
        Kind.ORDER_NEW,
        order=number,
        account=received.account,
        external_id=order.external_id,
        stage=order.stage.value,
        status=status,
        total=case.order.total,
        sweep=received.page.sweep,
    )
    if received.page.sweep and received.caught_up is not None and order.updated_at < received.caught_up - GAP:
        desk.note(Kind.ORDER_GAP, order=number, account=received.account, external_id=order.external_id)
    target = desk.targets.get(received.account)
    if order.paid and (target is None or target.role is not Role.SHOP):  # a shop's orders get the status set for it
        desk.happened(case, Happening.PAID)
    _take_parcels(desk, case, order)
    if received.merges:
        _merge(desk, received, case, order)


def _first_status(desk: Desk, account: str, order: Order) -> str:
    if order.stage is Stage.CANCELLED:
        return desk.ladder.rules.cancelled
    target = desk.targets.get(account)
    return desk.ladder.rules.new if target is None else target.fetched_status


def _take_changed(desk: Desk, received: Received, case: Case, fetched: Fetched) -> None:
    order, body, digest = fetched
    record = case.order
    if record.erased_at is not None and not comes_back(desk, case, order):
        follow(desk, case, order, digest)
        desk.known[received.account, order.external_id] = _as_known(case)
        return
    before = case.document
    if before is not None and (whole := remembered(before, order)) is not order:
        order, body = whole, _ENCODER.encode(whole)
    was = record.stage
    fields = changed_fields(before, order) if before is not None else ()
    record.digest = digest
    record.stage = order.stage
    if order.stage is Stage.READY:
        record.ready_at = record.ready_at or desk.now
    record.ordered_at = order.ordered_at
    record.updated_at = order.updated_at
    record.total = str(order.total)
    record.shipped = order.shipped
    record.ships_itself = order.ships_itself
    record.has_email = bool(order.buyer.email)
    newly_paid = False
    if before is None or before.paid != order.paid:
        newly_paid = order.paid and not record.paid
        record.paid = order.paid
    case.document = order
    case.changed = True
    case.lines_owned = received.merges
    desk.touch(case)
    desk.known[received.account, order.external_id] = _as_known(case)
    desk.batch.add("write_document", record.id, desk.store.seal_document(record.id, order, body))
    adding = {job.account for job in case.jobs.values() if _is_adding(job)}
    there = adding | {name for name in case.links if name != record.account}
    desk.note(
        Kind.ORDER_CHANGED,
        order=record.id,
        account=received.account,
        fields=list(fields),
        stage=order.stage.value if was is not order.stage else None,
        was_stage=was.value if was is not order.stage else None,
    )
    stays = [field for field in fields if field in _STAYS_IN_HUB]
    called_off = order.stage is Stage.CANCELLED  # which is told by itself; some platforms then empty the order
    if there and stays and before is not None:
        _keep_forwarded(desk, case, before, adding if called_off else there)
        if not called_off:
            record.warnings += 1
            desk.note(Kind.ORDER_DIFFERS, order=record.id, account=record.account, fields=stays)
    if order.stage is Stage.CANCELLED and was is not Stage.CANCELLED:
        desk.happened(case, Happening.CANCELLED)
    elif newly_paid:
        desk.happened(case, Happening.PAID)
    _take_parcels(desk, case, order)
    if received.merges:
        _merge(desk, received, case, order)


_ON_ITS_WAY = frozenset({JobState.SENDING, JobState.UNSURE})
_STAYS_IN_HUB = frozenset({"lines", "delivery", "invoice", "total", "buyer", "comment"})


def _is_adding(job: JobRecord) -> bool:
    """Whether the shop may be about to get the order, or a part of it: its adding then ends as it began."""
    return job.kind is JobKind.ADD_ORDER and (job.state in _ON_ITS_WAY or (job.begun and job.state not in FINAL))


def _keep_forwarded(desk: Desk, case: Case, before: Order, accounts: Iterable[str]) -> None:
    """The accounts keep what they got: shown from now on beside the order, for the seller to act on."""
    number, encoded = case.order.id, _ENCODER.encode(before)
    for name in sorted(accounts):
        desk.batch.add("keep_forwarded", number, name, desk.store.seal_forwarded(number, name, encoded))


def _take_parcels(desk: Desk, case: Case, order: Order) -> None:
    for parcel in order.parcels:
        if case.add_parcel(parcel.carrier, parcel.number, desk.now):
            desk.note(
                Kind.PARCEL_ADDED,
                order=case.order.id,
                account=case.order.account,
                carrier=parcel.carrier,
                number=parcel.number,
            )
            desk.happened(case, Happening.PARCEL_SENT)


def _merge(desk: Desk, received: Received, case: Case, order: Order) -> None:
    owners = {line.id: desk.owners[key] for line in order.lines if (key := (received.account, line.id)) in desk.owners}
    for gone in replaced_by(order, owners):
        other = desk.cases[gone.id]
        if other.order.id == case.order.id:
            continue
        other.order.stage = Stage.MERGED
        other.order.merged_into = case.order.id
        other.changed = True
        desk.touch(other)
        desk.note(Kind.ORDER_MERGED, order=gone.id, account=received.account, into=case.order.id)
        _take_thanks(desk, case, other)
        desk.happened(other, Happening.CANCELLED)
        if other.links:
            shops = ", ".join(sorted(name for name in other.links if name != other.order.account))
            desk.warn(other, f"it had already been forwarded to {shops} when it was merged; it is cancelled there")
    for line in order.lines:
        desk.owners[received.account, line.id] = _as_known(case)


def _take_thanks(desk: Desk, case: Case, gone: Case) -> None:
    """A buyer who was thanked for an order, or may have been, gets no other mail for the one that takes its place."""
    went_out = any(
        job.kind is JobKind.SEND_MAIL and (job.state in {JobState.DONE, JobState.SENDING} or job.doubt_at is not None)
        for job in gone.jobs.values()
    )
    if went_out and not case.state().thanked:
        why = f"the buyer was thanked for order {gone.order.id}, which was merged into this one"
        job = desk.make_job(case, NewJob(account=MAIL, kind=JobKind.SEND_MAIL, due=desk.now, why="the order is ready"))
        case.move(job, JobEvent.CANCEL)
        job.reason = why
        desk.note_job(Kind.JOB_CANCELLED, job, why=why)


def _as_known(case: Case) -> Known:
    record = case.order
    return Known(
        id=record.id,
        external_id=record.external_id,
        digest=record.digest,
        stage=record.stage,
        updated_at=record.updated_at,
    )


def malformed_id(entry: MalformedOrder) -> str:
    """By what an unreadable order is known: its id, or a mark of its content where not even that can be read."""
    return entry.external_id or f"unnamed-{hashlib.blake2b(entry.raw, digest_size=6).hexdigest()}"


def _keep_malformed(desk: Desk, received: Received, entry: MalformedOrder) -> bool:
    external_id = malformed_id(entry)
    number = desk.store.new_id("malformed")
    moment = ms(desk.now)
    known = desk.known.get((received.account, external_id))
    erased = known is not None and desk.cases[known.id].order.erased_at is not None
    raw = b"" if erased else desk.store.seal_raw(entry.raw[:MAX_RAW], received.account, external_id)
    desk.batch.add("note_malformed", number, received.account, external_id, entry.reason, raw, moment, moment)
    if desk.unreadable.get((received.account, external_id)) == entry.reason:
        return False
    desk.note(
        Kind.ORDER_MALFORMED,
        order=known.id if known is not None else None,
        account=received.account,
        external_id=external_id,
        reason=entry.reason,
    )
    return True


def _hear_echo(desk: Desk, account: str, case: Case, echo: Echo) -> None:
    link = case.links[account]
    if echo.id not in {link.shop_order, link.doubled_as} and not _called_off(desk, account, echo):
        link.doubled_as = echo.id
        case.link(link)
        both = [link.shop_order, echo.id]
        desk.note(Kind.DOUBLE_FOUND, order=case.order.id, account=account, reference=echo.reference, shop_orders=both)
        desk.warn(case, f"{account} holds it twice, as {both[0]} and {both[1]}; cancel one of them there", account)
    if echo.id == link.doubled_as and _called_off(desk, account, echo):
        link.doubled_as = None  # a person has put it right
        case.link(link)
        desk.touch(case)
    if echo.id == link.shop_order and echo.paid and not case.order.paid:
        case.order.paid = True
        case.changed = True
        link.told_paid = True
        case.link(link)
        desk.touch(case)
        desk.note(Kind.PAYMENT_SET, order=case.order.id, account=account, paid=True)
        desk.happened(case, Happening.PAID)


def _called_off(desk: Desk, account: str, echo: Echo) -> bool:
    """Whether the shop's order is one that was cancelled: a double that a person has put right."""
    target = desk.targets.get(account)
    return (
        target is not None
        and echo.status is not None
        and echo.status == target.statuses.get(desk.ladder.rules.cancelled)
    )
