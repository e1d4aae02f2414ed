"""An erased order that its platform tells of again, onto the round's desk: followed without what was erased."""

from __future__ import annotations

from daemon.core.journal import Kind
from daemon.core.retention import begins_anew
from daemon.core.statuses import Happening
from daemon.desk import Desk
from daemon.store.case import Case
from orderferry import Order, Stage


def comes_back(desk: Desk, case: Case, order: Order) -> bool:
    """Whether the order is taken whole again, since its marketplace has opened the purchase anew; says so then."""
    record = case.order
    in_a_shop = any(name != record.account for name in case.links)
    if not begins_anew(record.stage, order.stage, shipped=order.shipped, in_a_shop=in_a_shop):
        return False
    record.erased_at = None
    desk.note(Kind.BUYER_DATA_BACK, order=record.id, account=record.account, stage=order.stage.value)
    return True


def follow(desk: Desk, case: Case, order: Order, digest: bytes) -> None:
    """Takes over the stage, the payment and the amount, and nothing that tells who the buyer is, nor his parcels."""
    record = case.order
    was, was_total, was_paid = record.stage, record.total, record.paid
    record.digest = digest
    record.stage = order.stage
    record.updated_at = order.updated_at
    record.total = str(order.total)
    record.shipped = order.shipped
    record.paid = was_paid or order.paid  # as with every order: what a person or a shop said is not taken back
    case.changed = True
    desk.touch(case)
    fields = ["total"] * (record.total != was_total) + ["payment"] * (record.paid != was_paid)
    if fields or record.stage is not was:
        desk.note(
            Kind.ORDER_CHANGED,
            order=record.id,
            account=record.account,
            fields=fields,
            stage=record.stage.value if record.stage is not was else None,
            was_stage=was.value if record.stage is not was else None,
        )
    if record.stage is Stage.CANCELLED and was is not Stage.CANCELLED:
        desk.happened(case, Happening.CANCELLED)
    elif record.paid and not was_paid:
        desk.happened(case, Happening.PAID)
