"""The journal's rows: what happened, when, to which order, account and job.

A row holds ids, amounts, statuses and sentences about them, never a buyer's data. From these rows come the order's
story (`story.py`), the event stream, and whatever else is told to the world.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct

Scalar: TypeAlias = str | int | bool | None
Data: TypeAlias = dict[str, Scalar | list[str]]

BY_MQTT = -1
"""Stands as `uid` where a command came by MQTT, which knows no users; no user has this number."""


class Kind(StrEnum):
    """What a row says; behind each, the keys of its `data`."""

    # orders
    ORDER_NEW = "order_new"  # external_id stage status total sweep
    ORDER_CHANGED = "order_changed"  # fields stage was_stage (stage only where it changed)
    ORDER_GAP = "order_gap"  # external_id: the sweep found what the feed had missed
    ORDER_MALFORMED = "order_malformed"  # external_id reason malformed (its number in the list)
    ORDER_MERGED = "order_merged"  # into (the hub's number of the order that carries its lines now)
    ORDER_HELD = "order_held"  # reason: ready, but not forwarded by itself
    ORDER_WARNING = "order_warning"  # text
    ORDER_DIFFERS = "order_differs"  # fields: changed in the marketplace after it had been forwarded
    STATUS_SET = "status_set"  # was status, and uid (a person did it) or rule (the seller's rule for this did)
    PAYMENT_SET = "payment_set"  # paid amount uid | account (the shop that told it)
    PARCEL_ADDED = "parcel_added"  # carrier number uid
    BUYER_DATA_ERASED = (
        "buyer_data_erased"  # uid, or rule (keep_buyer_data: its time was up); external_id: not an order
    )
    BUYER_DATA_BACK = "buyer_data_back"  # stage: the marketplace has opened an erased purchase again
    DOUBLE_FOUND = "double_found"  # reference shop_orders

    # jobs: every row has the job's number and its account; `what` is the job's kind
    JOB_MADE = "job_made"  # what due why
    JOB_DONE = "job_done"  # what attempt sent_at, for add_order: shop_order number total stock_fell
    JOB_LATER = "job_later"  # what attempt error until
    JOB_UNSURE = "job_unsure"  # what attempt error look_at settled_at
    JOB_LOOKED = "job_looked"  # what found shop_order | settled_at | error
    JOB_PARKED = "job_parked"  # what reason command
    JOB_CANCELLED = "job_cancelled"  # what why
    JOB_KEPT = "job_kept"  # what why: it goes on although the order is wanted no more
    JOB_RETRIED = "job_retried"  # what uid
    JOB_RESOLVED = "job_resolved"  # what how (found, sent, send_again, not_there) shop_order uid

    # accounts
    ACCOUNT_DOWN = "account_down"  # error until
    ACCOUNT_UP = "account_up"  # was (what had been wrong)
    ACCOUNT_NEEDS_LOGIN = "account_needs_login"  # error command
    ACCOUNT_PAUSED = "account_paused"  # uid
    ACCOUNT_RESUMED = "account_resumed"  # uid
    ACCOUNT_REFUSED = "account_refused"  # reason: its plugin can't be started
    PLUGIN_BLOCKED = "plugin_blocked"  # plugin seconds: its code kept everything else waiting
    PLUGIN_ENDED = "plugin_ended"  # platform reason: its process, which is started anew
    FETCHED = "fetched"  # new changed malformed uid: only where there was something, or a person asked
    IMPORTED = "imported"  # new changed same malformed uid (no uid: from a watched folder)

    # the daemon
    DAEMON_STARTED = "daemon_started"  # version in_doubt (jobs that were under way when it ended)
    DAEMON_STOPPING = "daemon_stopping"  # in_doubt
    SETTINGS_RELOADED = "settings_reloaded"  # changes uid
    STORE_DEGRADED = "store_degraded"  # error
    STORE_RECOVERED = "store_recovered"
    STORE_RESTORED = "store_restored"  # file: a backup was put back
    KEY_CHANGED = "key_changed"  # was key (their ids)
    BACKUP_MADE = "backup_made"  # file orders uid (no uid: by itself)
    BACKUP_FAILED = "backup_failed"  # reason

    # what a person must be told of; a row has the order, account and job that it is about
    ALARM = "alarm"  # what (a topic of alarming.py) since command
    ALARM_OVER = "alarm_over"  # what since


class Entry(Struct, frozen=True, kw_only=True):
    """One row; `id` is given by the store and only grows."""

    id: int = 0
    at: datetime
    kind: Kind
    order: int | None = None
    account: str | None = None
    job: int | None = None
    data: Data = {}
