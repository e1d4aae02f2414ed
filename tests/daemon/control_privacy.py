"""What the scripted hub of these tests knows of buyers' data."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from daemon.privacy.views import (
    AccountPrivacy,
    ErasedOrder,
    ErasureView,
    HeldOrder,
    OverdueOrder,
    PrivacyReport,
    Recipient,
    SearchLine,
    StoreCopy,
    UnreadText,
)
from daemon.views import CommandError
from tests.daemon.control_views import NOW, ORDER, ago

REPORT = PrivacyReport(
    at=NOW,
    accounts=(
        AccountPrivacy(
            account="allegro-main",
            platform="allegro",
            keep="30d",
            limit=None,
            held=120,
            erased=900,
            due_in_a_day=4,
            next_due=NOW,
            oldest=ago(days=61),
            overdue=21,
            named=(
                OverdueOrder(
                    order=11,
                    external_id="a-11",
                    ordered_at=ago(days=61),
                    why="it is packing, and neither sent nor cancelled",
                    command="orderferry set-status 11 sent",
                ),
            ),
            unread=1,
        ),
        AccountPrivacy(
            account="amazon-de",
            platform="amazon",
            keep="10d",
            limit="30d",
            held=0,
            erased=0,
            due_in_a_day=0,
            next_due=None,
            oldest=None,
            overdue=0,
            named=(),
            unread=0,
        ),
    ),
    copies=(StoreCopy(file="backups/orders-2026-11-22.db", made_at=ago(days=1)),),
    recipients=(Recipient(account="my-shop", role="shop", told=("orders are put in", "status is told")),),
)
HELD = HeldOrder(
    id=12,
    account="allegro-main",
    stage="ready",
    status="sent",
    paid=True,
    first_seen=ago(minutes=12),
    erased_at=None,
    order=ORDER,
    given={},
    told=(),
    parcels=(),
    jobs=(),
)
UNREAD = UnreadText(
    account="allegro-main", external_id="bad", first_seen=ago(days=2), last_seen=ago(days=1), text="{broken"
)


class ScriptedPrivacy:
    """The part of a `Hub` that is about buyers' data; knows one buyer, whose orders are 12 and, not over, 11."""

    def __init__(self) -> None:
        self.commands: list[tuple[object, ...]] = []
        self.export_ends: BaseException | None = None

    async def privacy(self) -> PrivacyReport:
        return REPORT

    async def privacy_export(
        self, buyer: str | None, login: str | None, account: str | None, uid: int
    ) -> AsyncIterator[SearchLine]:
        self.commands.append(("privacy_export", buyer, login, account, uid))
        if buyer == "nobody":
            raise CommandError("not_found", "nothing is held about this person")
        yield SearchLine(looked_at=200, of=400)
        yield SearchLine(looked_at=400, of=400, order=HELD)
        yield SearchLine(looked_at=400, of=400, unread=UNREAD)
        if self.export_ends is not None:
            raise self.export_ends
        yield SearchLine(looked_at=400, of=400, done=True)

    async def privacy_erase(
        self,
        buyers: Sequence[str],
        login: str | None,
        account: str | None,
        *,
        even_unfinished: bool,
        dry_run: bool,
        uid: int,
    ) -> ErasureView:
        self.commands.append(("privacy_erase", tuple(buyers), login, account, even_unfinished, dry_run, uid))
        done = "erase" if dry_run else "erased"
        late = ErasedOrder(order=12, account="allegro-main", external_id="a-12", verdict=done)
        going_on = ErasedOrder(
            order=11,
            account="allegro-main",
            external_id="a-11",
            verdict=done if even_unfinished else "refused",
            reason=None if even_unfinished else "it is packing, and neither sent nor cancelled",
            command=None if even_unfinished else "orderferry set-status 11 sent",
        )
        wanted = [one for one in (late, going_on) if not buyers or {str(one.order), "jan@example.org"} & set(buyers)]
        return ErasureView(dry_run=dry_run, orders=tuple(wanted), unread=0)
