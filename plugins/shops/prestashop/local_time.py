"""The shop's times: local ones without an offset, of which one hour comes twice every autumn. Values in, values out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo

from orderferry import Malformed

FORM = "%Y-%m-%d %H:%M:%S"
NEVER = "0000-00-00 00:00:00"


def read(text: str, zone: ZoneInfo, now: datetime, what: str) -> datetime:
    """The moment that the shop wrote down; raises `Malformed` naming `what` where it is none.

    In the hour that comes twice it is the later one, unless that would be after `now`: so a later change never seems
    to be an earlier one.
    """
    try:
        local = datetime.strptime(text, FORM).replace(tzinfo=zone)
    except ValueError as error:
        raise Malformed(f"{what} is not a time") from error
    later = local.replace(fold=1).astimezone(UTC)
    return later if later <= now else local.astimezone(UTC)


def since(moment: datetime, zone: ZoneInfo) -> str:
    """A local time that is before everything the shop writes down at this moment or later.

    When the clocks are about to go back, later moments are written as earlier times: then it is earlier by so much.
    """
    local = moment.astimezone(zone)
    after = (moment + timedelta(hours=3)).astimezone(zone)
    back = max(timedelta(0), (local.utcoffset() or timedelta(0)) - (after.utcoffset() or timedelta(0)))
    return (local.replace(tzinfo=None) - back - timedelta(seconds=1)).strftime(FORM)


def by_the_shop(headers: Mapping[str, str], now: datetime) -> datetime:
    """The present moment by the shop's clock where that is behind ours, else by ours."""
    try:
        return min(now, parsedate_to_datetime(headers.get("date", "")).astimezone(UTC))
    except (ValueError, TypeError):
        return now
