"""Random histories of pages, fates, kills and persons who settle doubts: never two mails but where a person said so."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from daemon import acts
from orderferry import Order, RateLimited, Rejected, Stage, Unavailable, Unsure
from tests.daemon.engine import Engine, EngineClock, order, page
from tests.daemon.engine_platforms import Applied, Fate, MailWorld, MarketWorld

ORDERS = 4
FATES: list[Fate] = [
    None,
    None,
    Unsure("lost before"),
    Applied(Unsure("lost after")),
    Applied(KeyError("plugin")),
    Unavailable("away"),
    RateLimited("too many"),
    Rejected("no"),
]


async def opened(folder: Path, mails: MailWorld, clock: EngineClock) -> Engine:
    engine = await Engine.open(folder, clock)
    await engine.store._db.execute("pragma synchronous = off")  # here processes are killed, and no power is cut
    await engine.market(MarketWorld(), thank_you=True)
    await engine.mail(mails)
    return engine


async def settle_a_doubt(engine: Engine, mails: MailWorld, chance: random.Random) -> None:
    """A person looks at the server, and says what is true."""
    rows = await engine.store.fetch("select id, order_id from job where state = 'parked' and doubt_at is not null")
    if rows and chance.random() < 0.5:
        job, number = chance.choice(rows)
        ((name,),) = await engine.store.fetch("select external_id from orders where id = ?", (number,))
        mark = engine.reference(int(name.removeprefix("o-")))
        act = acts.resolve_sent if any(mail.id.startswith(mark) for mail in mails.sent) else acts.resolve_again
        await engine.rounds.act(act(number, job, 1000), [number])


async def spell(
    engine: Engine, mails: MailWorld, coming: Sequence[Order], chance: random.Random, folder: Path
) -> Engine:
    """A page comes, time passes, a person looks; or the process is killed in between, and a new one begins."""
    if chance.random() < 0.4:
        engine.store.dies_at = engine.store.operations + chance.randint(1, 20)
    ends: set[asyncio.Future[Any]] = {
        asyncio.gather(
            engine.receive(page(*chance.choices(coming, k=3))),
            engine.pass_time(chance.choice([0.0, 0.6, 45.0])),
            settle_a_doubt(engine, mails, chance),
            return_exceptions=True,
        ),
        asyncio.ensure_future(engine.store.died.wait()),
    }
    _, left = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    for one in left:
        one.cancel()
    if not engine.store.dead:
        engine.store.dies_at = None
        return engine
    await engine.kill()
    after = await opened(folder, mails, engine.clock)
    await after.recover()
    return after


@pytest.mark.parametrize("seed", range(12))
async def test_no_history_thanks_twice_or_forgets_a_buyer(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a history must be repeatable
    clock, mails = EngineClock(), MailWorld()
    mails.then("send_mail", *(chance.choice(FATES) for _ in range(10)))
    coming = [
        order(number, stage=stage, revision=f"r{second}", updated_at=clock.now() + timedelta(seconds=second))
        for number in range(1, ORDERS + 1)
        for second, stage in enumerate((Stage.PLACED, Stage.READY, Stage.READY))
    ]
    chance.shuffle(coming)
    engine = await opened(tmp_path, mails, clock)
    try:
        with capture_logs():
            for _ in range(8):
                engine = await spell(engine, mails, coming, chance, tmp_path)
            mails.script.clear()
            await engine.receive(page(*coming))
            await engine.pass_time(1200)
        jobs = {row[1]: row[4] for row in await engine.jobs()}
        known = await engine.store.fetch("select id, external_id from orders")
    finally:
        await engine.close()
    assert max(Counter(mail.id for mail in mails.sent).values(), default=0) <= 1
    assert len(jobs) == ORDERS
    sent = {mail.id for mail in mails.sent}
    for number, external_id in known:
        went_out = f"{engine.reference(int(external_id.removeprefix('o-')))}.thanks" in sent
        assert jobs[number] == "parked" or (jobs[number] == "done" and went_out)
