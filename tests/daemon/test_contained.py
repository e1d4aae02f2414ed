"""What a plugin does in the daemon's own process ends neither the daemon nor its other work."""

from __future__ import annotations

import asyncio
import sys
from typing import Any, NoReturn

import pytest

from daemon import contained
from daemon.contained import ContainedLoop, end_strays
from daemon.core.retry import PluginBugError
from orderferry.testing.memory import MemoryLog


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog()


async def test_an_answer_and_an_error_come_through(log: MemoryLog) -> None:
    async def answers() -> int:
        return 7

    async def fails() -> NoReturn:
        raise ValueError("its own")

    assert await contained.contained("a", answers, log) == 7
    with pytest.raises(ValueError, match="its own"):
        await contained.contained("a", fails, log)


async def test_a_call_that_is_given_up_may_clean_up(log: MemoryLog) -> None:
    cleaned = []

    async def cleans() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await contained.contained("a", cleans, log)
    assert cleaned
    assert not log.events


async def test_one_that_ignores_that_is_left_behind_and_named(log: MemoryLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contained, "GRACE", 0.01)
    free = asyncio.Event()

    async def stays() -> None:
        while not free.is_set():
            try:
                await free.wait()
            except asyncio.CancelledError:
                continue
        raise ValueError("nobody hears this")

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await contained.contained("a", stays, log)
    assert [(one.event, one.values["account"]) for one in log.events] == [("call_left_behind", "a")]
    free.set()
    await asyncio.wait(contained._left_behind)
    await asyncio.sleep(0)
    assert not contained._left_behind


def on_the_daemons_loop(log: MemoryLog, scene: Any) -> Any:  # a coroutine function, and its answer
    with asyncio.Runner(loop_factory=lambda: ContainedLoop(log)) as runner:
        return runner.run(scene())


def test_a_plugin_s_own_tasks_and_its_stop_do_not_end_the_loop(log: MemoryLog) -> None:
    async def exits() -> None:
        sys.exit(1)

    async def hook() -> asyncio.Task[None]:
        task = asyncio.create_task(exits())
        asyncio.get_running_loop().stop()
        await asyncio.wait({task})
        return task

    async def scene() -> str:
        task = await contained.contained("a", hook, log)
        with pytest.raises(PluginBugError, match="a task of its own raised SystemExit"):
            await task
        return "still here"

    assert on_the_daemons_loop(log, scene) == "still here"
    assert {one.event for one in log.events} == {"loop_not_stopped", "plugin_task_failed"}


def test_the_daemon_s_own_loop_still_stops_and_raises(log: MemoryLog) -> None:
    async def scene() -> None:
        asyncio.get_running_loop().call_soon(asyncio.get_running_loop().stop)
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="Event loop stopped"):
        on_the_daemons_loop(log, scene)


def test_an_error_that_nobody_hears_is_logged_without_its_text(log: MemoryLog) -> None:
    async def fails() -> None:
        raise ValueError(f"buyer {'anna'.upper()}")

    async def scene() -> None:
        task = asyncio.create_task(fails())
        await asyncio.wait({task})
        del task

    on_the_daemons_loop(log, scene)
    (event,) = [one for one in log.events if one.event == "unheard_error"]
    assert event.values["error"] == "ValueError"
    assert "ANNA" not in str(event.values)


async def test_strays_are_ended_and_those_that_will_not_are_counted() -> None:
    free = asyncio.Event()

    async def stays() -> None:
        while not free.is_set():
            try:
                await free.wait()
            except asyncio.CancelledError:
                continue

    mine = [asyncio.create_task(stays()), asyncio.create_task(asyncio.sleep(3600))]
    await asyncio.sleep(0)
    assert await end_strays(0.01) == 1
    assert mine[1].cancelled()
    free.set()
    await mine[0]
