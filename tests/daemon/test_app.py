"""The whole daemon in this process: it starts whatever a plugin does, ends in order, and says how it ended."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from daemon.account_settings import AccountSettings
from daemon.app import FAILED, OK, Daemon
from daemon.config import DEFAULT_STATUSES, Config, DaemonSettings
from daemon.core.journal import Kind
from daemon.hooks import Catalogue
from daemon.opening import Opener
from daemon.poller import Poller
from daemon.reloading import Changes
from daemon.store.case import ms
from daemon.store.connection import StoreBusyError
from daemon.store.store import Store
from daemon.views import CommandError, OrderView
from orderferry import Account, Role, Settings
from orderferry.testing.clock import START
from tests.daemon.engine import EngineClock, order, page, settings
from tests.daemon.engine_platforms import HANG, Market, MarketWorld, Shop, ShopWorld


class Alive:
    """Stands in for an engine: this process is never killed."""

    class store:  # noqa: N801 - an attribute of the engine
        dead = False


class Place:
    """A folder, two worlds, and daemons between them."""

    def __init__(self, folder: Path, socket: Path) -> None:
        self.folder = folder
        self.socket = socket
        self.clock = EngineClock()
        self.shop, self.market = ShopWorld(self.clock), MarketWorld()
        self.market.pages[None] = page(order(1, at=self.clock.now()), cursor="c1")
        self.broken: BaseException | None = None

    def daemon(self, *accounts: AccountSettings) -> Daemon:
        place = self

        class WiredShop(Shop):
            def __init__(self, account: Account[Settings]) -> None:
                super().__init__(account, place.shop, cast("Any", Alive()))

        class WiredMarket(Market):
            def __init__(self, account: Account[Settings]) -> None:
                if place.broken is not None:
                    raise place.broken
                super().__init__(account, place.market)

        config = Config(
            path=self.folder / "config.toml",
            daemon=DaemonSettings(data_dir=self.folder / "data", socket=self.socket),
            statuses=DEFAULT_STATUSES,
            accounts=accounts or (settings("market", Role.MARKETPLACE), settings("shop", Role.SHOP)),
        )
        platforms = {"fake-marketplace": WiredMarket, "fake-shop": WiredShop}
        return Daemon(config, Catalogue(platforms=platforms), self.clock)

    def rows(self, sql: str) -> list[Any]:
        opened = sqlite3.connect(f"file:{self.folder / 'data' / 'orders.db'}?mode=ro", uri=True)
        try:
            return opened.execute(sql).fetchall()
        finally:
            opened.close()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with tempfile.TemporaryDirectory() as short:  # a socket's path must be short
        yield Place(tmp_path, Path(short) / "s")


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for is in a database
            await asyncio.sleep(0)


@pytest.fixture
async def started(place: Place) -> AsyncIterator[Daemon]:
    daemon = place.daemon()
    await daemon.start()
    yield daemon
    await daemon.stop()


async def test_an_order_goes_from_the_marketplace_into_the_shop(place: Place, started: Daemon) -> None:
    await until(lambda: place.rows("select * from link"))
    started.ask_to_stop()
    assert await started.wait() == OK
    kinds = [row[0] for row in place.rows("select kind from journal order by id")]
    assert kinds[0] == "daemon_started"
    assert {"order_new", "job_made", "job_done", "fetched"} <= set(kinds)


async def test_stopping_leaves_nothing_behind(place: Place) -> None:
    before = asyncio.all_tasks()
    daemon = place.daemon()
    await daemon.start()
    await until(lambda: place.rows("select * from link"))
    await daemon.stop()
    await until(lambda: asyncio.all_tasks() <= before)
    assert not place.socket.exists()
    assert not (place.folder / "data" / "orders.db-wal").exists()
    assert place.rows("select kind from journal order by id desc limit 1") == [("daemon_stopping",)]


@pytest.mark.usefixtures("started")
async def test_a_second_daemon_is_turned_away(place: Place) -> None:
    second = place.daemon()
    with pytest.raises(StoreBusyError):
        await second.start()
    await second.stop()
    await until(lambda: place.rows("select * from link"))


@pytest.mark.parametrize("error", [ValueError("no such shop"), SystemExit(2), KeyError("bug")])
async def test_an_account_whose_plugin_cannot_be_made_is_refused_alone(place: Place, error: BaseException) -> None:
    place.broken = error
    daemon = place.daemon()
    await daemon.start()
    await until(lambda: place.shop.asked("fetch_orders"))
    await daemon.stop()
    (row,) = place.rows("select account, data from journal where kind = 'account_refused'")
    assert row[0] == "market"
    assert type(error).__name__ in row[1]


async def test_a_start_goes_on_where_the_last_one_ended(place: Place) -> None:
    for starts in (1, 2):
        daemon = place.daemon()
        await daemon.start()
        await until(lambda: place.rows("select * from link"))
        await until(lambda starts=starts: len(place.market.asked("fetch_orders")) == starts)  # type: ignore[misc] # bound at once
        await daemon.stop()
    assert place.market.asked("fetch_orders") == [None, "c1"]
    assert len(place.shop.applied) == 1


async def test_a_paused_account_is_paused_after_the_next_start_too(place: Place, started: Daemon) -> None:
    hub = _hub(started)
    await hub.pause("shop", 0)
    await started.stop()
    again = place.daemon()
    await again.start()
    assert (await _hub(again).account("shop")).health == "paused"
    await again.stop()


def _hub(daemon: Daemon) -> Any:  # the hub that the control server asks
    for _, callback in daemon._closing._exit_callbacks:  # type: ignore[attr-defined] # the one place that holds the server
        owner = getattr(getattr(callback, "__wrapped__", None), "__self__", None)
        if owner is not None and hasattr(owner, "_hub"):
            return owner._hub
    raise AssertionError("there is no control server")


async def test_a_poller_that_dies_ends_the_daemon_as_a_failure(
    place: Place, started: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(*_: object) -> None:
        raise RuntimeError("a bug of ours")

    assert started._roster is not None
    poller = cast("Poller", started._roster.pollers["market"])
    await until(lambda: place.market.asked("fetch_orders"))
    monkeypatch.setattr(poller, "_fetch", die)
    poller.state.next_fetch = place.clock.now()
    poller.ring()
    async with asyncio.timeout(10):
        assert await started.wait() == FAILED


async def test_a_failing_disk_ends_the_daemon_as_a_failure(
    place: Place, started: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    await until(lambda: place.rows("select * from link"))

    async def fail(_: Store) -> None:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
        raise error

    monkeypatch.setattr(Store, "commit", fail)
    with pytest.raises(Exception, match=r"ending|I/O"):
        await _hub(started).set_status("1", "sent", 0)
    async with asyncio.timeout(10):
        assert await started.wait() == FAILED
    monkeypatch.undo()


async def test_what_was_under_way_is_looked_up_by_the_next_start(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.dispatcher.DRAIN", 0.05)
    place.shop.then("add_order", HANG)
    daemon = place.daemon()
    await daemon.start()
    await until(lambda: place.shop.asked("add_order"))
    await daemon.stop()
    assert place.rows("select state from job") == [("unsure",)]
    (row,) = place.rows("select data from journal where kind = 'daemon_stopping'")
    assert '"in_doubt":1' in row[0]
    again = place.daemon()
    await again.start()
    await until(lambda: place.clock.next_at is not None)
    for _ in range(40):
        if place.shop.asked("find_order"):
            break
        await place.clock.advance(0.5)
    await until(lambda: place.shop.asked("find_order"))
    assert len(place.shop.asked("add_order")) == 1
    await again.stop()


async def test_the_hub_shows_and_refuses_in_sentences(place: Place, started: Daemon) -> None:
    await until(lambda: place.rows("select * from link"))
    hub = _hub(started)
    status = await hub.status()
    assert (status.health, status.orders["ready"], status.jobs, status.data_dir) == (
        "ok",
        1,
        {},
        str(place.folder / "data"),
    )
    view: OrderView = await hub.order("o-1")
    assert [(link.account, link.number) for link in view.links] == [("shop", "1000")]
    assert (await hub.order("1")).id == 1
    assert (await hub.orders(account="market")).orders[0].finished
    assert (await hub.explain("o-1")).summary.startswith("It is ready. It stands in shop as order 1000.")
    assert [job.state for job in (await hub.jobs(state="done")).jobs] == ["done"]
    assert (await hub.journal(after=0, limit=1)).last == 1
    whole = await hub.journal(limit=1000)
    newest = await hub.journal(newest=True, limit=2)
    assert (newest.entries, newest.last) == (whole.entries[-2:], whole.last)
    made = await hub.journal(kind="job_made", account="shop", newest=True, limit=1)
    assert ([entry.kind for entry in made.entries], made.last) == (["job_made"], whole.last), (
        "to go on from, not its own"
    )
    assert (await hub.journal(since=whole.entries[0].at, limit=1000)).entries == whole.entries
    assert (await hub.journal(since=whole.entries[-1].at + timedelta(days=1))).last == whole.last
    for call, code in (
        (hub.order("o-2"), "not_found"),
        (hub.account("shopp"), "not_found"),
        (hub.orders(stage="strange"), "invalid"),
        (hub.orders(status="strange"), "invalid"),
        (hub.jobs(state="strange"), "invalid"),
        (hub.journal(kind="strange"), "invalid"),
        (hub.choices("shop", "colours"), "invalid"),
        (hub.choices("shop", "statuses"), "invalid"),
        (hub.retry(99, 0), "not_found"),
        (hub.resolve(1, shop_order=None, sent=False, send_again=False, uid=0), "invalid"),
        (hub.set_status("1", "strange", 0), "invalid"),
        (hub.add_parcel("1", "DPD", "\x1b", 0), "invalid"),
        (hub.add_parcel("1", " ", "P", 0), "invalid"),
        (hub.forward("1", None, 0), "conflict"),
    ):
        with pytest.raises(CommandError) as caught:
            await call
        assert caught.value.problem.code == code
    lines = [line async for line in hub.fetch((), 0)]
    assert sorted(line.account for line in lines if line.done) == ["market", "shop"]


async def test_a_reload_says_anew_who_may_command(place: Place, started: Daemon) -> None:
    assert 4711 not in started._server._actors
    text = f'[daemon]\ndata_dir = "{place.folder / "data"}"\nsocket = "{place.socket}"\nadmin_uids = [4711]\n'
    started.config.path.write_text(text)
    await started.reload()
    assert 4711 in started._server._actors


async def test_the_day_on_which_thanking_was_switched_on_stays_until_it_is_switched_off(place: Place) -> None:
    """Else an account that has been there for years would thank for its old orders."""

    async def since_when(*, thank_you: bool) -> Any:
        daemon = place.daemon(settings("market", Role.MARKETPLACE, thank_you=thank_you))
        await daemon.start()
        ((stored, added),) = place.rows("select thanks_since, added_at from account where name = 'market'")
        target = daemon._accounts.targets()["market"]
        assert (None if target.thanks_since is None else ms(target.thanks_since)) == stored
        await daemon.stop()
        await place.clock.advance(86_400)
        assert added == ms(START)
        return stored

    day = 86_400_000
    assert await since_when(thank_you=False) is None
    assert await since_when(thank_you=True) == ms(START) + day
    assert await since_when(thank_you=True) == ms(START) + day
    assert await since_when(thank_you=False) is None
    assert await since_when(thank_you=True) == ms(START) + 4 * day


async def test_rounds_go_on_while_an_account_is_closed(started: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    shut = Opener.shut

    async def slowly(opener: Opener, name: str) -> None:
        opener._hooks.close(name)
        await started._rounds.note(Kind.FETCHED, "market", {"new": 0})
        await shut(opener, name)

    monkeypatch.setattr(Opener, "shut", slowly)
    assert started._roster is not None
    await started._roster.follow(Changes(removed=("shop",)))
    assert "shop" not in started._accounts
