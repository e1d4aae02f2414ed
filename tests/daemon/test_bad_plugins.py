"""Bad plugins beside a good account, in both isolations: each is named, and the good account does not wait for it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from daemon import contained, poller
from daemon.flooding import LINES
from daemon.isolation.limits import Isolation, Limits
from orderferry import Duration, Role
from tests.daemon.apart import QUICK, open_account, opener_of, played, until
from tests.daemon.bad_plugins import BadMarket, BadSettings
from tests.daemon.engine import Engine, EngineClock, order, page, settings
from tests.daemon.engine_platforms import MarketWorld, ShopWorld

NAMED = {  # what its owner is told
    "raises": "a bug of the plugin: ValueError in raises",
    "exits": "it raised SystemExit, which would have ended the program",
    "interrupts": "it raised KeyboardInterrupt, which would have ended the program",
    "ends_as_a_generator": "it raised GeneratorExit, which would have ended the program",
    "cancels_itself": "it cancelled its own call",
    "hangs": "did not come back in time",
    "answers_a_table": "its `fetch_orders` answered a dict that is not what the contract says",
    "answers_a_million": "its page has 1,000,000 orders",
    "answers_a_long_cursor": "its page's cursor has 10,000,000 characters",
    "says_more_for_ever": "its cursor leads to the same page again",
}
HARMLESS = ("answers_wrong_parts", "floods_the_log", "spawns_tasks", "stops_the_loop")  # its order comes all the same
ENDED = {  # its process is, and why
    "blocks": "it was blocked for",
    "ends_the_process": "it ended by itself with status 3",
    "crashes": "it crashed (signal 11",
}
BOTH = [(how, isolation) for how in (*NAMED, *HARMLESS) for isolation in Isolation]
APART = [(how, Isolation.PROCESS) for how in (*ENDED, "eats_memory", "prints_a_flood")]


class Scene:
    """A good marketplace and a bad one, which sell into one shop."""

    def __init__(self, folder: Path, how: str, isolation: Isolation) -> None:
        self.folder = folder
        self.how = how
        self.isolation = isolation
        self.clock = EngineClock()
        self.shop = ShopWorld(self.clock)
        self.log: list[Any] = []
        self.problem: str | None = None
        self.kinds: list[str] = []
        self.malformed: list[Any] = []
        self.ended: list[Any] = []

    async def play(self) -> None:
        """The bad one is asked first; then the good one's order must reach the shop, while no time passes."""
        market = MarketWorld()
        market.pages[None] = page(order(1))
        engine = await Engine.between(self.folder, self.shop, clock=self.clock, market=market)
        limits = Limits(first_pause=0.01, ping_every=0.1) if self.how == "blocks" else QUICK
        limits = Limits(first_pause=0.01, patience=0.1) if self.how == "hangs" else limits
        given = settings(
            "bad",
            Role.MARKETPLACE,
            platform="bad-market",
            settings=BadSettings(how=self.how),
            isolation=self.isolation,
            poll_every=Duration(hours=1),
            memory_mib=512,
        )
        with capture_logs() as self.log:
            async with opener_of(engine, self.folder, BadMarket, limits=limits) as opener:
                state = await open_account(engine, opener, given)
                polling = asyncio.create_task(engine.pollers["bad"].run())
                engine.poll("market")
                mine = engine.reference(1)
                await until(lambda: mine in dict(self.shop.applied), "the good account's order reaches the shop")
                assert self.clock.monotonic() == 0, "nobody waited"
                await until(lambda: state.last_fetch is not None, "the bad account's fetch ends")
                await until(lambda: not engine.rounds._inbox, "all is written down")
                if self.how in ENDED or (self.how, self.isolation) == ("hangs", Isolation.PROCESS):
                    await until(lambda: "plugin_ended" in [one.kind for one in engine.published], "its end is told")
                assert not polling.done(), "the account is asked again later"
                polling.cancel()
                await asyncio.gather(polling, return_exceptions=True)
            self.problem = state.problem
            self.kinds = await engine.kinds()
            self.malformed = await engine.entries("order_malformed")
            self.ended = await engine.entries("plugin_ended")
            await engine.close()

    @property
    def took_the_bad_ones_order(self) -> bool:
        """Whether the bad account's good order came in as well."""
        return self.kinds.count("order_new") == 2


@pytest.mark.parametrize(("how", "isolation"), [*BOTH, *APART])
def test_a_bad_plugin_is_named_and_the_neighbour_does_not_wait(
    tmp_path: Path, how: str, isolation: Isolation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contained, "GRACE", 0.05)
    if how == "hangs":
        monkeypatch.setattr(poller, "FETCH_LIMIT", 0.3 if isolation is Isolation.DAEMON else 3.0)
    scene = Scene(tmp_path, how, isolation)
    unheard = played(scene.play())

    if how in NAMED:
        assert NAMED[how] in (scene.problem or "")
    if how in HARMLESS or how == "prints_a_flood":
        assert scene.problem is None
        assert scene.took_the_bad_ones_order
    if how in ENDED:
        assert ENDED[how] in (scene.problem or "")
        (ended,) = scene.ended
        assert ENDED[how] in ended["reason"]
        assert ended["platform"] == "bad-market"
        assert any(one["event"] == "plugin_process_ended" and one["account"] == "bad" for one in scene.log)
    if how == "hangs" and isolation is Isolation.PROCESS:
        assert "did not end within 0.1 s after it had been given up" in scene.ended[0]["reason"]
    if how == "eats_memory":
        assert "MemoryError" in (scene.problem or "")
    if how == "answers_wrong_parts":
        assert {entry["external_id"] for entry in scene.malformed} == {"o-6", "7", "o-8"}
        assert all("not what the contract says" in entry["reason"] for entry in scene.malformed)
    if how in {"floods_the_log", "prints_a_flood"}:
        lines = [one for one in scene.log if one["event"] in {"chatter", "plugin_printed"}]
        assert len(lines) <= LINES
        assert any(one["event"] == "log_lines_left_out" and one["account"] == "bad" for one in scene.log)
    told = f"{scene.log}{unheard.events}{scene.problem}"
    assert "Nowak" not in told, "what an unknown error says may be a buyer's data"
