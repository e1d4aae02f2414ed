"""How long each account's buyers' data is kept, of all that the settings and the platforms say."""

from __future__ import annotations

from collections.abc import Mapping

from daemon.config import Config
from daemon.core.retention import Keeps
from orderferry.platform import AnyPlatform


def keeps(config: Config, platforms: Mapping[str, type[AnyPlatform]]) -> Keeps:
    """The general time, what accounts say otherwise, and what their platforms allow."""
    return Keeps(
        general=config.privacy.keep_buyer_data,
        by_account={
            account.name: account.keep_buyer_data for account in config.accounts if account.keep_buyer_data is not None
        },
        longest={
            key: platform.longest_keep for key, platform in platforms.items() if platform.longest_keep is not None
        },
    )
