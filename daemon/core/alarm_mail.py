"""When the owner gets a mail about alarms, and what it says.

Alarms within a minute share a mail, there are no more than MOST mails an hour, and whatever comes meanwhile is in the
next one. A mail names orders by the hub's numbers: nothing of a buyer is in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from daemon.core.alarming import Alarm, told
from daemon.core.telling import span
from orderferry import Mail

TOGETHER = timedelta(minutes=1)
HOUR = timedelta(hours=1)
MOST = 4
LISTED = 50
TRY_AGAIN = timedelta(minutes=5)


class Raised(Struct, frozen=True, kw_only=True):
    """An open alarm, when it was raised, and whether a mail has told of it."""

    alarm: Alarm
    raised_at: datetime
    mailed: bool = False


def mail_due(untold: Sequence[Raised], sent: Sequence[datetime], failed: datetime | None) -> datetime | None:
    """When the next mail is due; None where there is nothing to tell.

    `sent` are the moments of the mails so far, in order; `failed` is when the last try failed, where it did.
    """
    if not untold:
        return None
    due = min(one.raised_at for one in untold) + TOGETHER
    if len(sent) >= MOST:
        due = max(due, sent[-MOST] + HOUR)
    return due if failed is None else max(due, failed + TRY_AGAIN)


def letter(untold: Sequence[Raised], *, to: str, mark: str, now: datetime) -> Mail:
    """The mail about these alarms; `mark` is what this installation's references begin with."""
    alarms = [one.alarm for one in sorted(untold, key=lambda one: one.raised_at)]
    topics = ", ".join(sorted({alarm.topic.replace("_", " ") for alarm in alarms}))
    lines = ["orderferry needs you:", ""]
    for alarm in alarms[:LISTED]:
        what = told(alarm.topic, account=alarm.account, order=alarm.order, job=alarm.job)
        lines += [
            f"- {what}, since {alarm.since:%Y-%m-%d %H:%M} UTC ({span((now - alarm.since).total_seconds())}).",
            f"  What helps: {alarm.command}",
        ]
    if len(alarms) > LISTED:
        lines.append(f"- and {len(alarms) - LISTED} more: orderferry status")
    lines += ["", "All that is open now: orderferry status"]
    digest = hashlib.sha256("\n".join(f"{alarm.key} {alarm.since.isoformat()}" for alarm in alarms).encode())
    return Mail(
        id=f"{mark}-alarm-{digest.hexdigest()[:16]}",
        to=to,
        subject=f"orderferry: {len(alarms)} alarm{'s' * (len(alarms) > 1)} ({topics})",
        text="\n".join(lines) + "\n",
    )
