"""As a service: what systemd is told from start to stop, and when its watchdog is fed."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.journeys.manager import Manager
from tests.journeys.scripted_shop import Hold
from tests.journeys.world import MARKET, World, eventually, first


async def test_from_start_to_stop_the_manager_is_told(world: World, manager: Manager) -> None:
    await world.start()
    await manager.ready()
    assert manager.heard[: manager.heard.index("READY=1")][0] == "STATUS=opening the store"
    await eventually(lambda: manager.statuses[-1] == "forwarding: no order on its way, none parked", "it says so")
    form = world.sell()
    await world.forwarded(form)

    fed = manager.count("WATCHDOG=1")
    await eventually(lambda: manager.count("WATCHDOG=1") > fed + 1, "the watchdog is fed")
    assert manager.count("READY=1") == 1

    assert await world.stop() == 0
    assert manager.heard.index("STOPPING=1") > manager.heard.index("READY=1")
    (extended,) = (one for one in manager.heard if one.startswith("EXTEND_TIMEOUT_USEC="))
    assert int(extended.partition("=")[2]) >= 25_000_000


async def test_the_manager_may_listen_in_the_abstract_namespace(world: World) -> None:
    with Manager(f"@orderferry-test-{os.getpid()}") as manager:
        world.environ["NOTIFY_SOCKET"] = manager.address
        await world.start()
        await manager.ready()
        assert "WATCHDOG=1" not in manager.heard  # it did not ask for it


async def test_why_it_could_not_start_stays_in_the_status(world: World, manager: Manager) -> None:
    await world.start()
    await manager.ready()
    assert (await world.run()).code == 75
    await eventually(lambda: "already works with" in manager.statuses[-1], "it says who has the store")
    assert await world.stop() == 0
    (world.data / "orders.db").unlink()
    assert (await world.run()).code == 78
    await eventually(lambda: "orders.db is missing" in manager.statuses[-1], "it says what is missing")
    world.config.write_text("[nonsense]\n")
    assert (await world.run()).code == 78
    await eventually(
        lambda: "config.toml:1: nonsense: is not a key" in manager.statuses[-1], "it says the first mistake"
    )


async def test_a_reload_is_announced_and_a_refused_one_shown(world: World, manager: Manager) -> None:
    await world.start()
    await manager.ready()
    whole = world.config.read_text()
    world.config.write_text(whole + "\n[nonsense]\n")
    await _reload(world, manager, times=1)
    await eventually(lambda: "(orderferry check)" in manager.statuses[-1], "the mistakes are shown")
    world.config.write_text(whole)
    await _reload(world, manager, times=2)
    await eventually(lambda: "mistakes" not in manager.statuses[-1], "they are gone")
    began = [int(one.partition("=")[2]) for one in manager.heard if one.startswith("MONOTONIC_USEC=")]
    assert began == sorted(began)
    assert 0 <= time.monotonic() - began[0] / 1e6 < 60


async def _reload(world: World, manager: Manager, *, times: int) -> None:
    assert world.process is not None
    world.process.send_signal(signal.SIGHUP)
    await eventually(lambda: manager.count("READY=1") == 1 + times, "it is ready again")
    assert manager.count("RELOADING=1") == times
    assert manager.heard.index("RELOADING=1") < len(manager.heard) - 1 - manager.heard[::-1].index("READY=1")


async def test_what_waits_for_a_person_is_in_the_status(world: World, manager: Manager) -> None:
    await world.start()
    await manager.ready()
    world.simulator.oauth.revoke()
    wanted = f"{MARKET} needs login (orderferry login {MARKET})"
    await eventually(lambda: manager.statuses[-1].endswith(wanted), "it says who needs a login")


async def test_orders_under_way_and_requests_waited_for_are_in_the_status(world: World, manager: Manager) -> None:
    form = world.sell()
    hold = world.shop.holds[form] = Hold()
    await world.start()
    await eventually(lambda: "forwarding: 1 order on its way, none parked" in manager.statuses, "one is under way")
    world.terminate()
    await eventually(lambda: manager.statuses[-1] == "waiting for 1 request", "it says what it waits for")
    hold.release.set()
    assert await world.ended() == 0
    assert world.shop.of(form)


async def test_what_was_left_open_is_told_while_it_starts(world: World, manager: Manager) -> None:
    form = world.sell()
    hold = world.shop.holds[form] = Hold()
    await world.start()
    await hold.committed.wait()
    await world.kill()
    await world.start()
    assert "settling 1 order that was under way" in manager.statuses
    hold.release.set()
    await world.forwarded(form)


STUCK_WHILE = """
import asyncio, os
import daemon.liveness, daemon.round
daemon.liveness.{limit} = 0.2
daemon.liveness.EVERY = 0.1
{patch}
"""
STORE = """
from daemon.store.store import Store
fetch = Store.fetch
async def slow(self, sql, parameters=()):
    while os.path.exists({flag!r}) and "coalesce" in sql:
        await asyncio.sleep(0.02)
    return await fetch(self, sql, parameters)
Store.fetch = slow
"""
ROUND = """
from daemon.store.store import Store
begin = Store.begin
async def slow(self):
    while os.path.exists({flag!r}):
        await asyncio.sleep(0.02)
    await begin(self)
Store.begin = slow
"""
CALL = """
from daemon.hooks import Hooks
daemon.liveness.FETCH_LIMIT = 0.2
ask = Hooks.ask
async def slow(self, name, hook, **arguments):
    with self.calls.under_way(name, hook):
        while hook == "fetch_orders" and os.path.exists({flag!r}):
            await asyncio.sleep(0.02)
    return await ask(self, name, hook, **arguments)
Hooks.ask = slow
"""


@pytest.mark.parametrize(
    ("limit", "patch", "what"),
    [
        pytest.param("STORE_LIMIT", STORE, "reading from the store", id="store"),
        pytest.param("ROUND_LIMIT", ROUND, "writing to the store", id="round"),
        pytest.param("GRACE", CALL, f"fetch_orders of {MARKET}", id="call"),
    ],
)
async def test_while_a_stage_is_stuck_the_watchdog_starves_and_the_log_names_it(
    world: World, manager: Manager, limit: str, patch: str, what: str
) -> None:
    flag = world.folder / "stuck"
    await world.start(prelude=STUCK_WHILE.format(limit=limit, patch=patch.format(flag=str(flag))) + "\n")
    await manager.ready()
    flag.touch()
    world.sell()

    async def starved() -> bool:
        fed, later = manager.count("WATCHDOG=1"), time.monotonic() + 0.5  # several looks, of which none may feed it
        await eventually(lambda: time.monotonic() > later, "time has passed")
        return manager.count("WATCHDOG=1") == fed and f"{what} is stuck" in manager.statuses[-1]

    await first(starved, "the watchdog starves")
    assert world.logged("stage_stuck", what=what)
    fed = manager.count("WATCHDOG=1")
    flag.unlink()
    await eventually(lambda: manager.count("WATCHDOG=1") > fed, "it is fed again")
