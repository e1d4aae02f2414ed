"""The mail that thanks a buyer: one for an order, whatever happens to the order, the server and the process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from daemon import acts
from daemon.store.store import Store
from daemon.views import CommandError
from orderferry import Buyer, Order, Rejected, Stage, Unavailable, Unsure
from orderferry.testing.clock import START
from tests.daemon.engine import VAULT, Engine, EngineClock, order, page
from tests.daemon.engine_platforms import Applied, Fate, MailWorld, MarketWorld, ShopWorld

DAY = timedelta(days=1)
ADDRESS = "canary@example.org"


async def between(data_dir: Path, mails: MailWorld, *, clock: EngineClock, thank_you: bool = True) -> Engine:
    """An engine with a marketplace whose buyers are thanked, and a mail server; nothing is recovered yet."""
    engine = await Engine.open(data_dir, clock)
    await engine.market(MarketWorld(), thank_you=thank_you)
    await engine.mail(mails)
    return engine


@pytest.fixture
def mails() -> MailWorld:
    return MailWorld()


@pytest.fixture
async def engine(tmp_path: Path, mails: MailWorld) -> AsyncIterator[Engine]:
    async with await between(tmp_path, mails, clock=EngineClock()) as engine:
        yield engine


async def come(engine: Engine, *orders: Order, account: str = "market") -> None:
    await engine.receive(page(*orders), account)
    await engine.settle()


def parked(engine: Engine) -> Any:
    return engine.jobs(state="parked", kind="send_mail")


async def test_an_order_that_is_ready_is_thanked_for(engine: Engine, mails: MailWorld) -> None:
    await come(engine, order(1))
    (mail,) = mails.sent
    assert mail.to == ADDRESS
    assert mail.subject == "Dziękujemy za zamówienie o-1"
    assert "1 \N{MULTIPLICATION SIGN} Mug: 20,00\N{NO-BREAK SPACE}zł" in mail.text
    assert mail.html is not None
    assert mail.id.startswith(engine.reference(1))
    assert [row[3:5] for row in await engine.jobs()] == [("send_mail", "done")]
    assert await engine.links() == {}
    assert await engine.store.fetch("select * from link") == []


async def test_it_is_sent_once_however_often_and_in_whatever_states_the_order_comes(
    engine: Engine, mails: MailWorld
) -> None:
    stages = [Stage.PLACED, Stage.READY, Stage.READY, Stage.PLACED, Stage.READY, Stage.CANCELLED, Stage.READY]
    for second, stage in enumerate(stages):
        state = order(1, stage=stage, revision=f"r{second}", updated_at=START + timedelta(seconds=second))
        await come(engine, state, state)
        assert len(mails.sent) == min(second, 1)
        await come(engine, state)
    assert [row[3:5] for row in await engine.jobs()] == [("send_mail", "done")]


async def test_no_account_is_thanked_for_unless_it_says_so(tmp_path: Path, mails: MailWorld) -> None:
    async with await between(tmp_path, mails, clock=EngineClock(), thank_you=False) as engine:
        await come(engine, order(1))
        assert await engine.jobs() == []


async def test_a_shops_own_orders_are_thanked_for_only_where_the_shop_says_so(engine: Engine, mails: MailWorld) -> None:
    await engine.shop(ShopWorld(engine.clock), "quiet")
    await engine.shop(ShopWorld(engine.clock), "thankful", thank_you=True)
    await come(engine, order(1), account="quiet")
    assert not mails.sent
    await come(engine, order(2), account="thankful")
    assert [mail.subject for mail in mails.sent] == ["Dziękujemy za zamówienie o-2"]


async def test_an_order_that_is_forwarded_too_is_thanked_for_once(engine: Engine, mails: MailWorld) -> None:
    await engine.shop(ShopWorld(engine.clock), thank_you=True)
    await come(engine, order(1))
    assert len(mails.sent) == 1
    assert len(await engine.links()) == 1


async def test_orders_of_days_before_are_never_thanked_for(engine: Engine, mails: MailWorld) -> None:
    """The day counts, in UTC: what was bought earlier on the same day gets its mail."""
    since = engine.accounts["market"].thanks_since
    assert since is not None
    midnight = since.replace(hour=0, minute=0, second=0, microsecond=0)
    second = timedelta(seconds=1)
    before = order(1, at=midnight - second)
    await come(engine, before, order(2, at=midnight))
    changed = order(1, at=before.ordered_at, revision="r2", updated_at=START + DAY)
    await come(engine, changed)
    assert [mail.subject for mail in mails.sent] == ["Dziękujemy za zamówienie o-2"]


async def test_an_order_without_an_address_is_thanked_for_once_it_has_one(engine: Engine, mails: MailWorld) -> None:
    await come(engine, order(1, buyer=Buyer(login="anna")))
    assert await engine.jobs() == []
    await come(engine, order(1, revision="r2", updated_at=START + timedelta(minutes=1)))
    assert len(mails.sent) == 1


async def test_the_waiting_mail_of_a_cancelled_order_is_dropped_for_good(engine: Engine, mails: MailWorld) -> None:
    mails.then("send_mail", Unavailable("away", retry_after=600))
    await come(engine, order(1))
    for second, stage in enumerate((Stage.CANCELLED, Stage.READY), start=1):
        await come(engine, order(1, stage=stage, revision=f"r{second}", updated_at=START + timedelta(seconds=second)))
    await engine.pass_time(3600)
    assert not mails.sent
    assert [row[3:5] for row in await engine.jobs()] == [("send_mail", "cancelled")]
    assert [entry["why"] for entry in await engine.entries("job_cancelled")] == ["the order is cancelled"]


def merged(second: int = 1, **changes: Any) -> Order:  # any field of an order
    """An order that carries what order 1 carried."""
    return order(9, lines=order(1).lines, updated_at=START + timedelta(seconds=second), **changes)


@pytest.mark.parametrize("fate", [None, Unsure("lost")], ids=repr)
async def test_a_buyer_who_was_thanked_gets_no_mail_for_the_order_that_his_is_merged_into(
    engine: Engine, mails: MailWorld, fate: Fate
) -> None:
    mails.then("send_mail", fate)
    await engine.receive(page(order(1)), merges=True)
    await engine.settle()
    for second, stage in enumerate((Stage.PLACED, Stage.READY), start=1):
        await engine.receive(page(merged(second, stage=stage, revision=f"r{second}")), merges=True)
        await engine.pass_time(60)
    assert len(mails.asked("send_mail")) == 1
    assert [row[4] for row in await engine.jobs(order=2)] == ["cancelled"]
    assert (await engine.entries("job_cancelled"))[-1]["why"] == (
        "the buyer was thanked for order 1, which was merged into this one"
    )


async def test_a_mail_that_waits_when_its_order_is_merged_is_sent_for_the_new_one(
    engine: Engine, mails: MailWorld
) -> None:
    mails.then("send_mail", Unavailable("away", retry_after=60))
    await engine.receive(page(order(1)), merges=True)
    await engine.settle()
    await engine.receive(page(merged()), merges=True)
    await engine.pass_time(120)
    assert [mail.subject for mail in mails.sent] == ["Dziękujemy za zamówienie o-9"]
    assert await engine.states() == ["cancelled", "done"]


async def test_a_server_that_is_away_gets_the_mail_later(engine: Engine, mails: MailWorld) -> None:
    mails.always["send_mail"] = Unavailable("away")
    await come(engine, order(1))
    await engine.pass_time(900)
    assert not mails.sent
    mails.always.clear()
    await engine.pass_time(120)
    assert len(mails.sent) == 1


async def test_an_address_that_is_refused_is_shown_and_may_be_tried_again(engine: Engine, mails: MailWorld) -> None:
    mails.then("send_mail", Rejected("550 no such user"))
    await come(engine, order(1))
    ((job, number, *_, reason),) = await parked(engine)
    assert reason == "550 no such user"
    assert (await engine.entries("job_parked"))[0]["command"] == f"orderferry retry {job}"
    await engine.rounds.act(acts.retry(number, job, 1000), [number])
    await engine.settle()
    assert len(mails.sent) == 1


DOUBTS: list[Fate] = [Unsure("lost"), Applied(Unsure("lost")), KeyError("plugin"), Applied(KeyError("plugin"))]


@pytest.mark.parametrize("fate", DOUBTS, ids=repr)
async def test_a_doubt_is_shown_and_never_resent_by_itself(engine: Engine, mails: MailWorld, fate: Fate) -> None:
    mails.then("send_mail", fate)
    await come(engine, order(1))
    ((job, number, *_, reason),) = await parked(engine)
    assert reason.startswith("nobody knows whether the mail went out: ")
    commands = f"orderferry resolve {job} --sent, or orderferry resolve {job} --send-again"
    assert (await engine.entries("job_parked"))[0]["command"] == commands
    await come(engine, order(1, revision="r2", updated_at=START + timedelta(minutes=1)))
    await engine.pass_time(7 * 86_400)
    assert len(mails.asked("send_mail")) == 1
    with pytest.raises(CommandError, match=r"--sent`, or `.*--send-again"):
        await engine.rounds.act(acts.retry(number, job, 1000), [number])
    with pytest.raises(CommandError, match="--sent"):
        await engine.rounds.act(acts.resolve_found(number, job, "5012", "ref", 1000), [number])


async def test_a_doubt_that_a_person_settles_as_sent_is_done(engine: Engine, mails: MailWorld) -> None:
    mails.then("send_mail", Applied(Unsure("lost")))
    await come(engine, order(1))
    ((job, number, *_),) = await parked(engine)
    await engine.rounds.act(acts.resolve_sent(number, job, 1000), [number])
    await engine.pass_time(86_400)
    assert len(mails.sent) == 1
    assert [row[4] for row in await engine.jobs()] == ["done"]
    assert [entry["how"] for entry in await engine.entries("job_resolved")] == ["sent"]
    assert await engine.store.fetch("select * from link") == []


async def test_a_doubt_that_a_person_has_sent_again_goes_out_with_the_same_id(engine: Engine, mails: MailWorld) -> None:
    mails.then("send_mail", Unsure("lost"))
    await come(engine, order(1))
    ((job, number, *_),) = await parked(engine)
    await engine.rounds.act(acts.resolve_again(number, job, 1000), [number])
    await engine.settle()
    assert len(mails.sent) == 1
    assert len({mail.id for mail in mails.asked("send_mail")}) == 1
    with pytest.raises(CommandError, match="done"):
        await engine.rounds.act(acts.resolve_again(number, job, 1000), [number])


async def test_only_a_mail_can_be_settled_as_sent(engine: Engine) -> None:
    world = ShopWorld(engine.clock)
    world.then("add_order", Rejected("no"))
    await engine.shop(world)
    await come(engine, order(1))
    ((job, number, *_),) = await engine.jobs(kind="add_order")
    with pytest.raises(CommandError, match="--shop-order N"):
        await engine.rounds.act(acts.resolve_sent(number, job, 1000), [number])


async def test_mails_that_wait_when_thanking_is_switched_off_are_not_sent(engine: Engine, mails: MailWorld) -> None:
    mails.then("send_mail", Unavailable("away", retry_after=60))
    await come(engine, order(1))
    state = engine.accounts["market"]
    state.settings = type(state.settings)(
        **{name: getattr(state.settings, name) for name in state.settings.__struct_fields__} | {"thank_you": False}
    )
    await engine.pass_time(120)
    assert not mails.sent
    ((*_, reason),) = await parked(engine)
    assert "thank_you is not set" in reason


async def test_an_order_whose_document_is_lost_is_shown(engine: Engine, mails: MailWorld) -> None:
    mails.then("send_mail", Unavailable("away", retry_after=60))
    await come(engine, order(1))
    engine.store._documents.clear()
    await engine.store.fetch("delete from document")
    await engine.pass_time(120)
    ((*_, reason),) = await parked(engine)
    assert "can't be read" in reason


async def test_no_address_is_in_the_journal_or_the_log(engine: Engine, mails: MailWorld) -> None:
    fates: list[Fate] = [None, Unsure("lost"), Rejected("no"), KeyError(ADDRESS), Unavailable("away")]
    mails.then("send_mail", *fates)
    with capture_logs() as logs:
        for number in range(1, 6):
            await come(engine, order(number))
        await engine.pass_time(600)
    assert len(await engine.jobs()) == 5
    told = str(await engine.store.fetch("select data from journal")) + str(await engine.jobs()) + str(logs)
    assert "canary" not in told


async def story_up_to(data_dir: Path, operation: int) -> bool:
    """One order's life with a process that is killed before this operation of its store; False if none was so late."""
    clock, mails = EngineClock(), MailWorld()
    engine = await between(data_dir, mails, clock=clock)
    await engine.store._db.execute("pragma synchronous = off")
    engine.store.dies_at = engine.store.operations + operation
    ends: set[asyncio.Future[Any]] = {
        asyncio.gather(come(engine, order(1)), return_exceptions=True),
        asyncio.ensure_future(engine.store.died.wait()),
    }
    _, left = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    for one in left:
        one.cancel()
    died = engine.store.dead
    await (engine.kill() if died else engine.close())
    async with await between(data_dir, mails, clock=clock) as engine:
        await engine.recover()
        await come(engine, order(1))  # the marketplace tells of it again
        await engine.pass_time(86_400)
        ((_, _, _, kind, state, _, reason),) = await engine.jobs()
    assert kind == "send_mail"
    assert len(mails.sent) <= 1
    if state == "done":
        assert len(mails.sent) == 1
    else:
        doubt = "the daemon ended before the answer came: nobody knows whether the mail went out"
        assert (state, reason) == ("parked", doubt)
    return died


ENOUGH = 28  # operations of the store, from an order's coming to its mail's end and some more


@pytest.mark.parametrize("operation", range(1, ENOUGH))
async def test_killed_at_any_operation_of_the_store_it_sends_at_most_one_and_shows_the_doubt(
    tmp_path: Path, operation: int
) -> None:
    with capture_logs():  # to be printed they would take most of the time
        died = await story_up_to(tmp_path, operation)
    assert died or operation > ENOUGH / 2, "the process was not killed"


async def test_after_all_of_these_operations_the_mail_is_done(tmp_path: Path) -> None:
    assert not await story_up_to(tmp_path, ENOUGH)


async def test_killed_while_the_server_has_the_mail_it_is_shown_as_doubtful(tmp_path: Path, mails: MailWorld) -> None:
    clock = EngineClock()
    engine = await between(tmp_path, mails, clock=clock)
    mails.close_gate()
    await come(engine, order(1))
    assert await engine.states() == ["sending"]
    await engine.kill()
    mails.open_gate()
    async with await between(tmp_path, mails, clock=clock) as engine:
        await engine.recover()
        await engine.pass_time(86_400)
        ((job, *_),) = await parked(engine)
        assert f"resolve {job} --sent" in (await engine.entries("job_parked"))[0]["command"]
        assert len(mails.asked("send_mail")) == 1


async def test_a_store_put_back_from_a_backup_sends_no_mail_that_may_have_gone_out(
    engine: Engine, mails: MailWorld
) -> None:
    engine.store.restored_at = START + DAY
    await come(engine, order(1), order(2, at=START + 2 * DAY))
    assert [mail.subject for mail in mails.sent] == ["Dziękujemy za zamówienie o-2"]
    ((job, number, *_, reason),) = await parked(engine)
    assert reason == "the store was put back from a backup: this mail may have gone out already"
    with pytest.raises(CommandError, match="--sent"):
        await engine.rounds.act(acts.retry(number, job, 1000), [number])


async def test_mails_that_wait_in_a_store_put_back_from_a_backup_are_shown_and_not_sent(
    tmp_path: Path, mails: MailWorld
) -> None:
    clock = EngineClock()
    mails.then("send_mail", Unavailable("away", retry_after=600))
    async with await between(tmp_path, mails, clock=clock) as engine:
        await come(engine, order(1))
        assert await engine.states() == ["waiting"]
    await (await Store.open(tmp_path, VAULT, restored=True)).close()
    async with await between(tmp_path, mails, clock=clock) as engine:
        await engine.pass_time(3600)
        ((job, number, *_, reason),) = await parked(engine)
        assert reason == "the store was put back from a backup: this mail may have gone out already"
        with pytest.raises(CommandError, match="--sent"):
            await engine.rounds.act(acts.retry(number, job, 1000), [number])
    assert not mails.sent
