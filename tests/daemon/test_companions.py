"""What runs beside the main job: begun, ended and begun anew as the settings say, and tried again where it fails."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from daemon.companions import FIRST_PAUSE, LONGEST_PAUSE, Companion, Companions
from daemon.config import Config, DaemonSettings
from orderferry.testing.clock import VirtualClock

CONFIG = Config(
    path=Path("config.toml"),
    daemon=DaemonSettings(data_dir=Path("/nowhere"), socket=Path("/nowhere/s")),
    statuses=(),
    accounts=(),
)


class Part:
    """A companion whose part of the settings is the log level, and off where that is "error"."""

    def __init__(self) -> None:
        self.runs: list[Any] = []
        self.ended = 0
        self.fails: list[Exception] = []

    async def run(self, settings: Any) -> None:
        self.runs.append(settings)
        if self.fails:
            raise self.fails.pop()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended += 1

    def companion(self) -> Companion:
        def settings(config: Config) -> str | None:
            return None if config.daemon.log_level == "error" else config.daemon.log_level

        return Companion(name="part", settings=settings, run=self.run)


def at(level: Any) -> Config:
    return replace(CONFIG, daemon=replace(CONFIG.daemon, log_level=level))


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("levels", "runs", "ended"),
    [
        (["info", "info"], ["info"], 0),
        (["info", "debug"], ["info", "debug"], 1),
        (["info", "error"], ["info"], 1),
        (["error", "info"], ["info"], 0),
        (["info", "error", "info"], ["info", "info"], 1),
    ],
)
async def test_it_follows_the_settings(levels: list[str], runs: list[str], ended: int) -> None:
    part = Part()
    companions = Companions([part.companion()], VirtualClock())
    for was, level in zip(["error", *levels], levels, strict=False):
        assert await companions.follow(at(level)) == (() if level == was else ("part",))
        await settled()
    assert (part.runs, part.ended) == (runs, ended)
    await companions.stop()
    assert part.ended == len(runs)


async def test_one_that_fails_is_tried_again_ever_more_slowly() -> None:
    part, clock = Part(), VirtualClock()
    part.fails = [ValueError("no")] * 12
    companions = Companions([part.companion()], clock, draw=lambda: 1.0)
    await companions.follow(at("info"))
    pauses = []
    for tries in range(1, 13):
        await settled()
        assert len(part.runs) == tries
        assert clock.next_at is not None
        pauses.append((clock.next_at - clock.now()).total_seconds())
        await clock.advance(pauses[-1])
    assert pauses == [min(FIRST_PAUSE * 2**tries, LONGEST_PAUSE) for tries in range(12)]
    await settled()
    assert len(part.runs) == 13
    await companions.stop()
    assert part.ended == 1
