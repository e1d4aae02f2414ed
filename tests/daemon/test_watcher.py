"""A watched folder on the real store, on a clock that the test moves: what is taken, put aside, and left alone."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from daemon import acts
from daemon.account_settings import IMPLICIT_IMPORT
from daemon.accounts import AccountState, Health
from daemon.importer import Importer
from daemon.views import FetchProgress
from daemon.watcher import BETWEEN_LOOKS, Watcher
from tests.daemon.engine import Engine, EngineClock
from tests.daemon.engine_platforms import ShopWorld

HEAD = "number;sku;quantity;price;currency;pickup_point"


def write(path: Path, *rows: str) -> Path:
    path.write_text("\n".join((HEAD, *rows)) + "\n")
    return path


def good(number: str) -> str:
    return f"{number};A;1;2,50;PLN;P1"


class LookingClock(EngineClock):
    """Has something happen while the watcher waits for its second look."""

    between: Callable[[], object] = staticmethod(lambda: None)

    async def sleep(self, seconds: float) -> None:
        if seconds == BETWEEN_LOOKS:
            self.between()
        await super().sleep(seconds)


class Watching:
    """An engine with a watcher that is asked by hand."""

    def __init__(self, engine: Engine, clock: LookingClock, state: AccountState, folder: Path) -> None:
        self.engine = engine
        self.clock = clock
        self.state = state
        self.folder = folder
        importer = Importer(engine.accounts, engine.rounds, engine.clock)
        self.watcher = Watcher(engine.accounts, state, importer, engine.rounds, engine.clock, folder=folder)

    async def fetch(self, between: Callable[[], object] = lambda: None) -> list[FetchProgress]:
        """What a person's fetch says; `between` happens between its two looks."""
        self.clock.between = between
        return await self.clock.run(self._all())

    async def _all(self) -> list[FetchProgress]:
        return [line async for line in self.watcher.fetch_now(0)]

    def left(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir() if path.is_file())

    async def numbers(self) -> list[str]:
        rows = await self.engine.store.fetch("select external_id from orders order by id")
        return [row[0] for row in rows]


@pytest.fixture
async def watching(tmp_path: Path) -> AsyncIterator[Watching]:
    clock = LookingClock()
    folder = tmp_path / "in"
    folder.mkdir()
    async with await Engine.between(tmp_path / "data", ShopWorld(clock), clock=clock) as engine:
        given = replace(IMPLICIT_IMPORT, name="files", folder=folder)
        state = AccountState(name="files", settings=given, added_at=clock.now())
        engine.accounts.add(state)
        await engine.rounds.act(acts.add_account("files", "", given.role.value))
        yield Watching(engine, clock, state, folder)


async def test_a_fetch_takes_what_is_there_and_says_what_came(watching: Watching) -> None:
    write(watching.folder / "b.csv", good("2"), "3;A;x;1;PLN;P1")
    write(watching.folder / "a.csv", good("1"))
    *_, last = await watching.fetch()
    assert (last.done, last.new, last.malformed, last.error) == (True, 2, 1, None)
    assert await watching.numbers() == ["1", "2"]
    assert watching.left() == []
    assert "b.csv: 1 new, 0 changed, 1 could not be taken" in watching.state.notes[0]


async def test_a_file_that_still_grows_is_left_until_it_has_stopped(watching: Watching) -> None:
    file = write(watching.folder / "a.csv", good("1"))

    def grow() -> None:
        with file.open("a") as more:
            more.write(good("2") + "\n")

    (line,) = await watching.fetch(grow)
    assert (line.new, watching.left()) == (0, ["a.csv"])
    await watching.fetch()
    assert await watching.numbers() == ["1", "2"]


async def test_what_is_no_finished_file_is_left_alone(watching: Watching) -> None:
    names = [".hidden", "a.csv.part", "b.TMP", "c.filepart", "d.csv.errors.csv"]
    for name in names:
        write(watching.folder / name, good("1"))
    os.mkfifo(watching.folder / "pipe")
    (watching.folder / "below").mkdir()
    await watching.fetch()
    assert watching.left() == sorted(names)
    assert await watching.numbers() == []


async def test_a_file_that_breaks_half_way_is_put_aside_with_the_reason(watching: Watching) -> None:
    rows = [good(f"N{number}") for number in range(250)]
    write(watching.folder / "a.csv", *rows, '9;"A')
    await watching.fetch()
    failed = watching.folder / "failed"
    assert sorted(path.name for path in failed.iterdir()) == ["a.csv", "a.csv.errors.csv"]
    assert "line 252: can't be read as CSV" in (failed / "a.csv.errors.csv").read_text()
    assert len(await watching.numbers()) == 200, "what came before stands, and is the same when it is mended"
    assert "a.csv was put aside" in watching.state.notes[0]
    assert watching.state.health is Health.OK


async def test_a_file_that_the_program_stumbles_over_is_put_aside_and_the_next_one_taken(
    watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = watching.watcher._next

    def stumble(opened: Any) -> Any:  # what the watcher has open, and a batch of it
        if opened.target.name == "a.csv":
            raise KeyError("Kanaria")
        return taken(opened)

    monkeypatch.setattr(watching.watcher, "_next", stumble)
    write(watching.folder / "a.csv", good("1"))
    write(watching.folder / "b.csv", good("2"))
    await watching.fetch()
    assert await watching.numbers() == ["2"]
    why = (watching.folder / "failed" / "a.csv.errors.csv").read_text()
    assert "the program made a mistake with this file (KeyError)" in why
    assert "Kanaria" not in why


async def test_a_mapping_that_is_wrong_puts_the_file_aside_and_is_read_anew(watching: Watching, tmp_path: Path) -> None:
    mapping = tmp_path / "m.toml"
    watching.state.settings = replace(watching.state.settings, mapping=mapping)
    mapping.write_text("[colums]\n")
    write(watching.folder / "a.csv", good("1"))
    await watching.fetch()
    assert "did you mean columns?" in (watching.folder / "failed" / "a.csv.errors.csv").read_text()
    mapping.write_text("")
    (watching.folder / "failed" / "a.csv").rename(watching.folder / "a.csv")
    await watching.fetch()
    assert await watching.numbers() == ["1"]


async def test_complaints_are_no_formulas_and_are_written_anew_after_a_kill(watching: Watching) -> None:
    write(watching.folder / "a.csv", "=cmd();A;x;1;PLN;P1")
    done = watching.folder / "done"
    done.mkdir()
    (done / "a.csv.errors.csv").write_text("of an import that was killed\n")
    await watching.fetch()
    assert (done / "a.csv.errors.csv").read_text().splitlines() == [
        "line;order;reason",
        "2;'=cmd();quantity: is not a number such as 12,50",
    ]


async def test_a_paused_account_takes_nothing_and_the_file_stays(watching: Watching) -> None:
    write(watching.folder / "a.csv", good("1"))
    watching.engine.accounts.pause(watching.state, paused=True)
    (line,) = await watching.fetch()
    assert "orderferry resume files" in (line.error or "")

    watching.engine.accounts.pause(watching.state, paused=False)
    await watching.fetch(lambda: watching.engine.accounts.pause(watching.state, paused=True))
    assert watching.left() == ["a.csv"], "it was paused between the looks"
    watching.engine.accounts.pause(watching.state, paused=False)
    await watching.fetch()
    assert await watching.numbers() == ["1"]


async def test_a_folder_that_can_t_be_used_is_the_account_s_problem_until_it_can(watching: Watching) -> None:
    done = watching.folder / "done"
    done.write_text("a file is in the way")
    (line,) = await watching.fetch()
    assert "can't be used" in (line.error or "")
    assert watching.state.health is Health.DOWN
    done.unlink()
    (line,) = await watching.fetch()
    assert (line.error, watching.state.health) == (None, Health.OK)
    assert len(await watching.engine.entries("account_down")) == len(await watching.engine.entries("account_up")) == 1


async def test_it_looks_again_and_again_and_at_once_when_it_is_rung(watching: Watching) -> None:
    running = asyncio.create_task(watching.watcher.run())
    write(watching.folder / "a.csv", good("1"))
    async with asyncio.timeout(20):
        while not await watching.numbers():
            await watching.clock.advance(60)
        write(watching.folder / "b.csv", good("2"))
        while watching.left():
            watching.watcher.ring()
            await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert await watching.numbers() == ["1", "2"]
