"""What the control API answers about buyers' data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from daemon.views import JobView, LinkView, View
from orderferry import Order, Parcel


class OverdueOrder(View, frozen=True, kw_only=True):
    """An order whose buyer's data has been kept longer than the account's time, why, and the command that helps."""

    order: int
    external_id: str
    ordered_at: datetime
    why: str
    command: str


class AccountPrivacy(View, frozen=True, kw_only=True):
    """Buyers' data of one account: `held` are orders with it, `erased` those without.

    `keep` is how long it is kept after an order's end, `limit` the longest that the platform allows. `next_due` is when
    the next is erased, `oldest` the day of the oldest purchase that is held. `overdue` counts orders older than `keep`
    that are not over; `named` are the oldest of them. `unread` are texts that could not be read as orders.
    """

    account: str
    platform: str
    keep: str
    limit: str | None
    held: int
    erased: int
    due_in_a_day: int
    next_due: datetime | None
    oldest: datetime | None
    overdue: int
    named: tuple[OverdueOrder, ...]
    unread: int


class StoreCopy(View, frozen=True, kw_only=True):
    """A whole copy of the store in the data folder; buyers' data in it is sealed as in the store."""

    file: str
    made_at: datetime


class Recipient(View, frozen=True, kw_only=True):
    """Somebody who is told something about buyers, and what."""

    account: str
    role: str
    told: tuple[str, ...]


class PrivacyReport(View, frozen=True, kw_only=True):
    """What is held about buyers, for how long, and who is told; no buyer is named."""

    at: datetime
    accounts: tuple[AccountPrivacy, ...]
    copies: tuple[StoreCopy, ...]
    recipients: tuple[Recipient, ...]
    rewritten_at: datetime | None = None


class HeldOrder(View, frozen=True, kw_only=True):
    """All that is held about one order of a person; `given` is the order as an account got it, where it differs."""

    id: int
    account: str
    stage: str
    status: str
    paid: bool
    first_seen: datetime
    erased_at: datetime | None
    order: Order | None
    given: Mapping[str, Order]
    told: tuple[LinkView, ...]
    parcels: tuple[Parcel, ...]
    jobs: tuple[JobView, ...]


class UnreadText(View, frozen=True, kw_only=True):
    """A text that could not be read as an order, and in which the person is named."""

    account: str
    external_id: str
    first_seen: datetime
    last_seen: datetime
    text: str


class SearchLine(View, frozen=True, kw_only=True):
    """A line of a search for a person: how far it is, and what it has found; `done` is the last one."""

    looked_at: int
    of: int
    order: HeldOrder | None = None
    unread: UnreadText | None = None
    done: bool = False
    error: str | None = None


class ErasedOrder(View, frozen=True, kw_only=True):
    """What erasing does to an order: `verdict` is erase, erased (it is so already), or refused for that `reason`.

    After the erasing, `reason` says what is left for a person to look after.
    """

    order: int
    account: str
    external_id: str
    verdict: str
    reason: str | None = None
    command: str | None = None


class ErasureView(View, frozen=True, kw_only=True):
    """What was erased, or with `dry_run` what would be; `unread` counts texts that could not be read as orders."""

    dry_run: bool
    orders: tuple[ErasedOrder, ...]
    unread: int = 0
