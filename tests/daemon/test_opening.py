"""An account made ready: its client, its tokens, its reference prefix, and nothing left open."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from daemon.hooks import Catalogue, Hooks
from daemon.opening import Opener
from daemon.vault import TokenFiles
from orderferry import Account, CheckReport, Role, Settings, Unavailable, hookimpl
from orderferry.oauth import Tokens
from orderferry.testing.clock import START, VirtualClock
from tests.daemon.engine import VAULT, settings
from tests.daemon.engine_platforms import Market, MarketWorld

SEEN: list[Account[Any]] = []


class Asking(Market):
    """Asks a port on which nobody listens."""

    def __init__(self, account: Account[Settings]) -> None:
        super().__init__(account, MarketWorld())
        SEEN.append(account)
        self._http = account.http("http://127.0.0.1:9")

    @hookimpl
    async def check(self) -> CheckReport:
        await self._http.get("/", bytes)
        return CheckReport(summary="fine")


class Failing(Market):
    def __init__(self, account: Account[Settings]) -> None:
        raise ValueError(f"the address of {account.name} makes no sense")


def opener(folder: Path, hooks: Hooks) -> Opener:
    catalogue = Catalogue(platforms={"fake-marketplace": Asking, "failing": Failing})
    return Opener(catalogue, hooks, TokenFiles(VAULT, folder), VirtualClock(), "ferryabcdefgh")


async def test_an_account_has_what_its_platform_needs(tmp_path: Path) -> None:
    hooks = Hooks()
    opened = opener(tmp_path, hooks)
    try:
        platform = opened.open(settings("market", Role.MARKETPLACE))
        account = SEEN[-1]
        assert (account.name, account.role, account.reference_prefix) == ("market", Role.MARKETPLACE, "ferryabcdefgh")
        assert hooks.platform("market") is platform
        await account.tokens.save(Tokens(access="a-1", refresh="r-1", expires_at=START))
        sealed = (tmp_path / "tokens" / "market").read_bytes()
        assert b"a-1" not in sealed
        with pytest.raises(Unavailable):
            await hooks.ask("market", "check")
    finally:
        await opened.close()
        await opened.close()


async def test_whatever_a_constructor_raises_comes_through_and_leaves_nothing_open(tmp_path: Path) -> None:
    hooks = Hooks()
    opened = opener(tmp_path, hooks)
    try:
        with pytest.raises(ValueError, match="makes no sense"):
            opened.open(settings("market", Role.MARKETPLACE, platform="failing"))
        with pytest.raises(KeyError):
            hooks.platform("market")
        with pytest.raises(KeyError):
            opened.open(settings("market", Role.MARKETPLACE, platform="uninstalled"))
    finally:
        await opened.close()
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - whatever is there
