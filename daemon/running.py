"""The daemon as a process: what it is given by who starts it, its signals, and its exit codes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import structlog

from daemon import logs
from daemon.activation import handed_over
from daemon.app import Daemon
from daemon.clock import SystemClock
from daemon.config import ConfigError, load
from daemon.contained import ContainedLoop, end_strays
from daemon.control.listening import SocketError
from daemon.flooding import LimitedLog
from daemon.hooks import discover
from daemon.notify import Notifier
from daemon.plugin_list import first_look
from daemon.store.connection import StoreBusyError, StoreRefusedError
from daemon.vault import VaultError

log = structlog.get_logger("orderferry.daemon")

BUSY, REFUSED = 75, 78


def run(config: Path, *, log_format: str = "json", restored: bool = False) -> int:
    """Runs the daemon until SIGTERM or SIGINT; 75 when another one has the store, 78 when it must not start so.

    `restored` says that the store was put back from a backup.
    """
    notifier = Notifier.of(os.environ)
    try:
        sock = handed_over(os.environ)
    except SocketError as error:
        _tell(notifier, error)
        return REFUSED
    catalogue = discover(first_look(config))
    try:
        settings = load(config, catalogue.platforms, os.environ)
    except ConfigError as error:
        print(error, file=sys.stderr)  # noqa: T201 - this is for the person at the terminal
        notifier.say(str(error.problems[0]))
        return REFUSED
    logs.configure(settings.daemon.log_level, log_format)
    for warning in settings.warnings:
        log.warning("settings", reason=warning)
    for refused in catalogue.refused:
        log.warning("plugin_refused", plugin=refused.name, reason=refused.reason)
    daemon = Daemon(
        settings, catalogue, SystemClock(), restored=restored, log_format=log_format, notifier=notifier, sock=sock
    )
    with asyncio.Runner(loop_factory=lambda: ContainedLoop(LimitedLog(log, SystemClock()))) as runner:
        return runner.run(_run(daemon))


async def _run(daemon: Daemon) -> int:
    loop = asyncio.get_running_loop()
    daemon.heartbeat.start()
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
        _tell(daemon.notifier, error)
        code = BUSY
    except (StoreRefusedError, VaultError, SocketError) as error:
        _tell(daemon.notifier, error)
        code = REFUSED
    finally:
        for task in (starting, ending):
            task.cancel()
        await asyncio.gather(starting, ending, return_exceptions=True)
        await daemon.stop()
        daemon.heartbeat.stop()
    log.info("stopped")
    if left := await end_strays():
        log.warning("tasks_left_behind", count=left, reason="a plugin's own tasks ignore that the program ends")
        sys.stderr.flush()
        os._exit(code)  # all is on disk; asyncio would wait for them for ever
    return code


def _tell(notifier: Notifier, error: Exception) -> None:
    """Why it can't start, for the person at the terminal and for `systemctl status`."""
    print(f"orderferry: {error}", file=sys.stderr)  # noqa: T201 - as it says
    notifier.say(str(error))
