"""Platforms that are run in a process of their own by tests: what they are asked decides what they do."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from orderferry import (
    Account,
    Capability,
    CheckReport,
    Duration,
    ForwardOrder,
    Malformed,
    NeedsLogin,
    Platform,
    Progress,
    RateLimited,
    Rejected,
    Role,
    Secret,
    Settings,
    ShopOrder,
    Unavailable,
    Unsure,
    Url,
    hookimpl,
)
from orderferry.oauth import AskOwner, Tokens
from orderferry.testing.clock import START


class CaseSettings(Settings, frozen=True, kw_only=True):
    """A value of every kind that a platform's settings may hold."""

    secret: Secret = Secret("canary-secret")
    url: Url = Url("https://shop.example")
    every: Duration = Duration(minutes=2)
    file: Path | None = None
    broken: str | None = None


class ShopwornError(Rejected):
    """A plugin's own refinement of one of the contract's errors."""


class OddTextError(Unavailable):
    """Whose text can't even be read."""

    def __str__(self) -> str:
        raise KeyError("secret")


ERRORS: dict[str, BaseException] = {
    "unavailable": Unavailable("away", retry_after=12.5),
    "limited": RateLimited("slower", retry_after=3),
    "unsure": Unsure("who knows"),
    "login": NeedsLogin("no longer"),
    "rejected": Rejected("no", status=409),
    "refined": ShopwornError("no", status=422),
    "malformed": Malformed("what is this"),
    "timeout": TimeoutError(),
    "odd": OddTextError(retry_after=1),
}


class CaseShop(Platform[CaseSettings]):
    """A shop that does what it is asked for by the order's reference."""

    id, title, role = "case-shop", "A shop for cases", Role.SHOP
    Settings = CaseSettings
    capabilities = (
        Capability.ADD_ORDER | Capability.FIND_ORDER | Capability.REF_EXACT | Capability.LOGIN
        | Capability.ADD_IS_MULTI_STEP
    )  # fmt: skip

    def __init__(self, account: Account[CaseSettings]) -> None:
        super().__init__(account)
        if account.settings.broken is not None:
            raise ValueError("a text that nobody may read")

    @hookimpl
    async def check(self) -> CheckReport:
        return CheckReport(summary=repr(self.account.settings))

    @hookimpl
    async def find_order(self, reference: str, since: datetime) -> ShopOrder | None:  # noqa: ARG002 - the contract's own
        if reference in ERRORS:
            raise ERRORS[reference]
        if reference == "nothing":
            return None
        if reference == "wait":
            await asyncio.Event().wait()
        if reference == "lock":
            async with self.account.tokens.lock():
                await asyncio.Event().wait()
        if reference == "surroundings":
            limits = [resource.getrlimit(one)[0] for one in (resource.RLIMIT_AS, resource.RLIMIT_NOFILE)]
            told = [*sys.argv, *os.environ, *os.environ.values()]
            session = os.getsid(0) == os.getpid()
            return ShopOrder(id=str(os.getpid()), number=str(session), warnings=(*map(str, limits), *told))
        if reference == "secret":
            return ShopOrder(id=self.account.settings.secret.reveal(), number=self.account.reference_prefix)
        return ShopOrder(id=str(os.getpid()), number=reference)

    @hookimpl
    async def add_order(self, order: ForwardOrder, progress: Progress) -> ShopOrder:
        before = progress.value
        await progress.save(f"{before} and {order.reference}")
        return ShopOrder(id=str(before), number=str(progress.value))

    @hookimpl
    async def login(self, show: Callable[[str], None], ask: AskOwner, refresh_token: str | None) -> str:
        show("Open the page")
        code = await ask("The code? ")
        tokens = Tokens(access=code, refresh=refresh_token, expires_at=START + timedelta(hours=1))
        async with self.account.tokens.lock():
            await self.account.tokens.save(tokens)
        kept = await self.account.tokens.load()
        return f"kept: {kept == tokens}"
