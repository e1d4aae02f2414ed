"""Plugins that do what none should, each by the name that its account's settings give."""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, cast

from msgspec.structs import replace

from orderferry import Capability, CheckReport, Page, Platform, Role, Settings, hookimpl
from tests.daemon.engine import order

HANGING: list[asyncio.Task[None]] = []
LINES = 20_000


class BadSettings(Settings, frozen=True, kw_only=True):
    """Which of them it is."""

    how: str


class BadMarket(Platform[BadSettings]):
    """A marketplace whose fetching is as bad as its settings say."""

    id, title, role = "bad-market", "A bad marketplace", Role.MARKETPLACE
    Settings = BadSettings
    capabilities = Capability.FETCH_ORDERS

    @hookimpl
    async def check(self) -> CheckReport:
        return CheckReport(summary="all seems well")

    @hookimpl
    async def fetch_orders(self, cursor: str | None, since: datetime | None) -> Page:  # noqa: ARG002 - the contract's own
        return cast("Page", await HOW[self.account.settings.how](self, cursor))


How = Callable[[BadMarket, str | None], Awaitable[Any]]
HOW: dict[str, How] = {}


def bad(how: How) -> How:
    HOW[how.__name__] = how
    return how


def good_page() -> Page:
    return Page(orders=(order(1),), cursor="good")


@bad
async def raises(_: BadMarket, __: str | None) -> None:
    raise ValueError(f"something about Anna {'now'.capitalize()}ak")


@bad
async def exits(_: BadMarket, __: str | None) -> None:
    sys.exit(1)


@bad
async def interrupts(_: BadMarket, __: str | None) -> None:
    raise KeyboardInterrupt


@bad
async def ends_as_a_generator(_: BadMarket, __: str | None) -> None:
    raise GeneratorExit


@bad
async def cancels_itself(_: BadMarket, __: str | None) -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.Event().wait()


@bad
async def hangs(_: BadMarket, __: str | None) -> None:
    """And will not be cancelled either, the first time."""
    for _try in range(2):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            continue


@bad
async def answers_a_table(_: BadMarket, __: str | None) -> dict[str, Any]:
    return {"orders": [], "cursor": "x"}


@bad
async def answers_wrong_parts(_: BadMarket, __: str | None) -> Page:
    """Three wrong orders of different kinds beside a good one."""
    numbered = replace(order(7), external_id=cast("Any", 7))
    halved = replace(order(8), comment="half a letter \ud800")
    return Page(orders=(cast("Any", {"external_id": "o-6"}), numbered, order(1), halved), cursor="parts")


@bad
async def answers_a_million(_: BadMarket, __: str | None) -> Page:
    return Page(orders=(order(1),) * 1_000_000, cursor="many")


@bad
async def answers_a_long_cursor(_: BadMarket, __: str | None) -> Page:
    return Page(cursor="x" * 10_000_000)


@bad
async def says_more_for_ever(_: BadMarket, __: str | None) -> Page:
    return Page(cursor="round", more=True)


@bad
async def floods_the_log(market: BadMarket, __: str | None) -> Page:
    for count in range(LINES):
        market.account.log.info("chatter", count=count)
    return good_page()


@bad
async def spawns_tasks(_: BadMarket, __: str | None) -> Page:
    """One that raises, one that ends the program, one that never ends."""

    async def failing() -> None:
        raise ValueError

    async def exiting() -> None:
        sys.exit(1)

    async def staying() -> None:
        await asyncio.Event().wait()

    HANGING.extend(asyncio.create_task(one()) for one in (failing, exiting, staying))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return good_page()


@bad
async def stops_the_loop(_: BadMarket, __: str | None) -> Page:
    asyncio.get_event_loop().stop()
    await asyncio.sleep(0)
    return good_page()


# what only a process of its own can contain


@bad
async def blocks(_: BadMarket, __: str | None) -> None:
    time.sleep(3600)  # noqa: ASYNC251 - that is what is tested


@bad
async def ends_the_process(_: BadMarket, __: str | None) -> None:
    os._exit(3)


@bad
async def crashes(_: BadMarket, __: str | None) -> None:
    ctypes.string_at(0)


@bad
async def eats_memory(_: BadMarket, __: str | None) -> None:
    eaten = [bytearray(16 * 1024**2)]
    while True:
        eaten.append(bytearray(16 * 1024**2))


@bad
async def prints_a_flood(_: BadMarket, __: str | None) -> Page:
    for count in range(LINES):
        print("chatter", count)  # noqa: T201 - that is what is tested
    sys.stdout.write("x" * 1_000_000)
    sys.stdout.flush()
    return good_page()
