"""A plugin's own process: what crosses into it and back, how it ends, and what becomes of the work in its hands."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from daemon.hooks import Catalogue, Hooks, Plugin
from daemon.isolation.limits import Isolation, Limits
from daemon.opening import Opener
from daemon.plugin_list import Offer
from daemon.vault import TokenFiles
from orderferry import PlatformError, Role, Secret, ShopOrder, Unavailable, Unsure, Url
from orderferry.testing.clock import START, VirtualClock
from orderferry.testing.example import TinySettings, TinyShop, TinySimulator
from orderferry.testing.memory import MemoryProgress
from orderferry.testing.samples import forward_order
from tests.daemon.apart import QUICK, open_account, opener_of, until
from tests.daemon.apart_platforms import ERRORS, CaseSettings, CaseShop
from tests.daemon.engine import VAULT, Engine, EngineClock, order, page, settings
from tests.daemon.engine_platforms import MarketWorld


class Place:
    """One account in a process of its own; `ended` is what the journal was told."""

    def __init__(self, folder: Path, limits: Limits = QUICK) -> None:
        self.hooks = Hooks()
        self.ended: list[Any] = []
        self.folder = folder
        self.opener = Opener(
            Catalogue(platforms={CaseShop.id: CaseShop}),
            self.hooks,
            TokenFiles(VAULT, folder),
            VirtualClock(),
            "ferry",
            limits=limits,
        )
        self.opener.journal = self

    async def note(self, *row: Any) -> None:
        self.ended.append(row)

    def open(self, given: CaseSettings | None = None, **changes: Any) -> None:  # any field of the account's settings
        whole = settings(
            "shop",
            Role.SHOP,
            platform=CaseShop.id,
            settings=given or CaseSettings(),
            isolation=Isolation.PROCESS,
            **changes,
        )
        self.opener.open(whole)

    async def find(self, reference: str) -> ShopOrder:
        found = await self.hooks.ask("shop", "find_order", reference=reference, since=START)
        assert isinstance(found, ShopOrder)
        return found

    @property
    def pid(self) -> int:
        pid = self.opener._keepers["shop"].pid
        assert pid is not None
        return pid


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    place = Place(tmp_path)
    yield place
    await place.opener.close()


def is_alive(pid: int) -> bool:
    """Whether the process is still there; one that is dead and not yet reaped by its parent is not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except FileNotFoundError:
        return False


async def test_settings_arguments_answers_and_callbacks_cross(place: Place) -> None:
    place.open(CaseSettings(file=place.folder))
    report = await place.hooks.ask("shop", "check")
    assert report.summary == repr(CaseSettings(file=place.folder))
    found = await place.find("secret")
    assert (found.id, found.number) == ("canary-secret", "ferry")
    assert await place.hooks.ask("shop", "find_order", reference="nothing", since=START) is None

    progress = MemoryProgress("first")
    added = await place.hooks.ask("shop", "add_order", order=forward_order("r-1", skus=("S-1",)), progress=progress)
    assert (added.id, added.number, progress.saved) == ("first", "first and r-1", ["first and r-1"])

    shown: list[str] = []

    async def ask(text: str) -> str:
        shown.append(text)
        return "code-1"

    said = await place.hooks.ask("shop", "login", show=shown.append, ask=ask, refresh_token="r")
    assert (said, shown) == ("kept: True", ["Open the page", "The code? "])
    sealed = (place.folder / "tokens" / "shop").read_bytes()
    assert b"code-1" not in sealed


async def test_the_child_has_little_and_no_secret_around_it(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "canary-variable")
    place.open(memory_mib=700, open_files=99)
    found = await place.find("surroundings")
    assert found.number == "True", "it has a session of its own"
    assert found.warnings[:2] == (str(700 * 1024**2), "99")
    assert "canary" not in str(found.warnings)
    assert "SHOP_PASSWORD" not in found.warnings
    command = await asyncio.to_thread(Path(f"/proc/{found.id}/cmdline").read_text, encoding="utf-8")
    assert "canary" not in command


async def test_errors_cross_with_all_their_fields(place: Place) -> None:
    place.open()
    for name, error in ERRORS.items():
        with pytest.raises((PlatformError, TimeoutError)) as caught:
            await place.find(name)
        assert isinstance(error, type(caught.value)), name
        for field in ("retry_after", "status"):
            assert getattr(caught.value, field, None) == getattr(error, field, None), name
        if name not in {"odd", "timeout"}:
            assert str(caught.value) == str(error)
        assert "secret" not in str(caught.value)
    assert not place.ended


async def test_a_plugin_that_cannot_be_made_is_told_to_whoever_asks_and_tried_again(place: Place) -> None:
    place.open(CaseSettings(broken="yes"))
    with pytest.raises(Unavailable, match="its plugin can't be started: ValueError in __init__") as caught:
        await place.find("x")
    assert caught.value.retry_after is not None
    assert "nobody may read" not in str(caught.value)
    with pytest.raises(Unavailable, match="is started anew in a moment"):
        await place.find("x")
    (row,) = place.ended
    assert row[0].value == "plugin_ended"
    assert row[1] == "shop"
    pauses = [0.0]
    keeper = place.opener._keepers["shop"]
    for _ in range(3):
        await until(lambda: keeper._pause() == 0, "the pause is over")
        with pytest.raises(Unavailable, match="can't be started") as caught:
            await place.find("x")
        pauses.append(caught.value.retry_after or 0.0)
    assert pauses == sorted(pauses), "each pause is longer than the one before"


async def test_a_call_that_is_given_up_ends_in_the_child_too(place: Place) -> None:
    place.open()
    first = await place.find("x")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await place.find("wait")
    again = await place.find("x")
    assert again.id == first.id, "the process is still the same"
    assert not place.opener._keepers["shop"]._run.peer._serving  # type: ignore[union-attr] # it is running
    assert not place.ended


async def test_a_lock_of_the_tokens_is_let_go_when_its_child_is_killed(place: Place) -> None:
    place.open()
    await place.find("x")
    waiting = asyncio.create_task(place.find("lock"))
    lock = place.folder / "tokens" / "shop.lock"
    await until(lambda: lock.exists() and not _can_lock(lock), "it holds the lock")
    os.kill(place.pid, signal.SIGKILL)
    with pytest.raises(Unavailable, match="ended during the call"):
        await waiting
    await until(lambda: _can_lock(lock), "the lock is free")
    await until(lambda: place.ended, "it is told")
    assert "killed from outside" in place.ended[0][2]["reason"]


def _can_lock(path: Path) -> bool:
    return subprocess.run(["flock", "-n", str(path), "true"], check=False).returncode == 0  # noqa: S603, S607 - the machine's own


async def test_closing_leaves_no_process_and_no_descriptor(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count
    for how in ("asked", "given up", "killed", "never asked"):
        place = Place(tmp_path)
        place.open()
        pid, asking = 0, None
        if how != "never asked":
            await place.find("x")
            pid = place.pid
        if how == "killed":
            os.kill(pid, signal.SIGKILL)
            await until(lambda at=place: at.ended, "it is told")  # type: ignore[misc] # mypy infers no lambda with a default
        if how == "given up":
            asking = asyncio.create_task(place.find("wait"))
            await asyncio.sleep(0)
        await place.opener.close()
        if asking is not None:
            with pytest.raises(Unavailable):
                await asking
        if pid:
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)  # not even a zombie
    await asyncio.sleep(0)
    assert len(os.listdir("/proc/self/fd")) <= before  # noqa: PTH208 - a count


async def test_a_child_that_sends_no_frames_is_ended(place: Place) -> None:
    place.open()
    await place.find("x")
    run = place.opener._keepers["shop"]._run
    assert run is not None
    run.peer.data_received(b"\x00\x00\x00\x02\xc1\xc1")
    await until(lambda: place.ended, "it is told")
    assert "it sent what can't be read" in place.ended[0][2]["reason"]


async def test_a_frame_beyond_the_limit_ends_the_child(place: Place) -> None:
    place.open()
    await place.find("x")
    run = place.opener._keepers["shop"]._run
    assert run is not None
    run.peer.data_received(b"\xff\xff\xff\xff")
    await until(lambda: place.ended, "it is told")
    assert "the limit is 33,554,432" in place.ended[0][2]["reason"]


async def test_an_order_whose_child_is_killed_in_the_middle_is_there_once(tmp_path: Path) -> None:
    class Holding(TinySimulator):
        """Answers the first POST only when the test is over."""

        def __init__(self) -> None:
            super().__init__()
            self.committed, self.release = asyncio.Event(), asyncio.Event()

        async def _add(self, request: Any) -> Any:
            answer = await super()._add(request)
            if not self.committed.is_set():
                self.committed.set()
                await self.release.wait()
            return answer

    async with Holding() as simulator:
        engine = await Engine.open(tmp_path, EngineClock())
        await engine.market(MarketWorld())
        async with opener_of(engine, tmp_path, TinyShop) as opener:
            address = TinySettings(url=Url(simulator.url), secret=Secret("tiny-right-secret"))
            given = settings("shop", Role.SHOP, platform=TinyShop.id, settings=address, isolation=Isolation.PROCESS)
            await open_account(engine, opener, given)
            await engine.receive(page(order(1)))
            engine.rounds.wake()
            try:
                await until(simulator.committed.is_set, "the shop has it")
                pid = opener._keepers["shop"].pid
                assert pid is not None
                os.kill(pid, signal.SIGKILL)
            finally:
                simulator.release.set()
            await until(lambda: "job_unsure" in [one.kind for one in engine.published], "the doubt is written down")
            keeper = opener._keepers["shop"]
            await until(lambda: keeper._pause() == 0, "it may be started again")
            while not await engine.links():
                await engine.pass_time(5)
            assert [one["reference"] for one in simulator.orders.values()] == [engine.reference(1)]
            assert await engine.links() == {1: "1"}
            assert "plugin_ended" in await engine.kinds()
        await engine.close()


async def test_a_change_in_the_hands_of_a_dead_child_is_a_doubt_and_a_read_is_not(place: Place) -> None:
    place.open()
    await place.find("x")
    saving = asyncio.Event()

    class Stuck(MemoryProgress):
        async def save(self, text: str) -> None:
            await super().save(text)
            saving.set()
            await asyncio.Event().wait()

    adding = asyncio.create_task(
        place.hooks.ask("shop", "add_order", order=forward_order("r-1", skus=("S-1",)), progress=Stuck("cart"))
    )
    reading = asyncio.create_task(place.find("wait"))
    await saving.wait()
    os.kill(place.pid, signal.SIGKILL)
    with pytest.raises(Unsure, match="the process of shop's plugin ended during the call"):
        await adding
    with pytest.raises(Unavailable) as caught:
        await reading
    assert caught.value.retry_after is not None


async def test_a_class_that_cannot_be_found_by_its_name_is_told(tmp_path: Path) -> None:
    class Hidden(CaseShop):
        id = "hidden"

    place = Place(tmp_path)
    place.opener._catalogue = Catalogue(platforms={"hidden": Hidden})
    place.opener.open(
        settings("shop", Role.SHOP, platform="hidden", settings=CaseSettings(), isolation=Isolation.PROCESS)
    )
    with pytest.raises(Unavailable, match="can't be started: AttributeError"):
        await place.find("x")
    await place.opener.close()


def test_where_a_plugin_runs_is_the_seller_s_word_or_its_origin_s(tmp_path: Path) -> None:
    origins = {"own": "orderferry", "strange": "x", "loose": ""}
    plugins = tuple(
        Plugin(offer=Offer(name=name, distribution=origin, version="1"), imported=True, platforms=(name,))
        for name, origin in origins.items()
    )
    catalogue = Catalogue(platforms=dict.fromkeys(origins, CaseShop), plugins=plugins)
    opener = Opener(catalogue, Hooks(), TokenFiles(VAULT, tmp_path), VirtualClock(), "ferry")

    def of(platform: str, isolation: Isolation | None = None) -> Isolation:
        return opener.isolation(settings("shop", Role.SHOP, platform=platform, isolation=isolation))

    assert of("own") is Isolation.DAEMON
    assert of("strange") is of("loose") is Isolation.PROCESS
    assert of("own", Isolation.PROCESS) is Isolation.PROCESS
    assert of("strange", Isolation.DAEMON) is Isolation.DAEMON


PARENT = """
import asyncio, sys
from pathlib import Path
from tests.daemon.test_isolation import Place

async def main():
    place = Place(Path(sys.argv[1]))
    place.open()
    await place.find("x")
    blocked = asyncio.create_task(place.find("wait"))
    print(place.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_no_child_outlives_a_daemon_that_is_killed(tmp_path: Path, root: Path) -> None:
    parent = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, cwd=root
    )
    with parent:
        assert parent.stdout is not None
        child = next(int(line) for line in parent.stdout if line.strip().isdigit())
        assert is_alive(child)
        watch = os.pidfd_open(child)
        parent.kill()
        ended, _, _ = select.select([watch], [], [], 20)
        os.close(watch)
    assert ended
    with contextlib.suppress(ProcessLookupError):
        assert not is_alive(child)
