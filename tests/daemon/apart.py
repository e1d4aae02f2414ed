"""Accounts whose plugin runs where a test says, beside an engine's other accounts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from daemon import acts
from daemon.account_settings import AccountSettings
from daemon.accounts import AccountState
from daemon.contained import ContainedLoop
from daemon.hooks import Catalogue
from daemon.isolation.limits import Limits
from daemon.opening import Opener
from daemon.poller import Poller
from daemon.store.case import when
from daemon.vault import TokenFiles
from orderferry.platform import AnyPlatform
from orderferry.testing.memory import MemoryLog
from tests.daemon.engine import VAULT, Engine

QUICK = Limits(first_pause=0.01)
DEADLINE = 30.0


def played(scene: Coroutine[Any, Any, None]) -> MemoryLog:
    """Plays the scene on a loop like the daemon's own; answers what the loop logged."""
    log = MemoryLog()
    with asyncio.Runner(loop_factory=lambda: ContainedLoop(log)) as runner:
        runner.run(scene)
    return log


@asynccontextmanager
async def opener_of(
    engine: Engine, folder: Path, *platforms: type[AnyPlatform], limits: Limits = QUICK
) -> AsyncIterator[Opener]:
    """The daemon's own opener for the engine's accounts."""
    catalogue = Catalogue(platforms={one.id: one for one in platforms})
    opener = Opener(catalogue, engine.hooks, TokenFiles(VAULT, folder), engine.clock, engine.prefix, limits=limits)
    opener.journal = engine.rounds
    try:
        yield opener
    finally:
        await opener.close()


async def open_account(engine: Engine, opener: Opener, given: AccountSettings) -> AccountState:
    """Adds an account as the daemon does at its start; `engine.poll` starts its poller."""
    state = AccountState(name=given.name, settings=given, added_at=engine.clock.now())
    engine.accounts.add(state)
    opener.open(given)
    await engine.rounds.act(acts.add_account(given.name, given.platform, given.role.value))
    added = await engine.store.fetch("select added_at from account where name = ?", (given.name,))
    state.added_at = when(added[0][0])
    engine.pollers[given.name] = Poller(engine.accounts, state, engine.rounds, engine.clock, lambda: 0.5)
    return state


async def until(condition: Callable[[], object], what: str) -> None:
    """Returns as soon as it is so; the processes of these tests live in real time."""
    try:
        async with asyncio.timeout(DEADLINE):
            while not condition():  # noqa: ASYNC110 - what is waited for happens in another process
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"never happened: {what}") from None
