"""Alarms in the engine: told once in journal and log, kept through a restart, mailed by a real mail server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from daemon import acts
from daemon.core.alarm_mail import HOUR, MOST, TRY_AGAIN
from daemon.core.journal import Kind
from daemon.core.telling import sentence
from daemon.receive import unpack
from daemon.store.reader import Reader
from daemon.watch.alarms import LOOK_EVERY, REST, Alarms
from daemon.watch.settings import WatchSettings
from orderferry import Account, Echo, MalformedOrder, NeedsLogin, Rejected, Role, Secret, Unavailable
from orderferry.testing.memory import MemoryLog, MemoryTokens
from plugins.smtp.platform import Smtp
from plugins.smtp.settings import SmtpSettings
from tests.certificates import certify, trusted
from tests.daemon.engine import BUYER, VAULT, Engine, EngineClock, order, page, settings
from tests.daemon.engine_platforms import MailWorld, ShopWorld
from tests.mail_server import PASSWORD, USER, Kept, body, mail_server

QUARTER = 15 * 60.0
WATCH = WatchSettings()
MAILED = WatchSettings(mail_to="owner@example.pl")


class Watched:
    """An engine with its alarms, which look where the test says so."""

    def __init__(self, engine: Engine, reader: Reader) -> None:
        self.engine = engine
        self.reader = reader
        self.alarms = Alarms(engine.accounts, engine.rounds, reader, engine.clock, engine.prefix)
        self.logged: list[Any] = []

    async def look(self, given: WatchSettings = WATCH) -> None:
        with capture_logs() as logs:
            await self.alarms.look(given)
            if self.alarms._mailing is not None:
                await self.alarms._mailing
        self.logged += logs

    async def pass_time(self, seconds: float, given: WatchSettings = WATCH) -> None:
        """Moves time on, and looks."""
        await self.engine.pass_time(seconds)
        await self.look(given)

    def told(self, kind: Kind = Kind.ALARM) -> list[tuple[object, int | None, str | None]]:
        rows = [entry for entry in self.engine.published if entry.kind is kind]
        return [(entry.data["what"], entry.order, entry.account) for entry in rows]


@pytest.fixture
def clock() -> EngineClock:
    return EngineClock()


@pytest.fixture
def shop(clock: EngineClock) -> ShopWorld:
    return ShopWorld(clock)


@pytest.fixture
async def watched(tmp_path: Path, shop: ShopWorld, clock: EngineClock) -> AsyncIterator[Watched]:
    async with await Engine.between(tmp_path, shop, clock=clock) as engine:
        reader = await Reader.open(engine.store.path, VAULT)
        try:
            yield Watched(engine, reader)
        finally:
            await reader.close()


async def park(engine: Engine, shop: ShopWorld, *numbers: int) -> None:
    for number in numbers:
        shop.then("add_order", Rejected(f"no such product {BUYER}"))
        await engine.receive(page(order(number)))
        await engine.settle()


async def test_a_parked_order_is_told_once_with_its_command_and_over_once(watched: Watched, shop: ShopWorld) -> None:
    engine = watched.engine
    await park(engine, shop, 1)
    for _ in range(3):
        await watched.look()
    assert watched.told() == [("parked", 1, "shop")]
    (row,) = [entry for entry in engine.published if entry.kind is Kind.ALARM]
    assert row.data["command"] == f"orderferry retry {row.job}"
    assert sentence(row) == (
        f"Alarm: order 1 is parked: job {row.job} for shop waits for a person. What helps: orderferry retry {row.job}."
    )
    (line,) = [line for line in watched.logged if line["event"] == "alarm"]
    assert (line["log_level"], line["what"], line["order"], line["account"]) == ("warning", "parked", 1, "shop")
    assert f"orderferry retry {row.job}" in line["reason"]
    assert BUYER not in str(watched.logged) + str(row)

    assert row.job is not None
    await engine.rounds.act(acts.retry(1, row.job, 0), [1])
    await engine.settle()
    for _ in range(3):
        await watched.look()
    assert watched.told(Kind.ALARM_OVER) == [("parked", 1, "shop")]
    assert len(watched.told()) == 1


async def test_a_restart_tells_nothing_again(tmp_path: Path, shop: ShopWorld, clock: EngineClock) -> None:
    for start in range(3):
        async with await Engine.between(tmp_path, shop, clock=clock) as engine:
            reader = await Reader.open(engine.store.path, VAULT)
            watched = Watched(engine, reader)
            if not start:
                await park(engine, shop, 1)
            await watched.look()
            assert len(watched.told()) == (start == 0)
            await reader.close()


async def test_an_order_is_late_after_a_quarter_of_an_hour_and_its_shop_with_it(
    watched: Watched, shop: ShopWorld
) -> None:
    engine = watched.engine
    shop.always["add_order"] = Unavailable("gone")
    shop.always["check"] = Unavailable("gone")
    await engine.receive(page(order(1)))
    await watched.pass_time(QUARTER - 5)
    assert watched.told() == []
    await watched.pass_time(LOOK_EVERY)
    assert sorted(watched.told(), key=str) == [("down", None, "shop"), ("unfinished", 1, "shop")]
    shop.always.clear()
    await watched.pass_time(2 * 60)
    over = sorted(watched.told(Kind.ALARM_OVER), key=str)
    assert over == [("down", None, "shop"), ("unfinished", 1, "shop")]


async def test_what_waits_for_a_paused_account_or_for_its_tick_is_no_alarm(watched: Watched, shop: ShopWorld) -> None:
    engine = watched.engine
    shop.always["add_order"] = Unavailable("gone")
    await engine.receive(page(order(1)))
    await engine.settle()
    engine.accounts.pause(engine.accounts["shop"], paused=True)
    await watched.pass_time(2 * QUARTER)
    assert watched.told() == []


async def test_an_account_that_wants_a_login_is_told_at_once_with_its_command(
    watched: Watched, shop: ShopWorld
) -> None:
    engine = watched.engine
    engine.accounts["shop"].logs_in = True
    shop.then("add_order", NeedsLogin("401"))
    await engine.receive(page(order(1)))
    await engine.settle()
    await watched.look()
    (row,) = [entry for entry in engine.published if entry.kind is Kind.ALARM]
    assert (row.data["what"], row.account, row.data["command"]) == ("needs_login", "shop", "orderferry login shop")


async def test_a_double_is_an_alarm_until_the_shop_tells_that_one_is_cancelled(watched: Watched) -> None:
    engine = watched.engine
    await engine.receive(page(order(1)))
    await engine.settle()
    own = (await engine.store.fetch("select shop_order, reference from link where account = 'shop'"))[0]

    async def echo(status: str) -> None:
        second = Echo(id="second", reference=own[1], status=status, paid=True)
        await engine.receive(page(echoes=(second,)), "shop")
        await watched.look()

    await echo("processing")
    assert watched.told() == [("doubled", 1, "shop")]
    await echo("processing")
    assert len(watched.told()) == 1
    await echo("cancelled")
    assert watched.told(Kind.ALARM_OVER) == [("doubled", 1, "shop")]
    await echo("cancelled")
    assert len(watched.told()) == 1


async def test_an_order_that_can_t_be_read_is_an_alarm_until_it_can(watched: Watched) -> None:
    engine = watched.engine
    broken = MalformedOrder(external_id="o-1", reason="no total", raw=b"{}")
    await engine.rounds.receive(unpack("market", page(malformed=(broken,)), merges=False, caught_up=None))
    await watched.look()
    assert watched.told() == [("unreadable", None, "market")]
    await engine.receive(page(order(1)))
    await watched.look()
    assert watched.told(Kind.ALARM_OVER) == [("unreadable", None, "market")]


async def test_it_looks_by_itself_and_at_once_where_a_person_waits(watched: Watched, shop: ShopWorld) -> None:
    engine = watched.engine
    publish = engine.rounds._publish

    def heard(entries: Sequence[Any]) -> None:
        publish(entries)
        watched.alarms.heed(entries)

    engine.rounds._publish = heard
    running = asyncio.create_task(watched.alarms.run(WATCH))
    try:
        await resting(engine, REST)
        await engine.clock.advance(REST)
        await resting(engine, LOOK_EVERY)
        await park(engine, shop, 1)
        await reached(engine, lambda: watched.told() == [("parked", 1, "shop")])
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def resting(engine: Engine, seconds: float) -> None:
    """Returns when somebody sleeps so long from now."""
    await reached(engine, lambda: engine.clock.next_at == engine.clock.now() + timedelta(seconds=seconds))


async def reached(engine: Engine, condition: Any) -> None:
    """Lets the reader's thread and the rounds do what they can without time moving."""
    async with asyncio.timeout(20):
        while not condition():
            await engine._wait_for_the_disk()


# mails


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[tuple[Kept, SmtpSettings]]:
    """A real mail server, and the settings of an account for it."""
    authority = certify("Test authority", signer=None)
    async with mail_server(tmp_path, authority) as kept:
        yield (
            kept,
            SmtpSettings(
                host="localhost",
                port=kept.port,
                user=USER,
                password=Secret(PASSWORD),
                sender="Shop <shop@example.pl>",
                ca_file=trusted(tmp_path / "ca.pem", authority),
            ),
        )


async def test_alarms_go_to_the_owner_by_the_mail_plugin_and_name_no_buyer(
    watched: Watched, shop: ShopWorld, server: tuple[Kept, SmtpSettings]
) -> None:
    kept, given = server
    engine = watched.engine

    def smtp(account: Account[Any]) -> Smtp:
        return Smtp(
            Account(
                name="mail",
                role=Role.MAIL,
                settings=given,
                http=account.http,
                clock=engine.clock,
                log=MemoryLog(),
                tokens=MemoryTokens(),
                reference_prefix=engine.prefix,
            )
        )

    await engine._add(settings("mail", Role.MAIL), smtp, MailWorld())
    await park(engine, shop, 1)
    await watched.look(MAILED)
    await park(engine, shop, 2)
    await watched.pass_time(30, MAILED)
    assert kept.messages == [], "what comes within a minute shares a mail"
    await watched.pass_time(30, MAILED)
    await watched.pass_time(120, MAILED)
    (message,) = kept.messages
    assert kept.receivers == ["owner@example.pl"]
    assert message["Subject"] == "orderferry: 2 alarms (parked)"
    text = body(message, "plain")
    assert "order 1 is parked" in text
    assert "order 2 is parked" in text
    assert text.count("What helps: orderferry retry ") == 2
    assert BUYER not in text
    assert "anna" not in text
    assert [line["count"] for line in watched.logged if line["event"] == "alarms_mailed"] == [2]


async def with_mail(watched: Watched) -> MailWorld:
    world = MailWorld()
    await watched.engine.mail(world)
    return world


async def test_a_mail_that_fails_is_told_and_tried_later_and_a_restart_does_not_repeat_one(
    watched: Watched, shop: ShopWorld
) -> None:
    engine = watched.engine
    world = await with_mail(watched)
    world.then("send_mail", Unavailable("the mail server is away"))
    await park(engine, shop, 1)
    await watched.look(MAILED)
    await watched.pass_time(60, MAILED)
    assert world.sent == []
    warned = [line["event"] for line in watched.logged if line["log_level"] == "warning"]
    assert warned == ["alarm", "alarm_mail_failed"]
    assert engine.accounts["mail"].health == "down"
    await watched.pass_time(60, MAILED)
    assert world.sent == []
    await watched.pass_time(TRY_AGAIN.total_seconds(), MAILED)
    assert len(world.sent) == 1
    again = Watched(engine, watched.reader)
    await again.pass_time(600, MAILED)
    assert len(world.sent) == 1


async def test_very_many_alarms_are_few_mails(watched: Watched, shop: ShopWorld) -> None:
    engine = watched.engine
    world = await with_mail(watched)
    for number in range(1, 9):
        await park(engine, shop, number)
        await watched.look(MAILED)
        await watched.pass_time(120, MAILED)
    assert len(world.sent) == MOST
    await watched.pass_time(HOUR.total_seconds(), MAILED)
    assert len(world.sent) == MOST + 1
    told = "".join(mail.text for mail in world.sent)
    assert all(f"order {number} is parked" in told for number in range(1, 9))


async def test_a_mail_that_takes_its_time_delays_nothing_and_ends_with_the_daemon(
    watched: Watched, shop: ShopWorld
) -> None:
    engine = watched.engine
    world = await with_mail(watched)
    world.close_gate()
    await park(engine, shop, 1)
    await watched.look(MAILED)
    await engine.pass_time(60)
    running = asyncio.create_task(watched.alarms.run(MAILED))
    await reached(engine, lambda: world.gated)
    await park(engine, shop, 2)
    await engine.pass_time(LOOK_EVERY + 1)
    await reached(engine, lambda: len(watched.told()) == 2)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert not engine.accounts["mail"].probing
    world.open_gate()
