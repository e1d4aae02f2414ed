"""An engine that erases as the daemon does, and a scan of its files for bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from daemon import acts
from daemon.core.retention import Keeps
from daemon.core.statuses import Ladder, Rules
from daemon.privacy import erasing
from daemon.privacy.eraser import Eraser
from daemon.store.reader import Reader
from tests.daemon.engine import BUYER, VAULT, Engine, EngineClock, order, page
from tests.daemon.engine_platforms import MarketWorld, Shop, ShopWorld

KEEPS = Keeps(general=timedelta(days=30))
LADDER = Ladder(
    keys=("new", "packing", "sent", "delivered", "cancelled"), rules=Rules(parcel_sent="sent", cancelled="cancelled")
)
CANARIES = (BUYER.encode(), b"canary@example.org", b"Canaria", b"Solna 1", b"TRACK-4711")
DAY = 86_400.0


class Hub(Engine):
    """An engine that also erases."""

    eraser: Eraser
    reader: Reader

    async def erase(self, keeps: Keeps = KEEPS) -> None:
        """One look of the companion, on a clock that moves by itself."""
        looking = asyncio.create_task(self.eraser.once(keeps))
        while not looking.done():
            await self.settle()
            if self.clock.next_at is not None and not looking.done():
                await self.clock.advance(0.05)
        await looking


@asynccontextmanager
async def hub(
    data: Path, world: ShopWorld | None = None, clock: EngineClock | None = None, kind: type[Shop] = Shop
) -> AsyncIterator[Hub]:
    if clock is None:
        clock = world._clock if world and isinstance(world._clock, EngineClock) else EngineClock()
    world = world or ShopWorld(clock)
    engine = await Hub.between(data, world, kind, clock=clock, market=MarketWorld())
    engine.accounts.ladder = LADDER
    engine.reader = await Reader.open(engine.store.path, VAULT)
    engine.eraser = Eraser(engine.store, engine.reader, engine.rounds, clock, lambda: engine.accounts.ladder)
    try:
        yield engine
    finally:
        await engine.reader.close()
        if not engine.store.dead:
            await engine.close()


async def sealed_bytes(engine: Engine) -> list[bytes]:
    """What is stored sealed at this moment: documents, given orders, texts."""
    rows = await engine.store.fetch(
        "select body from document union all select body from forwarded union all select raw from malformed"
    )
    return [bytes(row[0]) for row in rows if row[0]]


def found_in(folder: Path, wanted: list[bytes]) -> list[tuple[str, bytes]]:
    """Which of these bytes stand in which file of the folder; of sealed ones every piece of 24 bytes counts."""
    pieces = [
        one[at : at + 24] for one in wanted for at in range(17 if len(one) > 64 else 0, max(len(one) - 24, 1), 16)
    ]
    hits = []
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            content = file.read_bytes()
            hits += [(file.name, piece) for piece in pieces if piece and piece in content]
    return hits


async def sold_and_sent(engine: Hub, *numbers: int, **changes: Any) -> None:
    await engine.receive(page(*(order(number, **changes) for number in numbers)))
    await engine.settle()
    for number in await ids(engine):
        case = (await engine.store.cases([number]))[number]
        if not case.parcels:
            await engine.rounds.act(acts.add_parcel(number, "INPOST", f"TRACK-4711-{number}", 0), [number])
    await engine.settle()


async def ids(engine: Engine) -> list[int]:
    return [row[0] for row in await engine.store.fetch("select id from orders where erased_at is null order by id")]


async def column(engine: Engine, name: str, number: int = 1) -> Any:  # a sqlite cell
    return (await engine.store.fetch(f"select {name} from orders where id = ?", (number,)))[0][0]  # noqa: S608


async def erased_by_hand(engine: Hub, number: int = 1, *, even: bool = False) -> str:
    return (await engine.rounds.act(erasing.erase_by_hand(number, 7, even_unfinished=even), [number])).text
