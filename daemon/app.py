"""The composition root: the one place where everything is built, started, and ended in order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import structlog

from daemon import logs
from daemon.accounts import Accounts
from daemon.companions import Companion, Companions, ended
from daemon.config import Config, ConfigError, load
from daemon.control.port import OpenPort
from daemon.control.server import ControlServer
from daemon.core import forwarding, liveness
from daemon.core.blocking import Culprit
from daemon.core.journal import Entry, Kind
from daemon.dispatcher import DRAIN, Dispatcher
from daemon.events import Feed
from daemon.heartbeat import Heartbeat
from daemon.hooks import Catalogue, Hooks
from daemon.hub import Hub
from daemon.hub_reads import Facts
from daemon.importer import Importer
from daemon.keeper import Keeper
from daemon.liveness import Liveness
from daemon.mqtt.messages import Identity
from daemon.mqtt.telling import Mqtt
from daemon.notify import Notifier, Phase
from daemon.opening import Opener
from daemon.privacy.deadlines import keeps
from daemon.privacy.eraser import Eraser
from daemon.recovery import bring_forward, recover
from daemon.reloading import changes
from daemon.roster import Roster
from daemon.round import FatalStoreError, Rounds
from daemon.store.connection import FILE
from daemon.store.mqtt_reader import MqttReader
from daemon.store.reader import Reader
from daemon.store.sealed import SAMPLES
from daemon.store.store import Store
from daemon.vault import TokenFiles, Vault
from daemon.views import CommandError, Done
from daemon.watch.alarms import Alarms
from daemon.watch.metrics import Metrics
from daemon.watch.settings import place
from daemon.watch.watch import Watch
from orderferry import Clock

log = structlog.get_logger("orderferry.daemon")

OK, FAILED = 0, 1
LAST_WORD = 2.0


class Daemon:
    """A running orderferry: `start`, then `wait`, then `stop`, whatever happens in between."""

    def __init__(
        self,
        config: Config,
        catalogue: Catalogue,
        clock: Clock,
        *,
        restored: bool = False,
        log_format: str = "json",
        notifier: Notifier | None = None,
        sock: socket.socket | None = None,
    ) -> None:
        self.config = config
        self._log_format = log_format
        self.notifier = notifier or Notifier()
        self._sock = sock
        self._restored = restored
        self._catalogue = catalogue
        self._clock = clock
        self._hooks = Hooks()
        self._accounts = Accounts(clock, self._hooks)
        self._feed = Feed()
        self._metrics = Metrics()
        self._roster: Roster | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._reloading = asyncio.Lock()
        self._closing = contextlib.AsyncExitStack()
        self._stop = asyncio.Event()
        self.heartbeat = Heartbeat(self._hooks, self._blocked)

    async def start(self) -> None:
        """Opens the store, the accounts and the socket; raises what makes a start impossible."""
        async with self._reloading:
            await self._start()

    async def _start(self) -> None:
        data_dir = self.config.daemon.data_dir
        self.notifier.say("opening the store")
        vault = Vault.open(data_dir, os.environ, create=not (data_dir / FILE).exists())
        store = self._store = await Store.open(data_dir, vault, restored=self._restored)
        self._closing.push_async_callback(store.close)
        vault.prove(await store.fetch(SAMPLES))
        reader = await Reader.open(store.path, vault)
        self._closing.push_async_callback(reader.close)
        prefix = forwarding.prefix(store.installation)
        tokens = TokenFiles(vault, data_dir)
        opener = Opener(self._catalogue, self._hooks, tokens, self._clock, prefix, meter=self._metrics.meter)
        self._closing.push_async_callback(opener.close)
        rounds = self._rounds = Rounds(
            store,
            self._clock,
            targets=self._accounts.targets,
            ladder=lambda: self._accounts.ladder,
            publish=self._publish,
            meter=self._metrics,
        )
        opener.journal = rounds
        living = Liveness(self.notifier, self._clock, store=store, rounds=rounds, accounts=self._accounts)
        self._closing.push_async_callback(ended, asyncio.create_task(living.run()))
        self._alarms = Alarms(self._accounts, rounds, reader, self._clock, prefix)
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
        hub.keeper = self._keeper = Keeper(store.path, vault, rounds, self._clock, lambda: self.config.backup)
        hub.catalogue = self._catalogue
        hub.watch = Watch(
            self._metrics,
            version=facts.version,
            started_at=facts.started_at,
            accounts=self._accounts,
            rounds=rounds,
            reader=reader,
            clock=self._clock,
        )
        self._port = OpenPort(hub, structlog.get_logger("orderferry.control"))
        mqtt = self._mqtt = Mqtt(
            hub,
            self._accounts,
            identity=Identity(installation=store.installation, epoch=facts.epoch, version=facts.version),
            rounds=rounds,
            feed=self._feed,
            open_reader=lambda: MqttReader.open(store.path, vault),
            clock=self._clock,
        )
        hub.troubles.append(mqtt.trouble)
        server = self._server = ControlServer(
            hub,
            self.config.daemon.socket if self._sock is None else Path(self._sock.getsockname()),
            admin_uids=self.config.daemon.uids,
            log=structlog.get_logger("orderferry.control"),
            sock=self._sock,
        )
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
        hub.watch.started = True
        self.notifier.ready()
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
        if self.notifier.phase is Phase.RUNNING:  # else the status says why it could not start
            self.notifier.say(liveness.stopping(len(self._hooks.calls.all())))
        self.notifier.stopping()
        await self._closing.aclose()
        self.notifier.close()

    async def reload(self, uid: int | None = None) -> Done:
        """Takes config.toml as it is now, without losing work in hand; a broken one changes nothing.

        Raises `CommandError` with every mistake of the file.
        """
        async with self._reloading:
            if (roster := self._roster) is None:
                raise CommandError("unavailable", "the daemon has not started")
            with self.notifier.reloading():
                return await self._reload(roster, uid)

    async def _reload(self, roster: Roster, uid: int | None) -> Done:
        try:
            config = load(self.config.path, self._catalogue.platforms, os.environ)
            plan = changes(self.config, config)
        except ConfigError as error:
            log.warning("settings_refused", reason=str(error))
            raise CommandError("invalid", f"the settings stay as they were: {error}") from error
        self.config, self._accounts.ladder = config, config.ladder
        logs.configure(config.daemon.log_level, self._log_format)
        self._server.admit(config.daemon.uids)
        await roster.follow(plan)
        await self._rounds.act(bring_forward(self._accounts.targets()))
        self._rounds.wake()
        beside = await self._companions.follow(config)
        said = f"{plan}; begun anew: {', '.join(beside)}" if beside else str(plan)
        await self._rounds.note(Kind.SETTINGS_RELOADED, None, {"changes": said, "uid": uid})
        for warning in config.warnings:
            log.warning("settings", reason=warning)
        log.info("reloaded", changes=said)
        return Done(text=f"{config.path.name} is taken: {said}")

    async def _reload_by_signal(self) -> None:
        with contextlib.suppress(CommandError):  # what is wrong stands in the log
            await self.reload()

    async def _blocked(self, culprit: Culprit, seconds: float) -> None:
        data = {"plugin": culprit.platform, "seconds": f"{seconds:.1f}"}
        await self._rounds.note(Kind.PLUGIN_BLOCKED, culprit.account or None, dict(data))

    def _companions_of(self) -> list[Companion]:
        """What runs beside the main job, each as its part of the settings says."""
        return [
            self._mqtt.companion(),
            Companion(name="backup", settings=lambda config: config.backup, run=self._keeper.run),
            Companion(
                name="privacy",
                settings=lambda config: keeps(config, self._catalogue.platforms),
                run=self._eraser.run,
            ),
            Companion(name="alarms", settings=lambda config: config.watch, run=self._alarms.run),
            Companion(
                name="metrics",
                settings=lambda config: config.watch.listen and place(config.watch.listen),
                run=lambda at: self._port.run(*at),
            ),
        ]

    def _publish(self, entries: Sequence[Entry]) -> None:
        self._feed.publish(entries)
        self._metrics.journaled(entries)
        self._alarms.heed(entries)

    async def _recover(self, store: Store, rounds: Rounds) -> int:
        # the second condition is the index's own: without it every job that there ever was would be read
        sending = "state = 'sending' and state in ('waiting', 'sending', 'unsure')"
        rows = await store.fetch(f"select distinct order_id from job where {sending}")  # noqa: S608 - fixed text
        if not rows:
            return 0
        numbers = [row[0] for row in rows]
        self.notifier.say(liveness.settling(len(numbers)))
        done = await rounds.act(recover(numbers, self._accounts), numbers)
        log.info("recovered", jobs=len(done.jobs))
        return len(done.jobs)

    async def _finish(self, rounds: Rounds, dispatcher: Dispatcher, running: asyncio.Task[None]) -> None:
        self.notifier.extend(DRAIN + LAST_WORD + 3)
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
