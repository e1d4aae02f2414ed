"""The files of backups: their names, when the next is due, and which have had their day."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime, timedelta

LONGEST = timedelta(days=14)
"""What was erased must be gone from every backup that is older."""

_NAME = re.compile(r"orders-(?:replaced-)?(\d{8}T\d{6})Z\.db(?:-wal|-shm)?")
_FORM = "%Y%m%dT%H%M%S"


def name(at: datetime) -> str:
    """The backup of this moment: `orders-20261126T231500Z.db`."""
    return f"orders-{at.astimezone(UTC):{_FORM}}Z.db"


def replaced_name(at: datetime) -> str:
    """The store that was put aside at this moment, in favour of a backup."""
    return f"orders-replaced-{name(at).removeprefix('orders-')}"


def moment(file: str) -> datetime | None:
    """When the backup of this name was made, or the store put aside; None for any other file."""
    found = _NAME.fullmatch(file)
    try:
        return datetime.strptime(found[1], _FORM).replace(tzinfo=UTC) if found else None
    except ValueError:
        return None


def made(files: Iterable[str]) -> list[datetime]:
    """The moments of the backups among these files, the oldest first."""
    return sorted(at for file in files if (at := moment(file)) is not None and name(at) == file)


def free_name(at: datetime, taken: Collection[str], named: Callable[[datetime], str] = name) -> str:
    """The name for a backup of now; where one of this second is there, the next free one."""
    while named(at) in taken:
        at += timedelta(seconds=1)
    return named(at)


def due(files: Iterable[str], every: timedelta, now: datetime) -> datetime:
    """When the next backup is due; one whose name lies in the future, as after the clock was set, does not count."""
    past = [at for at in made(files) if at <= now]
    return past[-1] + every if past else now


def outdated(files: Collection[str], keep: timedelta, now: datetime) -> list[str]:
    """Which files are to be deleted: backups older than `keep`, but for the newest; and all older than `LONGEST`."""
    newest = made(files)[-1:]
    return sorted(
        file
        for file in files
        if (at := moment(file)) is not None
        and now - at > (LONGEST if at in newest or name(at) != file else min(keep, LONGEST))
    )
