"""What the control API answers: values with stable field names, made by the hub, shown by the command line.

Every `--json` prints one of these as it is, and the OpenAPI document is made from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from daemon.core.journal import Entry
from daemon.core.routing import Function
from orderferry import ForwardOrder, Order, Parcel


class View(Struct, frozen=True, kw_only=True):
    """Base of the views."""


class AccountView(View, frozen=True, kw_only=True):
    """An account: `health` is one of ok, starting, down, needs_login, paused, refused.

    `problem` says in a sentence why it isn't ok, `remedy` is the command that resolves it. `functions` is the table of
    what is done with it and why not, `faults` are entries of its maps that its platform does not take. An account for
    imports has no platform; `folder` and `mapping` are its watched folder and its mapping file.
    """

    name: str
    platform: str
    role: str
    health: str
    problem: str | None = None
    remedy: str | None = None
    held_until: datetime | None = None
    capabilities: tuple[str, ...] = ()
    missing: Mapping[str, str] = {}
    notes: tuple[str, ...] = ()
    poll_every: str
    folder: str | None = None
    mapping: str | None = None
    last_fetch: datetime | None = None
    next_fetch: datetime | None = None
    forwards: bool = False
    functions: tuple[Function, ...] = ()
    faults: tuple[str, ...] = ()
    orders: int = 0
    unfinished_jobs: int = 0
    parked_jobs: int = 0


class PlatformView(View, frozen=True, kw_only=True):
    """A platform of a plugin that runs; `accounts` are the names of those that use it."""

    id: str
    title: str
    role: str
    capabilities: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()


class PluginView(View, frozen=True, kw_only=True):
    """A plugin that is installed; `name` is its entry point's, `distribution` and `version` say where it comes from.

    `state` is one of runs, not_enabled, refused; what runs of it stands in `platforms`, and each sentence of `problems`
    says why something does not.
    """

    name: str
    distribution: str
    version: str
    built_in: bool
    state: str
    platforms: tuple[PlatformView, ...] = ()
    problems: tuple[str, ...] = ()


class StatusView(View, frozen=True, kw_only=True):
    """The daemon at a glance; `health` is ok or degraded, and `problems` are sentences with the command that helps.

    `statuses` are the hub's own, in the seller's order: key -> label.
    """

    version: str
    health: str
    problems: tuple[str, ...]
    started_at: datetime
    data_dir: str
    sqlite: str
    installation: str
    epoch: int
    accounts: Mapping[str, str]
    orders: Mapping[str, int]
    jobs: Mapping[str, int]
    malformed: int
    oldest_unfinished: datetime | None
    alarms: tuple[AlarmView, ...] = ()
    statuses: Mapping[str, str] = {}


class HealthView(View, frozen=True, kw_only=True):
    """The daemon answers, and is well: `health` is ok. Whatever else is so comes as a `Problem`."""

    health: str


class AlarmView(View, frozen=True, kw_only=True):
    """What a person must see to, since when, and the command that resolves it; `what` is the topic, `text` says it."""

    what: str
    text: str
    since: datetime
    command: str
    account: str
    order: int | None = None
    job: int | None = None


class JobView(View, frozen=True, kw_only=True):
    """A job; `reason` and `remedy` are there where it is parked or unsure."""

    id: int
    order: int
    external_id: str
    account: str
    kind: str
    state: str
    due: datetime
    attempt: int
    made_at: datetime
    sent_at: datetime | None = None
    reason: str | None = None
    remedy: str | None = None


class MalformedView(View, frozen=True, kw_only=True):
    """An order that could not be read, by its number in the list; its raw text stays in the store."""

    id: int
    account: str
    external_id: str | None
    reason: str
    first_seen: datetime
    last_seen: datetime
    times: int
    remedy: str


class JobsView(View, frozen=True, kw_only=True):
    """Jobs, and with them the orders that are parked because they could not be read."""

    jobs: tuple[JobView, ...]
    malformed: tuple[MalformedView, ...] = ()


class LinkView(View, frozen=True, kw_only=True):
    """The order stands in this shop as that shop's order."""

    account: str
    shop_order: str
    number: str
    reference: str
    since: datetime
    total: str | None = None
    told_status: str | None = None
    told_paid: bool | None = None
    told_parcels: tuple[str, ...] = ()


class OrderRow(View, frozen=True, kw_only=True):
    """An order in a list; `shops` maps each shop to its order's number there; `erased_at`: its buyer's data is gone."""

    id: int
    account: str
    external_id: str
    stage: str
    status: str
    ordered_at: datetime
    updated_at: datetime
    total: str
    paid: bool
    shops: Mapping[str, str]
    finished: bool
    warnings: tuple[str, ...] = ()
    erased_at: datetime | None = None


class OrdersView(View, frozen=True, kw_only=True):
    """A page of orders, newest first; `next` is the `before` of the following page, None at the end."""

    orders: tuple[OrderRow, ...]
    next: int | None = None


class DifferenceView(View, frozen=True, kw_only=True):
    """What has changed since this account got the order, and stays so there: as it got it, and as it is now."""

    account: str
    what: str
    was: str | None
    now: str | None


class OrderView(View, frozen=True, kw_only=True):
    """Everything the hub knows of one order; `order` is the purchase as the platform told it last.

    `differences` are changes since the order was forwarded, which stay in the hub: the seller acts on them in the shop.
    Since `erased_at` nothing is held that tells who the buyer is, and `order` is None.
    """

    id: int
    account: str
    platform: str
    stage: str
    status: str
    first_seen: datetime
    held: str | None
    merged_into: int | None
    paid: bool
    external_id: str
    total: str
    ordered_at: datetime
    updated_at: datetime
    order: Order | None
    links: tuple[LinkView, ...]
    jobs: tuple[JobView, ...]
    parcels: tuple[Parcel, ...]
    warnings: tuple[str, ...]
    differences: tuple[DifferenceView, ...] = ()
    erased_at: datetime | None = None


class Withheld(View, frozen=True, kw_only=True):
    """What a shop is not told, and why."""

    what: str
    why: str


class PlannedLine(View, frozen=True, kw_only=True):
    """A line of an order, and the shop's product that it would take from; `looked_up` says that the shop was asked."""

    name: str
    quantity: int
    sku: str | None = None
    ean: str | None = None
    product: str | None = None
    product_name: str | None = None
    stock: int | None = None
    looked_up: bool = False


class UnmappedView(View, frozen=True, kw_only=True):
    """A marketplace's method that has no entry in a shop's map, and what it becomes; when an order last had it."""

    kind: str
    account: str
    method: str
    became: str | None = None
    order: int | None = None
    last_seen: datetime | None = None


class PlanView(View, frozen=True, kw_only=True):
    """What a shop would be told of an order, exactly; nothing is sent.

    `why_not` says why it is not put in by itself, None where it is or would be. `problem` says what could not be looked
    up for it.
    """

    order: int
    shop: str
    why_not: str | None
    told: ForwardOrder
    withheld: tuple[Withheld, ...]
    lines: tuple[PlannedLine, ...]
    unmapped: tuple[UnmappedView, ...] = ()
    problem: str | None = None


class Sentence(View, frozen=True, kw_only=True):
    """One step of an order's story."""

    at: datetime
    text: str


class StoryView(View, frozen=True, kw_only=True):
    """An order's story: what happened, what comes next, and the commands that resolve what is stuck."""

    id: int
    account: str
    external_id: str
    summary: str
    story: tuple[Sentence, ...]
    next: tuple[str, ...]
    commands: tuple[str, ...]


class JournalView(View, frozen=True, kw_only=True):
    """Rows of the journal in order; `last` is the id to go on from."""

    entries: tuple[Entry, ...]
    last: int


class BackupProgress(View, frozen=True, kw_only=True):
    """A line of a backup's progress; the one with `done` is the last, and says where the backup stands.

    `key_id` names the key that opens it, which is not in it.
    """

    percent: int
    done: bool = False
    path: str | None = None
    bytes: int = 0
    orders: int = 0
    key_id: str | None = None


class FetchProgress(View, frozen=True, kw_only=True):
    """A line of a fetch's progress; `done` is the account's last one, with the counts of the whole fetch."""

    account: str
    pages: int
    new: int
    changed: int
    malformed: int
    done: bool = False
    error: str | None = None


class UnreadableOrder(View, frozen=True, kw_only=True):
    """An order of a source that is no order: `raw` is kept sealed until the order comes whole."""

    external_id: str
    reason: str
    raw: str = ""


class ImportedOrder(View, frozen=True, kw_only=True):
    """What became of an order that was handed in: `verdict` is new, changed, same, or refused for that `reason`."""

    external_id: str
    verdict: str
    reason: str | None = None


class ImportView(View, frozen=True, kw_only=True):
    """What became of the orders of a request; with `dry_run` what would, for nothing was changed.

    `malformed` counts what could not be read, as the request said.
    """

    account: str
    new: int
    changed: int
    same: int
    refused: int
    malformed: int
    dry_run: bool
    orders: tuple[ImportedOrder, ...]


class ChoiceView(View, frozen=True, kw_only=True):
    """An entry of a platform's list."""

    id: str
    title: str


class Done(View, frozen=True, kw_only=True):
    """A command was carried out: what happened, in a sentence, and the jobs that came of it."""

    text: str
    order: int | None = None
    jobs: tuple[int, ...] = ()


class Problem(View, frozen=True, kw_only=True):
    """A request that could not be carried out.

    `code` is not_found, invalid, conflict, forbidden, unavailable, or internal for a fault of the daemon's own.
    """

    code: str
    message: str
    suggestions: tuple[str, ...] = ()


class CommandError(Exception):
    """Carries a `Problem` from the hub to whoever asked."""

    def __init__(self, code: str, message: str, suggestions: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.problem = Problem(code=code, message=message, suggestions=suggestions)
