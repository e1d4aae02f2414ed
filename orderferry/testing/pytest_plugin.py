"""Pytest fixtures for authors of plugins; the async ones need pytest-asyncio with `asyncio_mode = "auto"`.

Every pytest run of the environment loads this module, so it imports nothing but pytest until a fixture is used.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from orderferry.testing.account import OpenAccount
    from orderferry.testing.clock import VirtualClock

pytest.register_assert_rewrite(
    "orderferry.testing.contract", "orderferry.testing.contract_shop", "orderferry.testing.contract_marketplace"
)


@pytest.fixture
def clock() -> VirtualClock:
    """A clock that only moves when the test says so."""
    from orderferry.testing.clock import VirtualClock  # noqa: PLC0415 - nothing is imported for those who don't use it

    return VirtualClock()


@pytest.fixture
async def open_account(clock: VirtualClock) -> AsyncIterator[OpenAccount]:
    """Makes accounts with real HTTP; fails the test at its end when an event was logged that carries a canary."""
    from orderferry.testing.account import OpenAccount  # noqa: PLC0415 - likewise: this one needs aiohttp

    opened = OpenAccount(clock)
    try:
        yield opened
    finally:
        await opened.close()
    leaks = [leak for log in opened.logs for leak in log.leaks]
    if leaks:
        pytest.fail(f"events that carry a secret or a buyer's data: {', '.join(sorted(set(leaks)))}")
