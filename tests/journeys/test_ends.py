"""However the daemon ends, at whatever moment: nothing is lost, nothing doubled, and the next start goes on."""

from __future__ import annotations

import asyncio
import json
import signal

from aiohttp import web

from orderferry.testing.simulator import Fate, Handle, Simulator
from tests.journeys.scripted_shop import STOCK, Hold
from tests.journeys.world import World, eventually, seeded

ORDERS = 40
KILLS = 6


class Killer:
    """Kills the daemon at chosen requests, counted over both simulators: before, amid or after their handling."""

    def __init__(self, world: World, at: dict[int, str]) -> None:
        self.world = world
        self.kills = 0
        self.killed = asyncio.Event()
        self._at = at
        self._count = 0
        for simulator in (world.simulator, world.shop):
            self._watch(simulator)

    def _watch(self, simulator: Simulator) -> None:
        end = simulator._end

        async def watched(request: web.Request, handle: Handle, fate: Fate) -> web.StreamResponse:
            self._count += 1
            when = self._at.pop(self._count, None)
            if when == "before":
                self._kill()
            answer = await end(request, handle, fate)
            if when == "after":
                self._kill()
            return answer

        simulator._end = watched  # type: ignore[method-assign] # the test stands between the two

    def _kill(self) -> None:
        process = self.world.process
        if process is not None and process.returncode is None:
            process.kill()
            self.kills += 1
            self.killed.set()


async def test_killed_at_random_moments_it_loses_and_doubles_nothing(world: World) -> None:
    chance = seeded(11)
    at = {place: chance.choice(("before", "after")) for place in chance.sample(range(12, 150), KILLS)}
    killer = Killer(world, at)
    await world.start(wait=False)
    world.simulator.start_run(ORDERS, 5, seed=2)
    while killer.kills < KILLS:
        async with asyncio.timeout(40):
            await killer.killed.wait()
        killer.killed.clear()
        assert world.process is not None
        await world.process.wait()
        await world.start(wait=killer.kills == KILLS)
    await eventually(lambda: not world.simulator.running, "the script is over")
    summary = world.market.summary()
    await eventually(lambda: all(world.shop.of(form) for form in summary["must"]), "all orders are in the shop")
    await world.settled()
    for form in (*summary["must"], *summary["may"]):
        assert len(world.shop.of(form)) <= 1
    for form in summary["must_not"]:
        assert not world.shop.of(form)
    assert {sku: STOCK - left for sku, left in world.shop.stock().items() if left != STOCK} == summary["sold"]
    assert len(await world.entries("daemon_started")) >= 1


async def test_killed_between_the_shops_commit_and_its_answer_it_finds_the_order_again(world: World) -> None:
    form = world.sell({"SKU-001": 1})
    hold = world.shop.holds[form] = Hold()
    await world.start()
    async with asyncio.timeout(20):
        await hold.committed.wait()
    await world.kill()
    hold.release.set()
    assert len(world.shop.of(form)) == 1
    await world.start()
    link = await world.forwarded(form)
    assert [str(order["id"]) for order in world.shop.of(form)] == [link["shop_order"]]
    assert world.shop.posts == [form]
    assert (await world.entries("daemon_started"))[-1]["data"]["in_doubt"] == 1
    number = (await world.known(form))["id"]
    assert await world.entries("job_unsure", order=number, error="the daemon ended before the answer came")
    assert world.shop.stock()["SKU-001"] == STOCK - 1


async def test_killed_before_the_shop_did_anything_it_sends_the_order_again(world: World) -> None:
    form = world.sell({"SKU-001": 1})
    world.shop.endings = {form: [Fate.DROPPED]}
    heard = world.shop.heard

    def kill(posted: str) -> None:
        heard(posted)
        if world.shop.posts == [form]:
            assert world.process is not None
            world.process.kill()

    world.shop.heard = kill
    await world.start()
    await world.ended()
    assert not world.shop.of(form)
    await world.start()
    await world.forwarded(form)
    assert world.shop.posts == [form, form]
    assert len(world.shop.of(form)) == 1


async def test_sigterm_waits_for_the_open_request_and_leaves_no_doubt(world: World) -> None:
    form = world.sell()
    hold = world.shop.holds[form] = Hold()
    await world.start()
    async with asyncio.timeout(20):
        await hold.committed.wait()
    later = world.sell()
    world.terminate()
    await eventually(lambda: not world.socket.exists(), "the daemon stops listening")
    assert world.process is not None
    assert world.process.returncode is None, "it left an open request behind"
    hold.release.set()
    assert await world.ended(30) == 0
    assert world.shop.posts.count(form) == 1
    await world.start()
    await world.forwarded(later)
    assert (await world.entries("daemon_started"))[-1]["data"]["in_doubt"] == 0
    assert world.shop.posts.count(later) == 1
    assert (await world.forwarded(form))["shop_order"] == str(world.shop.of(form)[0]["id"])
    assert world.shop.posts.count(form) == 1


async def test_sigterm_begins_nothing_new(world: World) -> None:
    """As many orders as the account has hands are open when the signal comes, and many more are waiting."""
    hands = 4
    forms = [world.sell() for _ in range(20)]
    holds = {form: Hold() for form in forms}
    world.shop.holds = dict(holds)
    await world.start()
    await eventually(lambda: len(world.shop.posts) >= hands, "all hands are busy")
    world.terminate()
    await eventually(lambda: not world.socket.exists(), "the daemon stops listening")
    under_way = list(world.shop.posts)
    for hold in holds.values():
        hold.release.set()
    assert await world.ended(30) == 0
    assert world.shop.posts == under_way
    await world.start()
    for form in forms:
        await world.forwarded(form)
    assert sorted(world.shop.posts) == sorted(forms)
    assert (await world.entries("daemon_started"))[-1]["data"]["in_doubt"] == 0


async def test_sigterm_leaves_a_request_that_is_never_answered_in_doubt(world: World) -> None:
    form = world.sell()
    hold = world.shop.holds[form] = Hold()
    await world.start(prelude="import daemon.dispatcher; daemon.dispatcher.DRAIN = 0.5; ")
    async with asyncio.timeout(20):
        await hold.committed.wait()
    assert await world.stop() == 0
    hold.release.set()
    await world.start()
    link = await world.forwarded(form)
    assert [str(order["id"]) for order in world.shop.of(form)] == [link["shop_order"]]
    assert world.shop.posts == [form]
    number = (await world.known(form))["id"]
    assert await world.entries("job_unsure", order=number, error="the daemon was stopped before the answer came")


async def test_sigterm_ends_those_who_follow_and_those_who_fetch(world: World) -> None:
    """Neither an open event stream nor a fetch under way keeps the daemon from ending in time."""
    await world.start()
    await world.forwarded(world.sell())
    following = await world.begin("tail", "--after", "0", "--json")
    assert following.stdout is not None
    async with asyncio.timeout(20):
        first = json.loads(await following.stdout.readline())
    assert first["kind"] == "daemon_started"
    reads = Reads(world.simulator)
    fetching = asyncio.create_task(world.cli("fetch", seconds=30))
    await eventually(lambda: reads.held, "the marketplace is being read")
    began = asyncio.get_running_loop().time()
    world.terminate()
    assert await world.ended(30) == 0
    assert asyncio.get_running_loop().time() - began < 15
    reads.release.set()
    assert following.stderr is not None
    async with asyncio.timeout(20):
        assert b"the daemon has stopped" in await following.stderr.readline()
    following.send_signal(signal.SIGINT)
    out, err = await following.communicate()
    kinds = [json.loads(line)["kind"] for line in out.splitlines()]
    assert {"order_new", "job_made", "job_done"} <= set(kinds)
    assert following.returncode == 130
    assert "Traceback" not in err.decode() + (await fetching).err


class Reads:
    """Holds every read of a simulator back, until `release`."""

    def __init__(self, simulator: Simulator) -> None:
        self.held = 0
        self.release = asyncio.Event()
        end = simulator._end

        async def watched(request: web.Request, handle: Handle, fate: Fate) -> web.StreamResponse:
            self.held += 1
            await self.release.wait()
            return await end(request, handle, fate)

        simulator._end = watched  # type: ignore[method-assign] # the test stands in between
