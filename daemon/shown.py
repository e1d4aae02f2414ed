"""The store's rows as views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from daemon.core.alarming import Alarm, told, unreadable_remedy
from daemon.core.differences import differences
from daemon.core.job import JobState, remedy
from daemon.core.journal import Entry
from daemon.core.story import Subject, tell
from daemon.store.case import when
from daemon.views import (
    AccountView,
    AlarmView,
    DifferenceView,
    JobView,
    LinkView,
    MalformedView,
    OrderRow,
    OrderView,
    Sentence,
    StoryView,
    UnmappedView,
)
from orderferry import Order, Parcel


def order_row(row: Any, links: Sequence[Any], warnings: Sequence[str]) -> OrderRow:  # sqlite rows
    """A row of `Reader.orders` with its links."""
    return OrderRow(
        id=row[0],
        account=row[1],
        external_id=row[2],
        stage=row[3],
        status=row[4],
        ordered_at=when(row[5]),
        updated_at=when(row[6]),
        total=row[7],
        paid=bool(row[8]),
        shops={link[1]: link[3] for link in links if link[0] == row[0] and link[1] != row[1]},
        finished=not row[10],
        warnings=tuple(warnings),
        erased_at=None if row[11] is None else when(row[11]),
    )


def order_view(
    row: Any,  # sqlite rows, here and below
    document: Order | None,
    *,
    platform: str,
    links: Sequence[Any],
    jobs: Sequence[Any],
    parcels: Sequence[Any],
    warnings: Sequence[str],
    forwarded: Mapping[str, Order],
) -> OrderView:
    """Everything of one order."""
    return OrderView(
        id=row[0],
        account=row[1],
        platform=platform,
        stage=row[3],
        status=row[4],
        first_seen=when(row[10]),
        held=row[11],
        merged_into=row[12],
        paid=bool(row[8]),
        external_id=row[2],
        total=row[7],
        ordered_at=when(row[5]),
        updated_at=when(row[6]),
        order=document,
        links=tuple(link_view(link) for link in links if link[1] != row[1]),
        jobs=tuple(job_view(job) for job in jobs),
        parcels=tuple(Parcel(carrier=parcel[0], number=parcel[1]) for parcel in parcels),
        warnings=tuple(warnings),
        differences=tuple(
            DifferenceView(account=name, what=one.what, was=one.was, now=one.now)
            for name, given in forwarded.items()
            if document is not None
            for one in differences(given, document)
        ),
        erased_at=None if row[14] is None else when(row[14]),
    )


def unmapped_view(row: Any) -> UnmappedView:  # a sqlite row
    """A row of `Reader.unmapped`."""
    return UnmappedView(kind=row[0], account=row[1], method=row[2], became=row[3], order=row[4], last_seen=when(row[5]))


def link_view(row: Any) -> LinkView:  # a sqlite row
    """A row of `Reader.links`."""
    return LinkView(
        account=row[1],
        shop_order=row[2],
        number=row[3],
        reference=row[4],
        since=when(row[5]),
        total=row[6],
        told_status=row[7],
        told_paid=None if row[8] is None else bool(row[8]),
        told_parcels=tuple(msgspec.json.decode(row[9], type=list[str])),
    )


def job_view(row: Any) -> JobView:  # a sqlite row
    """A row of `Reader.jobs`, with the command that helps where it is stuck."""
    stuck = row[5] in {JobState.PARKED.value, JobState.UNSURE.value}
    return JobView(
        id=row[0],
        order=row[1],
        external_id=row[2],
        account=row[3],
        kind=row[4],
        state=row[5],
        due=when(row[6]),
        attempt=row[7],
        made_at=when(row[8]),
        sent_at=None if row[9] is None else when(row[9]),
        reason=row[10],
        remedy=remedy(row[0], row[4], in_doubt=row[11] is not None) if stuck else None,
    )


def malformed_view(row: Any, *, imported: bool) -> MalformedView:  # a sqlite row
    """A row of `Reader.malformed`; `imported` where it came from a file."""
    return MalformedView(
        id=row[0],
        account=row[1],
        external_id=row[2],
        reason=row[3],
        first_seen=when(row[4]),
        last_seen=when(row[5]),
        times=row[6],
        remedy=unreadable_remedy(row[1], imported=imported),
    )


def alarm_view(alarm: Alarm) -> AlarmView:
    """An alarm that is open."""
    return AlarmView(
        what=alarm.topic.value,
        text=told(alarm.topic, account=alarm.account, order=alarm.order, job=alarm.job),
        since=alarm.since,
        command=alarm.command,
        account=alarm.account,
        order=alarm.order,
        job=alarm.job,
    )


def story_view(
    row: Any,  # sqlite rows, here and below
    *,
    links: Sequence[Any],
    jobs: Sequence[Any],
    entries: Sequence[Entry],
    accounts: Mapping[str, AccountView],
    now: datetime,
) -> StoryView:
    """An order's story from its rows."""
    subject = Subject(
        id=row[0],
        account=row[1],
        external_id=row[2],
        stage=row[3],
        status=row[4],
        held=row[11],
        merged_into=row[12],
        erased_at=None if row[14] is None else when(row[14]),
    )
    told = tell(
        subject,
        entries,
        [job_view(job) for job in jobs],
        [link_view(link) for link in links if link[1] != row[1]],
        now,
        accounts=accounts,
    )
    return StoryView(
        id=subject.id,
        account=subject.account,
        external_id=subject.external_id,
        summary=told.summary,
        story=tuple(Sentence(at=step.at, text=step.text) for step in told.steps),
        next=told.next,
        commands=told.commands,
    )
