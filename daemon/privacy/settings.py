"""[privacy]: how long buyers' data is kept; and what an account, and its platform, say of that."""

from __future__ import annotations

from datetime import timedelta

from msgspec import Struct

from daemon.toml_lines import KeyPath
from daemon.toml_values import TableReader
from orderferry import Duration
from orderferry.platform import AnyPlatform

LONGEST = timedelta(days=365)
"""The most that may be set: a hub is no archive, and invoices are kept in the shop."""

KEY = "keep_buyer_data"


class PrivacySettings(Struct, frozen=True, kw_only=True):
    """[privacy]: buyers' data is erased so long after an order was over."""

    keep_buyer_data: Duration = Duration(days=30)


def read_privacy(reader: TableReader, raw: object) -> PrivacySettings:
    """The section; what is wrong in it is told to the reader."""
    at: KeyPath = ("privacy",)
    table = reader.table(raw, at, '[privacy] and keep_buyer_data = "30d"')
    found = reader.struct(PrivacySettings, table, at) or PrivacySettings()
    if KEY in table:
        check_keep(reader, found.keep_buyer_data, (*at, KEY))
    return found


def check_keep(reader: TableReader, keep: timedelta, at: KeyPath, platform: type[AnyPlatform] | None = None) -> None:
    """Complains about a time that is none, or longer than the program or the account's platform allows."""
    limit = platform.longest_keep if platform is not None else None
    if keep <= timedelta(0):
        reader.complain(at, "must be longer than nothing")
    elif platform is not None and limit is not None and keep > limit:
        reader.complain(at, f"{platform.title} allows {_written(limit)} at most; write that, or less")
    elif keep > LONGEST:
        reader.complain(at, f"is longer than {_written(LONGEST)}, the most that can be set")


def _written(time: timedelta) -> str:
    return str(Duration(seconds=time.total_seconds()))
