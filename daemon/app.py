"""The composition root: the one place where everything is built, started, and ended in order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from importlib.metadata import version
from pathlib import Path

import structlog

from daemon import logs
from daemon.accounts import Accounts
from daemon.clock import SystemClock
from daemon.companions import Companion, Companions
from daemon.config import Config, ConfigError, load
from daemon.control.listening import SocketError
from daemon.control.server import ControlServer
from daemon.core import forwarding
from daemon.core.journal import Kind
from daemon.dispatcher import Dispatcher
from daemon.events import Feed
from daemon.hooks import Catalogue, Hooks, discover
from daemon.hub import Hub
from daemon.hub_reads import Facts
from daemon.importer import Importer
from daemon.opening import Opener
from daemon.privacy.eraser import Eraser
from daemon.privacy.settings import keeps
from daemon.recovery import bring_forward, recover
from daemon.reloading import changes
from daemon.roster import Roster
from daemon.round import FatalStoreError, Rounds
from daemon.store.connection import FILE, StoreBusyError, StoreRefusedError
from daemon.store.reader import Reader
from daemon.store.store import Store
from daemon.vault import TokenFiles, Vault, VaultError
from daemon.views import CommandError, Done
from orderferry import Clock

log = structlog.get_logger("orderferry.daemon")

OK, FAILED, BUSY, REFUSED = 0, 1, 75, 78
LAST_WORD = 2.0


class Daemon:
    """A running orderferry: `start`, then `wait`, then `stop`, whatever happens in between."""

    def __init__(
        self, config: Config, catalogue: Catalogue, clock: Clock, *, restored: bool = False, log_format: str = "json"
    ) -> None:
        self.config = config
        self._log_format = log_format
        self._restored = restored
        self._catalogue = catalogue
        self._clock = clock
        self._hooks = Hooks()
        self._accounts = Accounts(clock, self._hooks)
        self._feed = Feed()
        self._roster: Roster | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._reloading = asyncio.Lock()
        self._closing = contextlib.AsyncExitStack()
        self._stop = asyncio.Event()

    async def start(self) -> None:
        """Opens the store, the accounts and the socket; raises what makes a start impossible."""
        async with self._reloading:
            await self._start()

    async def _start(self) -> None:
        data_dir = self.config.daemon.data_dir
        vault = Vault.open(data_dir, os.environ, create=not (data_dir / FILE).exists())
        store = self._store = await Store.open(data_dir, vault, restored=self._restored)
        self._closing.push_async_callback(store.close)
        reader = await Reader.open(store.path, vault)
        self._closing.push_async_callback(reader.close)
        prefix = forwarding.prefix(store.installation)
        tokens = TokenFiles(vault, data_dir)
        opener = Opener(self._catalogue.platforms, self._hooks, tokens, self._clock, prefix)
        self._closing.push_async_callback(opener.close)
        rounds = self._rounds = Rounds(
            store,
            self._clock,
            targets=self._accounts.targets,
            ladder=lambda: self._accounts.ladder,
            publish=self._feed.publish,
        )
        dispatcher = Dispatcher(self._accounts, rounds, self._clock, prefix)
        dispatcher.hold()  # what the last process left is settled first: a job of ours must not be taken for one of its
        running = asyncio.create_task(rounds.run(dispatcher))
        running.add_done_callback(self._rounds_ended)
        self._tasks.append(running)
        self._closing.push_async_callback(self._finish, rounds, dispatcher, running)
        self._accounts.ladder = self.config.ladder
        importer = Importer(self._accounts, rounds, self._clock)
        roster = self._roster = Roster(
            accounts=self._accounts,
            opener=opener,
            store=store,
            rounds=rounds,
            dispatcher=dispatcher,
            importer=importer,
            clock=self._clock,
            failed=self._stop.set,
        )
        await roster.open_all(self.config.accounts)
        facts = Facts(
            version=version("orderferry"),
            started_at=self._clock.now(),
            installation=store.installation,
            epoch=int((await store.meta())["epoch"]),
        )
        hub = Hub(
            lambda: self.config,
            facts,
            accounts=self._accounts,
            pollers=roster.pollers,
            rounds=rounds,
            importer=importer,
            reader=reader,
            feed=self._feed,
            clock=self._clock,
        )
        hub.reloader = self.reload
        eraser = self._eraser = Eraser(store, reader, rounds, self._clock, lambda: self._accounts.ladder)
        hub.keeps, hub.erased = lambda: keeps(self.config, self._catalogue.platforms), eraser.wake
        server = ControlServer(hub, self.config.daemon.socket, log=structlog.get_logger("orderferry.control"))
        await server.start()
        self._closing.push_async_callback(server.stop)
        in_doubt = await self._recover(store, rounds)
        await rounds.act(bring_forward(self._accounts.targets()))
        await rounds.note(Kind.DAEMON_STARTED, None, {"version": facts.version, "in_doubt": in_doubt})
        self._closing.push_async_callback(roster.stop)
        roster.start()
        self._closing.callback(dispatcher.hold)
        dispatcher.begin()
        rounds.wake()
        companions = self._companions = Companions(self._companions_of(), self._clock)
        self._closing.push_async_callback(companions.stop)
        await companions.follow(self.config)
        log.info("ready", version=facts.version, accounts=len(roster.pollers), data_dir=str(data_dir), pid=os.getpid())

    async def wait(self) -> int:
        """Returns when the daemon is told to stop, with the exit code; a failed disk is not success."""
        await self._stop.wait()
        for task in (*self._tasks, *(self._roster.polling if self._roster else ())):
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                log.error("store_failed" if isinstance(error, FatalStoreError) else "failed", error=repr(error))
                return FAILED
        return OK

    def ask_to_stop(self) -> None:
        """Lets `wait` return."""
        self._stop.set()

    def ask_to_reload(self) -> None:
        """SIGHUP: takes config.toml as it is now, once the start is over."""
        self._tasks.append(asyncio.create_task(self._reload_by_signal()))

    async def stop(self) -> None:
        """Begins nothing new, finishes what is under way, and leaves all of it on disk."""
        await self._closing.aclose()

    async def reload(self, uid: int | None = None) -> Done:
        """Takes config.toml as it is now, without losing work in hand; a broken one changes nothing.

        Raises `CommandError` with every mistake of the file.
        """
        async with self._reloading:
            if (roster := self._roster) is None:
                raise CommandError("unavailable", "the daemon has not started")
            try:
                config = load(self.config.path, self._catalogue.platforms, os.environ)
                plan = changes(self.config, config)
            except ConfigError as error:
                log.warning("settings_refused", reason=str(error))
                raise CommandError("invalid", f"the settings stay as they were: {error}") from error
            self.config, self._accounts.ladder = config, config.ladder
            logs.configure(config.daemon.log_level, self._log_format)
            await roster.follow(plan)
            await self._rounds.act(bring_forward(self._accounts.targets()))
            await self._rounds.note(Kind.SETTINGS_RELOADED, None, {"changes": str(plan), "uid": uid})
            self._rounds.wake()
            await self._companions.follow(config)
            for warning in config.warnings:
                log.warning("settings", reason=warning)
            log.info("reloaded", changes=str(plan))
            return Done(text=f"{config.path.name} is taken: {plan}")

    async def _reload_by_signal(self) -> None:
        with contextlib.suppress(CommandError):  # what is wrong stands in the log
            await self.reload()

    def _companions_of(self) -> list[Companion]:
        """What runs beside the main job, each as its part of the settings says."""
        return [
            Companion(
                name="privacy",
                settings=lambda config: keeps(config, self._catalogue.platforms),
                run=self._eraser.run,
            )
        ]

    async def _recover(self, store: Store, rounds: Rounds) -> int:
        # the second condition is the index's own: without it every job that there ever was would be read
        sending = "state = 'sending' and state in ('waiting', 'sending', 'unsure')"
        rows = await store.fetch(f"select distinct order_id from job where {sending}")  # noqa: S608 - fixed text
        if not rows:
            return 0
        numbers = [row[0] for row in rows]
        done = await rounds.act(recover(numbers, self._accounts), numbers)
        log.info("recovered", jobs=len(done.jobs))
        return len(done.jobs)

    async def _finish(self, rounds: Rounds, dispatcher: Dispatcher, running: asyncio.Task[None]) -> None:
        left = 0 if running.done() else await dispatcher.drain()
        with contextlib.suppress(Exception):
            # on a full disk nothing can be said any more; the next start then looks up what was under way
            async with asyncio.timeout(LAST_WORD):
                await rounds.note(Kind.DAEMON_STOPPING, None, {"in_doubt": left})
        rounds.stop()
        with contextlib.suppress(Exception):
            await running

    def _rounds_ended(self, _: asyncio.Task[None]) -> None:
        self._stop.set()


def run(config: Path, *, log_format: str = "json", restored: bool = False) -> int:
    """Runs the daemon until SIGTERM or SIGINT; 75 when another one has the store, 78 when it must not start so.

    `restored` says that the store was put back from a backup.
    """
    catalogue = discover()
    try:
        settings = load(config, catalogue.platforms, os.environ)
    except ConfigError as error:
        print(error, file=sys.stderr)  # noqa: T201 - this is for the person at the terminal
        return REFUSED
    logs.configure(settings.daemon.log_level, log_format)
    for warning in settings.warnings:
        log.warning("settings", reason=warning)
    for refused in catalogue.refused:
        log.warning("plugin_refused", plugin=refused.name, reason=refused.reason)
    return asyncio.run(_run(Daemon(settings, catalogue, SystemClock(), restored=restored, log_format=log_format)))


async def _run(daemon: Daemon) -> int:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, daemon.ask_to_stop)
    loop.add_signal_handler(signal.SIGHUP, daemon.ask_to_reload)
    starting, ending = asyncio.create_task(daemon.start()), asyncio.create_task(daemon.wait())
    try:
        await asyncio.wait({starting, ending}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
        code = await ending
    except StoreBusyError as error:
        print(f"orderferry: {error}", file=sys.stderr)  # noqa: T201 - this is for the person at the terminal
        code = BUSY
    except (StoreRefusedError, VaultError, SocketError) as error:
        print(f"orderferry: {error}", file=sys.stderr)  # noqa: T201 - this is for the person at the terminal
        code = REFUSED
    finally:
        for task in (starting, ending):
            task.cancel()
        await asyncio.gather(starting, ending, return_exceptions=True)
        await daemon.stop()
    log.info("stopped")
    return code
