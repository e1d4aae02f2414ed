"""MQTT beside a real engine: its rows go to a real broker; the hub that requests reach answers from a script."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from daemon.core.journal import Data, Kind
from daemon.events import Feed
from daemon.mqtt.messages import Identity
from daemon.mqtt.telling import Mqtt
from daemon.mqtt_settings import MqttSettings
from daemon.store.case import ms
from daemon.store.mqtt_reader import POSITION, MqttReader
from orderferry.testing.clock import START
from tests.broker import Broker
from tests.daemon.control_hub import FakeHub
from tests.daemon.engine import VAULT, Engine, order, page
from tests.daemon.engine_platforms import MarketWorld, ShopWorld

IDENTITY = Identity(installation="testtest", epoch=1, version="0.1.0")
FASTER = 200.0


class FastClock:
    """Time as it passes, but two hundred times as fast: a broker needs real time, and a test has none to lose."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def monotonic(self) -> float:
        return (time.monotonic() - self._began) * FASTER

    def now(self) -> datetime:
        return START + timedelta(seconds=self.monotonic())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / FASTER)


class Rig:
    """`begin` and `end` are the companion's; `write` adds rows to the journal as rounds do."""

    def __init__(self, engine: Engine, settings: MqttSettings) -> None:
        self.engine = engine
        self.settings = settings
        self.hub = FakeHub()
        self.clock = FastClock()
        self.feed = Feed()
        engine.rounds._publish = self.feed.publish
        self.mqtt = Mqtt(
            self.hub,
            engine.accounts,
            identity=IDENTITY,
            rounds=engine.rounds,
            feed=self.feed,
            open_reader=lambda: MqttReader.open(engine.store.path, VAULT),
            clock=self.clock,
            draw=lambda: 0.5,
        )
        self.seconds = 0.0  # that the last `write` took
        self._task: asyncio.Task[None] | None = None

    async def begin(self, settings: MqttSettings | None = None) -> None:
        """Returns when what comes from now on is told."""
        self._task = asyncio.create_task(self.mqtt.run(settings or self.settings))
        async with asyncio.timeout(10):
            while await self.saved() < 0:  # noqa: ASYNC110 - it is on disk that it comes to stand
                await asyncio.sleep(0.001)

    async def end(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            results = await asyncio.gather(task, return_exceptions=True)
            assert isinstance(results[0], asyncio.CancelledError), results

    async def write(self, count: int = 1, kind: Kind = Kind.FETCHED, **data: Any) -> list[int]:
        """So many rows, each in a round of its own; answers their ids."""
        before, began = await self.newest(), time.monotonic()
        told: Data = data or {"new": 1}
        await asyncio.gather(*(self.engine.rounds.note(kind, "market", told) for _ in range(count)))
        self.seconds = time.monotonic() - began
        return list(range(before + 1, await self.newest() + 1))

    async def newest(self) -> int:
        return int((await self.engine.store.fetch("select coalesce(max(id), 0) from journal"))[0][0])

    async def old_rows(self, count: int, at: datetime) -> None:
        """Rows of long ago, past the rounds."""
        first = await self.newest() + 1
        rows = [(first + step, ms(at), "fetched", None, "market", None, "{}") for step in range(count)]
        db = self.engine.store._db
        await db.execute("begin")
        await db.executemany(
            "insert into journal (id, at, kind, order_id, account, job, data) values (?,?,?,?,?,?,?)", rows
        )
        await db.execute("commit")
        self.engine.store._next["journal"] = first + count

    async def saved(self) -> int:
        """How far the broker has come, as it stands on disk."""
        rows = await self.engine.store.fetch("select value from meta where key = ?", (POSITION,))
        return int(rows[0][0]) if rows else -1

    async def saved_is(self, row: int) -> None:
        """Returns when the broker is known to have come so far."""
        async with asyncio.timeout(10):
            while await self.saved() < row:  # noqa: ASYNC110 - it is on disk that it comes to stand
                await asyncio.sleep(0.001)

    async def order_that_waits(self) -> None:
        """An order between a marketplace and a shop that can't be asked."""
        await self.engine.market(MarketWorld())
        state = await self.engine.shop(ShopWorld(self.engine.clock))
        self.engine.accounts.pause(state, paused=True)
        await self.engine.receive(page(order(1)))


@asynccontextmanager
async def rig(folder: Path, to: Broker, **settings: Any) -> AsyncIterator[Rig]:  # any of [mqtt]
    """An engine with a broker beside it; MQTT begins when the test says so."""
    given = MqttSettings(**{"host": "127.0.0.1", "port": to.port, **settings})
    async with await Engine.open(folder) as engine:
        one = Rig(engine, given)
        loop = asyncio.get_running_loop()
        mishaps: list[dict[str, Any]] = []
        loop.set_exception_handler(lambda _, context: mishaps.append(context))
        try:
            yield one
        finally:
            await one.end()
            loop.set_exception_handler(None)
        assert not mishaps
