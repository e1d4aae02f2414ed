"""The thread that watches the loop, on a real loop that is really blocked, though never for long."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import types
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from daemon import heartbeat
from daemon.core import blocking
from daemon.core.blocking import Culprit
from daemon.heartbeat import Heartbeat
from daemon.hooks import Hooks

# a stranger's module, that calls the standard library, our contract, or nothing at all
STRANGER = """
import time

def block(condition):
    while condition():
        time.sleep(0.005)

async def spawned(condition):
    block(condition)

class Platform:
    id = "acme"

    async def add_order(self, condition):
        block(condition)
"""


class Place:
    """Two open accounts of one stranger's platform."""

    def __init__(self) -> None:
        module = types.ModuleType("acme_shop.platform")
        exec(STRANGER, module.__dict__)  # noqa: S102 - so that its frames are the stranger's
        self.acme: Any = module
        self.hooks = Hooks()
        self.open("acme-one", "acme-two")
        self.told: list[tuple[Culprit, float]] = []
        self.ends: list[int] = []
        self.heartbeat = Heartbeat(self.hooks, self._told, end=self._end)

    def open(self, *names: str) -> None:
        self.hooks._platforms = {name: cast("Any", self.acme.Platform()) for name in names}

    async def _told(self, culprit: Culprit, seconds: float) -> None:
        self.told.append((culprit, seconds))

    def _end(self, code: int) -> None:
        self.ends.append(code)

    async def ask(self, account: str, condition: Callable[[], object]) -> None:
        with self.hooks.calls.under_way(account, "add_order"):
            await self.acme.Platform().add_order(condition)


@pytest.fixture
async def place(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    monkeypatch.setattr(blocking, "NAMED_AFTER", 0.07)
    monkeypatch.setattr(blocking, "SURE_AFTER", 0.04)
    monkeypatch.setattr(blocking, "HOPELESS_AFTER", 0.3)
    monkeypatch.setattr(heartbeat, "BETWEEN", 0.01)
    monkeypatch.setattr(heartbeat, "LOOK_EVERY", 0.01)
    place = Place()
    place.heartbeat.start()
    yield place
    place.heartbeat.stop()
    assert "heartbeat" not in {thread.name for thread in threading.enumerate()}


def until(condition: Callable[[], object]) -> Callable[[], bool]:
    """True until that is so, or for ten seconds."""
    ends = time.monotonic() + 10
    return lambda: not condition() and time.monotonic() < ends


def named(logs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [one for one in logs if one["event"] == "plugin_blocks"]


async def so(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - a thread sets it
            await asyncio.sleep(0)


async def test_who_blocks_is_named_while_he_does_and_told_when_he_is_done(place: Place) -> None:
    with capture_logs() as logs:
        await place.ask("acme-two", until(lambda: logs))
        said = logs[0]
        await so(lambda: place.told)
    assert (said["event"], said["plugin"], said["account"]) == ("plugin_blocks", "acme", "acme-two")
    assert said["detail"].startswith("acme_shop.platform, line ")
    ((culprit, seconds),) = place.told
    assert culprit == Culprit("acme", "acme-two")
    assert seconds >= 0.07
    assert not place.ends


async def test_an_account_is_told_once_a_minute(place: Place) -> None:
    for account in ("acme-one", "acme-one", "acme-two"):
        with capture_logs() as logs:
            await place.ask(account, until(lambda: named(logs)))
            assert [one["account"] for one in named(logs)] == [account]
            await so(lambda: len(logs) > len(named(logs)))  # that it goes on
    await so(lambda: len(place.told) > 1)
    assert [culprit.account for culprit, _ in place.told] == ["acme-one", "acme-two"]


async def test_who_never_returns_ends_the_process(place: Place) -> None:
    with capture_logs() as logs:
        await place.ask("acme-one", until(lambda: place.ends))
    assert place.ends[0] == 1
    assert "plugin_never_returns" in [one["event"] for one in logs]


async def test_in_a_task_of_the_plugin_s_own_the_account_is_named_only_where_there_is_but_one(place: Place) -> None:
    for names, account in ((("acme-one", "acme-two"), ""), (("acme-one",), "acme-one")):
        place.open(*names)
        with capture_logs() as logs:
            await asyncio.create_task(place.acme.spawned(until(lambda: logs)))
        assert (logs[0]["plugin"], logs[0]["account"]) == ("acme", account)


async def test_a_loop_that_we_block_ourselves_is_laid_to_nobody(place: Place) -> None:
    with capture_logs() as logs, place.hooks.calls.under_way("acme-one", "add_order"):
        ends = time.monotonic() + 0.5
        while time.monotonic() < ends:  # for longer than would end the process
            pass
    assert not logs
    assert not place.ends


async def test_a_plugin_that_waits_is_laid_nothing(place: Place) -> None:
    event = asyncio.Event()

    async def wait() -> None:
        with place.hooks.calls.under_way("acme-one", "add_order"):
            await event.wait()

    with capture_logs() as logs:
        waiting = asyncio.create_task(wait())
        ends = time.monotonic() + 0.2
        await so(lambda: time.monotonic() > ends)
        event.set()
        await waiting
    assert not logs


@pytest.mark.parametrize(
    ("module", "package"),
    [
        ("plugins.allegro.platform", "plugins.allegro"),
        ("acme_shop.deep.platform", "acme_shop.deep"),
        ("acme_shop", "acme_shop"),
        ("orderferry.testing", "orderferry.testing"),  # a package itself
    ],
)
def test_a_platform_belongs_to_the_package_around_it(module: str, package: str) -> None:
    if module.startswith("orderferry"):
        assert module in sys.modules
    assert heartbeat._package(module) == package


def test_where_the_kernel_tells_nothing_nothing_is_subtracted() -> None:
    assert heartbeat._waited(0) == 0.0
    assert heartbeat._waited(threading.get_native_id()) >= 0.0
