"""What the hub answers about buyers' data, and what it does by hand: found, told, erased, refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from daemon.backup_settings import BackupSettings
from daemon.config import Config, DaemonSettings
from daemon.core.retention import Keeps
from daemon.core.statuses import Ladder, Rules
from daemon.events import Feed
from daemon.hub import Hub
from daemon.hub_reads import Facts
from daemon.importer import Importer
from daemon.mqtt_settings import MqttSettings
from daemon.privacy.views import HeldOrder, SearchLine
from daemon.store.reader import Reader
from daemon.views import CommandError
from orderferry import MalformedOrder, Page, Stage
from orderferry.testing.clock import START
from tests.daemon.engine import BUYER, VAULT, Engine, EngineClock, order, page
from tests.daemon.engine_platforms import MarketWorld, ShopWorld

RULES = Rules(parcel_sent="sent")
DAY = 86_400.0


class Desk:
    """A running engine with its hub; `erased` counts how often the file was asked to forget."""

    def __init__(self, engine: Engine, hub: Hub) -> None:
        self.engine = engine
        self.hub = hub
        self.erased = 0

    async def export(self, buyer: str | None, login: str | None = None, account: str | None = None) -> list[SearchLine]:
        return [line async for line in self.hub.privacy_export(buyer, login, account, 0)]

    async def found(self, buyer: str | None, login: str | None = None, account: str | None = None) -> list[HeldOrder]:
        return [line.order for line in await self.export(buyer, login, account) if line.order is not None]

    async def erase(self, *buyers: str, **given: Any) -> Any:  # what the route hands on
        whole = {"login": None, "account": None, "even_unfinished": False, "dry_run": False, "uid": 7}
        return await self.hub.privacy_erase(buyers, **(whole | given))


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """Three purchases: two of anna's, the older one cancelled, and one of another buyer."""
    clock = EngineClock()
    data = tmp_path / "data"
    engine = await Engine.between(data, ShopWorld(clock), clock=clock, market=MarketWorld())
    engine.accounts.ladder = Ladder(keys=("new", "sent", "cancelled"), rules=RULES)
    reader = await Reader.open(engine.store.path, VAULT)
    config = Config(
        path=tmp_path / "config.toml",
        daemon=DaemonSettings(data_dir=data, socket=tmp_path / "s"),
        statuses=(),
        rules=RULES,
        accounts=(),
    )
    facts = Facts(version="0", started_at=START, installation=engine.store.installation, epoch=1)
    importer = Importer(engine.accounts, engine.rounds, clock)
    hub = Hub(
        lambda: config,
        facts,
        accounts=engine.accounts,
        pollers=engine.pollers,
        rounds=engine.rounds,
        importer=importer,
        reader=reader,
        feed=Feed(),
        clock=clock,
    )
    desk = Desk(engine, hub)
    keeps = Keeps(general=timedelta(days=30), longest={"fake-marketplace": timedelta(days=10)})

    def erased() -> None:
        desk.erased += 1

    hub.keeps, hub.erased = lambda: keeps, erased
    other = order(3)
    other = replace(
        other,
        buyer=replace(other.buyer, login="bob", email="bob@example.org", phone="+48 600 100 200"),
    )
    await engine.receive(page(order(1, stage=Stage.CANCELLED), order(2), other))
    bad = MalformedOrder(external_id="o-8", reason="odd", raw=b'{"buyer": "Bob@Example.org"')
    await engine.receive(Page(malformed=(bad,), cursor="c2"))
    await engine.settle()
    yield desk
    await reader.close()
    await engine.close()


async def test_a_person_is_found_by_address_login_phone_and_order(desk: Desk) -> None:
    assert [one.id for one in await desk.found("CANARY@example.org")] == [1, 2]
    assert [one.id for one in await desk.found("bob")] == [3]
    assert [one.id for one in await desk.found("600-100-200")] == [3]
    assert [one.id for one in await desk.found("o-1")] == [1, 2], "his other orders as well"
    assert [one.id for one in await desk.found(None, "Anna", "market")] == [1, 2]
    lines = await desk.export("bob@example.org")
    assert [line.unread.text for line in lines if line.unread] == ['{"buyer": "Bob@Example.org"']
    assert (lines[-1].done, lines[-1].looked_at, lines[-1].of) == (True, 3, 3)
    (given,) = await desk.found("bob")
    assert given.order is not None
    assert [link.account for link in given.told] == ["shop"]


@pytest.mark.parametrize("who", [("nobody@example.org", None, None), (None, "anna", "shop"), ("999", None, None)])
async def test_nobody_is_told_without_naming_him(desk: Desk, who: tuple[str | None, str | None, str | None]) -> None:
    with pytest.raises(CommandError, match="nothing is held about this person") as refused:
        await desk.export(*who)
    assert "nobody@" not in str(refused.value)
    with pytest.raises(CommandError, match="nothing is held about this person"):
        await desk.erase(*([who[0]] if who[0] else []), login=who[1], account=who[2])


async def test_erasing_says_first_what_it_would_do_and_changes_nothing(desk: Desk) -> None:
    plan = await desk.erase("canary@example.org", dry_run=True)
    assert [(one.order, one.verdict) for one in plan.orders] == [(1, "erase"), (2, "refused")]
    assert plan.orders[1].command == "orderferry set-status 2 sent"
    assert desk.erased == 0
    assert len(await desk.found("canary@example.org")) == 2

    done = await desk.erase("canary@example.org")
    assert [(one.order, one.verdict) for one in done.orders] == [(1, "erased"), (2, "refused")]
    assert desk.erased == 1
    assert [one.id for one in await desk.found("canary@example.org")] == [2]
    assert [one.verdict for one in (await desk.erase("1")).orders] == ["erased"], "it is so already"
    (left,) = [one for one in await desk.found("1") if one.id == 1]
    assert (left.order, left.erased_at is None) == (None, False)


async def test_a_text_that_names_him_goes_with_him(desk: Desk) -> None:
    done = await desk.erase("bob@example.org", even_unfinished=True)
    assert ([one.order for one in done.orders], done.unread) == ([3], 1)
    with pytest.raises(CommandError, match="nothing is held"):
        await desk.export("bob@example.org")


async def test_the_report_counts_and_names_no_buyer(desk: Desk) -> None:
    await desk.engine.pass_time(11 * DAY)
    report = await desk.hub.privacy()
    market = next(one for one in report.accounts if one.account == "market")
    assert (market.held, market.erased, market.keep, market.limit, market.unread) == (3, 0, "10d", "10d", 1)
    assert market.next_due == START + timedelta(days=10), "the cancelled one"
    assert (market.overdue, [one.order for one in market.named]) == (2, [2, 3])
    assert market.named[0].why == "it is new, and neither sent nor cancelled"
    assert market.oldest == START
    shop = next(one for one in report.recipients if one.account == "shop")
    assert "orders are put in" in shop.told
    assert not any(word in repr(report) for word in (BUYER, "canary", "anna", "bob"))


async def test_copies_of_the_store_are_named(desk: Desk) -> None:
    folder = desk.engine.store.path.parent
    (folder / "backups").mkdir()
    (folder / "backups" / "orders-2026-11-22.db").touch()
    (folder / "orders-before-schema-4.db").touch()
    (folder / "orders-replaced-20261122T120000Z.db").touch()
    report = await desk.hub.privacy()
    assert [copy.file for copy in report.copies] == [
        "backups/orders-2026-11-22.db",
        "orders-before-schema-4.db",
        "orders-replaced-20261122T120000Z.db",
    ]


async def test_a_broker_is_named_where_it_is_told_of_buyers_and_so_are_backups_elsewhere(
    desk: Desk, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "orders-20261122T120000Z.db").touch()
    config = desk.hub._config
    backup = BackupSettings(folder=elsewhere)
    for personal in (False, True):
        mqtt = MqttSettings(host="broker.example", personal_data=personal)
        desk.hub._current = lambda told=mqtt: replace(config, mqtt=told, backup=backup)  # type: ignore[misc] # a default binds it
        report = await desk.hub.privacy()
        assert [one.account for one in report.recipients if one.role == "mqtt"] == ["broker.example"] * personal
        assert [copy.file for copy in report.copies] == [str(elsewhere / "orders-20261122T120000Z.db")]


async def test_show_and_plan_of_an_erased_order_say_so(desk: Desk) -> None:
    await desk.erase("1")
    view = await desk.hub.order("1")
    assert (view.order, view.external_id, view.erased_at is None) == (None, "o-1", False)
    (row,) = [one for one in (await desk.hub.orders()).orders if one.id == 1]
    assert row.erased_at == view.erased_at
    with pytest.raises(CommandError, match="the buyer's data was erased from order 1 on"):
        await desk.hub.plan("1")
    story = await desk.hub.explain("1")
    assert "Its buyer's data was erased on" in story.summary
    assert "user 7 asked for it" in story.story[-1].text
    assert story.commands == ()
